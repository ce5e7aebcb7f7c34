/* The scripts of effects and of their index, with a real Redis. */
#include "server/store/effect_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/core/attr.h"
#include "server/core/clock.h"
#include "tests/unit/support/redis_rig.h"

static struct redis_rig rig;

/* What a script said: {what, number}, or one integer. */
struct said {
    unsigned calls;
    int64_t what, number;
    char text[64];
};

static void on_said(void *self, int rc, const struct gw_reply *reply)
{
    struct said *said = self;

    assert_int_equal(rc, 0);
    said->calls++;
    if (reply->type == GW_REPLY_ERROR)
        fail_msg("%s", reply->text.ptr);
    said->what = reply->type == GW_REPLY_ARRAY ? gw_reply_integer_at(reply, 0) : reply->integer;
    if (reply->count < 2)
        return;
    said->number = gw_reply_integer_at(reply, 1);
    if (reply->items[1].type == GW_REPLY_STRING)
        snprintf(said->text, sizeof(said->text), "%.*s", GW_STR_ARG(reply->items[1].text));
}

static void turn_until(const unsigned *count, unsigned value)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 10 * GW_NS_PER_SECOND;

    while (*count < value) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static struct said run(const struct gw_script *script, const char *key, const struct gw_str *args,
                       size_t count)
{
    struct gw_effect_names names;
    struct said said = {0};

    assert_int_equal(gw_effect_names_make(GW_STR("erp"), gw_str_of(key), &names), 0);
    const struct gw_str keys[GW_EFFECT_KEYS] = {gw_str_of(names.record), gw_str_of(names.index)};
    const struct gw_redis_eval eval = {.script = script,
                                       .keys = keys,
                                       .key_count = GW_EFFECT_KEYS,
                                       .args = args,
                                       .arg_count = count};
    assert_int_equal(gw_redis_eval(rig.redis, &eval, on_said, &said, NULL), 0);
    turn_until(&said.calls, 1);
    return said;
}

/* Settles after 150 ms. */
static struct said begin(const char *key, const char *claim_ms, bool can_be_found)
{
    const struct gw_str args[GW_EFFECT_BEGIN_ARGS] = {
        GW_STR("me"),
        gw_str_of(claim_ms),
        GW_STR("150"),
        GW_STR("100000"),
        can_be_found ? GW_STR("1") : GW_STR("0"),
        GW_STR("erp"),
        gw_str_of(key),
        GW_STR("t.post"),
        GW_STR("ns/flow"),
        GW_STR("request"),
    };

    return run(&gw_effect_begin_script, key, args, GW_EFFECT_BEGIN_ARGS);
}

static int64_t end(const char *key, const char *what)
{
    const struct gw_str args[GW_EFFECT_END_ARGS] = {
        GW_STR("me"), GW_STR(""), gw_str_of(what), GW_STR("100000"), GW_STR("1000"), GW_STR("7")};

    return run(&gw_effect_end_script, key, args, GW_EFFECT_END_ARGS).what;
}

static struct said resolve(const char *key, const char *outcome, const char *result)
{
    const struct gw_str args[GW_EFFECT_RESOLVE_ARGS] = {gw_str_of(outcome), gw_str_of(result)};

    return run(&gw_effect_resolve_script, key, args, GW_EFFECT_RESOLVE_ARGS);
}

struct swept {
    struct gw_effect_sweep sweep;
    unsigned ends;
    int64_t in_doubt, dead;
    size_t count;
    char first[256];
};

static void on_count_part(struct gw_effect_sweep *sweep, const struct gw_reply *reply)
{
    struct swept *swept = GW_CONTAINER_OF(sweep, struct swept, sweep);

    swept->in_doubt += gw_reply_integer_at(reply, 0);
    swept->dead += gw_reply_integer_at(reply, 1);
}

static void on_list_part(struct gw_effect_sweep *sweep, const struct gw_reply *reply)
{
    struct swept *swept = GW_CONTAINER_OF(sweep, struct swept, sweep);

    swept->count += reply->count;
    if (reply->count == 0)
        return;
    const struct gw_reply *item = reply->items[0].items;
    assert_int_equal(reply->items[0].count, GW_EFFECT_LIST_ITEMS);
    snprintf(swept->first, sizeof(swept->first), "%s %s %s %s %s %s %s",
             item[GW_EFFECT_ITEM_STATE].text.ptr, item[GW_EFFECT_ITEM_BACKEND].text.ptr,
             item[GW_EFFECT_ITEM_KEY].text.ptr, item[GW_EFFECT_ITEM_CLASS].text.ptr,
             item[GW_EFFECT_ITEM_FUNCTION].text.ptr, item[GW_EFFECT_ITEM_FLOW].text.ptr,
             item[GW_EFFECT_ITEM_REQUEST].text.ptr);
}

static void on_swept(struct gw_effect_sweep *sweep, int rc)
{
    assert_int_equal(rc, 0);
    GW_CONTAINER_OF(sweep, struct swept, sweep)->ends++;
}

static struct swept sweep_with(const struct gw_script *script, const char *backend)
{
    const struct gw_str args[GW_EFFECT_LIST_ARGS] = {GW_STR("10"), gw_str_of(backend)};
    bool is_list = script == &gw_effect_list_script;
    struct swept swept = {.sweep = {.script = script,
                                    .args = args,
                                    .arg_count = is_list ? GW_EFFECT_LIST_ARGS : 0,
                                    .on_part = is_list ? on_list_part : on_count_part,
                                    .on_done = on_swept}};

    assert_int_equal(gw_effect_sweep_start(&swept.sweep, rig.redis), 0);
    turn_until(&swept.ends, 1);
    return swept;
}

static void assert_counts(int64_t in_doubt, int64_t dead)
{
    struct swept swept = sweep_with(&gw_effect_count_script, "");

    assert_int_equal(swept.in_doubt, in_doubt);
    assert_int_equal(swept.dead, dead);
}

/* --- the tests --- */

static void what_is_under_way_is_not_in_doubt(void **state)
{
    (void)state;
    assert_int_equal(begin("a", "5000", false).what, GW_EFFECT_SEND);
    assert_counts(0, 0);
    assert_int_equal(resolve("a", "executed", "").what, GW_EFFECT_UNSETTLED);
    assert_true(resolve("a", "executed", "").number > 3000);
    assert_int_equal(end("a", "done"), 1);
    assert_counts(0, 0);
    assert_int_equal(resolve("a", "executed", "").what, GW_EFFECT_KNOWN);
    assert_int_equal(resolve("b", "executed", "").what, GW_EFFECT_ABSENT);
}

/* Its owner has died: nobody said that it is in doubt. */
static void a_claim_that_ran_out_is_in_doubt(void **state)
{
    (void)state;
    begin("a", "1", false);
    redis_rig_turn_for(&rig, 20);
    assert_counts(1, 0);
    struct swept list = sweep_with(&gw_effect_list_script, "erp");
    assert_int_equal(list.count, 1);
    assert_string_equal(list.first, "sent erp a D t.post ns/flow request");
    assert_int_equal(sweep_with(&gw_effect_list_script, "other").count, 0);
}

static void a_person_says_that_it_was_executed(void **state)
{
    (void)state;
    begin("a", "5000", false);
    assert_int_equal(end("a", "unknown"), 1);
    redis_rig_turn_for(&rig, 5);
    assert_counts(1, 0);
    assert_int_equal(resolve("a", "executed", "{\"id\":5}").what, GW_EFFECT_RESOLVED);
    assert_counts(0, 0);
    struct said again = begin("a", "5000", false);
    assert_int_equal(again.what, GW_EFFECT_DONE);
    assert_string_equal(again.text, "{\"id\":5}");
    assert_int_equal(end("a", "released"), 0); /* whoever comes late changes nothing */
    begin("b", "1", false);
    redis_rig_turn_for(&rig, 5);
    assert_int_equal(resolve("b", "executed", "").what, GW_EFFECT_RESOLVED);
    assert_string_equal(begin("b", "1", false).text, "null");
}

static void not_executed_is_said_of_what_has_settled(void **state)
{
    (void)state;
    begin("a", "5000", false);
    end("a", "unknown");
    struct said early = resolve("a", "not-executed", "");
    assert_int_equal(early.what, GW_EFFECT_UNSETTLED);
    assert_true(early.number > 0 && early.number <= 150);
    redis_rig_turn_for(&rig, 170);
    assert_int_equal(begin("a", "5000", false).what, GW_EFFECT_LOST);
    assert_int_equal(resolve("a", "not-executed", "").what, GW_EFFECT_RESOLVED);
    assert_counts(0, 0);
    assert_int_equal(begin("a", "5000", false).what, GW_EFFECT_SEND);
}

static void the_dead_are_shown_until_settled(void **state)
{
    (void)state;
    begin("a", "5000", true);
    end("a", "unknown");
    redis_rig_turn_for(&rig, 170);
    assert_int_equal(begin("a", "5000", true).what, GW_EFFECT_LOOK);
    assert_counts(0, 0);
    assert_int_equal(end("a", "dead"), 1);
    assert_counts(0, 1);
    assert_string_equal(sweep_with(&gw_effect_list_script, "").first,
                        "dead erp a C t.post ns/flow request");
    assert_int_equal(begin("a", "5000", true).what, GW_EFFECT_SEVERAL);
    assert_int_equal(resolve("a", "executed", "9").what, GW_EFFECT_RESOLVED);
    assert_counts(0, 0);
    assert_string_equal(begin("a", "5000", true).text, "9");
}

static void a_refusal_and_an_adoption_leave_the_index(void **state)
{
    (void)state;
    char keys[64];

    begin("a", "5000", true);
    assert_int_equal(end("a", "released"), 1);
    begin("b", "1", true);
    redis_rig_turn_for(&rig, 170);
    begin("b", "5000", true);
    end("b", "done");
    redis_server_ask(&rig.server, "KEYS millgate:effects:*", keys, sizeof(keys));
    assert_string_equal(keys, "*0");
}

/* The flow's first step is asked for again whenever the flow is: it must not be forgotten. */
static void who_asks_lets_it_live_on(void **state)
{
    (void)state;
    struct gw_effect_names names;
    struct redis_outcome outcome = {0};
    char line[128];

    begin("a", "5000", false);
    end("a", "done");
    assert_int_equal(gw_effect_names_make(GW_STR("erp"), GW_STR("a"), &names), 0);
    snprintf(line, sizeof(line), "PEXPIRE %s 5000", names.record);
    redis_rig_ask(&rig, line, &outcome);
    assert_int_equal(begin("a", "5000", false).what, GW_EFFECT_DONE);
    snprintf(line, sizeof(line), "PTTL %s", names.record);
    outcome = (struct redis_outcome){0};
    redis_rig_ask(&rig, line, &outcome);
    assert_true(outcome.integer > 50000);
}

static void names_whose_record_has_gone_are_removed(void **state)
{
    (void)state;
    struct gw_effect_names names;
    struct redis_outcome outcome = {0};
    char line[128];

    begin("a", "1", false);
    redis_rig_turn_for(&rig, 5);
    assert_int_equal(gw_effect_names_make(GW_STR("erp"), GW_STR("a"), &names), 0);
    snprintf(line, sizeof(line), "DEL %s", names.record);
    redis_rig_ask(&rig, line, &outcome);
    assert_counts(0, 0);
}

static void an_index_is_bounded(void **state)
{
    (void)state;
    struct gw_effect_names names;
    struct redis_outcome outcome = {0};
    char line[128];

    assert_int_equal(gw_effect_names_make(GW_STR("erp"), GW_STR("a"), &names), 0);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(line, sizeof(line), "ZADD %s %u old%u", names.index, i + 1, i);
        assert_int_equal(redis_rig_send(&rig, line, &outcome), 0);
    }
    turn_until(&outcome.calls, 10000);
    begin("a", "5000", false);
    snprintf(line, sizeof(line), "ZCARD %s", names.index);
    outcome = (struct redis_outcome){0};
    redis_rig_ask(&rig, line, &outcome);
    assert_int_equal(outcome.integer, 10000);
    snprintf(line, sizeof(line), "ZSCORE %s old0", names.index);
    outcome = (struct redis_outcome){0};
    redis_rig_ask(&rig, line, &outcome);
    assert_int_equal(outcome.type, GW_REPLY_NIL);
}

static int set_up(void **state)
{
    (void)state;
    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, NULL);
    redis_rig_wait_up(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_rig_stop(&rig);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_under_way_is_not_in_doubt),
        TEST(a_claim_that_ran_out_is_in_doubt),
        TEST(a_person_says_that_it_was_executed),
        TEST(not_executed_is_said_of_what_has_settled),
        TEST(the_dead_are_shown_until_settled),
        TEST(a_refusal_and_an_adoption_leave_the_index),
        TEST(who_asks_lets_it_live_on),
        TEST(names_whose_record_has_gone_are_removed),
        TEST(an_index_is_bounded),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
