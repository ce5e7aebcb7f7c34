/* The files of one contract: which may be opened, and by what name. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "resolve.h"
#include "server/core/scope.h"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char folded = (char)(digit | 0x20);
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

struct gw_str contract_decode_uri(struct gw_arena *arena, struct gw_str text)
{
    char *out = gw_arena_alloc(arena, text.len + 1);
    size_t len = 0;

    if (out == NULL)
        return gw_str_from(NULL, 0);
    for (size_t at = 0; at < text.len; at++) {
        char byte = text.ptr[at];
        if (byte == '%') {
            int high = at + 2 < text.len ? hex_value(text.ptr[at + 1]) : -1;
            int low = at + 2 < text.len ? hex_value(text.ptr[at + 2]) : -1;
            if (high < 0 || low < 0)
                return gw_str_from(NULL, 0);
            byte = (char)(high * 16 + low);
            at += 2;
        }
        if (byte == '\0')
            return gw_str_from(NULL, 0);
        out[len++] = byte;
    }
    out[len] = '\0';
    return gw_str_from(out, len);
}

/* Appends the segments of `path` to `out`, resolving dots; false above the root. */
static bool append_segments(struct gw_buf *out, struct gw_str path)
{
    struct gw_str rest = path;
    struct gw_str segment;

    while (gw_str_split(&rest, '/', &segment)) {
        if (segment.len == 0 || gw_str_equal(segment, GW_STR(".")))
            continue;
        if (!gw_str_equal(segment, GW_STR(".."))) {
            if (out->len > 0)
                gw_buf_append_byte(out, '/');
            gw_buf_append_str(out, segment);
            continue;
        }
        if (out->len == 0)
            return false;
        while (out->len > 0 && out->ptr[out->len - 1] != '/')
            out->len--;
        if (out->len > 0)
            out->len--;
    }
    return true;
}

static bool has_scheme(struct gw_str uri)
{
    size_t colon = gw_str_find(uri, ':');
    return colon < uri.len && colon < gw_str_find(uri, '/');
}

struct gw_str gw_reference_resolver_name(struct gw_reference_resolver *resolver,
                                         const struct gw_contract_file *from, struct gw_str uri,
                                         struct gw_error *error)
{
    struct gw_str none = {NULL, 0};
    struct gw_str path = uri;
    struct gw_buf name;

    if (gw_str_has_prefix(uri, GW_STR("file:///"))) {
        path = gw_str_tail(uri, strlen("file://"));
    } else if (has_scheme(uri) || gw_str_has_prefix(uri, GW_STR("//"))) {
        gw_error_set(error, -EINVAL,
                     "\"%.*s\" is not a file below the folder of contracts; "
                     "references to other places are never followed",
                     GW_STR_ARG(uri));
        return none;
    }
    path = contract_decode_uri(resolver->arena, path);
    if (path.ptr == NULL || memchr(path.ptr, '\\', path.len) != NULL) {
        gw_error_set(error, -EINVAL, "\"%.*s\" is no relative reference", GW_STR_ARG(uri));
        return none;
    }

    gw_buf_init(&name, PATH_MAX);
    bool is_inside = true;
    if (path.len > 0 && path.ptr[0] != '/' && from != NULL) {
        const char *slash = memrchr(from->name.ptr, '/', from->name.len);
        size_t folder = slash == NULL ? 0 : (size_t)(slash - from->name.ptr);
        is_inside = append_segments(&name, gw_str_from(from->name.ptr, folder));
    }
    is_inside = is_inside && append_segments(&name, path);
    struct gw_str result = none;
    if (!is_inside || name.has_failed || name.len == 0)
        gw_error_set(error, -EINVAL, "\"%.*s\" leaves the folder of contracts", GW_STR_ARG(uri));
    else
        result = gw_arena_copy(resolver->arena, gw_buf_str(&name));
    gw_buf_finish(&name);
    return result;
}

/* "file:///" and the name, with what a URI's path cannot hold escaped. */
static struct gw_str write_uri(struct gw_arena *arena, struct gw_str name)
{
    struct gw_buf uri;

    gw_buf_init(&uri, 4 * PATH_MAX);
    gw_buf_append_text(&uri, "file:///");
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= '0' && byte <= '9') ||
                        (byte != 0 && strchr("-._~/", byte) != NULL);
        if (is_plain)
            gw_buf_append_byte(&uri, (char)byte);
        else
            gw_buf_printf(&uri, "%%%02X", byte);
    }
    struct gw_str result = {NULL, 0};
    if (!uri.has_failed)
        result = gw_arena_copy(arena, gw_buf_str(&uri));
    gw_buf_finish(&uri);
    return result;
}

static bool is_below(struct gw_str path, struct gw_str folder)
{
    if (gw_str_equal(folder, GW_STR("/")))
        return true;
    return path.len > folder.len && gw_str_has_prefix(path, folder) && path.ptr[folder.len] == '/';
}

static int read_file(struct gw_reference_resolver *resolver, struct gw_contract_file *file,
                     struct gw_error *error)
{
    GW_SCOPED(gw_scope_free) char *real = realpath(file->path.ptr, NULL);
    struct stat status;

    if (real == NULL || stat(real, &status) != 0)
        return gw_error_set(error, -ENOENT, "the file %s cannot be opened: %s", file->path.ptr,
                            strerror(errno));
    if (!is_below(gw_str_of(real), resolver->real_root))
        return gw_error_set(error, -EINVAL, "%s leads out of the folder of contracts",
                            file->path.ptr);
    if (status.st_size > 0 && (size_t)status.st_size > resolver->max_bytes - resolver->byte_count)
        return gw_error_set(error, -EMSGSIZE,
                            "%s: the files of this contract have more than %zu bytes",
                            file->path.ptr, resolver->max_bytes);
    int rc = gw_document_load_file(file->path.ptr, resolver->diagnostics, &file->document);
    if (rc != 0) {
        file->document = NULL;
        return gw_error_set(error, -EINVAL, "the file %s cannot be read", file->path.ptr);
    }
    resolver->byte_count += file->document->text_len;
    return 0;
}

static struct gw_contract_file *add_file(struct gw_reference_resolver *resolver, struct gw_str name,
                                         struct gw_str path)
{
    struct gw_contract_file *file = gw_arena_calloc(resolver->arena, 1, sizeof(*file));
    struct gw_contract_file **last = &resolver->files;

    if (file == NULL)
        return NULL;
    file->name = name;
    file->path = path;
    file->uri = write_uri(resolver->arena, name);
    if (path.ptr == NULL || name.ptr == NULL || file->uri.ptr == NULL)
        return NULL;
    while (*last != NULL)
        last = &(*last)->next;
    *last = file;
    resolver->file_count++;
    return file;
}

int gw_reference_resolver_open(struct gw_reference_resolver *resolver, struct gw_str name,
                               struct gw_contract_file **out_file, struct gw_error *error)
{
    for (struct gw_contract_file *file = resolver->files; file != NULL; file = file->next) {
        if (!gw_str_equal(file->name, name))
            continue;
        if (file->document == NULL)
            return gw_error_set(error, -EINVAL, "the file %s cannot be read", file->path.ptr);
        *out_file = file;
        return 0;
    }
    if (resolver->file_count >= resolver->max_files)
        return gw_error_set(error, -EMSGSIZE, "this contract has more than %zu files",
                            resolver->max_files);

    struct gw_str path = gw_arena_printf(resolver->arena, "%.*s%s%.*s", GW_STR_ARG(resolver->root),
                                         gw_str_has_suffix(resolver->root, GW_STR("/")) ? "" : "/",
                                         GW_STR_ARG(name));
    struct gw_contract_file *file = add_file(resolver, name, path);
    if (file == NULL)
        return gw_error_set(error, -ENOMEM, "not enough memory for %.*s", GW_STR_ARG(name));
    int rc = read_file(resolver, file, error);
    if (rc == 0)
        *out_file = file;
    return rc;
}

/* The folder of `path`, in the arena. */
static struct gw_str folder_of(struct gw_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return gw_arena_copy(arena, GW_STR("."));
    return gw_arena_copy(arena, gw_str_from(path, slash == path ? 1 : (size_t)(slash - path)));
}

static int report_start(struct gw_reference_resolver *resolver, const char *path, int code,
                        const char *why)
{
    gw_diagnostics_add(resolver->diagnostics, GW_SEVERITY_ERROR, path, 0, 0, "%s", why);
    return code;
}

int gw_reference_resolver_init(struct gw_reference_resolver *resolver, struct gw_arena *arena,
                               struct gw_diagnostics *diagnostics, struct gw_str root,
                               const char *path)
{
    GW_SCOPED(gw_scope_free) char *real_root = NULL;
    GW_SCOPED(gw_scope_free) char *real = realpath(path, NULL);
    struct gw_error error;

    resolver->arena = arena;
    resolver->diagnostics = diagnostics;
    resolver->root = root.len > 0 ? gw_arena_copy(arena, root) : folder_of(arena, path);
    if (resolver->root.ptr == NULL)
        return report_start(resolver, path, -ENOMEM, "not enough memory");
    real_root = realpath(resolver->root.ptr, NULL);
    if (real == NULL || real_root == NULL)
        return report_start(resolver, path, -ENOENT, "the file or its folder cannot be opened");
    resolver->real_root = gw_arena_copy(arena, gw_str_of(real_root));
    if (!is_below(gw_str_of(real), resolver->real_root))
        return report_start(resolver, path, -EINVAL, "the file is not in the folder of contracts");

    size_t skip = resolver->real_root.len == 1 ? 1 : resolver->real_root.len + 1;
    struct gw_contract_file *file =
        add_file(resolver, gw_arena_copy(arena, gw_str_tail(gw_str_of(real), skip)),
                 gw_arena_copy(arena, gw_str_of(path)));
    if (file == NULL)
        return report_start(resolver, path, -ENOMEM, "not enough memory");
    size_t errors = diagnostics->error_count;
    int rc = read_file(resolver, file, &error);
    if (rc != 0 && diagnostics->error_count == errors)
        return report_start(resolver, path, rc, error.text);
    return rc;
}

void gw_reference_resolver_finish(struct gw_reference_resolver *resolver)
{
    for (struct gw_contract_file *file = resolver->files; file != NULL; file = file->next) {
        gw_document_destroy(file->document);
        file->document = NULL;
    }
}
