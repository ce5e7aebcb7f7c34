#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "policies/body_limit/body_limit.h"
#include "server/contract/operation.h"
#include "server/filter/filter.h"

static void the_smaller_limit_holds(void **state)
{
    (void)state;
    static const struct {
        uint64_t of_operation; /* 0: no operation's own */
        int64_t body_bytes;
        enum gw_verdict verdict;
        uint64_t limit;
    } cases[] = {
        {0, 0, GW_NEXT, 1000},      {0, 1000, GW_NEXT, 1000}, {0, 1001, GW_STOP, 0},
        {0, -1, GW_NEXT, 1000},     {10, 10, GW_NEXT, 10},    {10, 11, GW_STOP, 0},
        {10, -1, GW_NEXT, 10},      {5000, 1001, GW_STOP, 0}, {5000, -1, GW_NEXT, 1000},
        {0, INT64_MAX, GW_STOP, 0},
    };
    json_t *config = json_pack("{s:i}", "max_bytes", 1000);
    struct gw_exchange_pool pool;
    struct gw_error error;
    void *self;

    assert_int_equal(gw_body_limit.create(config, &self, &error), 0);
    gw_exchange_pool_init(&pool, 1, 1 << 20);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const struct gw_operation operation = {.max_body_bytes = cases[i].of_operation};
        struct gw_exchange *ex = gw_exchange_take(&pool);
        ex->operation = i % 2 == 0 && cases[i].of_operation == 0 ? NULL : &operation;
        ex->request.body_bytes = cases[i].body_bytes;
        assert_int_equal(gw_body_limit.on_request(self, ex), cases[i].verdict);
        assert_int_equal(ex->body_limit_bytes, cases[i].limit);
        assert_int_equal(ex->response.status, cases[i].verdict == GW_STOP ? 413 : 0);
        gw_exchange_give_back(&pool, ex);
    }
    gw_exchange_pool_finish(&pool);
    gw_body_limit.destroy(self);
    json_decref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_smaller_limit_holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
