/* $batch: both ways of writing, and what answers mean together. */
#include "server/connector/odata/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "server/core/arena.h"
#include "server/core/buf.h"

#define MIXED GW_STR("multipart/mixed; boundary=b")

static const struct odata_settings v4 = {
    .version = ODATA_V4, .exact_numbers = true, .max_answer_bytes = 1 << 20};
static struct gw_arena arena;
static struct odata_batch batch;
static struct gw_error error;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 16 * 1024, 64 << 20);
    batch = (struct odata_batch){0};
    error = (struct gw_error){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

/* `text` with ` for ". */
static int read_batch(const char *text)
{
    struct gw_str copy = gw_arena_copy(&arena, gw_str_of(text));
    struct gw_value *arguments = gw_arena_alloc(&arena, sizeof(*arguments));
    struct gw_json_error flaw;

    for (size_t i = 0; i < copy.len; i++)
        if (copy.ptr[i] == '`')
            ((char *)(uintptr_t)copy.ptr)[i] = '"';
    if (gw_value_read(&arena, copy, NULL, arguments, &flaw) != 0)
        fail_msg("%s: %s", text, flaw.text);
    const struct odata_builder builder = {
        .arena = &arena, .settings = &v4, .arguments = arguments, .error = &error};
    return odata_batch_read(&builder, &batch);
}

#define CREATE(id, more) "{`id`:`" id "`,`function`:`create`,`entity`:`A`,`body`:{`X`:1}" more "}"
#define READ(id) "{`id`:`" id "`,`function`:`read`,`entity`:`A`,`key`:1}"
#define GROUP ",`group`:`g`"

static void open_group(void)
{
    assert_int_equal(
        read_batch("{`requests`:[" CREATE("a", GROUP) "," CREATE("b", GROUP) "," READ("c") "]}"),
        0);
}

static void expect_written(const struct gw_buf *buf, const char *wanted)
{
    assert_false(buf->has_failed);
    if (buf->len != strlen(wanted) || memcmp(buf->ptr, wanted, buf->len) != 0)
        fail_msg("got    %.*s\nwanted %s", GW_STR_ARG(gw_buf_str(buf)), wanted);
}

static void settle(void)
{
    assert_int_equal(odata_batch_settle(&arena, &v4, ODATA_WRITING, &batch), 0);
}

static void expect_result(const char *wanted)
{
    struct gw_value result;
    struct gw_buf buf;

    assert_int_equal(odata_batch_make_result(&arena, &batch, &result), 0);
    gw_buf_init(&buf, 64 * 1024);
    gw_value_write(&buf, &result);
    expect_written(&buf, wanted);
    gw_buf_finish(&buf);
}

/* --- requests --------------------------------------------------------------------------------- */

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"{}", "requests must be a list of 1 to 100"},
        {"{`requests`:[]}", "requests must be a list of 1 to 100"},
        {"{`requests`:[{`function`:`batch`}]}", "requests[0]: \"batch\" is no function of a batch"},
        {"{`requests`:[" READ("a") "," READ("a") "]}", "requests[1]: the id \"a\" stands twice"},
        {"{`requests`:[" READ("7") "]}", "requests[0]: \"7\" is no id"},
        {"{`requests`:[{`function`:`read`,`entity`:`A`,`key`:1,`group`:`g`}]}",
         "requests[0]: r1: a group has writes only"},
        {"{`requests`:[" CREATE("a", GROUP) "," CREATE("b", "") "," CREATE("c", GROUP) "]}",
         "requests[2]: the members of group \"g\" must stand behind each other"},
        {"{`requests`:[{`function`:`create`,`entity`:`$a`,`body`:{}}]}",
         "requests[0]: r1: no member \"a\" stands before it"},
        {"{`requests`:[" CREATE("a", ",`dependsOn`:[`b`]") "]}",
         "requests[0]: a: dependsOn names no member before it"},
        {"{`requests`:[7]}", "requests[0]: \"\" is no function of a batch"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        assert_int_equal(read_batch(rows[i].text), -EINVAL);
        if (strncmp(error.text, rows[i].why, strlen(rows[i].why)) != 0)
            fail_msg("%s: %s", rows[i].text, error.text);
    }
}

static void parts_of_effects_are_seen(void **state)
{
    (void)state;
    assert_int_equal(read_batch("{`requests`:[" READ("a") "," READ("b") "]}"), 0);
    assert_false(batch.has_writes || batch.can_be_partial);
    assert_int_equal(read_batch("{`requests`:[" CREATE("a", GROUP) "," CREATE("b", GROUP) "]}"), 0);
    assert_true(batch.has_writes && !batch.can_be_partial);
    assert_int_equal(read_batch("{`requests`:[" CREATE("a", "") "," CREATE("b", "") "]}"), 0);
    assert_true(batch.can_be_partial);
    assert_int_equal(read_batch("{`requests`:[" CREATE("a", "") "," READ("b") "]}"), 0);
    assert_true(batch.can_be_partial);
}

static void json_is_written(void **state)
{
    struct gw_buf buf;

    (void)state;
    assert_int_equal(
        read_batch("{`requests`:[" CREATE(
            "a", GROUP) ",{`id`:`b`,`function`:`create`,`entity`:`$a`,`navigation`:`to_B`,"
                        "`body`:{},`group`:`g`},{`id`:`c`,`function`:`delete`,`entity`:`A`,"
                        "`key`:`x y`,`etag`:`*`,`dependsOn`:[`a`]}]}"),
        0);
    gw_buf_init(&buf, 64 * 1024);
    odata_batch_write_json(&buf, &v4, &batch);
#define TYPE "application/json;IEEE754Compatible=true"
    expect_written(
        &buf, "{\"requests\":[{\"id\":\"a\",\"atomicityGroup\":\"g\",\"method\":\"POST\",\"url\":"
              "\"A\",\"headers\":{\"accept\":\"" TYPE "\",\"content-type\":\"" TYPE
              "\"},\"body\":{\"X\":1}},{\"id\":\"b\",\"atomicityGroup\":\"g\",\"dependsOn\":[\"a\"]"
              ",\"method\":\"POST\",\"url\":\"$a/to_B\",\"headers\":{\"accept\":\"" TYPE
              "\",\"content-type\":\"" TYPE "\"},\"body\":{}},{\"id\":\"c\",\"dependsOn\":[\"a\"],"
              "\"method\":\"DELETE\",\"url\":\"A('x%20y')\",\"headers\":{\"accept\":\"" TYPE
              "\",\"if-match\":\"*\"}}]}");
#undef TYPE
    gw_buf_finish(&buf);
}

static void multipart_is_written(void **state)
{
    struct gw_buf buf;

    (void)state;
    open_group();
    gw_buf_init(&buf, 64 * 1024);
    odata_batch_write_multipart(&buf, &batch);
#define HTTP(id)                                                                             \
    "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: " id \
    "\r\n\r\n"
#define POST                                                                            \
    "POST A HTTP/1.1\r\nAccept: application/json\r\nContent-Type: application/json\r\n" \
    "Content-Length: 7\r\n\r\n{\"X\":1}\r\n"
    expect_written(&buf, "--batch_of_millgate\r\nContent-Type: multipart/mixed; boundary=changes_0"
                         "\r\n\r\n--changes_0\r\n" HTTP("a") POST "--changes_0\r\n" HTTP("b") POST
                   "--changes_0--\r\n--batch_of_millgate\r\n" HTTP(
                       "c") "GET A(1) HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n"
                            "--batch_of_millgate--\r\n");
    gw_buf_finish(&buf);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void a_rolled_back_201_is_no_success(void **state)
{
    static const char answer[] =
        "{\"responses\":[{\"id\":\"a\",\"status\":201,\"body\":{\"X\":1}},{\"id\":\"b\",\"status\":"
        "409,\"body\":{\"error\":{\"message\":\"taken\",\"code\":\"D\"}}},{\"id\":\"c\",\"status\":"
        "200,\"headers\":{\"ETag\":\"e\"},\"body\":{\"X\":2}}]}";

    (void)state;
    open_group();
    assert_int_equal(odata_batch_take_json(&arena, &v4, gw_str_of(answer), &batch, &error), 0);
    settle();
    assert_true(gw_str_equal(odata_batch_culprit(&batch)->id, GW_STR("b")));
    assert_int_equal(odata_batch_culprit(&batch)->error, GW_CONNECTOR_CONFLICT);
    expect_result(
        "{\"ok\":false,\"responses\":[{\"id\":\"a\",\"ok\":false,\"status\":201,\"error\":{"
        "\"class\":"
        "\"refused\",\"code\":\"\",\"message\":\"another one of its group has failed\"},"
        "\"rolledBack\":true},{\"id\":\"b\",\"ok\":false,\"status\":409,\"error\":{\"class\":"
        "\"conflict\",\"code\":\"D\",\"message\":\"taken\"}},{\"id\":\"c\",\"ok\":true,\"status\":"
        "200,\"result\":{\"X\":2,\"@etag\":\"e\"}}]}");
}

static void a_missing_answer_is_no_success(void **state)
{
    static const char answer[] = "{\"responses\":[{\"id\":\"a\",\"status\":201,\"body\":{\"X\":1}},"
                                 "{\"id\":\"c\",\"status\":200,\"body\":{}}]}";

    (void)state;
    open_group();
    assert_int_equal(odata_batch_take_json(&arena, &v4, gw_str_of(answer), &batch, &error), 0);
    settle();
    assert_int_equal(batch.members[0].error, GW_CONNECTOR_IN_DOUBT);
    assert_int_equal(batch.members[1].error, GW_CONNECTOR_IN_DOUBT);
    assert_int_equal(batch.members[2].error, GW_CONNECTOR_OK);
}

static void rubbish_is_no_answer(void **state)
{
    static const char *const rows[] = {
        "<html>",
        "{}",
        "{\"responses\":7}",
        "{\"responses\":[{\"id\":\"a\"}]}",
        "{\"responses\":[{\"id\":\"a\",\"status\":7}]}",
        "{\"responses\":[{\"id\":\"z\",\"status\":200}]}",
        "{\"responses\":[{\"id\":\"a\",\"status\":200},{\"id\":\"a\",\"status\":200}]}",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        open_group();
        assert_int_equal(odata_batch_take_json(&arena, &v4, gw_str_of(rows[i]), &batch, &error),
                         -EBADMSG);
    }
}

#define PART "content-type: application/http\r\n\r\n"

static void multipart_is_read(void **state)
{
    static const char answer[] =
        "--b\r\nContent-Type: multipart/mixed; boundary=\"in\"\r\n\r\n"
        "--in\r\n" PART "HTTP/1.1 201 Created\r\nETag: W/\"1\"\r\n\r\n"
        "{\"@odata.context\":\"$metadata#A/$entity\",\"X\":1}\r\n"
        "--in\r\nContent-ID: b\r\n" PART "HTTP/1.1 204 No Content\r\n\r\n\r\n--in--\r\n"
        "--b\r\n" PART "HTTP/1.1 404 Not Found\r\n\r\n{\"error\":{\"message\":\"Not Found\"}}\r\n"
        "--b--\r\n";

    (void)state;
    open_group();
    assert_int_equal(odata_batch_take_multipart(MIXED, gw_str_of(answer), &batch, &error), 0);
    settle();
    expect_result(
        "{\"ok\":false,\"responses\":[{\"id\":\"a\",\"ok\":true,\"status\":201,\"result\":"
        "{\"X\":1,\"@etag\":\"W/\\\"1\\\"\"}},{\"id\":\"b\",\"ok\":true,\"status\":204,"
        "\"result\":{}},{\"id\":\"c\",\"ok\":false,\"status\":404,\"error\":{\"class\":"
        "\"not-found\",\"code\":\"\",\"message\":\"Not Found\"}}]}");
}

static void one_answer_for_a_change_set_fails_all(void **state)
{
    static const char answer[] =
        "--b\r\n" PART "HTTP/1.1 409 Conflict\r\n\r\n{\"error\":{\"message\":\"taken\"}}\r\n"
        "--b\r\n" PART "HTTP/1.1 200 OK\r\n\r\n{\"@odata.context\":\"x\"}\r\n--b--\r\n";

    (void)state;
    open_group();
    assert_int_equal(odata_batch_take_multipart(MIXED, gw_str_of(answer), &batch, &error), 0);
    settle();
    assert_int_equal(batch.members[0].error, GW_CONNECTOR_CONFLICT);
    assert_true(batch.members[1].is_rolled_back);
    assert_int_equal(batch.members[2].error, GW_CONNECTOR_OK);
}

static void a_text_that_ends_early_lacks_its_last(void **state)
{
    static const char answer[] = "--b\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n"
                                 "--in\r\n" PART "HTTP/1.1 201 Created\r\n\r\n{}\r\n"
                                 "--in\r\n" PART "HTTP/1.1 201 Cre";

    (void)state;
    open_group();
    int rc = odata_batch_take_multipart(MIXED, gw_str_of(answer), &batch, &error);
    assert_int_equal(rc, -EBADMSG);
    assert_int_equal(
        odata_batch_take_multipart(GW_STR("text/html"), gw_str_of(answer), &batch, &error),
        -EBADMSG);
    assert_int_equal(odata_batch_take_multipart(MIXED, GW_STR("--b\r\nx\r\n--b--"), &batch, &error),
                     -EBADMSG);
}

static void parts_are_found(void **state)
{
    struct gw_str rest =
        GW_STR("preamble\r\n--b\r\none\r\n\r\n--bx\r\n--b  \r\n--b\ntwo\n--b--\r\nx");
    struct gw_str part;

    (void)state;
    assert_true(odata_multipart_next(&rest, GW_STR("b"), &part));
    assert_true(gw_str_equal(part, GW_STR("one\r\n\r\n--bx")));
    assert_true(odata_multipart_next(&rest, GW_STR("b"), &part));
    assert_int_equal(part.len, 0);
    assert_true(odata_multipart_next(&rest, GW_STR("b"), &part));
    assert_true(gw_str_equal(part, GW_STR("two")));
    assert_false(odata_multipart_next(&rest, GW_STR("b"), &part));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_of_effects_are_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(multipart_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rolled_back_201_is_no_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_answer_is_no_success, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rubbish_is_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(multipart_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_answer_for_a_change_set_fails_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_that_ends_early_lacks_its_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_are_found, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
