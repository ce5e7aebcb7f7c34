/* Exchanges without a transport: the test feeds and reads what comes out. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/core/buf.h"
#include "server/http/exchange.h"
#include "server/http/hop_fields.h"
#include "server/http/identity_fields.h"
#include "server/http/problem.h"

static struct gw_exchange_pool pool;
static struct gw_exchange *ex;
static unsigned wakes;

static void on_wake(struct gw_exchange *woken)
{
    assert_ptr_equal(woken, ex);
    wakes++;
}

static const struct gw_exchange_io io = {.wake = on_wake};

static int set_up(void **state)
{
    (void)state;
    gw_exchange_pool_init(&pool, 3, 1 << 20);
    ex = gw_exchange_take(&pool);
    assert_non_null(ex);
    ex->io = &io;
    wakes = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
    return 0;
}

/* --- a sink that takes so many bytes at a time --- */

struct sink {
    struct gw_buf got;
    size_t room;
    unsigned ends, overflows;
};

static size_t sink_write(void *self, const char *bytes, size_t len)
{
    struct sink *sink = self;
    size_t taken = len < sink->room ? len : sink->room;

    gw_buf_append(&sink->got, bytes, taken);
    sink->room -= taken;
    return taken;
}

static void sink_end(void *self)
{
    ((struct sink *)self)->ends++;
}

static void sink_overflow(void *self)
{
    ((struct sink *)self)->overflows++;
}

static const struct gw_body_sink sink_type = {sink_write, sink_end, sink_overflow};

static void assert_got(const struct sink *sink, const char *text)
{
    assert_true(gw_str_equal(gw_buf_str(&sink->got), gw_str_of(text)));
}

static void a_sink_gets_early_bytes_first(void **state)
{
    (void)state;
    struct sink sink = {.room = 100};

    gw_buf_init(&sink.got, 1000);
    ex->request.body_bytes = 9;
    assert_int_equal(gw_exchange_feed(ex, "abc", 3), 3);
    gw_exchange_set_sink(ex, &sink_type, &sink);
    assert_got(&sink, "abc");
    assert_int_equal(gw_exchange_feed(ex, "def", 3), 3);
    assert_int_equal(gw_exchange_feed(ex, "ghi", 3), 3);
    assert_int_equal(sink.ends, 0);
    gw_exchange_feed_end(ex);
    assert_got(&sink, "abcdefghi");
    assert_int_equal(sink.ends, 1);
    gw_exchange_sink_ready(ex);
    assert_int_equal(sink.ends, 1);
    assert_int_equal(ex->record.request_bytes, 9);
    gw_buf_finish(&sink.got);
}

static void a_full_sink_holds_up_the_transport(void **state)
{
    (void)state;
    struct sink sink = {.room = 2};

    gw_buf_init(&sink.got, 1000);
    ex->request.body_bytes = -1;
    assert_int_equal(gw_exchange_feed(ex, "abcd", 4), 4);
    gw_exchange_set_sink(ex, &sink_type, &sink);
    assert_got(&sink, "ab");
    assert_int_equal(gw_exchange_feed(ex, "efg", 3), 0); /* the early bytes are still in the way */
    sink.room = 3;
    wakes = 0;
    gw_exchange_sink_ready(ex);
    assert_int_equal(wakes, 1);
    assert_int_equal(gw_exchange_feed(ex, "efg", 3), 1);
    assert_got(&sink, "abcde");
    sink.room = 9;
    assert_int_equal(gw_exchange_feed(ex, "fg", 2), 2);
    gw_exchange_feed_end(ex);
    assert_got(&sink, "abcdefg");
    assert_int_equal(sink.ends, 1);
    gw_buf_finish(&sink.got);
}

static void a_sink_that_is_full_at_the_end_gets_the_rest(void **state)
{
    (void)state;
    struct sink sink = {.room = 1};

    gw_buf_init(&sink.got, 1000);
    ex->request.body_bytes = 4;
    assert_int_equal(gw_exchange_feed(ex, "abcd", 4), 4);
    gw_exchange_feed_end(ex);
    gw_exchange_set_sink(ex, &sink_type, &sink);
    assert_int_equal(sink.ends, 0);
    sink.room = 2;
    gw_exchange_sink_ready(ex);
    assert_got(&sink, "abc");
    assert_int_equal(sink.ends, 0);
    sink.room = 2;
    gw_exchange_sink_ready(ex);
    assert_got(&sink, "abcd");
    assert_int_equal(sink.ends, 1);
    gw_buf_finish(&sink.got);
}

static void a_sink_without_a_body_ends_at_once(void **state)
{
    (void)state;
    struct sink sink = {0};

    gw_exchange_set_sink(ex, &sink_type, &sink);
    assert_int_equal(sink.ends, 1);
    assert_int_equal(sink.overflows, 0);
}

static void early_bytes_are_bounded(void **state)
{
    (void)state;
    static char block[GW_PREREAD_BYTES];

    ex->request.body_bytes = -1;
    assert_int_equal(gw_exchange_feed(ex, block, sizeof(block) - 1), sizeof(block) - 1);
    assert_int_equal(gw_exchange_feed(ex, block, 2), 0);
    assert_int_equal(gw_exchange_feed(ex, block, 1), 1);
    assert_int_equal(gw_exchange_feed(ex, block, 1), 0);
    assert_false(ex->is_body_over);
}

/* --- the limit, in each phase --- */

static void the_limit_reaches_a_sink(void **state)
{
    (void)state;
    struct sink sink = {.room = 100};

    gw_buf_init(&sink.got, 1000);
    ex->request.body_bytes = -1;
    ex->body_limit_bytes = 5;
    gw_exchange_set_sink(ex, &sink_type, &sink);
    assert_int_equal(gw_exchange_feed(ex, "abcde", 5), 5);
    assert_int_equal(sink.overflows, 0);
    assert_int_equal(gw_exchange_feed(ex, "f", 1), 0);
    assert_int_equal(sink.overflows, 1);
    assert_int_equal(gw_exchange_feed(ex, "f", 1), 0);
    assert_int_equal(sink.overflows, 1); /* told once */
    assert_int_equal(sink.ends, 0);
    gw_buf_finish(&sink.got);
}

static void the_limit_before_a_sink_is_told_when_it_is_set(void **state)
{
    (void)state;
    struct sink sink = {.room = 100};

    ex->request.body_bytes = -1;
    ex->body_limit_bytes = 2;
    assert_int_equal(gw_exchange_feed(ex, "abc", 3), 0);
    assert_true(ex->is_body_over);
    gw_exchange_set_sink(ex, &sink_type, &sink);
    assert_int_equal(sink.overflows, 1);
    assert_int_equal(sink.ends, 0);
}

static unsigned bodies;
static bool was_over;

static void on_body(struct gw_exchange *there)
{
    bodies++;
    was_over = there->is_body_over;
}

static void whole_bodies_are_collected(void **state)
{
    (void)state;
    bodies = 0;
    ex->request.body_bytes = -1;
    assert_int_equal(gw_exchange_feed(ex, "abc", 3), 3);
    gw_exchange_collect_body(ex, 200000, on_body);
    assert_int_equal(bodies, 0);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(gw_exchange_feed(ex, "def", 3), 3);
    gw_exchange_feed_end(ex);
    assert_int_equal(bodies, 1);
    assert_false(was_over);
    assert_int_equal(ex->request.body.len, 150003);
    assert_memory_equal(ex->request.body.ptr + 149997, "defdef", 6);
    /* another filter asks: the same body, at once, and its own bound */
    gw_exchange_collect_body(ex, 200000, on_body);
    assert_int_equal(bodies, 2);
    assert_false(was_over);
    gw_exchange_collect_body(ex, 100, on_body);
    assert_int_equal(bodies, 3);
    assert_true(was_over);
}

static void too_large_bodies_are_told_of(void **state)
{
    (void)state;
    bodies = 0;
    ex->request.body_bytes = -1;
    gw_exchange_collect_body(ex, 4, on_body);
    assert_int_equal(gw_exchange_feed(ex, "abcd", 4), 4);
    assert_int_equal(gw_exchange_feed(ex, "e", 1), 0);
    assert_int_equal(bodies, 1);
    assert_true(was_over);
    assert_int_equal(gw_exchange_feed(ex, "e", 1), 0);
    assert_int_equal(bodies, 1);
}

static void an_announced_length_is_refused_unread(void **state)
{
    (void)state;
    bodies = 0;
    ex->request.body_bytes = 5;
    gw_exchange_collect_body(ex, 4, on_body);
    assert_int_equal(bodies, 1);
    assert_true(was_over);
}

static void the_limit_ends_a_collection(void **state)
{
    (void)state;
    bodies = 0;
    ex->request.body_bytes = -1;
    ex->body_limit_bytes = 3;
    gw_exchange_collect_body(ex, 100, on_body);
    assert_int_equal(gw_exchange_feed(ex, "abcd", 4), 0);
    assert_int_equal(bodies, 1);
    assert_true(was_over);
}

/* --- the end --- */

static unsigned cancels;

static void on_cancel(void *self, struct gw_exchange *left)
{
    assert_ptr_equal(self, &cancels);
    assert_ptr_equal(left, ex);
    cancels++;
}

static void an_abandoned_exchange_wakes_nobody(void **state)
{
    (void)state;
    cancels = bodies = 0;
    ex->request.body_bytes = -1;
    gw_exchange_collect_body(ex, 10, on_body);
    ex->cancel = on_cancel;
    ex->cancel_self = &cancels;
    wakes = 0;
    gw_exchange_abandon(ex);
    gw_exchange_abandon(ex);
    assert_int_equal(cancels, 1);
    gw_exchange_respond(ex);
    gw_exchange_source_ready(ex);
    gw_exchange_sink_ready(ex);
    gw_exchange_feed_end(ex);
    assert_int_equal(wakes, 0);
    assert_int_equal(bodies, 0);
    assert_int_equal(ex->state, GW_EXCHANGE_GONE);
}

static void a_response_is_final_once(void **state)
{
    (void)state;
    gw_exchange_respond(ex);
    gw_exchange_respond(ex);
    assert_int_equal(wakes, 1);
    assert_int_equal(ex->state, GW_EXCHANGE_RESPONDING);
}

static void pools_are_bounded_and_recycle_clean(void **state)
{
    (void)state;
    struct gw_exchange *others[2] = {gw_exchange_take(&pool), gw_exchange_take(&pool)};

    assert_non_null(others[1]);
    assert_null(gw_exchange_take(&pool));
    others[0]->response.status = 200;
    others[0]->request.body_bytes = 7;
    assert_int_equal(gw_response_add_field(others[0], GW_STR("A"), GW_STR("b")), 0);
    gw_exchange_give_back(&pool, others[0]);
    struct gw_exchange *again = gw_exchange_take(&pool);
    assert_ptr_equal(again, others[0]);
    assert_int_equal(again->response.status, 0);
    assert_int_equal(again->request.body_bytes, 0);
    assert_null(again->response.fields);
    gw_exchange_give_back(&pool, again);
    gw_exchange_give_back(&pool, others[1]);
}

/* --- fields --- */

static void fields_are_added_and_removed(void **state)
{
    (void)state;
    assert_int_equal(gw_request_add_field(ex, GW_STR("Plant_Id"), GW_STR("1")), 0);
    assert_int_equal(gw_request_add_field(ex, GW_STR("plant-id"), GW_STR("2")), 0);
    assert_int_equal(gw_request_add_field(ex, GW_STR("Plant"), GW_STR("3")), 0);
    gw_request_remove_field(ex, GW_STR("Plant-Id"));
    assert_int_equal(ex->request.field_count, 1);
    assert_true(gw_str_equal(*gw_request_field(ex, GW_STR("plant")), GW_STR("3")));
    assert_int_equal(gw_response_add_field(ex, GW_STR("A"), GW_STR("b\nc")), -EINVAL);
    assert_int_equal(gw_response_add_field(ex, GW_STR("A\r"), GW_STR("b")), -EINVAL);
    assert_int_equal(gw_response_add_field(ex, GW_STR(""), GW_STR("b")), -EINVAL);
    assert_int_equal(gw_response_add_field(ex, GW_STR("A"), GW_STR("b\tc")), 0);
    for (int i = 1; i < GW_MAX_RESPONSE_FIELDS; i++)
        assert_int_equal(gw_response_add_field(ex, GW_STR("B"), GW_STR("x")), 0);
    assert_int_equal(gw_response_add_field(ex, GW_STR("B"), GW_STR("x")), -ENOSPC);
    gw_response_remove_field(ex, GW_STR("b"));
    assert_int_equal(ex->response.field_count, 1);
    for (int i = 1; i < GW_MAX_REQUEST_FIELDS; i++)
        assert_int_equal(gw_request_add_field(ex, GW_STR("B"), GW_STR("x")), 0);
    assert_int_equal(gw_request_add_field(ex, GW_STR("B"), GW_STR("x")), -ENOSPC);
}

static void identities_from_outside_are_stripped(void **state)
{
    (void)state;
    static const char *const dropped[] = {
        "X-Consumer",        "x_consumer_id",           "X-User-Id",       "Remote-User",
        "X-Remote-User",     "X_AUTH_REQUEST_EMAIL",    "X-Tenant",        "Client-Cert",
        "Client-Cert-Chain", "X-Forwarded-Client-Cert", "SSL_CLIENT_S_DN", "X-Millgate-Operation",
    };
    static const char *const kept[] = {
        "Authorization", "X-Request-Id", "Content-Type", "Accept", "X-Forwarded-For",
        "Xconsumer",     "Consumer",     "Cookie",       "",       "X",
    };
    for (size_t i = 0; i < GW_COUNT_OF(dropped); i++)
        assert_int_equal(gw_request_add_field(ex, gw_str_of(dropped[i]), GW_STR("v")), 0);
    for (size_t i = 0; i < GW_COUNT_OF(kept); i++)
        assert_int_equal(gw_request_add_field(ex, gw_str_of(kept[i]), GW_STR("v")), 0);
    gw_identity_fields_strip(ex);
    assert_int_equal(ex->request.field_count, GW_COUNT_OF(kept));
    for (size_t i = 0; i < GW_COUNT_OF(kept); i++)
        assert_true(gw_str_equal(ex->request.fields[i].name, gw_str_of(kept[i])));
}

static void fields_of_one_hop_are_dropped(void **state)
{
    (void)state;
    static const struct gw_field fields[] = {
        {GW_STR_INIT("Connection"), GW_STR_INIT("close, X-One")},
        {GW_STR_INIT("Host"), GW_STR_INIT("a")},
        {GW_STR_INIT("X-One"), GW_STR_INIT("1")},
        {GW_STR_INIT("x-two"), GW_STR_INIT("2")},
        {GW_STR_INIT("Connection"), GW_STR_INIT(" ,X-Two,")},
        {GW_STR_INIT("Keep-Alive"), GW_STR_INIT("9")},
        {GW_STR_INIT("TE"), GW_STR_INIT("trailers")},
        {GW_STR_INIT("Upgrade"), GW_STR_INIT("h2c")},
        {GW_STR_INIT("Proxy-Connection"), GW_STR_INIT("x")},
        {GW_STR_INIT("Trailer"), GW_STR_INIT("y")},
        {GW_STR_INIT("X-Stays"), GW_STR_INIT("3")},
    };
    for (size_t i = 0; i < GW_COUNT_OF(fields); i++)
        assert_int_equal(gw_request_add_field(ex, fields[i].name, fields[i].value), 0);
    gw_hop_fields_strip(ex);
    assert_int_equal(ex->request.field_count, 2);
    assert_true(gw_str_equal(ex->request.fields[0].name, GW_STR("Host")));
    assert_true(gw_str_equal(ex->request.fields[1].name, GW_STR("X-Stays")));
    gw_request_remove_field(ex, GW_STR("Host"));

    /* a Connection full of names costs no more than its bound, and nothing overflows */
    static char many[3000];
    for (size_t i = 0; i + 1 < sizeof(many); i++)
        many[i] = i % 2 == 0 ? 'a' : ',';
    assert_int_equal(gw_request_add_field(ex, GW_STR("Connection"), gw_str_of(many)), 0);
    gw_hop_fields_strip(ex);
    assert_int_equal(ex->request.field_count, 1);
}

/* --- problems --- */

static void problems_are_json(void **state)
{
    (void)state;
    ex->request.path = GW_STR("/a\"b\x01\xff");
    ex->record.trace_id = GW_STR("0123");
    gw_problem_set_with(ex, "invalid-body", "A \"quoted\" detail.", GW_STR("\"errors\":[1]"));
    json_t *problem = json_loadb(ex->response.body.ptr, ex->response.body.len, 0, NULL);
    assert_non_null(problem);
    assert_string_equal(json_string_value(json_object_get(problem, "type")),
                        "/problems/invalid-body");
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), 400);
    assert_string_equal(json_string_value(json_object_get(problem, "detail")),
                        "A \"quoted\" detail.");
    assert_string_equal(json_string_value(json_object_get(problem, "trace_id")), "0123");
    assert_int_equal(json_array_size(json_object_get(problem, "errors")), 1);
    assert_non_null(json_object_get(problem, "instance"));
    json_decref(problem);
    assert_int_equal(ex->response.status, 400);
    assert_string_equal(gw_response_field(ex, GW_STR("content-type"))->ptr,
                        "application/problem+json");
    assert_string_equal(ex->record.problem, "invalid-body");
    assert_null(gw_problem_type_find("no-such"));
}

static void every_problem_can_be_set(void **state)
{
    (void)state;
    for (const struct gw_problem_type *type = gw_problem_types(); type->name != NULL; type++) {
        assert_in_range(type->status, 400, 599);
        gw_problem_set(ex, type->name, NULL);
        assert_int_equal(ex->response.status, type->status);
        json_t *problem = json_loadb(ex->response.body.ptr, ex->response.body.len, 0, NULL);
        assert_non_null(problem);
        assert_string_equal(json_string_value(json_object_get(problem, "title")), type->title);
        json_decref(problem);
    }
}

static void a_problem_without_memory_keeps_its_status(void **state)
{
    (void)state;
    while (gw_arena_alloc(&ex->arena, 16) != NULL)
        continue;
    gw_problem_set(ex, "overloaded", NULL);
    assert_int_equal(ex->response.status, 503);
    assert_int_equal(ex->response.body.len, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_sink_gets_early_bytes_first),
        T(a_full_sink_holds_up_the_transport),
        T(a_sink_that_is_full_at_the_end_gets_the_rest),
        T(a_sink_without_a_body_ends_at_once),
        T(early_bytes_are_bounded),
        T(the_limit_reaches_a_sink),
        T(the_limit_before_a_sink_is_told_when_it_is_set),
        T(whole_bodies_are_collected),
        T(too_large_bodies_are_told_of),
        T(an_announced_length_is_refused_unread),
        T(the_limit_ends_a_collection),
        T(an_abandoned_exchange_wakes_nobody),
        T(a_response_is_final_once),
        T(pools_are_bounded_and_recycle_clean),
        T(fields_are_added_and_removed),
        T(identities_from_outside_are_stripped),
        T(fields_of_one_hop_are_dropped),
        T(problems_are_json),
        T(every_problem_can_be_set),
        T(a_problem_without_memory_keeps_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
