#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/list.h"
#include "server/core/map.h"

#define KEYS 700

static void a_map_agrees_with_an_array(void **state)
{
    (void)state;
    static char names[KEYS][16];
    static int values[KEYS];
    static int is_in[KEYS];
    struct gw_map map;
    size_t count = 0;

    srand(7);
    gw_map_init(&map, 600);
    for (int i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof(names[i]), "key-%d", i);
    for (int step = 0; step < 20000; step++) {
        int i = rand() % KEYS;
        struct gw_str key = gw_str_of(names[i]);
        if (rand() % 16 < 9 || step < 2000) {
            int rc = gw_map_add(&map, key, &values[i]);
            assert_int_equal(rc, is_in[i] ? -EEXIST : count == 600 ? -ENOSPC : 0);
            count += rc == 0;
            is_in[i] = is_in[i] || rc == 0;
        } else {
            assert_ptr_equal(gw_map_remove(&map, key), is_in[i] ? &values[i] : NULL);
            count -= (size_t)is_in[i];
            is_in[i] = 0;
        }
        assert_int_equal(map.count, count);
        int other = rand() % KEYS;
        assert_ptr_equal(gw_map_get(&map, gw_str_of(names[other])),
                         is_in[other] ? &values[other] : NULL);
    }
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(gw_map_get(&map, gw_str_of(names[i])), is_in[i] ? &values[i] : NULL);

    size_t position = 0, walked = 0;
    const struct gw_map_entry *entry;
    while ((entry = gw_map_next(&map, &position)) != NULL) {
        ptrdiff_t at = (int *)entry->value - values;
        assert_true(is_in[at]);
        assert_true(gw_str_equal(entry->key, gw_str_of(names[at])));
        walked++;
    }
    assert_int_equal(walked, count);
    gw_map_finish(&map);
    assert_null(gw_map_get(&map, GW_STR("key-1")));
    assert_null(gw_map_remove(&map, GW_STR("key-1")));
}

static void a_map_of_nothing_takes_nothing(void **state)
{
    (void)state;
    struct gw_map map;
    int value;

    gw_map_init(&map, 0);
    assert_int_equal(gw_map_add(&map, GW_STR("a"), &value), -ENOSPC);
    size_t position = 0;
    assert_null(gw_map_next(&map, &position));
    gw_map_finish(&map);
}

static void lists_keep_order_and_allow_removal(void **state)
{
    (void)state;
    struct gw_list list, a = {0}, b = {0}, c = {0};

    gw_list_init(&list);
    assert_null(gw_list_take(&list));
    gw_list_remove(&a); /* in no list */
    gw_list_append(&list, &b);
    gw_list_append(&list, &c);
    gw_list_prepend(&list, &a);
    gw_list_remove(&b);
    gw_list_remove(&b);
    assert_true(gw_list_is_empty(&b));
    assert_ptr_equal(gw_list_take(&list), &a);
    assert_ptr_equal(gw_list_take(&list), &c);
    assert_true(gw_list_is_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_agrees_with_an_array),
        cmocka_unit_test(a_map_of_nothing_takes_nothing),
        cmocka_unit_test(lists_keep_order_and_allow_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
