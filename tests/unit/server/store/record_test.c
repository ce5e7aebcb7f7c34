/* Durable writes against a real Redis, with and without a replica. */
#include "server/store/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "tests/unit/support/redis_rig.h"

#define MANY 1000

static const struct gw_script set_script = {
    .name = "test",
    .source = GW_STR_INIT("if ARGV[1] == 'none' then return 7 end\n"
                          "redis.call('SET', KEYS[1], ARGV[1])\nreturn 1\n"),
};

struct outcome {
    struct gw_record_write write;
    unsigned replies, ends;
    int64_t integer;
    int rc;
};

static struct redis_rig rig;
static struct redis_server replica;
static struct gw_record_writer *writer;
static const struct gw_str key = GW_STR_INIT("record");

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct outcome *outcome = GW_CONTAINER_OF(write, struct outcome, write);

    assert_int_equal(outcome->ends, 0);
    outcome->replies++;
    outcome->integer = reply->integer;
    return reply->integer == 1;
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct outcome *outcome = GW_CONTAINER_OF(write, struct outcome, write);

    outcome->ends++;
    outcome->rc = rc;
}

static int start(struct outcome *outcome, const struct gw_script *script,
                 const struct gw_str *value)
{
    const struct gw_redis_eval eval = {.script = script,
                                       .keys = &key,
                                       .key_count = 1,
                                       .args = value,
                                       .arg_count = 1,
                                       .timeout_ns = 5 * GW_NS_PER_SECOND};

    *outcome = (struct outcome){.write = {.on_reply = on_reply, .on_done = on_done}};
    return gw_record_write_start(writer, &outcome->write, &eval);
}

static void await(const struct outcome *outcome)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (outcome->ends == 0) {
        gw_loop_turn(rig.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    assert_int_equal(outcome->ends, 1);
}

/* The machine may be busy; below the client's stall_ns. */
#define PATIENT_NS (4 * GW_NS_PER_SECOND)

static void create_writer(unsigned min_replicas, uint64_t replica_ns)
{
    const struct gw_record_writer_config config = {
        .redis = rig.redis, .min_replicas = min_replicas, .replica_ns = replica_ns};

    gw_record_writer_destroy(writer);
    writer = gw_record_writer_create(&config);
    assert_non_null(writer);
}

static int setup_alone(void **state)
{
    (void)state;
    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, NULL);
    redis_rig_wait_up(&rig);
    create_writer(0, 0);
    return 0;
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void await_replica(void)
{
    char role[256] = "";

    for (int i = 0; i < 1000 && strcmp(role, ":1") != 0; i++) {
        struct redis_outcome outcome;
        redis_rig_ask(&rig, "WAIT 1 10", &outcome);
        snprintf(role, sizeof(role), ":%d", (int)outcome.integer);
    }
    assert_string_equal(role, ":1");
}

static int setup_pair(void **state)
{
    static char port[8], of_port[8];
    static const char *primary_options[] = {
        "--port", port, "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", NULL};
    static const char *replica_options[] = {"--replicaof", "127.0.0.1", of_port, NULL};

    (void)state;
    snprintf(port, sizeof(port), "%u", free_port());
    memcpy(of_port, port, sizeof(port));
    redis_rig_start(&rig, primary_options);
    redis_server_start(&replica, replica_options);
    redis_rig_connect(&rig, NULL);
    redis_rig_wait_up(&rig);
    await_replica();
    create_writer(1, PATIENT_NS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_record_writer_destroy(writer);
    writer = NULL;
    redis_rig_stop(&rig);
    if (replica.folder[0] != '\0')
        redis_server_stop(&replica);
    replica = (struct redis_server){0};
    return 0;
}

static void a_write_is_answered(void **state)
{
    const struct gw_str value = GW_STR("a"), none = GW_STR("none");
    static const struct gw_script broken = {.name = "broken",
                                            .source = GW_STR_INIT("return redis.call('NO')")};
    struct outcome outcome;
    char text[64];

    (void)state;
    assert_int_equal(start(&outcome, &set_script, &value), 0);
    await(&outcome);
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.replies, 1);
    redis_server_ask(&rig.server, "STRLEN record", text, sizeof(text));
    assert_string_equal(text, ":1");
    assert_int_equal(start(&outcome, &set_script, &none), 0);
    await(&outcome);
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.integer, 7);
    assert_int_equal(start(&outcome, &broken, &value), 0);
    await(&outcome);
    assert_int_equal(outcome.rc, -EPROTO);
    assert_int_equal(outcome.replies, 0);
}

static void without_redis_it_says_so(void **state)
{
    const struct gw_str value = GW_STR("a");
    struct outcome outcome;

    (void)state;
    redis_server_signal(&rig.server, SIGSTOP);
    assert_int_equal(start(&outcome, &set_script, &value), 0);
    redis_rig_turn_for(&rig, 20);
    redis_server_kill(&rig.server);
    await(&outcome);
    assert_int_equal(outcome.rc, -ECONNRESET);
    redis_rig_turn_for(&rig, 20);
    int rc = start(&outcome, &set_script, &value);
    if (rc == 0) { /* it waits for the connection that is being made */
        await(&outcome);
        rc = outcome.rc;
    }
    assert_int_equal(rc, -ENOTCONN);
}

static void a_stopped_write_is_silent(void **state)
{
    const struct gw_str value = GW_STR("a");
    struct outcome stopped, other;

    (void)state;
    assert_int_equal(start(&stopped, &set_script, &value), 0);
    assert_int_equal(start(&other, &set_script, &value), 0);
    gw_record_write_stop(&stopped.write);
    gw_record_write_stop(&stopped.write);
    await(&other);
    redis_rig_turn_for(&rig, 20);
    assert_int_equal(stopped.ends, 0);
    assert_int_equal(start(&stopped, &set_script, &value), 0);
    gw_record_writer_destroy(writer); /* with a write under way */
    writer = NULL;
    redis_rig_turn_for(&rig, 20);
    assert_int_equal(stopped.ends, 0);
}

static void a_replica_has_it_before_it_is_said(void **state)
{
    const struct gw_str value = GW_STR("12345"), none = GW_STR("none");
    struct outcome outcome;
    char text[64];

    (void)state;
    assert_int_equal(start(&outcome, &set_script, &value), 0);
    await(&outcome);
    assert_int_equal(outcome.rc, 0);
    redis_server_ask(&replica, "STRLEN record", text, sizeof(text));
    assert_string_equal(text, ":5");
    assert_int_equal(start(&outcome, &set_script, &none), 0);
    await(&outcome);
    assert_int_equal(outcome.integer, 7);
    assert_int_equal(outcome.rc, 0);
}

static void a_replica_that_is_away_fails_the_write(void **state)
{
    const struct gw_str value = GW_STR("123"), none = GW_STR("none");
    struct outcome outcome, behind;

    (void)state;
    create_writer(1, 300 * GW_NS_PER_MS);
    redis_server_signal(&replica, SIGSTOP);
    assert_int_equal(start(&outcome, &set_script, &value), 0);
    while (outcome.replies == 0)
        gw_loop_turn(rig.loop, 10);
    assert_int_equal(outcome.ends, 0);
    assert_int_equal(start(&behind, &set_script, &none), 0); /* behind the WAIT */
    await(&outcome);
    assert_int_equal(outcome.rc, -EREMOTEIO);
    await(&behind);
    assert_int_equal(behind.rc, 0); /* it changed nothing */
    redis_server_signal(&replica, SIGCONT);
    create_writer(1, PATIENT_NS);
    assert_int_equal(start(&outcome, &set_script, &value), 0);
    await(&outcome);
    assert_int_equal(outcome.rc, 0);
}

static void many_writes_share_a_wait(void **state)
{
    static struct outcome outcomes[MANY];
    const struct gw_str value = GW_STR("1");
    struct gw_redis_stats before, after;

    (void)state;
    assert_int_equal(start(&outcomes[0], &set_script, &value), 0); /* the script is known */
    await(&outcomes[0]);
    gw_redis_get_stats(rig.redis, &before);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(start(&outcomes[i], &set_script, &value), 0);
    for (size_t i = 0; i < MANY; i++) {
        await(&outcomes[i]);
        assert_int_equal(outcomes[i].rc, 0);
    }
    gw_redis_get_stats(rig.redis, &after);
    assert_true(after.commands - before.commands < MANY + MANY / 4);
}

static void the_primary_dies_in_the_wait(void **state)
{
    const struct gw_str value = GW_STR("1");
    struct outcome outcome;

    (void)state;
    redis_server_signal(&replica, SIGSTOP);
    assert_int_equal(start(&outcome, &set_script, &value), 0);
    while (outcome.replies == 0)
        gw_loop_turn(rig.loop, 10);
    gw_loop_turn(rig.loop, 0);
    redis_server_kill(&rig.server);
    await(&outcome);
    assert_true(outcome.rc == -ECONNRESET || outcome.rc == -ENOTCONN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_write_is_answered, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(without_redis_it_says_so, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_stopped_write_is_silent, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_replica_has_it_before_it_is_said, setup_pair, teardown),
        cmocka_unit_test_setup_teardown(a_replica_that_is_away_fails_the_write, setup_pair,
                                        teardown),
        cmocka_unit_test_setup_teardown(many_writes_share_a_wait, setup_pair, teardown),
        cmocka_unit_test_setup_teardown(the_primary_dies_in_the_wait, setup_pair, teardown),
    };

    if (!redis_server_is_installed()) {
        fprintf(stderr, "skipped: redis-server is not installed\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
