#include "policies/transform/query.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "server/json/uri.h"

/* Percent-decoded, "+" as a space. 0, -EINVAL, -ENOMEM. */
static int decode(struct gw_str text, struct gw_arena *arena, struct gw_str *out_text)
{
    char *spaced = gw_arena_alloc(arena, text.len + 1);
    char *plain = gw_arena_alloc(arena, text.len + 1);
    size_t len;

    if (spaced == NULL || plain == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < text.len; i++)
        spaced[i] = (char)(text.ptr[i] == '+' ? ' ' : text.ptr[i]);
    if (!gw_uri_percent_decode(gw_str_from(spaced, text.len), plain, &len))
        return -EINVAL;
    *out_text = gw_str_from(plain, len);
    return 0;
}

static struct gw_str name_of(struct gw_str piece)
{
    return gw_str_from(piece.ptr, gw_str_find(piece, '='));
}

/* 1: the piece has that name; 0: it has another; -ENOMEM. */
static int is_named(struct gw_str piece, struct gw_str name, struct gw_arena *arena)
{
    struct gw_str raw = name_of(piece);
    struct gw_str decoded;

    if (gw_str_find(raw, '%') == raw.len && gw_str_find(raw, '+') == raw.len)
        return gw_str_equal(raw, name);
    int rc = decode(raw, arena, &decoded);
    return rc == 0 ? gw_str_equal(decoded, name) : rc == -EINVAL ? 0 : rc;
}

int query_get(struct gw_str query, struct gw_str name, struct gw_arena *arena,
              struct gw_str *out_value)
{
    struct gw_str piece;

    while (gw_str_split(&query, '&', &piece)) {
        int rc = piece.len == 0 ? 0 : is_named(piece, name, arena);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        size_t equals = gw_str_find(piece, '=');
        return decode(gw_str_tail(piece, equals < piece.len ? equals + 1 : piece.len), arena,
                      out_value);
    }
    return -ENOENT;
}

/* Unreserved bytes as they are, all else escaped (RFC 3986, section 2.1). */
static size_t encode(struct gw_str text, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= '0' && byte <= '9') || (byte != 0 && strchr("-._~", byte) != NULL);
        if (is_plain) {
            out[len++] = (char)byte;
        } else {
            out[len++] = '%';
            out[len++] = digits[byte >> 4];
            out[len++] = digits[byte & 15];
        }
    }
    return len;
}

static void append(char *out, size_t *len, struct gw_str text)
{
    if (text.len > 0)
        memcpy(out + *len, text.ptr, text.len);
    *len += text.len;
}

/* All pieces; those of that name under another one, or not at all if that is NULL. */
static int rewrite(struct gw_str query, struct gw_str name, const struct gw_str *new_name,
                   struct gw_arena *arena, struct gw_str *out_query)
{
    size_t pieces = 1;
    struct gw_str rest = query;
    struct gw_str piece;
    size_t len = 0;
    bool is_first = true;

    for (size_t i = 0; i < query.len; i++)
        pieces += query.ptr[i] == '&';
    char *out =
        gw_arena_alloc(arena, query.len + 1 + (new_name == NULL ? 0 : pieces * new_name->len * 3));
    if (out == NULL)
        return -ENOMEM;
    while (gw_str_split(&rest, '&', &piece)) {
        int rc = piece.len == 0 ? 0 : is_named(piece, name, arena);
        if (rc < 0)
            return rc;
        if (rc > 0 && new_name == NULL)
            continue;
        if (!is_first)
            out[len++] = '&';
        is_first = false;
        if (rc > 0) {
            len += encode(*new_name, out + len);
            piece = gw_str_tail(piece, name_of(piece).len);
        }
        append(out, &len, piece);
    }
    *out_query = gw_str_from(out, len);
    return 0;
}

int query_remove(struct gw_str query, struct gw_str name, struct gw_arena *arena,
                 struct gw_str *out_query)
{
    return rewrite(query, name, NULL, arena, out_query);
}

int query_rename(struct gw_str query, struct gw_str name, struct gw_str new_name,
                 struct gw_arena *arena, struct gw_str *out_query)
{
    return rewrite(query, name, &new_name, arena, out_query);
}

int query_add(struct gw_str query, struct gw_str name, struct gw_str value, struct gw_arena *arena,
              struct gw_str *out_query)
{
    char *out = gw_arena_alloc(arena, query.len + 2 + (name.len + value.len) * 3 + 1);
    size_t len = 0;

    if (out == NULL)
        return -ENOMEM;
    append(out, &len, query);
    if (query.len > 0)
        out[len++] = '&';
    len += encode(name, out + len);
    out[len++] = '=';
    len += encode(value, out + len);
    *out_query = gw_str_from(out, len);
    return 0;
}
