/* The client and its connections: kept, found dead, shared, waited for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "tests/unit/support/http_caller.h"
#include "tests/unit/support/peer_script.h"

static void test_connection_is_kept(void **state)
{
    static struct script script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    struct gw_http_request request = caller_get();
    struct gw_http_origin_stats stats;
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, peer_play_script, &script);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    for (int at = 0; at < 20; at++) {
        struct caller caller;

        caller_run(&caller, &bench, &request);
        assert_answer(&caller, 200, "ok");
        assert_true(caller.is_complete);
        assert_int_equal(caller.times.is_reused, at > 0);
        assert_true(caller.times.started_ns != 0 && caller.times.head_ns >= caller.times.sent_ns);
        caller_finish(&caller);
    }
    gw_http_origin_get_stats(bench.origin, &stats);
    assert_int_equal(stats.connects, 1);
    assert_int_equal(stats.reused, 19);
    assert_int_equal(stats.calls, 20);
    assert_int_equal(stats.idle, 1);
    assert_int_equal(peer.accepted, 1);
    bench_close(&bench);
    peer_stop(&peer);
}

/* Closes each connection after one answer, without saying so. */
static void play_one_answer(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    (void)index;
    if (peer_read_head(fd, head, sizeof(head)) > 0) {
        atomic_fetch_add(&peer->requests, 1);
        peer_send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

static bool has_no_idle(void *self)
{
    struct gw_http_origin_stats stats;

    gw_http_origin_get_stats(self, &stats);
    return stats.idle == 0;
}

static void test_dead_idle_connection_is_noticed(void **state)
{
    struct gw_http_request request = caller_get();
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_one_answer, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    for (int at = 0; at < 3; at++) {
        struct caller caller;

        caller_run(&caller, &bench, &request);
        assert_answer(&caller, 200, "ok");
        bench_wait(&bench, has_no_idle, bench.origin);
        caller_finish(&caller);
    }
    assert_int_equal(peer.accepted, 3);
    bench_close(&bench);
    peer_stop(&peer);
}

/* The first connection speaks on behind its answer, later and unasked. */
static void play_talkative(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    while (peer_read_head(fd, head, sizeof(head)) > 0) {
        peer_send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        if (index > 0)
            continue;
        peer_sleep_ms(50);
        peer_send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
        atomic_fetch_add(&peer->requests, 1);
    }
}

/* The loop has had no turn in which to see it. */
static void test_what_came_unasked_answers_nobody(void **state)
{
    struct gw_http_request request = caller_get();
    struct caller first, second;
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_talkative, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_run(&first, &bench, &request);
    for (int waits = 0; atomic_load(&peer.requests) == 0 && waits < 2000; waits++)
        peer_sleep_ms(5);
    caller_run(&second, &bench, &request);
    assert_answer(&first, 200, "ok");
    assert_answer(&second, 200, "ok");
    assert_int_equal(peer.accepted, 2);
    caller_finish(&first);
    caller_finish(&second);
    bench_close(&bench);
    peer_stop(&peer);
}

/* The first connection answers once, and dies when the second request has arrived. */
static void play_stale(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    while (peer_read_head(fd, head, sizeof(head)) > 0) {
        if (atomic_fetch_add(&peer->requests, 1) == 1 && index == 0)
            return;
        peer_send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
}

static void test_stale_connection(void **state)
{
    struct gw_http_request request = caller_get();
    struct peer peer;
    struct bench bench;

    (void)state;
    for (int is_replayable = 0; is_replayable < 2; is_replayable++) {
        struct caller first, second;

        request.is_replayable = is_replayable != 0;
        peer_start(&peer, play_stale, NULL);
        bench_open(&bench);
        bench_set_port(&bench, peer.port);
        caller_run(&first, &bench, &request);
        caller_run(&second, &bench, &request);
        assert_answer(&first, 200, "ok");
        if (is_replayable)
            assert_answer(&second, 200, "ok");
        else
            assert_failure(&second, GW_HTTP_DISCONNECTED);
        assert_int_equal(peer.requests, is_replayable ? 3 : 2);
        caller_finish(&first);
        caller_finish(&second);
        bench_close(&bench);
        peer_stop(&peer);
    }
}

enum { MANY = 1000 };

static bool are_all_done(void *self)
{
    struct caller *callers = self;

    for (int at = 0; at < MANY; at++) {
        if (!caller_is_done(&callers[at]))
            return false;
    }
    return true;
}

static void test_many_calls_through_two_connections(void **state)
{
    static struct script script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    static struct caller callers[MANY];
    struct gw_http_request request = caller_get();
    struct gw_http_origin_stats stats;
    struct peer peer;
    struct bench bench;

    (void)state;
    memset(callers, 0, sizeof(callers));
    peer_start(&peer, peer_play_script, &script);
    bench_open(&bench);
    bench_set_origin(&bench, &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"),
                                                             .port = peer.port,
                                                             .max_connections = 2,
                                                             .max_waiting = MANY,
                                                             .connect_ns = 20 * GW_NS_PER_SECOND});
    for (int at = 0; at < MANY; at++)
        caller_start(&callers[at], &bench, &request);
    bench_wait(&bench, are_all_done, callers);
    for (int at = 0; at < MANY; at++) {
        assert_answer(&callers[at], 200, "ok");
        caller_finish(&callers[at]);
    }
    gw_http_origin_get_stats(bench.origin, &stats);
    assert_int_equal(stats.connects, 2);
    assert_int_equal(stats.waiting, 0);
    assert_int_equal(peer.requests, MANY);
    bench_close(&bench);
    peer_stop(&peer);
}

static void test_too_many_waiting(void **state)
{
    static struct script script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    struct gw_http_request request = caller_get();
    struct caller callers[4] = {0};
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, peer_play_script, &script);
    bench_open(&bench);
    bench_set_origin(&bench, &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"),
                                                             .port = peer.port,
                                                             .max_connections = 1,
                                                             .max_waiting = 2});
    for (int at = 0; at < 4; at++)
        caller_start(&callers[at], &bench, &request);
    for (int at = 0; at < 4; at++)
        caller_wait(&callers[at], &bench);
    assert_answer(&callers[0], 200, "ok");
    assert_answer(&callers[1], 200, "ok");
    assert_answer(&callers[2], 200, "ok"); /* for the first a connection is opened: two wait */
    assert_failure(&callers[3], GW_HTTP_OVERLOADED);
    for (int at = 0; at < 4; at++)
        caller_finish(&callers[at]);
    bench_close(&bench);
    peer_stop(&peer);
}

static void test_idle_connection_ages(void **state)
{
    static struct script script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    struct gw_http_request request = caller_get();
    struct caller caller;
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, peer_play_script, &script);
    bench_open(&bench);
    bench_set_origin(&bench, &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"),
                                                             .port = peer.port,
                                                             .idle_ns = 30 * GW_NS_PER_MS});
    caller_run(&caller, &bench, &request);
    assert_answer(&caller, 200, "ok");
    bench_wait(&bench, has_no_idle, bench.origin);
    caller_finish(&caller);
    bench_close(&bench);
    peer_stop(&peer);
}

static void test_call_outlives_its_origin(void **state)
{
    static struct script script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    struct gw_http_request request = caller_get();
    struct caller callers[2] = {0};
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, peer_play_script, &script);
    bench_open(&bench);
    bench_set_origin(&bench, &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"),
                                                             .port = peer.port,
                                                             .max_connections = 1});
    for (int at = 0; at < 2; at++)
        caller_start(&callers[at], &bench, &request);
    gw_http_origin_put(bench.origin);
    bench.origin = NULL;
    for (int at = 0; at < 2; at++) {
        caller_wait(&callers[at], &bench);
        assert_answer(&callers[at], 200, "ok");
        caller_finish(&callers[at]);
    }
    peer_stop(&peer); /* ends only because the last connection was closed, not kept */
    bench_close(&bench);
}

static void test_equal_origins_are_one(void **state)
{
    const struct gw_http_origin_config config = {.host = GW_STR("127.0.0.1"), .port = 9};
    struct gw_http_origin_config other = config;
    struct gw_http_origin *again, *different;
    struct gw_error error;
    struct bench bench;

    (void)state;
    bench_open(&bench);
    bench_set_origin(&bench, &config);
    assert_int_equal(gw_http_origin_get(bench.client, &config, &again, &error), 0);
    assert_ptr_equal(again, bench.origin);
    other.max_connections = 7;
    assert_int_equal(gw_http_origin_get(bench.client, &other, &different, &error), 0);
    assert_ptr_not_equal(different, bench.origin);
    gw_http_origin_put(different);
    gw_http_origin_put(again);
    other.host = GW_STR("a b");
    assert_int_equal(gw_http_origin_get(bench.client, &other, &different, &error), -EINVAL);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection_is_kept),
        cmocka_unit_test(test_dead_idle_connection_is_noticed),
        cmocka_unit_test(test_stale_connection),
        cmocka_unit_test(test_what_came_unasked_answers_nobody),
        cmocka_unit_test(test_many_calls_through_two_connections),
        cmocka_unit_test(test_too_many_waiting),
        cmocka_unit_test(test_idle_connection_ages),
        cmocka_unit_test(test_call_outlives_its_origin),
        cmocka_unit_test(test_equal_origins_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
