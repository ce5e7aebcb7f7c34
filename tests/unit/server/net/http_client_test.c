/* The client against a peer that keeps to the rules: framing, keep-alive, the pool. */
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
#include "tests/unit/support/peer.h"

/* Answers each request with the script's text until the caller closes; a body by Content-Length is
 * read first. Keeps the last request of the first connection. */
struct script {
    const char *answer;
    char head[8192];
    char body[8192];
};

static void play_script(struct peer *peer, int fd, unsigned index)
{
    struct script *script = peer->script;
    char head[8192], body[8192];

    while (peer_read_head(fd, head, sizeof(head)) > 0) {
        const char *length = strstr(head, "Content-Length: ");
        size_t body_bytes = length != NULL ? strtoul(length + 16, NULL, 10) : 0;

        memset(body, 0, sizeof(body));
        if (body_bytes < sizeof(body) && !peer_read_exactly(fd, body, body_bytes))
            return;
        if (index == 0) {
            memcpy(script->head, head, sizeof(head));
            memcpy(script->body, body, sizeof(body));
        }
        atomic_fetch_add(&peer->requests, 1);
        if (!peer_send_text(fd, script->answer))
            return;
        if (strstr(script->answer, "Connection: close") != NULL)
            return;
    }
}

static void run_script(struct script *script, const struct gw_http_request *request,
                       struct caller *caller)
{
    struct peer peer;
    struct bench bench;

    peer_start(&peer, play_script, script);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    caller_run(caller, &bench, request);
    bench_close(&bench);
    peer_stop(&peer);
}

static void test_request_as_written(void **state)
{
    static struct script script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n"
                                             "Keep-Alive: 5\r\n\r\nhello"};
    const struct gw_field fields[] = {{GW_STR("Accept"), GW_STR("*/*")},
                                      {GW_STR("X-Empty"), GW_STR("")}};
    struct gw_http_request request = {.method = GW_STR("PUT"),
                                      .target = GW_STR("/a%2Fb?c=d"),
                                      .host = GW_STR("erp.example"),
                                      .fields = fields,
                                      .field_count = 2,
                                      .body_bytes = 3,
                                      .body = GW_STR("abc")};
    struct caller caller;

    (void)state;
    run_script(&script, &request, &caller);
    assert_answer(&caller, 200, "hello");
    assert_int_equal(caller.body_bytes, 5);
    assert_int_equal(caller.declared_bytes, 5);
    assert_string_equal(caller.fields, "X-A: b\n");
    assert_string_equal(script.head, "PUT /a%2Fb?c=d HTTP/1.1\r\nHost: erp.example\r\n"
                                     "Accept: */*\r\nX-Empty: \r\nContent-Length: 3\r\n\r\n");
    assert_string_equal(script.body, "abc");
    caller_finish(&caller);
}

struct answer_case {
    const char *method, *answer;
    int status;
    const char *body;
    int64_t declared_bytes;
};

static void test_answers(void **state)
{
    static const struct answer_case cases[] = {
        {"GET",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=\"y\"\r\ndefg"
         "\r\n0\r\nT: v\r\n\r\n",
         200, "abcdefg", -1},
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 200, "", 500},
        {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", -1},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", -1},
        {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, "", 7},
        {"GET",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
         200, "ok", 2},
        {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", 200, "until the end",
         -1},
        {"GET", "HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x", 1},
        {"GET", "HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", 500, "", 0},
    };

    (void)state;
    for (size_t at = 0; at < GW_COUNT_OF(cases); at++) {
        static struct script script;
        struct gw_http_request request = caller_get();
        struct caller caller;

        script.answer = cases[at].answer;
        request.method = gw_str_of(cases[at].method);
        run_script(&script, &request, &caller);
        assert_answer(&caller, cases[at].status, cases[at].body);
        assert_int_equal(caller.declared_bytes, cases[at].declared_bytes);
        caller_finish(&caller);
    }
}

static void test_connection_is_kept(void **state)
{
    static struct script script = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    struct gw_http_request request = caller_get();
    struct gw_http_origin_stats stats;
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_script, &script);
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
    peer_start(&peer, play_script, &script);
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
    peer_start(&peer, play_script, &script);
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
    peer_start(&peer, play_script, &script);
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
    peer_start(&peer, play_script, &script);
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

static void test_requests_that_cannot_be_written(void **state)
{
    static const struct gw_http_call_events events = {0};
    const struct gw_field fields[] = {
        {GW_STR("A"), GW_STR("b\r\nC: d")},
        {GW_STR("A"), GW_STR("b\nC")},
        {GW_STR("A"), GW_STR("b\0c")},
        {GW_STR("A B"), GW_STR("c")},
        {GW_STR("A:"), GW_STR("c")},
        {GW_STR(""), GW_STR("c")},
        {GW_STR("A\r\nB"), GW_STR("c")},
        {GW_STR("Transfer-Encoding"), GW_STR("chunked")},
        {GW_STR("content-length"), GW_STR("1")},
        {GW_STR("hOst"), GW_STR("x")},
        {GW_STR("Connection"), GW_STR("close")},
    };
    const struct gw_str targets[] = {GW_STR(""),       GW_STR("a"),        GW_STR("/ b"),
                                     GW_STR("/\r\nX"), GW_STR("/\0"),      GW_STR("/\t"),
                                     GW_STR("/\x7f"),  GW_STR("http://a/")};
    const struct gw_str methods[] = {GW_STR(""), GW_STR("G T"), GW_STR("GET\r\n"),
                                     GW_STR("CONNECT")};
    const struct gw_str hosts[] = {GW_STR("a b"), GW_STR("a\r\nB: c"), GW_STR("a/b"),
                                   GW_STR("u@h")};
    struct gw_http_call *call = NULL;
    struct bench bench;

    (void)state;
    bench_open(&bench);
    bench_set_port(&bench, 9);
    for (size_t at = 0; at < GW_COUNT_OF(fields); at++) {
        struct gw_http_request request = caller_get();

        request.fields = &fields[at];
        request.field_count = 1;
        assert_int_equal(gw_http_call_start(bench.origin, &request, &events, NULL, &call), -EINVAL);
    }
    for (size_t at = 0; at < GW_COUNT_OF(targets); at++) {
        struct gw_http_request request = caller_get();

        request.target = targets[at];
        assert_int_equal(gw_http_call_start(bench.origin, &request, &events, NULL, &call), -EINVAL);
    }
    for (size_t at = 0; at < GW_COUNT_OF(methods); at++) {
        struct gw_http_request request = caller_get();

        request.method = methods[at];
        assert_int_equal(gw_http_call_start(bench.origin, &request, &events, NULL, &call), -EINVAL);
        request = caller_get();
        request.host = hosts[at];
        assert_int_equal(gw_http_call_start(bench.origin, &request, &events, NULL, &call), -EINVAL);
    }
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_as_written),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_connection_is_kept),
        cmocka_unit_test(test_dead_idle_connection_is_noticed),
        cmocka_unit_test(test_stale_connection),
        cmocka_unit_test(test_what_came_unasked_answers_nobody),
        cmocka_unit_test(test_many_calls_through_two_connections),
        cmocka_unit_test(test_too_many_waiting),
        cmocka_unit_test(test_idle_connection_ages),
        cmocka_unit_test(test_call_outlives_its_origin),
        cmocka_unit_test(test_equal_origins_are_one),
        cmocka_unit_test(test_requests_that_cannot_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
