/* Chains on an exchange in memory, with filters that do what a script says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/filter/chain.h"

struct scripted {
    char name; /* "a" on the request's way, "A" on the response's */
    enum gw_verdict on_request, on_response;
    size_t body_bytes;    /* asks for the body, at most so much */
    enum gw_verdict then; /* its verdict on the body */
    bool resumes_at_once; /* before it returns GW_WAIT */
    enum gw_verdict resumes_with;
    bool replaces; /* the response, by a problem */
    unsigned cancels;
    char tapped[64];
};

static struct gw_exchange_pool pool;
static struct gw_exchange *ex;
static struct gw_chain chain;
static struct scripted filters[3];
static char trail[64];
static unsigned wakes;
static bool end_waits;

static void leave(char mark)
{
    size_t len = strlen(trail);
    assert_true(len + 1 < sizeof(trail));
    trail[len] = mark;
    trail[len + 1] = '\0';
}

static void cancel(void *self, struct gw_exchange *left)
{
    assert_ptr_equal(left, ex);
    ((struct scripted *)self)->cancels++;
}

static enum gw_verdict then(void *self, struct gw_exchange *there)
{
    struct scripted *filter = self;

    leave('(');
    assert_ptr_equal(there, ex);
    if (filter->then == GW_STOP)
        gw_problem_set(ex, "invalid-body", NULL);
    return filter->then;
}

static enum gw_verdict verdict_of(struct scripted *filter, enum gw_verdict verdict)
{
    if (verdict == GW_STOP)
        return gw_exchange_reject(ex, "rate-limited", NULL, UINT64_C(1500000000));
    if (verdict == GW_WAIT) {
        gw_exchange_on_cancel(ex, cancel);
        if (filter->resumes_at_once)
            gw_exchange_resume(ex, filter->resumes_with);
    }
    return verdict;
}

static enum gw_verdict on_request(void *self, struct gw_exchange *there)
{
    struct scripted *filter = self;

    leave(filter->name);
    assert_ptr_equal(there, ex);
    void **slot = gw_exchange_slot(ex, self);
    assert_null(*slot);
    *slot = filter;
    if (filter->body_bytes > 0)
        return gw_exchange_need_request_body(ex, filter->body_bytes, then);
    return verdict_of(filter, filter->on_request);
}

static enum gw_verdict on_response(void *self, struct gw_exchange *there)
{
    struct scripted *filter = self;

    leave((char)(filter->name - 'a' + 'A'));
    assert_ptr_equal(there, ex);
    assert_ptr_equal(*gw_exchange_slot(ex, self), filter);
    if (filter->replaces)
        gw_problem_set(ex, "unavailable", NULL);
    return verdict_of(filter, filter->on_response);
}

static const struct gw_filter_type type = {
    .name = "scripted", .on_request = on_request, .on_response = on_response};
static const struct gw_filter_type empty_type = {.name = "empty"};

static void end(struct gw_exchange *there)
{
    leave('|');
    assert_ptr_equal(there, ex);
    if (end_waits)
        return;
    ex->response.status = 200;
    ex->response.body = GW_STR("whole");
    gw_chain_response_set(ex);
}

static void on_wake(struct gw_exchange *there)
{
    (void)there;
    wakes++;
}

static const struct gw_exchange_io io = {.wake = on_wake};

static int set_up(void **state)
{
    (void)state;
    gw_exchange_pool_init(&pool, 1, 1 << 20);
    ex = gw_exchange_take(&pool);
    assert_non_null(ex);
    ex->io = &io;
    wakes = 0;
    end_waits = false;
    trail[0] = '\0';
    chain = (struct gw_chain){.count = 3, .end = end};
    for (size_t i = 0; i < 3; i++) {
        filters[i] = (struct scripted){.name = (char)('a' + i)};
        chain.links[i] = (struct gw_chain_link){&type, &filters[i]};
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
    return 0;
}

static void assert_answered(const char *expected_trail, int status)
{
    assert_string_equal(trail, expected_trail);
    assert_int_equal(ex->state, GW_EXCHANGE_RESPONDING);
    assert_int_equal(ex->response.status, status);
    assert_int_equal(wakes, 1);
}

static void requests_go_forward_and_responses_back(void **state)
{
    (void)state;
    gw_chain_run(&chain, ex);
    assert_answered("abc|CBA", 200);
    assert_true(ex->record.policies_ns > 0);
}

static void a_chain_may_be_empty(void **state)
{
    (void)state;
    chain.count = 0;
    gw_chain_run(&chain, ex);
    assert_answered("|", 200);
}

static void members_may_be_missing(void **state)
{
    (void)state;
    chain.links[1].type = &empty_type;
    gw_chain_run(&chain, ex);
    assert_answered("ac|CA", 200);
}

static void a_stop_turns_back(void **state)
{
    (void)state;
    filters[1].on_request = GW_STOP;
    gw_chain_run(&chain, ex);
    assert_answered("abBA", 429);
    assert_string_equal(gw_response_field(ex, GW_STR("retry-after"))->ptr, "2");
}

static void a_failure_is_a_500(void **state)
{
    (void)state;
    filters[2].on_request = GW_FAIL;
    gw_chain_run(&chain, ex);
    assert_answered("abcCBA", 500);
}

static void a_failure_on_the_way_back_replaces_a_success(void **state)
{
    (void)state;
    filters[1].on_response = GW_FAIL;
    gw_chain_run(&chain, ex);
    assert_answered("abc|CBA", 500);
    assert_string_equal(ex->record.problem, "internal-error");
}

static void a_wait_ends_with_the_verdict_it_gets(void **state)
{
    (void)state;
    filters[1].on_request = GW_WAIT;
    gw_chain_run(&chain, ex);
    assert_string_equal(trail, "ab");
    assert_non_null(ex->cancel);
    gw_exchange_resume(ex, GW_NEXT);
    assert_null(ex->cancel);
    assert_answered("abc|CBA", 200);
}

static void a_wait_may_end_in_a_stop(void **state)
{
    (void)state;
    filters[1].on_request = GW_WAIT;
    gw_chain_run(&chain, ex);
    gw_exchange_resume(ex, gw_exchange_reject(ex, "unauthorized", NULL, 0));
    assert_answered("abBA", 401);
}

static void a_wait_may_be_over_before_it_began(void **state)
{
    (void)state;
    filters[0].on_request = GW_WAIT;
    filters[0].resumes_at_once = true;
    filters[1].on_request = GW_WAIT; /* the verdict of the first is not taken for its own */
    gw_chain_run(&chain, ex);
    assert_string_equal(trail, "ab");
    gw_exchange_resume(ex, GW_FAIL);
    assert_answered("abBA", 500);
}

static void responses_may_wait_and_be_replaced(void **state)
{
    (void)state;
    filters[2].on_response = GW_WAIT;
    filters[1].replaces = true;
    gw_chain_run(&chain, ex);
    assert_string_equal(trail, "abc|C");
    assert_int_equal(ex->state, GW_EXCHANGE_DECIDING);
    gw_exchange_resume(ex, GW_NEXT);
    assert_answered("abc|CBA", 503);
    assert_null(ex->response.source);
}

static void a_waiting_response_may_resume_at_once(void **state)
{
    (void)state;
    filters[2].on_response = GW_WAIT;
    filters[2].resumes_at_once = true;
    gw_chain_run(&chain, ex);
    assert_answered("abc|CBA", 200);
}

static void the_end_may_answer_later(void **state)
{
    (void)state;
    end_waits = true;
    gw_chain_run(&chain, ex);
    assert_string_equal(trail, "abc|");
    ex->response.status = 204;
    gw_chain_response_set(ex);
    assert_answered("abc|CBA", 204);
}

static void an_answer_for_nobody_runs_no_filter(void **state)
{
    (void)state;
    end_waits = true;
    gw_chain_run(&chain, ex);
    gw_exchange_abandon(ex);
    ex->response.status = 200;
    gw_chain_response_set(ex);
    assert_string_equal(trail, "abc|");
    assert_int_equal(wakes, 0);
}

static void who_waits_is_cancelled_once(void **state)
{
    (void)state;
    filters[1].on_request = GW_WAIT;
    gw_chain_run(&chain, ex);
    gw_exchange_abandon(ex);
    gw_exchange_abandon(ex);
    assert_int_equal(filters[0].cancels, 0);
    assert_int_equal(filters[1].cancels, 1);
}

/* --- bodies --- */

static void feed(const char *text)
{
    assert_int_equal(gw_exchange_feed(ex, text, strlen(text)), strlen(text));
}

static void a_body_is_waited_for(void **state)
{
    (void)state;
    ex->request.body_bytes = -1;
    filters[0].body_bytes = 100;
    filters[1].body_bytes = 50; /* gets it at once */
    gw_chain_run(&chain, ex);
    assert_string_equal(trail, "a");
    feed("hello ");
    feed("world");
    assert_string_equal(trail, "a");
    wakes = 0;
    gw_exchange_feed_end(ex);
    assert_answered("a(b(c|CBA", 200);
    assert_true(gw_str_equal(ex->request.body, GW_STR("hello world")));
}

static void no_body_is_there_at_once(void **state)
{
    (void)state;
    filters[1].body_bytes = 10;
    filters[1].then = GW_STOP;
    gw_chain_run(&chain, ex);
    assert_answered("ab(BA", 400);
}

static void too_large_a_body_is_refused(void **state)
{
    (void)state;
    ex->request.body_bytes = -1;
    filters[0].body_bytes = 100;
    filters[1].body_bytes = 5; /* the smallest bound holds */
    gw_chain_run(&chain, ex);
    feed("hello world");
    wakes = 0;
    gw_exchange_feed_end(ex);
    assert_answered("a(bBA", 413);
}

static void a_body_that_grows_too_large_is_refused(void **state)
{
    (void)state;
    ex->request.body_bytes = -1;
    filters[1].body_bytes = 8;
    gw_chain_run(&chain, ex);
    feed("hello");
    wakes = 0;
    assert_int_equal(gw_exchange_feed(ex, " world", 6), 0);
    assert_answered("abBA", 413);
}

static void an_announced_length_is_refused(void **state)
{
    (void)state;
    ex->request.body_bytes = 9;
    filters[1].body_bytes = 8;
    gw_chain_run(&chain, ex);
    assert_answered("abBA", 413);
}

static void a_body_may_be_judged_later(void **state)
{
    (void)state;
    ex->request.body_bytes = 2;
    filters[1].body_bytes = 8;
    filters[1].then = GW_WAIT;
    gw_chain_run(&chain, ex);
    feed("ab");
    gw_exchange_feed_end(ex);
    assert_string_equal(trail, "ab(");
    wakes = 0;
    gw_exchange_resume(ex, GW_NEXT);
    assert_answered("ab(c|CBA", 200);
}

static void a_body_for_nobody_is_not_judged(void **state)
{
    (void)state;
    ex->request.body_bytes = 2;
    filters[1].body_bytes = 8;
    gw_chain_run(&chain, ex);
    gw_exchange_abandon(ex);
    gw_exchange_feed_end(ex);
    assert_string_equal(trail, "ab");
}

/* --- taps --- */

static void tap(void *self, struct gw_exchange *there, struct gw_str bytes)
{
    struct scripted *filter = self;
    size_t len = strlen(filter->tapped);

    assert_ptr_equal(there, ex);
    snprintf(filter->tapped + len, sizeof(filter->tapped) - len, "%.*s.", GW_STR_ARG(bytes));
    leave(filter->name);
}

static enum gw_verdict tapping_response(void *self, struct gw_exchange *there)
{
    return gw_exchange_tap_response(there, tap, self) == 0 ? GW_NEXT : GW_FAIL;
}

static const struct gw_filter_type tapping_type = {.name = "tapping",
                                                   .on_response = tapping_response};

static void taps_see_a_whole_body_that_leaves(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        chain.links[i].type = &tapping_type;
    gw_chain_run(&chain, ex);
    assert_answered("|cbacba", 200); /* in the order of registration */
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(filters[i].tapped, "whole..");
}

static ssize_t read_nothing(void *self, char *out, size_t capacity)
{
    (void)self;
    (void)out;
    (void)capacity;
    return 0;
}

static const struct gw_body_source source = {.read = read_nothing};

static void taps_of_a_stream_are_called_by_its_mover(void **state)
{
    (void)state;
    chain.links[1].type = &tapping_type;
    end_waits = true;
    gw_chain_run(&chain, ex);
    assert_int_equal(gw_exchange_tap_request(ex, tap, &filters[0]), 0);
    gw_chain_tap_request(ex, GW_STR("up"));
    ex->response.status = 200;
    ex->response.source = &source;
    gw_chain_response_set(ex);
    assert_string_equal(filters[1].tapped, "");
    gw_chain_tap_response(ex, GW_STR("x"));
    gw_chain_tap_response(ex, GW_STR(""));
    assert_string_equal(filters[1].tapped, "x..");
    assert_string_equal(filters[0].tapped, "up.");
}

static void without_memory_it_is_overloaded(void **state)
{
    (void)state;
    while (gw_arena_alloc(&ex->arena, 16) != NULL)
        continue;
    gw_chain_run(&chain, ex);
    assert_answered("", 503);
}

/* --- bodies of responses that may stay streamed --- */

static const char long_body[] = "0123456789abcdef";

struct pieces {
    size_t at, piece_bytes;
    bool is_cut; /* at its end */
};

static ssize_t read_pieces(void *self, char *out, size_t capacity)
{
    struct pieces *pieces = self;
    size_t count = sizeof(long_body) - 1 - pieces->at;

    if (count == 0)
        return pieces->is_cut ? -EPIPE : 0;
    if (count > pieces->piece_bytes)
        count = pieces->piece_bytes;
    if (count > capacity)
        count = capacity;
    memcpy(out, long_body + pieces->at, count);
    pieces->at += count;
    return (ssize_t)count;
}

static const struct gw_body_source pieces_source = {.read = read_pieces};
static struct pieces pieces;
static size_t try_bytes;
static unsigned tried;

static void end_streamed(struct gw_exchange *there)
{
    there->response.status = 200;
    there->response.source = &pieces_source;
    there->response.source_self = &pieces;
    gw_chain_response_set(there);
}

static enum gw_verdict then_tried(void *self, struct gw_exchange *there)
{
    (void)self;
    (void)there;
    tried++;
    return GW_NEXT;
}

static enum gw_verdict try_response(void *self, struct gw_exchange *there)
{
    (void)self;
    return gw_exchange_try_response_body(there, try_bytes, then_tried);
}

static const struct gw_filter_type trying_type = {.name = "trying", .on_response = try_response};

static void run_trying(size_t max_bytes, int64_t announced_bytes, bool is_cut)
{
    pieces = (struct pieces){.piece_bytes = 3, .is_cut = is_cut};
    try_bytes = max_bytes;
    tried = 0;
    chain.count = 1;
    chain.links[0] = (struct gw_chain_link){&trying_type, &try_bytes};
    chain.end = end_streamed;
    ex->response.body_bytes = announced_bytes;
    gw_chain_run(&chain, ex);
    assert_int_equal(tried, 1);
    assert_int_equal(ex->state, GW_EXCHANGE_RESPONDING);
}

static void a_body_that_fits_is_collected(void **state)
{
    (void)state;
    run_trying(sizeof(long_body) - 1, -1, false);
    assert_null(ex->response.source);
    assert_true(gw_str_equal(ex->response.body, GW_STR(long_body)));
}

static void a_body_that_does_not_fit_stays_whole(void **state)
{
    (void)state;
    static const int64_t announced[] = {-1, sizeof(long_body) - 1};

    for (size_t i = 0; i < GW_COUNT_OF(announced); i++) {
        char all[sizeof(long_body)] = "";
        size_t len = 0;
        ssize_t count = 1;
        tear_down(NULL);
        set_up(NULL);
        run_trying(7, announced[i], false);
        assert_non_null(ex->response.source);
        while (count > 0) {
            count =
                ex->response.source->read(ex->response.source_self, all + len, sizeof(all) - len);
            len += count > 0 ? (size_t)count : 0;
        }
        assert_int_equal(count, 0);
        assert_string_equal(all, long_body);
    }
}

static void a_body_that_is_cut_becomes_a_problem(void **state)
{
    (void)state;
    run_trying(100, -1, true);
    assert_int_equal(ex->response.status, 502);
    assert_null(ex->response.source);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(requests_go_forward_and_responses_back),
        T(a_body_that_fits_is_collected),
        T(a_body_that_does_not_fit_stays_whole),
        T(a_body_that_is_cut_becomes_a_problem),
        T(a_chain_may_be_empty),
        T(members_may_be_missing),
        T(a_stop_turns_back),
        T(a_failure_is_a_500),
        T(a_failure_on_the_way_back_replaces_a_success),
        T(a_wait_ends_with_the_verdict_it_gets),
        T(a_wait_may_end_in_a_stop),
        T(a_wait_may_be_over_before_it_began),
        T(responses_may_wait_and_be_replaced),
        T(a_waiting_response_may_resume_at_once),
        T(the_end_may_answer_later),
        T(an_answer_for_nobody_runs_no_filter),
        T(who_waits_is_cancelled_once),
        T(a_body_is_waited_for),
        T(no_body_is_there_at_once),
        T(too_large_a_body_is_refused),
        T(a_body_that_grows_too_large_is_refused),
        T(an_announced_length_is_refused),
        T(a_body_may_be_judged_later),
        T(a_body_for_nobody_is_not_judged),
        T(taps_see_a_whole_body_that_leaves),
        T(taps_of_a_stream_are_called_by_its_mover),
        T(without_memory_it_is_overloaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
