/* What large documents cost before the first request: an OpenAPI document through the loader that
 * `millgate check` and a reload use, or every definition of a JSON Schema through the compiler. One
 * line of JSON: CPU time (median of the rounds), what is kept, and the peak while loading. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "server/contract/load.h"
#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/scope.h"
#include "server/json/pointer.h"
#include "server/json/reader.h"
#include "server/json/schema.h"

#define ROUNDS 5
#define MAX_BYTES ((size_t)256 << 20)

struct result {
    double ms;
    size_t kept_bytes;
    size_t count; /* operations or definitions */
    size_t nodes;
};

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}

static struct result load_contract(const char *path)
{
    static struct gw_diagnostics diagnostics;
    const struct gw_contract_rules rules = {.is_standalone = true,
                                            .namespace = GW_STR_INIT("/system/large")};
    struct gw_contract *contract;

    gw_diagnostics_init(&diagnostics);
    size_t before = heap_bytes();
    double start = cpu_ms();
    if (gw_contract_load(path, &rules, &diagnostics, &contract) != 0) {
        gw_diagnostics_print(&diagnostics, stderr);
        exit(EXIT_FAILURE);
    }
    double ms = cpu_ms() - start;
    gw_diagnostics_finish(&diagnostics);
    const struct gw_api *api = gw_contract_api(contract);
    struct result result = {ms, heap_bytes() - before, api->operation_count,
                            gw_schema_set_nodes(api->schemas)};
    gw_contract_release(contract);
    return result;
}

static struct gw_str read_file(const char *path)
{
    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(path, "rb");
    char *bytes = malloc(MAX_BYTES);

    if (file == NULL || bytes == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(EXIT_FAILURE);
    }
    return gw_str_from(bytes, fread(bytes, 1, MAX_BYTES, file));
}

/* Asks for each member of the object at `pointer`. */
static size_t add_members(struct gw_schema_compiler *compiler, struct gw_str text,
                          const char *pointer, struct gw_error *error)
{
    struct gw_json_error wrong;
    struct gw_json_tape tape;
    struct gw_arena arena;
    size_t count = 0, entry;

    gw_arena_init(&arena, 1 << 20, MAX_BYTES);
    if (gw_json_read(&arena, text, NULL, &tape, &wrong) != 0)
        exit(EXIT_FAILURE);
    struct gw_json_cursor cursor =
        gw_json_begin(&tape, gw_pointer_find(&tape, 0, gw_str_of(pointer)));
    for (; gw_json_step(&tape, &cursor); count++) {
        struct gw_buf place;
        gw_buf_init(&place, 4096);
        gw_buf_append_text(&place, pointer);
        gw_pointer_append(&place, gw_json_string(&tape, cursor.name));
        if (gw_schema_compiler_add_entry(compiler, GW_STR(""), gw_buf_str(&place),
                                         GW_SCHEMA_2020_12, &entry, error) != 0)
            exit(EXIT_FAILURE);
        gw_buf_finish(&place);
    }
    gw_arena_finish(&arena);
    return count;
}

static struct result compile_schema(const char *path, const char *pointer)
{
    struct gw_str text = read_file(path);
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(NULL);
    struct gw_schema_set *set = NULL;
    struct gw_error error = {.text = ""};

    double start = cpu_ms();
    int rc = gw_schema_compiler_add_text(compiler, GW_STR(""), text, &error);
    size_t count = rc == 0 ? add_members(compiler, text, pointer, &error) : 0;
    if (rc != 0 || gw_schema_compiler_finish(compiler, &set, &error) != 0) {
        fprintf(stderr, "%s: %s: %s\n", path, error.where, error.text);
        exit(EXIT_FAILURE);
    }
    gw_schema_compiler_destroy(compiler);
    struct result result = {cpu_ms() - start, gw_schema_set_bytes(set), count,
                            gw_schema_set_nodes(set)};
    gw_schema_set_destroy(set);
    free((void *)(uintptr_t)text.ptr);
    return result;
}

static int by_time(const void *a, const void *b)
{
    double left = ((const struct result *)a)->ms, right = ((const struct result *)b)->ms;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    struct result results[ROUNDS];
    struct rusage usage;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench.large OPENAPI-FILE | SCHEMA-FILE POINTER\n");
        return EXIT_FAILURE;
    }
    for (int i = 0; i < ROUNDS; i++)
        results[i] = argc == 2 ? load_contract(argv[1]) : compile_schema(argv[1], argv[2]);
    qsort(results, ROUNDS, sizeof(results[0]), by_time);
    getrusage(RUSAGE_SELF, &usage);
    const struct result *median = &results[ROUNDS / 2];
    const char *name = strrchr(argv[1], '/');
    printf("{\"contender\":\"millgate\",\"kind\":\"large\",\"name\":\"%s\",\"ms\":%.1f,"
           "\"ms_most\":%.1f,\"count\":%zu,\"nodes\":%zu,\"kept_bytes\":%zu,\"peak_bytes\":%ld}\n",
           name != NULL ? name + 1 : argv[1], median->ms, results[ROUNDS - 1].ms, median->count,
           median->nodes, median->kept_bytes, usage.ru_maxrss * 1024L);
    return EXIT_SUCCESS;
}
