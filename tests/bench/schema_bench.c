/* Parse and validate from bytes, and jansson's parse alone, on one of the cases that
 * schema_cases.mjs wrote. Compiles the schema, then takes orders from stdin, as schema_ajv.mjs
 * does: a line `CONTENDER KIND MILLISECONDS` is answered by a line of JSON. Times are CPU time of
 * the process. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "server/core/arena.h"
#include "server/core/error.h"
#include "server/core/scope.h"
#include "server/json/reader.h"
#include "server/json/schema.h"

struct bench_case {
    struct gw_schema_set *set;
    struct gw_str text;
};

typedef int run_fn(struct gw_arena *arena, const struct bench_case *bench);

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct gw_str read_file(const char *folder, const char *name, const char *suffix)
{
    char path[1024];
    struct stat status;

    snprintf(path, sizeof(path), "%s/%s%s", folder, name, suffix);
    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(EXIT_FAILURE);
    }
    char *bytes = malloc((size_t)status.st_size + 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)status.st_size, file) != (size_t)status.st_size)
        exit(EXIT_FAILURE);
    return gw_str_from(bytes, (size_t)status.st_size);
}

static int parse_only(struct gw_arena *arena, const struct bench_case *bench)
{
    struct gw_json_tape tape;
    struct gw_json_error error;

    return gw_json_read(arena, bench->text, NULL, &tape, &error);
}

static int parse_and_validate(struct gw_arena *arena, const struct bench_case *bench)
{
    struct gw_json_tape tape;
    struct gw_json_error error;
    struct gw_violations violations;
    struct gw_schema_run run = {.arena = arena, .max_violations = 20};

    if (gw_json_read(arena, bench->text, NULL, &tape, &error) != 0)
        return -1;
    return gw_schema_validate(bench->set, 0, &tape, &run, &violations);
}

static int parse_by_jansson(struct gw_arena *arena, const struct bench_case *bench)
{
    json_error_t error;
    json_t *tree = json_loadb(bench->text.ptr, bench->text.len, 0, &error);

    (void)arena;
    json_decref(tree);
    return tree == NULL;
}

static run_fn *find_run(const char *contender)
{
    static const struct {
        const char *name;
        run_fn *run;
    } runs[] = {
        {"millgate", parse_and_validate},
        {"millgate-parse", parse_only},
        {"jansson-parse", parse_by_jansson},
    };

    for (size_t i = 0; i < GW_COUNT_OF(runs); i++) {
        if (strcmp(runs[i].name, contender) == 0)
            return runs[i].run;
    }
    fprintf(stderr, "no contender %s\n", contender);
    exit(EXIT_FAILURE);
}

static void measure(struct gw_arena *arena, const struct bench_case *bench, run_fn *run,
                    uint64_t wanted_ns)
{
    uint64_t count = 0, spent_ns = 0;

    int verdict = run(arena, bench);
    size_t memory_bytes = arena->used_bytes - (size_t)(arena->end - arena->next);
    gw_arena_reset(arena);
    uint64_t start_ns = cpu_ns();
    while (spent_ns < wanted_ns) {
        for (size_t i = 0; i < 1 + 100000 / bench->text.len; i++, count++) {
            (void)run(arena, bench);
            gw_arena_reset(arena);
        }
        spent_ns = cpu_ns() - start_ns;
    }
    printf("{\"bytes\":%zu,\"verdict\":%s,\"us\":%.4f,\"memory_bytes\":%zu}\n", bench->text.len,
           verdict == 0 ? "true" : "false", (double)spent_ns / (double)count / 1000, memory_bytes);
    fflush(stdout);
}

static struct gw_schema_set *compile(const char *folder, const char *name)
{
    struct gw_str settings = read_file(folder, name, ".case.json");
    struct gw_str schema = read_file(folder, name, ".schema.json");
    json_t *tree = json_loadb(settings.ptr, settings.len, 0, NULL);
    const char *dialect = json_string_value(json_object_get(tree, "dialect"));
    const char *pointer = json_string_value(json_object_get(tree, "pointer"));
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(NULL);
    struct gw_schema_set *set = NULL;
    struct gw_error error = {.text = "?"};
    size_t entry;

    uint64_t start = cpu_ns();
    enum gw_schema_dialect which = strcmp(dialect, "openapi-3.0") == 0   ? GW_SCHEMA_OPENAPI_30
                                   : strcmp(dialect, "openapi-3.1") == 0 ? GW_SCHEMA_OPENAPI_31
                                                                         : GW_SCHEMA_2020_12;
    if (gw_schema_compiler_add_text(compiler, GW_STR(""), schema, &error) != 0 ||
        gw_schema_compiler_add_entry(compiler, GW_STR(""), gw_str_of(pointer), which, &entry,
                                     &error) != 0 ||
        gw_schema_compiler_finish(compiler, &set, &error) != 0) {
        fprintf(stderr, "%s: %s: %s\n", name, error.where, error.text);
        exit(EXIT_FAILURE);
    }
    printf("{\"compile_us\":%.1f,\"nodes\":%zu,\"memory_bytes\":%zu}\n",
           (double)(cpu_ns() - start) / 1000, gw_schema_set_nodes(set), gw_schema_set_bytes(set));
    fflush(stdout);
    gw_schema_compiler_destroy(compiler);
    json_decref(tree);
    free((void *)(uintptr_t)settings.ptr);
    free((void *)(uintptr_t)schema.ptr);
    return set;
}

int main(int argc, char **argv)
{
    char order[128], contender[32], kind[32];
    uint64_t ms;
    struct gw_arena arena;

    if (argc != 3) {
        fprintf(stderr, "usage: bench.schema FOLDER NAME (see schema_rounds.mjs)\n");
        return EXIT_FAILURE;
    }
    struct bench_case valid = {.set = compile(argv[1], argv[2])}, invalid = valid;
    valid.text = read_file(argv[1], argv[2], ".valid.json");
    invalid.text = read_file(argv[1], argv[2], ".invalid.json");
    gw_arena_init(&arena, 64 << 10, (size_t)1 << 30);
    while (fgets(order, sizeof(order), stdin) != NULL) {
        if (sscanf(order, "%31s %31s %" SCNu64, contender, kind, &ms) != 3)
            return EXIT_FAILURE;
        const struct bench_case *bench = strcmp(kind, "valid") == 0 ? &valid : &invalid;
        measure(&arena, bench, find_run(contender), ms * 1000000);
    }
    gw_arena_finish(&arena);
    gw_schema_set_destroy(valid.set);
    free((void *)(uintptr_t)valid.text.ptr);
    free((void *)(uintptr_t)invalid.text.ptr);
    return EXIT_SUCCESS;
}
