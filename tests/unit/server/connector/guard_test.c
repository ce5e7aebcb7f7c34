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
#include "server/http/exchange.h"
#include "server/store/effect_record.h"
#include "server/upstream/backend.h"
#include "tests/unit/support/write_rig.h"

#define SETTLE_MS 300

/* What the backend holds, and how it answers. */
static struct {
    unsigned effects, sent, looked;
    enum gw_connector_error answer; /* of the next write */
    bool has_effect;                /* of a write that answers in doubt */
    bool is_silent;                 /* the next write does not answer at all */
    struct gw_connector_call *held; /* which that was */
    bool is_large;
    bool is_blind; /* it cannot be looked for now */
    enum gw_effect_class class;
} erp;

static struct write_rig rig;
static const struct gw_backend_config config = {
    .name = GW_STR_INIT("erp"),
    .effect = {.class = GW_EFFECT_SEARCHABLE, .settle_ns = SETTLE_MS * GW_NS_PER_MS}};
static const struct gw_backend backend = {.config = &config};

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
        erp.held = call;
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

static struct write_subject subject = {.function = &function, .backend = &backend};

static void begin(struct write_call *call, const char *key)
{
    write_rig_begin(&rig, &subject, key, call);
}

static void await(struct write_call *call)
{
    write_rig_await(&rig, call);
}

static enum gw_connector_error run(const char *key)
{
    return write_rig_run(&rig, &subject, key);
}

static void wait_settled(void)
{
    redis_rig_turn_for(&rig.redis, SETTLE_MS + 50);
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
    struct write_call again;

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
    struct write_call again;

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
    struct write_call early;

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
    redis_server_ask(&rig.redis.server, "DBSIZE", answer, sizeof(answer));
    assert_string_equal(answer, ":0");
}

/* Longer than the caller's key, which the policy that keeps keys has said. */
static void it_outlives_the_callers_key(void **state)
{
    (void)state;
    struct gw_exchange cause = {.key_ttl_ns = UINT64_C(30) * 24 * 3600 * GW_NS_PER_SECOND};
    struct redis_outcome found = {0}, left = {0};
    struct gw_effect_names names;
    struct write_call first;
    char line[160];

    subject.cause = &cause;
    begin(&first, "a");
    await(&first);
    subject.cause = NULL;
    assert_int_equal(gw_effect_names_make(GW_STR("erp"), GW_STR("a"), &names), 0);
    snprintf(line, sizeof(line), "PTTL %s", names.record);
    redis_rig_ask(&rig.redis, line, &left);
    assert_true(left.integer > INT64_C(30) * 24 * 3600 * 1000);
    snprintf(line, sizeof(line), "HGET %s state", names.record);
    redis_rig_ask(&rig.redis, line, &found);
    assert_string_equal(found.text, "done");
}

static void two_at_once_are_one(void **state)
{
    (void)state;
    struct write_call first, second;

    erp.is_silent = true;
    begin(&first, "a");
    begin(&second, "a");
    await(&second);
    assert_int_equal(second.error, GW_CONNECTOR_IN_DOUBT);
    assert_true(second.retry_ns > GW_NS_PER_SECOND);
    assert_int_equal(erp.sent, 1);
    write_rig_cancel(&first);
}

static void who_leaves_before_the_claim_leaves_nothing(void **state)
{
    (void)state;
    struct write_call first;

    begin(&first, "a");
    write_rig_cancel(&first);
    redis_rig_turn_for(&rig.redis, 200);
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.sent, 1);
    assert_int_equal(first.ends, 0);
}

static void who_leaves_while_it_is_sent_leaves_doubt(void **state)
{
    (void)state;
    struct write_call first;

    erp.is_silent = true;
    begin(&first, "a");
    write_rig_turn_until(&rig, &erp.sent, 1);
    write_rig_cancel(&first);
    erp.is_silent = false;
    redis_rig_turn_for(&rig.redis, 200);
    assert_int_equal(run("a"), GW_CONNECTOR_IN_DOUBT);
    wait_settled();
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.sent, 2);
}

/* Cancelled in the worker's last moment: the end is sent all the same. */
static void who_ends_says_so(void **state)
{
    (void)state;
    struct write_call first, next;

    erp.is_silent = true;
    begin(&first, "a");
    write_rig_turn_until(&rig, &erp.sent, 1);
    write_rig_cancel(&first);
    gw_worker_send_off(&rig.worker);
    begin(&next, "a");
    await(&next);
    assert_int_equal(next.error, GW_CONNECTOR_IN_DOUBT);
    assert_true(next.retry_ns <= SETTLE_MS * GW_NS_PER_MS); /* not that of the claim */
}

static void without_redis_nothing_is_sent(void **state)
{
    (void)state;
    redis_server_kill(&rig.redis.server);
    redis_rig_turn_for(&rig.redis, 100);
    assert_int_equal(run("a"), GW_CONNECTOR_UNAVAILABLE);
    assert_int_equal(erp.sent, 0);
    redis_server_restart(&rig.redis.server);
    redis_rig_wait_up(&rig.redis);
}

static void what_redis_does_not_take_is_written_later(void **state)
{
    (void)state;
    struct write_call first;

    erp.is_silent = true;
    begin(&first, "a");
    write_rig_turn_until(&rig, &erp.sent, 1);
    redis_server_kill(&rig.redis.server);
    redis_rig_turn_for(&rig.redis, 100);
    write_rig_cancel(&first);
    erp.is_silent = false;
    redis_server_restart(&rig.redis.server);
    redis_rig_wait_up(&rig.redis);
    redis_rig_turn_for(&rig.redis, 1300); /* it is tried once in a second */
    wait_settled();
    assert_int_equal(run("a"), GW_CONNECTOR_OK); /* long before the claim runs out by itself */
    assert_int_equal(erp.looked, 1);
}

/* What it acknowledged is gone, as after a fail-over: what was done is said all the same. */
static void what_redis_forgets_is_said_again(void **state)
{
    (void)state;
    struct write_call first;
    char answer[64];

    erp.is_silent = true;
    begin(&first, "a");
    write_rig_turn_until(&rig, &erp.sent, 1);
    redis_server_ask(&rig.redis.server, "FLUSHALL", answer, sizeof(answer));
    assert_string_equal(answer, "+OK");
    erp.is_silent = false;
    erp.effects++;
    gw_connector_done(erp.held, found(erp.held->arena));
    await(&first);
    assert_int_equal(first.error, GW_CONNECTOR_OK);
    assert_int_equal(run("a"), GW_CONNECTOR_OK);
    assert_int_equal(erp.effects, 1);
    assert_int_equal(erp.sent, 1);
}

/* Of what nobody knows nothing can be said: it is told to the operator, and sent as if anew. */
static void doubt_that_redis_forgets_is_no_claim(void **state)
{
    (void)state;
    struct write_call first;
    char answer[64];

    erp.is_silent = true;
    begin(&first, "a");
    write_rig_turn_until(&rig, &erp.sent, 1);
    redis_server_ask(&rig.redis.server, "FLUSHALL", answer, sizeof(answer));
    erp.is_silent = false;
    gw_connector_fail_with(erp.held, GW_CONNECTOR_IN_DOUBT, "cut");
    await(&first);
    assert_int_equal(first.error, GW_CONNECTOR_IN_DOUBT);
    redis_server_ask(&rig.redis.server, "DBSIZE", answer, sizeof(answer));
    assert_string_equal(answer, ":0");
}

static int set_up(void **state)
{
    (void)state;
    memset(&erp, 0, sizeof(erp));
    erp.class = GW_EFFECT_SEARCHABLE;
    write_rig_start(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    write_rig_stop(&rig);
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
        TEST(what_redis_forgets_is_said_again),
        TEST(doubt_that_redis_forgets_is_no_claim),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
