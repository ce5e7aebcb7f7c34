#include "server/store/redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "tests/unit/support/redis_rig.h"

#define PIPELINED 10000

static struct redis_rig rig;

static int setup(void **state)
{
    (void)state;
    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_rig_stop(&rig);
    return 0;
}

static void test_every_kind_of_reply(void **state)
{
    struct redis_outcome outcome;

    (void)state;
    redis_rig_wait_up(&rig);
    redis_rig_ask(&rig, "SET a hello", &outcome);
    assert_int_equal(outcome.type, GW_REPLY_STATUS);
    assert_string_equal(outcome.text, "OK");
    redis_rig_ask(&rig, "GET a", &outcome);
    assert_int_equal(outcome.type, GW_REPLY_STRING);
    assert_string_equal(outcome.text, "hello");
    redis_rig_ask(&rig, "GET nothing", &outcome);
    assert_int_equal(outcome.type, GW_REPLY_NIL);
    redis_rig_ask(&rig, "INCRBY n 9007199254740993", &outcome);
    assert_int_equal(outcome.type, GW_REPLY_INTEGER);
    assert_true(outcome.integer == 9007199254740993);
    redis_rig_ask(&rig, "MGET a nothing a", &outcome);
    assert_int_equal(outcome.type, GW_REPLY_ARRAY);
    assert_int_equal(outcome.count, 3);
    redis_rig_ask(&rig, "LPOP a", &outcome);
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.type, GW_REPLY_ERROR);
    assert_true(strncmp(outcome.text, "WRONGTYPE", 9) == 0);
}

static void on_nested(void *self, int rc, const struct gw_reply *reply)
{
    assert_int_equal(rc, 0);
    assert_int_equal(reply->type, GW_REPLY_ARRAY);
    assert_int_equal(reply->count, 3);
    assert_int_equal(gw_reply_integer_at(reply, 0), 1);
    assert_int_equal(gw_reply_integer_at(reply, 1), -1);
    assert_int_equal(reply->items[1].type, GW_REPLY_ARRAY);
    assert_int_equal(reply->items[1].count, 2);
    assert_true(gw_str_equal(reply->items[1].items[0].text, GW_STR("x")));
    assert_int_equal(reply->items[1].items[1].integer, 7);
    assert_int_equal(reply->items[2].type, GW_REPLY_ARRAY);
    assert_int_equal(reply->items[2].count, 0);
    *(bool *)self = true;
}

static const struct gw_script nested_script = {.name = "nested",
                                               .source = GW_STR_INIT("return {1, {'x', 7}, {}}")};

static void test_nested_arrays(void **state)
{
    const struct gw_redis_eval eval = {.script = &nested_script};
    bool is_answered = false;

    (void)state;
    redis_rig_wait_up(&rig);
    assert_int_equal(gw_redis_eval(rig.redis, &eval, on_nested, &is_answered, NULL), 0);
    for (int i = 0; i < 1000 && !is_answered; i++)
        gw_loop_turn(rig.loop, 10);
    assert_true(is_answered);
}

/* The callback of number n sees n, or the line has got out of step. */
static unsigned next_number;

static void on_number(void *self, int rc, const struct gw_reply *reply)
{
    char expected[16];

    assert_int_equal(rc, 0);
    assert_int_equal((uintptr_t)self, next_number);
    snprintf(expected, sizeof(expected), "%u", next_number++);
    assert_true(gw_str_equal(reply->text, gw_str_of(expected)));
}

static void test_ten_thousand_in_a_turn(void **state)
{
    struct gw_redis_stats before, after;

    (void)state;
    redis_rig_wait_up(&rig);
    gw_redis_get_stats(rig.redis, &before);
    next_number = 0;
    for (unsigned i = 0; i < PIPELINED; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", i);
        struct gw_str words[] = {GW_STR("ECHO"), gw_str_of(text)};
        struct gw_redis_command command = {words, 2, 10 * GW_NS_PER_SECOND};
        assert_int_equal(gw_redis_send(rig.redis, &command, on_number, (void *)(uintptr_t)i, NULL),
                         0);
    }
    for (int i = 0; i < 1000 && next_number < PIPELINED; i++)
        gw_loop_turn(rig.loop, 10);
    assert_int_equal(next_number, PIPELINED);
    gw_redis_get_stats(rig.redis, &after);
    assert_true(after.writes - before.writes < 50);
    assert_int_equal(after.replies - before.replies, PIPELINED);
    assert_int_equal(after.pending, 0);
    assert_int_equal(after.queued_bytes, 0);
}

static void test_one_write_per_turn(void **state)
{
    struct gw_redis_stats before, after;
    struct redis_outcome outcomes[50];

    (void)state;
    redis_rig_wait_up(&rig);
    gw_redis_get_stats(rig.redis, &before);
    for (size_t i = 0; i < 50; i++)
        assert_int_equal(redis_rig_send(&rig, "INCR n", &outcomes[i]), 0);
    for (size_t i = 0; i < 50; i++) {
        redis_rig_await(&rig, &outcomes[i]);
        assert_int_equal(outcomes[i].integer, i + 1);
        assert_int_equal(outcomes[i].calls, 1);
    }
    gw_redis_get_stats(rig.redis, &after);
    assert_int_equal(after.writes - before.writes, 1);
}

static void test_commands_wait_for_the_connection(void **state)
{
    struct gw_redis_config config = {.max_waiting_calls = 4};
    struct redis_outcome outcomes[5];

    (void)state;
    redis_rig_connect(&rig, &config);
    assert_int_equal(gw_redis_get_state(rig.redis), GW_REDIS_CONNECTING);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(redis_rig_send(&rig, "INCR n", &outcomes[i]), 0);
    assert_int_equal(redis_rig_send(&rig, "INCR n", &outcomes[4]), -ENOTCONN);
    for (size_t i = 0; i < 4; i++) {
        redis_rig_await(&rig, &outcomes[i]);
        assert_int_equal(outcomes[i].rc, 0);
        assert_int_equal(outcomes[i].integer, i + 1);
    }
    assert_int_equal(outcomes[4].calls, 0);
}

static void test_what_was_cancelled_while_waiting_is_not_sent(void **state)
{
    struct gw_redis_config config = {.max_waiting_calls = 2};
    struct redis_outcome outcome = {0};
    struct redis_outcome gone = {0};
    struct gw_str words[] = {GW_STR("INCR"), GW_STR("never")};
    struct gw_redis_command command = {words, 2, 0};
    struct gw_redis_call *call;

    (void)state;
    redis_rig_connect(&rig, &config);
    for (int i = 0; i < 5; i++) { /* its place is free again */
        assert_int_equal(gw_redis_send(rig.redis, &command, redis_rig_on_reply, &gone, &call), 0);
        gw_redis_cancel(call);
    }
    redis_rig_ask(&rig, "INCR n", &outcome);
    assert_int_equal(outcome.rc, 0);
    redis_rig_ask(&rig, "EXISTS never", &outcome);
    assert_int_equal(outcome.integer, 0);
    assert_int_equal(gone.calls, 0);
}

static void test_cancel(void **state)
{
    struct redis_outcome gone = {0};
    struct redis_outcome outcome;
    struct gw_redis_stats stats;
    struct gw_str words[] = {GW_STR("INCR"), GW_STR("n")};
    struct gw_redis_command command = {words, 2, 0};
    struct gw_redis_call *call;

    (void)state;
    redis_rig_wait_up(&rig);
    assert_int_equal(gw_redis_send(rig.redis, &command, redis_rig_on_reply, &gone, &call), 0);
    gw_redis_cancel(call);
    redis_rig_ask(&rig, "ECHO next", &outcome);
    assert_string_equal(outcome.text, "next");
    redis_rig_turn_for(&rig, 40);
    assert_int_equal(gone.calls, 0);
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.cancelled, 1);
    assert_int_equal(stats.late, 1);
    assert_int_equal(stats.pending, 0);
}

static const struct gw_script count_script = {
    .name = "count",
    .source = GW_STR_INIT("return redis.call('INCRBY', KEYS[1], ARGV[1]) + #ARGV[2]")};

static void run_count(struct redis_outcome *outcome)
{
    struct gw_str key = GW_STR("count");
    struct gw_str args[] = {GW_STR("10"), GW_STR("")};
    struct gw_redis_eval eval = {&count_script, &key, 1, args, 2, GW_NS_PER_SECOND};

    *outcome = (struct redis_outcome){0};
    assert_int_equal(gw_redis_eval(rig.redis, &eval, redis_rig_on_reply, outcome, NULL), 0);
    redis_rig_await(&rig, outcome);
    assert_int_equal(outcome->rc, 0);
    assert_int_equal(outcome->type, GW_REPLY_INTEGER);
}

static void test_scripts_are_sent_once(void **state)
{
    struct redis_outcome outcome;
    struct gw_redis_stats stats;
    char text[256];

    (void)state;
    redis_rig_wait_up(&rig);
    for (int i = 1; i <= 20; i++) {
        run_count(&outcome);
        assert_int_equal(outcome.integer, i * 10);
    }
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.script_loads, 1);

    /* Redis forgets: nobody notices, and each run counts once. */
    redis_server_ask(&rig.server, "SCRIPT FLUSH", text, sizeof(text));
    assert_string_equal(text, "+OK");
    for (int i = 21; i <= 40; i++) {
        run_count(&outcome);
        assert_int_equal(outcome.integer, i * 10);
    }
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.script_loads, 2);
}

static void test_many_runs_over_a_flush(void **state)
{
    struct redis_outcome outcomes[200] = {0};
    struct redis_outcome outcome;
    struct gw_str key = GW_STR("count");
    struct gw_str args[] = {GW_STR("1"), GW_STR("")};
    struct gw_redis_eval eval = {&count_script, &key, 1, args, 2, 5 * GW_NS_PER_SECOND};
    char text[256];

    (void)state;
    redis_rig_wait_up(&rig);
    run_count(&outcome); /* 10 */
    redis_server_ask(&rig.server, "SCRIPT FLUSH", text, sizeof(text));
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(gw_redis_eval(rig.redis, &eval, redis_rig_on_reply, &outcomes[i], NULL),
                         0);
    for (size_t i = 0; i < 200; i++) {
        redis_rig_await(&rig, &outcomes[i]);
        assert_int_equal(outcomes[i].type, GW_REPLY_INTEGER);
        assert_int_equal(outcomes[i].calls, 1);
    }
    redis_server_ask(&rig.server, "GET count", text, sizeof(text));
    run_count(&outcome);
    assert_int_equal(outcome.integer, 220);
}

static void test_database_and_name(void **state)
{
    struct gw_redis_config config = {.database = 3, .client_name = GW_STR_INIT("worker-1")};
    struct redis_outcome outcome;
    char text[256];

    (void)state;
    redis_rig_connect(&rig, &config);
    redis_rig_ask(&rig, "CLIENT GETNAME", &outcome);
    assert_string_equal(outcome.text, "worker-1");
    redis_rig_ask(&rig, "SET here 1", &outcome);
    redis_server_ask(&rig.server, "EXISTS here", text, sizeof(text));
    assert_string_equal(text, ":0");
}

static void test_bounds(void **state)
{
    struct gw_redis_config config = {.max_calls = 100, .max_queued_bytes = 64 * 1024};
    struct redis_outcome outcomes[101];
    struct gw_redis_stats stats;
    struct gw_str words[] = {GW_STR("ECHO"), {calloc(1, 70000), 70000}};
    struct gw_redis_command command = {words, 2, 0};

    (void)state;
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(redis_rig_send(&rig, "INCR n", &outcomes[i]), 0);
    assert_int_equal(redis_rig_send(&rig, "INCR n", &outcomes[100]), -ENOBUFS);
    redis_rig_await(&rig, &outcomes[99]);
    assert_int_equal(outcomes[99].integer, 100);

    /* Too large: refused whole, and what comes next is not spoiled. */
    assert_int_equal(gw_redis_send(rig.redis, &command, redis_rig_on_reply, &outcomes[0], NULL),
                     -ENOBUFS);
    redis_rig_ask(&rig, "INCR n", &outcomes[1]);
    assert_int_equal(outcomes[1].integer, 101);
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.refused, 2);
    assert_int_equal(stats.commands, 101);
    free((char *)words[1].ptr);
}

static void test_large_values(void **state)
{
    const size_t len = 3 * 1024 * 1024;
    struct gw_redis_config config = {.max_reply_bytes = 1024 * 1024};
    struct redis_outcome outcome = {0};
    char *value = malloc(len);
    struct gw_str words[] = {GW_STR("SET"), GW_STR("big"), {value, len}};
    struct gw_redis_command command = {words, 3, 10 * GW_NS_PER_SECOND};

    (void)state;
    memset(value, 'x', len);
    redis_rig_wait_up(&rig);
    assert_int_equal(gw_redis_send(rig.redis, &command, redis_rig_on_reply, &outcome, NULL), 0);
    redis_rig_await(&rig, &outcome);
    assert_string_equal(outcome.text, "OK");
    redis_rig_ask(&rig, "STRLEN big", &outcome);
    assert_int_equal(outcome.integer, len);

    /* A reply larger than we allow ends the connection, with the reason. */
    redis_rig_connect(&rig, &config);
    redis_rig_ask(&rig, "GET big", &outcome);
    assert_int_equal(outcome.rc, -ECONNRESET);
    assert_non_null(strstr(gw_redis_get_reason(rig.redis), "larger than 1048576 bytes"));
    redis_rig_wait_up(&rig);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_kind_of_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nested_arrays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ten_thousand_in_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_write_per_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commands_wait_for_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_cancelled_while_waiting_is_not_sent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scripts_are_sent_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_runs_over_a_flush, setup, teardown),
        cmocka_unit_test_setup_teardown(test_database_and_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_values, setup, teardown),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("redis", tests, NULL, NULL);
}
