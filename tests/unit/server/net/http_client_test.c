/* The client against a peer that keeps to the rules: requests as written, and framing. */
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

static void run_script(struct script *script, const struct gw_http_request *request,
                       struct caller *caller)
{
    struct peer peer;
    struct bench bench;

    peer_start(&peer, peer_play_script, script);
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
        cmocka_unit_test(test_requests_that_cannot_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
