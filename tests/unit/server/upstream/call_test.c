/* Calls of our own to a peer that plays a backend. */
#include "server/upstream/call.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/clock.h"
#include "server/json/value.h"
#include "server/net/loop.h"
#include "tests/unit/support/backend_rig.h"
#include "tests/unit/support/peer.h"

/* What the peer's threads play. Changed while they may look, so under its lock. */
struct part {
    pthread_mutex_t lock;
    const char *answer; /* NULL: closes without one */
    unsigned closes;    /* so many connections are closed first */
    bool hangs;
    char head[4096], body[256]; /* of the last request */
};

struct outcome {
    bool is_there;
    unsigned calls;
    int status, backend_status;
    char problem[64], body[256];
    size_t body_len;
    bool was_sent;
    uint64_t retry_ns;
};

static struct backend_rig rig;
static struct peer peer;
static struct part part;

static bool read_request(int fd, char *head, size_t head_room, char *body, size_t body_room)
{
    if (peer_read_head(fd, head, head_room) <= 0)
        return false;
    const char *length = strstr(head, "Content-Length: ");
    size_t len = length == NULL ? 0 : (size_t)strtoul(length + 16, NULL, 10);
    if (len >= body_room || !peer_read_exactly(fd, body, len))
        return false;
    body[len] = '\0';
    return true;
}

static void play(struct peer *self, int fd, unsigned index)
{
    struct part *script = self->script;
    char head[sizeof(script->head)], body[sizeof(script->body)];

    while (read_request(fd, head, sizeof(head), body, sizeof(body))) {
        pthread_mutex_lock(&script->lock);
        memcpy(script->head, head, sizeof(head));
        memcpy(script->body, body, sizeof(body));
        const char *answer = index < script->closes ? NULL : script->answer;
        bool hangs = script->hangs;
        pthread_mutex_unlock(&script->lock);
        atomic_fetch_add(&self->requests, 1);
        if (hangs)
            peer_drain(fd);
        if (answer == NULL)
            return;
        peer_send_text(fd, answer);
    }
}

static void set_answer(const char *answer)
{
    pthread_mutex_lock(&part.lock);
    part.answer = answer;
    pthread_mutex_unlock(&part.lock);
}

static void set_closes(unsigned closes)
{
    pthread_mutex_lock(&part.lock);
    part.closes = closes;
    pthread_mutex_unlock(&part.lock);
}

static void set_hangs(bool hangs)
{
    pthread_mutex_lock(&part.lock);
    part.hangs = hangs;
    pthread_mutex_unlock(&part.lock);
}

/* Whether the last request has this, in its head or its body. */
static bool saw(const char *text)
{
    pthread_mutex_lock(&part.lock);
    bool has = strstr(part.head, text) != NULL || strstr(part.body, text) != NULL;
    pthread_mutex_unlock(&part.lock);
    return has;
}

static int set_up(void **state)
{
    (void)state;
    part = (struct part){.lock = PTHREAD_MUTEX_INITIALIZER,
                         .answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                   "Content-Length: 7\r\n\r\n{\"a\":1}"};
    peer_start(&peer, play, &part);
    backend_rig_open(&rig);
    backend_rig_add_target(&rig, peer.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    backend_rig_close(&rig);
    peer_stop(&peer);
    return 0;
}

static void on_done(void *self, const struct gw_call_answer *answer)
{
    struct outcome *outcome = self;

    outcome->is_there = true;
    outcome->calls++;
    outcome->status = answer->status;
    outcome->backend_status = answer->backend_status;
    outcome->was_sent = answer->was_sent;
    outcome->retry_ns = answer->retry_ns;
    outcome->body_len = answer->body.len;
    snprintf(outcome->problem, sizeof(outcome->problem), "%s",
             answer->problem == NULL ? "" : answer->problem);
    snprintf(outcome->body, sizeof(outcome->body), "%.*s", GW_STR_ARG(answer->body));
}

static struct gw_call_request get(void)
{
    return (struct gw_call_request){
        .backend = &rig.backend,
        .method = GW_STR("GET"),
        .target = GW_STR("/things?a=b%20c"),
        .is_repeatable = true,
    };
}

static struct gw_call_request post(void)
{
    struct gw_call_request request = get();

    request.method = GW_STR("POST");
    request.target = GW_STR("/things");
    request.body = GW_STR("{\"n\":1}");
    request.has_body = true;
    request.is_repeatable = false;
    return request;
}

static struct outcome run(const struct gw_call_request *request)
{
    struct outcome outcome = {0};

    assert_non_null(gw_call_start(request, on_done, &outcome));
    assert_false(outcome.is_there); /* never from within */
    backend_rig_wait(&rig, &outcome.is_there);
    gw_loop_turn(rig.loop, 1);
    assert_int_equal(outcome.calls, 1);
    return outcome;
}

static void test_an_answer(void **state)
{
    const struct gw_field fields[] = {
        {GW_STR("Accept"), GW_STR("application/json")},
        {GW_STR("Authorization"), GW_STR("Session abc")},
    };
    struct gw_call_request request = post();

    (void)state;
    request.fields = fields;
    request.field_count = 2;
    backend_rig_adopt(&rig);
    struct outcome outcome = run(&request);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.problem, "");
    assert_string_equal(outcome.body, "{\"a\":1}");
    assert_true(outcome.was_sent);
    assert_true(saw("POST /things HTTP/1.1\r\n"));
    assert_true(saw("{\"n\":1}"));
    assert_true(saw("Authorization: Session abc\r\n"));
    assert_true(saw("traceparent: 00-"));
    assert_false(saw("Forwarded:")); /* it serves no caller */
}

static void test_the_cause_is_its_parent(void **state)
{
    struct gw_exchange cause = {.request = {.peer = GW_STR("192.0.2.1"), .host = GW_STR("gw")}};
    struct gw_call_request request = get();

    (void)state;
    cause.record.trace_id = GW_STR("0123456789abcdef0123456789abcdef");
    cause.record.span_id = GW_STR("1111111111111111");
    cause.record.request_id = GW_STR("r1");
    request.cause = &cause;
    backend_rig_adopt(&rig);
    assert_int_equal(run(&request).status, 200);
    assert_true(saw("GET /things?a=b%20c HTTP/1.1\r\n"));
    assert_true(saw("traceparent: 00-0123456789abcdef0123456789abcdef-"));
    assert_false(saw("-1111111111111111-")); /* a span of its own */
    assert_true(saw("X-Request-Id: r1\r\n"));
    assert_true(saw("for=192.0.2.1"));
}

static void test_credentials_of_the_operator_go_first(void **state)
{
    const struct gw_field field = {GW_STR("Authorization"), GW_STR("Session abc")};
    struct gw_call_request request = get();

    (void)state;
    request.fields = &field;
    request.field_count = 1;
    rig.config.credentials.fixed = GW_STR("Basic eDp5");
    backend_rig_adopt(&rig);
    assert_int_equal(run(&request).status, 200);
    assert_true(saw("Authorization: Basic eDp5\r\n"));
    assert_false(saw("Session abc"));
    set_answer("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    struct outcome refused = run(&request);
    assert_string_equal(refused.problem, "bad-gateway");
    assert_int_equal(refused.backend_status, 401);
}

static void test_a_refusal_and_its_pause(void **state)
{
    struct gw_call_request request = get();

    (void)state;
    set_answer("HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nno");
    backend_rig_adopt(&rig);
    struct outcome outcome = run(&request);
    assert_int_equal(outcome.status, 429);
    assert_string_equal(outcome.problem, "");
    assert_string_equal(outcome.body, "no");
    assert_int_equal(outcome.retry_ns, 3 * GW_NS_PER_SECOND);
}

static void set_retries(void)
{
    rig.config.retry = (struct gw_retry_rule){.attempts = 3,
                                              .reasons = GW_RETRY_CONNECT | GW_RETRY_RESET,
                                              .budget_percent = 100,
                                              .max_body_bytes = 4096};
}

static void test_only_what_is_repeatable_is_sent_again(void **state)
{
    struct gw_call_request request = post();

    (void)state;
    set_retries();
    set_closes(1);
    backend_rig_adopt(&rig);
    struct outcome once = run(&request);
    assert_string_equal(once.problem, "bad-gateway");
    assert_true(once.was_sent);
    assert_int_equal(atomic_load(&peer.requests), 1);

    set_closes(2);
    request.is_repeatable = true;
    struct outcome twice = run(&request);
    assert_int_equal(twice.status, 200);
    assert_int_equal(atomic_load(&peer.requests), 3);

    set_closes(100);
    request.method = GW_STR("PUT"); /* the method promises nothing */
    request.is_repeatable = false;
    assert_string_equal(run(&request).problem, "bad-gateway");
}

static void test_nothing_was_sent_where_nobody_listens(void **state)
{
    struct gw_call_request request = post();
    struct peer gone;

    (void)state;
    peer_start(&gone, play, &part);
    peer_stop(&gone);
    rig.config.target_count = 0;
    backend_rig_add_target(&rig, gone.port);
    backend_rig_adopt(&rig);
    struct outcome outcome = run(&request);
    assert_string_equal(outcome.problem, "backend-unreachable");
    assert_int_equal(outcome.status, 502);
    assert_int_equal(outcome.backend_status, 0);
    assert_false(outcome.was_sent);
}

static void test_a_deadline_ends_a_call_that_was_sent(void **state)
{
    struct gw_call_request request = post();

    (void)state;
    set_hangs(true);
    request.deadline_ns = gw_clock_monotonic_ns() + 50 * GW_NS_PER_MS;
    backend_rig_adopt(&rig);
    struct outcome outcome = run(&request);
    assert_string_equal(outcome.problem, "backend-timeout");
    assert_true(outcome.was_sent);
}

static void test_a_deadline_ends_one_that_waits_for_its_turn(void **state)
{
    struct gw_call_request request = post();
    struct outcome first = {0};

    (void)state;
    set_hangs(true);
    rig.config.bulkhead = (struct gw_bulkhead_rule){
        .max_requests = 1, .max_queued = 5, .queue_ns = 60 * GW_NS_PER_SECOND};
    backend_rig_adopt(&rig);
    struct gw_call *call = gw_call_start(&request, on_done, &first);
    assert_non_null(call);
    request.deadline_ns = gw_clock_monotonic_ns() + 50 * GW_NS_PER_MS;
    struct outcome outcome = run(&request);
    assert_string_equal(outcome.problem, "backend-timeout");
    assert_int_equal(outcome.status, 504);
    assert_false(outcome.was_sent);
    gw_call_cancel(call);
    gw_loop_turn(rig.loop, 10);
    assert_false(first.is_there);
}

/* Streamed, as it comes in pieces and without a length. */
static void test_a_long_answer_is_collected_up_to_the_bound(void **state)
{
    static char answer[200 * 1024];
    struct gw_call_request request = get();
    size_t len = (size_t)snprintf(answer, sizeof(answer),
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1d4c0\r\n");

    (void)state;
    memset(answer + len, 'x', 120000);
    snprintf(answer + len + 120000, 16, "\r\n0\r\n\r\n");
    set_answer(answer);
    backend_rig_adopt(&rig);
    request.max_answer_bytes = 120000;
    struct outcome whole = run(&request);
    assert_int_equal(whole.status, 200);
    assert_string_equal(whole.problem, "");
    assert_int_equal(whole.body_len, 120000);
    request.max_answer_bytes = 119999;
    struct outcome large = run(&request);
    assert_string_equal(large.problem, "bad-gateway");
    assert_int_equal(large.backend_status, 200);
}

/* 300 KiB of JSON: it is there as a value, with its fields, in an arena of the caller's. */
#define LARGE_ITEMS 30000
static char large_answers[2][512 * 1024]; /* a peer may still be at the one before */

static void make_large_answer(const char *end)
{
    char *large_answer = large_answers[end[0] != '\0'];
    const size_t room = sizeof(large_answers[0]);
    size_t body = 1 + LARGE_ITEMS * 10 + 2 + strlen(end);
    size_t at = (size_t)snprintf(
        large_answer, room, "HTTP/1.1 200 OK\r\nX-Kept: yes\r\nContent-Length: %zu\r\n\r\n[", body);

    for (int i = 0; i < LARGE_ITEMS; i++)
        at += (size_t)snprintf(large_answer + at, 16, "%09d,", 100000000 + i);
    snprintf(large_answer + at, 16, "1]%s", end);
    set_answer(large_answer);
}

struct taking {
    struct outcome outcome;
    struct gw_arena arena;
    const struct gw_value *value;
    bool is_again, has_field;
};

static void on_json(void *self, const struct gw_call_answer *answer)
{
    struct taking *taking = self;
    const struct gw_str *field =
        gw_field_find(answer->fields, answer->field_count, GW_STR("x-kept"));

    taking->value = gw_call_take_json(answer, &taking->arena);
    taking->is_again = gw_call_take_json(answer, &taking->arena) != NULL;
    taking->has_field = field != NULL && gw_str_equal(*field, GW_STR("yes"));
    on_done(&taking->outcome, answer);
}

static void test_a_large_answer_is_read_ahead(void **state)
{
    struct gw_call_request request = get();
    struct taking taking = {0}, broken = {0}, small = {0};

    (void)state;
    request.max_json_depth = 3;
    backend_rig_adopt(&rig);
    gw_arena_init(&taking.arena, 1024, 64u << 20);
    gw_arena_init(&small.arena, 1024, 65536);
    make_large_answer("");
    assert_non_null(gw_call_start(&request, on_json, &taking));
    backend_rig_wait(&rig, &taking.outcome.is_there);
    assert_non_null(taking.value);
    assert_true(taking.has_field && !taking.is_again);
    assert_int_equal(taking.value->count, LARGE_ITEMS + 1);
    assert_true(gw_str_equal(taking.value->items[7].text, GW_STR("100000007")));
    gw_arena_finish(&taking.arena);
    assert_non_null(gw_call_start(&request, on_json, &small)); /* no room for it */
    backend_rig_wait(&rig, &small.outcome.is_there);
    assert_null(small.value);
    assert_true(small.outcome.body_len > 300000);
    gw_arena_finish(&small.arena);
    gw_arena_init(&broken.arena, 1024, 64u << 20);
    make_large_answer("]");
    assert_non_null(gw_call_start(&request, on_json, &broken));
    backend_rig_wait(&rig, &broken.outcome.is_there);
    assert_null(broken.value);
    assert_int_equal(broken.outcome.status, 200);
    gw_arena_finish(&broken.arena);
}

/* Also while it is being read: the thread has all that it reads for itself. */
static void test_one_that_is_read_ahead_is_cancelled(void **state)
{
    struct gw_call_request request = get();
    struct taking taking = {0};

    (void)state;
    request.max_json_depth = 3;
    backend_rig_adopt(&rig);
    make_large_answer("");
    for (int turns = 1; turns < 40; turns++) {
        struct gw_call *call = gw_call_start(&request, on_json, &taking);
        assert_non_null(call);
        for (int i = 0; i < turns && !taking.outcome.is_there; i++)
            gw_loop_turn(rig.loop, 1);
        if (taking.outcome.is_there)
            break;
        gw_call_cancel(call);
    }
    taking.outcome.is_there = false;
    gw_arena_finish(&taking.arena);
    gw_loop_turn(rig.loop, 20);
    assert_false(taking.outcome.is_there);
}

static void test_an_answer_that_is_cut_short(void **state)
{
    struct gw_call_request request = get();

    (void)state;
    set_answer("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{\"a\"");
    set_closes(0);
    backend_rig_adopt(&rig);
    struct outcome outcome = {0};
    assert_non_null(gw_call_start(&request, on_done, &outcome));
    while (atomic_load(&peer.requests) == 0)
        gw_loop_turn(rig.loop, 10);
    peer_stop(&peer);
    backend_rig_wait(&rig, &outcome.is_there);
    assert_string_equal(outcome.problem, "bad-gateway");
    assert_true(outcome.was_sent);
    peer_start(&peer, play, &part);
}

static void test_what_is_cancelled_is_not_answered(void **state)
{
    struct gw_call_request request = get();
    struct outcome outcome = {0};

    (void)state;
    backend_rig_adopt(&rig);
    struct gw_call *call = gw_call_start(&request, on_done, &outcome);
    assert_non_null(call);
    gw_call_cancel(call);
    set_hangs(true);
    call = gw_call_start(&request, on_done, &outcome);
    assert_non_null(call);
    while (atomic_load(&peer.requests) == 0)
        gw_loop_turn(rig.loop, 10);
    gw_call_cancel(call);
    gw_loop_turn(rig.loop, 20);
    assert_false(outcome.is_there);
    set_hangs(false);
    assert_int_equal(run(&request).status, 200);
}

#define CALL_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CALL_TEST(test_an_answer),
        CALL_TEST(test_the_cause_is_its_parent),
        CALL_TEST(test_credentials_of_the_operator_go_first),
        CALL_TEST(test_a_refusal_and_its_pause),
        CALL_TEST(test_only_what_is_repeatable_is_sent_again),
        CALL_TEST(test_nothing_was_sent_where_nobody_listens),
        CALL_TEST(test_a_deadline_ends_a_call_that_was_sent),
        CALL_TEST(test_a_deadline_ends_one_that_waits_for_its_turn),
        CALL_TEST(test_a_long_answer_is_collected_up_to_the_bound),
        CALL_TEST(test_a_large_answer_is_read_ahead),
        CALL_TEST(test_one_that_is_read_ahead_is_cancelled),
        CALL_TEST(test_an_answer_that_is_cut_short),
        CALL_TEST(test_what_is_cancelled_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
