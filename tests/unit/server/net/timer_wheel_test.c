#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/net/timer_wheel.h"

struct entry {
    struct gw_timer timer;
    uint64_t wanted_ms;
    unsigned calls;
    struct entry *victim;
};

static struct gw_timer_wheel wheel;
static uint64_t last_called_ms;

static void on_entry(struct gw_timer *timer)
{
    struct entry *entry = GW_CONTAINER_OF(timer, struct entry, timer);

    entry->calls++;
    assert_int_equal(timer->due_ms, 0);
    assert_int_equal(wheel.now_ms, entry->wanted_ms);
    assert_true(wheel.now_ms >= last_called_ms);
    last_called_ms = wheel.now_ms;
    if (entry->victim != NULL) {
        gw_list_remove(&entry->victim->timer.node);
        entry->victim->timer.due_ms = 0;
    }
}

static void begin(uint64_t now_ms)
{
    gw_timer_wheel_init(&wheel, now_ms);
    last_called_ms = 0;
}

static void add(struct entry *entry, uint64_t due_ms)
{
    entry->timer.fn = on_entry;
    entry->wanted_ms = due_ms;
    gw_timer_wheel_add(&wheel, &entry->timer, due_ms);
}

/* Thousands of timers, from 1 ms to a year away, each called once at its very millisecond, in
 * order, however the time moves on. */
static void test_each_is_called_on_time(void **state)
{
    static struct entry entries[4000];
    uint64_t random = 88172645463325252U;
    uint64_t now_ms = 123456789;

    (void)state;
    memset(entries, 0, sizeof(entries));
    begin(now_ms);
    for (size_t at = 0; at < 4000; at++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        add(&entries[at], now_ms + 1 + random % (UINT64_C(1) << (1 + random % 35)));
    }
    for (size_t at = 0; at < 4000; at += 5) {
        gw_list_remove(&entries[at].timer.node);
        entries[at].timer.due_ms = 0;
    }
    while (gw_timer_wheel_next_ms(&wheel) != UINT64_MAX) {
        uint64_t next_ms = gw_timer_wheel_next_ms(&wheel);

        assert_true(next_ms > now_ms);
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        now_ms = random % 3 == 0 ? next_ms + random % 100000 : next_ms;
        gw_timer_wheel_advance(&wheel, now_ms);
    }
    for (size_t at = 0; at < 4000; at++)
        assert_int_equal(entries[at].calls, at % 5 == 0 ? 0 : 1);
}

static void test_next_is_never_late(void **state)
{
    struct entry far = {0}, near = {0};

    (void)state;
    begin(1000);
    assert_true(gw_timer_wheel_next_ms(&wheel) == UINT64_MAX);
    add(&far, 1000000);
    assert_true(gw_timer_wheel_next_ms(&wheel) <= 1000000);
    add(&near, 1003);
    assert_int_equal(gw_timer_wheel_next_ms(&wheel), 1003);
    gw_timer_wheel_advance(&wheel, 1002);
    assert_int_equal(near.calls, 0);
    gw_timer_wheel_advance(&wheel, 1003);
    assert_int_equal(near.calls, 1);
    gw_timer_wheel_advance(&wheel, 5); /* a clock that steps back does nothing */
    assert_int_equal(wheel.now_ms, 1003);
    gw_timer_wheel_advance(&wheel, 1000000);
    assert_int_equal(far.calls, 1);
}

static void test_past_and_endless_times_are_bounded(void **state)
{
    struct entry past = {0}, endless = {0};

    (void)state;
    begin(1000);
    add(&past, 3);
    assert_int_equal(past.timer.due_ms, 1001);
    past.wanted_ms = 1001;
    add(&endless, UINT64_MAX);
    gw_timer_wheel_advance(&wheel, 2000);
    assert_int_equal(past.calls, 1);
    assert_int_equal(endless.calls, 0);
    assert_true(endless.timer.due_ms > UINT64_C(1) << 40);
}

static void test_restart_and_stop_within_a_call(void **state)
{
    struct entry first = {0}, second = {0}, moved = {0};

    (void)state;
    begin(0);
    add(&first, 70);
    add(&second, 70);
    add(&moved, 70);
    add(&moved, 200); /* restarted: only the later time counts */
    first.victim = &second;
    gw_timer_wheel_advance(&wheel, 100);
    assert_int_equal(first.calls, 1);
    assert_int_equal(second.calls, 0);
    assert_int_equal(moved.calls, 0);
    gw_timer_wheel_advance(&wheel, 300);
    assert_int_equal(moved.calls, 1);
}

static unsigned endless_calls;

static void start_again(struct gw_timer *timer)
{
    endless_calls++;
    gw_timer_wheel_add(&wheel, timer, 0);
}

static void test_a_timer_that_starts_itself_ends_the_turn(void **state)
{
    struct gw_timer timer = {.fn = start_again};

    (void)state;
    begin(10);
    gw_timer_wheel_add(&wheel, &timer, 11);
    gw_timer_wheel_advance(&wheel, 11);
    assert_int_equal(endless_calls, 1);
    gw_timer_wheel_advance(&wheel, 12);
    assert_int_equal(endless_calls, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_is_called_on_time),
        cmocka_unit_test(test_next_is_never_late),
        cmocka_unit_test(test_past_and_endless_times_are_bounded),
        cmocka_unit_test(test_restart_and_stop_within_a_call),
        cmocka_unit_test(test_a_timer_that_starts_itself_ends_the_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
