/* The client against peers that stall, lie or break off; and callers who leave. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "tests/unit/support/http_caller.h"
#include "tests/unit/support/peer.h"

struct fault {
    const char *answer; /* sent once the head is read; then the connection is ended */
    enum gw_http_failure failure;
    bool has_head;
};

static void play_fault(struct peer *peer, int fd, unsigned index)
{
    const struct fault *fault = peer->script;
    char head[8192];

    (void)index;
    if (peer_read_head(fd, head, sizeof(head)) > 0)
        peer_send_text(fd, fault->answer);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static void test_faulty_answers(void **state)
{
    static const struct fault faults[] = {
        {"", GW_HTTP_DISCONNECTED, false},
        {"HTTP/1.1 200 OK\r\nContent-", GW_HTTP_DISCONNECTED, false},
        {OK_HEAD "Content-Length: 5\r\n\r\nabc", GW_HTTP_DISCONNECTED, true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nab", GW_HTTP_DISCONNECTED, true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", GW_HTTP_DISCONNECTED, true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nabX", GW_HTTP_MALFORMED, true},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n-2\r\nab", GW_HTTP_MALFORMED, true},
        {OK_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n", GW_HTTP_MALFORMED,
         false},
        {OK_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", GW_HTTP_MALFORMED, false},
        {OK_HEAD "X : y\r\n\r\n", GW_HTTP_MALFORMED, false},
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", GW_HTTP_MALFORMED, false},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", GW_HTTP_MALFORMED, false},
        {"HTTP/2 200\r\n\r\n", GW_HTTP_MALFORMED, false},
    };

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(faults); at++) {
        struct gw_http_request request = caller_get();
        struct gw_http_origin_stats stats;
        struct peer peer;
        struct bench bench;
        struct caller caller;

        peer_start(&peer, play_fault, (void *)(uintptr_t)&faults[at]);
        bench_open(&bench);
        bench_set_port(&bench, peer.port);
        caller_run(&caller, &bench, &request);
        assert_failure(&caller, faults[at].failure);
        assert_int_equal(caller.has_head, faults[at].has_head);
        gw_http_origin_get_stats(bench.origin, &stats);
        assert_int_equal(stats.connections, 0);
        assert_int_equal(stats.failures, 1);
        caller_finish(&caller);
        bench_close(&bench);
        peer_stop(&peer);
    }
}

static void play_large_head(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    (void)peer, (void)index;
    if (peer_read_head(fd, head, sizeof(head)) < 0)
        return;
    memset(head, 'a', sizeof(head));
    peer_send_text(fd, OK_HEAD "X: ");
    for (int at = 0; at < 3; at++)
        peer_send(fd, head, sizeof(head));
    peer_drain(fd);
}

static void test_head_too_large(void **state)
{
    struct gw_http_request request = caller_get();
    struct peer peer;
    struct bench bench;
    struct caller caller;

    (void)state;
    peer_start(&peer, play_large_head, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_run(&caller, &bench, &request);
    assert_failure(&caller, GW_HTTP_HEAD_TOO_LARGE);
    caller_finish(&caller);
    bench_close(&bench);
    peer_stop(&peer);
}

/* Sends the script's text, then keeps silent until the client leaves. */
static void play_silence(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    (void)index;
    if (peer_read_head(fd, head, sizeof(head)) > 0 && peer_send_text(fd, peer->script))
        peer_drain(fd);
}

static void run_silence(const char *text, const struct gw_http_request *request,
                        struct caller *caller)
{
    struct peer peer;
    struct bench bench;

    peer_start(&peer, play_silence, (void *)(uintptr_t)text);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_run(caller, &bench, request);
    caller_finish(caller);
    bench_close(&bench);
    peer_stop(&peer);
}

static void test_deadlines(void **state)
{
    struct gw_http_request first_byte = caller_get(), idle = caller_get(), total = caller_get();
    struct caller caller;

    (void)state;
    first_byte.first_byte_ns = 40 * GW_NS_PER_MS;
    run_silence("HTTP/1.1 2", &first_byte, &caller);
    assert_failure(&caller, GW_HTTP_TIMED_OUT);
    assert_false(caller.has_head);

    idle.idle_ns = 40 * GW_NS_PER_MS;
    run_silence(OK_HEAD "Content-Length: 5\r\n\r\nab", &idle, &caller);
    assert_failure(&caller, GW_HTTP_TIMED_OUT);
    assert_true(caller.has_head);

    total.total_ns = 500 * GW_NS_PER_MS;
    run_silence(OK_HEAD "Content-Length: 5\r\n\r\nab", &total, &caller);
    assert_failure(&caller, GW_HTTP_TIMED_OUT);
    assert_true(caller.has_head);
}

static void test_no_connection_comes_free(void **state)
{
    struct gw_http_request request = caller_get();
    struct caller first = {0}, second = {0};
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_silence, "");
    bench_open(&bench);
    bench_set_origin(&bench, &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"),
                                                             .port = peer.port,
                                                             .max_connections = 1,
                                                             .connect_ns = 200 * GW_NS_PER_MS});
    caller_start(&first, &bench, &request);
    caller_start(&second, &bench, &request);
    caller_wait(&second, &bench);
    assert_failure(&second, GW_HTTP_OVERLOADED);
    assert_false(caller_is_done(&first));
    gw_http_call_cancel(first.call);
    caller_finish(&first);
    caller_finish(&second);
    bench_close(&bench);
    peer_stop(&peer);
}

/* Takes the head and no byte more. */
static void play_deaf(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    (void)peer, (void)index;
    if (peer_read_head(fd, head, sizeof(head)) > 0)
        peer_sleep_ms(1500); /* far longer than the caller's patience */
}

static void test_peer_stops_taking_the_request(void **state)
{
    static char body[8 << 20];
    struct gw_http_request request = {.method = GW_STR("POST"),
                                      .target = GW_STR("/"),
                                      .body_bytes = sizeof(body),
                                      .body = gw_str_from(body, sizeof(body)),
                                      .idle_ns = 100 * GW_NS_PER_MS};
    struct caller caller;
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_deaf, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_run(&caller, &bench, &request);
    assert_failure(&caller, GW_HTTP_TIMED_OUT);
    assert_non_null(strstr(caller.detail, "taking"));
    caller_finish(&caller);
    bench_close(&bench);
    peer_stop(&peer);
}

static void play_endless_interim(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    (void)peer, (void)index;
    if (peer_read_head(fd, head, sizeof(head)) > 0) {
        while (peer_send_text(fd, "HTTP/1.1 102 Processing\r\n\r\n"))
            continue;
    }
}

static void test_endless_interim_answers(void **state)
{
    struct gw_http_request request = caller_get();
    struct caller caller;
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_endless_interim, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_run(&caller, &bench, &request);
    assert_failure(&caller, GW_HTTP_MALFORMED);
    caller_finish(&caller);
    bench_close(&bench);
    peer_stop(&peer);
}

static void test_unreachable(void **state)
{
    struct gw_http_request request = caller_get();
    struct peer peer;
    struct bench bench;
    struct caller caller;

    (void)state;
    peer_start(&peer, play_silence, "");
    peer_stop(&peer); /* its port is free now */
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_run(&caller, &bench, &request);
    assert_failure(&caller, GW_HTTP_UNREACHABLE);
    assert_non_null(strstr(caller.detail, "127.0.0.1"));
    caller_finish(&caller);
    bench_close(&bench);
}

static void test_forbidden_addresses(void **state)
{
    static const char *const hosts[] = {"169.254.169.254", "::ffff:169.254.169.254",
                                        "fe80::1",         "0.0.0.0",
                                        "224.0.0.1",       "127.0.0.1"};
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(4711)};
    struct gw_http_request request = caller_get();

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(hosts); at++) {
        struct bench bench;
        struct caller caller;

        bench_open(&bench);
        assert_int_equal(gw_http_client_forbid(bench.client, (struct sockaddr *)&own), 0);
        bench_set_origin(
            &bench, &(struct gw_http_origin_config){.host = gw_str_of(hosts[at]), .port = 4711});
        caller_run(&caller, &bench, &request);
        assert_failure(&caller, GW_HTTP_UNREACHABLE);
        assert_non_null(strstr(caller.detail, "forbidden"));
        caller_finish(&caller);
        bench_close(&bench);
    }
}

/* Sends an answer nobody asked for right behind the one that was asked for. */
static void play_excess(struct peer *peer, int fd, unsigned index)
{
    static const char poison[] = OK_HEAD "Content-Length: 6\r\n\r\npoison";
    size_t body_bytes = *(const size_t *)peer->script, len;
    char head[8192], *answer = malloc(body_bytes + sizeof(head));

    (void)index;
    if (peer_read_head(fd, head, sizeof(head)) > 0) {
        len = (size_t)snprintf(answer, sizeof(head), OK_HEAD "Content-Length: %zu\r\n\r\n",
                               body_bytes);
        memset(answer + len, 'x', body_bytes);
        memcpy(answer + len + body_bytes, poison, sizeof(poison) - 1);
        if (peer_send(fd, answer, len + body_bytes + sizeof(poison) - 1))
            peer_drain(fd);
    }
    free(answer);
}

/* What a peer sends beyond an answer must not become the next caller's. */
static void test_excess_poisons_nobody(void **state)
{
    static const size_t sizes[] = {2, 16000, 100000, 300001};

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(sizes); at++) {
        struct gw_http_request request = caller_get();
        struct caller callers[4] = {0};
        struct peer peer;
        struct bench bench;

        peer_start(&peer, play_excess, (void *)(uintptr_t)&sizes[at]);
        bench_open(&bench);
        bench_set_origin(&bench, &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"),
                                                                 .port = peer.port,
                                                                 .max_connections = 1});
        for (int call = 0; call < 4; call++)
            caller_start(&callers[call], &bench, &request);
        for (int call = 0; call < 4; call++) {
            caller_wait(&callers[call], &bench);
            assert_true(callers[call].has_ended);
            assert_int_equal(callers[call].body.len, sizes[at]);
            caller_finish(&callers[call]);
        }
        assert_int_equal(peer.accepted, 4);
        bench_close(&bench);
        peer_stop(&peer);
    }
}

/* --- callers who leave --- */

static bool has_head(void *self)
{
    return ((struct caller *)self)->has_head;
}

static bool was_requested(void *self)
{
    return atomic_load((atomic_uint *)self) > 0;
}

static void play_slow(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    (void)index;
    while (peer_read_head(fd, head, sizeof(head)) > 0) {
        atomic_fetch_add(&peer->requests, 1);
        peer_sleep_ms(150); /* longer than one turn of bench_wait() */
        if (!peer_send_text(fd, peer->script))
            return;
    }
}

static void test_cancel(void **state)
{
    static const char *const answers[] = {OK_HEAD "Content-Length: 2\r\n\r\nok",
                                          OK_HEAD "Content-Length: 5\r\n\r\nok"};

    (void)state;
    for (int stage = 0; stage < 6; stage++) {
        struct gw_http_request request = caller_get();
        struct gw_http_origin_stats stats;
        struct caller caller = {.is_passive = true, .cancels_in_head = stage == 5};
        struct peer peer;
        struct bench bench;

        peer_start(&peer, play_slow, (void *)(uintptr_t)answers[stage == 4]);
        bench_open(&bench);
        bench_set_port(&bench, peer.port);
        caller_start(&caller, &bench, &request);
        if (stage == 1)
            gw_loop_turn(bench.loop, 0);
        if (stage == 2)
            bench_wait(&bench, was_requested, &peer.requests);
        if (stage >= 3)
            bench_wait(&bench, has_head, &caller);
        gw_http_call_cancel(caller.call);
        gw_http_origin_get_stats(bench.origin, &stats);
        if (stage == 3 || stage == 5)
            assert_int_equal(stats.idle, 1); /* the answer was whole: the connection is clean */
        if ((stage == 2 && !caller.has_head) || stage == 4)
            assert_int_equal(stats.connections, 0);
        gw_loop_turn(bench.loop, 30);
        assert_false(caller.has_failed);
        caller_finish(&caller);
        bench_close(&bench);
        peer_stop(&peer);
    }
}

static void play_endless(struct peer *peer, int fd, unsigned index)
{
    static const char bytes[64 * 1024];
    char head[8192];

    (void)index;
    if (peer_read_head(fd, head, sizeof(head)) < 0 || !peer_send_text(fd, OK_HEAD "\r\n"))
        return;
    while (peer_send(fd, bytes, sizeof(bytes)))
        atomic_fetch_add(&peer->requests, 1);
}

static bool is_closed(void *self)
{
    struct gw_http_origin_stats stats;

    gw_http_origin_get_stats(self, &stats);
    return stats.connections == 0;
}

/* What nobody waits for any more is not read for ever, and not by one turn of the loop. */
static void test_leave_an_endless_answer(void **state)
{
    struct gw_http_request request = caller_get();
    struct caller caller = {.is_passive = true};
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_endless, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_start(&caller, &bench, &request);
    bench_wait(&bench, has_head, &caller);
    gw_http_call_leave(caller.call);
    bench_wait(&bench, is_closed, bench.origin);
    assert_false(caller.has_failed);
    assert_true(atomic_load(&peer.requests) < 400); /* 25 MB: what sockets hold is much less */
    caller_finish(&caller);
    bench_close(&bench);
    peer_stop(&peer);
}

static void test_destroy_with_calls_under_way(void **state)
{
    struct gw_http_request request = caller_get();
    struct caller callers[4] = {0};
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_slow, OK_HEAD "Content-Length: 2\r\n\r\nok");
    bench_open(&bench);
    bench_set_origin(&bench, &(struct gw_http_origin_config){.host = GW_STR("localhost"),
                                                             .port = peer.port,
                                                             .max_connections = 2});
    for (int at = 0; at < 4; at++)
        caller_start(&callers[at], &bench, &request);
    for (int at = 0; at < 5; at++)
        gw_loop_turn(bench.loop, 2);
    bench_close(&bench);
    for (int at = 0; at < 4; at++) {
        assert_false(callers[at].has_failed);
        caller_finish(&callers[at]);
    }
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faulty_answers),
        cmocka_unit_test(test_head_too_large),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_no_connection_comes_free),
        cmocka_unit_test(test_peer_stops_taking_the_request),
        cmocka_unit_test(test_endless_interim_answers),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_forbidden_addresses),
        cmocka_unit_test(test_excess_poisons_nobody),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_leave_an_endless_answer),
        cmocka_unit_test(test_destroy_with_calls_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
