/* What the client does when Redis dies, stops, refuses or talks nonsense. */
#include "server/store/redis.h"

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
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "tests/unit/support/redis_rig.h"

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

static void wait_down(void)
{
    for (int i = 0; i < 1000 && gw_redis_is_up(rig.redis); i++)
        gw_loop_turn(rig.loop, 10);
    assert_false(gw_redis_is_up(rig.redis));
}

static void test_kill_and_restart(void **state)
{
    struct redis_outcome under_way, outcome;
    struct gw_redis_stats stats;

    (void)state;
    redis_rig_wait_up(&rig);
    redis_server_signal(&rig.server, SIGSTOP); /* so that the answer is not there before the kill */
    assert_int_equal(redis_rig_send(&rig, "INCR n", &under_way), 0);
    redis_rig_turn_for(&rig, 20);
    assert_int_equal(under_way.calls, 0);
    redis_server_kill(&rig.server);
    redis_rig_await(&rig, &under_way);
    assert_int_equal(under_way.rc, -ECONNRESET);
    assert_int_equal(under_way.calls, 1);

    wait_down();
    for (int i = 0; i < 300 && gw_redis_get_state(rig.redis) != GW_REDIS_DOWN; i++)
        gw_loop_turn(rig.loop, 1);
    assert_int_equal(redis_rig_send(&rig, "INCR n", &outcome), -ENOTCONN);
    assert_true(gw_redis_get_reason(rig.redis)[0] != '\0');
    redis_rig_turn_for(&rig, 300); /* a few attempts fail */
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.connects, 1);
    assert_int_equal(stats.disconnects, 1);
    assert_true(stats.failed_connects >= 2);
    assert_true(stats.failed_connects <= 12);

    redis_server_restart(&rig.server);
    redis_rig_wait_up(&rig);
    redis_rig_ask(&rig, "INCR n", &outcome);
    assert_int_equal(outcome.integer, 1);
}

static void test_never_sent_is_told_apart(void **state)
{
    struct gw_redis_config config = {.connect_timeout_ns = 100 * GW_NS_PER_MS};
    struct redis_outcome outcome;

    (void)state;
    redis_server_signal(&rig.server, SIGSTOP); /* the kernel still accepts */
    redis_rig_connect(&rig, &config);
    assert_int_equal(redis_rig_send(&rig, "INCR n", &outcome), 0);
    redis_rig_await(&rig, &outcome);
    assert_int_equal(outcome.rc, -ENOTCONN);
    assert_string_equal(gw_redis_get_reason(rig.redis), "no answer to the greeting");
}

static void test_late_replies_keep_the_order(void **state)
{
    struct gw_redis_config config = {.timeout_ns = 20 * GW_NS_PER_MS};
    struct redis_outcome late[10], outcome;
    struct gw_redis_stats stats;

    (void)state;
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    redis_server_signal(&rig.server, SIGSTOP);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(redis_rig_send(&rig, "ECHO late", &late[i]), 0);
    uint64_t from_ns = gw_clock_monotonic_ns();
    redis_rig_await(&rig, &late[9]);
    assert_true(gw_clock_monotonic_ns() - from_ns >= 19 * GW_NS_PER_MS);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(late[i].rc, -ETIMEDOUT);

    redis_server_signal(&rig.server, SIGCONT);
    struct gw_str words[] = {GW_STR("ECHO"), GW_STR("fresh")};
    struct gw_redis_command command = {words, 2, 5 * GW_NS_PER_SECOND};
    outcome = (struct redis_outcome){0};
    assert_int_equal(gw_redis_send(rig.redis, &command, redis_rig_on_reply, &outcome, NULL), 0);
    redis_rig_await(&rig, &outcome);
    assert_string_equal(outcome.text, "fresh");
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.timeouts, 10);
    assert_int_equal(stats.late, 10);
    assert_int_equal(stats.connects, 1); /* the same connection */
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(late[i].calls, 1);
}

static void test_a_stalled_connection_is_made_anew(void **state)
{
    struct gw_redis_config config = {.timeout_ns = 20 * GW_NS_PER_MS,
                                     .stall_ns = 200 * GW_NS_PER_MS};
    struct redis_outcome outcome;
    struct gw_redis_stats stats;

    (void)state;
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    redis_server_signal(&rig.server, SIGSTOP);
    assert_int_equal(redis_rig_send(&rig, "ECHO a", &outcome), 0);
    wait_down();
    assert_int_equal(outcome.rc, -ETIMEDOUT);
    assert_non_null(strstr(gw_redis_get_reason(rig.redis), "no answer for"));
    redis_server_signal(&rig.server, SIGCONT);
    redis_rig_wait_up(&rig);
    gw_redis_get_stats(rig.redis, &stats);
    assert_int_equal(stats.connects, 2);
    assert_int_equal(stats.pending, 0);
}

static void test_our_own_slowness_is_no_time_out(void **state)
{
    struct gw_redis_config config = {.timeout_ns = 20 * GW_NS_PER_MS};
    struct redis_outcome outcome;

    (void)state;
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    assert_int_equal(redis_rig_send(&rig, "ECHO a", &outcome), 0);
    gw_redis_flush(rig.redis);
    usleep(200 * 1000); /* a turn that takes far too long */
    redis_rig_await(&rig, &outcome);
    assert_int_equal(outcome.rc, 0);
    assert_string_equal(outcome.text, "a");
}

static void test_cancelled_when_redis_dies(void **state)
{
    struct redis_outcome gone = {0};
    struct gw_str words[] = {GW_STR("INCR"), GW_STR("n")};
    struct gw_redis_command command = {words, 2, 0};
    struct gw_redis_call *call;

    (void)state;
    redis_rig_wait_up(&rig);
    redis_server_signal(&rig.server, SIGSTOP);
    assert_int_equal(gw_redis_send(rig.redis, &command, redis_rig_on_reply, &gone, &call), 0);
    redis_rig_turn_for(&rig, 10);
    gw_redis_cancel(call);
    redis_server_kill(&rig.server);
    wait_down();
    redis_rig_turn_for(&rig, 50);
    assert_int_equal(gone.calls, 0);
}

static void test_passwords(void **state)
{
    const char *options[] = {"--user", "default", "off", "--user", "app",
                             "on",     ">secret", "~*",  "+@all",  NULL};
    struct gw_redis_config config = {.user = GW_STR_INIT("app"), .password = GW_STR_INIT("wrong")};
    struct redis_outcome outcome;

    (void)state;
    redis_server_stop(&rig.server);
    redis_server_start(&rig.server, options);
    redis_rig_connect(&rig, &config);
    assert_int_equal(redis_rig_send(&rig, "PING", &outcome), 0);
    redis_rig_await(&rig, &outcome);
    assert_int_equal(outcome.rc, -ENOTCONN);
    assert_true(strncmp(gw_redis_get_reason(rig.redis), "WRONGPASS", 9) == 0);

    redis_rig_connect(&rig, NULL); /* none at all */
    assert_int_equal(redis_rig_send(&rig, "PING", &outcome), 0);
    redis_rig_await(&rig, &outcome);
    assert_int_equal(outcome.rc, -ENOTCONN);
    assert_true(strncmp(gw_redis_get_reason(rig.redis), "NOAUTH", 6) == 0);

    config.password = GW_STR("secret");
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    redis_rig_ask(&rig, "ECHO in", &outcome);
    assert_string_equal(outcome.text, "in");
}

/* --- a peer that is no Redis --- */

struct impostor {
    int listener, fd;
    char path[96];
};

static void impostor_start(struct impostor *impostor)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(impostor->path, sizeof(impostor->path), "%s/fake.sock", rig.server.folder);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", impostor->path);
    impostor->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(impostor->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(impostor->listener, 4), 0);
    struct gw_redis_config config = {.unix_path = gw_str_of(impostor->path)};
    redis_rig_connect(&rig, &config);
    redis_rig_turn_for(&rig, 20);
    impostor->fd = accept(impostor->listener, NULL, NULL);
    assert_true(impostor->fd >= 0);
}

static void impostor_say(struct impostor *impostor, const char *bytes, size_t len)
{
    assert_int_equal(write(impostor->fd, bytes, len), len);
}

static void impostor_stop(struct impostor *impostor)
{
    close(impostor->fd);
    close(impostor->listener);
    unlink(impostor->path);
}

static void test_nonsense_closes_the_connection(void **state)
{
    static const struct gw_str nonsense[] = {
        GW_STR_INIT("HTTP/1.1 400 Bad Request\r\n\r\n"),
        GW_STR_INIT(":12x4\r\n"),
        GW_STR_INIT("$-7\r\n"),
        GW_STR_INIT("*-2\r\n"),
        GW_STR_INIT("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"), /* too deep */
        GW_STR_INIT("*2147483647\r\n:1\r\n"),
        GW_STR_INIT("$99999999999999999999\r\n"),
        GW_STR_INIT("\0\0\0\0"),
        GW_STR_INIT("+OK\r\n+OK\r\n"), /* one answer too many */
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(nonsense); i++) {
        struct redis_outcome outcome;
        struct impostor impostor;

        impostor_start(&impostor);
        impostor_say(&impostor, "+PONG\r\n", 7);
        redis_rig_wait_up(&rig);
        assert_int_equal(redis_rig_send(&rig, "GET a", &outcome), 0);
        redis_rig_turn_for(&rig, 5);
        impostor_say(&impostor, nonsense[i].ptr, nonsense[i].len);
        redis_rig_await(&rig, &outcome);
        if (i < GW_COUNT_OF(nonsense) - 1)
            assert_int_equal(outcome.rc, -ECONNRESET);
        else
            assert_int_equal(outcome.rc, 0);
        wait_down();
        assert_true(gw_redis_get_reason(rig.redis)[0] != '\0');
        impostor_stop(&impostor);
    }
}

static void test_a_reply_byte_by_byte(void **state)
{
    static const char reply[] = "*3\r\n$5\r\nhello\r\n:-42\r\n*1\r\n$-1\r\n";
    struct redis_outcome outcome;
    struct impostor impostor;

    (void)state;
    impostor_start(&impostor);
    impostor_say(&impostor, "+PONG\r\n", 7);
    redis_rig_wait_up(&rig);
    assert_int_equal(redis_rig_send(&rig, "GET a", &outcome), 0);
    for (size_t i = 0; i < sizeof(reply) - 1; i++) {
        redis_rig_turn_for(&rig, 1);
        assert_int_equal(outcome.calls, 0);
        impostor_say(&impostor, reply + i, 1);
    }
    redis_rig_await(&rig, &outcome);
    assert_int_equal(outcome.type, GW_REPLY_ARRAY);
    assert_int_equal(outcome.count, 3);
    impostor_stop(&impostor);
}

static void test_loading_is_not_up(void **state)
{
    struct impostor impostor;

    (void)state;
    impostor_start(&impostor);
    impostor_say(&impostor, "-LOADING Redis is loading the dataset in memory\r\n", 49);
    redis_rig_turn_for(&rig, 20);
    assert_false(gw_redis_is_up(rig.redis));
    assert_true(strncmp(gw_redis_get_reason(rig.redis), "LOADING", 7) == 0);
    impostor_stop(&impostor);
}

/* A callback that sends, cancels and flushes while the connection is being given up. */
static struct gw_redis_call *victim;
static unsigned reentries;

static void on_reentrant(void *self, int rc, const struct gw_reply *reply)
{
    struct redis_outcome ignored;

    (void)self, (void)rc, (void)reply;
    reentries++;
    if (victim != NULL)
        gw_redis_cancel(victim);
    victim = NULL;
    assert_int_equal(redis_rig_send(&rig, "GET a", &ignored), -ENOTCONN);
    gw_redis_flush(rig.redis);
}

static void test_callbacks_may_call_back(void **state)
{
    struct redis_outcome gone = {0};
    struct gw_str words[] = {GW_STR("GET"), GW_STR("a")};
    struct gw_redis_command command = {words, 2, 0};

    (void)state;
    redis_rig_wait_up(&rig);
    redis_server_signal(&rig.server, SIGSTOP);
    reentries = 0;
    assert_int_equal(gw_redis_send(rig.redis, &command, on_reentrant, NULL, NULL), 0);
    assert_int_equal(gw_redis_send(rig.redis, &command, redis_rig_on_reply, &gone, &victim), 0);
    assert_int_equal(gw_redis_send(rig.redis, &command, on_reentrant, NULL, NULL), 0);
    redis_rig_turn_for(&rig, 10);
    redis_server_kill(&rig.server);
    wait_down();
    assert_int_equal(reentries, 2);
    assert_int_equal(gone.calls, 0);
}

static void test_destroyed_under_way(void **state)
{
    struct redis_outcome outcome;

    (void)state;
    redis_rig_wait_up(&rig);
    for (int i = 0; i < 100; i++)
        assert_int_equal(redis_rig_send(&rig, "INCR n", &outcome), 0);
    gw_redis_destroy(rig.redis);
    rig.redis = NULL;
    redis_rig_turn_for(&rig, 50);
    assert_int_equal(outcome.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill_and_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_never_sent_is_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_replies_keep_the_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stalled_connection_is_made_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_our_own_slowness_is_no_time_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancelled_when_redis_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_passwords, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense_closes_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_reply_byte_by_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loading_is_not_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_callbacks_may_call_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_destroyed_under_way, setup, teardown),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("redis_fault", tests, NULL, NULL);
}
