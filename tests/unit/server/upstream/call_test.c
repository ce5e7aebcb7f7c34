/* Calls of our own to a peer that plays a backend: what is sent, and when not again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/net/loop.h"
#include "tests/unit/support/call_rig.h"

static struct call_rig rig;

static int set_up(void **state)
{
    (void)state;
    call_rig_open(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    call_rig_close(&rig);
    return 0;
}

static void test_an_answer(void **state)
{
    const struct gw_field fields[] = {
        {GW_STR("Accept"), GW_STR("application/json")},
        {GW_STR("Authorization"), GW_STR("Session abc")},
    };
    struct gw_call_request request = call_rig_post(&rig);

    (void)state;
    request.fields = fields;
    request.field_count = 2;
    backend_rig_adopt(&rig.backend);
    struct call_outcome outcome = call_rig_run(&rig, &request);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.problem, "");
    assert_string_equal(outcome.body, "{\"a\":1}");
    assert_true(outcome.was_sent);
    assert_true(call_rig_saw(&rig, "POST /things HTTP/1.1\r\n"));
    assert_true(call_rig_saw(&rig, "{\"n\":1}"));
    assert_true(call_rig_saw(&rig, "Authorization: Session abc\r\n"));
    assert_true(call_rig_saw(&rig, "traceparent: 00-"));
    assert_false(call_rig_saw(&rig, "Forwarded:")); /* it serves no caller */
}

static void test_the_cause_is_its_parent(void **state)
{
    struct gw_exchange cause = {.request = {.peer = GW_STR("192.0.2.1"), .host = GW_STR("gw")}};
    struct gw_call_request request = call_rig_get(&rig);

    (void)state;
    cause.record.trace_id = GW_STR("0123456789abcdef0123456789abcdef");
    cause.record.span_id = GW_STR("1111111111111111");
    cause.record.request_id = GW_STR("r1");
    request.cause = &cause;
    backend_rig_adopt(&rig.backend);
    assert_int_equal(call_rig_run(&rig, &request).status, 200);
    assert_true(call_rig_saw(&rig, "GET /things?a=b%20c HTTP/1.1\r\n"));
    assert_true(call_rig_saw(&rig, "traceparent: 00-0123456789abcdef0123456789abcdef-"));
    assert_false(call_rig_saw(&rig, "-1111111111111111-")); /* a span of its own */
    assert_true(call_rig_saw(&rig, "X-Request-Id: r1\r\n"));
    assert_true(call_rig_saw(&rig, "for=192.0.2.1"));
}

static void test_credentials_of_the_operator_go_first(void **state)
{
    const struct gw_field field = {GW_STR("Authorization"), GW_STR("Session abc")};
    struct gw_call_request request = call_rig_get(&rig);

    (void)state;
    request.fields = &field;
    request.field_count = 1;
    rig.backend.config.credentials.fixed = GW_STR("Basic eDp5");
    backend_rig_adopt(&rig.backend);
    assert_int_equal(call_rig_run(&rig, &request).status, 200);
    assert_true(call_rig_saw(&rig, "Authorization: Basic eDp5\r\n"));
    assert_false(call_rig_saw(&rig, "Session abc"));
    call_rig_set_answer(&rig, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    struct call_outcome refused = call_rig_run(&rig, &request);
    assert_string_equal(refused.problem, "bad-gateway");
    assert_int_equal(refused.backend_status, 401);
}

static void test_a_refusal_and_its_pause(void **state)
{
    struct gw_call_request request = call_rig_get(&rig);

    (void)state;
    call_rig_set_answer(&rig,
                        "HTTP/1.1 429 Too Many\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nno");
    backend_rig_adopt(&rig.backend);
    struct call_outcome outcome = call_rig_run(&rig, &request);
    assert_int_equal(outcome.status, 429);
    assert_string_equal(outcome.problem, "");
    assert_string_equal(outcome.body, "no");
    assert_int_equal(outcome.retry_ns, 3 * GW_NS_PER_SECOND);
}

static void set_retries(void)
{
    rig.backend.config.retry = (struct gw_retry_rule){.attempts = 3,
                                                      .reasons = GW_RETRY_CONNECT | GW_RETRY_RESET,
                                                      .budget_percent = 100,
                                                      .max_body_bytes = 4096};
}

static void test_only_what_is_repeatable_is_sent_again(void **state)
{
    struct gw_call_request request = call_rig_post(&rig);

    (void)state;
    set_retries();
    call_rig_set_closes(&rig, 1);
    backend_rig_adopt(&rig.backend);
    struct call_outcome once = call_rig_run(&rig, &request);
    assert_string_equal(once.problem, "bad-gateway");
    assert_true(once.was_sent);
    assert_int_equal(atomic_load(&rig.peer.requests), 1);

    call_rig_set_closes(&rig, 2);
    request.is_repeatable = true;
    struct call_outcome twice = call_rig_run(&rig, &request);
    assert_int_equal(twice.status, 200);
    assert_int_equal(atomic_load(&rig.peer.requests), 3);

    call_rig_set_closes(&rig, 100);
    request.method = GW_STR("PUT"); /* the method promises nothing */
    request.is_repeatable = false;
    assert_string_equal(call_rig_run(&rig, &request).problem, "bad-gateway");
}

static void test_nothing_was_sent_where_nobody_listens(void **state)
{
    struct gw_call_request request = call_rig_post(&rig);
    struct peer gone;

    (void)state;
    peer_start(&gone, call_rig_play, &rig.part);
    peer_stop(&gone);
    rig.backend.config.target_count = 0;
    backend_rig_add_target(&rig.backend, gone.port);
    backend_rig_adopt(&rig.backend);
    struct call_outcome outcome = call_rig_run(&rig, &request);
    assert_string_equal(outcome.problem, "backend-unreachable");
    assert_int_equal(outcome.status, 502);
    assert_int_equal(outcome.backend_status, 0);
    assert_false(outcome.was_sent);
}

static void test_a_deadline_ends_a_call_that_was_sent(void **state)
{
    struct gw_call_request request = call_rig_post(&rig);

    (void)state;
    call_rig_set_hangs(&rig, true);
    request.deadline_ns = gw_clock_monotonic_ns() + 50 * GW_NS_PER_MS;
    backend_rig_adopt(&rig.backend);
    struct call_outcome outcome = call_rig_run(&rig, &request);
    assert_string_equal(outcome.problem, "backend-timeout");
    assert_true(outcome.was_sent);
}

static void test_a_deadline_ends_one_that_waits_for_its_turn(void **state)
{
    struct gw_call_request request = call_rig_post(&rig);
    struct call_outcome first = {0};

    (void)state;
    call_rig_set_hangs(&rig, true);
    rig.backend.config.bulkhead = (struct gw_bulkhead_rule){
        .max_requests = 1, .max_queued = 5, .queue_ns = 60 * GW_NS_PER_SECOND};
    backend_rig_adopt(&rig.backend);
    struct gw_call *call = gw_call_start(&request, call_rig_on_done, &first);
    assert_non_null(call);
    request.deadline_ns = gw_clock_monotonic_ns() + 50 * GW_NS_PER_MS;
    struct call_outcome outcome = call_rig_run(&rig, &request);
    assert_string_equal(outcome.problem, "backend-timeout");
    assert_int_equal(outcome.status, 504);
    assert_false(outcome.was_sent);
    gw_call_cancel(call);
    gw_loop_turn(rig.backend.loop, 10);
    assert_false(first.is_there);
}

static void test_what_is_cancelled_is_not_answered(void **state)
{
    struct gw_call_request request = call_rig_get(&rig);
    struct call_outcome outcome = {0};

    (void)state;
    backend_rig_adopt(&rig.backend);
    struct gw_call *call = gw_call_start(&request, call_rig_on_done, &outcome);
    assert_non_null(call);
    gw_call_cancel(call);
    call_rig_set_hangs(&rig, true);
    call = gw_call_start(&request, call_rig_on_done, &outcome);
    assert_non_null(call);
    while (atomic_load(&rig.peer.requests) == 0)
        gw_loop_turn(rig.backend.loop, 10);
    gw_call_cancel(call);
    gw_loop_turn(rig.backend.loop, 20);
    assert_false(outcome.is_there);
    call_rig_set_hangs(&rig, false);
    assert_int_equal(call_rig_run(&rig, &request).status, 200);
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
        CALL_TEST(test_what_is_cancelled_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
