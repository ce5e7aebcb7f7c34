/* Answers of both versions in one shape; dates; refusals. */
#include "server/connector/odata/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "server/connector/odata/date.h"
#include "server/connector/odata/refusal.h"
#include "server/core/arena.h"
#include "server/core/buf.h"

static struct gw_arena arena;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 16 * 1024, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static void read_answer(enum odata_version version, enum odata_shape shape, const char *name,
                        const char *text, char *out, size_t room)
{
    const struct odata_settings settings = {
        .version = version, .midnight_is_date = true, .max_answer_bytes = 1 << 20};
    const struct odata_request request = {.shape = shape, .path = GW_STR("/A_Order")};
    struct odata_answer answer;
    struct gw_value value;
    struct gw_error error = {0};
    struct gw_buf buf;
    int rc = odata_answer_read(&arena, &settings, &request, gw_str_of(name), gw_str_of(text),
                               &answer, &error);

    if (rc != 0) {
        assert_int_equal(rc, -EBADMSG);
        snprintf(out, room, "! %s", error.text);
        return;
    }
    value = answer.value;
    if (shape == ODATA_LIST)
        assert_int_equal(odata_answer_make_list(&arena, &answer, &value), 0);
    gw_buf_init(&buf, room);
    gw_value_write(&buf, &value);
    snprintf(out, room, "%.*s", GW_STR_ARG(gw_buf_str(&buf)));
    gw_buf_finish(&buf);
}

struct row {
    enum odata_version version;
    enum odata_shape shape;
    const char *text, *wanted;
};

static void check(const struct row *rows, size_t count)
{
    char got[2048];

    for (size_t i = 0; i < count; i++) {
        read_answer(rows[i].version, rows[i].shape, "Post", rows[i].text, got, sizeof(got));
        bool is_right = rows[i].wanted[0] == '!'
                            ? strncmp(got, rows[i].wanted, strlen(rows[i].wanted)) == 0
                            : strcmp(got, rows[i].wanted) == 0;
        if (!is_right)
            fail_msg("%s\n got    %s\n wanted %s", rows[i].text, got, rows[i].wanted);
    }
}

static void both_versions_have_one_shape(void **state)
{
    static const char wanted[] =
        "{\"items\":[{\"Order\":\"1\",\"Quantity\":\"1234567890123456789012.345\",\"Due\":"
        "\"2026-11-23\",\"Changed\":\"2026-11-23T06:23:03.329Z\",\"to_Item\":[{\"Item\":\"10\"}],"
        "\"@etag\":\"W/\\\"x\\\"\"}],\"count\":3,\"next\":\"$skiptoken=1\"}";
    static const struct row rows[] = {
        {ODATA_V4, ODATA_LIST,
         "{\"@odata.context\":\"$metadata#A_Order\",\"@odata.count\":\"3\",\"value\":[{\"Order\":"
         "\"1\",\"Quantity\":\"1234567890123456789012.345\",\"Due\":\"2026-11-23\",\"Changed\":"
         "\"2026-11-23T06:23:03.329Z\",\"to_Item@odata.count\":1,\"to_Item\":[{\"Item\":\"10\"}],"
         "\"@odata.etag\":\"W/\\\"x\\\"\"}],\"@odata.nextLink\":\"A_Order?$skiptoken=1\"}",
         wanted},
        {ODATA_V2, ODATA_LIST,
         "{\"d\":{\"results\":[{\"Order\":\"1\",\"Quantity\":\"1234567890123456789012.345\","
         "\"Due\":\"/Date(1795392000000)/\",\"Changed\":\"/Date(1795414983329+0000)/\","
         "\"to_Item\":{\"results\":[{\"Item\":\"10\",\"__metadata\":{\"uri\":\"x\"}}]},"
         "\"to_Other\":{\"__deferred\":{\"uri\":\"x\"}},\"__metadata\":{\"uri\":\"x\",\"etag\":"
         "\"W/\\\"x\\\"\"}}],\"__count\":\"3\",\"__next\":"
         "\"http://localhost:1/odata/v2/erp/A_Order?$skiptoken=1\"}}",
         wanted},
        {ODATA_V4, ODATA_ENTITY,
         "{\"@odata.context\":\"x\",\"@odata.etag\":\"e\",\"Q\":0.10000000000000000000000001}",
         "{\"@etag\":\"e\",\"Q\":0.10000000000000000000000001}"},
        {ODATA_V2, ODATA_LIST, "{\"d\":[{\"A\":1}]}", "{\"items\":[{\"A\":1}]}"},
        {ODATA_V4, ODATA_ENTITY, "", "null"},
        {ODATA_V4, ODATA_LIST, "{\"value\":[]}", "{\"items\":[]}"},
        {ODATA_V4, ODATA_ENTITY,
         "{\"@odata.context\":\"x\",\"A\":1,\"to_B\":[],\"to_B@odata.nextLink\":\"A(1)/"
         "to_B?$skiptoken=2\"}",
         "{\"A\":1,\"to_B\":[],\"@incomplete\":true}"},
        {ODATA_V2, ODATA_ENTITY, "{\"d\":{\"to_B\":{\"results\":[],\"__next\":\"x\"}}}",
         "{\"to_B\":[],\"@incomplete\":true}"},
    };

    (void)state;
    check(rows, GW_COUNT_OF(rows));
}

static void what_operations_return(void **state)
{
    static const struct row rows[] = {
        {ODATA_V4, ODATA_ANY, "{\"@odata.context\":\"x#Edm.Decimal\",\"value\":7.50}", "7.50"},
        {ODATA_V4, ODATA_ANY, "{\"@odata.context\":\"x\",\"value\":[{\"A\":1}]}", "[{\"A\":1}]"},
        {ODATA_V4, ODATA_ANY, "{\"@odata.context\":\"x\",\"value\":1,\"A\":2}",
         "{\"value\":1,\"A\":2}"},
        {ODATA_V4, ODATA_ANY, "{\"value\":1}", "{\"value\":1}"},
        {ODATA_V2, ODATA_ANY, "{\"d\":{\"Post\":{\"A\":\"/Date(0)/\"}}}", "{\"A\":\"1970-01-01\"}"},
        {ODATA_V2, ODATA_ANY, "{\"d\":{\"Post\":\"7.5\"}}", "\"7.5\""},
        {ODATA_V2, ODATA_ANY, "{\"d\":{\"results\":[1]}}", "[1]"},
        {ODATA_V4, ODATA_ANY, "", "null"},
    };

    (void)state;
    check(rows, GW_COUNT_OF(rows));
}

static void rubbish_is_named(void **state)
{
    static const struct row rows[] = {
        {ODATA_V4, ODATA_LIST, "", "! the answer is no JSON"},
        {ODATA_V4, ODATA_LIST, "<html>", "! the answer is no JSON"},
        {ODATA_V4, ODATA_LIST, "{\"value\":[", "! the answer is no JSON"},
        {ODATA_V4, ODATA_LIST, "{}", "! the answer is not an OData one"},
        {ODATA_V4, ODATA_LIST, "[]", "! the answer is not an OData one"},
        {ODATA_V4, ODATA_LIST, "{\"value\":{}}", "! the answer is not an OData list"},
        {ODATA_V4, ODATA_LIST, "{\"value\":[{\"A\":1},2]}",
         "! an item of the answer is not an OData entity"},
        {ODATA_V4, ODATA_LIST, "{\"value\":[null]}",
         "! an item of the answer is not an OData entity"},
        {ODATA_V2, ODATA_LIST, "{\"d\":{\"results\":[[1]]}}",
         "! an item of the answer is not an OData entity"},
        {ODATA_V2, ODATA_LIST, "{\"d\":[\"x\"]}", "! an item of the answer is not an OData entity"},
        {ODATA_V2, ODATA_LIST, "", "! the answer is no JSON"},
        {ODATA_V4, ODATA_ENTITY, "{\"hello\":1}", "! the answer is not an OData entity"},
        {ODATA_V4, ODATA_ENTITY, "7", "! the answer is not an OData one"},
        {ODATA_V2, ODATA_ENTITY, "{\"e\":1}", "! the answer is not an OData one"},
        {ODATA_V2, ODATA_ENTITY, "{\"d\":[]}", "! the answer is not an OData entity"},
        {ODATA_V2, ODATA_LIST, "{\"d\":{}}", "! the answer is not an OData list"},
        {ODATA_V4, ODATA_LIST, "{\"value\":[],\"@odata.nextLink\":7}", "! the link to the next"},
        {ODATA_V4, ODATA_LIST, "{\"value\":[],\"@odata.nextLink\":\"http://x/Other?a=1\"}",
         "! the link to the next page leads elsewhere: Other"},
        {ODATA_V4, ODATA_LIST, "{\"value\":[],\"@odata.nextLink\":\"A_Order?a b\"}",
         "! the link to the next page is no URL"},
        {ODATA_V4, ODATA_LIST, "{\"value\":[],\"@odata.nextLink\":\"A_Order\"}",
         "! the link to the next page has no query"},
    };
    static char deep[300];

    (void)state;
    check(rows, GW_COUNT_OF(rows));
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    check(&(struct row){ODATA_V4, ODATA_ANY, deep, "! the answer is no JSON that can be read"}, 1);
}

static void dates_go_both_ways(void **state)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"/Date(0)/", "1970-01-01"},
        {"/Date(1)/", "1970-01-01T00:00:00.001Z"},
        {"/Date(-1)/", "1969-12-31T23:59:59.999Z"},
        {"/Date(0+0000)/", "1970-01-01T00:00:00Z"},
        {"/Date(0+0060)/", "1970-01-01T01:00:00+01:00"},
        {"/Date(0-0330)/", "1969-12-31T18:30:00-05:30"},
        {"/Date(951782400000)/", "2000-02-29"},
        {"/Date(4107542400000)/", "2100-03-01"},
        {"/Date(-62135596800000)/", "0001-01-01"},
        {"/Date(253402300799999)/", "9999-12-31T23:59:59.999Z"},
        {"/Date(253402300800000)/", NULL},
        {"/Date(-62135596800001)/", NULL},
        {"/Date()/", NULL},
        {"/Date(1", NULL},
        {"/Date(1)", NULL},
        {"/Date(x)/", NULL},
        {"/Date(1+)/", NULL},
        {"/Date(1+9999)/", NULL},
        {"/Date(1*0000)/", NULL},
        {"/Date(99999999999999999999)/", NULL},
    };
    struct gw_str text;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        int rc = odata_date_read(&arena, gw_str_of(rows[i].text), true, &text);
        assert_int_equal(rc, rows[i].wanted != NULL ? 0 : -ENOENT);
        if (rc == 0)
            assert_string_equal(text.ptr, rows[i].wanted);
    }
    assert_int_equal(odata_date_read(&arena, GW_STR("/Date(0)/"), false, &text), 0);
    assert_string_equal(text.ptr, "1970-01-01T00:00:00Z");
}

static void dates_come_back(void **state)
{
    struct gw_buf buf;
    struct gw_str text;

    (void)state;
    for (int64_t day = -719162; day < 2932896; day += 97) {
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "/Date(%lld)/", (long long)day * 86400000);
        assert_int_equal(odata_date_read(&arena, gw_str_of(wanted), true, &text), 0);
        gw_buf_init(&buf, 64);
        odata_date_write(&buf, text, true);
        assert_int_equal(buf.len, strlen(wanted));
        assert_memory_equal(buf.ptr, wanted, buf.len);
        gw_buf_finish(&buf);
        gw_arena_reset(&arena);
    }
    gw_buf_init(&buf, 64);
    odata_date_write(&buf, GW_STR("2026-11-23T10:00:00.25+01:30"), false);
    assert_memory_equal(buf.ptr, "/Date(1795422600250+0090)/", buf.len);
    gw_buf_finish(&buf);
}

static void refusals_have_a_class(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum odata_ask ask;
        enum gw_connector_error error;
        const char *message, *code;
    } rows[] = {
        {404, "{\"error\":{\"message\":\"Not Found\",\"code\":\"404\"}}", ODATA_READING,
         GW_CONNECTOR_NOT_FOUND, "Not Found", "404"},
        {404,
         "{\"error\":{\"code\":\"404\",\"message\":{\"lang\":\"en\",\"value\":\"Not Found\"},"
         "\"innererror\":{\"errordetails\":[]}}}",
         ODATA_READING, GW_CONNECTOR_NOT_FOUND, "Not Found", "404"},
        {400,
         "{\"error\":{\"message\":\"Multiple errors\",\"code\":\"M\",\"details\":[{\"message\":"
         "\"Provide the missing value.\",\"target\":\"Plant\"}]}}",
         ODATA_WRITING, GW_CONNECTOR_REFUSED,
         "Multiple errors: Provide the missing value. (at Plant)", "M"},
        {500, "{\"error\":{\"message\":\"x\",\"code\":\"SQLITE_CONSTRAINT_PRIMARYKEY\"}}",
         ODATA_WRITING, GW_CONNECTOR_CONFLICT, "x", "SQLITE_CONSTRAINT_PRIMARYKEY"},
        {500, "{\"error\":{\"message\":\"UNIQUE constraint failed: a.b\",\"code\":\"E\"}}",
         ODATA_WRITING, GW_CONNECTOR_CONFLICT, "UNIQUE constraint failed: a.b", "E"},
        {500, "{\"error\":{\"message\":\"NOT NULL constraint failed: a\",\"code\":\"E\"}}",
         ODATA_WRITING, GW_CONNECTOR_REFUSED, "NOT NULL constraint failed: a", "E"},
        {500, "{\"error\":{\"message\":\"database is locked\",\"code\":\"SQLITE_BUSY\"}}",
         ODATA_WRITING, GW_CONNECTOR_UNAVAILABLE, "database is locked", "SQLITE_BUSY"},
        {500, "{\"error\":{\"message\":\"boom\",\"code\":\"1\"}}", ODATA_WRITING,
         GW_CONNECTOR_IN_DOUBT, "boom", "1"},
        {500, "{\"error\":{\"message\":\"boom\",\"code\":\"1\"}}", ODATA_WRITING_ONCE,
         GW_CONNECTOR_UNAVAILABLE, "boom", "1"},
        {500, "<h1>", ODATA_READING, GW_CONNECTOR_RUBBISH, "", ""},
        {400, "{\"error\":{\"message\":\"Entity already exists\",\"code\":\"400\"}}", ODATA_WRITING,
         GW_CONNECTOR_CONFLICT, "Entity already exists", "400"},
        {412, "", ODATA_WRITING, GW_CONNECTOR_CONFLICT, "", ""},
        {409, "", ODATA_WRITING, GW_CONNECTOR_CONFLICT, "", ""},
        {410, "", ODATA_READING, GW_CONNECTOR_GONE, "", ""},
        {422, "", ODATA_WRITING, GW_CONNECTOR_REFUSED, "", ""},
        {423, "", ODATA_WRITING, GW_CONNECTOR_UNAVAILABLE, "", ""},
        {428, "", ODATA_WRITING, GW_CONNECTOR_WRONG, "", ""},
        {429, "", ODATA_WRITING, GW_CONNECTOR_UNAVAILABLE, "", ""},
        {401, "", ODATA_READING, GW_CONNECTOR_DENIED, "", ""},
        {403, "", ODATA_WRITING, GW_CONNECTOR_DENIED, "", ""},
        {405, "", ODATA_WRITING, GW_CONNECTOR_WRONG, "", ""},
        {501, "", ODATA_WRITING, GW_CONNECTOR_WRONG, "", ""},
        {502, "", ODATA_WRITING, GW_CONNECTOR_IN_DOUBT, "", ""},
        {503, "", ODATA_WRITING, GW_CONNECTOR_UNAVAILABLE, "", ""},
        {504, "", ODATA_READING, GW_CONNECTOR_UNAVAILABLE, "", ""},
        {302, "", ODATA_READING, GW_CONNECTOR_RUBBISH, "", ""},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct odata_refusal refusal;
        assert_int_equal(odata_refusal_read(&arena, gw_str_of(rows[i].body), &refusal), 0);
        enum gw_connector_error error = odata_refusal_class(rows[i].status, &refusal, rows[i].ask);
        if (error != rows[i].error)
            fail_msg("%d %s: %d", rows[i].status, rows[i].body, (int)error);
        assert_true(gw_str_equal(refusal.message, gw_str_of(rows[i].message)));
        assert_true(gw_str_equal(refusal.code, gw_str_of(rows[i].code)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_versions_have_one_shape, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_operations_return, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rubbish_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dates_go_both_ways, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dates_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals_have_a_class, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
