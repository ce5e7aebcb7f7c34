/* Commands to devices between three threads: what the audit says, what the sender is told, and who
 * has gone meanwhile. Telemetry is the real one, without a lane. */
#include "server/gateway/command_desk.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/gateway/redis_setup.h"
#include "server/net/loop.h"
#include "server/observe/audit.h"
#include "server/observe/metrics.h"
#include "tests/unit/support/leftovers.h"
#include "tests/unit/support/redis_rig.h"

#define PATIENCE_NS (10 * GW_NS_PER_SECOND)

static struct redis_server redis;
static struct gw_redis_setup redis_setup;
static struct gw_metrics *metrics;
static struct gw_loop *loop; /* the main thread's, and the worker's */
static struct gw_telemetry *telemetry;
static struct gw_audit *audit;
static struct gw_command_desk *desk;
static struct gw_command_port *port;
static char folder[40], audit_path[60];
static unsigned told;
static int told_rc;

static void on_done(struct gw_command *command, int rc)
{
    assert_string_equal(command->what, "g/n/d speed = 1: a test");
    told++;
    told_rc = rc;
}

static void send_one(void)
{
    struct gw_command *command = calloc(1, sizeof(*command));

    assert_non_null(command);
    snprintf(command->who, sizeof(command->who), "tester");
    snprintf(command->what, sizeof(command->what), "g/n/d speed = 1: a test");
    snprintf(command->group, sizeof(command->group), "g");
    snprintf(command->edge_node, sizeof(command->edge_node), "n");
    snprintf(command->source, sizeof(command->source), "Speed");
    command->done = on_done;
    gw_command_send(port, desk, command);
}

static void await_told(unsigned count)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;

    while (told < count) {
        gw_loop_turn(loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    assert_int_equal(told, count);
}

static void turn_for(unsigned ms)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + ms * GW_NS_PER_MS;

    while (gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(loop, 5);
}

/* Lines of the audit with that text. */
static unsigned count_lines(const char *text)
{
    FILE *file = fopen(audit_path, "re");
    char line[4096];
    unsigned count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, text) != NULL;
    fclose(file);
    return count;
}

static void test_without_a_lane_nothing_is_sent(void **state)
{
    (void)state;

    for (unsigned i = 0; i < 3; i++)
        send_one();
    await_told(3);
    assert_int_equal(told_rc, -ENODEV);
    assert_int_equal(count_lines("\"outcome\":\"begun\""), 3);
    assert_int_equal(count_lines("\"outcome\":\"failed\""), 3);
    assert_int_equal(count_lines("tester"), 6);
}

static void test_telemetry_has_ended(void **state)
{
    (void)state;

    gw_telemetry_end(telemetry);
    send_one();
    await_told(1);
    assert_int_equal(told_rc, -ENODEV);
    assert_int_equal(count_lines("\"outcome\":\"failed\""), 1);
}

static void test_what_cannot_be_audited_is_not_done(void **state)
{
    struct rlimit old, small;
    (void)state;

    send_one();
    await_told(1);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    send_one();
    turn_for(200);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    await_told(2);
    assert_int_equal(told_rc, -EIO);
    assert_int_equal(count_lines("\"outcome\":\"begun\""), 1);
    send_one(); /* and on it goes */
    await_told(3);
    assert_int_equal(told_rc, -ENODEV);
}

static void test_a_sender_that_has_gone_is_not_told(void **state)
{
    (void)state;

    send_one();
    gw_command_port_close(port);
    port = NULL;
    turn_for(200);
    assert_int_equal(told, 0);
    assert_int_equal(count_lines("\"outcome\":\"begun\""), 1);
    assert_int_equal(count_lines("\"outcome\":\"failed\""),
                     1); /* what came of it is known all the same */
}

static void test_an_answer_on_its_way_goes_with_its_port(void **state)
{
    (void)state;

    send_one();
    while (count_lines("\"outcome\":\"failed\"") ==
           0) /* answered on this thread, and not yet taken */
        gw_loop_turn(loop, 1);
    gw_command_port_close(port);
    port = NULL;
    turn_for(50);
    assert_true(told <= 1);
}

static void test_a_desk_that_goes_refuses_what_it_has(void **state)
{
    (void)state;

    send_one();
    gw_command_desk_destroy(desk);
    desk = NULL;
    await_told(1);
    assert_int_equal(told_rc, -ENODEV);
    assert_int_equal(count_lines("\"outcome\":\"begun\""), 0);
}

static int set_up(void **state)
{
    const struct gw_audit_config auditing = {.path = audit_path, .max_bytes = 1u << 20};
    struct gw_error error;
    (void)state;

    told = 0;
    snprintf(folder, sizeof(folder), "/tmp/desk-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(audit_path, sizeof(audit_path), "%s/audit.log", folder);
    redis_setup = (struct gw_redis_setup){.client = {.unix_path = gw_str_of(redis.path)}};
    const struct gw_telemetry_setup setup = {
        .redis = &redis_setup,
        .metrics = gw_metrics_get_shard(metrics, 0),
        .state_dir = gw_str_of(folder),
    };
    return gw_loop_create(&loop, &error) == 0 &&
                   gw_telemetry_create(&setup, &telemetry, &error) == 0 &&
                   gw_audit_open(&auditing, &audit, &error) == 0 &&
                   gw_command_desk_create(loop, audit, telemetry, &desk, &error) == 0 &&
                   (port = gw_command_port_create(loop)) != NULL
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    gw_command_port_close(port);
    gw_telemetry_destroy(telemetry);
    gw_command_desk_destroy(desk);
    gw_audit_close(audit);
    gw_loop_destroy(loop);
    leftovers_remove(folder);
    return 0;
}

static int start_all(void **state)
{
    (void)state;
    redis_server_start(&redis, NULL);
    metrics = gw_metrics_create(1);
    return metrics == NULL ? -1 : 0;
}

static int stop_all(void **state)
{
    (void)state;
    gw_metrics_destroy(metrics);
    redis_server_stop(&redis);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_lane_nothing_is_sent),
        TEST(test_telemetry_has_ended),
        TEST(test_what_cannot_be_audited_is_not_done),
        TEST(test_a_sender_that_has_gone_is_not_told),
        TEST(test_an_answer_on_its_way_goes_with_its_port),
        TEST(test_a_desk_that_goes_refuses_what_it_has),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
