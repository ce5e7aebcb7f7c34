/* A client in a real Redis Cluster: three primaries with a replica each, which the tests share in
 * the order of main(). */
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
#include "server/store/cluster_map.h"
#include "server/store/record.h"
#include "tests/unit/support/redis_rig.h"
#include "tests/unit/support/redis_shards.h"

#define KEYS 300

static const struct gw_script add_script = {
    "add", GW_STR_INIT("return redis.call('INCRBY', KEYS[1], ARGV[1])")};
static const struct gw_script both_script = {
    "both", GW_STR_INIT("return {redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2])}")};

static struct redis_shards shards;
static struct redis_rig rig;

static int group_setup(void **state)
{
    struct gw_error error;

    (void)state;
    redis_shards_start(&shards);
    return gw_loop_create(&rig.loop, &error);
}

static int group_teardown(void **state)
{
    (void)state;
    gw_redis_destroy(rig.redis);
    redis_shards_stop(&shards);
    gw_loop_destroy(rig.loop);
    return 0;
}

/* Knowing one node only, which is the replica of another's slots. */
static void connect(uint64_t timeout_ns)
{
    const struct gw_redis_config config = {.nodes = &shards.addresses[5],
                                           .node_count = 1,
                                           .timeout_ns = timeout_ns,
                                           .stall_ns = 4 * GW_NS_PER_SECOND}; /* over WAIT's */
    struct gw_error error;

    gw_redis_destroy(rig.redis);
    rig.redis = NULL;
    assert_int_equal(gw_redis_create(rig.loop, &config, &rig.redis, &error), 0);
    redis_rig_wait_up(&rig);
}

struct adding {
    struct gw_str key, arg;
    struct gw_redis_eval eval;
    struct redis_outcome outcome;
};

static int start_adding(struct adding *adding, const char *key)
{
    adding->key = gw_str_of(key);
    adding->arg = GW_STR("1");
    adding->eval = (struct gw_redis_eval){&add_script, &adding->key, 1, &adding->arg, 1, 0};
    adding->outcome = (struct redis_outcome){0};
    return gw_redis_eval(rig.redis, &adding->eval, redis_rig_on_reply, &adding->outcome, NULL);
}

static int64_t add_one(const char *key)
{
    struct adding adding;

    assert_int_equal(start_adding(&adding, key), 0);
    redis_rig_await(&rig, &adding.outcome);
    assert_int_equal(adding.outcome.rc, 0);
    if (adding.outcome.type != GW_REPLY_INTEGER)
        fail_msg("%s: %s", key, adding.outcome.text);
    return adding.outcome.integer;
}

/* --- in peace --- */

static void test_all_nodes_are_used(void **state)
{
    static char keys[KEYS][16];
    static struct adding addings[KEYS];
    struct redis_outcome outcome;
    struct gw_redis_stats stats;
    char line[64], out[64];

    (void)state;
    connect(5 * GW_NS_PER_SECOND);
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "n:%zu", i);
        assert_int_equal(start_adding(&addings[i], keys[i]), 0);
    }
    for (size_t i = 0; i < KEYS; i++) {
        redis_rig_await(&rig, &addings[i].outcome);
        assert_int_equal(addings[i].outcome.integer, 1);
        snprintf(line, sizeof(line), "GET n:%zu", i);
        redis_rig_ask(&rig, line, &outcome);
        assert_string_equal(outcome.text, "1");
    }
    for (size_t i = 0; i < REDIS_SHARDS; i++) {
        redis_node_ask(&shards.nodes[i], "DBSIZE", out, sizeof(out));
        assert_true(out[0] == ':' && out[1] != '0');
    }
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.redirections, 0);
    assert_int_equal(stats.pending, 0);
}

/* --- a slot that moves --- */

#define MOVING "{moving}n"
#define MOVING_TOO "{moving}m"

static void set_slot(size_t node, const char *what, size_t other)
{
    char line[128], id[48];

    redis_shards_id(&shards, other, id);
    snprintf(line, sizeof(line), "CLUSTER SETSLOT %u %s %s", gw_cluster_slot(GW_STR(MOVING)), what,
             id);
    redis_node_await(&shards.nodes[node], line, "+OK");
}

static void migrate(size_t from, size_t to, const char *key)
{
    char line[128];

    snprintf(line, sizeof(line), "MIGRATE 127.0.0.1 %u %s 0 5000", shards.nodes[to].port, key);
    redis_node_await(&shards.nodes[from], line, "+OK");
}

static void on_both(void *self, int rc, const struct gw_reply *reply)
{
    struct redis_outcome *outcome = self;

    redis_rig_on_reply(self, rc, reply);
    outcome->integer = rc == 0 ? gw_reply_integer_at(reply, 1) : -1;
}

static void test_slot_moves(void **state)
{
    const struct gw_str keys[] = {GW_STR_INIT(MOVING), GW_STR_INIT(MOVING_TOO)};
    const struct gw_redis_eval both = {&both_script, keys, 2, NULL, 0, 10 * GW_NS_PER_SECOND};
    struct redis_outcome outcome = {0};
    struct gw_redis_stats stats;
    size_t from, to;

    (void)state;
    connect(5 * GW_NS_PER_SECOND);
    assert_int_equal(add_one(MOVING), 1);
    assert_int_equal(add_one(MOVING_TOO), 1);
    from = redis_shards_owner(&shards, MOVING);
    to = (from + 1) % REDIS_SHARDS;

    set_slot(to, "IMPORTING", from);
    set_slot(from, "MIGRATING", to);
    assert_int_equal(add_one(MOVING), 2); /* is still there */
    migrate(from, to, MOVING);
    assert_int_equal(add_one(MOVING), 3); /* ASK, and the script is new to that node */
    assert_int_equal(add_one(MOVING), 4);
    redis_rig_ask(&rig, "GET " MOVING, &outcome);
    assert_string_equal(outcome.text, "4");
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.redirections, 3);

    /* Half here and half there: TRYAGAIN, until both are. */
    outcome = (struct redis_outcome){0};
    assert_int_equal(gw_redis_eval(rig.redis, &both, on_both, &outcome, NULL), 0);
    redis_rig_turn_for(&rig, 100);
    assert_int_equal(outcome.calls, 0);
    migrate(from, to, MOVING_TOO);
    redis_rig_await(&rig, &outcome);
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.integer, 2);

    set_slot(to, "NODE", to);
    set_slot(from, "NODE", to);
    assert_int_equal(add_one(MOVING), 6); /* MOVED, unless the map is known by now */
    gw_redis_get_stats(rig.redis, &stats);
    uint64_t redirections = stats.redirections;
    assert_int_equal(add_one(MOVING), 7);
    redis_rig_turn_for(&rig, 300);
    assert_int_equal(add_one(MOVING), 8);
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.redirections, redirections);
}

/* What is cancelled while it waits is heard of no more, and its time is over in time. */
static void test_deadline_and_cancellation(void **state)
{
    const struct gw_str keys[] = {GW_STR_INIT("{half}a"), GW_STR_INIT("{half}b")};
    const struct gw_redis_eval both = {&both_script, keys, 2, NULL, 0, 200 * GW_NS_PER_MS};
    struct redis_outcome gone = {0}, late = {0};
    struct gw_redis_call *call;
    char line[128], id[48];
    size_t from, to;

    (void)state;
    connect(5 * GW_NS_PER_SECOND);
    assert_int_equal(add_one("{half}a"), 1);
    assert_int_equal(add_one("{half}b"), 1);
    from = redis_shards_owner(&shards, "{half}a");
    to = (from + 1) % REDIS_SHARDS;
    for (size_t i = 0; i < 2; i++) {
        redis_shards_id(&shards, i == 0 ? from : to, id);
        snprintf(line, sizeof(line), "CLUSTER SETSLOT %u %s %s", gw_cluster_slot(GW_STR("half")),
                 i == 0 ? "IMPORTING" : "MIGRATING", id);
        redis_node_await(&shards.nodes[i == 0 ? to : from], line, "+OK");
    }
    migrate(from, to, "{half}a");
    assert_int_equal(gw_redis_eval(rig.redis, &both, on_both, &late, NULL), 0);
    assert_int_equal(gw_redis_eval(rig.redis, &both, on_both, &gone, &call), 0);
    redis_rig_turn_for(&rig, 50);
    gw_redis_cancel(call);
    redis_rig_await(&rig, &late);
    assert_true(late.rc == -ENOTCONN || late.rc == -ETIMEDOUT);
    redis_rig_turn_for(&rig, 300);
    assert_int_equal(gone.calls, 0);
    assert_int_equal(late.calls, 1);

    /* What is under way when the client goes is heard of no more. */
    assert_int_equal(gw_redis_eval(rig.redis, &both, on_both, &gone, NULL), 0);
    redis_rig_turn_for(&rig, 50);
    gw_redis_destroy(rig.redis);
    rig.redis = NULL;
    assert_int_equal(gone.calls, 0);
    migrate(from, to, "{half}b");
    for (size_t i = 0; i < 2; i++) {
        redis_shards_id(&shards, to, id);
        snprintf(line, sizeof(line), "CLUSTER SETSLOT %u NODE %s", gw_cluster_slot(GW_STR("half")),
                 id);
        redis_node_await(&shards.nodes[i == 0 ? to : from], line, "+OK");
    }
}

/* --- records --- */

struct write {
    struct gw_record_write write;
    struct gw_str key, arg;
    int rc;
    unsigned calls;
};

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    (void)write;
    assert_int_equal(reply->type, GW_REPLY_INTEGER);
    return true;
}

static void on_done(struct gw_record_write *self, int rc)
{
    struct write *write = GW_CONTAINER_OF(self, struct write, write);

    write->rc = rc;
    write->calls++;
}

static void start_write(struct gw_record_writer *writer, struct write *write, const char *key)
{
    *write = (struct write){.key = gw_str_of(key), .arg = GW_STR("1")};
    write->write.on_reply = on_reply;
    write->write.on_done = on_done;
    const struct gw_redis_eval eval = {&add_script, &write->key, 1,
                                       &write->arg, 1,           5 * GW_NS_PER_SECOND};
    assert_int_equal(gw_record_write_start(writer, &write->write, &eval), 0);
}

static void await_write(const struct write *write)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (write->calls == 0) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static void test_records(void **state)
{
    static const char *const keys[] = {"r:a", "r:b", "r:c", "r:d", "r:e", "r:f", "r:g", "r:h"};
    struct gw_record_writer_config config = {.min_replicas = 1, .replica_ns = 2 * GW_NS_PER_SECOND};
    struct write writes[8];
    size_t owner, stopped, failed = 0;

    (void)state;
    connect(5 * GW_NS_PER_SECOND);
    config.redis = rig.redis;
    struct gw_record_writer *writer = gw_record_writer_create(&config);
    assert_non_null(writer);
    for (size_t i = 0; i < 8; i++)
        start_write(writer, &writes[i], keys[i]);
    for (size_t i = 0; i < 8; i++) {
        await_write(&writes[i]);
        assert_int_equal(writes[i].rc, 0);
    }

    /* One shard's replica confirms nothing: that shard's records fail, and no others. */
    owner = redis_shards_owner(&shards, keys[0]);
    stopped = redis_shards_replica(&shards, owner);
    redis_node_signal(&shards.nodes[stopped], SIGSTOP);
    for (size_t i = 0; i < 8; i++)
        start_write(writer, &writes[i], keys[i]);
    for (size_t i = 0; i < 8; i++) {
        bool is_there = redis_shards_owner(&shards, keys[i]) == owner;
        await_write(&writes[i]);
        assert_int_equal(writes[i].rc, is_there ? -EREMOTEIO : 0);
        failed += is_there;
    }
    assert_true(failed > 0 && failed < 8);
    redis_node_signal(&shards.nodes[stopped], SIGCONT);
    redis_node_await(&shards.nodes[stopped], "INFO replication", "master_link_status:up");
    start_write(writer, &writes[0], keys[0]);
    gw_record_writer_destroy(writer);
    assert_int_equal(writes[0].calls, 0);
}

/* --- promotion --- */

static void await_add(const char *key, int64_t expected)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 30 * GW_NS_PER_SECOND;
    struct adding adding;

    for (;;) {
        assert_true(gw_clock_monotonic_ns() < until_ns);
        if (start_adding(&adding, key) == 0) {
            redis_rig_await(&rig, &adding.outcome);
            if (adding.outcome.rc == 0 && adding.outcome.type == GW_REPLY_INTEGER)
                break;
        }
        redis_rig_turn_for(&rig, 20);
    }
    assert_int_equal(adding.outcome.integer, expected);
}

/* Asked for again and again: nodes vote for a shard but once in a while. */
static void promote(size_t node)
{
    char out[64];

    for (int i = 0; i < 200; i++) {
        redis_node_ask(&shards.nodes[node], "CLUSTER FAILOVER", out, sizeof(out));
        redis_rig_turn_for(&rig, 100);
        redis_node_ask(&shards.nodes[node], "ROLE", out, sizeof(out));
        if (strstr(out, "master") != NULL)
            return;
    }
    fail_msg("it was not promoted: %s", out);
}

static void test_replica_is_promoted(void **state)
{
    size_t primary, replica;
    char out[64];

    (void)state;
    connect(500 * GW_NS_PER_MS);
    assert_int_equal(add_one("p"), 1);
    primary = redis_shards_owner(&shards, "p");
    replica = redis_shards_replica(&shards, primary);
    for (int i = 0; i < 500; i++) { /* it has got it */
        redis_node_ask(&shards.nodes[replica], "READONLY\r\nGET p", out, sizeof(out));
        if (strstr(out, "\r\n1\r\n") != NULL)
            break;
        redis_rig_turn_for(&rig, 10);
    }
    assert_non_null(strstr(out, "\r\n1\r\n"));

    redis_node_kill(&shards.nodes[primary]);
    redis_rig_turn_for(&rig, 50);
    assert_false(gw_redis_is_up(rig.redis));
    snprintf(out, sizeof(out), "127.0.0.1:%u", shards.nodes[primary].port);
    assert_non_null(strstr(gw_redis_get_reason(rig.redis), out));
    await_add("p", 2);
    redis_rig_wait_up(&rig);

    /* The old one comes back as a replica, is promoted by command, and followed again. */
    redis_node_restart(&shards.nodes[primary], 0);
    redis_node_await(&shards.nodes[primary], "INFO replication", "master_link_status:up");
    promote(primary);
    await_add("p", 3);
    redis_rig_wait_up(&rig);
    assert_int_equal(redis_shards_owner(&shards, "p"), primary);
}

/* Most primaries are gone: nothing is admitted wrongly, and nobody waits longer than told. */
static void test_cluster_is_down(void **state)
{
    struct adding adding;
    size_t last;

    (void)state;
    connect(300 * GW_NS_PER_MS);
    last = redis_shards_owner(&shards, "p");
    for (size_t i = 0; i < 2 * REDIS_SHARDS; i++) {
        if (i != last)
            redis_node_kill(&shards.nodes[i]);
    }
    redis_node_await(&shards.nodes[last], "CLUSTER INFO", "cluster_state:fail");
    redis_rig_turn_for(&rig, 300);
    assert_int_equal(start_adding(&adding, "p"), 0);
    redis_rig_await(&rig, &adding.outcome);
    assert_true(adding.outcome.rc == -ENOTCONN || adding.outcome.rc == -ETIMEDOUT);
    assert_false(gw_redis_is_up(rig.redis));
}

static void test_no_cluster(void **state)
{
    struct gw_redis_address address;
    struct gw_redis_config config = {.nodes = &address, .node_count = 1};
    struct redis_node single;
    struct gw_error error;

    (void)state;
    redis_node_prepare(&single);
    redis_node_start(&single, "save \"\"", 0);
    address = (struct gw_redis_address){GW_STR("127.0.0.1"), single.port};
    gw_redis_destroy(rig.redis);
    assert_int_equal(gw_redis_create(rig.loop, &config, &rig.redis, &error), 0);
    redis_rig_turn_for(&rig, 500);
    assert_int_equal(gw_redis_get_state(rig.redis), GW_REDIS_CONNECTING);
    assert_non_null(strstr(gw_redis_get_reason(rig.redis), "cluster support disabled"));
    redis_node_finish(&single);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_nodes_are_used),
        cmocka_unit_test(test_slot_moves),
        cmocka_unit_test(test_deadline_and_cancellation),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_replica_is_promoted),
        cmocka_unit_test(test_cluster_is_down),
        cmocka_unit_test(test_no_cluster),
    };

    if (!redis_server_is_installed()) {
        print_message("skipped: redis-server is not installed\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
