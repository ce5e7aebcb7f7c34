#include "server/cli/bowtie.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/scope.h"
#include "server/json/schema.h"
#include "server/json/tape_write.h"

#define MAX_LINE_BYTES ((size_t)64 << 20)
#define DIALECT "https://json-schema.org/draft/2020-12/schema"
#define CASE_URI "bowtie:case"

struct harness {
    FILE *out;
    struct gw_arena arena; /* of one line */
    struct gw_json_tape tape;
    uint32_t registry; /* of the case, or GW_JSON_NONE */
};

static void answer_start(struct harness *harness)
{
    fputs("{\"version\":1,\"implementation\":{\"language\":\"c\",\"name\":\"millgate\",\"version\":"
          "\"" MILLGATE_VERSION "\",\"homepage\":\"https://millgate.example\","
          "\"issues\":\"https://millgate.example/issues\","
          "\"source\":\"https://millgate.example/source\",\"dialects\":[\"" DIALECT "\"]}}\n",
          harness->out);
}

static void answer_dialect(struct harness *harness)
{
    uint32_t dialect = gw_json_get(&harness->tape, 0, GW_STR("dialect"));
    bool ok = dialect != GW_JSON_NONE && gw_json_type(&harness->tape, dialect) == GW_JSON_STRING &&
              gw_str_equal(gw_json_string(&harness->tape, dialect), GW_STR(DIALECT));

    fprintf(harness->out, "{\"ok\":%s}\n", ok ? "true" : "false");
}

/* The value at `at` becomes the document `uri`. */
static int add_value(struct gw_schema_compiler *compiler, struct gw_str uri,
                     const struct gw_json_tape *tape, uint32_t at, struct gw_error *error)
{
    struct gw_buf text;

    gw_buf_init(&text, MAX_LINE_BYTES);
    gw_json_write(&text, tape, at);
    int rc = text.has_failed ? -ENOMEM
                             : gw_schema_compiler_add_text(compiler, uri, gw_buf_str(&text), error);
    gw_buf_finish(&text);
    return rc;
}

static int load_from_registry(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                              struct gw_error *error)
{
    struct harness *harness = self;
    uint32_t found = gw_json_get(&harness->tape, harness->registry, uri);

    return found == GW_JSON_NONE ? -ENOENT : add_value(compiler, uri, &harness->tape, found, error);
}

static struct gw_schema_set *compile(struct harness *harness, uint32_t schema,
                                     struct gw_error *error)
{
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(NULL);
    struct gw_schema_set *set = NULL;
    size_t entry;

    if (compiler == NULL)
        return NULL;
    gw_schema_compiler_set_loader(compiler, load_from_registry, harness);
    int rc = add_value(compiler, GW_STR(CASE_URI), &harness->tape, schema, error);
    if (rc == 0)
        rc = gw_schema_compiler_add_entry(compiler, GW_STR(CASE_URI), GW_STR(""), GW_SCHEMA_2020_12,
                                          &entry, error);
    if (rc == 0 && gw_schema_compiler_finish(compiler, &set, error) != 0)
        set = NULL;
    gw_schema_compiler_destroy(compiler);
    return set;
}

static void append_verdict(struct harness *harness, const struct gw_schema_set *set, uint32_t test,
                           struct gw_buf *buf)
{
    struct gw_schema_run run = {.arena = &harness->arena, .max_violations = 0};
    struct gw_violations violations;

    run.root = gw_json_get(&harness->tape, test, GW_STR("instance"));
    int rc = run.root == GW_JSON_NONE
                 ? -EINVAL
                 : gw_schema_validate(set, 0, &harness->tape, &run, &violations);
    if (rc < 0)
        gw_buf_append_text(buf, "{\"errored\":true,\"context\":{}}");
    else
        gw_buf_printf(buf, "{\"valid\":%s}", rc == 0 ? "true" : "false");
}

static void append_results(struct harness *harness, uint32_t tests, struct gw_buf *buf,
                           const struct gw_schema_set *set)
{
    struct gw_json_cursor cursor = gw_json_begin(&harness->tape, tests);
    bool is_first = true;

    gw_buf_append_text(buf, ",\"results\":[");
    for (; gw_json_step(&harness->tape, &cursor); is_first = false) {
        if (!is_first)
            gw_buf_append_byte(buf, ',');
        append_verdict(harness, set, cursor.value, buf);
    }
    gw_buf_append_byte(buf, ']');
}

static void answer_run(struct harness *harness)
{
    const struct gw_json_tape *tape = &harness->tape;
    uint32_t seq = gw_json_get(tape, 0, GW_STR("seq"));
    uint32_t which = gw_json_get(tape, 0, GW_STR("case"));
    uint32_t schema = gw_json_get(tape, which, GW_STR("schema"));
    uint32_t tests = gw_json_get(tape, which, GW_STR("tests"));
    struct gw_error error = {.text = "the case has no schema or no tests"};
    struct gw_schema_set *set = NULL;
    struct gw_buf buf;

    harness->registry = gw_json_get(tape, which, GW_STR("registry"));
    if (schema != GW_JSON_NONE && tests != GW_JSON_NONE)
        set = compile(harness, schema, &error);
    gw_buf_init(&buf, MAX_LINE_BYTES);
    gw_buf_append_text(&buf, "{\"seq\":");
    if (seq != GW_JSON_NONE)
        gw_json_write(&buf, tape, seq);
    else
        gw_buf_append_text(&buf, "null");
    if (set != NULL) {
        append_results(harness, tests, &buf, set);
    } else {
        gw_buf_append_text(&buf, ",\"errored\":true,\"context\":{\"message\":\"");
        gw_buf_append_json(&buf, gw_str_of(error.text));
        gw_buf_append_text(&buf, "\"}");
    }
    fprintf(harness->out, "%.*s}\n", (int)buf.len, buf.ptr);
    gw_buf_finish(&buf);
    gw_schema_set_destroy(set);
}

/* Returns 1 to go on, 0 at "stop", -EINVAL for a line that is no command. */
static int answer(struct harness *harness, struct gw_str line)
{
    struct gw_json_error error;

    if (gw_json_read(&harness->arena, line, NULL, &harness->tape, &error) != 0) {
        fprintf(stderr, "bowtie: column %zu: %s\n", error.column, error.text);
        return -EINVAL;
    }
    uint32_t at = gw_json_get(&harness->tape, 0, GW_STR("cmd"));
    struct gw_str command = at != GW_JSON_NONE && gw_json_type(&harness->tape, at) == GW_JSON_STRING
                                ? gw_json_string(&harness->tape, at)
                                : (struct gw_str){NULL, 0};
    if (gw_str_equal(command, GW_STR("stop")))
        return 0;
    if (gw_str_equal(command, GW_STR("start"))) {
        answer_start(harness);
    } else if (gw_str_equal(command, GW_STR("dialect"))) {
        answer_dialect(harness);
    } else if (gw_str_equal(command, GW_STR("run"))) {
        answer_run(harness);
    } else {
        fprintf(stderr, "bowtie: no such command: %.*s\n", GW_STR_ARG(command));
        return -EINVAL;
    }
    fflush(harness->out);
    return 1;
}

int gw_cli_bowtie(FILE *in, FILE *out)
{
    struct harness harness = {.out = out};
    GW_SCOPED(gw_scope_free) char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    int rc = 1;

    while (rc == 1 && (len = getline(&line, &capacity, in)) >= 0) {
        gw_arena_init(&harness.arena, 64 << 10, (size_t)1 << 30);
        rc = answer(&harness, gw_str_from(line, (size_t)len));
        gw_arena_finish(&harness.arena);
    }
    return rc < 0 ? 2 : 0;
}
