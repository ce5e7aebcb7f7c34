/* A real listener on 127.0.0.1 in the test's own loop, with a handler in the test and clients that
 * are plain sockets. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/http/listener.h"
#include "server/http/problem.h"
#include "server/net/loop.h"

#define MAX_HELD 300

static struct gw_loop *loop;
static struct gw_worker worker;
static struct gw_exchange_pool pool;
static struct gw_listener *listener;
static uint16_t port;

/* --- the handler: the path says what it does --- */

static struct gw_exchange *held[MAX_HELD];
static size_t held_count, begun, finished, gone, cancelled;

static void on_cancel(void *self, struct gw_exchange *ex)
{
    (void)self;
    cancelled++;
    for (size_t i = 0; i < held_count; i++) {
        if (held[i] == ex)
            held[i] = NULL;
    }
}

static void hold(struct gw_exchange *ex)
{
    assert_true(held_count < MAX_HELD);
    held[held_count++] = ex;
    ex->cancel = on_cancel;
}

static void answer(struct gw_exchange *ex, struct gw_str body)
{
    ex->response.status = 200;
    ex->response.body = body;
    gw_exchange_respond(ex);
}

static void release_held(void)
{
    for (size_t i = 0; i < held_count; i++) {
        if (held[i] != NULL)
            answer(held[i], GW_STR("held"));
    }
    held_count = 0;
}

static void echo(struct gw_exchange *ex)
{
    if (ex->is_body_over)
        gw_problem_set(ex, "body-too-large", NULL);
    else
        ex->response.body = gw_arena_printf(
            &ex->arena, "%zu:%.*s", ex->request.body.len,
            ex->request.body.len < 20 ? (int)ex->request.body.len : 0, ex->request.body.ptr);
    if (ex->response.status == 0)
        ex->response.status = 200;
    gw_exchange_respond(ex);
}

/* A source under the test's control. */
static size_t source_left;  /* bytes to give */
static size_t source_burst; /* of them now; then -EAGAIN */
static int source_end;      /* what comes after: 0, or an errno */
static struct gw_exchange *streaming;

static ssize_t source_read(void *self, char *out, size_t capacity)
{
    (void)self;
    if (source_left == 0)
        return source_end;
    if (source_burst == 0)
        return -EAGAIN;
    size_t len = capacity < source_burst ? capacity : source_burst;
    memset(out, 's', len);
    source_burst -= len;
    source_left -= len;
    return (ssize_t)len;
}

static const struct gw_body_source source = {.read = source_read};

static void stream(struct gw_exchange *ex, int64_t body_bytes)
{
    streaming = ex;
    ex->response.status = 200;
    ex->response.source = &source;
    ex->response.body_bytes = body_bytes;
    gw_exchange_respond(ex);
}

/* A sink that takes a byte and then waits for the test. */
static size_t sink_room, sink_got;
static bool sink_ended;

static size_t sink_write(void *self, const char *bytes, size_t len)
{
    (void)self;
    (void)bytes;
    size_t taken = len < sink_room ? len : sink_room;
    sink_room -= taken;
    sink_got += taken;
    return taken;
}

static void sink_end(void *self)
{
    sink_ended = true;
    answer(self, GW_STR("sunk"));
}

static void sink_overflow(void *self)
{
    gw_problem_set(self, "body-too-large", NULL);
    gw_exchange_respond(self);
}

static const struct gw_body_sink sink = {sink_write, sink_end, sink_overflow};

static void begin(void *self, struct gw_exchange *ex)
{
    (void)self;
    struct gw_str path = ex->request.path;

    begun++;
    if (gw_str_equal(path, GW_STR("/hold"))) {
        hold(ex);
    } else if (gw_str_equal(path, GW_STR("/echo"))) {
        gw_exchange_collect_body(ex, 200000, echo);
    } else if (gw_str_equal(path, GW_STR("/small"))) {
        gw_exchange_collect_body(ex, 8, echo);
    } else if (gw_str_equal(path, GW_STR("/refuse"))) {
        gw_problem_set(ex, "forbidden", NULL);
        gw_exchange_respond(ex);
    } else if (gw_str_equal(path, GW_STR("/stream"))) {
        stream(ex, -1);
    } else if (gw_str_equal(path, GW_STR("/stream10"))) {
        stream(ex, 10);
    } else if (gw_str_equal(path, GW_STR("/sink"))) {
        held[0] = ex;
        held_count = 1;
        ex->body_limit_bytes = 1000000;
        gw_exchange_set_sink(ex, &sink, ex);
    } else {
        answer(ex, GW_STR("hello"));
    }
}

static void finish(void *self, struct gw_exchange *ex)
{
    (void)self;
    finished++;
    gone += ex->state == GW_EXCHANGE_GONE;
    if (ex == streaming)
        streaming = NULL;
    for (size_t i = 0; i < held_count; i++) {
        if (held[i] == ex)
            held[i] = NULL;
    }
}

static const struct gw_exchange_handler handler = {begin, finish};

/* --- set-up --- */

static struct gw_listener_config config;

static int bind_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 512), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    port = ntohs(address.sin_port);
    return fd;
}

static void start(void)
{
    struct gw_error error;

    config.fd = bind_socket();
    assert_int_equal(gw_listener_create(&config, &listener, &error), 0);
}

static int set_up(void **state)
{
    (void)state;
    struct gw_error error;

    assert_int_equal(gw_loop_create(&loop, &error), 0);
    gw_exchange_pool_init(&pool, 400, 4 << 20);
    worker = (struct gw_worker){.loop = loop, .count = 1};
    config = (struct gw_listener_config){
        .worker = &worker,
        .loop = loop,
        .pool = &pool,
        .handler = &handler,
        .max_connections = 400,
        .pool_bytes = 16 * 1024,
        .head_timeout_ns = 5 * GW_NS_PER_SECOND,
        .idle_timeout_ns = 5 * GW_NS_PER_SECOND,
        .write_timeout_ns = 5 * GW_NS_PER_SECOND,
    };
    held_count = begun = finished = gone = cancelled = 0;
    source_left = source_burst = sink_room = sink_got = 0;
    source_end = 0;
    sink_ended = false;
    streaming = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_listener_destroy(listener);
    listener = NULL;
    assert_int_equal(pool.live_count, 0);
    assert_int_equal(begun <= finished, 1);
    gw_exchange_pool_finish(&pool);
    gw_loop_destroy(loop);
    return 0;
}

/* --- clients --- */

static int dial(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void send_bytes(int fd, struct gw_str bytes)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (bytes.len > 0 && gw_clock_monotonic_ns() < until_ns) {
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent > 0)
            bytes = gw_str_tail(bytes, (size_t)sent);
        else if (errno != EAGAIN)
            return; /* closed: the test looks at the answer */
        gw_loop_turn(loop, 1);
    }
    assert_int_equal(bytes.len, 0);
}

static void send_text(int fd, const char *text)
{
    send_bytes(fd, gw_str_of(text));
}

struct answer {
    char text[65536];
    size_t len;
    bool is_closed, is_reset;
};

static struct answer got;

/* Reads what comes until `is_met`, the close, or 10 s. */
static void read_until(int fd, bool (*is_met)(void))
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 10 * GW_NS_PER_SECOND;

    while (!got.is_closed && (is_met == NULL || !is_met()) && gw_clock_monotonic_ns() < until_ns) {
        gw_loop_turn(loop, 5);
        ssize_t count = recv(fd, got.text + got.len, sizeof(got.text) - 1 - got.len, 0);
        if (count > 0)
            got.len += (size_t)count;
        got.is_reset = count < 0 && errno != EAGAIN;
        got.is_closed = count == 0 || got.is_reset;
        got.text[got.len] = '\0';
    }
    assert_true(got.is_closed || (is_met != NULL && is_met()));
}

static void forget_answer(void)
{
    got = (struct answer){0};
}

/* A whole answer with Content-Length, or the last chunk. */
static bool has_answer(void)
{
    const char *end = strstr(got.text, "\r\n\r\n");
    const char *length = strstr(got.text, "Content-Length: ");

    if (end == NULL)
        return false;
    if (length != NULL)
        return got.len >= (size_t)(end + 4 - got.text) + strtoull(length + 16, NULL, 10);
    return strstr(end, "0\r\n\r\n") != NULL || strncmp(got.text, "HTTP/1.1 100", 12) == 0;
}

static void assert_status(const char *status)
{
    if (strncmp(got.text, "HTTP/1.1 ", 9) != 0 || strncmp(got.text + 9, status, 3) != 0)
        print_error("got: %.300s\n", got.text);
    assert_memory_equal(got.text, "HTTP/1.1 ", 9);
    assert_memory_equal(got.text + 9, status, 3);
}

static void assert_body(const char *body)
{
    const char *end = strstr(got.text, "\r\n\r\n");
    assert_non_null(end);
    assert_string_equal(end + 4, body);
}

static void exchange_text(int fd, const char *request, const char *status)
{
    forget_answer();
    send_text(fd, request);
    read_until(fd, has_answer);
    assert_status(status);
}

static void turn_until(bool (*is_met)(void))
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 10 * GW_NS_PER_SECOND;

    while (!is_met() && gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(loop, 5);
    assert_true(is_met());
}

static bool is_empty(void)
{
    return gw_listener_is_empty(listener);
}

static bool has_begun(void)
{
    return begun > 0;
}

static bool all_finished(void)
{
    return finished == begun && begun > 0;
}

/* --- plain --- */

static void requests_are_answered_on_one_connection(void **state)
{
    (void)state;
    start();
    int fd = dial();
    exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    assert_body("hello");
    exchange_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "200");
    assert_body("3:abc");
    exchange_text(fd,
                  "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nT: t\r\n\r\n",
                  "200");
    assert_body("5:abcde");
    exchange_text(fd, "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "403");
    exchange_text(fd, "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    exchange_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "200");
    assert_body("0:");
    assert_int_equal(begun, 6);
    close(fd);
    turn_until(is_empty);
    assert_int_equal(finished, 6);
    assert_int_equal(gone, 0);
}

static bool has_head(void)
{
    return strstr(got.text, "\r\n\r\n") != NULL;
}

static void a_head_has_no_body(void **state)
{
    (void)state;
    start();
    int fd = dial();
    forget_answer();
    send_text(fd, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    read_until(fd, has_head);
    assert_status("200");
    assert_body("");
    assert_non_null(strstr(got.text, "Content-Length: 5"));
    exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    close(fd);
}

static bool has_three(void)
{
    const char *at = got.text;
    for (int i = 0; i < 3; i++) {
        at = strstr(at, "hello");
        if (at == NULL)
            return false;
        at += 5;
    }
    return true;
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    start();
    int fd = dial();
    forget_answer();
    send_text(fd, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                  "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    read_until(fd, has_three);
    assert_int_equal(begun, 3);
    close(fd);
}

static void large_bodies_come_through(void **state)
{
    (void)state;
    static char body[150000];
    start();
    int fd = dial();
    memset(body, 'b', sizeof(body));
    forget_answer();
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 150000\r\n\r\n");
    send_bytes(fd, gw_str_from(body, sizeof(body)));
    read_until(fd, has_answer);
    assert_status("200");
    assert_body("150000:");
    exchange_text(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123456789",
                  "413");
    exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200"); /* small: drained and kept */
    close(fd);
}

/* --- Expect --- */

static bool has_continue(void)
{
    return strstr(got.text, "HTTP/1.1 100") != NULL;
}

static void an_expectation_is_met_when_the_body_is_wanted(void **state)
{
    (void)state;
    start();
    int fd = dial();
    forget_answer();
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Content-Length: 3\r\n\r\n");
    read_until(fd, has_continue);
    exchange_text(fd, "abc", "200");
    assert_body("3:abc");
    close(fd);
}

static void a_refusal_comes_before_the_body(void **state)
{
    (void)state;
    start();
    int fd = dial();
    exchange_text(fd,
                  "POST /refuse HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                  "Content-Length: 3\r\n\r\n",
                  "403");
    assert_null(strstr(got.text, "HTTP/1.1 100"));
    read_until(fd, NULL);
    assert_non_null(strstr(got.text, "Connection: close"));
    close(fd);
}

/* --- streams --- */

static bool has_streaming(void)
{
    return streaming != NULL;
}

static void a_slow_source_is_waited_for(void **state)
{
    (void)state;
    start();
    int fd = dial();
    source_left = 6;
    source_burst = 2;
    forget_answer();
    send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    turn_until(has_streaming);
    for (int i = 0; i < 2; i++) {
        for (int turn = 0; turn < 10; turn++)
            gw_loop_turn(loop, 2);
        source_burst = 2;
        gw_exchange_source_ready(streaming);
    }
    read_until(fd, has_answer);
    assert_status("200");
    assert_int_equal(got.is_closed, false);
    exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    close(fd);
}

static void a_source_that_fails_closes_the_connection(void **state)
{
    (void)state;
    start();
    for (int is_known = 0; is_known < 2; is_known++) {
        int fd = dial();
        source_left = source_burst = 4;
        source_end = -EPIPE;
        forget_answer();
        send_text(fd, is_known ? "GET /stream10 HTTP/1.1\r\nHost: a\r\n\r\n"
                               : "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
        read_until(fd, NULL);
        assert_status("200");
        assert_null(strstr(strstr(got.text, "ssss"), "0\r\n\r\n")); /* no clean end */
        close(fd);
    }
    turn_until(all_finished);
    assert_int_equal(gone, 2);
}

static bool has_sunk(void)
{
    return sink_got == 5 || sink_room > 0;
}

static void a_full_sink_holds_up_the_client(void **state)
{
    (void)state;
    static char body[200000];
    start();
    int fd = dial();
    sink_room = 5;
    forget_answer();
    send_text(fd, "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    send_bytes(fd, gw_str_from(body, 60000));
    turn_until(has_sunk);
    for (int i = 0; i < 10; i++)
        gw_loop_turn(loop, 2);
    assert_int_equal(sink_got, 5);
    sink_room = 1000000;
    gw_exchange_sink_ready(held[0]);
    send_bytes(fd, gw_str_from(body, 140000));
    read_until(fd, has_answer);
    assert_status("200");
    assert_body("sunk");
    assert_int_equal(sink_got, 200000);
    assert_true(sink_ended);
    close(fd);
}

static void the_limit_ends_an_upload(void **state)
{
    (void)state;
    static char chunk[65536];
    start();
    int fd = dial();
    sink_room = SIZE_MAX / 2;
    forget_answer();
    send_text(fd, "POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 17; i++) {
        send_text(fd, "10000\r\n");
        send_bytes(fd, gw_str_from(chunk, sizeof(chunk)));
        send_text(fd, "\r\n");
    }
    send_text(fd, "0\r\n\r\n");
    read_until(fd, has_answer);
    assert_status("413");
    assert_false(sink_ended);
    close(fd);
}

/* --- clients that leave --- */

static bool is_cancelled(void)
{
    return cancelled > 0;
}

static void a_client_that_leaves_is_noticed(void **state)
{
    (void)state;
    start();
    int fd = dial();
    send_text(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    turn_until(has_begun);
    close(fd);
    turn_until(is_cancelled);
    turn_until(is_empty);
    assert_int_equal(finished, 1);
    assert_int_equal(gone, 1);
}

static void a_client_that_leaves_in_mid_upload_is_noticed(void **state)
{
    (void)state;
    start();
    int fd = dial();
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc");
    turn_until(has_begun);
    close(fd);
    turn_until(is_empty);
    assert_int_equal(finished, 1);
    assert_int_equal(gone, 1);
}

static void a_client_that_leaves_in_mid_stream_is_noticed(void **state)
{
    (void)state;
    start();
    int fd = dial();
    source_left = 10;
    source_burst = 5;
    send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    turn_until(has_streaming);
    close(fd);
    turn_until(is_empty);
    assert_int_equal(gone, 1);
}

/* --- deadlines --- */

static void assert_closed_by_deadline(int fd)
{
    forget_answer();
    read_until(fd, NULL);
    assert_true(got.is_closed);
    close(fd);
    turn_until(is_empty);
}

static void a_slow_head_is_cut(void **state)
{
    (void)state;
    config.head_timeout_ns = 100 * GW_NS_PER_MS;
    start();
    int fd = dial();
    send_text(fd, "GET / HTTP/1.1\r\nHost:");
    assert_closed_by_deadline(fd);
    assert_closed_by_deadline(dial()); /* not a byte */
    assert_int_equal(begun, 0);
}

static void an_idle_connection_is_closed(void **state)
{
    (void)state;
    config.idle_timeout_ns = 100 * GW_NS_PER_MS;
    start();
    int fd = dial();
    exchange_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    assert_closed_by_deadline(fd);
}

static void a_slow_upload_is_cut(void **state)
{
    (void)state;
    config.min_body_rate = 100;
    start();
    int fd = dial();
    send_text(fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\nabc");
    assert_closed_by_deadline(fd);
    assert_int_equal(gone, 1);
}

static void a_reader_that_takes_nothing_is_cut(void **state)
{
    (void)state;
    config.write_timeout_ns = 200 * GW_NS_PER_MS;
    start();
    int fd = dial();
    source_left = source_burst = (size_t)64 << 20;
    send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    turn_until(has_streaming);
    turn_until(all_finished);
    assert_int_equal(gone, 1);
    close(fd);
    turn_until(is_empty);
}

static void a_source_that_waits_is_no_slow_reader(void **state)
{
    (void)state;
    config.write_timeout_ns = 60 * GW_NS_PER_MS;
    start();
    int fd = dial();
    source_left = 2;
    source_burst = 1;
    forget_answer();
    send_text(fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    turn_until(has_streaming);
    uint64_t until_ns = gw_clock_monotonic_ns() + 300 * GW_NS_PER_MS;
    while (gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(loop, 5);
    assert_non_null(streaming);
    source_burst = 1;
    gw_exchange_source_ready(streaming);
    read_until(fd, has_answer);
    close(fd);
}

static void an_answered_upload_that_stops_is_cut(void **state)
{
    (void)state;
    start();
    int fd = dial();
    sink_room = 1000;
    send_text(fd, "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\nabc");
    turn_until(has_begun);
    for (int i = 0; i < 10; i++)
        gw_loop_turn(loop, 2);
    answer(held[0], GW_STR("early")); /* and the client sends no further byte */
    assert_closed_by_deadline(fd);
}

/* --- many --- */

static bool are_held(void)
{
    return held_count == 250;
}

static bool are_finished(void)
{
    return finished == 250;
}

static void many_may_wait_at_once(void **state)
{
    (void)state;
    static int fds[250];
    struct gw_listener_stats stats;

    start();
    for (size_t i = 0; i < 250; i++) {
        fds[i] = dial();
        send_text(fds[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    turn_until(are_held);
    gw_loop_turn(loop, 20);
    gw_loop_turn(loop, 20);
    gw_listener_get_stats(listener, &stats);
    assert_int_equal(stats.exchanges, 250);
    assert_true(stats.suspended >= 150);
    assert_int_equal(stats.suspended + stats.waiting, 250);
    release_held();
    turn_until(are_finished);
    gw_listener_get_stats(listener, &stats);
    assert_int_equal(stats.suspended + stats.waiting + stats.exchanges, 0);
    for (size_t i = 0; i < 250; i++) {
        forget_answer();
        read_until(fds[i], has_answer);
        assert_status("200");
        close(fds[i]);
    }
    turn_until(is_empty);
    assert_int_equal(gone, 0);
}

static bool are_two(void)
{
    return held_count == 2;
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct gw_listener_stats stats;

    config.max_connections = 2;
    start();
    int fds[3] = {dial(), dial(), dial()};
    for (int i = 0; i < 3; i++)
        send_text(fds[i], "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    turn_until(are_two);
    for (int i = 0; i < 20; i++)
        gw_loop_turn(loop, 2);
    gw_listener_get_stats(listener, &stats);
    assert_int_equal(stats.connections, 2);
    assert_int_equal(held_count, 2);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    turn_until(is_empty);
}

static void exchanges_are_bounded(void **state)
{
    (void)state;
    pool.max_count = 1;
    start();
    int fd = dial();
    send_text(fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    turn_until(has_begun);
    int other = dial();
    forget_answer();
    send_text(other, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    read_until(other, NULL);
    assert_int_equal(got.len, 0);
    release_held();
    forget_answer();
    read_until(fd, has_answer);
    assert_status("200");
    close(fd);
    close(other);
}

/* --- malformed --- */

static void malformed_heads_are_refused(void **state)
{
    (void)state;
    static const struct gw_str requests[] = {
        GW_STR_INIT("GET / HTTP/1.1\nHost: a\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: b\n\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n two\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\0002\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        GW_STR_INIT("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        GW_STR_INIT("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                    "Content-Length: 3\r\n\r\nabc"),
        GW_STR_INIT("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
        GW_STR_INIT("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n"
                    "\r\n0\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.9\r\nHost: a\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX(A): 1\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"),
        GW_STR_INIT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        GW_STR_INIT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        GW_STR_INIT("GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    start();
    for (size_t i = 0; i < GW_COUNT_OF(requests); i++) {
        int fd = dial();
        forget_answer();
        send_bytes(fd, requests[i]);
        read_until(fd, NULL);
        if (strncmp(got.text, "HTTP/1.1 400", 12) != 0)
            print_error("%zu: %.200s\n", i, got.text);
        assert_status("400");
        close(fd);
    }
    assert_int_equal(begun, 0);
}

/* --- the end --- */

static void draining_lets_requests_end(void **state)
{
    (void)state;
    start();
    int idle = dial();
    exchange_text(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    int busy = dial();
    send_text(busy, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    int queued = dial(); /* connected, but not yet accepted and without its request */
    gw_listener_drain(listener);
    gw_listener_drain(listener);
    forget_answer();
    read_until(idle, NULL);
    exchange_text(queued, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200");
    assert_non_null(strstr(got.text, "Connection: close"));
    assert_false(gw_listener_is_empty(listener));
    release_held();
    forget_answer();
    read_until(busy, has_answer);
    assert_status("200");
    assert_non_null(strstr(got.text, "Connection: close"));
    close(idle);
    close(busy);
    close(queued);
    turn_until(is_empty);
    assert_int_equal(gone, 0);
}

static void destroying_ends_every_phase(void **state)
{
    (void)state;
    start();
    static const char *const requests[] = {
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /hold HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc",
        "POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nabc",
        "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nabc",
    };
    int fds[GW_COUNT_OF(requests)];
    source_left = 10;
    source_burst = 5;
    for (size_t i = 0; i < GW_COUNT_OF(requests); i++) {
        fds[i] = dial();
        send_text(fds[i], requests[i]);
    }
    for (int i = 0; i < 20; i++)
        gw_loop_turn(loop, 2);
    assert_int_equal(begun, 7);
    gw_listener_destroy(listener);
    listener = NULL;
    assert_int_equal(finished, 7);
    for (size_t i = 0; i < GW_COUNT_OF(requests); i++)
        close(fds[i]);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(requests_are_answered_on_one_connection),
        T(a_head_has_no_body),
        T(pipelined_requests_are_answered_in_order),
        T(large_bodies_come_through),
        T(an_expectation_is_met_when_the_body_is_wanted),
        T(a_refusal_comes_before_the_body),
        T(a_slow_source_is_waited_for),
        T(a_source_that_fails_closes_the_connection),
        T(a_full_sink_holds_up_the_client),
        T(the_limit_ends_an_upload),
        T(a_client_that_leaves_is_noticed),
        T(a_client_that_leaves_in_mid_upload_is_noticed),
        T(a_client_that_leaves_in_mid_stream_is_noticed),
        T(a_slow_head_is_cut),
        T(an_idle_connection_is_closed),
        T(a_slow_upload_is_cut),
        T(a_reader_that_takes_nothing_is_cut),
        T(a_source_that_waits_is_no_slow_reader),
        T(an_answered_upload_that_stops_is_cut),
        T(many_may_wait_at_once),
        T(connections_are_bounded),
        T(exchanges_are_bounded),
        T(malformed_heads_are_refused),
        T(draining_lets_requests_end),
        T(destroying_ends_every_phase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
