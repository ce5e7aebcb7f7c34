#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/json/yaml.h"

static struct gw_document *load(const char *text)
{
    struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;

    gw_diagnostics_init(&diagnostics);
    if (gw_document_load(gw_str_of(text), "f", &diagnostics, &document) != 0)
        gw_diagnostics_print(&diagnostics, stdout);
    gw_diagnostics_finish(&diagnostics);
    return document;
}

struct value_row {
    const char *yaml;
    const char *json;
};

static void scalars_follow_the_core_schema(void **state)
{
    static const struct value_row rows[] = {
        {"~", "null"},
        {"null", "null"},
        {"Null", "null"},
        {"nULL", "\"nULL\""},
        {"true", "true"},
        {"FALSE", "false"},
        {"yes", "\"yes\""},
        {"no", "\"no\""},
        {"on", "\"on\""},
        {"y", "\"y\""},
        {"12", "12"},
        {"+12", "12"},
        {"-0", "0"},
        {"010", "10"},
        {"0o17", "15"},
        {"0x1F", "31"},
        {"0X1F", "\"0X1F\""},
        {"-0x1F", "\"-0x1F\""},
        {"0b11", "\"0b11\""},
        {"1_000", "\"1_000\""},
        {"1.0", "1.0"},
        {"1.", "1.0"},
        {".5", "0.5"},
        {"-1e3", "-1000.0"},
        {"1e", "\"1e\""},
        {".", "\".\""},
        {"-", "[null]"},
        {"1:30", "\"1:30\""},
        {"2026-11-22", "\"2026-11-22\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"18446744073709551616", "18446744073709551616.0"},
        {"'12'", "\"12\""},
        {"\"true\"", "\"true\""},
        {"!!str 12", "\"12\""},
        {"! 12", "\"12\""},
        {"!!int '12'", "12"},
        {"!!float 1", "1.0"},
        {"!!null ''", "null"},
        {"!!bool 'true'", "true"},
        {"!!seq [1]", "[1]"},
        {"!!map {a: 1}", "{\"a\": 1}"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct gw_document *document = load(rows[i].yaml);
        json_t *expected = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);

        assert_non_null(expected);
        assert_non_null(document);
        if (!json_equal(document->root, expected)) {
            char *text = json_dumps(document->root, JSON_ENCODE_ANY);
            fail_msg("%s is %s, not %s", rows[i].yaml, text, rows[i].json);
        }
        assert_int_equal(document->inexact.line, 0);
        json_decref(expected);
        gw_document_destroy(document);
    }
}

static void documents_become_trees(void **state)
{
    static const struct value_row rows[] = {
        {"200: ok\n1.50: x\ntrue: y\n~: z\n",
         "{\"200\":\"ok\",\"1.50\":\"x\",\"true\":\"y\",\"~\":\"z\"}"},
        {"a: &x [1]\nb: *x\n", "{\"a\":[1],\"b\":[1]}"},
        {"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}"},
        {"a: &k key\n*k : 1\n", "{\"a\":\"key\",\"key\":1}"},
        {"b: &b {x: 1, y: 2}\nm: {<<: *b, y: 3}\n",
         "{\"b\":{\"x\":1,\"y\":2},\"m\":{\"x\":1,\"y\":3}}"},
        {"m: {<<: [{x: 1}, {x: 2, y: 2}]}\n", "{\"m\":{\"x\":1,\"y\":2}}"},
        {"a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n",
         "{\"a\":{\"x\":1},\"b\":{\"x\":1,\"y\":2},\"c\":{\"x\":1,\"y\":2}}"},
        {"{\"<<\": 1}", "{\"<<\":1}"},
        {"'<<': 1", "{\"<<\":1}"},
        {"{\"a\":\"\\ud83d\\ude00\\u0041\\/\\n\"}", "{\"a\":\"\xF0\x9F\x98\x80"
                                                    "A/\\n\"}"},
        {"\xEF\xBB\xBF{\"a\":\t[ ] , \"b\":{ }}\r\n", "{\"a\":[],\"b\":{}}"},
        {"\xEF\xBB\xBF"
         "a: 1\n",
         "{\"a\":1}"},
        {"[1, 2.5e3, -0.0, true, false, null, \"\"]", "[1,2500.0,-0.0,true,false,null,\"\"]"},
        {"{a: 1, 'b': [x, y]}", "{\"a\":1,\"b\":[\"x\",\"y\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct gw_document *document = load(rows[i].yaml);
        json_t *expected = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);

        assert_non_null(expected);
        assert_non_null(document);
        if (!json_equal(document->root, expected)) {
            char *text = json_dumps(document->root, JSON_ENCODE_ANY);
            fail_msg("%s is %s, not %s", rows[i].yaml, text, rows[i].json);
        }
        json_decref(expected);
        gw_document_destroy(document);
    }
}

struct refusal_row {
    const char *file;
    const char *yaml;
    const char *message; /* the first one printed, up to this */
};

static void refusals_say_where_and_why(void **state)
{
    static const struct refusal_row rows[] = {
        {"f", "", "f: error: there is no document"},
        {"f", "# only this\n", "f: error: there is no document"},
        {"f", "a: 1\nb: 2\na: 3\n",
         "f:3:1: error: the key \"a\" is there already, at line 1, column 1"},
        {"f", "{\"a\": 1,\n \"a\": 2}",
         "f:2:2: error: the key \"a\" is there already, at line 1, column 2"},
        {"f", "1: a\n'1': b\n",
         "f:2:1: error: the key \"1\" is there already, at line 1, column 1"},
        {"f", "[a] : 1\n", "f:1:5: error: a key must be a scalar"},
        {"f", "a: 1\n---\nb: 2\n", "f:2:1: error: a second document"},
        {"f", "a: !secret x\n", "f:1:4: error: the tag \"!secret\""},
        {"f", "a: !!binary eA==\n", "f:1:4: error: the tag \"tag:yaml.org,2002:binary\""},
        {"f", "a: !!map [1]\n", "f:1:4: error: the tag"},
        {"f", "a: !!int x\n", "f:1:4: error: this is no integer, as its tag says"},
        {"f", "a: .inf\n", "f:1:4: error: .inf is a number that JSON cannot hold"},
        {"f", "a: 1e999\n", "f:1:4: error: 1e999 is a number"},
        {"f", "a: 0xFFFFFFFFFFFFFFFF\n", "f:1:4: error: 0xFFFFFFFFFFFFFFFF is a number"},
        {"f", "a: *b\n", "f:1:4: error: no anchor \"b\" above this alias"},
        {"f", "a: &a [*a]\n", "f:1:8: error: the alias \"a\" stands inside what it stands for"},
        {"f", "<<: 1\n", "f:1:5: error: \"<<\" merges a map"},
        {"f", "<<: {a: 1}\n<<: {b: 1}\n", "f:2:1: error: a second \"<<\""},
        {"f", "a: [1\nb: 2\n", "f:2:1: error: this line must be indented deeper"},
        {"f", "a: 1\n b: 2\n", "f:2:3: error:"},
        {"f", "a: \xFF\n", "f:1:4: error:"},
        {"f", "a: \"\xC3\xA9\xC3\xA9\" x\n", "f:1:9: error:"},
        {"f.json", "{\"a\": 1,}", "f.json:1:9: error: a key in quotes expected"},
        {"f.json", "{\"a\": 01}", "f.json:1:9: error: a number expected"},
        {"f.json", "{\"a\": tru}", "f.json:1:7: error: a value expected"},
        {"f.json", "{\"a\": \"\\ud800\"}", "f.json:1:14: error: the four digits"},
        {"f.json", "[1", "f.json:1:3: error: \",\" or \"]\" expected, but the text ends"},
        {"f.json", "[1] 2", "f.json:1:5: error: the end of the text expected"},
        {"f.json", "[\"a\nb\"]", "f.json:1:4: error: a closing quote expected"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct gw_diagnostics diagnostics;
        struct gw_document *document = NULL;
        char printed[1024] = "";

        gw_diagnostics_init(&diagnostics);
        assert_int_equal(
            gw_document_load(gw_str_of(rows[i].yaml), rows[i].file, &diagnostics, &document),
            -EINVAL);
        assert_null(document);
        FILE *out = fmemopen(printed, sizeof(printed), "w");
        gw_diagnostics_print(&diagnostics, out);
        fclose(out);
        if (strncmp(printed, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s\ngives     %sexpected  %s", rows[i].yaml, printed, rows[i].message);
        gw_diagnostics_finish(&diagnostics);
    }
}

static void all_wrong_keys_are_told_at_once(void **state)
{
    struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;

    (void)state;
    gw_diagnostics_init(&diagnostics);
    assert_int_equal(
        gw_document_load(GW_STR("a: 1\na: 2\nb: {c: .nan, c: 1}\n"), "f", &diagnostics, &document),
        -EINVAL);
    assert_int_equal(diagnostics.error_count, 3);
    gw_diagnostics_finish(&diagnostics);
}

static bool is_refused(const struct gw_buf *text, const char *reason)
{
    struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;

    gw_diagnostics_init(&diagnostics);
    int rc = gw_document_load(gw_buf_str(text), "f", &diagnostics, &document);
    bool is_right = rc == -EINVAL && diagnostics.count == 1 &&
                    strstr(diagnostics.findings[0].text, reason) != NULL;
    if (!is_right)
        gw_diagnostics_print(&diagnostics, stdout);
    gw_diagnostics_finish(&diagnostics);
    gw_document_destroy(document);
    return is_right;
}

static void documents_are_bounded(void **state)
{
    struct gw_buf text;

    (void)state;
    gw_buf_init(&text, 64u << 20);
    for (int i = 0; i < 101; i++)
        gw_buf_append_byte(&text, '[');
    for (int i = 0; i < 101; i++)
        gw_buf_append_byte(&text, ']');
    assert_true(is_refused(&text, "nested deeper than 100"));

    gw_buf_clear(&text); /* the same by aliases, each level one line */
    gw_buf_append_text(&text, "- &a0 [x]\n");
    for (int i = 1; i < 101; i++)
        gw_buf_printf(&text, "- &a%d [*a%d]\n", i, i - 1);
    assert_true(is_refused(&text, "nested deeper than 100"));

    gw_buf_clear(&text); /* 9 to the 9th values */
    gw_buf_append_text(&text, "- &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 9; i++)
        gw_buf_printf(&text, "- &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_true(is_refused(&text, "more than 2000000 values"));

    gw_buf_clear(&text); /* the same by merges */
    gw_buf_append_text(&text, "a0: &a0 {k: v}\n");
    for (int i = 1; i < 40; i++)
        gw_buf_printf(&text, "a%d: &a%d {<<: [*a%d, *a%d]}\n", i, i, i - 1, i - 1);
    assert_true(is_refused(&text, "more than 2000000 values"));

    gw_buf_clear(&text);
    gw_buf_append_byte(&text, '[');
    for (int i = 0; i < 2000000; i++)
        gw_buf_append_text(&text, "1,");
    gw_buf_append_text(&text, "1]");
    assert_true(is_refused(&text, "more than 2000000 values"));

    gw_buf_clear(&text);
    while (text.len <= GW_DOCUMENT_MAX_BYTES)
        gw_buf_append_text(&text, "# sixteen bytes\n");
    assert_true(is_refused(&text, "larger than 16 MiB"));
    gw_buf_finish(&text);
}

static void lost_digits_are_told(void **state)
{
    struct gw_document *document = load("a: 1\nmax: 18446744073709551615\n");

    (void)state;
    assert_non_null(document);
    assert_int_equal(document->inexact.line, 2);
    assert_int_equal(document->inexact.column, 6);
    assert_true(json_is_real(json_object_get(document->root, "max")));
    gw_document_destroy(document);
}

struct place_row {
    const char *pointer;
    bool is_there;
    unsigned line, column;         /* of the value */
    unsigned key_line, key_column; /* of its key */
};

static void check_places(const char *text, const struct place_row *rows, size_t count)
{
    struct gw_document *document = load(text);

    assert_non_null(document);
    for (size_t i = 0; i < count; i++) {
        struct gw_position value, key;
        bool is_there = gw_document_locate(document, rows[i].pointer, &value);
        assert_int_equal(gw_document_locate_key(document, rows[i].pointer, &key), is_there);
        if (is_there != rows[i].is_there || value.line != rows[i].line ||
            value.column != rows[i].column || key.line != rows[i].key_line ||
            key.column != rows[i].key_column)
            fail_msg("\"%s\" is %d at %u:%u, its key at %u:%u", rows[i].pointer, is_there,
                     value.line, value.column, key.line, key.column);
    }
    gw_document_destroy(document);
}

static void places_are_found(void **state)
{
    static const char yaml[] = "a: &a\n"            /* 1 */
                               "  é: [x, {y: z}]\n" /* 2 */
                               "b: *a\n"            /* 3 */
                               "c:\n"               /* 4 */
                               "  <<: *a\n"         /* 5 */
                               "  d/e~f: 1\n"       /* 6 */
                               "200: |\n"           /* 7 */
                               "  text\n";
    static const struct place_row rows[] = {
        {"", true, 1, 1, 1, 1},
        {"/a/é", true, 2, 6, 2, 3},
        {"/a/é/0", true, 2, 7, 2, 7},
        {"/a/é/1/y", true, 2, 14, 2, 11},
        {"/b", true, 3, 4, 3, 1},
        {"/b/é/0", true, 2, 7, 2, 7},
        {"/c/é/0", true, 2, 7, 2, 7},
        {"/c/d~1e~0f", true, 6, 10, 6, 3},
        {"/200", true, 7, 6, 7, 1},
        {"/c/nothing/below", false, 5, 3, 4, 1},
        {"/a/é/7", false, 2, 6, 2, 3},
        {"/a/é/x", false, 2, 6, 2, 3},
        {"no pointer", false, 1, 1, 1, 1},
    };
    static const char json[] = "{\n  \"a\": {\"é\": [1,\r\n 2, {\"b\": null}]}\n}\n";
    static const struct place_row json_rows[] = {
        {"/a", true, 2, 8, 2, 3},
        {"/a/é/0", true, 2, 15, 2, 15},
        {"/a/é/1", true, 3, 2, 3, 2},
        {"/a/é/2/b", true, 3, 11, 3, 6},
    };

    (void)state;
    check_places(yaml, rows, GW_COUNT_OF(rows));
    check_places(json, json_rows, GW_COUNT_OF(json_rows));
}

static void files_are_read(void **state)
{
    char path[] = "/tmp/millgate-yaml-XXXXXX";
    struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;
    int fd = mkstemp(path);

    (void)state;
    gw_diagnostics_init(&diagnostics);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: 1\n", 5), 5);
    close(fd);
    assert_int_equal(gw_document_load_file(path, &diagnostics, &document), 0);
    assert_string_equal(document->file, path);
    assert_int_equal(json_integer_value(json_object_get(document->root, "a")), 1);
    gw_document_destroy(document);
    unlink(path);

    assert_int_equal(gw_document_load_file(path, &diagnostics, &document), -ENOENT);
    assert_int_equal(gw_document_load_file("/tmp", &diagnostics, &document), -EINVAL);
    assert_int_equal(diagnostics.error_count, 2);
    gw_diagnostics_finish(&diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_follow_the_core_schema),
        cmocka_unit_test(documents_become_trees),
        cmocka_unit_test(refusals_say_where_and_why),
        cmocka_unit_test(all_wrong_keys_are_told_at_once),
        cmocka_unit_test(documents_are_bounded),
        cmocka_unit_test(lost_digits_are_told),
        cmocka_unit_test(places_are_found),
        cmocka_unit_test(files_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
