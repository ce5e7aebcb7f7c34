#include "server/upstream/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/attr.h"
#include "server/http/exchange.h"

static struct gw_exchange_pool pool;
static struct gw_exchange *ex;
static uint64_t dice = 11;

static int set_up(void **state)
{
    (void)state;
    gw_exchange_pool_init(&pool, 1, 1 << 20);
    ex = gw_exchange_take(&pool);
    assert_non_null(ex);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
    return 0;
}

static void conditions(void **state)
{
    static const struct gw_route_condition both[] = {
        {GW_STR_INIT("x-canary"), GW_STR_INIT("1"), false},
        {GW_STR_INIT("tier"), GW_STR_INIT("beta"), true},
    };
    static const struct gw_route_rule routes[] = {
        {both, 2, 100, false}, {&both[1], 1, 100, false}, {&both[0], 1, 100, false}};
    static const struct {
        const char *claims;
        bool has_field;
        uint32_t pool;
    } cases[] = {
        {"", false, 0},
        {"", true, 3},
        {"{\"tier\":\"beta\"}", true, 1},
        {"{\"tier\":\"beta\"}", false, 2},
        {"{\"tier\":[\"alpha\",\"beta\"]}", false, 2},
        {"{\"tier\":[\"alpha\",[\"beta\"]]}", false, 0},
        {"{\"tier\":{\"beta\":1}}", false, 0},
        {"{\"other\":\"beta\"}", false, 0},
        {"{\"tier\":null}", false, 0},
        {"no json", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        gw_request_remove_field(ex, GW_STR("x-canary"));
        if (cases[i].has_field)
            assert_int_equal(gw_request_add_field(ex, GW_STR("X-Canary"), GW_STR("1")), 0);
        ex->identity.claims = gw_str_of(cases[i].claims);
        if (gw_route_choose(routes, 3, ex, &dice) != cases[i].pool)
            fail_msg("case %zu: %s", i, cases[i].claims);
    }
    assert_int_equal(gw_route_choose(NULL, 0, ex, &dice), 0);
}

static void numbers_and_booleans_are_texts(void **state)
{
    static const struct gw_route_condition condition = {GW_STR_INIT("v"), GW_STR_INIT("true"),
                                                        true};
    static const struct gw_route_rule route = {&condition, 1, 100, false};

    (void)state;
    ex->identity.claims = GW_STR("{\"v\":true}");
    assert_int_equal(gw_route_choose(&route, 1, ex, &dice), 1);
    ex->identity.claims = GW_STR("{\"v\":1}");
    assert_int_equal(gw_route_choose(&route, 1, ex, &dice), 0);
}

static void a_share(void **state)
{
    const struct gw_route_rule route = {.percent = 7};
    const struct gw_route_rule none = {.percent = 0};
    unsigned taken = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        taken += gw_route_choose(&route, 1, ex, &dice);
        assert_int_equal(gw_route_choose(&none, 1, ex, &dice), 0);
    }
    assert_in_range(taken, 6700, 7300);
}

static void a_sticky_share(void **state)
{
    const struct gw_route_rule route = {.percent = 30, .is_sticky = true};
    unsigned taken = 0;

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        char name[16];
        ex->identity.consumer = gw_str_from(name, (size_t)snprintf(name, sizeof(name), "c%u", i));
        uint32_t first = gw_route_choose(&route, 1, ex, &dice);
        assert_int_equal(gw_route_choose(&route, 1, ex, &dice), first);
        taken += first;
    }
    assert_in_range(taken, 2800, 3200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(conditions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_and_booleans_are_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_share, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sticky_share, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
