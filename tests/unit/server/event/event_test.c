/* CloudEvents: by the published conformance features, and by hand for all that they do not say. */
#include "server/event/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/support/suite_files.h"

#define EVENT(more) \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"" more "}"

static struct gw_arena arena;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 8 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static void assert_text(struct gw_str text, const char *expected)
{
    assert_string_equal(gw_arena_copy(&arena, text).ptr, expected);
}

static struct gw_str written(const struct gw_event *event)
{
    struct gw_buf text;

    gw_buf_init(&text, 1 << 20);
    gw_event_write(event, &text);
    assert_false(text.has_failed);
    struct gw_str copy = gw_arena_copy(&arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return copy;
}

static void test_all_attributes(void **state)
{
    struct gw_event event;
    struct gw_error error;
    const char *text = EVENT(
        ",\"subject\":\"s\\u00e9\",\"time\":\"2026-11-23T10:00:00Z\",\"dataschema\":\"urn:x\","
        "\"datacontenttype\":\"application/vnd.a+json\",\"plant\":\"1010\",\"sampled\":true,"
        "\"sequence\":-12,\"none\":null,\"data\":{\"n\": 12345678901234567890.10 , \"a\":[1]}");

    (void)state;
    assert_int_equal(gw_event_parse(gw_str_of(text), &arena, &event, &error), 0);
    assert_text(event.subject, "s\xc3\xa9");
    assert_text(event.data, "{\"n\":12345678901234567890.10,\"a\":[1]}");
    assert_int_equal(event.extension_count, 3);
    assert_text(*gw_event_extension(&event, GW_STR("plant")), "1010");
    assert_null(gw_event_extension(&event, GW_STR("none")));
    assert_text(written(&event),
                EVENT(",\"subject\":\"s\xc3\xa9\",\"time\":\"2026-11-23T10:00:00Z\","
                      "\"datacontenttype\":\"application/vnd.a+json\",\"dataschema\":\"urn:x\","
                      "\"plant\":\"1010\",\"sampled\":true,\"sequence\":-12,"
                      "\"data\":{\"n\":12345678901234567890.10,\"a\":[1]}"));
}

static const struct {
    const char *json, *fault;
} wrong[] = {
    {"[]", "an event is a JSON object"},
    {"{", "line 1, column 2"},
    {"{\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}", "specversion is missing"},
    {"{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}",
     "specversion is not 1.0"},
    {"{\"specversion\":\"1.0\",\"source\":\"/a\",\"type\":\"t\"}", "id is missing"},
    {"{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", "source is missing"},
    {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\"}", "type is missing"},
    {EVENT(",\"subject\":\"\""), "subject must not be empty"},
    {EVENT(",\"subject\":\"a\\u0007\""), "characters that no attribute may have"},
    {EVENT(",\"subject\":\"a\\u0085\""), "characters that no attribute may have"},
    {EVENT(",\"subject\":\"\\ufffe\""), "characters that no attribute may have"},
    {EVENT(",\"subject\":\"\\ufdd0\""), "characters that no attribute may have"},
    {EVENT(",\"subject\":\"\\ud83f\\udfff\""), "characters that no attribute may have"},
    {EVENT(",\"subject\":5"), "subject is no text"},
    {EVENT(",\"time\":\"2026-11-23\""), "time is no time"},
    {EVENT(",\"dataschema\":\"a\""), "dataschema is no URI"},
    {EVENT(",\"datacontenttype\":\"text/xml\""), "datacontenttype is no JSON"},
    {EVENT(",\"datacontenttype\":\"application/x/json\""), "datacontenttype is no JSON"},
    {EVENT(",\"data_base64\":\"\""), "data_base64 is not taken"},
    {EVENT(",\"Plant\":\"1\""), "\"Plant\" is no name of an attribute"},
    {EVENT(",\"pl-ant\":\"1\""), "\"pl-ant\" is no name of an attribute"},
    {EVENT(",\"aaaaaaaaaaaaaaaaaaaaa\":\"1\""), "is no name of an attribute"},
    {EVENT(",\"\":\"1\""), "is no name of an attribute"},
    {EVENT(",\"a\":{}"), "\"a\" is no text, integer or boolean"},
    {EVENT(",\"a\":1.5"), "\"a\" is no text, integer or boolean"},
    {EVENT(",\"a\":2147483648"), "\"a\" is no text, integer or boolean"},
    {EVENT(",\"a\":\"1\",\"a\":\"2\""), "a name twice"},
    {EVENT(",\"data\":{\"a\":1,\"a\":2}"), "a name twice"},
};

static void test_what_is_wrong_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++) {
        struct gw_event event = {.id = GW_STR("untouched")};
        struct gw_error error = {.text = ""};
        int rc = gw_event_parse(gw_str_of(wrong[i].json), &arena, &event, &error);
        if (rc != -EINVAL || strstr(error.text, wrong[i].fault) == NULL)
            fail_msg("%s: %d %s", wrong[i].json, rc, error.text);
        assert_text(event.id, "untouched");
    }
}

static void test_sizes(void **state)
{
    struct gw_event event = {.id = GW_STR("1"), .source = GW_STR("/a"), .type = GW_STR("t")};
    struct gw_error error;
    char *long_text = gw_arena_alloc(&arena, GW_EVENT_MAX_BYTES);

    (void)state;
    memset(long_text, '1', GW_EVENT_MAX_BYTES);
    assert_int_equal(gw_event_check(&event, &error), 0);
    event.data = gw_str_from(long_text, GW_EVENT_MAX_BYTES - 300);
    assert_int_equal(gw_event_check(&event, &error), 0);
    assert_true(written(&event).len <= GW_EVENT_MAX_BYTES);
    event.data = gw_str_from(long_text, GW_EVENT_MAX_BYTES - 200);
    assert_int_equal(gw_event_check(&event, &error), -EINVAL);
    event.data = GW_STR("");
    event.id = gw_str_from(long_text, GW_EVENT_MAX_ATTRIBUTE + 1);
    assert_int_equal(gw_event_check(&event, &error), -EINVAL);
    char name[] = "x0";
    event.id = GW_STR("1");
    for (int i = 0; i < GW_EVENT_MAX_EXTENSIONS; i++) {
        name[1] = (char)('a' + i);
        assert_int_equal(
            gw_event_add_extension(&event, gw_arena_copy(&arena, gw_str_of(name)), GW_STR("1")), 0);
    }
    assert_int_equal(gw_event_add_extension(&event, GW_STR("y"), GW_STR("1")), -ENOSPC);
    event.extension_count = 0;
    assert_int_equal(gw_event_add_extension(&event, GW_STR("data"), GW_STR("1")), -EEXIST);
    assert_int_equal(gw_event_add_extension(&event, GW_STR("type"), GW_STR("1")), -EEXIST);
    assert_int_equal(gw_event_add_extension(&event, GW_STR("y"), GW_STR("")), -EINVAL);
    assert_int_equal(gw_event_add_extension(&event, GW_STR("Y"), GW_STR("1")), -EINVAL);
}

static void test_batches(void **state)
{
    struct gw_event_item *items;
    struct gw_error error;
    size_t count;

    (void)state;
    const char *text = "[" EVENT("") ",7," EVENT(",\"subject\":\"s\"") "]";
    assert_int_equal(gw_event_parse_batch(gw_str_of(text), 3, &arena, &items, &count, &error), 0);
    assert_int_equal(count, 3);
    assert_int_equal(items[1].rc, -EINVAL);
    assert_text(items[1].fault, "an event is a JSON object");
    assert_text(items[2].event.subject, "s");
    assert_int_equal(gw_event_parse_batch(gw_str_of(text), 2, &arena, &items, &count, &error),
                     -E2BIG);
    assert_int_equal(gw_event_parse_batch(GW_STR("[]"), 2, &arena, &items, &count, &error), 0);
    assert_int_equal(count, 0);
    assert_int_equal(gw_event_parse_batch(GW_STR("{}"), 2, &arena, &items, &count, &error),
                     -EINVAL);
}

#define REQUIRED                                                                                   \
    {GW_STR_INIT("ce-specversion"), GW_STR_INIT("1.0")}, {GW_STR_INIT("CE-ID"), GW_STR_INIT("1")}, \
        {GW_STR_INIT("ce-type"), GW_STR_INIT("t")},                                                \
    {                                                                                              \
        GW_STR_INIT("ce-source"), GW_STR_INIT("/a")                                                \
    }

static int parse_field(struct gw_str name, struct gw_str value, struct gw_event *out_event)
{
    const struct gw_field fields[] = {REQUIRED, {name, value}};
    struct gw_error error;

    return gw_event_parse_fields(fields, GW_COUNT_OF(fields), GW_STR(""), &arena, out_event,
                                 &error);
}

static void test_binary_values_are_decoded(void **state)
{
    struct gw_event event;

    (void)state;
    assert_int_equal(
        parse_field(GW_STR("ce-subject"), GW_STR(" Euro%20%E2%82%AC%20%F0%9F%98%80 "), &event), 0);
    assert_text(event.subject, "Euro \xe2\x82\xac \xf0\x9f\x98\x80");
    assert_int_equal(parse_field(GW_STR("ce-subject"), GW_STR("\"a \\\"b\\\" %41\""), &event), 0);
    assert_text(event.subject, "a \"b\" A");
    assert_int_equal(parse_field(GW_STR("Ce-Plant"), GW_STR("1010"), &event), 0);
    assert_text(*gw_event_extension(&event, GW_STR("plant")), "1010");
    assert_int_equal(parse_field(GW_STR("ce-subject"), GW_STR("a%4"), &event), -EINVAL);
    assert_int_equal(parse_field(GW_STR("ce-subject"), GW_STR("a%zz"), &event), -EINVAL);
    assert_int_equal(parse_field(GW_STR("ce-subject"), GW_STR("%00"), &event), -EINVAL);
    assert_int_equal(parse_field(GW_STR("ce-subject"), GW_STR("%FF"), &event), -EINVAL);
    assert_int_equal(parse_field(GW_STR("ce-"), GW_STR("x"), &event), -EINVAL);
    assert_int_equal(parse_field(GW_STR("ce-id"), GW_STR("2"), &event), -EINVAL);
    assert_int_equal(parse_field(GW_STR("ce-data"), GW_STR("2"), &event), -EINVAL);
    assert_int_equal(parse_field(GW_STR("ce-datacontenttype"), GW_STR("application/json"), &event),
                     -EINVAL);
    assert_int_equal(parse_field(GW_STR("content-type"), GW_STR("text/plain"), &event), -EINVAL);
}

static void test_binary_data_stands_on_one_line(void **state)
{
    const struct gw_field fields[] = {REQUIRED};
    struct gw_event event;
    struct gw_error error;

    (void)state;
    assert_int_equal(gw_event_parse_fields(fields, 4, GW_STR("{\n \"a\" :\r\n\"x\\ny\"}\n"), &arena,
                                           &event, &error),
                     0);
    assert_text(event.data, "{\"a\":\"x\\ny\"}");
    assert_int_equal(gw_event_parse_fields(fields, 4, GW_STR("{"), &arena, &event, &error),
                     -EINVAL);
    assert_int_equal(gw_event_parse_fields(fields, 3, GW_STR("1"), &arena, &event, &error),
                     -EINVAL);
}

/* --- the features of the CloudEvents project --- */

struct feature {
    struct gw_str text; /* what has not been read yet */
    struct gw_field fields[32];
    size_t field_count;
    struct gw_str body;
};

static bool take_line(struct gw_str *rest, struct gw_str *out_line)
{
    return gw_str_split(rest, '\n', out_line);
}

/* The request between the next pair of """, with the example's content type put in. */
static bool next_request(struct feature *feature, struct gw_str content_type)
{
    struct gw_str line;

    feature->field_count = 0;
    while (take_line(&feature->text, &line) &&
           !gw_str_equal(gw_str_trim(line), GW_STR("Given an HTTP request")))
        continue;
    if (feature->text.ptr == NULL || !take_line(&feature->text, &line)) /* the opening """ */
        return false;
    (void)take_line(&feature->text, &line); /* POST ... */
    while (take_line(&feature->text, &line) && gw_str_trim(line).len > 0) {
        line = gw_str_trim(line);
        size_t colon = gw_str_find(line, ':');
        struct gw_str value = gw_str_trim(gw_str_tail(line, colon + 1));
        if (gw_str_equal(value, GW_STR("<contentType>")))
            value = content_type;
        feature->fields[feature->field_count++] =
            (struct gw_field){gw_str_from(line.ptr, colon), value};
    }
    feature->body = feature->text;
    while (take_line(&feature->text, &line)) {
        if (gw_str_equal(gw_str_trim(line), GW_STR("\"\"\""))) {
            feature->body.len = (size_t)(line.ptr - feature->body.ptr);
            return true;
        }
    }
    return false;
}

static void check_example(const struct gw_event *event)
{
    assert_text(event->id, "1234-1234-1234");
    assert_text(event->type, "com.example.someevent");
    assert_text(event->source, "/mycontext/subcontext");
    assert_text(event->time, "2018-04-05T03:56:24Z");
    assert_text(event->data, "{\"message\":\"Hello World!\"}");
}

static void test_conformance_features(void **state)
{
    static const struct gw_str binary[] = {GW_STR_INIT("application/json"),
                                           GW_STR_INIT("application/json; charset=utf-8")};
    struct gw_str file =
        suite_read(suite_path("cloudevents/features/http-protocol-binding.feature"));
    struct gw_event event;
    struct gw_error error;

    (void)state;
    assert_non_null(file.ptr);
    for (size_t i = 0; i < GW_COUNT_OF(binary); i++) {
        struct feature feature = {.text = file};
        assert_true(next_request(&feature, binary[i]));
        if (gw_event_parse_fields(feature.fields, feature.field_count, feature.body, &arena, &event,
                                  &error) != 0)
            fail_msg("%s", error.text);
        check_example(&event);
        assert_true(gw_str_equal(event.data_type, binary[i]));
        assert_true(next_request(&feature, GW_STR("application/cloudevents+json")));
        assert_int_equal(gw_event_parse(feature.body, &arena, &event, &error), 0);
        check_example(&event);
        assert_text(event.data_type, "application/json");
        assert_false(next_request(&feature, GW_STR("")));
    }
    free((void *)(uintptr_t)file.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_attributes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_binary_values_are_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_binary_data_stands_on_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_conformance_features, set_up, tear_down),
    };

    suite_require("cloudevents");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
