/* The client against peers that stall, lie, break off or answer early; and callers who leave. */
#include <assert.h>
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

    total.total_ns = 40 * GW_NS_PER_MS;
    run_silence(OK_HEAD "Content-Length: 5\r\n\r\nab", &total, &caller);
    assert_failure(&caller, GW_HTTP_TIMED_OUT);
    assert_true(caller.has_head);
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

/* --- request bodies --- */

/* Reads a chunked body into `out`; returns its length. */
static size_t read_chunked(int fd, char *out, size_t capacity)
{
    size_t filled = 0;

    for (;;) {
        char line[32];
        size_t len = 0;

        while (len + 1 < sizeof(line) && peer_read_exactly(fd, line + len, 1) &&
               line[len++] != '\n')
            continue;
        line[len] = '\0';
        size_t size = strtoul(line, NULL, 16);
        assert(filled + size <= capacity);
        if (!peer_read_exactly(fd, out + filled, size) || !peer_read_exactly(fd, line, 2))
            return 0;
        filled += size;
        if (size == 0)
            return filled;
    }
}

enum { BIG = 4 << 20 };
static char big[BIG];

static void play_echo(struct peer *peer, int fd, unsigned index)
{
    char head[8192], answer[128];
    char *body = malloc(BIG);
    size_t len = 0;

    (void)peer, (void)index;
    while (peer_read_head(fd, head, sizeof(head)) > 0) {
        const char *length = strstr(head, "Content-Length: ");

        if (strstr(head, "Expect: 100-continue") != NULL)
            peer_send_text(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        if (length != NULL) {
            len = strtoul(length + 16, NULL, 10);
            if (!peer_read_exactly(fd, body, len))
                break;
        } else {
            len = read_chunked(fd, body, BIG);
        }
        snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
        if (!peer_send_text(fd, answer) || !peer_send(fd, body, len))
            break;
    }
    free(body);
}

struct upload {
    struct caller caller;
    const char *bytes;
    size_t len, given;
    unsigned seen_writable;
    bool has_begun, has_ended;
};

/* Writes when the client said that it may. */
static bool upload_is_done(void *self)
{
    struct upload *upload = self;

    while (!caller_is_done(&upload->caller) && !upload->has_ended &&
           (!upload->has_begun || upload->caller.writable_calls > upload->seen_writable)) {
        size_t left = upload->len - upload->given;

        upload->has_begun = true;
        upload->seen_writable = upload->caller.writable_calls;
        ssize_t taken =
            gw_http_call_write(upload->caller.call, upload->bytes + upload->given, left);
        assert_true(taken >= 0 && (size_t)taken <= left);
        upload->given += (size_t)taken;
        if (upload->given == upload->len) {
            gw_http_call_end(upload->caller.call);
            upload->has_ended = true;
        }
    }
    return caller_is_done(&upload->caller);
}

static void test_uploads(void **state)
{
    static const struct {
        bool is_chunked, expects_continue;
        size_t len, at_hand;
    } cases[] = {
        {false, false, 3, 3},     {false, false, BIG, 0}, {true, false, BIG, 0},
        {true, false, 10, 4},     {false, true, BIG, 10}, {true, true, 1000, 10},
        {false, false, BIG, BIG}, {true, false, 0, 0},
    };
    struct peer peer;
    struct bench bench;

    (void)state;
    for (size_t at = 0; at < BIG; at++)
        big[at] = (char)(at * 7 + at / 251);
    peer_start(&peer, play_echo, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    for (int round = 0; round < 2; round++) {
        for (size_t at = 0; at < GW_COUNT_OF(cases); at++) {
            struct upload upload = {.bytes = big, .len = cases[at].len, .given = cases[at].at_hand};
            struct gw_http_request request = {
                .method = GW_STR("POST"),
                .target = GW_STR("/"),
                .body_bytes = cases[at].is_chunked ? GW_HTTP_CHUNKED : (int64_t)cases[at].len,
                .body = gw_str_from(big, cases[at].at_hand),
                .expects_continue = cases[at].expects_continue,
            };

            upload.has_ended = !cases[at].is_chunked && cases[at].len == cases[at].at_hand;
            caller_start(&upload.caller, &bench, &request);
            bench_wait(&bench, upload_is_done, &upload);
            assert_true(upload.caller.has_ended);
            assert_int_equal(upload.caller.status, 200);
            assert_int_equal(upload.caller.body.len, cases[at].len);
            assert_memory_equal(upload.caller.body.ptr, big, cases[at].len);
            caller_finish(&upload.caller);
        }
    }
    assert_int_equal(peer.accepted, 1); /* all on one connection: each left it clean */
    bench_close(&bench);
    peer_stop(&peer);
}

/* Refuses when it has seen the head; what comes of the body is left unread and reset. */
static void play_refusal(struct peer *peer, int fd, unsigned index)
{
    char head[8192];

    (void)peer, (void)index;
    if (peer_read_head(fd, head, sizeof(head)) < 0)
        return;
    peer_send_text(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nmuch");
    peer_sleep_ms(20);
}

static void test_early_answer(void **state)
{
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_refusal, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    for (int expects_continue = 0; expects_continue < 2; expects_continue++) {
        struct upload upload = {.bytes = big, .len = BIG};
        struct gw_http_origin_stats stats;
        struct gw_http_request request = {.method = GW_STR("POST"),
                                          .target = GW_STR("/"),
                                          .body_bytes = BIG,
                                          .expects_continue = expects_continue != 0};

        caller_start(&upload.caller, &bench, &request);
        bench_wait(&bench, upload_is_done, &upload);
        assert_answer(&upload.caller, 413, "much");
        gw_http_origin_get_stats(bench.origin, &stats);
        assert_int_equal(stats.connections, 0);
        caller_finish(&upload.caller);
    }
    bench_close(&bench);
    peer_stop(&peer);
}

static void test_write_bounds(void **state)
{
    struct gw_http_request request = {
        .method = GW_STR("POST"), .target = GW_STR("/"), .body_bytes = 3};
    struct peer peer;
    struct bench bench;
    struct caller caller = {0};

    (void)state;
    peer_start(&peer, play_echo, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_start(&caller, &bench, &request);
    assert_false(gw_http_call_was_sent(caller.call));
    assert_int_equal(gw_http_call_write(caller.call, "abcd", 4), -EINVAL);
    gw_http_call_cancel(caller.call);
    caller_finish(&caller);
    bench_close(&bench);
    peer_stop(&peer);
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
        if (stage == 2 || stage == 4)
            assert_int_equal(stats.connections, 0);
        gw_loop_turn(bench.loop, 30);
        assert_false(caller.has_failed);
        caller_finish(&caller);
        bench_close(&bench);
        peer_stop(&peer);
    }
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

static void test_back_pressure(void **state)
{
    struct gw_http_request request = {.method = GW_STR("POST"),
                                      .target = GW_STR("/"),
                                      .body_bytes = BIG,
                                      .body = gw_str_from(big, BIG)};
    struct caller caller = {.is_passive = true};
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_echo, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_start(&caller, &bench, &request);
    bench_wait(&bench, has_head, &caller);
    for (int turn = 0; turn < 20; turn++)
        gw_loop_turn(bench.loop, 1); /* nobody reads: nothing may be lost, nor the loop spin */
    caller.is_passive = false;
    caller_read(&caller);
    caller_wait(&caller, &bench);
    assert_int_equal(caller.body.len, BIG);
    assert_memory_equal(caller.body.ptr, big, BIG);
    caller_finish(&caller);
    bench_close(&bench);
    peer_stop(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faulty_answers),
        cmocka_unit_test(test_head_too_large),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_forbidden_addresses),
        cmocka_unit_test(test_uploads),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_write_bounds),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_destroy_with_calls_under_way),
        cmocka_unit_test(test_back_pressure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
