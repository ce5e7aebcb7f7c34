/* The cache: what is found, what is not, and that the ring holds whatever happens to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/jwt/token_cache.h"

static const uint8_t thumbprint[GW_SHA256_BYTES] = "a key";

/* Claims of any size that can be told apart. */
static struct claims *make_claims(uint32_t number, size_t bytes)
{
    struct claims *claims = calloc(1, sizeof(*claims) + bytes);

    claims->size = sizeof(*claims) + bytes;
    claims->expires_s = number;
    claims->payload.len = (uint32_t)bytes;
    memset(claims->bytes, (int)(number & 0xff), bytes);
    return claims;
}

static struct token_key key_of(uint32_t number)
{
    char text[32];

    snprintf(text, sizeof(text), "token %u", number);
    return token_key_of(gw_str_of(text), 7);
}

static void add(struct token_cache *cache, uint32_t number, size_t bytes)
{
    struct token_key key = key_of(number);
    struct claims *claims = make_claims(number, bytes);

    token_cache_add(cache, &key, thumbprint, claims, 1000);
    free(claims);
}

/* Whether `number` is there; if so, that it is it. */
static bool has(struct token_cache *cache, uint32_t number, int64_t now_s)
{
    struct token_key key = key_of(number);
    uint8_t found[GW_SHA256_BYTES];
    struct gw_arena arena;

    gw_arena_init(&arena, 4096, 1 << 20);
    const struct claims *claims = token_cache_find(cache, &key, now_s, &arena, found);
    if (claims != NULL) {
        assert_int_equal(claims->expires_s, number);
        assert_memory_equal(found, thumbprint, sizeof(found));
        for (size_t i = 0; i < claims->payload.len; i++)
            assert_int_equal((uint8_t)claims->bytes[i], number & 0xff);
    }
    gw_arena_finish(&arena);
    return claims != NULL;
}

static void test_found_until_it_expires(void **state)
{
    struct token_cache *cache = token_cache_create(1 << 16, 100);

    (void)state;
    assert_false(has(cache, 1, 0));
    add(cache, 1, 300);
    assert_true(has(cache, 1, 999));
    assert_false(has(cache, 2, 999));
    assert_false(has(cache, 1, 1000));
    assert_false(has(cache, 1, 0)); /* it is gone, whatever the clock does */

    struct token_cache_stats stats;
    token_cache_get_stats(cache, &stats);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 4);
    assert_int_equal(stats.entries, 0);
    token_cache_destroy(cache);
}

static void test_compared_in_full(void **state)
{
    struct token_cache *cache = token_cache_create(1 << 16, 100);
    struct token_key key = key_of(1);
    uint8_t found[GW_SHA256_BYTES];
    struct gw_arena arena;

    (void)state;
    gw_arena_init(&arena, 4096, 1 << 16);
    add(cache, 1, 10);
    key.digest[GW_SHA256_BYTES - 1] ^= 1; /* same bucket */
    assert_null(token_cache_find(cache, &key, 0, &arena, found));
    key.digest[GW_SHA256_BYTES - 1] ^= 1;
    key.generation += UINT64_C(1) << 40;
    assert_null(token_cache_find(cache, &key, 0, &arena, found));
    key.generation -= UINT64_C(1) << 40;
    assert_non_null(token_cache_find(cache, &key, 0, &arena, found));
    gw_arena_finish(&arena);
    token_cache_destroy(cache);
}

static void test_bounds(void **state)
{
    struct token_cache *cache = token_cache_create(1 << 16, 10);
    struct token_cache_stats stats;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        add(cache, i, 50);
        assert_true(has(cache, i, 0));
        token_cache_get_stats(cache, &stats);
        assert_true(stats.entries <= 10);
        assert_true(stats.bytes <= 1 << 16);
    }
    assert_true(has(cache, 990, 0));
    assert_false(has(cache, 989, 0));
    add(cache, 5000, 1 << 13); /* more than its share */
    assert_false(has(cache, 5000, 0));
    token_cache_destroy(cache);
}

/* What is in use stays, however many others pass by. */
static void test_used_ones_stay(void **state)
{
    struct token_cache *cache = token_cache_create(1 << 16, 100000);

    (void)state;
    add(cache, 1, 200);
    for (uint32_t i = 100; i < 20000; i++) {
        add(cache, i, i % 500);
        if (i % 10 == 0)
            assert_true(has(cache, 1, 0));
    }
    token_cache_destroy(cache);
}

/* Any order of adding, finding and removing: what is found is right, and nothing leaves the ring
 * (the sanitizers see to that). */
static void test_any_order(void **state)
{
    struct token_cache *cache = token_cache_create(1 << 16, 150);
    uint64_t random = 42;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint32_t number = (uint32_t)(random >> 33) % 400;
        uint32_t what = (uint32_t)(random >> 20) % 100;
        struct token_key key = key_of(number);
        if (what < 40)
            add(cache, number, (random >> 45) % 3000);
        else if (what < 95)
            (void)has(cache, number, what == 94 ? 1000 : 0);
        else
            token_cache_remove(cache, &key);
        if (i % 50000 == 49999)
            token_cache_clear(cache);
    }
    token_cache_destroy(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_until_it_expires),
        cmocka_unit_test(test_compared_in_full),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_used_ones_stay),
        cmocka_unit_test(test_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
