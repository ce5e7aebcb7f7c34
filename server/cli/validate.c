/* millgate validate --schema S [--dialect D] [--pointer P] [--remotes DIR] [--format] [--json]
 * FILE...
 */
#include "server/cli/validate.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/cli/bowtie.h"
#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/scope.h"
#include "server/json/schema.h"

#define MAX_FILE_BYTES ((size_t)256 << 20)
#define MAX_VIOLATIONS 100

enum { EXIT_VALID = 0, EXIT_NOT_VALID = 1, EXIT_TROUBLE = 2 };

struct settings {
    const char *schema;
    const char *pointer;
    const char *remotes; /* folder, or NULL */
    enum gw_schema_dialect dialect;
    bool assert_format;
    bool as_json;
};

const char gw_cli_validate_usage[] =
    "usage: millgate validate --schema FILE [--pointer POINTER] [--dialect DIALECT]\n"
    "                         [--remotes FOLDER] [--format] [--json] FILE...\n"
    "       millgate validate --bowtie\n"
    "\n"
    "  --schema   a JSON Schema or an OpenAPI document, in JSON\n"
    "  --pointer  the schema in it, as a JSON Pointer (default: the whole document)\n"
    "  --dialect  2020-12 (default), openapi-3.0 or openapi-3.1\n"
    "  --remotes  where http://HOST/PATH in a reference is read from: FOLDER/PATH\n"
    "  --format   refuse values that do not have the format the schema names\n"
    "  --json     print one JSON object per file\n"
    "  --bowtie   speak the protocol of the Bowtie harness on standard input and output\n"
    "\n"
    "Exit code: 0 all are valid, 1 some are not, 2 something could not be read.\n";

/* The file's bytes in `buf`; "-" is standard input. Returns 0 or a negative errno. */
static int read_file(const char *path, struct gw_buf *buf)
{
    bool is_stdin = strcmp(path, "-") == 0;
    GW_SCOPED(gw_scope_fclose) FILE *opened = is_stdin ? NULL : fopen(path, "rb");
    FILE *file = is_stdin ? stdin : opened;
    char chunk[16384];
    size_t len;

    if (file == NULL)
        return -errno;
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0)
        gw_buf_append(buf, chunk, len);
    if (ferror(file))
        return -EIO;
    return buf->has_failed ? -EFBIG : 0;
}

/* The file that stands for a URI of http: below the folder of remotes, or -ENOENT. */
static int remote_path(const struct settings *settings, struct gw_str uri, char *path, size_t size)
{
    size_t authority = gw_str_has_prefix(uri, GW_STR("http://"))    ? 7
                       : gw_str_has_prefix(uri, GW_STR("https://")) ? 8
                                                                    : uri.len;
    struct gw_str rest = gw_str_tail(uri, authority);
    struct gw_str name = gw_str_tail(rest, gw_str_find(rest, '/'));
    struct gw_str parts = name, part;

    if (settings->remotes == NULL || name.len < 2)
        return -ENOENT;
    while (gw_str_split(&parts, '/', &part)) {
        if (gw_str_equal(part, GW_STR("..")))
            return -ENOENT;
    }
    int len = snprintf(path, size, "%s%.*s", settings->remotes, GW_STR_ARG(name));
    return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

/* References to other files are taken from beside the schema, and remote ones from the folder of
 * remotes; nothing else is read. */
static int load_file(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                     struct gw_error *error)
{
    struct gw_buf text;
    char path[4096];

    if (uri.len >= sizeof(path))
        return -ENOENT;
    if (gw_str_find(uri, ':') == uri.len)
        snprintf(path, sizeof(path), "%.*s", GW_STR_ARG(uri));
    else if (remote_path(self, uri, path, sizeof(path)) != 0)
        return -ENOENT;
    gw_buf_init(&text, MAX_FILE_BYTES);
    int rc = read_file(path, &text);
    if (rc == 0)
        rc = gw_schema_compiler_add_text(compiler, uri, gw_buf_str(&text), error);
    gw_buf_finish(&text);
    return rc;
}

struct telling {
    const char *schema;
    size_t count;
};

/* A text with a place begins with the document that the place is in: "uri: text" becomes
 * "uri: place: text". */
static void tell(void *self, const struct gw_error *error)
{
    struct telling *telling = self;
    struct gw_str document = gw_str_of(telling->schema), text = gw_str_of(error->text);

    telling->count++;
    if (error->where[0] == '\0') {
        fprintf(stderr, "%s: %s\n", telling->schema, error->text);
        return;
    }
    if (!gw_str_has_prefix(text, document)) {
        size_t space = gw_str_find(text, ' '); /* a URI has none */
        document = gw_str_from(text.ptr, space > 0 ? space - 1 : 0);
    }
    if (gw_str_has_prefix(gw_str_tail(text, document.len), GW_STR(": ")))
        text = gw_str_tail(text, document.len + 2);
    else
        document = gw_str_of(telling->schema);
    fprintf(stderr, "%.*s: %s: %.*s\n", GW_STR_ARG(document), error->where, GW_STR_ARG(text));
}

/* Returns NULL when what is wrong has been told: of the schemas all, each with its place. */
static struct gw_schema_set *compile(const struct settings *settings)
{
    struct gw_schema_options options = {.assert_format = settings->assert_format};
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(&options);
    struct telling telling = {.schema = settings->schema};
    struct gw_str uri = gw_str_of(settings->schema);
    struct gw_schema_set *set = NULL;
    struct gw_error error = {.text = ""};
    size_t entry;

    int rc = compiler == NULL ? gw_error_set(&error, -ENOMEM, "not enough memory") : 0;
    if (rc == 0) {
        void *self = (void *)(uintptr_t)settings;
        gw_schema_compiler_set_loader(compiler, load_file, self);
        gw_schema_compiler_set_reporter(compiler, tell, &telling);
        rc = load_file(self, compiler, uri, &error);
        if (rc < 0 && error.text[0] == '\0')
            (void)gw_error_set(&error, rc, "%s", strerror(-rc));
    }
    if (rc == 0)
        rc = gw_schema_compiler_add_entry(compiler, uri, gw_str_of(settings->pointer),
                                          settings->dialect, &entry, &error);
    if (rc == 0)
        rc = gw_schema_compiler_finish(compiler, &set, &error);
    if (rc != 0 && (rc == -ENOMEM || telling.count == 0))
        tell(&telling, &error);
    if (telling.count >= GW_SCHEMA_TOLD_MAX)
        fprintf(stderr, "%s: there may be more\n", settings->schema);
    gw_schema_compiler_destroy(compiler);
    return set;
}

static void print_member(struct gw_buf *buf, const char *name, struct gw_str text)
{
    gw_buf_printf(buf, "\"%s\":\"", name);
    gw_buf_append_json(buf, text);
    gw_buf_append_byte(buf, '"');
}

static void print_as_json(const char *path, bool is_valid, const struct gw_violations *violations)
{
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_FILE_BYTES);
    gw_buf_append_byte(&buf, '{');
    print_member(&buf, "file", gw_str_of(path));
    gw_buf_printf(&buf, ",\"valid\":%s,\"violations\":[", is_valid ? "true" : "false");
    for (size_t i = 0; i < violations->count; i++) {
        const struct gw_violation *violation = &violations->items[i];
        gw_buf_append_text(&buf, i == 0 ? "{" : ",{");
        print_member(&buf, "instance", violation->instance);
        gw_buf_append_byte(&buf, ',');
        print_member(&buf, "schema", violation->schema);
        gw_buf_append_byte(&buf, ',');
        print_member(&buf, "keyword", violation->keyword);
        gw_buf_append_byte(&buf, ',');
        print_member(&buf, "message", violation->message);
        gw_buf_append_byte(&buf, '}');
    }
    gw_buf_append_text(&buf, "]}");
    printf("%.*s\n", (int)buf.len, buf.ptr);
    gw_buf_finish(&buf);
}

static void print_for_people(const char *path, bool is_valid,
                             const struct gw_violations *violations)
{
    printf("%s: %s\n", path, is_valid ? "valid" : "not valid");
    for (size_t i = 0; i < violations->count; i++) {
        const struct gw_violation *violation = &violations->items[i];
        printf("  %.*s: %.*s\n      (%.*s)\n", (int)violation->instance.len,
               violation->instance.len > 0 ? violation->instance.ptr : "",
               GW_STR_ARG(violation->message), GW_STR_ARG(violation->schema));
    }
    if (violations->is_cut)
        printf("  and more\n");
}

static int validate_text(const struct settings *settings, const struct gw_schema_set *set,
                         const char *path, struct gw_str text, struct gw_arena *arena)
{
    struct gw_json_limits limits = {.max_bytes = MAX_FILE_BYTES, .max_depth = 256};
    struct gw_schema_run run = {.arena = arena, .max_violations = MAX_VIOLATIONS};
    struct gw_violations violations = {0};
    struct gw_json_tape tape;
    struct gw_json_error error;

    if (gw_json_read(arena, text, &limits, &tape, &error) != 0) {
        fprintf(stderr, "%s:%zu:%zu: %s\n", path, error.line, error.column, error.text);
        return EXIT_TROUBLE;
    }
    int rc = gw_schema_validate(set, 0, &tape, &run, &violations);
    if (settings->as_json)
        print_as_json(path, rc == 0, &violations);
    else
        print_for_people(path, rc == 0, &violations);
    return rc == 0 ? EXIT_VALID : rc == 1 ? EXIT_NOT_VALID : EXIT_TROUBLE;
}

static int validate_file(const struct settings *settings, const struct gw_schema_set *set,
                         const char *path)
{
    struct gw_arena arena;
    struct gw_buf text;
    int code = EXIT_TROUBLE;

    gw_arena_init(&arena, 64 << 10, (size_t)4 << 30);
    gw_buf_init(&text, MAX_FILE_BYTES);
    int rc = read_file(path, &text);
    if (rc != 0)
        fprintf(stderr, "%s: %s\n", path, strerror(-rc));
    else
        code = validate_text(settings, set, path, gw_buf_str(&text), &arena);
    gw_arena_finish(&arena);
    gw_buf_finish(&text);
    return code;
}

static int parse_dialect(const char *name, enum gw_schema_dialect *out_dialect)
{
    static const char *const names[] = {"2020-12", "openapi-3.0", "openapi-3.1"};

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out_dialect = (enum gw_schema_dialect)i;
            return 0;
        }
    }
    fprintf(stderr, "millgate validate: no dialect is called \"%s\"\n", name);
    return -EINVAL;
}

/* Returns 0, 1 (--bowtie), or -EINVAL. *out_first is the first of the files. */
static int parse_options(int argc, char **argv, struct settings *settings, int *out_first)
{
    static const struct option options[] = {
        {"schema", required_argument, NULL, 's'},  {"pointer", required_argument, NULL, 'p'},
        {"dialect", required_argument, NULL, 'd'}, {"remotes", required_argument, NULL, 'r'},
        {"format", no_argument, NULL, 'f'},        {"json", no_argument, NULL, 'j'},
        {"bowtie", no_argument, NULL, 'b'},        {NULL, 0, NULL, 0},
    };

    optind = 0; /* glibc: start anew */
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 's')
            settings->schema = optarg;
        else if (c == 'p')
            settings->pointer = optarg;
        else if (c == 'r')
            settings->remotes = optarg;
        else if (c == 'f')
            settings->assert_format = true;
        else if (c == 'j')
            settings->as_json = true;
        else if (c == 'b')
            return 1;
        else if (c != 'd' || parse_dialect(optarg, &settings->dialect) != 0)
            return -EINVAL;
    }
    *out_first = optind;
    return settings->schema == NULL || optind >= argc ? -EINVAL : 0;
}

int gw_cli_validate(int argc, char **argv)
{
    struct settings settings = {.pointer = ""};
    int first = argc, code = EXIT_VALID;

    int rc = parse_options(argc, argv, &settings, &first);
    if (rc == 1)
        return gw_cli_bowtie(stdin, stdout);
    if (rc != 0) {
        fputs(gw_cli_validate_usage, stderr);
        return EXIT_TROUBLE;
    }
    struct gw_schema_set *set = compile(&settings);
    if (set == NULL)
        return EXIT_TROUBLE;
    for (int i = first; i < argc; i++) {
        int one = validate_file(&settings, set, argv[i]);
        code = one > code ? one : code;
    }
    gw_schema_set_destroy(set);
    return code;
}
