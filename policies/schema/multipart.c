#include "policies/schema/multipart.h"

#include <errno.h>

#include "server/core/arena.h"
#include "server/core/utf8.h"

#define MAX_BOUNDARY_BYTES 70 /* RFC 2046, section 5.1.1 */

struct parts {
    struct gw_str rest;      /* what has not been read, from behind a delimiter's boundary */
    struct gw_str delimiter; /* CR LF, two dashes, the boundary */
    const char *flaw;
};

static bool is_boundary(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_alnum = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z');
        if (!is_alnum && (byte == '\0' || strchr("'()+_,-./:=? ", byte) == NULL))
            return false;
    }
    return text.len > 0 && text.len <= MAX_BOUNDARY_BYTES && text.ptr[text.len - 1] != ' ';
}

static bool take(struct gw_str *text, struct gw_str prefix)
{
    if (!gw_str_has_prefix(*text, prefix))
        return false;
    *text = gw_str_tail(*text, prefix.len);
    return true;
}

/* --- one part's fields ------------------------------------------------------------------------ */

/* form-data; name="x"; filename="y" */
static const char *read_disposition(struct gw_str value, struct form_field *field)
{
    struct gw_str kind = gw_str_trim(gw_str_from(value.ptr, gw_str_find(value, ';')));

    if (!gw_str_equal_nocase(kind, GW_STR("form-data")))
        return "a part is not form-data";
    if (field->name.ptr != NULL)
        return "a part has two names";
    if (media_type_parameter(value, GW_STR("name*")).len > 0)
        return "a part's name is written in a form that is not allowed";
    field->name = media_type_parameter(value, GW_STR("name"));
    if (field->name.len == 0)
        return "a part has no name";
    return gw_utf8_is_valid(field->name) ? NULL : "a part's name is no UTF-8";
}

static const char *read_field(struct gw_str line, struct form_field *field)
{
    size_t colon = gw_str_find(line, ':');

    if (colon == line.len || colon == 0)
        return "a part has a malformed field";
    for (size_t i = 0; i < line.len; i++) {
        unsigned char byte = (unsigned char)line.ptr[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f || (i < colon && byte <= ' '))
            return "a part has a malformed field";
    }
    struct gw_str name = gw_str_from(line.ptr, colon);
    struct gw_str value = gw_str_trim(gw_str_tail(line, colon + 1));
    if (gw_str_equal_nocase(name, GW_STR("content-disposition")))
        return read_disposition(value, field);
    if (gw_str_equal_nocase(name, GW_STR("content-transfer-encoding")))
        return "a part has a transfer encoding, which is not allowed"; /* RFC 7578, section 4.7 */
    if (!gw_str_equal_nocase(name, GW_STR("content-type")))
        return NULL;
    if (field->content_type.len > 0)
        return "a part has two media types";
    field->content_type = value;
    return NULL;
}

static const char *read_head(struct gw_str *part, struct form_field *field)
{
    size_t room = part->len < MULTIPART_MAX_HEAD_BYTES ? part->len : MULTIPART_MAX_HEAD_BYTES;
    size_t start = 0;

    for (;;) {
        const char *end =
            room - start < 2 ? NULL : memmem(part->ptr + start, room - start, "\r\n", 2);
        if (end == NULL)
            return "a part's fields do not end";
        struct gw_str line = gw_str_from(part->ptr + start, (size_t)(end - part->ptr) - start);
        start += line.len + 2;
        if (line.len == 0)
            break;
        const char *flaw = read_field(line, field);
        if (flaw != NULL)
            return flaw;
    }
    *part = gw_str_tail(*part, start);
    return field->name.len > 0 ? NULL : "a part has no name";
}

/* --- parts ------------------------------------------------------------------------------------ */

/* Takes one part; false at the end of the body or at a flaw. */
static bool next_part(struct parts *parts, struct form_field *field)
{
    struct gw_str part;

    if (take(&parts->rest, GW_STR("--"))) {
        bool is_end = parts->rest.len == 0 || gw_str_equal(parts->rest, GW_STR("\r\n"));
        parts->flaw = is_end ? NULL : "something stands behind the last part";
        return false;
    }
    if (!take(&parts->rest, GW_STR("\r\n"))) {
        parts->flaw = "a boundary is not followed by a line's end";
        return false;
    }
    const char *end =
        memmem(parts->rest.ptr, parts->rest.len, parts->delimiter.ptr, parts->delimiter.len);
    if (end == NULL) {
        parts->flaw = "the last boundary is missing";
        return false;
    }
    part = gw_str_from(parts->rest.ptr, (size_t)(end - parts->rest.ptr));
    parts->rest = gw_str_tail(parts->rest, part.len + parts->delimiter.len);
    *field = (struct form_field){.name = {NULL, 0}};
    parts->flaw = read_head(&part, field);
    field->value = part;
    field->hash = parts->flaw == NULL ? gw_json_name_hash(field->name) : 0;
    return parts->flaw == NULL;
}

static int start(struct gw_str content_type, struct gw_str body, struct gw_arena *arena,
                 struct parts *parts)
{
    struct gw_str boundary = media_type_parameter(content_type, GW_STR("boundary"));

    if (!is_boundary(boundary)) {
        parts->flaw = "the Content-Type has no boundary";
        return -EINVAL;
    }
    parts->delimiter = gw_arena_printf(arena, "\r\n--%.*s", GW_STR_ARG(boundary));
    if (parts->delimiter.ptr == NULL)
        return -ENOMEM;
    parts->rest = body;
    if (take(&parts->rest, gw_str_tail(parts->delimiter, 2)))
        return 0;
    parts->flaw = "the body does not begin with the boundary";
    return -EINVAL;
}

static bool add_room(struct form_fields *fields, size_t *capacity, struct gw_arena *arena)
{
    size_t more = *capacity == 0 ? 16 : *capacity * 2;
    struct form_field *items = gw_arena_alloc(arena, more * sizeof(*items));

    if (items == NULL)
        return false;
    if (fields->count > 0)
        memcpy(items, fields->items, fields->count * sizeof(*items));
    fields->items = items;
    *capacity = more;
    return true;
}

int multipart_read(struct gw_str content_type, struct gw_str body, struct gw_arena *arena,
                   struct form_fields *out_fields, const char **out_flaw)
{
    struct form_fields fields = {.items = NULL};
    struct parts parts = {.flaw = NULL};
    struct form_field field;
    size_t capacity = 0;
    int rc = start(content_type, body, arena, &parts);

    while (rc == 0 && next_part(&parts, &field)) {
        if (fields.count == GW_PAIRS_MAX)
            return -E2BIG;
        if (fields.count == capacity && !add_room(&fields, &capacity, arena))
            return -ENOMEM;
        fields.items[fields.count++] = field;
    }
    if (rc == -ENOMEM)
        return rc;
    if (parts.flaw != NULL) {
        *out_flaw = parts.flaw;
        return -EINVAL;
    }
    *out_fields = fields;
    return 0;
}
