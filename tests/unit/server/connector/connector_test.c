/* What all connectors have in common: the tables, the checks before a call, and its end. */
#include "server/connector/connector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/connector/answer.h"
#include "server/http/problem.h"

static struct {
    unsigned begun, done, cancelled;
    enum gw_connector_error error;
    char reason[256];
} seen;

static void cancel(struct gw_connector_call *call)
{
    (void)call;
    seen.cancelled++;
}

static void begin(void *self, struct gw_connector_call *call)
{
    (void)self;
    seen.begun++;
    call->cancel = cancel;
}

static void on_done(struct gw_connector_call *call, const struct gw_connector_failure *failure)
{
    (void)call;
    seen.done++;
    seen.error = failure == NULL ? GW_CONNECTOR_OK : failure->error;
    snprintf(seen.reason, sizeof(seen.reason), "%.*s",
             failure == NULL ? 0 : (int)failure->reason.len,
             failure == NULL ? "" : failure->reason.ptr);
}

static const struct gw_option parameters[] = {
    {.name = "entity", .type = GW_STRING, .flags = GW_OPTION_REQUIRED},
    {.name = "top", .type = GW_INT},
    {0},
};

static const struct gw_connector_function function = {
    .name = "list", .parameters = parameters, .begin = begin};

static struct gw_arena arena;

static struct gw_connector_call call_with(const char *arguments)
{
    struct gw_connector_call call = {.function = &function, .arena = &arena, .done = on_done};
    struct gw_json_error error;

    memset(&seen, 0, sizeof(seen));
    assert_int_equal(gw_value_read(&arena, gw_str_of(arguments), NULL, &call.arguments, &error), 0);
    return call;
}

static void test_arguments_are_looked_at_first(void **state)
{
    static const struct {
        const char *arguments, *reason; /* NULL: it begins */
    } cases[] = {
        {"{\"backend\":\"erp\",\"entity\":\"x\",\"top\":1}", NULL},
        {"{\"entity\":\"x\"}", NULL},
        {"{\"top\":1}", "lacks the argument \"entity\""},
        {"{\"entity\":\"x\",\"tops\":1}", "unknown argument \"tops\""},
        {"[]", "the arguments are no object"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_connector_call call = call_with(cases[i].arguments);
        gw_connector_begin(NULL, &call);
        assert_int_equal(seen.begun, cases[i].reason == NULL);
        assert_int_equal(seen.done, cases[i].reason != NULL);
        if (cases[i].reason != NULL) {
            assert_int_equal(seen.error, GW_CONNECTOR_WRONG);
            assert_string_equal(seen.reason, cases[i].reason);
        }
    }
}

static void test_a_call_ends_once(void **state)
{
    struct gw_connector_call call = call_with("{\"entity\":\"x\"}");

    (void)state;
    gw_connector_begin(NULL, &call);
    gw_connector_done(&call, gw_value_bool(true));
    gw_connector_cancel(&call);
    assert_int_equal(seen.done, 1);
    assert_int_equal(seen.cancelled, 0);
    assert_int_equal(call.result.type, GW_JSON_TRUE);

    call = call_with("{\"entity\":\"x\"}");
    gw_connector_begin(NULL, &call);
    gw_connector_cancel(&call);
    gw_connector_fail_with(&call, GW_CONNECTOR_GONE, "%d", 1);
    gw_connector_cancel(&call);
    assert_int_equal(seen.done, 0);
    assert_int_equal(seen.cancelled, 1);
}

static void test_every_error_has_its_row(void **state)
{
    (void)state;
    for (int error = GW_CONNECTOR_OK + 1; error < GW_CONNECTOR_ERROR_COUNT; error++) {
        const struct gw_connector_error_row *row =
            gw_connector_error_row((enum gw_connector_error)error);
        const struct gw_problem_type *type = gw_problem_type_find(row->problem);
        assert_non_null(row->name);
        assert_memory_equal(row->type, "https://", 8);
        assert_non_null(type);
        assert_int_equal(type->status, row->status);
    }
}

static void test_functions_are_found_by_name(void **state)
{
    const struct gw_connector_type *type = NULL;

    (void)state;
    assert_non_null(gw_connector_find_function(GW_STR("http.request"), &type));
    assert_ptr_equal(type, gw_connector_find(GW_STR("http")));
    assert_null(gw_connector_find_function(GW_STR("http."), &type));
    assert_null(gw_connector_find_function(GW_STR("http"), &type));
    assert_null(gw_connector_find_function(GW_STR(".request"), &type));
    assert_null(gw_connector_find_function(GW_STR("https.request"), &type));
    assert_null(gw_connector_find(GW_STR("")));
}

static void test_keys_can_be_quoted(void **state)
{
    (void)state;
    assert_true(
        gw_str_equal(gw_connector_key_text(&arena, GW_STR("k/do/0/a#1")), GW_STR("k/do/0/a#1")));
    struct gw_str odd = gw_connector_key_text(&arena, GW_STR("k/do/0/a\"b"));
    struct gw_str other = gw_connector_key_text(&arena, GW_STR("k/do/0/a\"c"));
    assert_int_equal(odd.len, 64);
    assert_false(gw_str_equal(odd, other));
    assert_int_equal(gw_connector_key_text(&arena, GW_STR("\xc3\xa4")).len, 64);
}

static void test_no_answer_means_what_was_sent(void **state)
{
    static const struct {
        const char *problem;
        int backend_status;
        bool was_sent;
        enum gw_connector_error of_read, of_write;
    } cases[] = {
        {"backend-unreachable", 0, false, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE},
        {"backend-timeout", 0, true, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT},
        {"backend-timeout", 0, false, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE},
        {"bad-gateway", 200, true, GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT},
        {"bad-gateway", 401, true, GW_CONNECTOR_DENIED, GW_CONNECTOR_DENIED},
        {"bad-gateway", 404, true, GW_CONNECTOR_NOT_FOUND, GW_CONNECTOR_NOT_FOUND},
        {"malformed-request", 0, false, GW_CONNECTOR_WRONG, GW_CONNECTOR_WRONG},
        {"maintenance", 0, false, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const struct gw_call_answer answer = {.problem = cases[i].problem,
                                              .backend_status = cases[i].backend_status,
                                              .was_sent = cases[i].was_sent,
                                              .retry_ns = 5};
        struct gw_connector_failure failure;
        assert_int_equal(gw_connector_judge(&answer, false, &failure), cases[i].of_read);
        assert_int_equal(gw_connector_judge(&answer, true, &failure), cases[i].of_write);
        assert_int_equal(failure.retry_ns, 5);
        assert_true(gw_str_equal(failure.reason, gw_str_of(cases[i].problem)));
    }
}

/* Whoever was only too slow is told as such; of a write in doubt that is not what counts. */
static void test_lateness_is_told(void **state)
{
    static const struct gw_call_answer late = {
        .status = 504, .problem = GW_CONNECTOR_LATE, .was_sent = true};
    static const struct gw_call_answer away = {.status = 502, .problem = "backend-unreachable"};
    struct gw_connector_failure failure;

    (void)state;
    assert_non_null(gw_problem_type_find(GW_CONNECTOR_LATE));
    assert_int_equal(gw_connector_judge(&late, false, &failure), GW_CONNECTOR_UNAVAILABLE);
    assert_string_equal(failure.problem, GW_CONNECTOR_LATE);
    assert_int_equal(gw_connector_judge(&late, true, &failure), GW_CONNECTOR_IN_DOUBT);
    assert_null(failure.problem);
    assert_int_equal(gw_connector_judge(&away, false, &failure), GW_CONNECTOR_UNAVAILABLE);
    assert_null(failure.problem);
}

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments_are_looked_at_first),
        cmocka_unit_test(test_a_call_ends_once),
        cmocka_unit_test(test_every_error_has_its_row),
        cmocka_unit_test(test_functions_are_found_by_name),
        cmocka_unit_test(test_keys_can_be_quoted),
        cmocka_unit_test(test_no_answer_means_what_was_sent),
        cmocka_unit_test(test_lateness_is_told),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
