/* Parse and validate from bytes, and jansson's parse alone, on the cases that schema_cases.mjs
 * wrote: one line of JSON per measurement, as schema_ajv.mjs prints. Times are CPU time of the
 * process. */
#include <dirent.h>
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

#define MEASURE_NS UINT64_C(1000000000)

struct bench_case {
    char name[128];
    struct gw_schema_set *set;
    struct gw_str text;
    const char *kind;
    size_t used_bytes; /* of the arena, after one validation */
};

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

static void measure(const char *contender, struct bench_case *bench,
                    int (*run)(struct gw_arena *, const struct bench_case *))
{
    struct gw_arena arena;
    uint64_t count = 0, spent = 0;
    int verdict = 0;

    gw_arena_init(&arena, 64 << 10, (size_t)1 << 30);
    for (int i = 0; i < 10; i++) {
        verdict = run(&arena, bench);
        bench->used_bytes = arena.used_bytes - (size_t)(arena.end - arena.next);
        gw_arena_reset(&arena);
    }
    uint64_t start = cpu_ns();
    while (spent < MEASURE_NS) {
        for (size_t i = 0; i < 1 + 100000 / bench->text.len; i++, count++) {
            (void)run(&arena, bench);
            gw_arena_reset(&arena);
        }
        spent = cpu_ns() - start;
    }
    double us = (double)spent / (double)count / 1000;
    printf("{\"contender\":\"%s\",\"name\":\"%s\",\"kind\":\"%s\",\"bytes\":%zu,\"verdict\":%s,"
           "\"us\":%.3f,\"mb_per_s\":%.1f,\"memory_bytes\":%zu}\n",
           contender, bench->name, bench->kind, bench->text.len, verdict == 0 ? "true" : "false",
           us, (double)bench->text.len / us, bench->used_bytes);
    fflush(stdout);
    gw_arena_finish(&arena);
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
    printf("{\"contender\":\"millgate\",\"name\":\"%s\",\"kind\":\"compile\",\"us\":%.1f,"
           "\"nodes\":%zu,\"memory_bytes\":%zu}\n",
           name, (double)(cpu_ns() - start) / 1000, gw_schema_set_nodes(set),
           gw_schema_set_bytes(set));
    gw_schema_compiler_destroy(compiler);
    json_decref(tree);
    free((void *)(uintptr_t)settings.ptr);
    free((void *)(uintptr_t)schema.ptr);
    return set;
}

static void run_case(const char *folder, const char *name)
{
    struct bench_case bench = {.set = compile(folder, name)};

    snprintf(bench.name, sizeof(bench.name), "%s", name);
    for (int i = 0; i < 2; i++) {
        bench.kind = i == 0 ? "valid" : "invalid";
        bench.text = read_file(folder, name, i == 0 ? ".valid.json" : ".invalid.json");
        measure("millgate", &bench, parse_and_validate);
        if (i == 0) {
            measure("millgate parse only", &bench, parse_only);
            measure("jansson parse only", &bench, parse_by_jansson);
        }
        free((void *)(uintptr_t)bench.text.ptr);
    }
    gw_schema_set_destroy(bench.set);
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;

    if (count < 0) {
        fprintf(stderr, "usage: bench.schema FOLDER (see schema_cases.mjs)\n");
        return EXIT_FAILURE;
    }
    for (int i = 0; i < count; i++) {
        struct gw_str file = gw_str_of(entries[i]->d_name);
        if (gw_str_has_suffix(file, GW_STR(".case.json"))) {
            char name[128];
            snprintf(name, sizeof(name), "%.*s", (int)(file.len - 10), file.ptr);
            run_case(argv[1], name);
        }
        free(entries[i]);
    }
    free(entries);
    return EXIT_SUCCESS;
}
