/* Chains: bodies that are waited for, watched, or tried, of requests and of responses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/chain_rig.h"

static void a_body_is_waited_for(void **state)
{
    (void)state;
    ex->request.body_bytes = -1;
    filters[0].body_bytes = 100;
    filters[1].body_bytes = 50; /* gets it at once */
    gw_chain_run(&chain, ex);
    assert_string_equal(trail, "a");
    chain_rig_feed("hello ");
    chain_rig_feed("world");
    assert_string_equal(trail, "a");
    wakes = 0;
    gw_exchange_feed_end(ex);
    chain_rig_assert_answered("a(b(c|CBA", 200);
    assert_true(gw_str_equal(ex->request.body, GW_STR("hello world")));
}

static void no_body_is_there_at_once(void **state)
{
    (void)state;
    filters[1].body_bytes = 10;
    filters[1].then = GW_STOP;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("ab(BA", 400);
}

static void too_large_a_body_is_refused(void **state)
{
    (void)state;
    ex->request.body_bytes = -1;
    filters[0].body_bytes = 100;
    filters[1].body_bytes = 5; /* the smallest bound holds */
    gw_chain_run(&chain, ex);
    chain_rig_feed("hello world");
    wakes = 0;
    gw_exchange_feed_end(ex);
    chain_rig_assert_answered("a(bBA", 413);
}

static void a_body_that_grows_too_large_is_refused(void **state)
{
    (void)state;
    ex->request.body_bytes = -1;
    filters[1].body_bytes = 8;
    gw_chain_run(&chain, ex);
    chain_rig_feed("hello");
    wakes = 0;
    assert_int_equal(gw_exchange_feed(ex, " world", 6), 0);
    chain_rig_assert_answered("abBA", 413);
}

static void an_announced_length_is_refused(void **state)
{
    (void)state;
    ex->request.body_bytes = 9;
    filters[1].body_bytes = 8;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("abBA", 413);
}

static void a_body_may_be_judged_later(void **state)
{
    (void)state;
    ex->request.body_bytes = 2;
    filters[1].body_bytes = 8;
    filters[1].then = GW_WAIT;
    gw_chain_run(&chain, ex);
    chain_rig_feed("ab");
    gw_exchange_feed_end(ex);
    assert_string_equal(trail, "ab(");
    wakes = 0;
    gw_exchange_resume(ex, GW_NEXT);
    chain_rig_assert_answered("ab(c|CBA", 200);
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
    chain_rig_leave(filter->name);
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
    assert_false(gw_chain_is_tapped(ex));
    gw_chain_run(&chain, ex);
    assert_true(gw_chain_is_tapped(ex));
    chain_rig_assert_answered("|cbacba", 200); /* in the order of registration */
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
        chain_rig_tear_down(NULL);
        chain_rig_set_up(NULL);
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
    const struct CMUnitTest tests[] = {
        T(a_body_is_waited_for),
        T(no_body_is_there_at_once),
        T(too_large_a_body_is_refused),
        T(a_body_that_grows_too_large_is_refused),
        T(an_announced_length_is_refused),
        T(a_body_may_be_judged_later),
        T(a_body_for_nobody_is_not_judged),
        T(taps_see_a_whole_body_that_leaves),
        T(taps_of_a_stream_are_called_by_its_mover),
        T(a_body_that_fits_is_collected),
        T(a_body_that_does_not_fit_stays_whole),
        T(a_body_that_is_cut_becomes_a_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
