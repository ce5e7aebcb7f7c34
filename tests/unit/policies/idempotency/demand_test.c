#include "policies/idempotency/demand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/http/exchange.h"

static struct demand demand;

static int set_up(void **state)
{
    struct gw_error error;
    json_t *section = json_loads("{\"careful\":{\"idempotency\":\"required\"},"
                                 "\"relaxed\":{\"idempotency\":\"optional\"},\"silent\":{}}",
                                 0, NULL);

    (void)state;
    assert_non_null(section);
    int rc = demand_init(&demand, section, &error);
    json_decref(section); /* names are copied */
    return rc;
}

static int tear_down(void **state)
{
    (void)state;
    demand_finish(&demand);
    return 0;
}

static void a_plan_only_adds(void **state)
{
    (void)state;
    static const struct {
        enum gw_keying contract;
        enum gw_method method;
        const char *operation_plan, *own_plan;
        enum gw_keying expected;
    } cases[] = {
        {GW_KEYING_UNSAID, GW_METHOD_POST, "", "", GW_KEYING_OPTIONAL},
        {GW_KEYING_UNSAID, GW_METHOD_PATCH, "careful", "", GW_KEYING_REQUIRED},
        {GW_KEYING_UNSAID, GW_METHOD_PUT, "careful", "", GW_KEYING_OFF},
        {GW_KEYING_UNSAID, GW_METHOD_GET, "careful", "careful", GW_KEYING_OFF},
        {GW_KEYING_UNSAID, GW_METHOD_POST, "careful", "relaxed", GW_KEYING_OPTIONAL},
        {GW_KEYING_UNSAID, GW_METHOD_POST, "silent", "careful", GW_KEYING_REQUIRED},
        {GW_KEYING_UNSAID, GW_METHOD_POST, "silent", "unknown", GW_KEYING_OPTIONAL},
        {GW_KEYING_OPTIONAL, GW_METHOD_PUT, "careful", "", GW_KEYING_REQUIRED},
        {GW_KEYING_OPTIONAL, GW_METHOD_PUT, "silent", "", GW_KEYING_OPTIONAL},
        {GW_KEYING_OFF, GW_METHOD_POST, "careful", "careful", GW_KEYING_OFF},
        {GW_KEYING_REQUIRED, GW_METHOD_DELETE, "relaxed", "relaxed", GW_KEYING_REQUIRED},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const struct gw_operation operation = {.keying = cases[i].contract,
                                               .plan = gw_str_of(cases[i].operation_plan)};
        struct gw_exchange ex = {.operation = &operation,
                                 .request.method = cases[i].method,
                                 .identity.plan = gw_str_of(cases[i].own_plan)};
        if (demand_ask(&demand, &ex) != cases[i].expected)
            fail_msg("case %zu", i);
        ex.is_preflight = true;
        assert_int_equal(demand_ask(&demand, &ex), GW_KEYING_OFF);
    }
}

static void without_plans_nothing_is_demanded(void **state)
{
    (void)state;
    const struct gw_operation operation = {.plan = GW_STR_INIT("careful")};
    struct gw_exchange ex = {.operation = &operation, .request.method = GW_METHOD_POST};
    struct demand none;
    struct gw_error error;

    assert_int_equal(demand_init(&none, NULL, &error), 0);
    assert_int_equal(demand_ask(&none, &ex), GW_KEYING_OPTIONAL);
    demand_finish(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plan_only_adds, set_up, tear_down),
        cmocka_unit_test(without_plans_nothing_is_demanded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
