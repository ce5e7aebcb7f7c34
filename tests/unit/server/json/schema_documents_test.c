/* Real documents: each schema of each one compiles within a bound that is printed, or is refused
 * with a reason that names the place. Nothing is left in between. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/json/pointer.h"
#include "server/json/schema.h"
#include "tests/unit/support/suite_files.h"

#define B2MML "b2mml/Schema/AllSchemas.json"

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Asks for each schema that is a member of the object at `pointer`. Returns how many. */
static size_t add_members(struct gw_schema_compiler *compiler, const struct gw_json_tape *tape,
                          const char *pointer, enum gw_schema_dialect dialect)
{
    uint32_t at = gw_pointer_find(tape, 0, gw_str_of(pointer));
    size_t count = 0, entry;
    struct gw_error error;

    if (at == GW_JSON_NONE)
        return 0;
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    for (; gw_json_step(tape, &cursor); count++) {
        struct gw_buf place;
        gw_buf_init(&place, 4096);
        gw_buf_append_text(&place, pointer);
        gw_pointer_append(&place, gw_json_string(tape, cursor.name));
        int rc = gw_schema_compiler_add_entry(compiler, GW_STR(""), gw_buf_str(&place), dialect,
                                              &entry, &error);
        if (rc != 0)
            fail_msg("%.*s: %s", (int)place.len, place.ptr, error.text);
        gw_buf_finish(&place);
    }
    return count;
}

static struct gw_schema_set *compile_all(const char *name, struct gw_str text, const char *pointer,
                                         size_t *out_count)
{
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(NULL);
    struct gw_schema_set *set = NULL;
    struct gw_error error = {.text = ""};
    struct gw_json_error wrong;
    struct gw_json_tape tape;
    struct gw_arena arena;

    gw_arena_init(&arena, 1 << 20, 512 << 20);
    assert_int_equal(gw_json_read(&arena, text, NULL, &tape, &wrong), 0);
    uint32_t version = gw_json_get(&tape, 0, GW_STR("openapi"));
    enum gw_schema_dialect dialect =
        version == GW_JSON_NONE                                            ? GW_SCHEMA_2020_12
        : gw_str_has_prefix(gw_json_string(&tape, version), GW_STR("3.0")) ? GW_SCHEMA_OPENAPI_30
                                                                           : GW_SCHEMA_OPENAPI_31;
    double start = cpu_ms();
    assert_int_equal(gw_schema_compiler_add_text(compiler, GW_STR(""), text, &error), 0);
    *out_count = add_members(compiler, &tape, pointer, dialect);
    int rc = gw_schema_compiler_finish(compiler, &set, &error);
    double spent = cpu_ms() - start;
    if (rc == 0)
        printf("%s: %zu schemas, %zu nodes, %zu KiB, %.1f ms\n", name, *out_count,
               gw_schema_set_nodes(set), gw_schema_set_bytes(set) / 1024, spent);
    else
        printf("%s: refused at \"%s\": %s\n", name, error.where, error.text);
    assert_true(rc == 0 || (error.text[0] != '\0' && error.where[0] == '/'));
    gw_schema_compiler_destroy(compiler);
    gw_arena_finish(&arena);
    return set;
}

static void test_b2mml(void **state)
{
    (void)state;
    struct gw_str text = suite_read(suite_path(B2MML));
    size_t count = 0;

    assert_non_null(text.ptr);
    struct gw_schema_set *set = compile_all("B2MML", text, "/$defs", &count);
    assert_non_null(set);
    assert_true(count > 1500);
    gw_schema_set_destroy(set);
    free((void *)(uintptr_t)text.ptr);
}

static void try_document(const char *path, const char *name, void *self)
{
    struct gw_str text = suite_read(path);
    size_t *compiled = self, count = 0;

    assert_non_null(text.ptr);
    struct gw_schema_set *set = compile_all(name, text, "/components/schemas", &count);
    *compiled += set != NULL;
    gw_schema_set_destroy(set);
    free((void *)(uintptr_t)text.ptr);
}

static void test_openapi(void **state)
{
    (void)state;
    size_t compiled = 0;
    int count = suite_each("openapi-docs", ".json", try_document, &compiled);

    printf("%zu of %d documents compile\n", compiled, count);
    assert_true(count > 10);
    assert_true(compiled * 10 >= (size_t)count * 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_b2mml),
        cmocka_unit_test(test_openapi),
    };
    suite_require("openapi-docs");
    suite_require("b2mml");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
