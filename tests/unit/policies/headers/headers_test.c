/* Claims as fields, of every type; and what callers send under those names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "policies/headers/claim_header.h"
#include "policies/headers/headers.h"
#include "server/filter/filter.h"

static void claims_of_every_type(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        int rc;
        const char *value;
    } cases[] = {
        {"{\"c\":\"text\"}", 0, "text"},
        {"{\"c\":\"\\u00e9\"}", 0, "\xc3\xa9"},
        {"{\"c\":\"\"}", 0, ""},
        {"{\"c\":12.50}", 0, "12.50"},
        {"{\"c\":-1e3}", 0, "-1e3"},
        {"{\"c\":true}", 0, "true"},
        {"{\"c\":false}", 0, "false"},
        {"{\"c\":null}", -ENOENT, NULL},
        {"{\"d\":1}", -ENOENT, NULL},
        {"{\"c\":[\"a\",\"b\",3]}", 0, "a,b,3"},
        {"{\"c\":[]}", 0, ""},
        {"{\"c\":[\"a,b\"]}", -EINVAL, NULL}, /* would be two */
        {"{\"c\":[[\"a\"]]}", -EINVAL, NULL},
        {"{\"c\":[{}]}", -EINVAL, NULL},
        {"{\"c\":[null]}", -EINVAL, NULL},
        {"{\"c\":{\"x\":1}}", -EINVAL, NULL},
        {"{\"c\":\"a\\r\\nX: y\"}", -EINVAL, NULL},
        {"{\"c\":\"a\\u0000\"}", -EINVAL, NULL},
        {"{\"c\":\"a\\u007f\"}", -EINVAL, NULL},
        {"{\"c\":[\"a\\n\"]}", -EINVAL, NULL},
    };
    struct gw_arena arena;

    gw_arena_init(&arena, 8192, 1 << 20);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_str value = GW_STR("untouched");
        int rc = claim_header_value(&arena, gw_str_of(cases[i].claims), GW_STR("c"), &value);
        if (rc != cases[i].rc)
            print_error("%s: %d\n", cases[i].claims, rc);
        assert_int_equal(rc, cases[i].rc);
        assert_true(gw_str_equal(value, rc == 0 ? gw_str_of(cases[i].value) : GW_STR("untouched")));
    }
    static char longest[5000];
    memset(longest, 'x', sizeof(longest) - 1);
    struct gw_str claims = gw_arena_printf(&arena, "{\"c\":\"%.4097s\"}", longest);
    struct gw_str value;
    assert_int_equal(claim_header_value(&arena, claims, GW_STR("c"), &value), -EINVAL);
    claims = gw_arena_printf(&arena, "{\"c\":\"%.4096s\"}", longest);
    assert_int_equal(claim_header_value(&arena, claims, GW_STR("c"), &value), 0);
    claims = gw_arena_printf(&arena, "{\"c\":[\"%.3000s\",\"%.3000s\"]}", longest, longest);
    assert_int_equal(claim_header_value(&arena, claims, GW_STR("c"), &value), -EINVAL);
    gw_arena_finish(&arena);
}

static struct gw_exchange_pool pool;

static enum gw_verdict run(void *self, struct gw_exchange *ex, const char *claims)
{
    assert_int_equal(gw_request_add_field(ex, GW_STR("plant_id"), GW_STR("forged")), 0);
    assert_int_equal(gw_request_add_field(ex, GW_STR("PLANT-ID"), GW_STR("forged")), 0);
    assert_int_equal(gw_request_add_field(ex, GW_STR("X-Debug"), GW_STR("on")), 0);
    ex->identity.claims = gw_str_of(claims);
    return gw_headers.on_request(self, ex);
}

static void callers_are_not_believed(void **state)
{
    (void)state;
    struct gw_error error;
    void *self = NULL;
    json_t *config =
        json_pack("{s:{s:s},s:[s]}", "claims", "plant", "Plant-Id", "remove", "x-debug");

    assert_int_equal(gw_headers.create(config, &self, &error), 0);
    gw_exchange_pool_init(&pool, 1, 1 << 20);
    struct gw_exchange *ex = gw_exchange_take(&pool);
    assert_int_equal(run(self, ex, ""), GW_NEXT);
    assert_int_equal(ex->request.field_count, 0);
    assert_int_equal(run(self, ex, "{\"plant\":\"P1\"}"), GW_NEXT);
    assert_int_equal(ex->request.field_count, 1);
    assert_true(gw_str_equal(*gw_request_field(ex, GW_STR("plant-id")), GW_STR("P1")));
    assert_int_equal(run(self, ex, "{\"other\":\"P1\"}"), GW_NEXT);
    assert_int_equal(ex->request.field_count, 0);
    assert_int_equal(run(self, ex, "{\"plant\":\"a\\nb\"}"), GW_STOP);
    assert_int_equal(ex->response.status, 403);
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
    gw_headers.destroy(self);
    gw_headers.destroy(NULL);
    json_decref(config);
}

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a b", "a:b", "a\n", "h\xc3\xa9"};

    for (size_t i = 0; i < GW_COUNT_OF(bad); i++) {
        struct gw_error error = {0};
        void *self = NULL;
        json_t *config = json_pack("{s:{s:s},s:[]}", "claims", "sub", bad[i], "remove");
        assert_int_equal(gw_headers.create(config, &self, &error), -EINVAL);
        assert_null(self);
        assert_string_equal(error.where, "/claims");
        json_decref(config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_of_every_type),
        cmocka_unit_test(callers_are_not_believed),
        cmocka_unit_test(names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
