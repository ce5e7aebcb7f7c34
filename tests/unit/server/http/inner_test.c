/* Exchanges that are begun in memory, with a handler that answers as the test says. */
#include "server/http/inner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/http/problem.h"
#include "server/net/loop.h"

#define ARENA_BYTES ((size_t)1024 * 1024)

struct played {
    unsigned begun, finished, cancelled, done;
    bool answers_at_once, must_finish;
    struct gw_exchange *ex; /* once it has begun and until it has finished */
    char body[64];          /* of the request, as the handler had it */
    int status;
    char answer[64];
    const char *problem;
    /* A source: pieces of 10 bytes. */
    unsigned pieces;
    bool is_stuck, is_cut;
};

static struct gw_loop *loop;
static struct gw_exchange_pool pool;
static struct played played;

static void keep_body(struct gw_exchange *ex)
{
    snprintf(played.body, sizeof(played.body), "%.*s", GW_STR_ARG(ex->request.body));
}

static void answer(struct gw_exchange *ex)
{
    ex->response.status = 201;
    ex->response.body = GW_STR("made");
    assert_int_equal(gw_response_add_field(ex, GW_STR("ETag"), GW_STR("\"1\"")), 0);
    gw_exchange_respond(ex);
}

static void on_cancel(void *self, struct gw_exchange *ex)
{
    (void)ex;
    ((struct played *)self)->cancelled++;
}

static void begin(void *self, struct gw_exchange *ex)
{
    assert_ptr_equal(self, &played);
    played.begun++;
    played.ex = ex;
    ex->cancel = on_cancel;
    ex->cancel_self = &played;
    gw_exchange_collect_body(ex, 1024, keep_body);
    if (played.must_finish)
        gw_exchange_must_finish(ex);
    if (played.answers_at_once)
        answer(ex);
}

static void finish(void *self, struct gw_exchange *ex)
{
    (void)self;
    assert_ptr_equal(ex, played.ex);
    played.finished++;
    played.ex = NULL;
}

static const struct gw_exchange_handler handler = {.begin = begin, .finish = finish};

static void on_done(void *self, struct gw_exchange *ex)
{
    assert_ptr_equal(self, &played);
    assert_null(ex->response.source);
    played.done++;
    played.status = ex->response.status;
    played.problem = ex->record.problem;
    snprintf(played.answer, sizeof(played.answer), "%.*s", GW_STR_ARG(ex->response.body));
    gw_inner_cancel(ex); /* too late, and does no harm */
}

static ssize_t read_pieces(void *self, char *out, size_t capacity)
{
    (void)self;
    if (played.is_stuck)
        return -EAGAIN;
    if (played.pieces == 0)
        return played.is_cut ? -EPIPE : 0;
    assert_true(capacity >= 10);
    played.pieces--;
    memcpy(out, "0123456789", 10);
    return 10;
}

static const struct gw_body_source pieces = {.read = read_pieces};

static void answer_streamed(struct gw_exchange *ex)
{
    ex->response.status = 200;
    ex->response.source = &pieces;
    ex->response.body_bytes = -1;
    gw_exchange_respond(ex);
}

static int set_up(void **state)
{
    struct gw_error error;

    (void)state;
    played = (struct played){0};
    gw_exchange_pool_init(&pool, 2, ARENA_BYTES);
    return gw_loop_create(&loop, &error);
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(pool.live_count, 0);
    assert_int_equal(played.begun, played.finished);
    gw_exchange_pool_finish(&pool);
    gw_loop_destroy(loop);
    return 0;
}

static struct gw_inner_request a_post(void)
{
    return (struct gw_inner_request){
        .method = GW_STR("POST"),
        .target = GW_STR("/things/a%20b?x=1"),
        .body = GW_STR("{\"n\":1}"),
        .has_body = true,
        .max_response_bytes = 40,
        .done = on_done,
        .self = &played,
    };
}

static struct gw_exchange *start(const struct gw_inner_request *request)
{
    const struct gw_inner_place place = {
        .pool = &pool, .loop = loop, .handler = &handler, .handler_self = &played};

    return gw_inner_start(&place, request);
}

static void turn(void)
{
    gw_loop_turn(loop, 2);
}

static void test_an_answer_at_once_comes_later(void **state)
{
    struct gw_inner_request request = a_post();

    (void)state;
    played.answers_at_once = true;
    struct gw_exchange *ex = start(&request);
    assert_non_null(ex);
    assert_int_equal(played.done, 0);
    assert_string_equal(played.body, "{\"n\":1}");
    assert_true(gw_str_equal(ex->request.path, GW_STR("/things/a%20b")));
    assert_true(gw_str_equal(ex->request.query, GW_STR("x=1")));
    assert_int_equal(ex->request.method, GW_METHOD_POST);
    assert_true(ex->is_inner);
    turn();
    assert_int_equal(played.done, 1);
    assert_int_equal(played.status, 201);
    assert_string_equal(played.answer, "made");
}

static void set_identity(struct gw_exchange *cause)
{
    cause->record.trace_id = GW_STR("0123456789abcdef0123456789abcdef");
    cause->record.span_id = GW_STR("1111111111111111");
    cause->record.request_id = GW_STR("request");
    cause->record.is_sampled = true;
    cause->request.peer = GW_STR("192.0.2.1");
    cause->identity.consumer = GW_STR("us:anna");
    cause->identity.claims = GW_STR("{\"sub\":\"anna\"}");
    cause->credentials[0] = cause->identity;
    cause->credential_count = 1;
    cause->depth = 2;
}

static void test_cause_is_copied(void **state)
{
    struct gw_inner_request request = a_post();
    struct gw_exchange cause = {0};

    (void)state;
    set_identity(&cause);
    request.cause = &cause;
    struct gw_exchange *ex = start(&request);
    assert_non_null(ex);
    assert_true(gw_str_equal(ex->record.trace_id, cause.record.trace_id));
    assert_true(gw_str_equal(ex->record.parent_span, cause.record.span_id));
    assert_true(gw_str_equal(ex->record.cause_id, cause.record.request_id));
    assert_true(ex->record.is_sampled);
    assert_int_equal(ex->depth, 3);
    assert_true(gw_str_equal(ex->identity.consumer, GW_STR("us:anna")));
    assert_ptr_not_equal(ex->identity.claims.ptr, cause.identity.claims.ptr);
    assert_true(gw_str_equal(ex->credentials[0].claims, GW_STR("{\"sub\":\"anna\"}")));
    gw_inner_cancel(ex);
}

static void test_a_stream_is_collected(void **state)
{
    struct gw_inner_request request = a_post();

    (void)state;
    struct gw_exchange *ex = start(&request);
    assert_non_null(ex);
    played.is_stuck = true;
    played.pieces = 4;
    answer_streamed(ex);
    turn();
    assert_int_equal(played.done, 0);
    played.is_stuck = false;
    gw_exchange_source_ready(ex);
    turn();
    assert_int_equal(played.done, 1);
    assert_string_equal(played.answer, "0123456789012345678901234567890123456789");
    assert_null(played.problem);
}

static void test_what_is_too_large_or_cut_is_a_problem(void **state)
{
    struct gw_inner_request request = a_post();

    (void)state;
    for (int is_cut = 0; is_cut <= 1; is_cut++) {
        struct gw_exchange *ex = start(&request);
        assert_non_null(ex);
        played.pieces = is_cut ? 1 : 5;
        played.is_cut = is_cut;
        answer_streamed(ex);
        turn();
        assert_int_equal(played.status, 502);
        assert_string_equal(played.problem, "bad-gateway");
    }
    request.max_response_bytes = 3;
    played.answers_at_once = true;
    assert_non_null(start(&request));
    turn();
    assert_int_equal(played.status, 502);
    assert_int_equal(played.done, 3);
}

static void test_the_pool_is_a_bound(void **state)
{
    struct gw_inner_request request = a_post();

    (void)state;
    struct gw_exchange *first = start(&request);
    struct gw_exchange *second = start(&request);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(start(&request));
    played.ex = first;
    gw_inner_cancel(first);
    played.ex = second;
    gw_inner_cancel_all(&pool);
    assert_int_equal(played.done, 0);
}

static void test_a_request_that_is_too_much_is_none(void **state)
{
    static struct gw_field fields[GW_MAX_REQUEST_FIELDS + 1];
    static char body[2 * ARENA_BYTES];
    struct gw_inner_request request = a_post();

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(fields); i++)
        fields[i] = (struct gw_field){GW_STR("X"), GW_STR("y")};
    request.fields = fields;
    request.field_count = GW_COUNT_OF(fields);
    assert_null(start(&request));
    request.field_count = 1;
    request.body = gw_str_from(body, sizeof(body));
    assert_null(start(&request));
    assert_int_equal(played.begun, 0);
}

static void test_cancelling_is_leaving(void **state)
{
    struct gw_inner_request request = a_post();

    (void)state;
    struct gw_exchange *ex = start(&request);
    assert_non_null(ex);
    gw_inner_cancel(ex);
    assert_int_equal(played.cancelled, 1);
    assert_int_equal(played.finished, 1);
    played.answers_at_once = true;
    ex = start(&request);
    assert_non_null(ex);
    gw_inner_cancel(ex); /* the answer was on its way */
    turn();
    assert_int_equal(played.done, 0);
}

static void test_what_must_finish_does(void **state)
{
    struct gw_inner_request request = a_post();

    (void)state;
    played.must_finish = true;
    struct gw_exchange *ex = start(&request);
    assert_non_null(ex);
    gw_inner_cancel(ex);
    turn();
    assert_int_equal(played.cancelled, 0);
    assert_int_equal(played.finished, 0);
    answer(ex);
    turn();
    assert_int_equal(played.finished, 1);
    assert_int_equal(played.done, 0);
}

#define INNER_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INNER_TEST(test_an_answer_at_once_comes_later),
        INNER_TEST(test_cause_is_copied),
        INNER_TEST(test_a_stream_is_collected),
        INNER_TEST(test_what_is_too_large_or_cut_is_a_problem),
        INNER_TEST(test_the_pool_is_a_bound),
        INNER_TEST(test_a_request_that_is_too_much_is_none),
        INNER_TEST(test_cancelling_is_leaving),
        INNER_TEST(test_what_must_finish_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
