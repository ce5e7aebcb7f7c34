#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/jwt/introspect_answer.h"

static const struct gw_str required[] = {GW_STR_INIT("tenant")};
static struct claims_form form;
static struct gw_arena arena;
static const struct claims *claims;
static struct gw_error why;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 1 << 20);
    form = (struct claims_form){.client_is_subject = true};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static int read(int status, const char *text)
{
    claims = (const struct claims *)-1;
    return introspect_answer_read(&arena, status, gw_str_of(text), &form, &claims, &why);
}

static void assert_subject(const char *text, const char *subject)
{
    assert_int_equal(read(200, text), 0);
    assert_non_null(claims);
    assert_true(gw_str_equal(claims_text(claims, claims->subject), gw_str_of(subject)));
}

static void an_active_token(void **state)
{
    (void)state;
    assert_subject("{\"active\":true,\"sub\":\"s\",\"client_id\":\"c\"}", "s");
    assert_subject("{\"active\":true,\"client_id\":\"c\",\"token_type\":\"bearer\"}", "c");
    assert_subject("{\"active\":true,\"token_type\":null}", "");
    assert_subject(
        "{\"active\":true,\"sub\":\"s\",\"token_type\":\"DPoP\",\"cnf\":{\"jkt\":\"k\"}}", "s");
    form.client_is_subject = false;
    assert_subject("{\"active\":true,\"client_id\":\"c\"}", "");
}

static void one_that_is_not_for_use(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"active\":false}",
        "{\"active\":false,\"sub\":\"s\"}",
        "{\"active\":true,\"token_type\":\"refresh_token\"}",
        "{\"active\":true,\"token_type\":7}",
        "{\"active\":true,\"token_type\":\"DPoP\"}",
        "{\"active\":true,\"token_type\":\"DPoP\",\"cnf\":{}}",
        "{\"active\":true,\"sub\":7}",
        "{\"active\":true,\"exp\":\"soon\"}",
        "{\"active\":true,\"exp\":1700000000000}",
        "{\"active\":true,\"cnf\":1}",
    };

    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        if (read(200, texts[i]) != 0 || claims != NULL)
            fail_msg("%s passes", texts[i]);
    }
    form.required = required;
    form.required_count = 1;
    assert_int_equal(read(200, "{\"active\":true,\"sub\":\"s\"}"), 0);
    assert_null(claims);
    assert_non_null(strstr(why.text, "required claim"));
    assert_subject("{\"active\":true,\"sub\":\"s\",\"tenant\":1}", "s");
}

static void what_says_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "true",
        "<html>",
        "{}",
        "{\"active\":\"true\"}",
        "{\"active\":1}",
        "{\"active\":null}",
        "{\"active\":true,\"active\":false}",
        "{\"sub\":\"s\"}",
        "{\"active\":true}x",
    };
    static const int statuses[] = {201, 204, 302, 400, 401, 403, 404, 429, 500, 503};

    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        if (read(200, texts[i]) != -EINVAL)
            fail_msg("%s passes", texts[i]);
    }
    for (size_t i = 0; i < GW_COUNT_OF(statuses); i++)
        assert_int_equal(read(statuses[i], "{\"active\":true,\"sub\":\"s\"}"), -EINVAL);
}

static void characters_of_a_token(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "=",    "==",  "a b",      "a=b",
                                      "a\"", "a%41", "a,b", "\xc3\xa4", "a\n"};

    assert_true(introspect_is_token(GW_STR("aZ09-._~+/==")));
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++)
        assert_false(introspect_is_token(gw_str_of(bad[i])));
    assert_false(introspect_is_token(gw_str_from("a\0b", 3)));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_active_token),
        T(one_that_is_not_for_use),
        T(what_says_nothing),
        T(characters_of_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
