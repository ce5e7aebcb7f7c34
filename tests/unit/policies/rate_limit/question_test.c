/* Plans of several limits in the filter, against a real Redis: whose plan, several subjects, leases
 * and slots. */
#include "policies/rate_limit/question.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "tests/unit/support/limit_rig.h"

#define HOUR "\"window\":3600000000000"
static const char plans[] =
    "{\"two\":{\"limits\":{\"own\":{\"limit\":10," HOUR ",\"mode\":\"exact\"},"
    "\"all\":{\"limit\":3," HOUR ",\"mode\":\"exact\",\"scope\":\"plan\"}}},"
    "\"gold\":{\"limit\":7," HOUR "},"
    "\"leased\":{\"limit\":10000," HOUR "},"
    "\"tight\":{\"limits\":{\"w\":{\"limit\":200," HOUR "}}},"
    "\"slots\":{\"limits\":{\"s\":{\"concurrent\":2,\"slot_ttl\":60000000000}}},"
    "\"month\":{\"limits\":{\"m\":{\"quota\":5}}}}";

static struct limit_rig rig;

static int setup(void **state)
{
    (void)state;
    limit_rig_start(&rig, plans, "two");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    limit_rig_stop(&rig);
    return 0;
}

static int ask(const char *consumer)
{
    return limit_rig_ask(&rig, &rig.first, consumer, "192.0.2.1");
}

/* What Redis has of a window: the sum of its last cell less what has left it. */
static long count_of(const char *key, const char *name)
{
    char line[512], text[64];

    snprintf(
        line, sizeof(line),
        "EVAL \"local s = redis.call('HGET', KEYS[1], ARGV[1]) if not s then return -1 end "
        "return select(2, struct.unpack('<dd', s, #s - 15)) - struct.unpack('<d', s)\" 1 %s %s",
        key, name);
    redis_server_ask(&rig.redis.server, line, text, sizeof(text));
    return text[0] == ':' ? strtol(text + 1, NULL, 10) : -1;
}

static void use_gold(struct gw_exchange *ex)
{
    ex->identity.plan = GW_STR("gold");
}

static void use_unknown(struct gw_exchange *ex)
{
    ex->identity.plan = GW_STR("tin");
}

static void test_the_consumers_own_plan_counts_first(void **state)
{
    char text[256];

    (void)state;
    struct gw_exchange *ex = limit_rig_begin_with(&rig, &rig.first, "i:ann", "", use_gold);
    limit_rig_await(&rig, ex);
    assert_string_equal(limit_rig_field(ex, "RateLimit-Policy", text), "\"gold\";q=7;w=3600");
    gw_exchange_give_back(&rig.pool, ex);
    ex = limit_rig_begin_with(&rig, &rig.first, "i:ann", "", use_unknown);
    limit_rig_await(&rig, ex);
    assert_int_equal(ex->response.status, 500); /* never an unlimited call */
    gw_exchange_give_back(&rig.pool, ex);
    rig.operation.plan = GW_STR("");
    ex = limit_rig_begin_with(&rig, &rig.first, "i:ann", "", use_gold);
    limit_rig_await(&rig, ex);
    assert_string_equal(limit_rig_field(ex, "RateLimit", text), "\"gold\";r=5;t=3600");
    gw_exchange_give_back(&rig.pool, ex);
}

static void test_one_refuses_the_other_is_given_back(void **state)
{
    char text[256];

    (void)state;
    for (int i = 0; i < 8; i++)
        assert_int_equal(ask("i:ann"), i < 3 ? 200 : 429);
    struct gw_exchange *ex = limit_rig_begin(&rig, &rig.first, "i:bob", "");
    limit_rig_await(&rig, ex);
    assert_int_equal(ex->response.status, 429);
    assert_string_equal(limit_rig_field(ex, "RateLimit-Policy", text),
                        "\"two.own\";q=10;w=3600, \"two.all\";q=3;w=3600");
    assert_non_null(strstr(ex->response.body.ptr, "\"limit\":\"two.all\""));
    gw_exchange_give_back(&rig.pool, ex);
    redis_rig_turn_for(&rig.redis, 50);
    redis_server_ask(&rig.redis.server, "HLEN millgate:rl:{i:ann}:two", text, sizeof(text));
    assert_string_equal(text, ":2"); /* x and one limit */
    ex = limit_rig_begin(&rig, &rig.first, "i:ann", "");
    limit_rig_await(&rig, ex);
    assert_non_null(
        strstr(limit_rig_field(ex, "RateLimit", text), "\"two.own\";r=6;")); /* at that moment */
    gw_exchange_give_back(&rig.pool, ex);
}

static void test_weights(void **state)
{
    (void)state;
    rig.operation.plan = GW_STR("gold");
    rig.operation.weight = 3;
    assert_int_equal(ask("i:ann"), 200);
    assert_int_equal(ask("i:ann"), 200);
    assert_int_equal(ask("i:ann"), 429);
    rig.operation.weight = 1;
    assert_int_equal(ask("i:ann"), 200);
    assert_int_equal(ask("i:ann"), 429);
}

/* --- leases --- */

static uint64_t commands(void)
{
    struct gw_redis_stats stats;

    gw_redis_get_stats(rig.redis.redis, &stats);
    return stats.commands;
}

static void test_most_are_answered_from_memory(void **state)
{
    uint64_t before = commands();

    (void)state;
    rig.operation.plan = GW_STR("leased");
    for (int i = 0; i < 2000; i++)
        assert_int_equal(ask("i:ann"), 200);
    assert_true(commands() - before < 500);
    assert_true(commands() - before > 2000 / 100); /* none is larger than a hundredth */
}

static void test_what_is_left_goes_back(void **state)
{
    (void)state;
    rig.operation.plan = GW_STR("leased");
    for (int i = 0; i < 500; i++)
        assert_int_equal(ask("i:ann"), 200);
    redis_rig_turn_for(&rig.redis, 1300);
    struct gw_exchange *ex = limit_rig_begin(&rig, &rig.first, "i:ann", "");
    char text[256];
    limit_rig_await(&rig, ex);
    unsigned left = 0;
    assert_int_equal(sscanf(limit_rig_field(ex, "RateLimit", text), "\"leased\";r=%u", &left), 1);
    assert_int_equal(left, 10000 - 501);
    gw_exchange_give_back(&rig.pool, ex);
}

static void test_a_worker_that_ends_gives_back(void **state)
{
    char text[64];

    (void)state;
    rig.operation.plan = GW_STR("leased");
    for (int i = 0; i < 500; i++)
        assert_int_equal(ask("i:ann"), 200);
    gw_worker_send_off(&rig.first.worker);
    redis_rig_turn_for(&rig.redis, 50);
    redis_server_ask(&rig.redis.server, "HGET millgate:rl:{i:ann}:leased l", text, sizeof(text));
    assert_string_equal(text, "$0"); /* nobody holds anything */
}

static void test_a_refusal_is_remembered(void **state)
{
    (void)state;
    rig.operation.plan = GW_STR("tight");
    unsigned admitted = 0;
    for (int i = 0; i < 300; i++)
        admitted += ask("i:ann") == 200;
    assert_true(admitted <= 200 && admitted >= 196); /* two lots of two may be on their way */
    uint64_t before = commands();
    uint64_t until_ns = gw_clock_monotonic_ns() + 50 * GW_NS_PER_MS;
    unsigned asked = 0;
    for (; gw_clock_monotonic_ns() < until_ns; asked++)
        assert_int_equal(ask("i:ann"), 429);
    assert_true(commands() - before <= 3);
    assert_int_equal(ask("i:bob"), 200);
}

/* --- slots --- */

static void test_a_slot_is_free_at_the_end(void **state)
{
    char text[64];

    (void)state;
    rig.operation.plan = GW_STR("slots");
    struct gw_exchange *one = limit_rig_begin(&rig, &rig.first, "i:ann", "");
    struct gw_exchange *two = limit_rig_begin(&rig, &rig.first, "i:ann", "");
    limit_rig_await(&rig, one);
    limit_rig_await(&rig, two);
    assert_int_equal(one->response.status, 200);
    assert_int_equal(two->response.status, 200);
    assert_int_equal(ask("i:ann"), 429);
    redis_server_ask(&rig.redis.server, "ZCARD millgate:rl:{i:ann}:slots:slots.s", text,
                     sizeof(text));
    assert_string_equal(text, ":2");
    gw_exchange_give_back(&rig.pool, one);
    assert_int_equal(ask("i:ann"), 200); /* the news go the same way, before it */
    gw_exchange_give_back(&rig.pool, two);
    redis_rig_turn_for(&rig.redis, 50);
    redis_server_ask(&rig.redis.server, "ZCARD millgate:rl:{i:ann}:slots:slots.s", text,
                     sizeof(text));
    assert_string_equal(text, ":0");
}

static void test_a_client_that_leaves_while_it_waits_holds_none(void **state)
{
    char text[64];

    (void)state;
    rig.operation.plan = GW_STR("slots");
    redis_server_signal(&rig.redis.server, SIGSTOP);
    struct gw_exchange *ex = limit_rig_begin(&rig, &rig.first, "i:ann", "");
    redis_rig_turn_for(&rig.redis, 10);
    assert_int_equal(ex->state, GW_EXCHANGE_DECIDING);
    gw_exchange_abandon(ex);
    gw_exchange_give_back(&rig.pool, ex);
    redis_server_signal(&rig.redis.server, SIGCONT);
    redis_rig_turn_for(&rig.redis, 100);
    redis_server_ask(&rig.redis.server, "ZCARD millgate:rl:{i:ann}:slots:slots.s", text,
                     sizeof(text));
    assert_string_equal(text, ":0");
}

/* --- without Redis --- */

static void test_without_redis(void **state)
{
    (void)state;
    redis_server_kill(&rig.redis.server);
    while (gw_redis_get_state(rig.redis.redis) != GW_REDIS_DOWN)
        gw_loop_turn(rig.redis.loop, 1);
    rig.operation.plan = GW_STR("month");
    assert_int_equal(ask("i:ann"), 503);
    rig.operation.plan = GW_STR("slots"); /* 2 among 4 workers: one is the least */
    struct gw_exchange *one = limit_rig_begin(&rig, &rig.first, "i:ann", "");
    assert_int_equal(one->response.status, 200);
    assert_int_equal(ask("i:ann"), 429);
    gw_exchange_give_back(&rig.pool, one);
    assert_int_equal(ask("i:ann"), 200);
    rig.operation.plan = GW_STR("leased");
    unsigned admitted = 0;
    for (int i = 0; i < 3000; i++)
        admitted += ask("i:bob") == 200;
    assert_int_equal(admitted, 2500);

    redis_server_restart(&rig.redis.server);
    redis_rig_wait_up(&rig.redis);
    uint64_t until_ns = gw_clock_monotonic_ns() + 10 * GW_NS_PER_SECOND;
    while (count_of("millgate:rl:{i:bob}:leased", "w:leased") != 2500) { /* it is told, unasked */
        redis_rig_turn_for(&rig.redis, 50);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_consumers_own_plan_counts_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_refuses_the_other_is_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weights, setup, teardown),
        cmocka_unit_test_setup_teardown(test_most_are_answered_from_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_left_goes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_worker_that_ends_gives_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_refusal_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_slot_is_free_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_leaves_while_it_waits_holds_none, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_without_redis, setup, teardown),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("question", tests, NULL, NULL);
}
