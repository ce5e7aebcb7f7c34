#include "server/event/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

static void test_places(void **state)
{
    struct gw_event_place place = {0};
    char text[GW_EVENT_PLACE_BYTES];
    static const char *const bad[] = {"",        "1",
                                      "1-2",     "64-1-1",
                                      "1-2-3-4", "-1-2-3",
                                      "1--2",    "a-1-1",
                                      "1-1-",    "1-281474976710656-0",
                                      "1- 1-1",  "1-1-18446744073709551616"};

    (void)state;
    assert_int_equal(gw_event_place_parse(GW_STR("63-1763866500000-18446744073709551615"), &place),
                     0);
    assert_int_equal(place.partition, 63);
    assert_true(place.at.ms == UINT64_C(1763866500000) && place.at.seq == UINT64_MAX);
    assert_string_equal(gw_event_place_print(&place, text).ptr,
                        "63-1763866500000-18446744073709551615");
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++)
        assert_int_equal(gw_event_place_parse(gw_str_of(bad[i]), &place), -EINVAL);
}

static void test_what_is_before(void **state)
{
    struct gw_event_position before = gw_event_position_before((struct gw_event_position){5, 7});

    (void)state;
    assert_true(before.ms == 5 && before.seq == 6);
    before = gw_event_position_before((struct gw_event_position){5, 0});
    assert_true(before.ms == 4 && before.seq == UINT64_MAX);
    before = gw_event_position_before((struct gw_event_position){0, 0});
    assert_true(before.ms == 0 && before.seq == 0);
    assert_true(gw_event_position_compare((struct gw_event_position){1, 9},
                                          (struct gw_event_position){2, 0}) < 0);
    assert_true(gw_event_position_compare((struct gw_event_position){2, 1},
                                          (struct gw_event_position){2, 0}) > 0);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void test_cursors_come_back_as_they_were(void **state)
{
    struct gw_event_position positions[GW_EVENT_MAX_PARTITIONS], again[GW_EVENT_MAX_PARTITIONS];
    char text[GW_EVENT_CURSOR_BYTES];
    uint64_t seed = 88172645463325252;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        unsigned partitions = (unsigned)(next_random(&seed) % GW_EVENT_MAX_PARTITIONS) + 1;
        for (unsigned i = 0; i < partitions; i++) {
            positions[i].ms = next_random(&seed) >> (16 + next_random(&seed) % 48);
            positions[i].seq = next_random(&seed) >> (next_random(&seed) % 64);
        }
        struct gw_str cursor = gw_event_cursor_print(positions, partitions, text);
        assert_true(cursor.len < GW_EVENT_CURSOR_BYTES);
        assert_int_equal(gw_event_cursor_parse(cursor, partitions, again), 0);
        assert_memory_equal(positions, again, partitions * sizeof(*positions));
        if (partitions > 1)
            assert_int_equal(gw_event_cursor_parse(cursor, partitions - 1, again), -EINVAL);
        for (size_t len = 0; len < cursor.len; len++)
            assert_int_equal(gw_event_cursor_parse(gw_str_from(text, len), partitions, again),
                             -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_what_is_before),
        cmocka_unit_test(test_cursors_come_back_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
