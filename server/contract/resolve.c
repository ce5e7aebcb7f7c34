#include "resolve.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "server/core/scope.h"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char folded = (char)(digit | 0x20);
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

/* Percent-decodes into the arena; ptr NULL for a broken escape, a NUL, or without memory. */
static struct gw_str decode(struct gw_arena *arena, struct gw_str text)
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

/* --- files ------------------------------------------------------------------------------------ */

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

struct gw_str gw_resolver_name(struct gw_resolver *resolver, const struct gw_contract_file *from,
                               struct gw_str uri, struct gw_error *error)
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
    path = decode(resolver->arena, path);
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

static int read_file(struct gw_resolver *resolver, struct gw_contract_file *file,
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

static struct gw_contract_file *add_file(struct gw_resolver *resolver, struct gw_str name,
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

int gw_resolver_open(struct gw_resolver *resolver, struct gw_str name,
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

static int report_start(struct gw_resolver *resolver, const char *path, int code, const char *why)
{
    gw_diagnostics_add(resolver->diagnostics, GW_SEVERITY_ERROR, path, 0, 0, "%s", why);
    return code;
}

int gw_resolver_init(struct gw_resolver *resolver, struct gw_arena *arena,
                     struct gw_diagnostics *diagnostics, struct gw_str root, const char *path)
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

void gw_resolver_finish(struct gw_resolver *resolver)
{
    for (struct gw_contract_file *file = resolver->files; file != NULL; file = file->next) {
        gw_document_destroy(file->document);
        file->document = NULL;
    }
}

/* --- references ------------------------------------------------------------------------------- */

/* The member or item that one token (decoded in place) names, or NULL. */
static const json_t *step(const json_t *value, char *token)
{
    char *out = token;

    for (const char *in = token; *in != '\0'; in++) {
        char byte = *in;
        if (byte == '~') {
            in++;
            if (*in != '0' && *in != '1')
                return NULL;
            byte = *in == '0' ? '~' : '/';
        }
        *out++ = byte;
    }
    *out = '\0';
    if (json_is_object(value))
        return json_object_get(value, token);

    uint64_t index;
    struct gw_str text = gw_str_of(token);
    bool has_leading_zero = text.len > 1 && token[0] == '0';
    if (!json_is_array(value) || has_leading_zero || gw_str_to_u64(text, &index) != 0)
        return NULL;
    return json_array_get(value, (size_t)index);
}

static const json_t *find(struct gw_arena *arena, const json_t *root, struct gw_str pointer)
{
    struct gw_str rest = pointer;
    struct gw_str token;
    const json_t *value = root;

    if (pointer.len == 0)
        return root;
    if (pointer.ptr[0] != '/')
        return NULL;
    rest = gw_str_tail(rest, 1);
    while (value != NULL && gw_str_split(&rest, '/', &token)) {
        struct gw_str copy = gw_arena_copy(arena, token);
        value = copy.ptr == NULL ? NULL : step(value, (char *)(uintptr_t)copy.ptr);
    }
    return value;
}

static int follow_once(struct gw_resolver *resolver, const struct gw_place *place,
                       struct gw_str ref, struct gw_place *out_target)
{
    struct gw_place at = gw_place_member(place, "$ref");
    size_t hash = gw_str_find(ref, '#');
    struct gw_contract_file *file = place->file;
    struct gw_error error;

    if (hash > 0) {
        struct gw_str name =
            gw_resolver_name(resolver, place->file, gw_str_from(ref.ptr, hash), &error);
        int rc = name.ptr == NULL ? -EINVAL : gw_resolver_open(resolver, name, &file, &error);
        if (rc != 0) {
            gw_place_report(resolver, &at, GW_SEVERITY_ERROR, "%s", error.text);
            return -EINVAL;
        }
    }
    struct gw_str fragment = hash < ref.len ? gw_str_tail(ref, hash + 1) : GW_STR("");
    struct gw_str pointer = decode(resolver->arena, fragment);
    const json_t *value =
        pointer.ptr == NULL ? NULL : find(resolver->arena, file->document->root, pointer);
    if (value == NULL) {
        gw_place_report(resolver, &at, GW_SEVERITY_ERROR, "there is nothing at \"%.*s\"%s%s",
                        GW_STR_ARG(ref), hash > 0 ? " in " : "", hash > 0 ? file->path.ptr : "");
        return -EINVAL;
    }
    *out_target = (struct gw_place){.file = file, .value = value, .base = pointer.ptr};
    return 0;
}

static void warn_of_siblings(struct gw_resolver *resolver, const struct gw_place *place)
{
    const char *key;
    json_t *value;
    json_t *object = (json_t *)(uintptr_t)place->value; /* jansson's iteration is not const */

    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "$ref") == 0 || strcmp(key, "summary") == 0 ||
            strcmp(key, "description") == 0 || strncmp(key, "x-", 2) == 0)
            continue;
        struct gw_place at = gw_place_member(place, key);
        gw_place_report_key(resolver, &at, GW_SEVERITY_WARNING, "\"%s\" beside $ref has no meaning",
                            key);
    }
}

static int follow(struct gw_resolver *resolver, const struct gw_place *place, bool is_schema,
                  struct gw_place *out_target)
{
    struct gw_place current = *place;

    for (int links = 0; links <= GW_RESOLVER_MAX_CHAIN; links++) {
        const json_t *ref = json_object_get(current.value, "$ref");
        if (ref == NULL) {
            *out_target = current;
            return 0;
        }
        if (!json_is_string(ref)) {
            struct gw_place at = gw_place_member(&current, "$ref");
            gw_place_report(resolver, &at, GW_SEVERITY_ERROR, "$ref must be a string");
            return -EINVAL;
        }
        if (!is_schema)
            warn_of_siblings(resolver, &current);
        struct gw_place target;
        struct gw_str text = {json_string_value(ref), json_string_length(ref)};
        int rc = follow_once(resolver, &current, text, &target);
        if (rc != 0)
            return rc;
        current = target;
    }
    struct gw_place at = gw_place_member(place, "$ref");
    gw_place_report(resolver, &at, GW_SEVERITY_ERROR, "this reference goes in a circle");
    return -EINVAL;
}

int gw_resolver_follow(struct gw_resolver *resolver, const struct gw_place *place,
                       struct gw_place *out_target)
{
    return follow(resolver, place, false, out_target);
}

int gw_resolver_follow_schema(struct gw_resolver *resolver, const struct gw_place *place,
                              struct gw_place *out_target)
{
    return follow(resolver, place, true, out_target);
}
