/* Chains of records in one pool: their order, their bounds, and that the pool gives back what it
 * took. */
#include "server/iot/history_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CHAINS 64
#define CHAIN_MAX 1000

static void put(struct gw_history_pool *pool, struct gw_history_chain *chain, uint32_t number)
{
    char *record = gw_history_pool_put(pool, chain);

    assert_non_null(record);
    memcpy(record, &number, sizeof(number));
}

static uint32_t record_at(const struct gw_buf *bytes, size_t at)
{
    uint32_t number;

    memcpy(&number, bytes->ptr + at * sizeof(number), sizeof(number));
    return number;
}

static void test_a_chain_keeps_its_order_and_its_newest(void **state)
{
    struct gw_history_pool *pool = gw_history_pool_create(4, 1u << 16, 3);
    struct gw_history_chain chain = {0};
    struct gw_buf bytes;
    (void)state;

    assert_non_null(pool);
    gw_buf_init(&bytes, 100);
    for (uint32_t i = 1; i <= 5; i++)
        put(pool, &chain, i);
    assert_int_equal(gw_history_pool_copy(pool, &chain, 2, &bytes), 2);
    assert_int_equal(record_at(&bytes, 0), 3);
    assert_int_equal(record_at(&bytes, 1), 4);
    gw_history_pool_drop(pool, &chain, 2);
    gw_buf_clear(&bytes);
    assert_int_equal(gw_history_pool_copy(pool, &chain, 2, &bytes), 1);
    assert_int_equal(record_at(&bytes, 0), 5);
    gw_history_pool_drop(pool, &chain, 7);
    assert_int_equal(chain.count, 0);
    assert_int_equal(gw_history_pool_copy(pool, &chain, 2, &bytes), 0);
    gw_buf_finish(&bytes);
    gw_history_pool_destroy(pool);
}

static void test_the_pool_has_a_bound_and_gives_its_memory_back(void **state)
{
    struct gw_history_pool *pool = gw_history_pool_create(17, 1u << 20, 1u << 30);
    size_t empty = gw_history_pool_bytes(pool);
    struct gw_history_chain chain = {0}, other = {0};
    (void)state;

    while (gw_history_pool_put(pool, &chain) != NULL)
        assert_in_range(chain.count, 1, 1u << 17);
    assert_in_range(chain.count, (1u << 20) / 21, (1u << 20) / 21 + 4096);
    assert_in_range(gw_history_pool_bytes(pool), 1u << 20, (1u << 20) + (1u << 17));
    assert_true(gw_history_pool_is_pressed(pool));
    assert_null(gw_history_pool_put(pool, &other));
    gw_history_pool_drop(pool, &chain, 1);
    assert_non_null(gw_history_pool_put(pool, &other));
    gw_history_pool_drop(pool, &chain, UINT32_MAX);
    gw_history_pool_drop(pool, &other, 1);
    assert_int_equal(gw_history_pool_bytes(pool), empty);
    assert_false(gw_history_pool_is_pressed(pool));
    assert_non_null(gw_history_pool_put(pool, &other));
    gw_history_pool_destroy(pool);
}

/* Against counters: each chain holds an unbroken run of numbers. */
static void test_many_chains_do_not_mix(void **state)
{
    struct gw_history_pool *pool = gw_history_pool_create(4, 1u << 20, CHAIN_MAX);
    struct gw_history_chain chains[CHAINS] = {0};
    uint32_t first[CHAINS] = {0}, next[CHAINS] = {0}, random = 1;
    struct gw_buf bytes;
    (void)state;

    gw_buf_init(&bytes, 1u << 16);
    for (int step = 0; step < 200000; step++) {
        random = random * 1664525u + 1013904223u;
        uint32_t i = (random >> 16) % CHAINS;
        if ((random >> 28) != 0) {
            put(pool, &chains[i], i << 20 | next[i]++);
            if (next[i] - first[i] > CHAIN_MAX)
                first[i]++;
            continue;
        }
        gw_buf_clear(&bytes);
        uint32_t count = gw_history_pool_copy(pool, &chains[i], 100, &bytes);
        for (uint32_t k = 0; k < count; k++)
            assert_int_equal(record_at(&bytes, k), i << 20 | (first[i] + k));
        gw_history_pool_drop(pool, &chains[i], count);
        first[i] += count;
        assert_int_equal(chains[i].count, next[i] - first[i]);
    }
    gw_buf_finish(&bytes);
    gw_history_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_keeps_its_order_and_its_newest),
        cmocka_unit_test(test_the_pool_has_a_bound_and_gives_its_memory_back),
        cmocka_unit_test(test_many_chains_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
