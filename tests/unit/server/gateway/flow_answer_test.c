/* What the caller is told of a flow that failed. The flows' own errors are made up here; how they
 * come to be is tests/unit/server/flow's. */
#include "server/gateway/flow_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/connector/connector.h"
#include "server/core/clock.h"
#include "server/json/value.h"

#define SPEC "https://serverlessworkflow.io/spec/1.0.0/errors/"

static struct gw_exchange_pool pool;
static struct gw_exchange *ex;

static int set_up(void **state)
{
    (void)state;
    gw_exchange_pool_init(&pool, 3, 1 << 20);
    ex = gw_exchange_take(&pool);
    assert_non_null(ex);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_exchange_give_back(&pool, ex);
    gw_exchange_pool_finish(&pool);
    return 0;
}

static void assert_problem(const struct gw_flow_error *error, int status, const char *type)
{
    gw_flow_answer_fail(ex, error);
    assert_int_equal(ex->response.status, status);
    json_t *problem = json_loadb(ex->response.body.ptr, ex->response.body.len, 0, NULL);
    assert_non_null(problem);
    assert_string_equal(json_string_value(json_object_get(problem, "type")), type);
    json_decref(problem);
}

static void assert_retry_after(const char *wanted)
{
    const struct gw_str *field =
        gw_field_find(ex->response.fields, ex->response.field_count, GW_STR("retry-after"));

    assert_int_equal(field != NULL, wanted != NULL);
    if (wanted != NULL)
        assert_true(gw_str_equal(*field, gw_str_of(wanted)));
}

/* A backend's answer that fits no schema has no other way to show itself. */
static void an_expression_behind_a_backend_has_met_rubbish(void **state)
{
    const struct gw_flow_error error = {.type = GW_STR_INIT(SPEC "expression"),
                                        .status = 400,
                                        .task = GW_STR_INIT("/do/1/answer"),
                                        .reason = GW_STR_INIT("cannot index number")};

    (void)state;
    assert_problem(&error, 500, "/problems/internal-error");
    ex->record.backend = GW_STR("erp");
    assert_problem(&error, 502, "/problems/bad-gateway");
    assert_true(gw_str_equal(ex->record.detail,
                             GW_STR("/do/1/answer: cannot index number (" SPEC "expression)")));
}

static void a_conflict_is_a_missed_state_to_whoever_named_one(void **state)
{
    const struct gw_flow_error error = {.connector_error = GW_CONNECTOR_CONFLICT};
    struct gw_field field = {GW_STR_INIT("If-Match"), GW_STR_INIT("\"1\"")};

    (void)state;
    assert_problem(&error, 409, "/problems/changed-meanwhile");
    ex->request.fields = &field;
    ex->request.field_count = 1;
    assert_problem(&error, 412, "/problems/precondition-failed");
}

static void a_backends_pause_is_passed_on(void **state)
{
    const struct gw_flow_error error = {.connector_error = GW_CONNECTOR_UNAVAILABLE,
                                        .retry_ns = 7 * GW_NS_PER_SECOND};

    (void)state;
    assert_problem(&error, 503, "/problems/unavailable");
    assert_retry_after("7");
}

/* The problem of an operation that the flow has called, for the same caller. */
static void an_inner_operations_pause_is_passed_on(void **state)
{
    struct gw_value_builder problem = {.arena = &ex->arena};
    struct gw_flow_error error = {.type = GW_STR_INIT(SPEC "communication"), .backend_status = 503};

    (void)state;
    assert_int_equal(gw_value_add_member(&problem, GW_STR("type"),
                                         gw_value_string(GW_STR("/problems/unavailable"))),
                     0);
    assert_int_equal(
        gw_value_add_member(&problem, GW_STR("title"), gw_value_string(GW_STR("Not now"))), 0);
    error.answer = gw_value_built_object(&problem);
    assert_problem(&error, 503, "/problems/unavailable");
    assert_retry_after(NULL);
    error.retry_ns = 6 * GW_NS_PER_SECOND + 1; /* rounded up: never too early */
    assert_problem(&error, 503, "/problems/unavailable");
    assert_retry_after("7");
    error.backend_status = 500; /* its own fault: nobody else's to see */
    assert_problem(&error, 502, "/problems/bad-gateway");
}

static void a_write_in_doubt_says_whether_to_come_again(void **state)
{
    struct gw_flow_error error = {.connector_error = GW_CONNECTOR_IN_DOUBT};

    (void)state;
    ex->record.idempotency_key = GW_STR("k");
    assert_problem(&error, 502, "/problems/effect-in-doubt");
    assert_retry_after(NULL);
    error.retry_ns = 30 * GW_NS_PER_SECOND;
    assert_problem(&error, 503, "/problems/effect-settling");
    assert_retry_after("30");
}

#define ANSWER_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ANSWER_TEST(an_expression_behind_a_backend_has_met_rubbish),
        ANSWER_TEST(a_conflict_is_a_missed_state_to_whoever_named_one),
        ANSWER_TEST(a_backends_pause_is_passed_on),
        ANSWER_TEST(an_inner_operations_pause_is_passed_on),
        ANSWER_TEST(a_write_in_doubt_says_whether_to_come_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
