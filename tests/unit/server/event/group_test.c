/* The log and its consumer groups on a real Redis: guard, order, hand-over, fencing. */
#include "server/event/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "server/core/clock.h"
#include "server/event/log.h"
#include "tests/unit/support/redis_rig.h"

static const struct gw_event_log_config config = {
    .partitions = 4, .keep_s = 3600, .guard_s = 3600, .max_events = 100};

static struct redis_rig rig;
static struct gw_event_log *events;

static int set_up(void **state)
{
    (void)state;
    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, NULL);
    redis_rig_wait_up(&rig);
    events = gw_event_log_create(rig.redis, NULL, &config, NULL);
    return events != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    gw_event_log_destroy(events);
    redis_rig_stop(&rig);
    return 0;
}

/* --- appending --- */

struct appended {
    struct gw_event_append append;
    unsigned calls;
    int rc;
    bool is_repeated;
    struct gw_event_place place;
};

static void on_appended(struct gw_event_append *append, int rc, struct gw_str place,
                        bool is_repeated)
{
    struct appended *appended = GW_CONTAINER_OF(append, struct appended, append);

    appended->calls++;
    appended->rc = rc;
    appended->is_repeated = is_repeated;
    if (rc == 0)
        assert_int_equal(gw_event_place_parse(place, &appended->place), 0);
}

static void await(const unsigned *calls)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 10 * GW_NS_PER_SECOND;

    while (*calls == 0) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static struct gw_event make_event(const char *id, const char *subject)
{
    return (struct gw_event){.id = gw_str_of(id),
                             .source = GW_STR("/tests"),
                             .type = GW_STR("t"),
                             .subject = gw_str_of(subject),
                             .data = GW_STR("{}")};
}

static struct appended append(const char *id, const char *subject)
{
    struct gw_event event = make_event(id, subject);
    struct appended appended = {.append = {.event = &event, .done = on_appended}};

    assert_int_equal(gw_event_log_append(events, &appended.append), 0);
    await(&appended.calls);
    return appended;
}

static void test_an_id_is_appended_once(void **state)
{
    struct appended first = append("1", "a"), again = append("1", "a"), other = append("2", "a");

    (void)state;
    assert_int_equal(first.rc, 0);
    assert_false(first.is_repeated);
    assert_true(again.is_repeated);
    assert_memory_equal(&again.place, &first.place, sizeof(first.place));
    assert_false(other.is_repeated);
    assert_int_equal(other.place.partition, first.place.partition);
    assert_true(gw_event_position_compare(first.place.at, other.place.at) < 0);
}

static void test_many_at_once_keep_their_order(void **state)
{
    enum { COUNT = 60 };
    static struct appended all[COUNT];
    char ids[COUNT][16];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%d", i);
        struct gw_event event = make_event(ids[i], "ordered");
        all[i] = (struct appended){.append = {.event = &event, .done = on_appended}};
        assert_int_equal(gw_event_log_append(events, &all[i].append), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        await(&all[i].calls);
        assert_int_equal(all[i].rc, 0);
        assert_true(i == 0 || gw_event_position_compare(all[i - 1].place.at, all[i].place.at) < 0);
    }
}

static void test_what_cannot_be_appended(void **state)
{
    struct gw_event event = make_event("", "a");
    struct appended appended = {.append = {.event = &event, .done = on_appended}};
    char id[16];

    (void)state;
    assert_int_equal(gw_event_log_append(events, &appended.append), -EINVAL);
    assert_null(appended.append.state);
    for (int i = 0; i < 125; i++) {
        snprintf(id, sizeof(id), "%d", i);
        assert_int_equal(append(id, "full").rc, 0);
    }
    assert_int_equal(append("one more", "full").rc, -ENOSPC);
    struct gw_event_log_config other = config;
    other.partitions = 2;
    gw_event_log_destroy(events);
    events = gw_event_log_create(rig.redis, NULL, &other, NULL);
    assert_non_null(events);
    int refused = append("x", "full").rc;
    assert_true(refused == -EEXIST || refused == 0); /* of a partition that was never written to */
}

static void test_nobody_is_called_who_cancelled(void **state)
{
    struct gw_event event = make_event("1", "a");
    struct appended appended = {.append = {.event = &event, .done = on_appended}};

    (void)state;
    assert_int_equal(gw_event_log_append(events, &appended.append), 0);
    gw_event_log_cancel(&appended.append);
    gw_event_log_cancel(&appended.append);
    assert_true(append("1", "a").is_repeated); /* it was written in spite of it */
    assert_int_equal(appended.calls, 0);
}

/* --- groups --- */

struct given {
    struct gw_event_group_call call;
    unsigned calls;
    int rc;
    size_t count, again;
    struct gw_event_place places[GW_EVENT_GROUP_MAX_IDS];
};

static void on_done(struct gw_event_group_call *call, int rc, const struct gw_reply *entries,
                    size_t count)
{
    struct given *given = call->owner;
    struct gw_str json;

    given->calls++;
    given->rc = rc;
    given->again = count;
    for (size_t i = 0; entries != NULL && i < entries->count; i++)
        assert_true(
            gw_event_entry_read(&entries->items[i], &given->places[given->count++].at, &json));
}

static void read_as(struct given *given, unsigned partition, const char *reader, uint64_t idle_ms,
                    size_t count)
{
    static const struct gw_event_position first = {0, 0};
    const struct gw_event_group_read read = {.group = GW_STR("g"),
                                             .reader = gw_str_of(reader),
                                             .count = count,
                                             .redelivery_ms = idle_ms,
                                             .max_held = 20,
                                             .creates = true,
                                             .start = &first,
                                             .max_groups = 2};

    *given = (struct given){.call = {.done = on_done, .owner = given}};
    for (size_t i = 0; i < GW_EVENT_GROUP_MAX_IDS; i++)
        given->places[i].partition = partition;
    assert_int_equal(gw_event_group_read(rig.redis, &given->call, partition, &read), 0);
    await(&given->calls);
}

static size_t acknowledge_as(const struct given *given, const char *reader)
{
    struct given done = {.call = {.done = on_done, .owner = &done}};

    assert_int_equal(gw_event_group_acknowledge(rig.redis, &done.call, given->places, given->count,
                                                GW_STR("g"), gw_str_of(reader)),
                     0);
    await(&done.calls);
    assert_int_equal(done.rc, 0);
    return done.again;
}

static void test_a_reader_that_lost_an_event_cannot_acknowledge_it(void **state)
{
    static struct given one, two, rest;
    unsigned partition = append("1", "a").place.partition;

    (void)state;
    for (int i = 2; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "%d", i);
        append(id, "a");
    }
    read_as(&one, partition, "one", 60000, 5);
    read_as(&two, partition, "two", 60000, 5);
    assert_int_equal(one.count, 5);
    assert_int_equal(two.count, 4);
    assert_int_equal(acknowledge_as(&one, "two"), 0); /* they are not its own */
    read_as(&two, partition, "two", 0, 9);            /* takes over what the first one holds */
    assert_int_equal(two.count, 9);
    assert_int_equal(two.again, 9);
    assert_int_equal(acknowledge_as(&one, "one"), 0); /* it was thought dead */
    assert_int_equal(acknowledge_as(&two, "two"), 9);
    assert_int_equal(acknowledge_as(&two, "two"), 0);
    read_as(&rest, partition, "one", 0, 9);
    assert_int_equal(rest.count, 0);
}

static void test_what_is_held_has_a_bound(void **state)
{
    static struct given given;
    unsigned partition = 0;
    char id[16];

    (void)state;
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof(id), "%d", i);
        partition = append(id, "a").place.partition;
    }
    read_as(&given, partition, "one", 60000, 100);
    assert_int_equal(given.count, 20);
    read_as(&given, partition, "two", 60000, 100);
    assert_int_equal(given.count, 0);
}

static void test_a_group_begins_anew_or_ends(void **state)
{
    static struct given given;
    struct given set = {.call = {.done = on_done, .owner = &set}};
    struct appended first = append("1", "a"), second = append("2", "a");
    unsigned partition = first.place.partition;

    (void)state;
    read_as(&given, partition, "one", 60000, 10);
    assert_int_equal(given.count, 2);
    assert_int_equal(
        gw_event_group_set(rig.redis, &set.call, partition, GW_STR("g"), &first.place.at), 0);
    await(&set.calls);
    assert_int_equal(set.again, 1);
    read_as(&given, partition, "one", 60000, 10);
    assert_int_equal(given.count, 1);
    assert_memory_equal(&given.places[0].at, &second.place.at, sizeof(second.place.at));
    set.calls = 0;
    assert_int_equal(gw_event_group_set(rig.redis, &set.call, partition, GW_STR("g"), NULL), 0);
    await(&set.calls);
    const struct gw_event_group_read read = {
        .group = GW_STR("g"), .reader = GW_STR("one"), .count = 1};
    given = (struct given){.call = {.done = on_done, .owner = &given}};
    assert_int_equal(gw_event_group_read(rig.redis, &given.call, partition, &read), 0);
    await(&given.calls);
    assert_int_equal(given.rc, -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_id_is_appended_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_at_once_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_appended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_is_called_who_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_that_lost_an_event_cannot_acknowledge_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_held_has_a_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_group_begins_anew_or_ends, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
