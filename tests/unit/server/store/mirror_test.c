/* Records mirrored from a real Redis: followed, lost, found again; and handed to other threads. */
#include "server/store/mirror.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/store/record_change.h"
#include "tests/unit/support/redis_rig.h"

#define MANY 12000 /* more than the log keeps */
#define THREAD_CHANGES 2000

struct outcome {
    struct gw_record_change change;
    unsigned ends;
    int rc;
};

static struct redis_rig rig;
static struct gw_record_writer *writer;
static struct gw_mirror *mirror;

static void on_done(struct gw_record_change *change, int rc)
{
    struct outcome *outcome = GW_CONTAINER_OF(change, struct outcome, change);

    outcome->ends++;
    outcome->rc = rc;
}

static uint64_t deadline(void)
{
    return gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;
}

static int change(enum gw_record_act act, const char *id, const char *value, uint64_t expires_s)
{
    struct outcome outcome = {.change = {.act = act,
                                         .id = gw_str_of(id),
                                         .value = gw_str_of(value),
                                         .expires_s = expires_s,
                                         .on_done = on_done}};
    uint64_t until_ns = deadline();

    assert_int_equal(gw_record_change_start(writer, &outcome.change), 0);
    while (outcome.ends == 0) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    return outcome.rc;
}

static bool has(const struct gw_record_set *set, const char *id, const char *value)
{
    const struct gw_record *record = gw_record_set_find(set, gw_str_of(id));

    if (value == NULL || record == NULL)
        return value == NULL && record == NULL;
    return gw_str_equal(gw_record_value(record), gw_str_of(value));
}

static void await(const char *id, const char *value)
{
    uint64_t until_ns = deadline();

    while (!gw_record_set_is_known(gw_mirror_get_set(mirror)) ||
           !has(gw_mirror_get_set(mirror), id, value)) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static void start_mirror(void)
{
    mirror = gw_mirror_create(rig.loop, rig.redis);
    assert_non_null(mirror);
}

static int setup(void **state)
{
    static const char *const options[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};

    (void)state;
    redis_rig_start(&rig, options);
    redis_rig_connect(&rig, NULL);
    redis_rig_wait_up(&rig);
    const struct gw_record_writer_config config = {.redis = rig.redis};
    writer = gw_record_writer_create(&config);
    assert_non_null(writer);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_mirror_destroy(mirror);
    mirror = NULL;
    gw_record_writer_destroy(writer);
    redis_rig_stop(&rig);
    return 0;
}

static void changes_are_followed(void **state)
{
    struct gw_mirror_stats stats;

    (void)state;
    assert_int_equal(change(GW_RECORD_ADD, "key:before", "0", 0), 0);
    start_mirror();
    assert_false(gw_record_set_is_known(gw_mirror_get_set(mirror)));
    assert_true(gw_record_set_age_ns(gw_mirror_get_set(mirror), 1) == UINT64_MAX);
    await("key:before", "0");
    assert_int_equal(change(GW_RECORD_ADD, "key:a", "1", 0), 0);
    await("key:a", "1");
    assert_int_equal(change(GW_RECORD_ADD, "key:a", "2", 0), -EEXIST);
    assert_int_equal(change(GW_RECORD_PUT, "key:a", "3", 0), 0);
    await("key:a", "3");
    assert_int_equal(gw_record_set_count(gw_mirror_get_set(mirror), 'k'), 2);
    assert_int_equal(change(GW_RECORD_REMOVE, "key:a", "", 0), 0);
    await("key:a", NULL);
    assert_int_equal(change(GW_RECORD_REMOVE, "key:a", "", 0), -ENOENT);
    assert_int_equal(gw_record_set_count(gw_mirror_get_set(mirror), 'k'), 1);
    gw_mirror_get_stats(mirror, &stats);
    assert_int_equal(stats.loads, 1);
    assert_int_equal(stats.gaps, 0);
    assert_int_equal(stats.changes, 3);
}

static void the_first_record_of_all_is_followed(void **state)
{
    (void)state;
    start_mirror();
    await("key:a", NULL);
    assert_int_equal(change(GW_RECORD_PUT, "key:a", "1", 0), 0);
    await("key:a", "1");
}

static void what_is_over_goes(void **state)
{
    (void)state;
    start_mirror();
    assert_int_equal(change(GW_RECORD_PUT, "revocation:a", "1", 1), 0);
    assert_int_equal(change(GW_RECORD_PUT, "revocation:b", "1", 4102444800), 0);
    assert_int_equal(change(GW_RECORD_PUT, "revocation:c", "1", 1), 0);
    assert_int_equal(change(GW_RECORD_PUT, "revocation:c", "1", 0), 0);
    await("revocation:c", "1");
    assert_int_equal(change(GW_RECORD_TIDY, "", "", 0), 0);
    await("revocation:a", NULL);
    await("revocation:b", "1");
    await("revocation:c", "1");
}

static void a_value_that_is_too_long_is_refused(void **state)
{
    static char text[GW_RECORD_MAX_VALUE_BYTES + 2];
    struct outcome outcome = {
        .change = {.id = GW_STR("key:a"), .value = gw_str_from(text, sizeof(text) - 1)}};

    (void)state;
    assert_int_equal(gw_record_change_start(writer, &outcome.change), -EMSGSIZE);
}

static void a_gap_in_the_log_is_seen(void **state)
{
    struct redis_outcome outcome;
    struct gw_mirror_stats stats;

    (void)state;
    start_mirror();
    assert_int_equal(change(GW_RECORD_PUT, "key:a", "1", 0), 0);
    await("key:a", "1");
    /* As after a fail-over to a replica that missed the last changes. */
    redis_rig_ask(&rig, "HSET {millgate:records} key:b 2", &outcome);
    redis_rig_ask(&rig, "HDEL {millgate:records} key:a", &outcome);
    redis_rig_ask(&rig, "XTRIM {millgate:records}:log MAXLEN 0", &outcome);
    await("key:b", "2");
    await("key:a", NULL);
    gw_mirror_get_stats(mirror, &stats);
    assert_true(stats.gaps > 0);
    assert_int_equal(change(GW_RECORD_PUT, "key:c", "3", 0), 0);
    await("key:c", "3");
    redis_rig_ask(&rig, "FLUSHALL", &outcome);
    await("key:b", NULL);
    await("key:c", NULL);
}

static void without_redis_the_last_known_serves(void **state)
{
    uint64_t age_ns, until_ns;

    (void)state;
    start_mirror();
    assert_int_equal(change(GW_RECORD_PUT, "key:a", "1", 0), 0);
    await("key:a", "1");
    redis_server_kill(&rig.server);
    until_ns = deadline();
    do {
        gw_loop_turn(rig.loop, 10);
        age_ns = gw_record_set_age_ns(gw_mirror_get_set(mirror), gw_clock_monotonic_ns());
        assert_true(gw_clock_monotonic_ns() < until_ns);
    } while (age_ns < GW_NS_PER_SECOND);
    assert_true(has(gw_mirror_get_set(mirror), "key:a", "1"));
    redis_server_restart(&rig.server);
    redis_rig_wait_up(&rig);
    until_ns = deadline();
    while (gw_record_set_age_ns(gw_mirror_get_set(mirror), gw_clock_monotonic_ns()) >
           GW_NS_PER_SECOND) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    assert_true(has(gw_mirror_get_set(mirror), "key:a", "1"));
    assert_int_equal(change(GW_RECORD_PUT, "key:b", "2", 0), 0);
    await("key:b", "2");
}

/* --- many, and threads --- */

static unsigned ends;

static void count_end(struct gw_record_change *record, int rc)
{
    (void)record;
    assert_int_equal(rc, 0);
    ends++;
}

static void many_are_loaded_and_a_slow_mirror_catches_up(void **state)
{
    static struct gw_record_change changes[MANY];
    static char ids[MANY][24];
    uint64_t until_ns = deadline() + 40 * GW_NS_PER_SECOND;

    (void)state;
    start_mirror();
    await("key:0", NULL);
    ends = 0;
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof(ids[i]), "key:%u", i);
        changes[i] = (struct gw_record_change){.act = GW_RECORD_ADD,
                                               .id = gw_str_of(ids[i]),
                                               .value = gw_str_of(ids[i]),
                                               .on_done = count_end};
        assert_int_equal(gw_record_change_start(writer, &changes[i]), 0);
        if (i % 1000 == 999) {
            while (ends < i) {
                gw_loop_turn(rig.loop, 10);
                assert_true(gw_clock_monotonic_ns() < until_ns);
            }
        }
    }
    await("key:11999", "key:11999");
    assert_int_equal(gw_record_set_count(gw_mirror_get_set(mirror), 'k'), MANY);
    gw_mirror_destroy(mirror);
    start_mirror();
    await("key:11999", "key:11999");
    assert_int_equal(gw_record_set_count(gw_mirror_get_set(mirror), 'k'), MANY);
}

struct reading {
    struct gw_record_set set;
    atomic_uint wakes;
    unsigned finds;
};

static void wake(void *self)
{
    struct reading *reading = self;
    atomic_fetch_add(&reading->wakes, 1);
}

/* A worker: takes what is handed over and looks up, until the last change is there. */
static void *read_until_last(void *self)
{
    struct reading *reading = self;
    uint64_t until_ns = deadline();

    while (!has(&reading->set, "key:last", "1") && gw_clock_monotonic_ns() < until_ns) {
        if (atomic_exchange(&reading->wakes, 0) > 0)
            gw_record_set_take(&reading->set);
        const struct gw_record *record = gw_record_set_find(&reading->set, GW_STR("key:n"));
        reading->finds += record != NULL && gw_record_value(record).len > 0;
    }
    return NULL;
}

static void workers_follow_without_a_lock(void **state)
{
    static struct reading readings[3];
    pthread_t threads[GW_COUNT_OF(readings)];
    char value[16];

    (void)state;
    start_mirror();
    for (size_t i = 0; i < GW_COUNT_OF(readings); i++) {
        gw_record_set_init(&readings[i].set, GW_RECORD_MAX_COUNT);
        assert_int_equal(gw_mirror_add_reader(mirror, &readings[i].set, wake, &readings[i]), 0);
        assert_int_equal(pthread_create(&threads[i], NULL, read_until_last, &readings[i]), 0);
    }
    for (unsigned i = 0; i < THREAD_CHANGES / 10; i++) {
        snprintf(value, sizeof(value), "%u", i);
        assert_int_equal(change(GW_RECORD_PUT, "key:n", value, 0), 0);
        gw_mirror_poll(mirror);
    }
    assert_int_equal(change(GW_RECORD_PUT, "key:last", "1", 0), 0);
    await("key:last", "1");
    for (size_t i = 0; i < GW_COUNT_OF(readings); i++) {
        pthread_join(threads[i], NULL);
        assert_true(has(&readings[i].set, "key:last", "1"));
        assert_true(has(&readings[i].set, "key:n", value));
        assert_true(gw_record_set_is_known(&readings[i].set));
    }
    gw_mirror_destroy(mirror);
    mirror = NULL;
    for (size_t i = 0; i < GW_COUNT_OF(readings); i++)
        gw_record_set_finish(&readings[i].set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_record_of_all_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_over_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_that_is_too_long_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gap_in_the_log_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(without_redis_the_last_known_serves, setup, teardown),
        cmocka_unit_test_setup_teardown(many_are_loaded_and_a_slow_mirror_catches_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(workers_follow_without_a_lock, setup, teardown),
    };

    if (!redis_server_is_installed()) {
        fprintf(stderr, "skipped: redis-server is not installed\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
