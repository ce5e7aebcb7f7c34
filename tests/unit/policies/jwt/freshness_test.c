/* How long an answer is fresh, as the fields say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/jwt/freshness.h"

static void test_values(void **state)
{
    static const struct {
        const char *cache_control, *age;
        uint64_t seconds;
    } cases[] = {
        {"max-age=60", NULL, 60},
        {"public, Max-Age=300 , must-revalidate", NULL, 300},
        {"max-age=\"15\"", NULL, 15},
        {"max-age=0", NULL, 0},
        {"max-age=60", "20", 40},
        {"max-age=60", "60", 0},
        {"max-age=60", "4000", 0},
        {"max-age=60", "later", 60},
        {"max-age=60, max-age=30", NULL, 30},
        {"max-age=60, max-age=x", NULL, 60},
        {"max-age=99999999999999999999999", NULL, 31536000},
        {"s-maxage=5", NULL, FRESHNESS_UNKNOWN},
        {"no-cache, no-store", NULL, FRESHNESS_UNKNOWN},
        {"max-age", NULL, FRESHNESS_UNKNOWN},
        {"max-age=", NULL, FRESHNESS_UNKNOWN},
        {"max-age=-1", NULL, FRESHNESS_UNKNOWN},
        {"max-age = 5", NULL, FRESHNESS_UNKNOWN},
        {"max-age=\"\"", NULL, FRESHNESS_UNKNOWN},
        {"max-age=\"", NULL, FRESHNESS_UNKNOWN},
        {"max-ages=5", NULL, FRESHNESS_UNKNOWN},
        {"", NULL, FRESHNESS_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct gw_field fields[] = {
            {.name = GW_STR("Cache-Control"), .value = gw_str_of(cases[i].cache_control)},
            {.name = GW_STR("aGe"), .value = gw_str_of(cases[i].age)},
        };
        uint64_t seconds = freshness_seconds(fields, cases[i].age == NULL ? 1 : 2);
        if (seconds != cases[i].seconds)
            fail_msg("%s: %llu", cases[i].cache_control, (unsigned long long)seconds);
    }
    assert_true(freshness_seconds(NULL, 0) == FRESHNESS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
