/* The store against a real Redis: epochs, the journal, checkpoints, and answers that are lost. */
#include "server/iot/store_redis.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/store/record.h"
#include "tests/unit/support/redis_rig.h"

static struct redis_rig rig;
static struct gw_record_writer *writer;
static struct gw_iot_store *store;

struct outcome {
    struct gw_store_call call;
    unsigned ends;
    int rc;
    char checkpoint[64], checkpoint_at[64], appended_at[64], entries[256];
    size_t entry_count;
};

static void keep(char *out, size_t size, struct gw_str text)
{
    snprintf(out, size, "%.*s", GW_STR_ARG(text));
}

static void on_done(struct gw_store_call *call, int rc)
{
    struct outcome *outcome = call->owner;
    size_t len = 0;

    outcome->ends++;
    outcome->rc = rc;
    keep(outcome->checkpoint, sizeof(outcome->checkpoint), call->checkpoint);
    keep(outcome->checkpoint_at, sizeof(outcome->checkpoint_at), call->checkpoint_at);
    keep(outcome->appended_at, sizeof(outcome->appended_at), call->appended_at);
    outcome->entry_count = call->entry_count;
    for (size_t i = 0; rc == 0 && i < call->entry_count; i++)
        len += (size_t)snprintf(outcome->entries + len, sizeof(outcome->entries) - len, "%.*s ",
                                GW_STR_ARG(call->entries[i].bytes));
}

typedef int store_fn(struct gw_iot_store *self, struct gw_store_call *call);

static void prepare(struct outcome *outcome, uint64_t epoch, const char *bytes)
{
    *outcome = (struct outcome){.call = {.node = GW_STR("plant}/line-1"),
                                         .epoch = epoch,
                                         .bytes = gw_str_of(bytes),
                                         .done = on_done}};
    outcome->call.owner = outcome;
}

static void await(const struct outcome *outcome)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (outcome->ends == 0) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    assert_int_equal(outcome->ends, 1);
}

static void run(store_fn *fn, struct outcome *outcome)
{
    assert_int_equal(fn(store, &outcome->call), 0);
    assert_int_equal(outcome->ends, 0); /* from the loop, never at once */
    await(outcome);
}

static uint64_t claim(struct outcome *outcome)
{
    prepare(outcome, 0, "");
    run(store->ops->claim, outcome);
    assert_int_equal(outcome->rc, 0);
    return outcome->call.new_epoch;
}

static int append(struct outcome *outcome, uint64_t epoch, uint64_t sequence, const char *bytes)
{
    prepare(outcome, epoch, bytes);
    outcome->call.sequence = sequence;
    run(store->ops->append, outcome);
    return outcome->rc;
}

static void read_behind(struct outcome *outcome, const char *position)
{
    prepare(outcome, 0, "");
    outcome->call.position = gw_str_of(position);
    run(store->ops->read, outcome);
    assert_int_equal(outcome->rc, 0);
}

static void test_the_journal_is_read_behind_the_checkpoint(void **state)
{
    struct outcome outcome, appended;
    (void)state;
    uint64_t epoch = claim(&outcome);

    assert_string_equal(outcome.checkpoint, "");
    assert_int_equal(append(&appended, epoch, 1, "one"), 0);
    assert_int_equal(append(&appended, epoch, 2, "two"), 0);
    read_behind(&outcome, "");
    assert_string_equal(outcome.entries, "one two ");

    struct outcome kept;
    prepare(&kept, epoch, "state");
    kept.call.position = gw_str_of(appended.appended_at);
    run(store->ops->checkpoint, &kept);
    assert_int_equal(kept.rc, 0);
    assert_int_equal(append(&outcome, epoch, 3, "three"), 0);

    assert_true(claim(&outcome) > epoch);
    assert_string_equal(outcome.checkpoint, "state");
    assert_string_equal(outcome.checkpoint_at, appended.appended_at);
    read_behind(&outcome, appended.appended_at);
    assert_string_equal(outcome.entries, "three ");
    read_behind(&outcome, "");
    assert_true(outcome.entry_count <= 2); /* what is behind it is gone */
}

static void test_an_old_owner_changes_nothing(void **state)
{
    struct outcome outcome;
    (void)state;
    uint64_t old = claim(&outcome);
    assert_int_equal(append(&outcome, old, 1, "mine"), 0);
    uint64_t epoch = claim(&outcome);

    assert_int_equal(append(&outcome, old, 2, "late"), -ESTALE);
    prepare(&outcome, old, "old state");
    outcome.call.position = GW_STR("9999999999999-0");
    run(store->ops->checkpoint, &outcome);
    assert_int_equal(outcome.rc, -ESTALE);
    prepare(&outcome, old, "");
    run(store->ops->release, &outcome);
    assert_int_equal(outcome.rc, -ESTALE);

    read_behind(&outcome, "");
    assert_string_equal(outcome.entries, "mine ");
    prepare(&outcome, epoch, "");
    run(store->ops->release, &outcome);
    assert_int_equal(outcome.rc, 0);
}

static void test_an_append_that_is_tried_again_stands_once(void **state)
{
    struct outcome first, again;
    (void)state;
    uint64_t epoch = claim(&first);

    assert_int_equal(append(&first, epoch, 1, "one"), 0);
    assert_int_equal(append(&again, epoch, 1, "one"), 0);
    assert_string_equal(first.appended_at, again.appended_at);
    assert_int_equal(append(&first, epoch, 2, "one"), 0);
    read_behind(&again, "");
    assert_string_equal(again.entries, "one one ");
    /* Of the next owner it is another one. */
    epoch = claim(&first);
    assert_int_equal(append(&again, epoch, 2, "two"), 0);
    read_behind(&again, "");
    assert_string_equal(again.entries, "one one two ");
}

static void test_a_long_journal_is_read_in_parts(void **state)
{
    struct outcome outcome;
    (void)state;
    uint64_t epoch = claim(&outcome);
    char text[16];

    for (unsigned i = 1; i <= GW_JOURNAL_READ_MAX + 1; i++) {
        snprintf(text, sizeof(text), "%u", i);
        assert_int_equal(append(&outcome, epoch, i, text), 0);
    }
    read_behind(&outcome, "");
    assert_int_equal(outcome.entry_count, GW_JOURNAL_READ_MAX);
}

static void test_what_is_cancelled_is_not_told(void **state)
{
    struct outcome outcome;
    (void)state;

    prepare(&outcome, 0, "");
    assert_int_equal(store->ops->claim(store, &outcome.call), 0);
    store->ops->cancel(store, &outcome.call);
    prepare(&outcome, 0, "");
    assert_int_equal(store->ops->read(store, &outcome.call), 0);
    store->ops->cancel(store, &outcome.call);
    store->ops->cancel(store, &outcome.call); /* it is not under way */
    redis_rig_turn_for(&rig, 100);
    assert_int_equal(outcome.ends, 0);
}

static void test_a_redis_that_is_away_is_told(void **state)
{
    struct outcome outcome;
    (void)state;
    uint64_t epoch = claim(&outcome);

    redis_server_kill(&rig.server);
    prepare(&outcome, epoch, "x");
    outcome.call.sequence = 1;
    int rc = store->ops->append(store, &outcome.call);
    if (rc == 0) {
        await(&outcome);
        rc = outcome.rc;
    }
    assert_true(rc != 0 && rc != -ESTALE);
}

static int set_up(void **state)
{
    const struct gw_redis_config config = {0};
    (void)state;

    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    const struct gw_record_writer_config writing = {.redis = rig.redis};
    writer = gw_record_writer_create(&writing);
    const struct gw_iot_redis_config storing = {rig.redis, writer, NULL, GW_STR("one")};
    store = gw_iot_redis_create(&storing);
    return store == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    store->ops->destroy(store);
    gw_record_writer_destroy(writer);
    redis_rig_stop(&rig);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_journal_is_read_behind_the_checkpoint),
        TEST(test_an_old_owner_changes_nothing),
        TEST(test_an_append_that_is_tried_again_stands_once),
        TEST(test_a_long_journal_is_read_in_parts),
        TEST(test_what_is_cancelled_is_not_told),
        TEST(test_a_redis_that_is_away_is_told),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
