/* A flow as one thing: loaded, shared, told about. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/core/buf.h"
#include "server/core/hash.h"
#include "server/core/scope.h"
#include "server/flow/loading.h"

#define FLOW_BLOCK_BYTES (16 * 1024)
#define FLOW_MAX_BYTES (64u << 20)
#define MAX_FILE_BYTES (1u << 20)
#define MAX_MAPPINGS 32

/* --- files ------------------------------------------------------------------------------------ */

/* The whole file, or -errno; -EMSGSIZE beyond MAX_FILE_BYTES. A pipe or a device, which may never
 * end or never begin, is no file: -EINVAL. */
static int read_file(const char *path, struct gw_buf *buf)
{
    GW_SCOPED(gw_scope_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    ssize_t len = 1;

    if (fd < 0 || fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    while (len > 0 && !buf->has_failed) {
        char bytes[8192];
        len = read(fd, bytes, sizeof(bytes));
        if (len > 0)
            gw_buf_append(buf, bytes, (size_t)len);
        else if (len < 0 && errno == EINTR)
            len = 1;
    }
    if (len < 0)
        return -errno;
    return buf->has_failed ? -EMSGSIZE : 0;
}

/* 128 bits under keys of this process: nobody can prepare two texts that look alike. */
static void fingerprint(struct gw_str text, uint64_t out_hash[2])
{
    const struct gw_hash_key *key = gw_hash_process_key();
    const struct gw_hash_key other = {key->k1 ^ 0x666c6f77, ~key->k0};

    out_hash[0] = gw_hash(key, text);
    out_hash[1] = gw_hash(&other, text);
}

static void remember_file(struct flow_loading *loading, struct gw_str path, struct gw_str text)
{
    struct flow_file *file = flow_alloc(loading, 1, sizeof(*file));

    if (file == NULL)
        return;
    file->path = path;
    fingerprint(text, file->hash);
    file->next = loading->flow->files;
    loading->flow->files = file;
}

struct gw_str flow_read_beside(struct flow_loading *loading, const struct flow_place *place,
                               struct gw_str name, struct gw_str *out_path)
{
    struct gw_str folder = loading->flow->file, none = {NULL, 0};
    struct gw_buf buf;

    while (folder.len > 0 && folder.ptr[folder.len - 1] != '/')
        folder.len--;
    if (name.len > 0 && name.ptr[0] == '/')
        folder.len = 0;
    *out_path = gw_arena_join(loading->arena, (struct gw_str[]){folder, name}, 2);
    if (out_path->ptr == NULL) {
        loading->has_no_memory = true;
        return none;
    }
    gw_buf_init(&buf, MAX_FILE_BYTES);
    int rc = read_file(out_path->ptr, &buf);
    if (rc != 0) {
        flow_error(loading, place, "%s cannot be read: %s", out_path->ptr, strerror(-rc));
        gw_buf_finish(&buf);
        return none;
    }
    remember_file(loading, *out_path, gw_buf_str(&buf));
    struct gw_str text = {gw_str_duplicate(gw_buf_str(&buf)), buf.len};
    gw_buf_finish(&buf);
    loading->has_no_memory |= text.ptr == NULL;
    return text;
}

bool gw_flow_is_current(const struct gw_flow *flow)
{
    for (const struct flow_file *file = flow->files; file != NULL; file = file->next) {
        uint64_t hash[2];
        struct gw_buf buf;
        gw_buf_init(&buf, GW_DOCUMENT_MAX_BYTES);
        int rc = read_file(file->path.ptr, &buf);
        if (rc == 0)
            fingerprint(gw_buf_str(&buf), hash);
        gw_buf_finish(&buf);
        if (rc != 0 || memcmp(hash, file->hash, sizeof(hash)) != 0)
            return false;
    }
    return true;
}

/* --- the head of the document ------------------------------------------------------------------
 */

static bool is_name(struct gw_str text)
{
    bool is_right = text.len > 0 && text.len <= 63;

    for (size_t i = 0; is_right && i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_inner = byte == '-' && i > 0 && i + 1 < text.len;
        is_right = is_inner || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                   (byte >= 'A' && byte <= 'Z');
    }
    return is_right;
}

/* MAJOR.MINOR.PATCH, and then whatever - or + brings. */
static bool is_version(struct gw_str text)
{
    size_t end = 0;

    while (end < text.len && text.ptr[end] != '-' && text.ptr[end] != '+')
        end++;
    struct gw_str rest = gw_str_from(text.ptr, end), part;
    unsigned count = 0;
    uint64_t number;
    while (gw_str_split(&rest, '.', &part)) {
        count++;
        if (gw_str_to_u64(part, &number) != 0 || (part.len > 1 && part.ptr[0] == '0'))
            return false;
    }
    return count == 3;
}

static void check_head(struct flow_loading *loading, const struct flow_place *document)
{
    static const char *const names[] = {"namespace", "name"};
    struct flow_place dsl = flow_member_of_type(loading, document, "dsl", GW_JSON_STRING);
    struct flow_place version = flow_member_of_type(loading, document, "version", GW_JSON_STRING);

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        struct flow_place name = flow_member_of_type(loading, document, names[i], GW_JSON_STRING);
        if (name.value != NULL && !is_name(name.value->text))
            flow_error(loading, &name, "\"%s\" is letters, digits and inner dashes, at most 63",
                       names[i]);
    }
    if (version.value != NULL && !is_version(version.value->text))
        flow_error(loading, &version, "\"version\" is a semantic version, like \"1.0.0\"");
    if (dsl.value != NULL &&
        (!is_version(dsl.value->text) || !gw_str_has_prefix(dsl.value->text, GW_STR("1.0."))))
        flow_error(loading, &dsl, "\"dsl\" is a version that is spoken here: 1.0.x");
    loading->flow->version = flow_text(&version);
    loading->flow->name = gw_arena_join(
        loading->arena,
        (struct gw_str[]){gw_value_member_text(document->value, GW_STR("namespace")), GW_STR("/"),
                          gw_value_member_text(document->value, GW_STR("name"))},
        3);
    loading->has_no_memory |= loading->flow->name.ptr == NULL;
}

/* document.metadata.mappings: files of jq functions. */
static void read_mappings(struct flow_loading *loading, const struct flow_place *document,
                          struct gw_buf *definitions)
{
    struct flow_place metadata = flow_member(loading, document, "metadata");
    struct flow_place list = flow_member(loading, &metadata, "mappings");

    if (list.value != NULL && (!flow_is(&list, GW_JSON_ARRAY) || list.value->count > MAX_MAPPINGS))
        flow_error(loading, &list, "\"mappings\" is a list of at most %d *.jq files", MAX_MAPPINGS);
    else if (list.value != NULL)
        for (uint32_t i = 0; i < list.value->count; i++) {
            struct flow_place item = flow_item(loading, &list, i);
            struct gw_str path;
            if (!flow_is(&item, GW_JSON_STRING) ||
                !gw_str_has_suffix(item.value->text, GW_STR(".jq"))) {
                flow_error(loading, &item, "a mapping is the name of a *.jq file");
                continue;
            }
            struct gw_str text = flow_read_beside(loading, &item, item.value->text, &path);
            flow_mention_expression(loading, &item, FLOW_NONE);
            gw_buf_append_str(definitions, text);
            gw_buf_append_byte(definitions, '\n');
            free((char *)text.ptr);
        }
}

static void compile(struct flow_loading *loading)
{
    struct flow_place root = {&loading->flow->definition, GW_STR("")};
    struct gw_buf definitions;

    if (!flow_check_object(loading, &root, FLOW_WORKFLOW))
        return;
    struct flow_place document = flow_member(loading, &root, "document");
    loading->use = flow_member_of_type(loading, &root, "use", GW_JSON_OBJECT);
    (void)flow_check_object(loading, &loading->use, FLOW_USE);
    if (!flow_check_object(loading, &document, FLOW_DOCUMENT))
        return;
    check_head(loading, &document);
    gw_buf_init(&definitions, MAX_FILE_BYTES);
    read_mappings(loading, &document, &definitions);
    loading->flow->expressions = gw_expressions_create(gw_buf_str(&definitions));
    loading->has_no_memory |= loading->flow->expressions == NULL || definitions.has_failed;
    gw_buf_finish(&definitions);
    if (!loading->has_no_memory)
        flow_compile_workflow(loading, &root);
    if (!loading->has_no_memory)
        flow_check_unused(loading);
    flow_finish_schemas(loading);
}

/* --- loading -----------------------------------------------------------------------------------
 */

static struct gw_flow *create(const char *path)
{
    struct gw_flow *flow = calloc(1, sizeof(*flow));

    if (flow == NULL)
        return NULL;
    gw_arena_init(&flow->arena, FLOW_BLOCK_BYTES, FLOW_MAX_BYTES);
    atomic_init(&flow->references, 1);
    flow->file = gw_arena_copy(&flow->arena, gw_str_of(path));
    if (flow->file.ptr != NULL)
        return flow;
    gw_flow_release(flow);
    return NULL;
}

static int load(struct flow_loading *loading, const char *path)
{
    struct gw_diagnostics *diagnostics = loading->diagnostics;
    size_t errors = diagnostics->error_count;
    int rc = gw_document_load_file(path, diagnostics, &loading->document);

    if (rc != 0)
        return rc;
    remember_file(loading, loading->flow->file,
                  gw_str_from(loading->document->text, loading->document->text_len));
    if (loading->document->inexact.line > 0)
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, path, loading->document->inexact.line,
                           loading->document->inexact.column,
                           "a number of more than 64 bits is written as a text");
    if (flow_value_of(loading->arena, loading->document->root, &loading->flow->definition) != 0)
        return -ENOMEM;
    compile(loading);
    if (loading->has_no_memory)
        return -ENOMEM;
    rc = gw_flow_check_names(loading->flow, loading->names, diagnostics);
    return diagnostics->error_count > errors ? -EINVAL : rc;
}

int gw_flow_load(const char *path, const struct gw_flow_names *names,
                 struct gw_diagnostics *diagnostics, struct gw_flow **out_flow)
{
    static const struct gw_flow_names no_names;
    struct gw_flow *flow = create(path);

    if (flow == NULL) {
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, path, 0, 0, "no memory to load it");
        return -ENOMEM;
    }
    struct flow_loading loading = {.flow = flow,
                                   .arena = &flow->arena,
                                   .names = names != NULL ? names : &no_names,
                                   .diagnostics = diagnostics,
                                   .told = diagnostics};
    gw_arena_init(&loading.scratch, FLOW_BLOCK_BYTES, FLOW_MAX_BYTES);
    int rc = load(&loading, path);
    gw_schema_compiler_destroy(loading.schemas);
    gw_document_destroy(loading.document);
    gw_arena_finish(&loading.scratch);
    if (rc == -ENOMEM)
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, path, 0, 0, "no memory to load it");
    if (rc != 0)
        gw_flow_release(flow);
    else
        *out_flow = flow;
    return rc;
}

struct gw_flow *gw_flow_hold(struct gw_flow *flow)
{
    atomic_fetch_add(&flow->references, 1);
    return flow;
}

void gw_flow_release(struct gw_flow *flow)
{
    if (flow == NULL || atomic_fetch_sub(&flow->references, 1) > 1)
        return;
    gw_expressions_release(flow->expressions);
    gw_schema_set_destroy(flow->schemas);
    gw_arena_finish(&flow->arena);
    free(flow);
}

struct gw_str gw_flow_name(const struct gw_flow *flow)
{
    return flow->name;
}

struct gw_str gw_flow_version(const struct gw_flow *flow)
{
    return flow->version;
}

struct gw_str gw_flow_file(const struct gw_flow *flow)
{
    return flow->file;
}

struct gw_expressions *gw_flow_expressions(const struct gw_flow *flow)
{
    return flow->expressions;
}
