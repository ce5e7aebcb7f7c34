/* The filter in a chain, on exchanges in memory, against a real Redis. */
#include "policies/rate_limit/rate_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "tests/unit/support/limit_rig.h"

/* 100 at once, then one a minute: what a slow test machine regains meanwhile does not count. */
#define PLANS                                                                                \
    "{\"hundred\":{\"limit\":60,\"window\":3600000000000,\"burst\":100,\"mode\":\"exact\"}," \
    "\"one\":{\"limit\":1,\"window\":3600000000000},"                                        \
    "\"quick\":{\"limit\":20,\"window\":1000000000,\"burst\":1}}"

static struct limit_rig rig;

static int setup(void **state)
{
    (void)state;
    limit_rig_start(&rig, PLANS, "hundred");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    limit_rig_stop(&rig);
    return 0;
}

static int ask(const char *consumer, const char *peer)
{
    return limit_rig_ask(&rig, &rig.first, consumer, peer);
}

static unsigned count_fields(const struct gw_exchange *ex, const char *name)
{
    unsigned count = 0;

    for (size_t i = 0; i < ex->response.field_count; i++)
        count += gw_str_equal_nocase(ex->response.fields[i].name, gw_str_of(name));
    return count;
}

static void test_exact_over_two_connections(void **state)
{
    struct redis_rig other = {.loop = rig.redis.loop, .server = rig.redis.server};
    struct gw_exchange *exchanges[300];
    struct limit_worker second;
    unsigned admitted = 0;
    unsigned refused = 0;

    (void)state;
    redis_rig_connect(&other, NULL);
    redis_rig_wait_up(&other);
    limit_worker_start(&rig, &second, other.redis, 5000);
    for (size_t i = 0; i < 300; i++)
        exchanges[i] =
            limit_rig_begin(&rig, i % 2 == 0 ? &rig.first : &second, "issuer/ann", "192.0.2.1");
    for (size_t i = 0; i < 300; i++) {
        limit_rig_await(&rig, exchanges[i]);
        admitted += exchanges[i]->response.status == 200;
        refused += exchanges[i]->response.status == 429;
        gw_exchange_give_back(&rig.pool, exchanges[i]);
    }
    assert_int_equal(admitted, 100);
    assert_int_equal(refused, 200);
    limit_worker_stop(&second);
    gw_redis_destroy(other.redis);
}

static void test_what_the_caller_is_told(void **state)
{
    struct gw_exchange *ex = limit_rig_begin(&rig, &rig.first, "issuer/ann", "");
    char text[256];

    (void)state;
    limit_rig_await(&rig, ex);
    assert_int_equal(ex->response.status, 200);
    assert_string_equal(limit_rig_field(ex, "RateLimit-Policy", text),
                        "\"hundred\";q=60;w=3600;burst=100");
    assert_string_equal(limit_rig_field(ex, "RateLimit", text), "\"hundred\";r=99;t=60");
    assert_int_equal(count_fields(ex, "RateLimit"), 1);
    assert_string_equal(limit_rig_field(ex, "Retry-After", text), "none");
    assert_string_equal(limit_rig_field(ex, "X-RateLimit-Limit", text), "none");
    gw_exchange_give_back(&rig.pool, ex);

    rig.operation.plan = GW_STR("one");
    ex = limit_rig_begin(&rig, &rig.first, "issuer/ann", "");
    limit_rig_await(&rig, ex);
    assert_int_equal(ex->response.status, 200);
    assert_string_equal(limit_rig_field(ex, "RateLimit", text), "\"one\";r=0;t=3600");
    gw_exchange_give_back(&rig.pool, ex);

    ex = limit_rig_begin(&rig, &rig.first, "issuer/ann", "");
    limit_rig_await(&rig, ex);
    assert_int_equal(ex->response.status, 429);
    assert_string_equal(limit_rig_field(ex, "RateLimit-Policy", text), "\"one\";q=1;w=3600");
    assert_string_equal(limit_rig_field(ex, "RateLimit", text), "\"one\";r=0;t=3600");
    assert_string_equal(limit_rig_field(ex, "Retry-After", text), "3600");
    assert_string_equal(limit_rig_field(ex, "Content-Type", text), "application/problem+json");
    assert_non_null(strstr(ex->response.body.ptr, "/problems/rate-limited"));
    gw_exchange_give_back(&rig.pool, ex);
}

static void test_what_redis_keeps(void **state)
{
    char text[256];

    (void)state;
    assert_int_equal(ask("issuer/ann", "192.0.2.1"), 200);
    assert_int_equal(ask("", "192.0.2.1"), 200);
    redis_server_ask(&rig.redis.server, "DBSIZE", text, sizeof(text));
    assert_string_equal(text, ":2");
    redis_server_ask(&rig.redis.server, "PTTL millgate:rl:{issuer/ann}:hundred", text,
                     sizeof(text));
    long ttl_ms = strtol(text + 1, NULL, 10); /* 100 of one a minute, and once more */
    assert_true(ttl_ms > 11900 * 1000 && ttl_ms <= 12000 * 1000);
    redis_server_ask(&rig.redis.server, "PTTL millgate:rl:ip:{192.0.2.1}:hundred", text,
                     sizeof(text));
    ttl_ms = strtol(text + 1, NULL, 10);
    assert_true(ttl_ms > 11900 * 1000 && ttl_ms <= 12000 * 1000);
}

static void test_who_shares_a_limit(void **state)
{
    (void)state;
    rig.operation.plan = GW_STR("one");
    assert_int_equal(ask("issuer/ann", "192.0.2.1"), 200);
    assert_int_equal(ask("issuer/ann", "192.0.2.2"), 429);
    assert_int_equal(ask("issuer/bob", "192.0.2.1"), 200);
    assert_int_equal(ask("other/ann", "192.0.2.1"), 200);
    assert_int_equal(ask("", "192.0.2.1"), 200);
    assert_int_equal(ask("", "192.0.2.1"), 429);
    assert_int_equal(ask("", "192.0.2.2"), 200);
    assert_int_equal(ask("192.0.2.3", ""), 200); /* a consumer named like an address */
    assert_int_equal(ask("", "192.0.2.3"), 200);
    assert_int_equal(ask("", "2001:db8::1"), 200); /* one network, one subject */
    assert_int_equal(ask("", "2001:db8::2"), 429);
    assert_int_equal(ask("", "2001:db8:0:1::2"), 200);
    rig.operation.plan = GW_STR("hundred");
    assert_int_equal(ask("issuer/ann", "192.0.2.1"), 200);
}

static void test_no_plan_and_an_unknown_one(void **state)
{
    (void)state;
    rig.operation.plan = GW_STR("");
    struct gw_exchange *ex = limit_rig_begin(&rig, &rig.first, "issuer/ann", "");
    assert_int_equal(ex->response.status, 200);
    assert_int_equal(count_fields(ex, "RateLimit-Policy"), 0);
    gw_exchange_give_back(&rig.pool, ex);
    rig.operation.plan = GW_STR("gold");
    assert_int_equal(ask("issuer/ann", ""), 500);
}

static void test_what_is_regained(void **state)
{
    unsigned admitted = 0;

    (void)state;
    rig.operation.plan = GW_STR("quick"); /* one each 50 ms */
    uint64_t from_ns = gw_clock_monotonic_ns();
    while (gw_clock_monotonic_ns() - from_ns < GW_NS_PER_SECOND)
        admitted += ask("issuer/ann", "") == 200;
    uint64_t passed_ns = gw_clock_monotonic_ns() - from_ns;
    assert_true(admitted <= 1 + passed_ns / (50 * GW_NS_PER_MS));
    assert_true(admitted >= 10); /* not a measure: they come back at all */
}

/* --- Redis away --- */

static void test_the_local_share(void **state)
{
    unsigned admitted = 0;

    (void)state;
    redis_server_kill(&rig.redis.server);
    while (gw_redis_get_state(rig.redis.redis) != GW_REDIS_DOWN)
        gw_loop_turn(rig.redis.loop, 1);
    /* 100 at once, among 2 instances of 2 workers. */
    for (int i = 0; i < 60; i++)
        admitted += ask("issuer/ann", "") == 200;
    assert_int_equal(admitted, 25);
    rig.operation.plan = GW_STR("one"); /* at least one */
    assert_int_equal(ask("issuer/ann", ""), 200);
    assert_int_equal(ask("issuer/ann", ""), 429);

    redis_server_restart(&rig.redis.server);
    redis_rig_wait_up(&rig.redis);
    redis_rig_turn_for(&rig.redis, 250); /* the breaker's pause */
    for (int i = 0; i < 3; i++)
        ask("issuer/cid", "");
    char text[64];
    redis_server_ask(&rig.redis.server, "EXISTS millgate:rl:{issuer/cid}:one", text, sizeof(text));
    assert_string_equal(text, ":1");
}

static void test_a_stopped_redis_is_not_waited_for(void **state)
{
    struct limit_worker hasty;
    unsigned waited = 0;

    (void)state;
    limit_worker_start(&rig, &hasty, rig.redis.redis, 20);
    redis_server_signal(&rig.redis.server, SIGSTOP);
    for (int i = 0; i < 20; i++) {
        struct gw_exchange *ex = limit_rig_begin(&rig, &hasty, "issuer/ann", "");
        waited += ex->state == GW_EXCHANGE_DECIDING;
        limit_rig_await(&rig, ex);
        assert_int_equal(ex->response.status, 200);
        gw_exchange_give_back(&rig.pool, ex);
    }
    /* Five failures open the breaker; on a slow machine a probe may have been due. */
    assert_true(waited >= 5 && waited <= 7);

    /* After the pause one request tries, the others do not wait for it. */
    redis_rig_turn_for(&rig.redis, 250);
    struct gw_exchange *probe = limit_rig_begin(&rig, &hasty, "issuer/ann", "");
    assert_int_equal(probe->state, GW_EXCHANGE_DECIDING);
    struct gw_exchange *other = limit_rig_begin(&rig, &hasty, "issuer/ann", "");
    assert_int_equal(other->state, GW_EXCHANGE_RESPONDING);
    limit_rig_await(&rig, probe);
    gw_exchange_give_back(&rig.pool, probe);
    gw_exchange_give_back(&rig.pool, other);

    redis_server_signal(&rig.redis.server, SIGCONT);
    redis_rig_wait_up(&rig.redis);
    redis_rig_turn_for(&rig.redis, 250);
    limit_worker_stop(&hasty);
}

static void test_an_error_of_redis_counts_as_away(void **state)
{
    char text[64];

    (void)state;
    redis_server_ask(&rig.redis.server, "LPUSH millgate:rl:{issuer/ann}:hundred x", text,
                     sizeof(text));
    for (int i = 0; i < 25; i++)
        assert_int_equal(ask("issuer/ann", ""), 200);
    assert_int_equal(ask("issuer/ann", ""), 429);
}

static void test_the_client_leaves(void **state)
{
    (void)state;
    redis_server_signal(&rig.redis.server, SIGSTOP);
    struct gw_exchange *ex = limit_rig_begin(&rig, &rig.first, "issuer/ann", "");
    redis_rig_turn_for(&rig.redis, 10);
    assert_int_equal(ex->state, GW_EXCHANGE_DECIDING);
    gw_exchange_abandon(ex);
    assert_int_equal(ex->state, GW_EXCHANGE_GONE);
    gw_exchange_give_back(&rig.pool, ex);
    redis_server_signal(&rig.redis.server, SIGCONT);
    redis_rig_turn_for(&rig.redis, 50); /* the late answer finds nobody */
    assert_int_equal(ask("issuer/ann", ""), 200);
}

static void test_bad_configuration(void **state)
{
    void *self = NULL;
    struct gw_error error;
    json_t *config = json_deep_copy(rig.first.config);

    (void)state;
    json_t *plan = json_object_get(json_object_get(config, "plans"), "quick");
    json_object_set_new(plan, "limit", json_integer(0));
    assert_int_equal(gw_rate_limit.create(config, &self, &error), -EINVAL);
    assert_string_equal(error.where, "/plans/quick");
    assert_null(self);
    json_decref(config);
    gw_rate_limit.destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exact_over_two_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_the_caller_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_redis_keeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_shares_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_plan_and_an_unknown_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_regained, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_local_share, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stopped_redis_is_not_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_error_of_redis_counts_as_away, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_client_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_configuration, setup, teardown),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("rate_limit", tests, NULL, NULL);
}
