/* Chains: the way forward and back, waits, and their ends. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/chain_rig.h"

static const struct gw_filter_type empty_type = {.name = "empty"};

static void requests_go_forward_and_responses_back(void **state)
{
    (void)state;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("abc|CBA", 200);
    assert_true(ex->record.policies_ns > 0);
}

static void a_chain_may_be_empty(void **state)
{
    (void)state;
    chain.count = 0;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("|", 200);
}

static void members_may_be_missing(void **state)
{
    (void)state;
    chain.links[1].type = &empty_type;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("ac|CA", 200);
}

static void a_stop_turns_back(void **state)
{
    (void)state;
    filters[1].on_request = GW_STOP;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("abBA", 429);
    assert_string_equal(gw_response_field(ex, GW_STR("retry-after"))->ptr, "2");
}

static void a_failure_is_a_500(void **state)
{
    (void)state;
    filters[2].on_request = GW_FAIL;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("abcCBA", 500);
}

static void a_failure_on_the_way_back_replaces_a_success(void **state)
{
    (void)state;
    filters[1].on_response = GW_FAIL;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("abc|CBA", 500);
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
    chain_rig_assert_answered("abc|CBA", 200);
}

static void a_wait_may_end_in_a_stop(void **state)
{
    (void)state;
    filters[1].on_request = GW_WAIT;
    gw_chain_run(&chain, ex);
    gw_exchange_resume(ex, gw_exchange_reject(ex, "unauthorized", NULL, 0));
    chain_rig_assert_answered("abBA", 401);
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
    chain_rig_assert_answered("abBA", 500);
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
    chain_rig_assert_answered("abc|CBA", 503);
    assert_null(ex->response.source);
}

static void a_waiting_response_may_resume_at_once(void **state)
{
    (void)state;
    filters[2].on_response = GW_WAIT;
    filters[2].resumes_at_once = true;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("abc|CBA", 200);
}

static void the_end_may_answer_later(void **state)
{
    (void)state;
    end_waits = true;
    gw_chain_run(&chain, ex);
    assert_string_equal(trail, "abc|");
    ex->response.status = 204;
    gw_chain_response_set(ex);
    chain_rig_assert_answered("abc|CBA", 204);
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

static void without_memory_it_is_overloaded(void **state)
{
    (void)state;
    while (gw_arena_alloc(&ex->arena, 16) != NULL)
        continue;
    gw_chain_run(&chain, ex);
    chain_rig_assert_answered("", 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_go_forward_and_responses_back),
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
        T(without_memory_it_is_overloaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
