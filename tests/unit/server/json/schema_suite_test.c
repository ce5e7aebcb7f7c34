/* The JSON Schema organisation's own cases for 2020-12. Required ones all have to pass; of the
 * optional ones, too, for there is none that we decide otherwise. Cases below
 * optional/format run with format as an assertion. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/json/schema.h"
#include "server/json/tape_write.h"
#include "tests/unit/support/suite_files.h"

#define REMOTES "http://localhost:1234/"

struct tally {
    int required, required_wrong, optional, optional_wrong;
};

static int load(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                struct gw_error *error)
{
    char name[512];

    (void)self;
    if (!gw_str_has_prefix(uri, GW_STR(REMOTES)))
        return -ENOENT;
    struct gw_str path = gw_str_tail(uri, sizeof(REMOTES) - 1);
    snprintf(name, sizeof(name), "json-schema/remotes/%.*s", GW_STR_ARG(path));
    struct gw_str text = suite_read(suite_path(name));
    if (text.ptr == NULL)
        return -ENOENT;
    int rc = gw_schema_compiler_add_text(compiler, uri, text, error);
    free((void *)(uintptr_t)text.ptr);
    return rc;
}

static struct gw_schema_set *compile(const struct gw_json_tape *tape, uint32_t at,
                                     bool assert_format, struct gw_error *error)
{
    struct gw_schema_options options = {.assert_format = assert_format};
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(&options);
    struct gw_schema_set *set = NULL;
    struct gw_buf text;
    size_t entry;

    gw_buf_init(&text, 16 << 20);
    gw_json_write(&text, tape, at);
    gw_schema_compiler_set_loader(compiler, load, NULL);
    if (gw_schema_compiler_add_text(compiler, GW_STR("http://millgate.test/case.json"),
                                    gw_buf_str(&text), error) != 0 ||
        gw_schema_compiler_add_entry(compiler, GW_STR("http://millgate.test/case.json"), GW_STR(""),
                                     GW_SCHEMA_2020_12, &entry, error) != 0 ||
        gw_schema_compiler_finish(compiler, &set, error) != 0)
        set = NULL;
    gw_schema_compiler_destroy(compiler);
    gw_buf_finish(&text);
    return set;
}

/* Whether the verdict is the expected one. A refused value must have violations that say where. */
static bool judge(const struct gw_schema_set *set, const struct gw_json_tape *tape, uint32_t data,
                  bool expected)
{
    struct gw_arena arena;
    struct gw_violations violations;

    gw_arena_init(&arena, 4096, 16 << 20);
    struct gw_schema_run run = {.arena = &arena, .root = data, .max_violations = 20};
    int rc = gw_schema_validate(set, 0, tape, &run, &violations);
    bool ok = expected ? rc == 0 : rc == 1 && violations.count > 0;
    for (size_t i = 0; i < violations.count; i++)
        ok &= violations.items[i].message.len > 0 && violations.items[i].schema.len > 0;
    gw_arena_finish(&arena);
    return ok;
}

static void try_group(const char *file, const struct gw_json_tape *tape, uint32_t group,
                      struct tally *tally, bool is_optional, bool assert_format)
{
    struct gw_error error = {.text = ""};
    struct gw_str title = gw_json_string(tape, gw_json_get(tape, group, GW_STR("description")));
    struct gw_schema_set *set =
        compile(tape, gw_json_get(tape, group, GW_STR("schema")), assert_format, &error);
    struct gw_json_cursor cursor = gw_json_begin(tape, gw_json_get(tape, group, GW_STR("tests")));

    while (gw_json_step(tape, &cursor)) {
        struct gw_str name =
            gw_json_string(tape, gw_json_get(tape, cursor.value, GW_STR("description")));
        uint32_t valid = gw_json_get(tape, cursor.value, GW_STR("valid"));
        uint32_t data = gw_json_get(tape, cursor.value, GW_STR("data"));
        bool expected = gw_json_type(tape, valid) == GW_JSON_TRUE;
        bool ok = set != NULL && judge(set, tape, data, expected);

        if (!ok)
            printf("%s: %.*s: %.*s (%s) %s%s %s\n", file, GW_STR_ARG(title), GW_STR_ARG(name),
                   expected ? "valid" : "not valid", set == NULL ? "schema refused: " : "",
                   error.where, error.text);
        if (is_optional) {
            tally->optional++;
            tally->optional_wrong += !ok;
        } else {
            tally->required++;
            tally->required_wrong += !ok;
        }
    }
    gw_schema_set_destroy(set);
}

static void try_file(const char *path, const char *name, void *self)
{
    bool is_optional = strstr(path, "/optional/") != NULL;
    bool assert_format = strstr(path, "/optional/format/") != NULL;
    struct gw_str text = suite_read(path);
    struct gw_arena arena;
    struct gw_json_tape tape;
    struct gw_json_error error;

    gw_arena_init(&arena, 1 << 20, 64 << 20);
    assert_int_equal(gw_json_read(&arena, text, NULL, &tape, &error), 0);
    struct gw_json_cursor cursor = gw_json_begin(&tape, 0);
    while (gw_json_step(&tape, &cursor))
        try_group(name, &tape, cursor.value, self, is_optional, assert_format);
    gw_arena_finish(&arena);
    free((void *)(uintptr_t)text.ptr);
}

static void test_all(void **state)
{
    struct tally tally = {0};

    (void)state;
    suite_each("json-schema/tests/draft2020-12", ".json", try_file, &tally);
    printf("required: %d, wrong %d; optional: %d, wrong %d\n", tally.required, tally.required_wrong,
           tally.optional, tally.optional_wrong);
    assert_true(tally.required > 500);
    assert_int_equal(tally.required_wrong, 0);
    assert_int_equal(tally.optional_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    suite_require("json-schema");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
