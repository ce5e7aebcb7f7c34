/* The scripts, in a real Redis with their clock replaced: they answer as the cores do. */
#include "policies/rate_limit/script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policies/rate_limit/take.h"
#include "server/core/clock.h"
#include "tests/unit/support/redis_rig.h"

#define BASE_US UINT64_C(1760000000000000)

static struct redis_rig rig;
static struct plan_table table;
static struct gw_script take_script, add_script;
static char take_text[16384], add_text[16384];

/* The clock is the last two arguments, cut off before the script sees them. */
static struct gw_script with_clock(const struct gw_script *script, char *text, size_t capacity)
{
    static const char clock_call[] = "redis.call('TIME')";
    static const char own_clock[] = "{table.remove(ARGV, #ARGV - 1), table.remove(ARGV)}";
    const char *at = strstr(script->source.ptr, clock_call);

    assert_non_null(at);
    int len = snprintf(text, capacity, "%.*s%s%s", (int)(at - script->source.ptr),
                       script->source.ptr, own_clock, at + strlen(clock_call));
    assert_true(len > 0 && (size_t)len < capacity);
    return (struct gw_script){"test", {text, (size_t)len}};
}

static int setup(void **state)
{
    (void)state;
    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, NULL);
    redis_rig_wait_up(&rig);
    take_script = with_clock(&rate_limit_take, take_text, sizeof(take_text));
    add_script = with_clock(&rate_limit_add, add_text, sizeof(add_text));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_table_finish(&table);
    redis_rig_stop(&rig);
    return 0;
}

static const struct plan_group *group_of(const char *plan_json)
{
    struct gw_error error;
    json_t *section = json_loads(plan_json, 0, NULL);

    assert_non_null(section);
    plan_table_finish(&table);
    assert_int_equal(plan_table_init(&table, section, &error), 0);
    json_decref(section);
    return &plan_table_find(&table, GW_STR("p"))->groups[0];
}

struct outcome {
    bool is_done, is_good;
    const struct plan_group *group;
    struct take_result result;
    struct limit_answer answers[PLAN_MAX_LIMITS];
};

static void on_reply(void *self, int rc, const struct gw_reply *reply)
{
    struct outcome *outcome = self;

    outcome->is_done = true;
    if (rc != 0)
        print_error("rc %d\n", rc);
    if (rc == 0 && reply->type == GW_REPLY_ERROR)
        print_error("%.*s\n", GW_STR_ARG(reply->text));
    outcome->is_good =
        rc == 0 && (reply->type == GW_REPLY_INTEGER ||
                    take_reply_read(reply, outcome->group, &outcome->result, outcome->answers));
}

static void run(struct take_args *args, const struct gw_script *script, uint64_t now_us,
                struct outcome *outcome)
{
    take_args_number(args, now_us / 1000000, false);
    take_args_number(args, now_us % 1000000, false);
    args->eval.script = script;
    assert_int_equal(gw_redis_eval(rig.redis, &args->eval, on_reply, outcome, NULL), 0);
    gw_redis_flush(rig.redis);
    while (!outcome->is_done)
        gw_loop_turn(rig.loop, 10);
    assert_true(outcome->is_good);
}

static struct outcome take(const struct plan_group *group, const char *key, uint64_t weight,
                           uint64_t want, const char *holder, uint64_t held, uint64_t now_us)
{
    static struct take_args args;
    struct outcome outcome = {.group = group};
    const struct take_question question = {.group = group,
                                           .key = gw_str_of(key),
                                           .slot_key = gw_str_of("{s}slots"),
                                           .slot_name = gw_str_of("one"),
                                           .holder = gw_str_of(holder),
                                           .weight = weight,
                                           .want = want,
                                           .held = held,
                                           .timeout_ns = 10 * GW_NS_PER_SECOND};

    take_args_fill(&args, &question);
    run(&args, &take_script, now_us, &outcome);
    return outcome;
}

static void add(const struct plan_group *group, const char *key, int64_t units, uint64_t debited_us,
                uint64_t now_us)
{
    static struct take_args args;
    struct outcome outcome = {.group = group};

    take_args_init(&args, &rate_limit_add, 10 * GW_NS_PER_SECOND);
    args.keys[0] = gw_str_of(key);
    args.eval.key_count = 1;
    take_args_number(&args, debited_us, false);
    take_args_text(&args, GW_STR(""));
    take_args_number(&args, 0, false);
    for (size_t i = 0; i < group->limit_count; i++) {
        take_args_limit(&args, group->limits[i]);
        take_args_number(&args, (uint64_t)llabs(units), units < 0);
    }
    run(&args, &add_script, now_us, &outcome);
}

static uint64_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *random >> 33;
}

static void check_equal(const struct limit_answer *got, const struct limit_answer *expected)
{
    assert_int_equal(got->is_admitted, expected->is_admitted);
    assert_int_equal(got->remaining, expected->remaining);
    uint64_t got_us = got->reset_ns / 1000;
    uint64_t expected_us = (expected->reset_ns + 999) / 1000;
    assert_true(got_us == expected_us);
}

/* --- against the cores --- */

static void test_rates(void **state)
{
    const struct plan_group *group =
        group_of("{\"p\":{\"limit\":7,\"window\":1000000000,\"burst\":5}}");
    uint64_t now_us = UINT64_C(1800000000000000);
    uint64_t full_at = 0, random = 12345;

    (void)state;
    for (int i = 0; i < 1500; i++) {
        uint64_t weight = 1 + next_random(&random) % 3;
        now_us += next_random(&random) % 400000;
        struct outcome outcome = take(group, "{g}", weight, weight, "me", 0, now_us);
        struct limit_answer expected =
            gcra_take(&full_at, &group->limits[0]->rate, weight, (now_us - BASE_US) * 16);
        check_equal(&outcome.answers[0], &expected);
        assert_int_equal(outcome.result.granted, expected.is_admitted ? weight : 0);
        assert_int_equal(outcome.result.refused_by, expected.is_admitted ? -1 : 0);
        assert_int_equal(outcome.result.now_us, now_us - BASE_US);
    }
}

static void check_windows(uint64_t limit, uint64_t max_gap_us, uint64_t random)
{
    static struct window_cell cells[LIMIT_CELLS + 2];
    struct window window = {.capacity = LIMIT_CELLS + 2, .cells = cells};
    char json[128], key[32];
    uint64_t now_us = UINT64_C(1800000000000000);

    snprintf(json, sizeof(json), "{\"p\":{\"limit\":%llu,\"window\":2000000000}}",
             (unsigned long long)limit);
    snprintf(key, sizeof(key), "{w%llu}", (unsigned long long)limit);
    const struct plan_group *group = group_of(json);
    for (int i = 0; i < 1200; i++) {
        uint64_t weight = next_random(&random) % 8 == 0 ? 3 : 1;
        now_us += next_random(&random) % max_gap_us;
        if (i % 400 == 399)
            now_us -= 5000000; /* the clock steps back */
        struct outcome outcome = take(group, key, weight, weight, "me", 0, now_us);
        struct limit_answer expected =
            window_take(&window, &group->limits[0]->window, weight, now_us - BASE_US);
        check_equal(&outcome.answers[0], &expected);
    }
}

static void test_windows(void **state)
{
    (void)state;
    check_windows(20, 100000, 1);
    check_windows(300, 5000, 2);
    check_windows(2, 1000000, 3);
}

static void test_calendars(void **state)
{
    const struct plan_group *group =
        group_of("{\"p\":{\"limits\":{\"m\":{\"quota\":3,\"zone\":\"-05:30\"},"
                 "\"d\":{\"quota\":2,\"per\":\"day\",\"zone\":\"+01:00\"}}}}");
    uint64_t random = 99;
    uint64_t now_s = 1767225600 - 86400; /* 2025-12-31 */
    int64_t month = -1, day = -1;
    unsigned of_month = 0, of_day = 0, admitted = 0;

    (void)state;
    for (int i = 0; i < 1500; i++) {
        now_s += next_random(&random) % (86400 * 3);
        struct calendar_period m = calendar_period_at(CALENDAR_MONTH, -19800, (int64_t)now_s);
        struct calendar_period d = calendar_period_at(CALENDAR_DAY, 3600, (int64_t)now_s);
        of_month = m.number == month ? of_month : 0;
        of_day = d.number == day ? of_day : 0;
        month = m.number;
        day = d.number;
        bool is_admitted = of_month < 3 && of_day < 2;
        struct outcome outcome = take(group, "{q}", 1, 1, "me", 0, now_s * 1000000);
        assert_int_equal(outcome.result.refused_by < 0, is_admitted);
        of_month += is_admitted;
        of_day += is_admitted;
        admitted += is_admitted;
        assert_int_equal(outcome.answers[0].remaining, 3 - of_month);
        assert_int_equal(outcome.answers[1].remaining, 2 - of_day);
        assert_int_equal(outcome.answers[0].reset_ns / GW_NS_PER_SECOND, (uint64_t)m.end_s - now_s);
        assert_int_equal(outcome.answers[1].reset_ns / GW_NS_PER_SECOND, (uint64_t)d.end_s - now_s);
    }
    assert_true(admitted > 200 && admitted < 1000);
}

/* --- several at once --- */

static void test_all_or_nothing(void **state)
{
    const struct plan_group *group =
        group_of("{\"p\":{\"limits\":{\"s\":{\"limit\":2,\"window\":1000000000,\"burst\":2},"
                 "\"m\":{\"limit\":4},\"day\":{\"quota\":100,\"per\":\"day\"},\"slots\":{"
                 "\"concurrent\":9}}}}");
    uint64_t now_us = UINT64_C(1800000000000000);
    char text[64];

    (void)state;
    assert_int_equal(take(group, "{s}", 1, 1, "me", 0, now_us).result.granted, 1);
    assert_int_equal(take(group, "{s}", 1, 1, "me", 0, now_us).result.granted, 1);
    for (int i = 0; i < 5; i++) { /* the second's limit refuses, and nothing else is charged */
        struct outcome outcome = take(group, "{s}", 1, 1, "me", 0, now_us);
        assert_int_equal(outcome.result.granted, 0);
        assert_int_equal(outcome.result.refused_by, 0);
        assert_int_equal(outcome.answers[1].remaining, 2);
        assert_int_equal(outcome.answers[2].remaining, 98);
        assert_int_equal(outcome.answers[3].remaining, 8); /* one name, one slot */
    }
    now_us += 2000000;
    assert_int_equal(take(group, "{s}", 2, 2, "me", 0, now_us).result.granted, 2);
    now_us += 2000000;
    struct outcome outcome = take(group, "{s}", 1, 1, "me", 0, now_us);
    assert_int_equal(outcome.result.refused_by, 1);
    assert_int_equal(outcome.answers[1].reset_ns, 56 * GW_NS_PER_SECOND);
    redis_server_ask(&rig.server, "HGET {s} q:p.day", text, sizeof(text));
    assert_non_null(text);
}

/* --- leases --- */

static void test_leases(void **state)
{
    const struct plan_group *group = group_of("{\"p\":{\"limit\":1000}}");
    uint64_t now_us = UINT64_C(1800000000000000);

    (void)state;
    assert_int_equal(take(group, "{l}", 1, 60, "one", 0, now_us).result.granted, 60);
    /* All hold at most 100: 59 are held by the first, and who asks keeps what it uses at once. */
    assert_int_equal(take(group, "{l}", 1, 60, "two", 0, now_us).result.granted, 42);
    assert_int_equal(take(group, "{l}", 1, 60, "three", 0, now_us).result.granted, 1);
    /* The first has used up its own. */
    assert_int_equal(take(group, "{l}", 1, 60, "one", 0, now_us).result.granted, 60);
    assert_int_equal(take(group, "{l}", 0, 60, "one", 59, now_us).result.granted, 0);
    now_us += 1000001; /* all have expired */
    struct outcome outcome = take(group, "{l}", 1, 60, "four", 0, now_us);
    assert_int_equal(outcome.result.granted, 60);
    assert_int_equal(outcome.answers[0].remaining, 1000 - 60 - 42 - 1 - 60 - 60);
    /* What is left of the limit is all there is to lease. */
    assert_int_equal(take(group, "{l}", 770, 770, "x", 0, now_us).result.granted, 770);
    assert_int_equal(take(group, "{l}", 1, 60, "five", 0, now_us).result.granted, 7);
    outcome = take(group, "{l}", 1, 60, "six", 0, now_us);
    assert_int_equal(outcome.result.granted, 0);
    assert_int_equal(outcome.result.refused_by, 0);
    outcome = take(group, "{l}", 0, 60, "six", 0, now_us); /* asked for ahead: no refusal */
    assert_int_equal(outcome.result.granted, 0);
    assert_int_equal(outcome.result.refused_by, -1);
}

static void test_refunds(void **state)
{
    const struct plan_group *group =
        group_of("{\"p\":{\"limits\":{\"w\":{\"limit\":100},\"g\":{\"limit\":60,\"burst\":100},"
                 "\"q\":{\"quota\":1000}}}}");
    uint64_t now_us = UINT64_C(1800000000000000);

    (void)state;
    struct outcome first = take(group, "{r}", 30, 30, "me", 0, now_us);
    uint64_t debited_us = first.result.now_us;
    assert_int_equal(take(group, "{r}", 20, 20, "me", 0, now_us + 1000000).result.granted, 20);
    add(group, "{r}", -10, debited_us, now_us + 1000000);
    struct outcome after = take(group, "{r}", 1, 1, "me", 0, now_us + 1000000);
    assert_int_equal(after.answers[0].remaining, 59);
    assert_int_equal(after.answers[1].remaining, 60); /* one was regained meanwhile */
    assert_int_equal(after.answers[2].remaining, 959);
    /* It was taken out of the cell in which it stood: that leaves with 20, not with 30. */
    after = take(group, "{r}", 1, 1, "me", 0, now_us + 60000000);
    assert_int_equal(after.answers[0].remaining, 100 - 22);
    /* Not more than there is, and not what has left the window. */
    add(group, "{r}", -50, debited_us, now_us + 60000000);
    after = take(group, "{r}", 1, 1, "me", 0, now_us + 60000000);
    assert_int_equal(after.answers[0].remaining, 100 - 23);
    assert_int_equal(after.answers[2].remaining, 999);
}

static void test_what_was_granted_elsewhere(void **state)
{
    const struct plan_group *group =
        group_of("{\"p\":{\"limits\":{\"w\":{\"limit\":100},\"g\":{\"limit\":60,\"burst\":100},"
                 "\"q\":{\"quota\":1000}}}}");
    uint64_t now_us = UINT64_C(1800000000000000);

    (void)state;
    add(group, "{a}", 90, 0, now_us);
    struct outcome outcome = take(group, "{a}", 1, 1, "me", 0, now_us);
    assert_int_equal(outcome.answers[0].remaining, 9);
    assert_int_equal(outcome.answers[1].remaining, 9);
    assert_int_equal(outcome.answers[2].remaining, 909);
    add(group, "{a}", 90, 0, now_us); /* more than there was: refused until it has left */
    outcome = take(group, "{a}", 1, 1, "me", 0, now_us);
    assert_int_equal(outcome.result.granted, 0);
    assert_int_equal(outcome.answers[0].reset_ns, 60 * GW_NS_PER_SECOND);
    assert_int_equal(take(group, "{a}", 1, 1, "me", 0, now_us + 60000000).result.granted, 1);
}

/* --- slots --- */

static void test_slots_expire(void **state)
{
    const struct plan_group *group =
        group_of("{\"p\":{\"limits\":{\"slots\":{\"concurrent\":1,\"slot_ttl\":2000000000}}}}");
    uint64_t now_us = UINT64_C(1800000000000000);

    (void)state;
    struct outcome outcome = take(group, "{s}", 1, 1, "me", 0, now_us);
    assert_int_equal(outcome.result.refused_by, -1);
    assert_int_equal(outcome.answers[0].remaining, 0);
    outcome = take(group, "{s}", 1, 1, "me", 0, now_us + 1999999);
    assert_int_equal(outcome.result.refused_by, 0);
    assert_int_equal(outcome.answers[0].reset_ns, GW_NS_PER_SECOND);
    assert_int_equal(take(group, "{s}", 1, 1, "me", 0, now_us + 2000000).result.refused_by, -1);
}

/* A quota reaches the disk at each hundredth, everything else stays in memory. */
static void test_what_is_written_to_disk(void **state)
{
    static const char *const options[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
    struct redis_rig own;
    char text[256];

    (void)state;
    redis_rig_start(&own, options);
    redis_rig_connect(&own, NULL);
    redis_rig_wait_up(&own);
    struct redis_rig kept = rig;
    rig = own;
    const struct plan_group *group = group_of("{\"p\":{\"limits\":{\"q\":{\"quota\":1000}}}}");
    uint64_t now_us = gw_clock_realtime_ns() / 1000;
    for (int i = 0; i < 25; i++)
        assert_int_equal(take(group, "{d}", 1, 1, "me", 0, now_us).result.granted, 1);
    const struct plan_group *window = group_of("{\"p\":{\"limit\":1000}}");
    for (int i = 0; i < 25; i++)
        assert_int_equal(take(window, "{e}", 1, 1, "me", 0, now_us).result.granted, 1);
    redis_server_kill(&rig.server);
    while (gw_redis_is_up(rig.redis))
        gw_loop_turn(rig.loop, 1);
    redis_server_restart(&rig.server);
    redis_rig_wait_up(&rig);
    do
        redis_server_ask(&rig.server, "EXISTS {e}", text, sizeof(text));
    while (strncmp(text, "-LOADING", 8) == 0);
    assert_string_equal(text, ":0");
    group = group_of("{\"p\":{\"limits\":{\"q\":{\"quota\":1000}}}}");
    assert_int_equal(take(group, "{d}", 1, 1, "me", 0, now_us).answers[0].remaining, 1000 - 21);
    redis_rig_stop(&rig);
    rig = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rates, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_calendars, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leases, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refunds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_granted_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slots_expire, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_written_to_disk, setup, teardown),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("rate_limit script", tests, NULL, NULL);
}
