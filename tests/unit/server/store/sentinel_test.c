/* Following the primary, with real servers and real sentinels. */
#include "server/store/sentinel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "server/core/clock.h"
#include "tests/unit/support/redis_node.h"
#include "tests/unit/support/redis_rig.h"

#define SERVERS 2
#define SENTINELS 3

/* --- what sentinels say --- */

#define TEXT(literal)                                         \
    {                                                         \
        .type = GW_REPLY_STRING, .text = GW_STR_INIT(literal) \
    }

static void test_answers_are_read(void **state)
{
    const struct gw_reply master[] = {TEXT("name"), TEXT("m"), TEXT("config-epoch"), TEXT("7")};
    const struct gw_reply no_number[] = {TEXT("config-epoch"), TEXT("x")};
    const struct gw_reply odd[] = {TEXT("config-epoch")};
    struct gw_reply reply = {.type = GW_REPLY_ARRAY, .items = master, .count = 4};
    uint64_t epoch = 0;

    (void)state;
    assert_int_equal(gw_sentinel_read_epoch(&reply, &epoch), 0);
    assert_int_equal(epoch, 7);
    reply = (struct gw_reply){.type = GW_REPLY_ARRAY, .items = no_number, .count = 2};
    assert_int_equal(gw_sentinel_read_epoch(&reply, &epoch), -EPROTO);
    reply = (struct gw_reply){.type = GW_REPLY_ARRAY, .items = odd, .count = 1};
    assert_int_equal(gw_sentinel_read_epoch(&reply, &epoch), -EPROTO);
    reply = (struct gw_reply){.type = GW_REPLY_ERROR, .text = GW_STR("ERR No such master")};
    assert_int_equal(gw_sentinel_read_epoch(&reply, &epoch), -EPROTO);
}

static void test_addresses_are_read(void **state)
{
    static const struct {
        struct gw_reply items[2];
        int rc;
    } rows[] = {
        {{TEXT("127.0.0.1"), TEXT("6379")}, 0}, {{TEXT("::1"), TEXT("1")}, 0},
        {{TEXT(""), TEXT("6379")}, -EPROTO},    {{TEXT("h"), TEXT("0")}, -EPROTO},
        {{TEXT("h"), TEXT("65536")}, -EPROTO},  {{TEXT("h"), TEXT("")}, -EPROTO},
    };
    const struct gw_reply nil = {.type = GW_REPLY_NIL};
    struct gw_str host;
    uint16_t port;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct gw_reply reply = {.type = GW_REPLY_ARRAY, .items = rows[i].items, .count = 2};
        assert_int_equal(gw_sentinel_read_address(&reply, &host, &port), rows[i].rc);
    }
    assert_int_equal(gw_sentinel_read_address(&nil, &host, &port), -EPROTO);
}

/* --- real ones --- */

struct group {
    struct redis_node servers[SERVERS], sentinels[SENTINELS];
    struct gw_redis_address addresses[SENTINELS];
    struct redis_rig rig;
};

static void start_sentinel(struct group *group, size_t index)
{
    char lines[512];

    snprintf(lines, sizeof(lines),
             "sentinel monitor mill 127.0.0.1 %u 2\n"
             "sentinel down-after-milliseconds mill 500\n"
             "sentinel failover-timeout mill 3000\n",
             group->servers[0].port);
    redis_node_start(&group->sentinels[index], lines, 1);
}

/* servers[0] is the primary. Sentinels that know of each other and of the replica are ready. */
static void start_group(struct group *group)
{
    struct gw_error error;
    char lines[64];

    memset(group, 0, sizeof(*group));
    assert_int_equal(gw_loop_create(&group->rig.loop, &error), 0);
    for (size_t i = 0; i < SERVERS; i++)
        redis_node_prepare(&group->servers[i]);
    redis_node_start(&group->servers[0], "", 0);
    snprintf(lines, sizeof(lines), "replicaof 127.0.0.1 %u", group->servers[0].port);
    redis_node_start(&group->servers[1], lines, 0);
    redis_node_await(&group->servers[1], "INFO replication", "master_link_status:up");
    for (size_t i = 0; i < SENTINELS; i++) {
        redis_node_prepare(&group->sentinels[i]);
        start_sentinel(group, i);
        group->addresses[i] =
            (struct gw_redis_address){GW_STR("127.0.0.1"), group->sentinels[i].port};
    }
    for (size_t i = 0; i < SENTINELS; i++)
        redis_node_await(&group->sentinels[i], "INFO sentinel", "slaves=1,sentinels=3");
}

static void stop_group(struct group *group)
{
    gw_redis_destroy(group->rig.redis);
    for (size_t i = 0; i < SENTINELS; i++)
        redis_node_finish(&group->sentinels[i]);
    for (size_t i = 0; i < SERVERS; i++)
        redis_node_finish(&group->servers[i]);
    gw_loop_destroy(group->rig.loop);
}

/* Starting one takes long (a primary is asked for its replicas each ten seconds only): the tests
 * share it, in the order of main(). */
static struct group group;

static int group_setup(void **state)
{
    (void)state;
    start_group(&group);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    stop_group(&group);
    return 0;
}

static void connect_by(const char *name)
{
    const struct gw_redis_config config = {
        .nodes = group.addresses,
        .node_count = SENTINELS,
        .primary_name = gw_str_of(name),
        .timeout_ns = 5 * GW_NS_PER_SECOND,
        .stall_ns = GW_NS_PER_SECOND,
    };
    struct gw_error error;

    gw_redis_destroy(group.rig.redis);
    group.rig.redis = NULL;
    assert_int_equal(gw_redis_create(group.rig.loop, &config, &group.rig.redis, &error), 0);
}

static void await_port(uint16_t port)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 30 * GW_NS_PER_SECOND;
    char expected[32];

    snprintf(expected, sizeof(expected), "redis 127.0.0.1:%u", port);
    while (!gw_redis_is_up(group.rig.redis) ||
           strcmp(gw_redis_get_label(group.rig.redis), expected) != 0) {
        gw_loop_turn(group.rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static void test_fail_over(void **state)
{
    struct redis_outcome outcome;
    char out[4096];

    (void)state;
    connect_by("mill");
    redis_rig_wait_up(&group.rig);
    redis_rig_ask(&group.rig, "SET k v", &outcome);
    assert_string_equal(outcome.text, "OK");
    redis_node_await(&group.servers[1], "GET k", "v");

    redis_node_kill(&group.servers[0]);
    await_port(group.servers[1].port);
    redis_rig_ask(&group.rig, "GET k", &outcome);
    assert_string_equal(outcome.text, "v");
    redis_rig_ask(&group.rig, "SET k w", &outcome);
    assert_string_equal(outcome.text, "OK");

    /* The old one comes back as a primary, and is made a replica: we stay. */
    redis_node_restart(&group.servers[0], 0);
    redis_node_await(&group.servers[0], "INFO replication", "role:slave");
    redis_rig_turn_for(&group.rig, 1500);
    redis_rig_ask(&group.rig, "SET k x", &outcome);
    assert_string_equal(outcome.text, "OK");
    redis_node_await(&group.servers[0], "GET k", "x");

    /* Back again, by command: the connection to a living server is given up. */
    redis_node_await(&group.sentinels[0], "INFO sentinel", "status=ok");
    redis_node_await(&group.sentinels[0], "SENTINEL FAILOVER mill", "+OK");
    await_port(group.servers[0].port);
    redis_node_ask(&group.servers[0], "INFO replication", out, sizeof(out));
    assert_non_null(strstr(out, "role:master"));
    redis_rig_ask(&group.rig, "SET k y", &outcome);
    assert_string_equal(outcome.text, "OK");
}

/* One sentinel that was cut off, and knows only of the old primary, does not lead us astray; one
 * that is left is enough; and without any we stay where we are. */
static void test_sentinels_away(void **state)
{
    struct redis_outcome outcome;

    (void)state;
    redis_node_signal(&group.sentinels[0], SIGSTOP);
    connect_by("mill");
    redis_rig_wait_up(&group.rig);
    redis_node_kill(&group.sentinels[1]);
    redis_node_kill(&group.sentinels[2]);
    redis_rig_turn_for(&group.rig, 2500);
    redis_rig_ask(&group.rig, "SET k v", &outcome);
    assert_string_equal(outcome.text, "OK");

    /* All sentinels forget: nobody knows the name, and we stay. */
    redis_node_signal(&group.sentinels[0], SIGCONT);
    redis_node_await(&group.sentinels[0], "SENTINEL REMOVE mill", "+OK");
    redis_rig_turn_for(&group.rig, 1500);
    redis_rig_ask(&group.rig, "SET k w", &outcome);
    assert_string_equal(outcome.text, "OK");

    connect_by("mill");
    for (int i = 0; i < 1000 && strstr(gw_redis_get_reason(group.rig.redis), "knows") == NULL; i++)
        gw_loop_turn(group.rig.loop, 10);
    assert_string_equal(gw_redis_get_reason(group.rig.redis),
                        "no Sentinel knows a primary of that name");
    assert_int_equal(redis_rig_send(&group.rig, "PING", &outcome), -ENOTCONN);
}

/* Named by Sentinel, and not a primary: never up. A server that becomes a replica is left. */
static void test_roles(void **state)
{
    struct redis_outcome outcome;
    char line[64];

    (void)state;
    connect_by("mill");
    redis_rig_wait_up(&group.rig);
    for (size_t i = 0; i < SENTINELS; i++) /* nobody repairs what comes next */
        redis_node_signal(&group.sentinels[i], SIGSTOP);
    snprintf(line, sizeof(line), "REPLICAOF 127.0.0.1 %u", group.servers[1].port);
    redis_node_await(&group.servers[0], line, "+OK");
    redis_rig_ask(&group.rig, "SET k v", &outcome);
    assert_int_equal(outcome.type, GW_REPLY_ERROR);
    redis_rig_turn_for(&group.rig, 300);
    assert_false(gw_redis_is_up(group.rig.redis));
    assert_string_equal(gw_redis_get_reason(group.rig.redis), "it is not a primary");

    redis_node_await(&group.servers[0], "REPLICAOF NO ONE", "+OK");
    redis_rig_wait_up(&group.rig);
    redis_rig_ask(&group.rig, "SET k v", &outcome);
    assert_string_equal(outcome.text, "OK");
    redis_node_await(&group.servers[1], "INFO replication", "master_link_status:up");
    for (size_t i = 0; i < SENTINELS; i++)
        redis_node_signal(&group.sentinels[i], SIGCONT);
    for (size_t i = 0; i < SENTINELS; i++)
        redis_node_await(&group.sentinels[i], "INFO sentinel", "status=ok");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_read),
        cmocka_unit_test(test_addresses_are_read),
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_fail_over),
        cmocka_unit_test(test_sentinels_away),
    };

    if (!redis_server_is_installed()) {
        print_message("skipped: redis-server is not installed\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
