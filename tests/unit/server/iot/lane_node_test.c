/* An edge node whose store fails: what is tried again, what is given up, and what a lane believes
 * of itself meanwhile. The store is the test's own: a call ends when the test says so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/event/event.h"
#include "server/iot/lane.h"
#include "server/iot/sample_json.h"
#include "server/net/loop.h"
#include "tests/unit/support/signal_rig.h"

#define T0 INT64_C(1763886600000)
#define PATIENCE_NS (10 * GW_NS_PER_SECOND)

static const char registry_text[] =
    "types:\n"
    "  oven: {metrics: {temperature: {source: T}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: oven, equipment: OVEN, plant: p}\n";
static const char too_warm[] =
    "signal: warm\ndevices: [oven]\nlateness: PT0S\ninputs: {temperature: {}}\n"
    "alarm: {severity: warning, raised: t.r.v1, cleared: t.c.v1, raise: {value: temperature, "
    "above: 8}}\n";

enum op { CLAIM, RELEASE, APPEND, READ, CHECKPOINT, OP_COUNT };

static struct signal_rig *documents;
static struct gw_loop *loop;
static struct gw_lane *lane;
static struct gw_iot_store store;
static struct gw_store_call *calls[OP_COUNT]; /* under way */
static unsigned begun[OP_COUNT];
static int at_once[OP_COUNT]; /* what the next one is refused with; 0: it is begun */
static struct gw_event_append *emission;
static unsigned emitted, owned, left, alarms, stopped;
static bool is_wanted, is_known, takes_alarms, keeps_alarms;
static char last_event[64];

/* --- the store --- */

static int begin(enum op op, struct gw_store_call *call)
{
    int rc = at_once[op];

    begun[op]++;
    at_once[op] = 0;
    if (rc != 0)
        return rc;
    assert_null(calls[op]);
    calls[op] = call;
    call->state = call;
    return 0;
}

static int claim(struct gw_iot_store *self, struct gw_store_call *call)
{
    (void)self;
    return begin(CLAIM, call);
}

static int release(struct gw_iot_store *self, struct gw_store_call *call)
{
    (void)self;
    return begin(RELEASE, call);
}

static int append(struct gw_iot_store *self, struct gw_store_call *call)
{
    (void)self;
    return begin(APPEND, call);
}

static int read_journal(struct gw_iot_store *self, struct gw_store_call *call)
{
    (void)self;
    return begin(READ, call);
}

static int checkpoint(struct gw_iot_store *self, struct gw_store_call *call)
{
    (void)self;
    return begin(CHECKPOINT, call);
}

static void cancel(struct gw_iot_store *self, struct gw_store_call *call)
{
    (void)self;
    for (size_t i = 0; i < OP_COUNT; i++)
        if (calls[i] == call)
            calls[i] = NULL;
    call->state = NULL;
}

static int emit(struct gw_iot_store *self, struct gw_event_append *one)
{
    (void)self;
    assert_null(emission);
    emission = one;
    emitted++;
    snprintf(last_event, sizeof(last_event), "%.*s", GW_STR_ARG(one->event->id));
    return 0;
}

static void cancel_emit(struct gw_iot_store *self, struct gw_event_append *one)
{
    (void)self;
    assert_ptr_equal(emission, one);
    emission = NULL;
}

static const struct gw_iot_store_ops ops = {.claim = claim,
                                            .release = release,
                                            .append = append,
                                            .read = read_journal,
                                            .checkpoint = checkpoint,
                                            .cancel = cancel,
                                            .emit = emit,
                                            .cancel_emit = cancel_emit};

static void await(enum op op)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;

    while (calls[op] == NULL) {
        gw_loop_turn(loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

/* Ends the call, which is waited for. */
static void finish(enum op op, int rc)
{
    await(op);
    struct gw_store_call *call = calls[op];

    calls[op] = NULL;
    call->state = NULL;
    call->new_epoch = 7;
    call->appended_at = GW_STR("5-0");
    call->done(call, rc);
}

static void finish_emission(int rc)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;

    while (emission == NULL) {
        gw_loop_turn(loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    struct gw_event_append *one = emission;
    emission = NULL;
    one->done(one, rc, GW_STR(""), false);
}

static void turn_for(unsigned ms)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + ms * GW_NS_PER_MS;

    while (gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(loop, 5);
}

/* --- the lane --- */

static bool is_mine(void *self, const struct gw_edge_node_config *node)
{
    (void)self, (void)node;
    return is_wanted;
}

static void on_owned(void *self, const struct gw_edge_node_config *node, bool is_owned)
{
    (void)self, (void)node;
    owned += is_owned;
    left += !is_owned;
}

static bool on_loaded(void *self, const struct gw_edge_node_config *node)
{
    (void)self, (void)node;
    return is_known;
}

static bool on_alarm(void *self, const struct gw_alarm_news *news)
{
    (void)self;
    assert_int_equal(news->change, GW_ALARM_RAISED);
    alarms++;
    return takes_alarms;
}

static bool is_kept(void *self, const struct gw_edge_node_config *node)
{
    (void)self, (void)node;
    return keeps_alarms;
}

static void become_owner(void)
{
    finish(CLAIM, 0);
    finish(READ, 0);
    assert_int_equal(owned, left + 1);
}

static void feed(int64_t at_s, double temperature)
{
    const struct gw_sample sample = {.type = GW_SAMPLE_REAL,
                                     .quality = GW_QUALITY_GOOD,
                                     .time_ms = T0 + at_s * 1000,
                                     .real = temperature};
    struct gw_buf text;

    gw_buf_init(&text, 4096);
    gw_buf_append_byte(&text, '[');
    gw_samples_write(&text, GW_STR("a"), GW_STR("temperature"), &sample);
    gw_buf_append_byte(&text, ']');
    assert_int_equal(gw_lane_feed(lane, GW_STR("samples/g/n/1-0"), gw_buf_str(&text)), 0);
    gw_buf_finish(&text);
}

/* --- claiming --- */

static void test_a_claim_that_fails_is_tried_again(void **state)
{
    (void)state;

    at_once[CLAIM] = -ENOTCONN;
    finish(CLAIM, -ETIMEDOUT);
    assert_int_equal(begun[CLAIM], 2);
    assert_int_equal(gw_lane_feed(lane, GW_STR("samples/g/n/1-0"), GW_STR("[]")), -ENOENT);
    become_owner();
    assert_int_equal(begun[CLAIM], 3);
}

static void test_a_journal_that_cannot_be_read_is_read_again(void **state)
{
    (void)state;

    finish(CLAIM, 0);
    finish(READ, -ETIMEDOUT);
    assert_int_equal(owned, 0);
    at_once[READ] = -ENOTCONN;
    finish(READ, 0);
    assert_int_equal(begun[READ], 3);
    assert_int_equal(begun[CLAIM], 1);
    assert_int_equal(owned, 1);
}

/* What the journal meets must be known first. */
static void test_nothing_is_computed_before_it_is_known_with_what(void **state)
{
    (void)state;

    is_known = false;
    finish(CLAIM, 0);
    turn_for(400);
    assert_int_equal(begun[READ], 0);
    is_known = true;
    finish(READ, 0);
    assert_int_equal(owned, 1);
}

static void test_one_that_is_no_longer_wanted_is_let_go_while_it_loads(void **state)
{
    (void)state;

    is_known = false;
    finish(CLAIM, 0);
    is_wanted = false;
    gw_lane_set_owned(lane, is_mine, NULL);
    finish(RELEASE, -ETIMEDOUT); /* whoever claims it next does not ask */
    turn_for(300);
    assert_int_equal(begun[CLAIM], 1);
    assert_int_equal(owned, 0);
}

static void test_a_checkpoint_that_cannot_be_read_begins_anew(void **state)
{
    static const char *const damaged[] = {"x", "mgc0", "mgc1", "mgc1\xff\xff\xff\xff",
                                          "mgc1\1\0\0\0x\1\0\0\0y"};
    static const size_t lens[] = {1, 4, 4, 8, 14};
    (void)state;

    for (size_t i = 0; i < 5; i++) {
        await(CLAIM);
        calls[CLAIM]->checkpoint = gw_str_from(damaged[i], lens[i]);
        become_owner();
        feed(0, 9);
        finish(APPEND, -ESTALE);
    }
    assert_int_equal(left, 5);
}

/* --- the journal --- */

static void test_an_append_that_fails_is_the_same_one_again(void **state)
{
    (void)state;

    become_owner();
    feed(0, 9);
    await(APPEND);
    size_t len = calls[APPEND]->bytes.len;
    uint64_t sequence = calls[APPEND]->sequence;
    feed(1, 9); /* that is for the next one */
    finish(APPEND, -ETIMEDOUT);
    at_once[APPEND] = -ENOTCONN;
    await(APPEND);
    assert_int_equal(calls[APPEND]->bytes.len, len);
    assert_int_equal(calls[APPEND]->sequence, sequence);
    assert_int_equal(emitted, 0); /* nothing is computed before it is journaled */
    finish(APPEND, 0);
    await(APPEND);
    assert_int_equal(calls[APPEND]->sequence, sequence + 1);
    finish(APPEND, 0);
    finish_emission(0);
    assert_int_equal(alarms, 1);
}

static void test_one_that_has_another_owner_is_left_at_once(void **state)
{
    struct gw_lane_stats stats;
    (void)state;

    become_owner();
    feed(0, 9);
    await(APPEND);
    feed(1, 9);
    finish(APPEND, -ESTALE);
    assert_int_equal(left, 1);
    gw_lane_get_stats(lane, &stats);
    assert_int_equal(stats.pending_bytes, 0);
    assert_int_equal(stats.nodes, 0);
    assert_int_equal(gw_lane_feed(lane, GW_STR("samples/g/n/1-0"), GW_STR("[]")), -ENOENT);
    become_owner(); /* it is wanted all the same */
}

/* --- what comes out --- */

static void test_an_event_that_fails_is_the_same_one_again(void **state)
{
    char first[64];
    (void)state;

    become_owner();
    feed(0, 9);
    feed(1, 9);
    finish(APPEND, 0);
    finish_emission(-ETIMEDOUT);
    snprintf(first, sizeof(first), "%s", last_event);
    takes_alarms = false; /* no room for what is to be shown */
    finish_emission(0);
    assert_int_equal(alarms, 1);
    takes_alarms = true;
    finish_emission(0);
    assert_string_equal(first, last_event);
    assert_int_equal(alarms, 2);
    assert_int_equal(emitted, 3);
    turn_for(300);
    assert_int_equal(emitted, 3);
}

static void test_a_checkpoint_waits_and_is_tried_again(void **state)
{
    (void)state;

    become_owner();
    feed(0, 9);
    feed(1, 9);
    finish(APPEND, 0);
    turn_for(300);
    assert_int_equal(begun[CHECKPOINT], 0); /* for the event */
    keeps_alarms = false;
    finish_emission(0);
    turn_for(300);
    assert_int_equal(begun[CHECKPOINT], 0); /* for its alarm */
    keeps_alarms = true;
    at_once[CHECKPOINT] = -ENOTCONN;
    finish(CHECKPOINT, -ETIMEDOUT);
    finish(CHECKPOINT, 0);
    assert_int_equal(begun[CHECKPOINT], 3);
    turn_for(300);
    assert_int_equal(begun[CHECKPOINT], 3); /* nothing has come since */
    feed(2, 9);
    finish(APPEND, 0);
    finish(CHECKPOINT, -ESTALE);
    assert_int_equal(left, 1);
}

static void on_stopped(void *self)
{
    (void)self;
    stopped++;
}

static void test_one_that_ends_finishes_what_it_has(void **state)
{
    (void)state;

    become_owner();
    feed(0, 9);
    feed(1, 9);
    gw_lane_stop(lane, false, PATIENCE_NS, on_stopped, NULL);
    assert_int_equal(gw_lane_feed(lane, GW_STR("samples/g/n/1-0"), GW_STR("[]")), -EAGAIN);
    finish(APPEND, 0);
    keeps_alarms = false;
    finish_emission(0);
    turn_for(300);
    assert_int_equal(begun[CHECKPOINT], 0);
    keeps_alarms = true;
    finish(CHECKPOINT, 0);
    at_once[RELEASE] = -ENOTCONN; /* whoever comes next claims it all the same */
    while (stopped == 0)
        gw_loop_turn(loop, 10);
    assert_int_equal(begun[RELEASE], 1);
    assert_int_equal(left, 1);
}

static void test_one_that_cannot_finish_ends_in_time(void **state)
{
    uint64_t begun_ns = gw_clock_monotonic_ns();
    (void)state;

    become_owner();
    feed(0, 9);
    gw_lane_stop(lane, false, GW_NS_PER_SECOND / 2, on_stopped, NULL);
    while (stopped == 0) {
        gw_loop_turn(loop, 10);
        assert_true(gw_clock_monotonic_ns() - begun_ns < PATIENCE_NS);
    }
}

static int set_up(void **state)
{
    const char *texts[] = {too_warm, NULL};
    struct gw_error error;
    (void)state;

    memset(calls, 0, sizeof(calls));
    memset(begun, 0, sizeof(begun));
    memset(at_once, 0, sizeof(at_once));
    emission = NULL;
    emitted = owned = left = alarms = stopped = 0;
    is_wanted = is_known = takes_alarms = keeps_alarms = true;
    store.ops = &ops;
    documents = calloc(1, sizeof(*documents));
    if (documents == NULL || gw_loop_create(&loop, &error) != 0)
        return -1;
    signal_rig_open(documents, registry_text, texts);
    const struct gw_lane_config config = {.loop = loop,
                                          .store = &store,
                                          .registry = documents->registry,
                                          .signals = documents->signals,
                                          .events = {.on_alarm = on_alarm,
                                                     .is_kept = is_kept,
                                                     .on_loaded = on_loaded,
                                                     .on_owned = on_owned},
                                          .checkpoint_ns = 100 * GW_NS_PER_MS};
    if (gw_lane_create(&config, &lane, &error) != 0)
        return -1;
    gw_lane_set_owned(lane, is_mine, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_lane_destroy(lane);
    assert_null(emission); /* nothing of it is left with the store */
    for (size_t i = 0; i < OP_COUNT; i++)
        assert_null(calls[i]);
    gw_loop_destroy(loop);
    signal_rig_close(documents);
    free(documents);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_claim_that_fails_is_tried_again),
        TEST(test_a_journal_that_cannot_be_read_is_read_again),
        TEST(test_nothing_is_computed_before_it_is_known_with_what),
        TEST(test_one_that_is_no_longer_wanted_is_let_go_while_it_loads),
        TEST(test_a_checkpoint_that_cannot_be_read_begins_anew),
        TEST(test_an_append_that_fails_is_the_same_one_again),
        TEST(test_one_that_has_another_owner_is_left_at_once),
        TEST(test_an_event_that_fails_is_the_same_one_again),
        TEST(test_a_checkpoint_waits_and_is_tried_again),
        TEST(test_one_that_ends_finishes_what_it_has),
        TEST(test_one_that_cannot_finish_ends_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
