#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policies/jwt/dpop_memory.h"

static const uint8_t *digest_of(unsigned number)
{
    static uint8_t digest[GW_SHA256_BYTES];

    memset(digest, 0, sizeof(digest));
    digest[0] = (uint8_t)(number % 3); /* few buckets, long chains */
    memcpy(digest + 8, &number, sizeof(number));
    return digest;
}

static void a_digest_is_new_once(void **state)
{
    (void)state;
    struct dpop_memory *memory = dpop_memory_create(100);

    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(dpop_memory_add(memory, digest_of(i), 1000, 5), DPOP_NEW);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(dpop_memory_add(memory, digest_of(i), 1000, 1004), DPOP_SEEN);
    assert_int_equal(dpop_memory_add(memory, digest_of(100), 1000, 1004), DPOP_FULL);
    assert_int_equal(dpop_memory_add(memory, digest_of(7), 1000, 1005), DPOP_NEW);
    assert_int_equal(dpop_memory_add(memory, digest_of(100), 1000, 1005), DPOP_NEW);
    dpop_memory_destroy(memory);
    dpop_memory_destroy(NULL);
}

static void the_ring_goes_round(void **state)
{
    (void)state;
    struct dpop_memory *memory = dpop_memory_create(7);

    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(dpop_memory_add(memory, digest_of(i), 6, i), DPOP_NEW);
        if (i >= 5)
            assert_int_equal(dpop_memory_add(memory, digest_of(i - 5), 6, i), DPOP_SEEN);
    }
    dpop_memory_destroy(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digest_is_new_once),
        cmocka_unit_test(the_ring_goes_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
