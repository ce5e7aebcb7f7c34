#include "tests/unit/support/http_caller.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/clock.h"

void bench_open(struct bench *bench)
{
    struct gw_error error;

    memset(bench, 0, sizeof(*bench));
    assert_int_equal(gw_loop_create(&bench->loop, &error), 0);
    assert_int_equal(gw_http_client_create(bench->loop, &bench->client, &error), 0);
}

void bench_set_origin(struct bench *bench, const struct gw_http_origin_config *config)
{
    struct gw_error error;

    assert_int_equal(gw_http_origin_get(bench->client, config, &bench->origin, &error), 0);
}

void bench_set_port(struct bench *bench, uint16_t port)
{
    bench_set_origin(bench,
                     &(struct gw_http_origin_config){.host = GW_STR("127.0.0.1"), .port = port});
}

void bench_close(struct bench *bench)
{
    if (bench->origin != NULL)
        gw_http_origin_put(bench->origin);
    gw_http_client_destroy(bench->client);
    gw_loop_destroy(bench->loop);
}

struct gw_http_request caller_get(void)
{
    return (struct gw_http_request){.method = GW_STR("GET"), .target = GW_STR("/")};
}

bool caller_is_done(const struct caller *caller)
{
    return caller->has_ended || caller->has_failed;
}

void caller_read(struct caller *caller)
{
    char piece[1000];

    while (caller->call != NULL) {
        ssize_t count = gw_http_call_read(caller->call, piece, sizeof(piece));

        if (count == -EAGAIN || count == -EPIPE)
            return;
        assert_true(count >= 0);
        if (count == 0) {
            caller->has_ended = true;
            caller->call = NULL;
        }
        gw_buf_append(&caller->body, piece, (size_t)count);
    }
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct caller *caller = self;
    size_t len = 0;

    assert_false(caller->has_head);
    caller->has_head = true;
    caller->status = head->status;
    caller->body_bytes = head->body_bytes;
    caller->declared_bytes = head->declared_bytes;
    caller->is_complete = head->is_complete;
    caller->field_count = (unsigned)head->field_count;
    for (size_t at = 0; at < head->field_count && len < sizeof(caller->fields); at++)
        len +=
            (size_t)snprintf(caller->fields + len, sizeof(caller->fields) - len, "%.*s: %.*s\n",
                             GW_STR_ARG(head->fields[at].name), GW_STR_ARG(head->fields[at].value));
    gw_http_call_get_times(caller->call, &caller->times);
    if (caller->cancels_in_head) {
        gw_http_call_cancel(caller->call);
        caller->call = NULL;
    } else if (!caller->is_passive) {
        caller_read(caller);
    }
}

static void on_readable(void *self)
{
    struct caller *caller = self;

    caller->readable_calls++;
    if (!caller->is_passive)
        caller_read(caller);
}

static void on_writable(void *self)
{
    ((struct caller *)self)->writable_calls++;
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct caller *caller = self;

    assert_false(caller_is_done(caller));
    caller->has_failed = true;
    caller->failure = failure;
    snprintf(caller->detail, sizeof(caller->detail), "%s", detail);
    caller->call = NULL;
}

void caller_start(struct caller *caller, struct bench *bench, const struct gw_http_request *request)
{
    static const struct gw_http_call_events events = {on_head, on_readable, on_writable,
                                                      on_failure};

    gw_buf_init(&caller->body, 64 << 20);
    assert_int_equal(gw_http_call_start(bench->origin, request, &events, caller, &caller->call), 0);
}

void bench_wait(struct bench *bench, bool (*is_met)(void *self), void *self)
{
    uint64_t give_up_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (!is_met(self)) {
        assert_true(gw_clock_monotonic_ns() < give_up_ns);
        gw_loop_turn(bench->loop, 50);
    }
}

static bool is_done(void *self)
{
    return caller_is_done(self);
}

void caller_wait(struct caller *caller, struct bench *bench)
{
    bench_wait(bench, is_done, caller);
}

void caller_run(struct caller *caller, struct bench *bench, const struct gw_http_request *request)
{
    memset(caller, 0, sizeof(*caller));
    caller_start(caller, bench, request);
    caller_wait(caller, bench);
}

void caller_finish(struct caller *caller)
{
    gw_buf_finish(&caller->body);
}

void assert_answer(const struct caller *caller, int status, const char *body)
{
    if (caller->has_failed)
        print_error("failed: %s: %s\n", gw_http_failure_name(caller->failure), caller->detail);
    assert_true(caller->has_ended);
    assert_int_equal(caller->status, status);
    assert_int_equal(caller->body.len, strlen(body));
    if (caller->body.len > 0)
        assert_memory_equal(caller->body.ptr, body, caller->body.len);
}

void assert_failure(const struct caller *caller, enum gw_http_failure failure)
{
    assert_true(caller->has_failed);
    if (caller->failure != failure)
        print_error("failed otherwise: %s: %s\n", gw_http_failure_name(caller->failure),
                    caller->detail);
    assert_int_equal(caller->failure, failure);
}
