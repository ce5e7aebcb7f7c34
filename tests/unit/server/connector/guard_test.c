/* Writes that must not take effect twice, with a real Redis and a backend of the test's own. */
#include "server/connector/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/connector/connector.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/http/exchange.h"
#include "server/store/effect_record.h"
#include "server/store/record.h"
#include "server/upstream/backend.h"
#include "tests/unit/support/redis_rig.h"

#define SETTLE_MS 300

/* What the backend holds, and how it answers. */
static struct {
    unsigned effects, sent, looked;
    enum gw_connector_error answer; /* of the next write */
    bool has_effect;                /* of a write that answers in doubt */
    bool is_silent;                 /* the next write does not answer at all */
    bool is_large;
    bool is_blind; /* it cannot be looked for now */
    enum gw_effect_class class;
} erp;

static struct redis_rig rig;
static struct gw_record_writer *writer;
static struct gw_worker worker;
static const struct gw_backend_config config = {
    .name = GW_STR_INIT("erp"),
    .effect = {.class = GW_EFFECT_SEARCHABLE, .settle_ns = SETTLE_MS * GW_NS_PER_MS}};
static const struct gw_backend backend = {.config = &config};

static const struct gw_exchange *cause_of_calls;

static void nothing(struct gw_connector_call *call)
{
    (void)call;
}

static struct gw_value found(struct gw_arena *arena)
{
    size_t bytes = erp.is_large ? 100000 : 3;
    char *text = gw_arena_alloc(arena, bytes);

    assert_non_null(text);
    memset(text, 'x', bytes);
    return gw_value_string(gw_str_from(text, bytes));
}

static void post(void *self, struct gw_connector_call *call)
{
    (void)self;
    erp.sent++;
    if (erp.is_silent) {
        call->cancel = nothing;
        return;
    }
    if (erp.answer == GW_CONNECTOR_OK) {
        erp.effects++;
        gw_connector_done(call, found(call->arena));
        return;
    }
    erp.effects += erp.has_effect;
    gw_connector_fail_with(call, erp.answer, "as the test wants it");
}

static void look(void *self, struct gw_connector_call *call)
{
    struct gw_value_builder items = {.arena = call->arena};

    (void)self;
    erp.looked++;
    if (erp.is_blind) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "not now");
        return;
    }
    for (unsigned i = 0; i < erp.effects; i++)
        assert_int_equal(gw_value_add_item(&items, found(call->arena)), 0);
    gw_connector_done(call, gw_value_built_array(&items));
}

static enum gw_effect_class classify(void *self, const struct gw_value *arguments)
{
    (void)self;
    (void)arguments;
    return erp.class;
}

static const struct gw_connector_function function = {
    .name = "post", .is_write = true, .begin = post, .classify = classify, .look_up = look};

struct outcome {
    struct gw_arena arena;
    struct gw_connector_call call;
    unsigned ends;
    enum gw_connector_error error;
    uint64_t retry_ns;
    size_t text_len;
};

static void on_done(struct gw_connector_call *call, const struct gw_connector_failure *failure)
{
    struct outcome *outcome = call->owner;

    outcome->ends++;
    outcome->error = failure == NULL ? GW_CONNECTOR_OK : failure->error;
    outcome->retry_ns = failure == NULL ? 0 : failure->retry_ns;
    outcome->text_len = call->result.type == GW_JSON_STRING ? call->result.text.len : 0;
}

static void begin(struct outcome *outcome, const char *key)
{
    *outcome = (struct outcome){0};
    gw_arena_init(&outcome->arena, 4096, 1 << 20);
    outcome->call = (struct gw_connector_call){
        .function = &function,
        .arena = &outcome->arena,
        .worker = &worker,
        .backend = &backend,
        .cause = cause_of_calls,
        .arguments = gw_value_object(NULL, 0),
        .effect_key = gw_str_of(key),
        .deadline_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND,
        .done = on_done,
        .owner = outcome,
    };
    gw_connector_begin(NULL, &outcome->call);
}

static void turn_until(const unsigned *count, unsigned value)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (*count < value) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static void await(struct outcome *outcome)
{
    turn_until(&outcome->ends, 1);
    assert_int_equal(outcome->ends, 1);
    gw_arena_finish(&outcome->arena);
}

static enum gw_connector_error run(const char *key)
{
    struct outcome outcome;

    begin(&outcome, key);
    await(&outcome);
    return outcome.error;
}

static void wait_settled(void)
{
    redis_rig_turn_for(&rig, SETTLE_MS + 50);
}

static void in_doubt(enum gw_connector_error answer, bool has_effect)
{
    erp.answer = answer;
    erp.has_effect = has_effect;
    assert_int_equal(run("a"), GW_CONNECTOR_IN_DOUBT);
    erp.answer = GW_CONNECTOR_OK;
}

/* --- the tests --- */

static void what_was_done_is_not_done_again(void **state)
{
    (void)state;
    struct outcome again;

    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    begin(&again, "a");
    await(&again);
    assert_int_equal(again.error, GW_CONNECTOR_OK);
    assert_int_equal(again.text_len, 3);
    assert_int_equal(erp.sent, 1);
    assert_int_equal(run("b"), GW_CONNECTOR_OK);
    assert_int_equal(erp.sent, 2);
    assert_int_equal(erp.looked, 0);
}

static void a_large_result_is_looked_for_again(void **state)
{
    (void)state;
    struct outcome again;

    erp.is_large = true;
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    begin(&again, "a");
    await(&again);
    assert_int_equal(again.error, GW_CONNECTOR_OK);
    assert_int_equal(again.text_len, 100000);
    assert_int_equal(erp.sent, 1);
}

/* A flow must not go on with nothing where there was something. */
static void what_was_too_large_is_not_taken_for_nothing(void **state)
{
    (void)state;
    erp.is_large = true;
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    erp.is_blind = true;
    assert_int_equal(run("a"), GW_CONNECTOR_UNAVAILABLE);
    erp.is_blind = false;
    erp.effects = 2;
    assert_int_equal(run("a"), GW_CONNECTOR_IN_DOUBT);
    erp.class = GW_EFFECT_UNKNOWN;
    assert_int_equal(run("b"), GW_CONNECTOR_OK);
    assert_int_equal(run("b"), GW_CONNECTOR_IN_DOUBT);
    assert_int_equal(erp.sent, 2);
}

static void who_cannot_look_waits(void **state)
{
    (void)state;
    in_doubt(GW_CONNECTOR_IN_DOUBT, true);
    wait_settled();
    erp.is_blind = true;
    assert_int_equal(run("a"), GW_CONNECTOR_IN_DOUBT);
    assert_int_equal(erp.sent, 1);
    erp.is_blind = false;
    assert_int_equal(run("a"), GW_CONNECTOR_OK); /* nothing was sent since: it need not settle */
    assert_int_equal(erp.sent, 1);
    assert_int_equal(erp.looked, 2);
}

static void a_refusal_leaves_nothing(void **state)
{
    (void)state;
    erp.answer = GW_CONNECTOR_REFUSED;
    assert_int_equal(run("a"), GW_CONNECTOR_REFUSED);
    erp.answer = GW_CONNECTOR_UNAVAILABLE;
    assert_int_equal(run("a"), GW_CONNECTOR_UNAVAILABLE);
    erp.answer = GW_CONNECTOR_OK;
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.sent, 3);
    assert_int_equal(erp.effects, 1);
}

static void doubt_waits_until_it_settles(void **state)
{
    (void)state;
    struct outcome early;

    in_doubt(GW_CONNECTOR_IN_DOUBT, false);
    begin(&early, "a");
    await(&early);
    assert_int_equal(early.error, GW_CONNECTOR_IN_DOUBT);
    assert_true(early.retry_ns > 0 && early.retry_ns <= SETTLE_MS * GW_NS_PER_MS);
    assert_int_equal(erp.sent, 1);
    assert_int_equal(erp.looked, 0);
}

static void what_is_found_is_adopted(void **state)
{
    (void)state;
    in_doubt(GW_CONNECTOR_IN_DOUBT, true);
    wait_settled();
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.looked, 1);
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.looked, 1); /* it is known now */
    assert_int_equal(erp.effects, 1);
    assert_int_equal(erp.sent, 1);
}

static void what_is_not_found_is_sent(void **state)
{
    (void)state;
    in_doubt(GW_CONNECTOR_RUBBISH, false);
    wait_settled();
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.looked, 1);
    assert_int_equal(erp.sent, 2);
    assert_int_equal(erp.effects, 1);
}

static void several_are_for_a_person(void **state)
{
    (void)state;
    in_doubt(GW_CONNECTOR_IN_DOUBT, true);
    erp.effects = 2;
    wait_settled();
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(run("a"), GW_CONNECTOR_IN_DOUBT);
    assert_int_equal(erp.looked, 1);
    assert_int_equal(erp.sent, 1);
}

static void without_a_search_it_is_never_sent_again(void **state)
{
    (void)state;
    erp.class = GW_EFFECT_UNKNOWN;
    in_doubt(GW_CONNECTOR_IN_DOUBT, false);
    wait_settled();
    assert_int_equal(run("a"), GW_CONNECTOR_IN_DOUBT);
    assert_int_equal(erp.sent, 1);
    assert_int_equal(erp.looked, 0);
}

static void other_classes_are_not_recorded(void **state)
{
    (void)state;
    char answer[64];

    erp.class = GW_EFFECT_TRANSITION;
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.sent, 2);
    redis_server_ask(&rig.server, "DBSIZE", answer, sizeof(answer));
    assert_string_equal(answer, ":0");
}

/* Longer than the caller's key, which the policy that keeps keys has said. */
static void it_outlives_the_callers_key(void **state)
{
    (void)state;
    struct gw_exchange cause = {.key_ttl_ns = UINT64_C(30) * 24 * 3600 * GW_NS_PER_SECOND};
    struct redis_outcome found = {0}, left = {0};
    struct gw_effect_names names;
    struct outcome first;
    char line[160];

    cause_of_calls = &cause;
    begin(&first, "a");
    await(&first);
    cause_of_calls = NULL;
    assert_int_equal(gw_effect_names_make(GW_STR("erp"), GW_STR("a"), &names), 0);
    snprintf(line, sizeof(line), "PTTL %s", names.record);
    redis_rig_ask(&rig, line, &left);
    assert_true(left.integer > INT64_C(30) * 24 * 3600 * 1000);
    snprintf(line, sizeof(line), "HGET %s state", names.record);
    redis_rig_ask(&rig, line, &found);
    assert_string_equal(found.text, "done");
}

static void two_at_once_are_one(void **state)
{
    (void)state;
    struct outcome first, second;

    erp.is_silent = true;
    begin(&first, "a");
    begin(&second, "a");
    await(&second);
    assert_int_equal(second.error, GW_CONNECTOR_IN_DOUBT);
    assert_true(second.retry_ns > GW_NS_PER_SECOND);
    assert_int_equal(erp.sent, 1);
    gw_connector_cancel(&first.call);
    gw_arena_finish(&first.arena);
}

static void who_leaves_before_the_claim_leaves_nothing(void **state)
{
    (void)state;
    struct outcome first;

    begin(&first, "a");
    gw_connector_cancel(&first.call);
    gw_arena_finish(&first.arena);
    redis_rig_turn_for(&rig, 200);
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.sent, 1);
    assert_int_equal(first.ends, 0);
}

static void who_leaves_while_it_is_sent_leaves_doubt(void **state)
{
    (void)state;
    struct outcome first;

    erp.is_silent = true;
    begin(&first, "a");
    turn_until(&erp.sent, 1);
    gw_connector_cancel(&first.call);
    gw_arena_finish(&first.arena);
    erp.is_silent = false;
    redis_rig_turn_for(&rig, 200);
    assert_int_equal(run("a"), GW_CONNECTOR_IN_DOUBT);
    wait_settled();
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.sent, 2);
}

/* Cancelled in the worker's last moment: the end is sent all the same. */
static void who_ends_says_so(void **state)
{
    (void)state;
    struct outcome first, next;

    erp.is_silent = true;
    begin(&first, "a");
    turn_until(&erp.sent, 1);
    gw_connector_cancel(&first.call);
    gw_arena_finish(&first.arena);
    gw_worker_send_off(&worker);
    begin(&next, "a");
    await(&next);
    assert_int_equal(next.error, GW_CONNECTOR_IN_DOUBT);
    assert_true(next.retry_ns <= SETTLE_MS * GW_NS_PER_MS); /* not that of the claim */
}

static void without_redis_nothing_is_sent(void **state)
{
    (void)state;
    redis_server_kill(&rig.server);
    redis_rig_turn_for(&rig, 100);
    assert_int_equal(run("a"), GW_CONNECTOR_UNAVAILABLE);
    assert_int_equal(erp.sent, 0);
    redis_server_restart(&rig.server);
    redis_rig_wait_up(&rig);
}

static void what_redis_does_not_take_is_written_later(void **state)
{
    (void)state;
    struct outcome first;

    erp.is_silent = true;
    begin(&first, "a");
    turn_until(&erp.sent, 1);
    redis_server_kill(&rig.server);
    redis_rig_turn_for(&rig, 100);
    gw_connector_cancel(&first.call);
    gw_arena_finish(&first.arena);
    erp.is_silent = false;
    redis_server_restart(&rig.server);
    redis_rig_wait_up(&rig);
    redis_rig_turn_for(&rig, 1300); /* it is tried once in a second */
    wait_settled();
    assert_int_equal(run("a"), GW_CONNECTOR_OK); /* long before the claim runs out by itself */
    assert_int_equal(erp.looked, 1);
}

static int set_up(void **state)
{
    static const char *const durable[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};

    (void)state;
    memset(&erp, 0, sizeof(erp));
    erp.class = GW_EFFECT_SEARCHABLE;
    redis_rig_start(&rig, durable);
    redis_rig_connect(&rig, NULL);
    redis_rig_wait_up(&rig);
    writer = gw_record_writer_create(&(struct gw_record_writer_config){.redis = rig.redis});
    assert_non_null(writer);
    worker = (struct gw_worker){.loop = rig.loop, .redis = rig.redis, .record_writer = writer};
    gw_list_init(&worker.tenants);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_worker_send_off(&worker);
    gw_record_writer_destroy(writer);
    redis_rig_stop(&rig);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_was_done_is_not_done_again),
        TEST(a_large_result_is_looked_for_again),
        TEST(what_was_too_large_is_not_taken_for_nothing),
        TEST(who_cannot_look_waits),
        TEST(it_outlives_the_callers_key),
        TEST(a_refusal_leaves_nothing),
        TEST(doubt_waits_until_it_settles),
        TEST(what_is_found_is_adopted),
        TEST(what_is_not_found_is_sent),
        TEST(several_are_for_a_person),
        TEST(without_a_search_it_is_never_sent_again),
        TEST(other_classes_are_not_recorded),
        TEST(two_at_once_are_one),
        TEST(who_leaves_before_the_claim_leaves_nothing),
        TEST(who_leaves_while_it_is_sent_leaves_doubt),
        TEST(who_ends_says_so),
        TEST(without_redis_nothing_is_sent),
        TEST(what_redis_does_not_take_is_written_later),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
