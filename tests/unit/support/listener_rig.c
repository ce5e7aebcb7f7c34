#include "tests/unit/support/listener_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/filter/worker.h"

struct gw_loop *rig_loop;
static struct gw_worker worker;
struct gw_exchange_pool rig_pool;
struct gw_listener *rig_listener;
uint16_t rig_port;

/* --- the handler: the path says what it does --- */

struct gw_exchange *rig_held[RIG_MAX_HELD];
size_t rig_held_count, rig_begun, rig_finished, rig_gone, rig_cancelled;

static void on_cancel(void *self, struct gw_exchange *ex)
{
    (void)self;
    rig_cancelled++;
    for (size_t i = 0; i < rig_held_count; i++) {
        if (rig_held[i] == ex)
            rig_held[i] = NULL;
    }
}

static void hold(struct gw_exchange *ex)
{
    assert_true(rig_held_count < RIG_MAX_HELD);
    rig_held[rig_held_count++] = ex;
    ex->cancel = on_cancel;
}

void rig_answer(struct gw_exchange *ex, struct gw_str body)
{
    ex->response.status = 200;
    ex->response.body = body;
    gw_exchange_respond(ex);
}

void rig_release_held(void)
{
    for (size_t i = 0; i < rig_held_count; i++) {
        if (rig_held[i] != NULL)
            rig_answer(rig_held[i], GW_STR("held"));
    }
    rig_held_count = 0;
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
size_t rig_source_left;  /* bytes to give */
size_t rig_source_burst; /* of them now; then -EAGAIN */
int rig_source_end;      /* what comes after: 0, or an errno */
struct gw_exchange *rig_streaming;

static ssize_t source_read(void *self, char *out, size_t capacity)
{
    (void)self;
    if (rig_source_left == 0)
        return rig_source_end;
    if (rig_source_burst == 0)
        return -EAGAIN;
    size_t len = capacity < rig_source_burst ? capacity : rig_source_burst;
    memset(out, 's', len);
    rig_source_burst -= len;
    rig_source_left -= len;
    return (ssize_t)len;
}

static const struct gw_body_source source = {.read = source_read};

static void stream(struct gw_exchange *ex, int64_t body_bytes)
{
    rig_streaming = ex;
    ex->response.status = 200;
    ex->response.source = &source;
    ex->response.body_bytes = body_bytes;
    gw_exchange_respond(ex);
}

/* A sink that takes a byte and then waits for the test. */
size_t rig_sink_room, rig_sink_got;
bool rig_sink_ended;

static size_t sink_write(void *self, const char *bytes, size_t len)
{
    (void)self;
    (void)bytes;
    size_t taken = len < rig_sink_room ? len : rig_sink_room;
    rig_sink_room -= taken;
    rig_sink_got += taken;
    return taken;
}

static void sink_end(void *self)
{
    rig_sink_ended = true;
    rig_answer(self, GW_STR("sunk"));
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

    rig_begun++;
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
        rig_held[0] = ex;
        rig_held_count = 1;
        ex->body_limit_bytes = 1000000;
        gw_exchange_set_sink(ex, &sink, ex);
    } else {
        rig_answer(ex, GW_STR("hello"));
    }
}

static void finish(void *self, struct gw_exchange *ex)
{
    (void)self;
    rig_finished++;
    rig_gone += ex->state == GW_EXCHANGE_GONE;
    if (ex == rig_streaming)
        rig_streaming = NULL;
    for (size_t i = 0; i < rig_held_count; i++) {
        if (rig_held[i] == ex)
            rig_held[i] = NULL;
    }
}

static const struct gw_exchange_handler handler = {begin, finish};

/* --- set-up --- */

struct gw_listener_config rig_config;

static int bind_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 512), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    rig_port = ntohs(address.sin_port);
    return fd;
}

void rig_start(void)
{
    struct gw_error error;

    rig_config.fd = bind_socket();
    assert_int_equal(gw_listener_create(&rig_config, &rig_listener, &error), 0);
}

int rig_set_up(void **state)
{
    (void)state;
    struct gw_error error;

    assert_int_equal(gw_loop_create(&rig_loop, &error), 0);
    gw_exchange_pool_init(&rig_pool, 400, 4 << 20);
    worker = (struct gw_worker){.loop = rig_loop, .count = 1};
    rig_config = (struct gw_listener_config){
        .worker = &worker,
        .loop = rig_loop,
        .pool = &rig_pool,
        .handler = &handler,
        .max_connections = 400,
        .pool_bytes = 16 * 1024,
        .head_timeout_ns = 5 * GW_NS_PER_SECOND,
        .idle_timeout_ns = 5 * GW_NS_PER_SECOND,
        .write_timeout_ns = 5 * GW_NS_PER_SECOND,
    };
    rig_held_count = rig_begun = rig_finished = rig_gone = rig_cancelled = 0;
    rig_source_left = rig_source_burst = rig_sink_room = rig_sink_got = 0;
    rig_source_end = 0;
    rig_sink_ended = false;
    rig_streaming = NULL;
    return 0;
}

int rig_tear_down(void **state)
{
    (void)state;
    gw_listener_destroy(rig_listener);
    rig_listener = NULL;
    assert_int_equal(rig_pool.live_count, 0);
    assert_int_equal(rig_begun <= rig_finished, 1);
    gw_exchange_pool_finish(&rig_pool);
    gw_loop_destroy(rig_loop);
    return 0;
}

/* --- clients --- */

int rig_dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(rig_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void rig_send_bytes(int fd, struct gw_str bytes)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (bytes.len > 0 && gw_clock_monotonic_ns() < until_ns) {
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent > 0)
            bytes = gw_str_tail(bytes, (size_t)sent);
        else if (errno != EAGAIN)
            return; /* closed: the test looks at the answer */
        gw_loop_turn(rig_loop, 1);
    }
    assert_int_equal(bytes.len, 0);
}

void rig_send_text(int fd, const char *text)
{
    rig_send_bytes(fd, gw_str_of(text));
}

struct rig_answer rig_got;

/* Reads what comes until `is_met`, the close, or 10 s. */
void rig_read_until(int fd, bool (*is_met)(void))
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 10 * GW_NS_PER_SECOND;

    while (!rig_got.is_closed && (is_met == NULL || !is_met()) &&
           gw_clock_monotonic_ns() < until_ns) {
        gw_loop_turn(rig_loop, 5);
        ssize_t count =
            recv(fd, rig_got.text + rig_got.len, sizeof(rig_got.text) - 1 - rig_got.len, 0);
        if (count > 0)
            rig_got.len += (size_t)count;
        rig_got.is_reset = count < 0 && errno != EAGAIN;
        rig_got.is_closed = count == 0 || rig_got.is_reset;
        rig_got.text[rig_got.len] = '\0';
    }
    assert_true(rig_got.is_closed || (is_met != NULL && is_met()));
}

void rig_forget_answer(void)
{
    rig_got = (struct rig_answer){0};
}

/* A whole answer with Content-Length, or the last chunk. */
bool rig_has_answer(void)
{
    const char *end = strstr(rig_got.text, "\r\n\r\n");
    const char *length = strstr(rig_got.text, "Content-Length: ");

    if (end == NULL)
        return false;
    if (length != NULL)
        return rig_got.len >= (size_t)(end + 4 - rig_got.text) + strtoull(length + 16, NULL, 10);
    return strstr(end, "0\r\n\r\n") != NULL || strncmp(rig_got.text, "HTTP/1.1 100", 12) == 0;
}

void rig_assert_status(const char *status)
{
    if (strncmp(rig_got.text, "HTTP/1.1 ", 9) != 0 || strncmp(rig_got.text + 9, status, 3) != 0)
        print_error("got: %.300s\n", rig_got.text);
    assert_memory_equal(rig_got.text, "HTTP/1.1 ", 9);
    assert_memory_equal(rig_got.text + 9, status, 3);
}

void rig_assert_body(const char *body)
{
    const char *end = strstr(rig_got.text, "\r\n\r\n");
    assert_non_null(end);
    assert_string_equal(end + 4, body);
}

void rig_exchange_text(int fd, const char *request, const char *status)
{
    rig_forget_answer();
    rig_send_text(fd, request);
    rig_read_until(fd, rig_has_answer);
    rig_assert_status(status);
}

void rig_turn_until(bool (*is_met)(void))
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 10 * GW_NS_PER_SECOND;

    while (!is_met() && gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(rig_loop, 5);
    assert_true(is_met());
}

bool rig_is_empty(void)
{
    return gw_listener_is_empty(rig_listener);
}

bool rig_has_begun(void)
{
    return rig_begun > 0;
}

bool rig_all_finished(void)
{
    return rig_finished == rig_begun && rig_begun > 0;
}

bool rig_has_streaming(void)
{
    return rig_streaming != NULL;
}
