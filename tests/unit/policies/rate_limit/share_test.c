#include "policies/rate_limit/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct gcra_rate once_an_hour = {GCRA_TICKS_PER_SECOND * 3600,
                                              GCRA_TICKS_PER_SECOND * 3600};

static bool takes(struct share *share, const char *key)
{
    return share_take(share, gw_str_of(key), &once_an_hour, 1000000000).is_admitted;
}

static void test_each_has_its_own(void **state)
{
    struct share *share = share_create(10);

    (void)state;
    assert_true(takes(share, "a"));
    assert_true(takes(share, "b"));
    assert_false(takes(share, "a"));
    assert_false(takes(share, "b"));
    assert_int_equal(share_get_count(share), 2);
    share_destroy(share);
}

static void test_the_oldest_is_forgotten(void **state)
{
    struct share *share = share_create(3);

    (void)state;
    assert_true(takes(share, "a"));
    assert_true(takes(share, "b"));
    assert_true(takes(share, "c"));
    assert_false(takes(share, "a")); /* seen again: now b is the oldest */
    assert_true(takes(share, "d"));
    assert_false(takes(share, "a"));
    assert_false(takes(share, "c"));
    assert_true(takes(share, "b"));
    assert_int_equal(share_get_count(share), 3);
    share_destroy(share);
}

static void test_long_keys(void **state)
{
    struct share *share = share_create(3);
    char key[1000];

    (void)state;
    memset(key, 'x', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    assert_true(takes(share, key));
    assert_false(takes(share, key));
    key[sizeof(key) - 2] = 'y';
    assert_true(takes(share, key));
    key[SHARE_MAX_KEY_BYTES] = '\0';
    assert_true(takes(share, key));
    assert_false(takes(share, key));
    share_destroy(share);
}

static void test_many(void **state)
{
    struct share *share = share_create(1000);

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 5000; i++) {
            char key[32];
            snprintf(key, sizeof(key), "consumer-%d", i);
            assert_true(takes(share, key)); /* forgotten since the last round */
            assert_false(takes(share, key));
        }
    }
    assert_int_equal(share_get_count(share), 1000);
    share_destroy(share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_has_its_own),
        cmocka_unit_test(test_the_oldest_is_forgotten),
        cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
