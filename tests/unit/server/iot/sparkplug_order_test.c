/* However a broker orders, repeats or delays what one edge node sent: the same samples come out.
 * And a host that goes on from a saved state tells what the first one would have told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/sparkplug_rig.h"

struct sent {
    const char *topic;
    int seq;
    int64_t time_ms;
    const char *metrics;
};

static const struct sent session[] = {
    {"NBIRTH/line-1", 0, 1000, "bdSeq:UInt64=3 Load#9:Double=0.5"},
    {"DBIRTH/line-1/cnc-1", 1, 1001, "Production/Good#1:Int32=5 Spindle/Vibration#2:Double=1.5"},
    {"DDATA/line-1/cnc-1", 2, 1002, "#1=6"},
    {"DBIRTH/line-1/cnc-2", 3, 1003, "Production/Good#3:Int32=50"},
    {"DDATA/line-1/cnc-1", 4, 1004, "#1=7 #2=2.5"},
    {"NDATA/line-1", 5, 1004, "#9=0.75"},
};

static struct sparkplug_rig rig;

static void feed(const struct sent *sent)
{
    sparkplug_rig_feed(&rig, sent->topic, sent->seq, sent->time_ms, sent->metrics);
}

static char *told_in_order(const struct sent *list, size_t count)
{
    sparkplug_rig_open(&rig, NULL);
    for (size_t i = 0; i < count; i++)
        feed(&list[i]);
    char *told = strdup(sparkplug_rig_told(&rig));
    assert_non_null(told);
    sparkplug_rig_close(&rig);
    return told;
}

/* The next permutation in lexical order; false after the last. */
static bool permute(int *order, int count)
{
    int i = count - 2, j = count - 1;

    while (i >= 0 && order[i] >= order[i + 1])
        i--;
    if (i < 0)
        return false;
    while (order[j] <= order[i])
        j--;
    int swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
    for (int from = i + 1, to = count - 1; from < to; from++, to--) {
        swapped = order[from];
        order[from] = order[to];
        order[to] = swapped;
    }
    return true;
}

static void test_every_order_tells_the_same(void **state)
{
    enum { COUNT = GW_COUNT_OF(session) };
    char *expected = told_in_order(session, COUNT);
    int order[COUNT], permutations = 0;

    (void)state;
    for (int i = 0; i < COUNT; i++)
        order[i] = i;
    do {
        sparkplug_rig_open(&rig, NULL);
        for (int i = 0; i < COUNT; i++) {
            feed(&session[order[i]]);
            feed(&session[order[i]]); /* and each one twice */
        }
        sparkplug_rig_expect(&rig, expected);
        const struct gw_sparkplug_host_counts *counts = gw_sparkplug_host_counts(rig.host);
        assert_int_equal(counts->duplicates, COUNT);
        assert_int_equal(counts->gaps + counts->late + counts->unborn + counts->held_bytes, 0);
        sparkplug_rig_close(&rig);
        permutations++;
    } while (permute(order, COUNT));
    assert_int_equal(permutations, 720);
    free(expected);
}

/* A long stream whose messages come up to 20 places off their turn, many of them twice. */
static void test_a_shuffled_stream_is_put_in_order(void **state)
{
    enum { COUNT = 3000, REACH = 20 };
    static struct sent list[COUNT];
    static char metrics[COUNT][16];
    static int order[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(metrics[i], sizeof(metrics[i]), "#1=%d", i);
        list[i] =
            i < 2 ? session[i] : (struct sent){"DDATA/line-1/cnc-1", i % 256, 1001 + i, metrics[i]};
        order[i] = i;
    }
    char *expected = told_in_order(list, COUNT);
    srand(11);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i + REACH < COUNT; i += REACH) {
            for (int k = 0; k < REACH; k++) {
                int a = i + k, b = i + rand() % REACH, swapped = order[a];
                order[a] = order[b];
                order[b] = swapped;
            }
        }
        sparkplug_rig_open(&rig, NULL);
        for (int i = 0; i < COUNT; i++) {
            feed(&list[order[i]]);
            if (rand() % 4 == 0)
                feed(&list[order[rand() % (i + 1) > i - REACH ? i : i - rand() % 10]]);
        }
        sparkplug_rig_expect(&rig, expected);
        assert_int_equal(gw_sparkplug_host_counts(rig.host)->gaps, 0);
        sparkplug_rig_close(&rig);
    }
    free(expected);
}

/* Two lives of a node, shuffled within each and a little across the border. */
static void test_stragglers_do_not_disturb_the_next_session(void **state)
{
    static const struct sent old = {"DDATA/line-1/cnc-1", 4, 1004, "#1=7 #2=2.5"};
    static const struct sent birth = {"NBIRTH/line-1", 0, 2000, "bdSeq:UInt64=3 Load#9:Double=1.5"};
    static const struct sent device = {"DBIRTH/line-1/cnc-1", 1, 2001,
                                       "Production/Good#2:Int32=7 Spindle/Vibration#1:Double=3.5"};
    static const struct sent data = {"DDATA/line-1/cnc-1", 2, 2002, "#2=8 #1=4.5"};

    (void)state;
    sparkplug_rig_open(&rig, NULL);
    for (size_t i = 0; i < 4; i++)
        feed(&session[i]);
    sparkplug_rig_told(&rig);
    feed(&data); /* of the next life, before its births */
    feed(&birth);
    feed(&old); /* of the last one; its aliases mean something else by now */
    feed(&device);
    feed(&session[2]);
    feed(&session[0]); /* its birth once more: older than the one there is */
    feed(&data);
    sparkplug_rig_expect(&rig, "g/line-1 load 1.5 @2000\n"
                               "g/line-1/cnc-1 good 7 @2001\n"
                               "g/line-1/cnc-1 vibration 3.5 @2001\n"
                               "g/line-1/cnc-1 good 8 @2002\n"
                               "g/line-1/cnc-1 vibration 4.5 @2002\n"
                               "rebirth of g/line-1: a birth is older than what is known\n");
    sparkplug_rig_close(&rig);
}

/* A rebirth in the very millisecond of what is still kept back of the session before. */
static void test_a_birth_in_the_same_millisecond(void **state)
{
    static const struct sent after_gap = {"DDATA/line-1/cnc-1", 6, 1006, "Production/Good=9"};
    static const struct sent birth = {"NBIRTH/line-1", 0, 1006, "bdSeq:UInt64=3"};
    static const struct sent device = {"DBIRTH/line-1/cnc-1", 1, 1006, "Production/Good#1:Int32=9"};

    (void)state;
    sparkplug_rig_open(&rig, NULL);
    for (size_t i = 0; i < 5; i++)
        feed(&session[i]);
    sparkplug_rig_told(&rig);
    feed(&after_gap);
    feed(&device);
    feed(&birth);
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 good 9 @1006\ng/line-1/cnc-1 good 9 @1006\n");
    const struct gw_sparkplug_host_counts *counts = gw_sparkplug_host_counts(rig.host);
    assert_int_equal(counts->gaps, 1);
    assert_int_equal(counts->held_bytes, 0);
    sparkplug_rig_close(&rig);
}

/* --- saving --- */

static void move_to_another_host(const struct gw_edge_node_config *node)
{
    struct gw_sparkplug_host *next = sparkplug_rig_host(&rig);
    struct gw_buf bytes, again;

    gw_buf_init(&bytes, 1 << 20);
    gw_buf_init(&again, 1 << 20);
    assert_int_equal(gw_sparkplug_host_save(rig.host, node, &bytes), 0);
    assert_int_equal(gw_sparkplug_host_load(next, node, gw_buf_str(&bytes)), 0);
    assert_int_equal(gw_sparkplug_host_save(next, node, &again), 0);
    assert_int_equal(bytes.len, again.len);
    gw_buf_finish(&again);
    gw_buf_finish(&bytes);
    gw_sparkplug_host_destroy(rig.host);
    rig.host = next;
}

static void test_another_host_goes_on(void **state)
{
    static const int order[] = {0, 2, 1, 5, 3, 4};
    char *expected = told_in_order(session, GW_COUNT_OF(session));

    (void)state;
    /* Moved at each place, also with messages that are kept back. */
    for (size_t moved = 0; moved <= GW_COUNT_OF(order); moved++) {
        sparkplug_rig_open(&rig, NULL);
        for (size_t i = 0; i < GW_COUNT_OF(order); i++) {
            if (i == moved)
                move_to_another_host(rig.line_1);
            feed(&session[order[i]]);
        }
        sparkplug_rig_expect(&rig, expected);
        if (moved == GW_COUNT_OF(order))
            move_to_another_host(rig.line_1);
        feed(&session[3]); /* what was seen is known to the next one, too */
        rig.now_ms = 200000;
        sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, "bdSeq:UInt64=3");
        assert_non_null(strstr(sparkplug_rig_told(&rig), "g/line-1/cnc-2 is offline @101001"));
        move_to_another_host(rig.line_1);
        feed(&session[0]);
        sparkplug_rig_expect(&rig, "");
        sparkplug_rig_close(&rig);
    }
    free(expected);
}

static void test_a_changed_registry_asks_for_births(void **state)
{
    struct gw_buf bytes;

    (void)state;
    sparkplug_rig_open(&rig, NULL);
    for (size_t i = 0; i < GW_COUNT_OF(session); i++)
        feed(&session[i]);
    gw_buf_init(&bytes, 1 << 20);
    assert_int_equal(gw_sparkplug_host_save(rig.host, rig.line_1, &bytes), 0);
    sparkplug_rig_close(&rig);

    sparkplug_rig_open(
        &rig,
        "  - {group: g, edge_node: line-1, device: a, type: cnc, equipment: A, plant: '1010'}\n");
    assert_int_equal(gw_sparkplug_host_load(rig.host, rig.line_1, gw_buf_str(&bytes)), 0);
    gw_buf_finish(&bytes);
    const struct gw_device_config *cnc_2 =
        gw_registry_find(rig.registry, GW_STR("g"), GW_STR("line-1"), GW_STR("cnc-2"));
    assert_int_equal(gw_sparkplug_host_state(rig.host, cnc_2), GW_DEVICE_ONLINE);
    gw_sparkplug_host_tick(rig.host, rig.line_1, rig.now_ms);
    sparkplug_rig_expect(&rig, "rebirth of g/line-1: an earlier request was not answered\n");
    /* The others are as they were, with what their births said. */
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 6, 1005, "#1=8");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-2", 7, 1006, "#3=51");
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 good 8 @1005\ng/line-1/cnc-2 good 51 @1006\n");
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 3000, "bdSeq:UInt64=3");
    sparkplug_rig_feed(&rig, "DBIRTH/line-1/a", 1, 3001, "Production/Good#1:Int32=1");
    sparkplug_rig_expect(&rig, "g/line-1/a is online @3001\ng/line-1/a good 1 @3001\n");
    sparkplug_rig_close(&rig);
}

static void test_what_is_no_state_is_refused(void **state)
{
    struct gw_buf bytes;

    (void)state;
    sparkplug_rig_open(&rig, NULL);
    for (size_t i = 0; i < GW_COUNT_OF(session); i++)
        feed(&session[i]);
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 9, 1010, "#1=6");
    gw_buf_init(&bytes, 1 << 20);
    assert_int_equal(gw_sparkplug_host_save(rig.host, rig.line_1, &bytes), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_int_equal(gw_sparkplug_host_load(rig.host, rig.line_1, gw_str_from(bytes.ptr, len)),
                         -EINVAL);
        assert_int_equal(gw_sparkplug_host_counts(rig.host)->held_bytes, 0);
    }
    srand(5);
    for (int i = 0; i < 20000; i++) { /* whatever it is, nothing breaks */
        size_t at = (size_t)rand() % bytes.len;
        char kept = bytes.ptr[at];
        bytes.ptr[at] = (char)rand();
        if (gw_sparkplug_host_load(rig.host, rig.line_1, gw_buf_str(&bytes)) == 0) {
            feed(&session[i % 6]);
            gw_sparkplug_host_tick(rig.host, rig.line_1, 500000);
        }
        sparkplug_rig_told(&rig);
        bytes.ptr[at] = kept;
    }
    gw_buf_finish(&bytes);
    sparkplug_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_order_tells_the_same),
        cmocka_unit_test(test_a_shuffled_stream_is_put_in_order),
        cmocka_unit_test(test_stragglers_do_not_disturb_the_next_session),
        cmocka_unit_test(test_a_birth_in_the_same_millisecond),
        cmocka_unit_test(test_another_host_goes_on),
        cmocka_unit_test(test_a_changed_registry_asks_for_births),
        cmocka_unit_test(test_what_is_no_state_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
