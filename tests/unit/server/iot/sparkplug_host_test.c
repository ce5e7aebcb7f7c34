/* The Sparkplug host: births, deaths, order, aliases, and what is put aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/sparkplug_rig.h"

#define BD(n) "bdSeq:UInt64=" #n
#define CNC "Production/Good#1:Int32=5 Spindle/Vibration#2:Double=1.5"

static struct sparkplug_rig rig;

static void tick(int64_t now_ms)
{
    gw_sparkplug_host_tick(rig.host, rig.line_1, now_ms);
    gw_sparkplug_host_tick(rig.host, rig.line_2, now_ms);
}

static int set_up(void **state)
{
    (void)state;
    sparkplug_rig_open(&rig, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sparkplug_rig_close(&rig);
    return 0;
}

/* line-1 with cnc-1, born at 1000 and 1001. */
static void be_born(void)
{
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 1000, BD(7) " Load#9:Double=0.5");
    sparkplug_rig_feed(&rig, "DBIRTH/line-1/cnc-1", 1, 1001, CNC);
    sparkplug_rig_expect(&rig, "g/line-1 is online @1000\n"
                               "g/line-1 load 0.5 @1000\n"
                               "g/line-1/cnc-1 is online @1001\n"
                               "g/line-1/cnc-1 good 5 @1001\n"
                               "g/line-1/cnc-1 vibration 1.5 @1001\n");
}

static const struct gw_sparkplug_host_counts *counts(void)
{
    return gw_sparkplug_host_counts(rig.host);
}

static void test_births_explain_aliases(void **state)
{
    (void)state;
    be_born();
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 2, 1002, "#1=6 #2=1.75@-1");
    sparkplug_rig_feed(&rig, "NDATA/line-1", 3, 1003, "#9=0.25");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 4, 1004, "Production/Good=7 #2=2.5");
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 good 6 @1002\n"
                               "g/line-1/cnc-1 vibration 1.75 @1001\n"
                               "g/line-1 load 0.25 @1003\n"
                               "g/line-1/cnc-1 good 7 @1004\n"
                               "g/line-1/cnc-1 vibration 2.5 @1004\n");
    /* An alias of another device of the node is no alias of this one. */
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 5, 1005, "#9=1.0");
    sparkplug_rig_expect(&rig, "rebirth of g/line-1: an alias is not known\n");
}

static void test_values_are_in_canonical_units(void **state)
{
    (void)state;
    sparkplug_rig_feed(&rig, "NBIRTH/line-2", 0, 1000, BD(0));
    sparkplug_rig_feed(&rig, "DBIRTH/line-2/cnc-1", 1, 1001,
                       "Energy/Total#1:UInt32=2500 Machine/State:UInt8=null "
                       "Program:String=p-12 Spindle/Vibration:Float=nan");
    sparkplug_rig_feed(&rig, "DDATA/line-2/cnc-1", 2, 1002,
                       "#1=3000~ Machine/State=2? Program=null");
    sparkplug_rig_expect(&rig, "g/line-2/cnc-1 is online @1001\n"
                               "g/line-2/cnc-1 energy 3.5 @1001\n"
                               "g/line-2/cnc-1 state none @1001\n"
                               "g/line-2/cnc-1 program 'p-12' @1001\n"
                               "g/line-2/cnc-1 vibration none @1001 bad\n"
                               "g/line-2/cnc-1 energy 4 @1002 historical\n"
                               "g/line-2/cnc-1 state 2 @1002 bad\n"
                               "g/line-2/cnc-1 program none @1002\n");
}

static void test_a_node_death_makes_all_stale(void **state)
{
    (void)state;
    be_born();
    sparkplug_rig_feed(&rig, "DBIRTH/line-1/cnc-2", 2, 1002, "Production/Good#3:Int32=1");
    sparkplug_rig_told(&rig);

    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, BD(6));
    sparkplug_rig_expect(&rig, "");
    assert_int_equal(counts()->old_deaths, 1);

    rig.now_ms = 200000; /* by the clock of the node that is 101000 */
    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, BD(7));
    sparkplug_rig_expect(&rig, "g/line-1 load none @101000 stale\n"
                               "g/line-1 is offline @101000\n"
                               "g/line-1/cnc-1 good none @101000 stale\n"
                               "g/line-1/cnc-1 vibration none @101000 stale\n"
                               "g/line-1/cnc-1 is offline @101000\n"
                               "g/line-1/cnc-2 good none @101000 stale\n"
                               "g/line-1/cnc-2 is offline @101000\n");
    assert_int_equal(gw_sparkplug_host_state(rig.host, rig.line_1->devices[1]), GW_DEVICE_OFFLINE);
    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, BD(7));
    sparkplug_rig_expect(&rig, "");

    /* What a dead node sends still has no meaning. */
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 3, 1003, "#1=6");
    tick(rig.now_ms + 2000);
    sparkplug_rig_expect(&rig, "rebirth of g/line-1: a node has data and no birth\n");
    tick(rig.now_ms + 200000);
    sparkplug_rig_expect(&rig, "");

    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 200100, BD(8) " Load:Double=1.5");
    sparkplug_rig_expect(&rig, "g/line-1 is online @200100\ng/line-1 load 1.5 @200100\n");
}

/* One that is wrong by minutes: what we tell of the node is told by its own clock, so that its
 * samples are not late after a death; what lies in the future is none of it. */
static void test_a_node_dies_by_its_own_clock(void **state)
{
    const int64_t minutes = INT64_C(60000);
    (void)state;

    rig.now_ms = 100 * minutes;
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 105 * minutes, BD(7) " Load:Double=1.5");
    rig.now_ms = 101 * minutes;
    sparkplug_rig_feed(&rig, "NDATA/line-1", 1, 500 * minutes, "");
    rig.now_ms = 102 * minutes;
    sparkplug_rig_told(&rig);
    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 0, BD(7));
    sparkplug_rig_expect(&rig, "g/line-1 load none @6420000 stale\n"
                               "g/line-1 is offline @6420000\n"
                               "g/line-1/cnc-1 is offline @6420000\n"
                               "g/line-1/cnc-2 is offline @6420000\n");
    assert_int_equal(gw_sparkplug_host_node_ms(rig.host, rig.line_1, 110 * minutes), 115 * minutes);
}

static void test_a_device_can_die_alone(void **state)
{
    (void)state;
    be_born();
    sparkplug_rig_feed(&rig, "DDEATH/line-1/cnc-1", 2, 1010, "");
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 good none @1010 stale\n"
                               "g/line-1/cnc-1 vibration none @1010 stale\n"
                               "g/line-1/cnc-1 is offline @1010\n");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 3, 1011, "#1=6");
    sparkplug_rig_expect(&rig, "rebirth of g/line-1: a device has data and no birth\n");
    /* Another birth may give the aliases another meaning. */
    sparkplug_rig_feed(&rig, "DBIRTH/line-1/cnc-1", 4, 1012,
                       "Production/Good#2:Int32=7 Spindle/Vibration#1:Double=0.5");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 5, 1013, "#1=0.75 #2=8");
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 is online @1012\n"
                               "g/line-1/cnc-1 good 7 @1012\n"
                               "g/line-1/cnc-1 vibration 0.5 @1012\n"
                               "g/line-1/cnc-1 vibration 0.75 @1013\n"
                               "g/line-1/cnc-1 good 8 @1013\n");
}

static void test_a_late_birth_of_a_dead_session_is_not_believed(void **state)
{
    (void)state;
    rig.now_ms = 5000;
    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, BD(0));
    sparkplug_rig_expect(&rig, "g/line-1 is offline @5000\n"
                               "g/line-1/cnc-1 is offline @5000\n"
                               "g/line-1/cnc-2 is offline @5000\n");
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 1000, BD(0) " Load:Double=0.5");
    sparkplug_rig_expect(&rig, "rebirth of g/line-1: a birth is older than what is known\n");

    /* A node whose clock is slow and which counts from 0 after a restart answers, and is alive. */
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 1020, BD(0) " Load:Double=0.75");
    sparkplug_rig_expect(&rig, "g/line-1 is online @1020\ng/line-1 load 0.75 @1020\n");

    /* Of a session that was seen, its own clock tells: no need to ask. */
    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, BD(0));
    sparkplug_rig_told(&rig);
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 1025, BD(0) " Load:Double=0.75");
    sparkplug_rig_expect(&rig, "g/line-1 is online @1025\ng/line-1 load 0.75 @1025\n");

    /* Another death of the same number may be that of a session that was missed. */
    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, BD(0));
    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, BD(0));
    sparkplug_rig_told(&rig);
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 1027, BD(0) " Load:Double=0.75");
    assert_int_equal(gw_sparkplug_host_state(rig.host, rig.line_1->devices[0]), GW_DEVICE_OFFLINE);
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 1028, BD(0) " Load:Double=0.75");
    sparkplug_rig_expect(&rig, "g/line-1 is online @1028\ng/line-1 load 0.75 @1028\n");

    /* And so is one whose bdSeq went on, at once. */
    sparkplug_rig_feed(&rig, "NDEATH/line-1", -1, 900, BD(0));
    sparkplug_rig_told(&rig);
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 1030, BD(1) " Load:Double=1.5");
    sparkplug_rig_expect(&rig, "g/line-1 is online @1030\ng/line-1 load 1.5 @1030\n");
}

static void test_a_rebirth_without_its_devices_lets_them_die(void **state)
{
    (void)state;
    be_born();
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 2000, BD(7) " Load:Double=1.5");
    sparkplug_rig_expect(&rig, "g/line-1 load 1.5 @2000\n");
    tick(rig.now_ms + 29000);
    sparkplug_rig_expect(&rig, "");
    tick(rig.now_ms + 30000);
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 good none @2000 stale\n"
                               "g/line-1/cnc-1 vibration none @2000 stale\n"
                               "g/line-1/cnc-1 is offline @2000\n");
}

static void test_a_gap_is_waited_for_and_given_up(void **state)
{
    (void)state;
    be_born();
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 3, 1003, "#1=8 Spindle/Vibration=2.5");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 3, 1003, "#1=8 Spindle/Vibration=2.5");
    tick(rig.now_ms + 1900);
    sparkplug_rig_expect(&rig, "");
    /* The missing one comes in time. */
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 2, 1002, "#1=7");
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 good 7 @1002\n"
                               "g/line-1/cnc-1 good 8 @1003\n"
                               "g/line-1/cnc-1 vibration 2.5 @1003\n");
    assert_int_equal(counts()->duplicates, 1);

    /* It does not: aliases may mean something else by now, names do not. */
    rig.now_ms = 110000;
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 5, 1005, "#1=10 Spindle/Vibration=2.5");
    tick(rig.now_ms + 2000);
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 6, 1006, "#1=11");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 4, 1004, "Production/Good=9");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 4, 1004, "Production/Good=9");
    sparkplug_rig_expect(&rig, "rebirth of g/line-1: a message is missing\n"
                               "g/line-1/cnc-1 good 10 @1005 uncertain\n"
                               "g/line-1/cnc-1 vibration 2.5 @1005\n"
                               "g/line-1/cnc-1 good 11 @1006 uncertain\n"
                               "g/line-1/cnc-1 good 9 @1004\n");
    assert_int_equal(counts()->gaps, 1);
    assert_int_equal(counts()->late, 1);
    sparkplug_rig_feed(&rig, "NBIRTH/line-1", 0, 1007, BD(7));
    sparkplug_rig_feed(&rig, "DBIRTH/line-1/cnc-1", 1, 1008, "Production/Good#1:Int32=11");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 2, 1009, "#1=12");
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 good 11 @1008\ng/line-1/cnc-1 good 12 @1009\n");
}

static void test_rebirths_are_asked_for_ever_more_seldom(void **state)
{
    (void)state;
    be_born();
    rig.now_ms = 200000;
    for (int i = 0; i < 50; i++)
        sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 2 + i, 1002 + i, "#77=1");
    assert_int_equal(counts()->rebirths, 1);
    assert_int_equal(counts()->unborn, 50);
    for (int64_t now_ms = 200000; now_ms < 300000; now_ms += 500)
        tick(now_ms);
    assert_int_equal(counts()->rebirths, 4); /* after 0, 10, 30, 70 s */
    for (int64_t now_ms = 300000; now_ms < 300000 + 24 * 3600000; now_ms += 60000)
        tick(now_ms);
    assert_in_range(counts()->rebirths, 4 + 130, 4 + 145); /* each 640 s in the end */
}

static void test_sequence_numbers_wrap(void **state)
{
    (void)state;
    be_born();
    rig.is_silent = true;
    for (int i = 0; i < 1000; i++)
        sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", (2 + i) % 256, 2000 + i, "#1=6");
    assert_int_equal(rig.samples, 1003);
    assert_int_equal(counts()->kept_back, 0);
    assert_int_equal(counts()->duplicates, 0);
}

static void test_a_clock_set_back_is_followed(void **state)
{
    (void)state;
    be_born();
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 2, 500, "#1=6");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 3, 501, "#1=7");
    sparkplug_rig_expect(&rig, "");
    tick(rig.now_ms + 2000);
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 4, 502, "#1=8");
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 good 6 @500\n"
                               "g/line-1/cnc-1 good 7 @501\n"
                               "g/line-1/cnc-1 good 8 @502\n");
    assert_int_equal(counts()->gaps, 0);
}

static void test_what_is_not_registered_is_put_aside(void **state)
{
    (void)state;
    sparkplug_rig_feed_bytes(&rig, "spBv1.0/g/DDATA/line-1", GW_STR(""));
    sparkplug_rig_feed(&rig, "NBIRTH/line-9", 0, 1000, BD(0));
    sparkplug_rig_expect(&rig, "malformed spBv1.0/g/DDATA/line-1: the topic of a DDATA has five "
                               "parts\nunknown-node g/line-9: NBIRTH\n");
    be_born();
    sparkplug_rig_feed(&rig, "DBIRTH/line-1/robot", 2, 1002, "Arm#1:Int32=5");
    sparkplug_rig_feed(&rig, "DDATA/line-1/robot", 3, 1003, "#1=5");
    sparkplug_rig_feed(&rig, "DBIRTH/line-1/cnc-2", 4, 1004,
                       "Coolant#20:Double=0.5 Production/Good#21:Int32=1 :Int32=4 X=1");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-2", 5, 1005, "#20=0.5 #21=2 Coolant=0.75 =4");
    sparkplug_rig_expect(
        &rig, "unknown-device g/line-1/robot: DBIRTH\n"
              "unknown-device g/line-1/robot: DDATA\n"
              "g/line-1/cnc-2 is online @1004\n"
              "unknown-metric g/line-1/cnc-2/Coolant: \n"
              "malformed g/line-1/cnc-2: a metric of a birth has no name or no data type\n"
              "malformed g/line-1/cnc-2/X: a metric of a birth has no name or no data type\n"
              "g/line-1/cnc-2 good 1 @1004\n"
              "malformed g/line-1/cnc-2: a metric has no name and no alias\n"
              "g/line-1/cnc-2 good 2 @1005\n");
    assert_int_equal(counts()->rebirths, 0); /* its seq went on */
}

static void test_values_that_cannot_be_are_put_aside(void **state)
{
    (void)state;
    be_born();
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 2, 1002,
                       "#1=1.5 #2=3 Production/Good:Int64=6 Spindle/Vibration=0.5");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 3, 1003, "#1=6@+1000000 #2=0.25");
    sparkplug_rig_expect(&rig,
                         "type g/line-1/cnc-1/Production/Good: the value is not of its type\n"
                         "type g/line-1/cnc-1/Spindle/Vibration: the value is not of its type\n"
                         "type g/line-1/cnc-1/Production/Good: the type is not that of the birth\n"
                         "g/line-1/cnc-1 vibration 0.5 @1002\n"
                         "time g/line-1/cnc-1/Production/Good: the time lies in the future\n"
                         "g/line-1/cnc-1 vibration 0.25 @1003\n");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", -1, 1004, "#1=6");
    sparkplug_rig_feed_bytes(&rig, "spBv1.0/g/DDATA/line-1/cnc-1", GW_STR("rubbish"));
    sparkplug_rig_expect(&rig, "malformed g/line-1/cnc-1: the message has no seq\n"
                               "malformed g/line-1/cnc-1: the payload is no protocol buffer of "
                               "Sparkplug B\n");
}

static void test_an_alias_of_two_metrics_is_none(void **state)
{
    (void)state;
    be_born();
    sparkplug_rig_feed(&rig, "DBIRTH/line-1/cnc-2", 2, 1002, "Production/Good#1:Int32=1");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-2", 3, 1003, "#1=2 Production/Good=2");
    sparkplug_rig_expect(
        &rig, "g/line-1/cnc-2 is online @1002\n"
              "malformed g/line-1/cnc-2/Production/Good: the alias is another metric's, too\n"
              "g/line-1/cnc-2 good 1 @1002\n"
              "malformed g/line-1/cnc-2: an ambiguous alias\n"
              "g/line-1/cnc-2 good 2 @1003\n");
}

static void test_doubt_asks_for_births(void **state)
{
    (void)state;
    gw_sparkplug_host_doubt(rig.host, rig.line_2, rig.now_ms);
    sparkplug_rig_expect(&rig, "rebirth of g/line-2: the connection was interrupted\n");
    be_born();
    gw_sparkplug_host_doubt(rig.host, rig.line_1, 100100);
    sparkplug_rig_expect(&rig, "g/line-1 is unknown @100100\n"
                               "g/line-1/cnc-1 is unknown @100100\n"
                               "rebirth of g/line-1: the connection was interrupted\n");
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 9, 1010, "#1=6 Spindle/Vibration=0.5");
    sparkplug_rig_expect(&rig, "g/line-1/cnc-1 is online @1010\n"
                               "g/line-1/cnc-1 good 6 @1010 uncertain\n"
                               "g/line-1/cnc-1 vibration 0.5 @1010\n");
    tick(100100 + 30000);
    sparkplug_rig_expect(&rig, "rebirth of g/line-1: an earlier request was not answered\n"
                               "g/line-1 load none @1108 stale\n"
                               "g/line-1 is offline @1108\n"
                               "rebirth of g/line-2: an earlier request was not answered\n");
}

static void test_what_is_kept_back_is_bounded(void **state)
{
    (void)state;
    be_born();
    for (int i = 0; i < 64; i++)
        sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 3 + i, 1003 + i, "#1=6");
    sparkplug_rig_expect(&rig, "");
    rig.is_silent = true;
    sparkplug_rig_feed(&rig, "DDATA/line-1/cnc-1", 3 + 64, 1003 + 64, "#1=6");
    assert_int_equal(rig.samples, 3 + 65);
    assert_int_equal(counts()->held_bytes, 0);

    /* Without a birth all of it is given up. */
    for (int i = 0; i < 65; i++)
        sparkplug_rig_feed(&rig, "DDATA/line-2/cnc-1", i, 1003 + i, "#1=6");
    assert_int_equal(counts()->held_bytes, 0);
    assert_int_equal(counts()->unborn, 65);
}

/* Recorded from sparkplug-payload 1.0.3. */
static void test_parts_of_datasets_and_templates_are_series(void **state)
{
    static const char parts[] =
        "0880f882b29f34123b0a054261746368100420108a012d08021205636f756e7412046b696e641803180c22090a"
        "0208010a03320161220d0a0608feffffff0f0a0332016212490a0544726976651005201392013b0a0131120d0a"
        "0372706d200350a4f4ffff0f12110a046c6f6164200a69000000000000e03f1a070a0170100318012209447269"
        "7665547970652800123a0a0454656d701006200a280130014a210a075175616c6974790a07656e67556e697412"
        "04080318001207080c420343656c690000000000000c401808";
    struct gw_str bytes = sparkplug_from_hex(parts);

    (void)state;
    rig.now_ms = 1795132800000;
    sparkplug_rig_feed(&rig, "NBIRTH/line-2", 7, 1795132799000, BD(0));
    sparkplug_rig_feed_bytes(&rig, "spBv1.0/g/DBIRTH/line-2/cnc-1", bytes);
    free((void *)(uintptr_t)bytes.ptr);
    sparkplug_rig_expect(&rig, "g/line-2/cnc-1 is online @1795132800000\n"
                               "unknown-metric g/line-2/cnc-1/Drive/load: \n"
                               "unknown-metric g/line-2/cnc-1/Temp: \n"
                               "g/line-2/cnc-1 count 1 @1795132800000\n"
                               "g/line-2/cnc-1 kind 'a' @1795132800000\n"
                               "g/line-2/cnc-1 count -2 @1795132800000\n"
                               "g/line-2/cnc-1 kind 'b' @1795132800000\n"
                               "g/line-2/cnc-1 rpm -1500 @1795132800000\n");
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_births_explain_aliases),
        T(test_values_are_in_canonical_units),
        T(test_a_node_death_makes_all_stale),
        T(test_a_node_dies_by_its_own_clock),
        T(test_a_device_can_die_alone),
        T(test_a_late_birth_of_a_dead_session_is_not_believed),
        T(test_a_rebirth_without_its_devices_lets_them_die),
        T(test_a_gap_is_waited_for_and_given_up),
        T(test_rebirths_are_asked_for_ever_more_seldom),
        T(test_sequence_numbers_wrap),
        T(test_a_clock_set_back_is_followed),
        T(test_what_is_not_registered_is_put_aside),
        T(test_values_that_cannot_be_are_put_aside),
        T(test_an_alias_of_two_metrics_is_none),
        T(test_doubt_asks_for_births),
        T(test_what_is_kept_back_is_bounded),
        T(test_parts_of_datasets_and_templates_are_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
