#include "server/contract/style.h"

#include <errno.h>

#include "server/core/arena.h"

/* A delimiter that is one byte, or one byte and its escaped spelling ("%20"). */
struct delimiter {
    char byte;
    const char *escaped; /* three bytes, in upper case; or NULL */
};

static const struct delimiter comma = {',', NULL};
static const struct delimiter space = {'+', "%20"};
static const struct delimiter bar = {'|', "%7C"};
static const struct delimiter dot = {'.', NULL};
static const struct delimiter semicolon = {';', NULL};

static bool is_escaped(const struct delimiter *delimiter, struct gw_str text, size_t at)
{
    return delimiter->escaped != NULL && text.len - at >= 3 &&
           gw_str_equal_nocase(gw_str_from(text.ptr + at, 3), gw_str_from(delimiter->escaped, 3));
}

/* Where the first delimiter stands, or text.len; *out_len is its length. */
static size_t find_delimiter(const struct delimiter *delimiter, struct gw_str text, size_t *out_len)
{
    for (size_t at = 0; at < text.len; at++) {
        bool is_long = is_escaped(delimiter, text, at);
        *out_len = is_long ? 3 : 1;
        if (is_long || text.ptr[at] == delimiter->byte)
            return at;
    }
    return text.len;
}

/* Like gw_str_split(). */
static bool split(const struct delimiter *delimiter, struct gw_str *rest, struct gw_str *out_part)
{
    size_t len = 0;

    if (rest->ptr == NULL)
        return false;
    size_t at = find_delimiter(delimiter, *rest, &len);
    *out_part = gw_str_from(rest->ptr, at);
    *rest = at < rest->len ? gw_str_tail(*rest, at + len) : gw_str_from(NULL, 0);
    return true;
}

static size_t count_parts(const struct delimiter *delimiter, struct gw_str text)
{
    struct gw_str rest = text;
    struct gw_str part;
    size_t count = 0;

    while (count <= 2 * GW_STYLE_MAX_PIECES && split(delimiter, &rest, &part))
        count++;
    return count;
}

static int make_room(struct gw_style_pieces *pieces, size_t count, struct gw_arena *arena)
{
    if (count > GW_STYLE_MAX_PIECES)
        return -E2BIG;
    pieces->items = gw_arena_calloc(arena, count, sizeof(*pieces->items));
    return pieces->items == NULL ? -ENOMEM : 0;
}

/* --- the inside, without a style's first byte or name --- */

static int split_array(const struct delimiter *delimiter, struct gw_str text,
                       struct gw_arena *arena, struct gw_style_pieces *pieces)
{
    struct gw_str rest = text;
    int rc = make_room(pieces, count_parts(delimiter, text), arena);

    while (rc == 0 && split(delimiter, &rest, &pieces->items[pieces->count].value))
        pieces->count++;
    return rc;
}

/* "R,100,G,200" */
static int split_flat_object(const struct delimiter *delimiter, struct gw_str text,
                             struct gw_arena *arena, struct gw_style_pieces *pieces)
{
    struct gw_str rest = text;
    size_t count = count_parts(delimiter, text);

    if (count % 2 != 0)
        return text.len == 0 ? make_room(pieces, 1, arena) : -EINVAL;
    int rc = make_room(pieces, count / 2, arena);
    while (rc == 0 && split(delimiter, &rest, &pieces->items[pieces->count].name))
        (void)split(delimiter, &rest, &pieces->items[pieces->count++].value);
    return rc;
}

/* "R=100,G=200" */
static int split_named_object(const struct delimiter *delimiter, struct gw_str text,
                              struct gw_arena *arena, struct gw_style_pieces *pieces)
{
    struct gw_str rest = text;
    struct gw_str part;

    if (text.len == 0)
        return make_room(pieces, 1, arena);
    int rc = make_room(pieces, count_parts(delimiter, text), arena);
    while (rc == 0 && split(delimiter, &rest, &part)) {
        size_t equals = gw_str_find(part, '=');
        if (equals == part.len)
            return -EINVAL;
        pieces->items[pieces->count++] =
            (struct gw_style_piece){gw_str_from(part.ptr, equals), gw_str_tail(part, equals + 1)};
    }
    return rc;
}

static int split_scalar(struct gw_str text, struct gw_arena *arena, struct gw_style_pieces *pieces)
{
    int rc = make_room(pieces, 1, arena);

    if (rc == 0)
        pieces->items[pieces->count++].value = text;
    return rc;
}

/* --- styles --- */

static int split_list(const struct delimiter *delimiter, bool is_named, enum gw_style_kind kind,
                      struct gw_str text, struct gw_arena *arena, struct gw_style_pieces *pieces)
{
    if (kind == GW_STYLED_SCALAR)
        return split_scalar(text, arena, pieces);
    if (kind == GW_STYLED_ARRAY)
        return split_array(delimiter, text, arena, pieces);
    return is_named ? split_named_object(delimiter, text, arena, pieces)
                    : split_flat_object(delimiter, text, arena, pieces);
}

/* ".a.b" */
static int split_label(const struct gw_parameter *parameter, enum gw_style_kind kind,
                       struct gw_str text, struct gw_arena *arena, struct gw_style_pieces *pieces)
{
    if (text.len == 0 || text.ptr[0] != '.')
        return -EINVAL;
    return split_list(parameter->explode ? &dot : &comma, parameter->explode, kind,
                      gw_str_tail(text, 1), arena, pieces);
}

/* ";id=5", ";id" */
static int take_name(struct gw_str name, struct gw_str *text)
{
    if (!gw_str_has_prefix(*text, name))
        return -EINVAL;
    *text = gw_str_tail(*text, name.len);
    if (text->len > 0 && text->ptr[0] != '=')
        return -EINVAL;
    *text = gw_str_tail(*text, text->len > 0);
    return 0;
}

static int split_matrix(const struct gw_parameter *parameter, enum gw_style_kind kind,
                        struct gw_str text, struct gw_arena *arena, struct gw_style_pieces *pieces)
{
    if (text.len == 0 || text.ptr[0] != ';')
        return -EINVAL;
    text = gw_str_tail(text, 1);
    if (!parameter->explode || kind == GW_STYLED_SCALAR) {
        int rc = take_name(parameter->name, &text);
        return rc != 0 ? rc : split_list(&comma, false, kind, text, arena, pieces);
    }
    if (kind == GW_STYLED_OBJECT)
        return split_named_object(&semicolon, text, arena, pieces);
    int rc = split_array(&semicolon, text, arena, pieces);
    for (size_t i = 0; rc == 0 && i < pieces->count; i++)
        rc = take_name(parameter->name, &pieces->items[i].value);
    return rc;
}

int gw_style_split(const struct gw_parameter *parameter, enum gw_style_kind kind,
                   struct gw_str text, struct gw_arena *arena, struct gw_style_pieces *out_pieces)
{
    struct gw_style_pieces pieces = {NULL, 0};
    int rc;

    if (text.ptr == NULL)
        text.ptr = ""; /* NULL means "used up" to the splitters */
    switch (parameter->style) {
    case GW_STYLE_LABEL:
        rc = split_label(parameter, kind, text, arena, &pieces);
        break;
    case GW_STYLE_MATRIX:
        rc = split_matrix(parameter, kind, text, arena, &pieces);
        break;
    case GW_STYLE_SPACE_DELIMITED:
        rc = split_list(&space, false, kind, text, arena, &pieces);
        break;
    case GW_STYLE_PIPE_DELIMITED:
        rc = split_list(&bar, false, kind, text, arena, &pieces);
        break;
    case GW_STYLE_SIMPLE:
        rc = split_list(&comma, parameter->explode, kind, text, arena, &pieces);
        break;
    default:
        rc = split_list(&comma, false, kind, text, arena, &pieces);
        break;
    }
    if (rc == 0)
        *out_pieces = pieces;
    return rc;
}
