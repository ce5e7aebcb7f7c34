#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/jwt/claims.h"

static void test_confirmation_is_kept_as_written(void **state)
{
    static const struct {
        const char *payload, *confirmation;
    } cases[] = {
        {"{}", ""},
        {"{\"cnf\":{}}", "{}"},
        {"{\"sub\":\"a\",\"cnf\": {\"x5t#S256\":\"abc\"} ,\"aud\":\"b\"}",
         "{\"x5t#S256\":\"abc\"}"},
        {"{\"cnf\":{\"jwk\":{\"kty\":\"EC\"},\"jkt\":\"}\\\"{\"},\"sub\":\"a\"}",
         "{\"jwk\":{\"kty\":\"EC\"},\"jkt\":\"}\\\"{\"}"},
        {"{\"deep\":{\"cnf\":{\"jkt\":\"x\"}}}", ""},
        {"{\"c\\u006ef\":{\"jkt\":\"x\"}}", "{\"jkt\":\"x\"}"},
    };
    const struct claims_form form = {.required_count = 0};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_arena arena;
        const struct claims *claims;

        gw_arena_init(&arena, 4096, 65536);
        assert_int_equal(
            claims_read(&arena, gw_str_of(cases[i].payload), JOSE_TYPE_NONE, &form, &claims),
            JOSE_OK);
        struct gw_str text = claims_text(claims, claims->confirmation);
        assert_true(gw_str_equal(text, gw_str_of(cases[i].confirmation)));
        gw_arena_finish(&arena);
    }
}

static void test_confirmation_that_is_no_object(void **state)
{
    static const char *const payloads[] = {"{\"cnf\":null}", "{\"cnf\":\"x\"}", "{\"cnf\":[{}]}"};
    const struct claims_form form = {.required_count = 0};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(payloads); i++) {
        struct gw_arena arena;
        const struct claims *claims;

        gw_arena_init(&arena, 4096, 65536);
        assert_int_equal(
            claims_read(&arena, gw_str_of(payloads[i]), JOSE_TYPE_NONE, &form, &claims),
            JOSE_CLAIMS_MALFORMED);
        gw_arena_finish(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confirmation_is_kept_as_written),
        cmocka_unit_test(test_confirmation_that_is_no_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
