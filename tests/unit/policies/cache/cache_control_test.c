/* Cache-Control in all its spellings. */
#include "policies/cache/cache_control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct cache_control read(const char *first, const char *second)
{
    struct cache_control control;

    cache_control_init(&control);
    cache_control_read(&control, gw_str_of(first));
    if (second != NULL)
        cache_control_read(&control, gw_str_of(second));
    return control;
}

static void deltas_are_read_strictly(void **state)
{
    static const struct {
        const char *text;
        int64_t delta;
    } rows[] = {
        {"0", 0},
        {"60", 60},
        {"007", 7},
        {"\"60\"", 60},
        {"2147483648", CACHE_MAX_DELTA_S},
        {"2147483649", CACHE_MAX_DELTA_S},
        {"99999999999999999999999999", CACHE_MAX_DELTA_S},
        {"", CACHE_NO_DELTA},
        {"\"\"", CACHE_NO_DELTA},
        {"-1", CACHE_NO_DELTA},
        {"+1", CACHE_NO_DELTA},
        {"1.5", CACHE_NO_DELTA},
        {"1 ", CACHE_NO_DELTA},
        {"6O", CACHE_NO_DELTA},
        {"\"60", CACHE_NO_DELTA},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++)
        assert_int_equal(cache_delta_parse(gw_str_of(rows[i].text)), rows[i].delta);
}

static void every_directive_is_known(void **state)
{
    struct cache_control control = read(
        "no-store, NO-CACHE,private , public,must-revalidate,proxy-revalidate\t,only-if-cached",
        "max-age=1, s-maxage=2, min-fresh=3, max-stale=4, stale-while-revalidate=5, "
        "stale-if-error=6");

    (void)state;
    assert_true(control.is_present && !control.is_malformed);
    assert_true(control.no_store && control.no_cache && control.is_private && control.is_public);
    assert_true(control.must_revalidate && control.proxy_revalidate && control.only_if_cached);
    assert_int_equal(control.max_age_s, 1);
    assert_int_equal(control.s_maxage_s, 2);
    assert_int_equal(control.min_fresh_s, 3);
    assert_int_equal(control.max_stale_s, 4);
    assert_int_equal(control.stale_while_revalidate_s, 5);
    assert_int_equal(control.stale_if_error_s, 6);
}

static void what_is_not_there_is_not_zero(void **state)
{
    struct cache_control control = read("foo, max-ages=5, x-no-store", NULL);

    (void)state;
    assert_false(control.no_store || control.is_malformed);
    assert_int_equal(control.max_age_s, CACHE_NO_DELTA);
}

static void of_two_values_the_stricter_counts(void **state)
{
    (void)state;
    assert_int_equal(read("max-age=60, max-age=5", NULL).max_age_s, 5);
    assert_int_equal(read("max-age=5", "max-age=60").max_age_s, 5);
    assert_int_equal(read("max-age=60, max-age=x", NULL).max_age_s, 0);
    assert_int_equal(read("max-age", NULL).max_age_s, 0);
    assert_int_equal(read("max-age=", NULL).max_age_s, 0);
    assert_int_equal(read("min-fresh=1, min-fresh=9", NULL).min_fresh_s, 9);
    assert_int_equal(read("min-fresh=x", NULL).min_fresh_s, CACHE_MAX_DELTA_S);
    assert_int_equal(read("max-stale", NULL).max_stale_s, CACHE_MAX_DELTA_S);
    assert_int_equal(read("max-stale=x", NULL).max_stale_s, 0);
}

static void lists_of_fields_hold_for_all(void **state)
{
    struct cache_control control =
        read("no-cache=\"set-cookie, x-y\", private=\"a,max-age=9\", max-age=60", NULL);

    (void)state;
    assert_true(control.no_cache && control.is_private);
    assert_int_equal(control.max_age_s, 60); /* not the one within the quotes */
    assert_false(read("x=\"no-store\"", NULL).no_store);
    assert_false(read("x=\"a\\\", no-store\"", NULL).no_store);
}

static void what_is_malformed_is_told(void **state)
{
    static const char *const texts[] = {"x=\"a",        "max-age=60, x=\"", "=5",          "a b=1",
                                        "max-age =\"1", "x=\"\\",           "\"no-store\""};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
        assert_true(read(texts[i], NULL).is_malformed);
    assert_false(read(",, ,max-age=1,,", NULL).is_malformed);
    assert_false(read("", NULL).is_malformed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deltas_are_read_strictly),
        cmocka_unit_test(every_directive_is_known),
        cmocka_unit_test(what_is_not_there_is_not_zero),
        cmocka_unit_test(of_two_values_the_stricter_counts),
        cmocka_unit_test(lists_of_fields_hold_for_all),
        cmocka_unit_test(what_is_malformed_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
