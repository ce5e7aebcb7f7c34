#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core/similar.h"

static void distances_are_counted(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } rows[] = {
        {"", "", 0},         {"", "abc", 3},           {"abc", "abc", 0},     {"abc", "abd", 1},
        {"abc", "ab", 1},    {"abc", "xabc", 1},       {"cuont", "count", 1}, {"ab", "ba", 1},
        {"abcd", "badc", 2}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct gw_str a = gw_str_of(rows[i].a);
        struct gw_str b = gw_str_of(rows[i].b);
        assert_int_equal(gw_similar_distance(a, b), rows[i].distance);
        assert_int_equal(gw_similar_distance(b, a), rows[i].distance);
    }
    char text[GW_SIMILAR_MAX_BYTES + 1] = {0};
    assert_true(gw_similar_distance(gw_str_from(text, sizeof(text)), GW_STR("a")) == SIZE_MAX);
}

static void the_nearest_word_wins(void **state)
{
    struct gw_similar similar;

    (void)state;
    gw_similar_init(&similar, GW_STR("lisener"));
    gw_similar_offer(&similar, GW_STR("linear"));
    gw_similar_offer(&similar, GW_STR("listener"));
    gw_similar_offer(&similar, GW_STR("listeners"));
    assert_true(gw_str_equal(similar.best, GW_STR("listener")));

    gw_similar_init(&similar, GW_STR("zebra"));
    gw_similar_offer(&similar, GW_STR("listener"));
    assert_null(similar.best.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_are_counted),
        cmocka_unit_test(the_nearest_word_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
