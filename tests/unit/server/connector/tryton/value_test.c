/* Values to Tryton and back, and what its answers mean. */
#include "server/connector/tryton/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/connector/tryton/answer.h"
#include "server/core/buf.h"

static struct gw_arena arena;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, (size_t)1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static struct gw_value parse(const char *text)
{
    struct gw_json_error error;
    struct gw_value value;

    assert_int_equal(gw_value_read(&arena, gw_str_of(text), NULL, &value, &error), 0);
    return value;
}

static void print(struct gw_buf *buf, char *out, size_t capacity)
{
    assert_false(buf->has_failed);
    snprintf(out, capacity, "%.*s", GW_STR_ARG(gw_buf_str(buf)));
    gw_buf_finish(buf);
}

/* --- arguments -------------------------------------------------------------------------------- */

static void assert_written(const char *argument, const char *wire)
{
    struct gw_value value = parse(argument);
    struct gw_error error = {0};
    struct gw_buf buf;
    char text[1024];

    gw_buf_init(&buf, 4096);
    assert_int_equal(tryton_value_write(&buf, &value, &error), 0);
    print(&buf, text, sizeof(text));
    assert_string_equal(text, wire);
}

static void assert_refused(const char *argument, const char *part)
{
    struct gw_value value = parse(argument);
    struct gw_error error = {0};
    struct gw_buf buf;

    gw_buf_init(&buf, 4096);
    assert_int_equal(tryton_value_write(&buf, &value, &error), -EINVAL);
    gw_buf_finish(&buf);
    if (strstr(error.text, part) == NULL)
        fail_msg("%s: %s", argument, error.text);
}

static void test_marks(void **state)
{
    (void)state;
    assert_written("{\"$decimal\":\"1.50\"}", "{\"__class__\":\"Decimal\",\"decimal\":\"1.50\"}");
    assert_written("{\"$decimal\":12345678901234567890.10}",
                   "{\"__class__\":\"Decimal\",\"decimal\":\"12345678901234567890.10\"}");
    assert_written("{\"$date\":\"2026-11-23\"}",
                   "{\"__class__\":\"date\",\"year\":2026,\"month\":11,\"day\":23}");
    assert_written("{\"$time\":\"09:05:07.5\"}",
                   "{\"__class__\":\"time\",\"hour\":9,\"minute\":5,\"second\":7,"
                   "\"microsecond\":500000}");
    assert_written("{\"$seconds\":1.046}", "{\"__class__\":\"timedelta\",\"seconds\":1.046}");
    assert_written("{\"$bytes\":\"TWlsbA==\"}",
                   "{\"__class__\":\"bytes\",\"base64\":\"TWlsbA==\"}");
    assert_written("[[\"a\",\"=\",{\"$decimal\":1}],{\"b\":[null,true,1.0]}]",
                   "[[\"a\",\"=\",{\"__class__\":\"Decimal\",\"decimal\":\"1\"}],"
                   "{\"b\":[null,true,1.0]}]");
    assert_written("{}", "{}");
}

#define MOMENT(y, mo, d, h, mi, s, us)                                                      \
    "{\"__class__\":\"datetime\",\"year\":" y ",\"month\":" mo ",\"day\":" d ",\"hour\":" h \
    ",\"minute\":" mi ",\"second\":" s ",\"microsecond\":" us "}"

static void test_moments_are_in_utc(void **state)
{
    (void)state;
    assert_written("{\"$datetime\":\"2026-11-23T10:00:00Z\"}",
                   MOMENT("2026", "11", "23", "10", "0", "0", "0"));
    assert_written("{\"$datetime\":\"2026-03-01T00:30:00.1234567+01:00\"}",
                   MOMENT("2026", "2", "28", "23", "30", "0", "123456"));
    assert_written("{\"$datetime\":\"2028-02-28T23:30:00-01:00\"}",
                   MOMENT("2028", "2", "29", "0", "30", "0", "0"));
    assert_written("{\"$datetime\":\"2026-12-31T20:00:59-05:30\"}",
                   MOMENT("2027", "1", "1", "1", "30", "59", "0"));
    assert_written("{\"$datetime\":\"2026-01-01t00:00:00.000001+00:01\"}",
                   MOMENT("2025", "12", "31", "23", "59", "0", "1"));
    assert_refused("{\"$datetime\":\"0001-01-01T00:00:00+00:01\"}", "$datetime");
    assert_refused("{\"$datetime\":\"9999-12-31T23:59:00-00:01\"}", "$datetime");
    assert_refused("{\"$datetime\":\"2016-12-31T23:59:60Z\"}", "$datetime");
    assert_refused("{\"$datetime\":\"2026-11-23T10:00:00\"}", "$datetime");
}

static void test_marks_that_are_wrong(void **state)
{
    (void)state;
    assert_refused("{\"$decimal\":\"1,5\"}", "$decimal");
    assert_refused("{\"$decimal\":\"NaN\"}", "$decimal");
    assert_refused("{\"$decimal\":\"1\\\",\\\"x\\\":\\\"\"}", "$decimal");
    assert_refused("{\"$decimal\":null}", "$decimal");
    assert_refused("{\"$date\":\"2026-02-30\"}", "$date");
    assert_refused("{\"$date\":\"0000-01-01\"}", "$date");
    assert_refused("{\"$time\":\"24:00:00\"}", "$time");
    assert_refused("{\"$time\":\"10:00:00.\"}", "$time");
    assert_refused("{\"$time\":\"10:00\"}", "$time");
    assert_refused("{\"$time\":\"10:00:00Z\"}", "$time");
    assert_refused("{\"$seconds\":\"1\"}", "$seconds");
    assert_refused("{\"$bytes\":\"abc\"}", "$bytes");
    assert_refused("{\"$bytes\":\"a\\n==\"}", "$bytes");
    assert_refused("{\"$guid\":\"x\"}", "$guid");
    assert_refused("{\"$date\":\"2026-11-23\",\"x\":1}", "alone");
    assert_refused("{\"a\":[{\"__class__\":\"Decimal\",\"decimal\":\"1\"}]}", "__class__");
}

static void test_depth_has_a_bound(void **state)
{
    char text[2 * (TRYTON_MAX_DEPTH + 2) + 1];
    size_t depth = TRYTON_MAX_DEPTH + 2;

    (void)state;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
    assert_refused(text, "deeper");
    assert_written("[[[[]]]]", "[[[[]]]]");
}

/* --- results ---------------------------------------------------------------------------------- */

static void assert_read(const char *wire, const char *result)
{
    struct gw_value value = parse(wire), read;
    struct gw_buf buf;
    char text[1024];

    assert_int_equal(tryton_value_read(&arena, &value, &read), 0);
    gw_buf_init(&buf, 4096);
    gw_value_write(&buf, &read);
    print(&buf, text, sizeof(text));
    assert_string_equal(text, result);
}

static void assert_decimal(const char *python, const char *text)
{
    char wire[128], result[128];

    snprintf(wire, sizeof(wire), "{\"__class__\":\"Decimal\",\"decimal\":\"%s\"}", python);
    snprintf(result, sizeof(result), "\"%s\"", text);
    assert_read(wire, result);
}

static void test_decimals_are_plain(void **state)
{
    (void)state;
    assert_decimal("0.2500", "0.2500");
    assert_decimal("-12345678901234567890.10", "-12345678901234567890.10");
    assert_decimal("0E-8", "0");
    assert_decimal("1E+2", "100");
    assert_decimal("-1.25E-7", "-0.000000125");
    assert_decimal("1.25E+1", "12.5");
    assert_decimal("1.23456E+3", "1234.56");
    assert_decimal("12E-1", "1.2");
    assert_decimal("NaN", "NaN");
    assert_decimal("1E+999999", "1E+999999");
}

static void test_classes(void **state)
{
    (void)state;
    assert_read("{\"__class__\":\"date\",\"year\":2026,\"month\":1,\"day\":2}", "\"2026-01-02\"");
    assert_read(MOMENT("2026", "1", "2", "3", "4", "5", "0"), "\"2026-01-02T03:04:05Z\"");
    assert_read(MOMENT("2026", "1", "2", "3", "4", "5", "60"), "\"2026-01-02T03:04:05.000060Z\"");
    assert_read("{\"__class__\":\"time\",\"hour\":3,\"minute\":4,\"second\":5,\"microsecond\":0}",
                "\"03:04:05\"");
    assert_read("{\"__class__\":\"timedelta\",\"seconds\":-1.046}", "-1.046");
    assert_read("{\"__class__\":\"bytes\",\"base64\":\"TWls\\nbA==\\n\"}", "\"TWlsbA==\"");
    assert_read("{\"__class__\":\"Other\",\"x\":1}", "{\"__class__\":\"Other\",\"x\":1}");
    assert_read("[12345678901234567890,1e400,{\"a\":null}]",
                "[12345678901234567890,1e400,{\"a\":null}]");
}

static void test_dotted_fields(void **state)
{
    (void)state;
    assert_read("{\"product.\":{\"code\":\"A\",\"id\":7},\"product\":7,\"id\":1}",
                "{\"product\":{\"code\":\"A\",\"id\":7},\"id\":1}");
    assert_read("{\"product\":7,\"product.\":{\"code\":\"A\"}}", "{\"product\":{\"code\":\"A\"}}");
    assert_read("{\"lines.\":[{\"product.\":{\"code\":\"A\"},\"quantity\":1.5}]}",
                "{\"lines\":[{\"quantity\":1.5,\"product\":{\"code\":\"A\"}}]}");
    assert_read("{\"party.\":null}", "{\"party\":null}");
    assert_read("{\".\":1}", "{\".\":1}");
}

static void test_classes_that_are_none(void **state)
{
    static const char *const wires[] = {
        "{\"__class__\":\"Decimal\"}",
        "{\"__class__\":\"Decimal\",\"decimal\":1}",
        "{\"__class__\":\"date\",\"year\":2026,\"month\":13,\"day\":2}",
        "{\"__class__\":\"date\",\"year\":2026,\"month\":1.5,\"day\":2}",
        "{\"__class__\":\"date\",\"year\":-1,\"month\":1,\"day\":2}",
        "{\"__class__\":\"datetime\",\"year\":2026,\"month\":1,\"day\":2}",
        "{\"__class__\":\"time\",\"hour\":24,\"minute\":4,\"second\":5,\"microsecond\":0}",
        "[{\"__class__\":\"timedelta\",\"seconds\":\"1\"}]",
        "{\"a\":{\"__class__\":\"bytes\"}}",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(wires); i++) {
        struct gw_value value = parse(wires[i]), read;
        assert_int_equal(tryton_value_read(&arena, &value, &read), -EINVAL);
    }
}

/* --- answers ---------------------------------------------------------------------------------- */

static void assert_answer(int status, const char *body, enum gw_connector_error of_read,
                          enum gw_connector_error of_write, const char *code)
{
    const struct gw_call_answer answer = {
        .status = status, .backend_status = status, .was_sent = true, .body = gw_str_of(body)};
    struct gw_connector_failure failure;
    struct gw_value result;

    for (int is_write = 0; is_write < 2; is_write++) {
        enum gw_connector_error wanted = is_write ? of_write : of_read;
        enum gw_connector_error error =
            tryton_answer_read(&arena, &answer, is_write, &result, &failure);
        if (error != wanted)
            fail_msg("%d %s: %s", status, body, gw_connector_error_row(error)->name);
        if (error == GW_CONNECTOR_OK)
            continue;
        assert_int_equal(failure.error, error);
        assert_int_equal(failure.backend_status, status);
        assert_true(gw_str_equal(failure.code, gw_str_of(code)));
    }
}

static void assert_error(const char *error, enum gw_connector_error both, const char *code)
{
    char body[512];

    snprintf(body, sizeof(body), "{\"id\":1,\"error\":%s}", error);
    assert_answer(200, body, both, both, code);
}

static void test_errors_in_the_body(void **state)
{
    (void)state;
    assert_answer(200, "{\"id\":1,\"result\":null}", GW_CONNECTOR_OK, GW_CONNECTOR_OK, "");
    assert_error("[\"UserError\",[\"A value is required\",\"\",null]]", GW_CONNECTOR_REFUSED,
                 "UserError");
    assert_error("[\"UserWarning\",[\"name\",\"Are you sure?\",\"\"]]", GW_CONNECTOR_REFUSED,
                 "UserWarning");
    assert_error("[\"ConcurrencyException\",\"Records were modified\"]", GW_CONNECTOR_CONFLICT,
                 "ConcurrencyException");
    assert_error("[\"LoginException\",[\"password\",\"Password\",\"password\"]]",
                 GW_CONNECTOR_DENIED, "LoginException");
    assert_error("[\"'nofield'\",\"\"]", GW_CONNECTOR_WRONG, "error");
    assert_error("[\"database is locked\",\"\"]", GW_CONNECTOR_UNAVAILABLE, "busy");
    assert_error("[\"could not serialize access due to concurrent update\",\"\"]",
                 GW_CONNECTOR_UNAVAILABLE, "busy");
    assert_error("[]", GW_CONNECTOR_WRONG, "error");
    assert_error("7", GW_CONNECTOR_WRONG, "error");
    assert_answer(
        200,
        "{\"id\":1,\"error\":[\"UserError\",[\"You are trying to write to records \\\"3\\\" "
        "of \\\"Session\\\" that don't exist anymore.\",\"\",null]]}",
        GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT, "session-end");
}

static void test_statuses(void **state)
{
    static const char html[] = "<!doctype html><title>x</title>";

    (void)state;
    assert_answer(401, "", GW_CONNECTOR_DENIED, GW_CONNECTOR_DENIED, "session");
    assert_answer(403, html, GW_CONNECTOR_DENIED, GW_CONNECTOR_DENIED, "method");
    assert_answer(400, html, GW_CONNECTOR_WRONG, GW_CONNECTOR_WRONG, "request");
    assert_answer(404, html, GW_CONNECTOR_WRONG, GW_CONNECTOR_WRONG, "request");
    assert_answer(429, html, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE, "");
    assert_answer(503, html, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE, "");
    assert_answer(500, html, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT, "");
    assert_answer(200, html, GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT, "rubbish");
    assert_answer(200, "{\"id\":1}", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT, "rubbish");
    assert_answer(200, "null", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT, "rubbish");
    assert_answer(200, "", GW_CONNECTOR_RUBBISH, GW_CONNECTOR_IN_DOUBT, "rubbish");
}

static void test_reasons_are_bounded(void **state)
{
    char body[4096];
    struct gw_call_answer answer = {.status = 200, .backend_status = 200, .was_sent = true};
    struct gw_connector_failure failure;
    struct gw_value result;

    (void)state;
    snprintf(body, sizeof(body), "{\"id\":1,\"error\":[\"UserError\",[\"%03000d\",\"end\"]]}", 7);
    answer.body = gw_str_of(body);
    assert_int_equal(tryton_answer_read(&arena, &answer, false, &result, &failure),
                     GW_CONNECTOR_REFUSED);
    assert_int_equal(failure.reason.len, 512);
}

/* Whatever the arena has room for: an answer that is read whole, or a failure; never half of it. */
static void test_without_memory(void **state)
{
    static const char body[] =
        "{\"id\":1,\"result\":[{\"a\\u0041\":{\"__class__\":\"Decimal\",\"decimal\":\"1E+2\"},"
        "\"b.\":[{\"c\":{\"__class__\":\"bytes\",\"base64\":\"TWls\"}}],\"b\":1,"
        "\"d\":{\"__class__\":\"date\",\"year\":2026,\"month\":1,\"day\":2}}]}";
    const struct gw_call_answer answer = {
        .status = 200, .backend_status = 200, .was_sent = true, .body = GW_STR(body)};
    unsigned failures = 0, successes = 0;

    (void)state;
    for (size_t room = 64; room < 16384; room += 64) {
        struct gw_connector_failure failure;
        struct gw_value wire, value;
        struct gw_arena small;
        gw_arena_init(&small, 64, room);
        bool is_read =
            tryton_answer_read(&small, &answer, false, &wire, &failure) == GW_CONNECTOR_OK &&
            tryton_value_read(&small, &wire, &value) == 0;
        failures += is_read ? 0 : 1;
        successes += is_read ? 1 : 0;
        if (is_read) {
            struct gw_buf buf;
            char text[256];
            gw_buf_init(&buf, 4096);
            gw_value_write(&buf, &value);
            print(&buf, text, sizeof(text));
            assert_string_equal(text,
                                "[{\"aA\":\"100\",\"b\":[{\"c\":\"TWls\"}],\"d\":\"2026-01-02\"}]");
        }
        gw_arena_finish(&small);
    }
    assert_true(failures > 3 && successes > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_marks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_moments_are_in_utc, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_marks_that_are_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth_has_a_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decimals_are_plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_classes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dotted_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_classes_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors_in_the_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_statuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reasons_are_bounded, set_up, tear_down),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
