#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/json/option.h"

static const struct gw_option key_options[] = {
    {.name = "file", .type = GW_FILE, .flags = GW_OPTION_REQUIRED, .max = 100},
    {.name = "secret", .type = GW_SECRET},
    {0},
};

static const struct gw_option table[] = {
    {.name = "on", .type = GW_BOOL, .value = "true", .help = "A | B."},
    {.name = "count", .type = GW_INT, .min = 1, .max = 100, .value = "10"},
    {.name = "wait", .type = GW_DURATION, .min = 1000000, .max = 60000000000, .value = "20ms"},
    {.name = "size", .type = GW_BYTES, .min = 1024, .value = "64KiB"},
    {.name = "name", .type = GW_STRING, .min = 1, .max = 8},
    {.name = "star", .type = GW_STRING, .value = "*"},
    {.name = "mode", .type = GW_ENUM, .words = "fast slow", .value = "fast"},
    {.name = "password", .type = GW_SECRET},
    {.name = "hosts", .type = GW_LIST, .max = 2, .value = "[]"},
    {.name = "headers", .type = GW_MAP, .flags = GW_OPTION_SECRET},
    {.name = "key", .type = GW_OBJECT, .fields = key_options},
    {.name = "keys", .type = GW_MAP, .fields = key_options, .max = 2},
    {.name = "list", .type = GW_LIST, .fields = key_options},
    {.name = "plans", .type = GW_SECTION, .fields = key_options},
    {0},
};

static char folder[] = "/tmp/millgate-option-XXXXXX";

static int make_files(void **state)
{
    char path[128];

    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/secret", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs("hush\n", file) == EOF || fclose(file) != 0)
        return -1;
    return setenv("OPTION_TEST_COUNT", "42", 1) || setenv("OPTION_TEST_HUSH", "hush-hush", 1) ||
           unsetenv("OPTION_TEST_MISSING");
}

static int remove_files(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/secret", folder);
    unlink(path);
    return rmdir(folder);
}

/* The checked text as JSON, or what was found, one line each. To be freed. */
static char *check(const char *yaml)
{
    struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;
    json_t *checked = NULL;
    char *printed = NULL;
    size_t size = 0;

    gw_diagnostics_init(&diagnostics);
    assert_int_equal(gw_document_load(gw_str_of(yaml), "f", &diagnostics, &document), 0);
    struct gw_option_source source = {document, &diagnostics, folder};
    if (gw_option_check(&source, document->root, "", table, &checked) == 0) {
        printed = json_dumps(checked, JSON_COMPACT);
        assert_int_equal(diagnostics.error_count, 0);
    } else {
        FILE *out = open_memstream(&printed, &size);
        gw_diagnostics_print(&diagnostics, out);
        fclose(out);
        assert_true(diagnostics.error_count > 0);
        assert_null(checked);
    }
    json_decref(checked);
    gw_document_destroy(document);
    gw_diagnostics_finish(&diagnostics);
    return printed;
}

#define DEFAULTS                                                                                   \
    "{\"on\":true,\"count\":10,\"wait\":20000000,\"size\":65536,\"star\":\"*\",\"mode\":\"fast\"," \
    "\"hosts\":[]}"

static void defaults_are_filled_in(void **state)
{
    char *text = check("{}");

    (void)state;
    assert_string_equal(text, DEFAULTS);
    free(text);
    text = check("~");
    assert_string_equal(text, DEFAULTS);
    free(text);
}

struct row {
    const char *yaml;
    const char *part; /* stands in what check() gives */
};

static void run(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *text = check(rows[i].yaml);
        if (strstr(text, rows[i].part) == NULL)
            fail_msg("%s\ngives %s\nwithout %s", rows[i].yaml, text, rows[i].part);
        free(text);
    }
}

static void values_are_taken(void **state)
{
    static const struct row rows[] = {
        {"on: false", "\"on\":false"},
        {"on: '${env:OPTION_TEST_MISSING}'", "OPTION_TEST_MISSING is not set"},
        {"count: 100", "\"count\":100"},
        {"count: ${env:OPTION_TEST_COUNT}", "\"count\":42"},
        {"wait: 1m", "\"wait\":60000000000"},
        {"wait: 1s500ms", "\"wait\":1500000000"},
        {"size: 1MiB", "\"size\":1048576"},
        {"size: 2048", "\"size\":2048"},
        {"size: '2048'", "\"size\":2048"},
        {"name: a$b$${c}", "\"name\":\"a$b${c}\""},
        {"name: x${env:OPTION_TEST_COUNT}y", "\"name\":\"x42y\""},
        {"mode: slow", "\"mode\":\"slow\""},
        {"password: ${file:secret}", "\"password\":\"hush\""},
        {"hosts: [a, '${env:OPTION_TEST_COUNT}']", "\"hosts\":[\"a\",\"42\"]"},
        {"headers: {X-Key: '${file:secret}'}", "\"headers\":{\"X-Key\":\"hush\"}"},
        {"key: {file: secret}", "\"key\":{\"file\":\"hush\\n\"}"},
        {"keys: {a: {file: secret}}", "\"keys\":{\"a\":{\"file\":\"hush\\n\"}}"},
        {"list: [{file: secret, secret: s}]", "\"list\":[{\"file\":\"hush\\n\",\"secret\":\"s\"}]"},
    };

    (void)state;
    run(rows, GW_COUNT_OF(rows));
}

static void mistakes_are_told(void **state)
{
    static const struct row rows[] = {
        {"cuont: 1", "f:1:1: error: unknown key \"cuont\"; did you mean \"count\"?"},
        {"zzz: 1", "f:1:1: error: unknown key \"zzz\"\n"},
        {"[1]", "must be a map of keys and values"},
        {"on: 1", "f:1:5: error: on must be true or false"},
        {"on: 'yes'", "on must be true or false"},
        {"count: 0", "f:1:8: error: count must be at least 1 and at most 100"},
        {"count: 101", "count must be at least 1 and at most 100"},
        {"count: 1.5", "count must be an integer"},
        {"count: '5'", "count must be an integer"},
        {"count: ${env:OPTION_TEST_HUSH}", "count must be an integer"},
        {"wait: 20", "wait must be a duration with its unit"},
        {"wait: 20 ms", "not 20 ms"},
        {"wait: 99999999999999d", "must be a duration"},
        {"wait: 2m", "wait must be at least 1ms and at most 1m"},
        {"wait: '1s-1s'", "must be a duration"},
        {"wait: ''", "must be a duration"},
        {"size: 1KB", "size must be a size in B, KiB"},
        {"size: 99999999999GiB", "must be a size"},
        {"size: 1", "size must be at least 1KiB"},
        {"name: ''", "name must not be empty"},
        {"name: 123456789", "name must be a text (put it in quotes)"},
        {"name: '123456789'", "name must have at most 8 bytes"},
        {"mode: fsat", "did you mean \"fast\"? One of: fast slow"},
        {"hosts: x", "hosts must be a list"},
        {"hosts: [a, b, c]", "hosts must have at most 2 entries"},
        {"hosts:\n  - a\n  - [x]", "f:3:5: error: 1 must be a text"},
        {"key: {}", "f:1:6: error: key lacks the key \"file\""},
        {"key: {file: none}", "none: No such file"},
        {"key: {file: .}", "is a folder"},
        {"keys: {a: {file: secret, other: 1}}", "f:1:26: error: unknown key \"other\""},
        {"keys: [1]", "keys must be a map of names"},
        {"plans: {}", "belongs at the top level"},
        {"password: ${env:OPTION_TEST_MISSING}",
         "f:1:11: error: password cannot be read: the environment variable OPTION_TEST_MISSING is "
         "not set"},
        {"name: ${home}", "must be ${env:NAME} or ${file:PATH}"},
        {"name: ${env:X", "without its"},
        {"name: ${env:}", "a name of 1 to"},
    };

    (void)state;
    run(rows, GW_COUNT_OF(rows));
}

static void all_mistakes_are_told_at_once(void **state)
{
    char *text = check("cuont: 1\non: 3\nkey: {secret: [1]}\n");

    (void)state;
    assert_non_null(strstr(text, "f:1:1:"));
    assert_non_null(strstr(text, "f:2:5:"));
    assert_non_null(strstr(text, "f:3:6: error: key lacks"));
    assert_non_null(strstr(text, "f:3:15: error: secret must be a text"));
    free(text);
}

static void secrets_are_never_told(void **state)
{
    static const char *const rows[] = {
        "count: ${env:OPTION_TEST_HUSH}", "mode: ${env:OPTION_TEST_HUSH}",
        "wait: ${env:OPTION_TEST_HUSH}",  "size: ${file:secret}",
        "name: x${env:OPTION_TEST_HUSH}", "on: ${env:OPTION_TEST_HUSH}",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        char *text = check(rows[i]);
        assert_non_null(strstr(text, "error"));
        if (strstr(text, "hush") != NULL)
            fail_msg("%s tells %s", rows[i], text);
        free(text);
    }
}

static void secrets_are_masked(void **state)
{
    struct gw_error error;
    json_t *checked;

    (void)state;
    char path[128], yaml[512];
    snprintf(path, sizeof(path), "%s/secret", folder);
    snprintf(yaml, sizeof(yaml),
             "{name: n, password: s, headers: {h: s}, key: {file: %s, secret: s}, "
             "keys: {a: {file: %s}}, list: [{file: %s}]}",
             path, path, path);
    if (gw_option_parse(yaml, table, &checked, &error) != 0)
        fail_msg("%s", error.text);
    gw_option_mask(checked, table);
    char *text = json_dumps(checked, JSON_COMPACT);
    assert_null(strstr(text, "\"s\""));
    assert_null(strstr(text, "hush"));
    assert_non_null(
        strstr(text, "\"name\":\"n\",\"star\":\"*\",\"mode\":\"fast\",\"password\":\"***\""));
    assert_non_null(strstr(text, "\"headers\":{\"h\":\"***\"},\"key\":{\"file\":\"***\",\"secret\":"
                                 "\"***\"},\"keys\":{\"a\":{\"file\":\"***\"}},\"list\":[{\"file\":"
                                 "\"***\"}]"));
    free(text);
    json_decref(checked);
}

static void the_manual_names_all(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    gw_option_reference_print(out, "p.", table);
    fclose(out);
    assert_non_null(strstr(text, "| `p.on` | boolean |  | `true` | A \\| B. |"));
    assert_non_null(strstr(text, "| `p.wait` | duration | 1ms to 1m | `20ms` |"));
    assert_non_null(strstr(text, "| `p.size` | size | 1KiB or more | `64KiB` |"));
    assert_non_null(strstr(text, "| `p.mode` | word | fast slow | `fast` |"));
    assert_non_null(strstr(text, "| `p.keys.*.file` | file | at most 100B | required |"));
    assert_non_null(strstr(text, "| `p.list[].secret` | secret |  | |"));
    assert_non_null(strstr(text, "| `p.headers` | map of secrets |"));
    free(text);
}

static void without_a_document_the_pointer_is_told(void **state)
{
    struct gw_diagnostics diagnostics;
    json_t *checked = NULL;
    json_t *given = json_pack("{s:i}", "count", 0);
    struct gw_option_source source = {.diagnostics = &diagnostics};

    (void)state;
    gw_diagnostics_init(&diagnostics);
    assert_int_equal(gw_option_check(&source, given, "/policies/0", table, &checked), -EINVAL);
    assert_string_equal(diagnostics.findings[0].text,
                        "/policies/0/count: count must be at least 1 and at most 100");
    gw_diagnostics_finish(&diagnostics);
    json_decref(given);
}

static void what_comes_from_outside_is_taken_literally(void **state)
{
    static const struct gw_option outside[] = {
        {.name = "note", .type = GW_STRING, .max = 100},
        {.name = "file", .type = GW_FILE},
        {0},
    };
    struct gw_diagnostics diagnostics;
    json_t *checked = NULL;
    json_t *given = json_pack("{s:s}", "note", "${file:/etc/passwd} ${env:HOME}");
    struct gw_option_source source = {.diagnostics = &diagnostics, .is_literal = true};

    (void)state;
    gw_diagnostics_init(&diagnostics);
    assert_int_equal(gw_option_check(&source, given, "", outside, &checked), 0);
    assert_string_equal(json_string_value(json_object_get(checked, "note")),
                        "${file:/etc/passwd} ${env:HOME}");
    json_decref(checked);
    json_object_set_new(given, "file", json_string("/etc/passwd"));
    assert_int_equal(gw_option_check(&source, given, "", outside, &checked), -EINVAL);
    gw_diagnostics_finish(&diagnostics);
    json_decref(given);
}

static void any_value_is_taken_as_it_is(void **state)
{
    static const struct gw_option loose[] = {
        {.name = "value", .type = GW_ANY, .flags = GW_OPTION_REQUIRED},
        {0},
    };
    const char *const values[] = {"{a: [1, x]}", "[2]", "text", "7", "true", "${env:HOME}"};
    struct gw_error error;
    json_t *checked;

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char yaml[64];
        snprintf(yaml, sizeof(yaml), "value: %s", values[i]);
        assert_int_equal(gw_option_parse(yaml, loose, &checked, &error), 0);
        if (i == 0)
            assert_int_equal(
                json_array_size(json_object_get(json_object_get(checked, "value"), "a")), 2);
        if (i == 5)
            assert_string_equal(json_string_value(json_object_get(checked, "value")), values[i]);
        json_decref(checked);
    }
    assert_int_equal(gw_option_parse("{}", loose, &checked, &error), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(values_are_taken),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(secrets_are_never_told),
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(the_manual_names_all),
        cmocka_unit_test(without_a_document_the_pointer_is_told),
        cmocka_unit_test(what_comes_from_outside_is_taken_literally),
        cmocka_unit_test(any_value_is_taken_as_it_is),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
