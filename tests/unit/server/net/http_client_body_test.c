/* Bodies of requests, in every framing, and what stops them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/unit/support/http_caller.h"
#include "tests/unit/support/peer.h"

static bool has_head(void *self)
{
    return ((struct caller *)self)->has_head;
}

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
        if (filled + size > capacity || !peer_read_exactly(fd, out + filled, size) ||
            !peer_read_exactly(fd, line, 2))
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

/* Answers while it reads: the head at once, each piece of body as it comes. */
static void play_stream(struct peer *peer, int fd, unsigned index)
{
    char head[8192], piece[10000];

    (void)peer, (void)index;
    while (peer_read_head(fd, head, sizeof(head)) > 0) {
        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
        peer_send_text(fd, head);
        for (size_t left = BIG; left > 0;) {
            ssize_t count = recv(fd, piece, left < sizeof(piece) ? left : sizeof(piece), 0);

            if (count <= 0 || !peer_send(fd, piece, (size_t)count))
                return;
            left -= (size_t)count;
        }
    }
}

static void test_both_directions_at_once(void **state)
{
    struct peer peer;
    struct bench bench;

    (void)state;
    peer_start(&peer, play_stream, NULL);
    bench_open(&bench);
    bench_set_port(&bench, peer.port);
    for (int round = 0; round < 2; round++) {
        struct upload upload = {.bytes = big, .len = BIG};
        struct gw_http_request request = {
            .method = GW_STR("POST"), .target = GW_STR("/"), .body_bytes = BIG};

        caller_start(&upload.caller, &bench, &request);
        bench_wait(&bench, upload_is_done, &upload);
        assert_true(upload.caller.has_ended);
        assert_int_equal(upload.caller.body.len, BIG);
        assert_memory_equal(upload.caller.body.ptr, big, BIG);
        caller_finish(&upload.caller);
    }
    assert_int_equal(peer.accepted, 1);
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
        cmocka_unit_test(test_uploads),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_both_directions_at_once),
        cmocka_unit_test(test_write_bounds),
        cmocka_unit_test(test_back_pressure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
