#include "server/json/uri.h"

#include "server/core/arena.h"
#include "server/core/buf.h"

#define MAX_URI_BYTES (64u << 10)

/* Where the first byte of `text` that is in `set` stands, or text.len. */
static size_t find_any(struct gw_str text, const char *set)
{
    size_t i = 0;

    while (i < text.len && (text.ptr[i] == '\0' || strchr(set, text.ptr[i]) == NULL))
        i++;
    return i;
}

static struct gw_str take(struct gw_str *rest, size_t len, size_t skip)
{
    struct gw_str part = gw_str_from(rest->ptr, len);
    *rest = gw_str_tail(*rest, len + skip);
    return part;
}

struct gw_uri gw_uri_split(struct gw_str text)
{
    struct gw_uri uri = {.path = {NULL, 0}};
    struct gw_str rest = text.ptr != NULL ? text : gw_str_of("");

    size_t colon = find_any(rest, ":/?#");
    if (colon > 0 && colon < rest.len && rest.ptr[colon] == ':')
        uri.scheme = take(&rest, colon, 1);
    if (gw_str_has_prefix(rest, GW_STR("//"))) {
        rest = gw_str_tail(rest, 2);
        uri.authority = take(&rest, find_any(rest, "/?#"), 0);
    }
    uri.path = take(&rest, find_any(rest, "?#"), 0);
    if (rest.len > 0 && rest.ptr[0] == '?') {
        rest = gw_str_tail(rest, 1);
        uri.query = take(&rest, find_any(rest, "#"), 0);
    }
    if (rest.len > 0)
        uri.fragment = gw_str_tail(rest, 1);
    return uri;
}

/* Drops the last segment of what `buf` holds behind `start`, and the '/' before it. */
static void drop_segment(struct gw_buf *buf, size_t start)
{
    while (buf->len > start && buf->ptr[buf->len - 1] != '/')
        buf->len--;
    if (buf->len > start)
        buf->len--;
}

/* RFC 3986, section 5.2.4. */
static void append_without_dots(struct gw_buf *buf, struct gw_str path)
{
    size_t start = buf->len;
    bool is_absolute = path.len > 0 && path.ptr[0] == '/';

    while (path.len > 0 && !buf->has_failed) {
        bool has_slash = path.ptr[0] == '/';
        struct gw_str inner = gw_str_tail(path, has_slash);
        struct gw_str segment = gw_str_from(inner.ptr, gw_str_find(inner, '/'));
        bool is_last = segment.len == inner.len;

        if (gw_str_equal(segment, GW_STR(".."))) {
            drop_segment(buf, start);
            if (is_last && (buf->len > start || is_absolute))
                gw_buf_append_byte(buf, '/');
        } else if (gw_str_equal(segment, GW_STR("."))) {
            if (is_last && (buf->len > start || is_absolute))
                gw_buf_append_byte(buf, '/');
        } else {
            if (buf->len > start || (has_slash && is_absolute))
                gw_buf_append_byte(buf, '/');
            gw_buf_append_str(buf, segment);
        }
        path = gw_str_tail(inner, segment.len);
    }
}

/* The base's path up to its last '/', then `path` (section 5.2.3). */
static void append_merged(struct gw_buf *buf, const struct gw_uri *base, struct gw_str path)
{
    struct gw_buf merged;
    size_t keep = base->path.len;

    gw_buf_init(&merged, MAX_URI_BYTES);
    while (keep > 0 && base->path.ptr[keep - 1] != '/')
        keep--;
    if (base->authority.ptr != NULL && base->path.len == 0)
        gw_buf_append_byte(&merged, '/');
    gw_buf_append(&merged, base->path.ptr, keep);
    gw_buf_append_str(&merged, path);
    append_without_dots(buf, gw_buf_str(&merged));
    buf->has_failed |= merged.has_failed;
    gw_buf_finish(&merged);
}

static void append_path_and_query(struct gw_buf *buf, const struct gw_uri *base,
                                  const struct gw_uri *ref)
{
    struct gw_str query = ref->query;

    if (ref->scheme.ptr != NULL || ref->authority.ptr != NULL ||
        (ref->path.len > 0 && ref->path.ptr[0] == '/')) {
        append_without_dots(buf, ref->path);
    } else if (ref->path.len == 0) {
        gw_buf_append_str(buf, base->path);
        if (query.ptr == NULL)
            query = base->query;
    } else {
        append_merged(buf, base, ref->path);
    }
    if (query.ptr != NULL) {
        gw_buf_append_byte(buf, '?');
        gw_buf_append_str(buf, query);
    }
}

struct gw_str gw_uri_resolve(struct gw_arena *arena, struct gw_str base, struct gw_str reference)
{
    struct gw_uri from = gw_uri_split(base), ref = gw_uri_split(reference);
    struct gw_str result = {NULL, 0};
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_URI_BYTES);
    struct gw_str scheme = ref.scheme.ptr != NULL ? ref.scheme : from.scheme;
    if (scheme.ptr != NULL) {
        gw_buf_append_str(&buf, scheme);
        gw_buf_append_byte(&buf, ':');
    }
    bool has_own = ref.scheme.ptr != NULL || ref.authority.ptr != NULL;
    struct gw_str authority = has_own ? ref.authority : from.authority;
    if (authority.ptr != NULL) {
        gw_buf_append_text(&buf, "//");
        gw_buf_append_str(&buf, authority);
    }
    append_path_and_query(&buf, &from, &ref);
    if (!buf.has_failed)
        result = gw_arena_copy(arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return result;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool gw_uri_percent_decode(struct gw_str text, char *out, size_t *out_len)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            out[len++] = text.ptr[i];
            continue;
        }
        int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
        int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        out[len++] = (char)(high << 4 | low);
        i += 2;
    }
    *out_len = len;
    return true;
}
