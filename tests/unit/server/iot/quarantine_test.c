/* The list of what was put aside: counted by reason and name, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/iot/quarantine.h"

static void expect(const struct gw_quarantine_entry *entry, enum gw_quarantine_reason reason,
                   const char *name, const char *detail, uint64_t count)
{
    assert_non_null(entry);
    assert_int_equal(entry->reason, reason);
    assert_true(gw_str_equal(entry->name, gw_str_of(name)));
    assert_true(gw_str_equal(entry->detail, gw_str_of(detail)));
    assert_int_equal(entry->count, count);
}

static void test_entries_are_counted_by_reason_and_name(void **state)
{
    struct gw_quarantine *list = gw_quarantine_create(0);

    (void)state;
    assert_non_null(list);
    assert_null(gw_quarantine_next(list, NULL));
    gw_quarantine_add(list, GW_QUARANTINE_TYPE, GW_STR("g/n/d"), GW_STR("one"), 1000);
    gw_quarantine_add(list, GW_QUARANTINE_TIME, GW_STR("g/n/d"), GW_STR(""), 1001);
    gw_quarantine_add(list, GW_QUARANTINE_TYPE, GW_STR("g/n/d"), GW_STR("another"), 1002);

    const struct gw_quarantine_entry *entry = gw_quarantine_next(list, NULL);
    expect(entry, GW_QUARANTINE_TYPE, "g/n/d", "another", 2);
    assert_int_equal(entry->first_ms, 1000);
    assert_int_equal(entry->last_ms, 1002);
    entry = gw_quarantine_next(list, entry);
    expect(entry, GW_QUARANTINE_TIME, "g/n/d", "", 1);
    assert_null(gw_quarantine_next(list, entry));
    assert_int_equal(gw_quarantine_count(list, GW_QUARANTINE_TYPE), 2);
    assert_int_equal(gw_quarantine_count(list, GW_QUARANTINE_MALFORMED), 0);
    gw_quarantine_destroy(list);
}

static void test_the_list_is_bounded(void **state)
{
    struct gw_quarantine *list = gw_quarantine_create(3);
    char name[2000];

    (void)state;
    assert_non_null(list);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        gw_quarantine_add(list, GW_QUARANTINE_UNKNOWN_NODE, gw_str_of(name), GW_STR(""), i);
        gw_quarantine_add(list, GW_QUARANTINE_UNKNOWN_NODE, GW_STR("n0"), GW_STR(""), i);
    }
    const struct gw_quarantine_entry *entry = gw_quarantine_next(list, NULL);
    expect(entry, GW_QUARANTINE_UNKNOWN_NODE, "n0", "", 6); /* seen again and again: kept */
    entry = gw_quarantine_next(list, entry);
    expect(entry, GW_QUARANTINE_UNKNOWN_NODE, "n4", "", 1);
    entry = gw_quarantine_next(list, entry);
    expect(entry, GW_QUARANTINE_UNKNOWN_NODE, "n3", "", 1);
    assert_null(gw_quarantine_next(list, entry));
    assert_int_equal(gw_quarantine_forgotten(list), 2);
    assert_int_equal(gw_quarantine_count(list, GW_QUARANTINE_UNKNOWN_NODE), 10);

    memset(name, 'x', sizeof(name));
    gw_quarantine_add(list, GW_QUARANTINE_MALFORMED, gw_str_from(name, sizeof(name)),
                      gw_str_from(name, sizeof(name)), 9);
    entry = gw_quarantine_next(list, NULL);
    assert_int_equal(entry->name.len, GW_QUARANTINE_MAX_TEXT);
    assert_int_equal(entry->detail.len, GW_QUARANTINE_MAX_TEXT);
    gw_quarantine_destroy(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_are_counted_by_reason_and_name),
        cmocka_unit_test(test_the_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
