#include "server/store/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/core/clock.h"
#include "tests/unit/support/redis_rig.h"

static bool has(const struct gw_redis_problems *problems, const char *name)
{
    for (size_t i = 0; i < problems->count; i++) {
        if (strcmp(problems->items[i].name, name) == 0)
            return true;
    }
    return false;
}

#define GOOD                                                                                     \
    "# Memory\r\nused_memory:10\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"               \
    "loading:0\r\naof_enabled:1\r\naof_last_write_status:ok\r\nrole:master\r\nconnected_slaves:" \
    "1\r\n"

static void test_judge(void **state)
{
    static const struct {
        const char *info;
        const char *problem;
    } cases[] = {
        {GOOD, NULL},
        {"", "redis-evicts"},
        {"maxmemory_policy:allkeys-lru\r\n", "redis-evicts"},
        {"xmaxmemory_policy:noeviction\r\n", "redis-evicts"},
        {"maxmemory:100\r\nused_memory:100\r\n", "redis-full"},
        {"aof_enabled:0\r\n", "redis-not-append-only"},
        {"aof_last_write_status:err\r\n", "redis-write-error"},
        {"loading:1\r\n", "redis-loading"},
        {"role:slave\r\n", "redis-not-primary"},
        {"role:master\r\nconnected_slaves:0\r\n", "redis-too-few-replicas"},
    };
    const struct gw_redis_needs needs = {.must_append = true, .min_replicas = 1};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_redis_problems problems = {0};
        gw_redis_health_judge(&needs, "h:1", gw_str_of(cases[i].info), &problems);
        if (cases[i].problem == NULL)
            assert_int_equal(problems.count, 0);
        else
            assert_true(has(&problems, cases[i].problem));
        for (size_t j = 0; j < problems.count; j++)
            assert_string_equal(problems.items[j].node, "h:1");
        assert_int_equal(gw_redis_is_fit(&problems), cases[i].problem == NULL);
    }
}

/* To be told, and no reason to go: a fail-over has just left it like this. */
static void test_minor(void **state)
{
    const struct gw_redis_needs needs = {.wants_replica = true};
    const char *info = "maxmemory_policy:noeviction\r\nrole:master\r\nconnected_slaves:0\r\n";
    struct gw_redis_problems problems = {0};

    (void)state;
    gw_redis_health_judge(&needs, "h:1", gw_str_of(info), &problems);
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.items[0].name, "redis-no-replica");
    assert_true(gw_redis_is_fit(&problems));
}

/* An acknowledged record is on the disk, or it may die with its server. */
static void test_judge_sync(void **state)
{
    static const struct {
        const char *policy;
        unsigned min_replicas;
        const char *problem;
        bool is_fit;
    } cases[] = {
        {"always", 0, NULL, true},
        {"everysec", 0, "redis-not-synced", false},
        {"no", 0, "redis-not-synced", false},
        {"everysec", 1, "redis-not-synced", true},
        {NULL, 0, "redis-sync-unknown", true},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const struct gw_redis_needs needs = {.must_sync = true,
                                             .min_replicas = cases[i].min_replicas};
        struct gw_str policy =
            cases[i].policy != NULL ? gw_str_of(cases[i].policy) : gw_str_from(NULL, 0);
        struct gw_redis_problems problems = {0};
        gw_redis_health_judge_sync(&needs, "h:1", policy, &problems);
        assert_int_equal(problems.count, cases[i].problem != NULL);
        if (cases[i].problem != NULL)
            assert_string_equal(problems.items[0].name, cases[i].problem);
        assert_int_equal(gw_redis_is_fit(&problems), cases[i].is_fit);
    }
}

static void wait_for(struct redis_rig *rig, struct gw_redis_health *health, const char *problem)
{
    for (int i = 0; i < 1000; i++) {
        const struct gw_redis_problems *problems = gw_redis_health_get(health);
        if (problem == NULL ? problems->count == 0 : has(problems, problem))
            return;
        gw_loop_turn(rig->loop, 10);
    }
    fail_msg("%s was not seen", problem != NULL ? problem : "health");
}

static void test_a_real_one(void **state)
{
    static const char *const options[] = {"--maxmemory-policy", "allkeys-lru", NULL};
    const struct gw_redis_needs needs = {
        .must_append = true, .must_sync = true, .period_ns = 50 * GW_NS_PER_MS};
    struct gw_redis_health *health;
    struct redis_rig rig;
    char text[64];

    (void)state;
    redis_rig_start(&rig, options);
    redis_rig_connect(&rig, NULL);
    health = gw_redis_health_create(rig.loop, rig.redis, &needs);
    assert_non_null(health);
    assert_true(has(gw_redis_health_get(health), "redis-unreachable"));
    wait_for(&rig, health, "redis-evicts");
    assert_true(has(gw_redis_health_get(health), "redis-not-append-only"));

    redis_server_ask(&rig.server, "CONFIG SET maxmemory-policy noeviction", text, sizeof(text));
    redis_server_ask(&rig.server, "CONFIG SET appendonly yes", text, sizeof(text));
    assert_string_equal(text, "+OK");
    wait_for(&rig, health, "redis-not-synced");
    redis_server_ask(&rig.server, "CONFIG SET appendfsync always", text, sizeof(text));
    wait_for(&rig, health, NULL);
    redis_server_ask(&rig.server, "ACL SETUSER default -config", text, sizeof(text));
    wait_for(&rig, health, "redis-sync-unknown");
    assert_true(gw_redis_is_fit(gw_redis_health_get(health)));
    redis_server_ask(&rig.server, "ACL SETUSER default +config", text, sizeof(text));
    wait_for(&rig, health, NULL);
    redis_server_ask(&rig.server, "REPLICAOF 127.0.0.1 1", text, sizeof(text));
    wait_for(&rig, health, "redis-not-primary");
    redis_server_kill(&rig.server);
    wait_for(&rig, health, "redis-unreachable");
    gw_redis_health_destroy(health);
    redis_rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_judge_sync),
        cmocka_unit_test(test_minor),
        cmocka_unit_test(test_a_real_one),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
