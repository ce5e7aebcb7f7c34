/* Values as text again, and copies of them: what goes through a whole value. */
#include <errno.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/json/value.h"

static void write_string(struct gw_buf *buf, struct gw_str text)
{
    gw_buf_append_byte(buf, '"');
    gw_buf_append_json(buf, text);
    gw_buf_append_byte(buf, '"');
}

static void write_at(struct gw_buf *buf, const struct gw_value *value, unsigned depth);

static void write_items(struct gw_buf *buf, const struct gw_value *value, unsigned depth)
{
    bool is_object = value->type == GW_JSON_OBJECT;

    gw_buf_append_byte(buf, is_object ? '{' : '[');
    for (uint32_t i = 0; i < value->count && !buf->has_failed; i++) {
        if (i > 0)
            gw_buf_append_byte(buf, ',');
        if (is_object) {
            write_string(buf, value->members[i].name);
            gw_buf_append_byte(buf, ':');
        }
        write_at(buf, is_object ? &value->members[i].value : &value->items[i], depth + 1);
    }
    gw_buf_append_byte(buf, is_object ? '}' : ']');
}

static void write_at(struct gw_buf *buf, const struct gw_value *value, unsigned depth)
{
    static const char *const words[] = {"null", "false", "true"};

    if (value->type == GW_JSON_STRING)
        write_string(buf, value->text);
    else if (value->type == GW_JSON_NUMBER)
        gw_buf_append_str(buf, value->text);
    else if (value->type < GW_JSON_NUMBER)
        gw_buf_append_text(buf, words[value->type]);
    else if (depth < GW_VALUE_MAX_DEPTH)
        write_items(buf, value, depth);
    else
        buf->has_failed = true;
}

void gw_value_write(struct gw_buf *buf, const struct gw_value *value)
{
    write_at(buf, value, 0);
}

/* --- size ------------------------------------------------------------------------------------- */

#define SCALAR_BYTES 4 /* of one, with what stands around it */

/* What is left of `bytes`; 0: it is longer. What is too deep to be written is not looked at. */
static size_t left_of(const struct gw_value *value, size_t bytes, unsigned depth)
{
    bool is_object = value->type == GW_JSON_OBJECT;
    size_t own = SCALAR_BYTES;

    if (value->type == GW_JSON_STRING || value->type == GW_JSON_NUMBER)
        own += value->text.len;
    if (own >= bytes)
        return 0;
    bytes -= own;
    if (value->type < GW_JSON_ARRAY || depth >= GW_VALUE_MAX_DEPTH)
        return bytes;
    for (uint32_t i = 0; i < value->count && bytes > 0; i++) {
        size_t name = is_object ? value->members[i].name.len : 0;
        bytes = name >= bytes ? 0 : bytes - name;
        if (bytes > 0)
            bytes =
                left_of(is_object ? &value->members[i].value : &value->items[i], bytes, depth + 1);
    }
    return bytes;
}

bool gw_value_is_longer(const struct gw_value *value, size_t bytes)
{
    return left_of(value, bytes, 0) == 0;
}

/* --- copies ----------------------------------------------------------------------------------- */

static int copy_at(struct gw_arena *arena, const struct gw_value *value, unsigned depth,
                   struct gw_value *out_copy);

static int copy_text(struct gw_arena *arena, struct gw_str text, struct gw_str *out_text)
{
    struct gw_str copy = gw_arena_copy(arena, text);

    if (copy.ptr == NULL)
        return -ENOMEM;
    *out_text = copy;
    return 0;
}

static int copy_items(struct gw_arena *arena, const struct gw_value *value, unsigned depth,
                      struct gw_value *out_copy)
{
    struct gw_value *items = gw_arena_calloc(arena, value->count, sizeof(*items));
    int rc = items == NULL ? -ENOMEM : 0;

    for (uint32_t i = 0; i < value->count && rc == 0; i++)
        rc = copy_at(arena, &value->items[i], depth + 1, &items[i]);
    if (rc == 0)
        *out_copy = gw_value_array(items, value->count);
    return rc;
}

static int copy_members(struct gw_arena *arena, const struct gw_value *value, unsigned depth,
                        struct gw_value *out_copy)
{
    struct gw_value_member *members = gw_arena_calloc(arena, value->count, sizeof(*members));
    int rc = members == NULL ? -ENOMEM : 0;

    for (uint32_t i = 0; i < value->count && rc == 0; i++) {
        rc = copy_text(arena, value->members[i].name, &members[i].name);
        if (rc == 0)
            rc = copy_at(arena, &value->members[i].value, depth + 1, &members[i].value);
    }
    if (rc == 0)
        *out_copy = gw_value_object(members, value->count);
    return rc;
}

static int copy_at(struct gw_arena *arena, const struct gw_value *value, unsigned depth,
                   struct gw_value *out_copy)
{
    struct gw_value copy = {.type = value->type};

    if (value->type >= GW_JSON_ARRAY && depth >= GW_VALUE_MAX_DEPTH)
        return -ENOMEM;
    if (value->type == GW_JSON_ARRAY)
        return copy_items(arena, value, depth, out_copy);
    if (value->type == GW_JSON_OBJECT)
        return copy_members(arena, value, depth, out_copy);
    if (value->type >= GW_JSON_NUMBER && copy_text(arena, value->text, &copy.text) != 0)
        return -ENOMEM;
    *out_copy = copy;
    return 0;
}

int gw_value_copy(struct gw_arena *arena, const struct gw_value *value, struct gw_value *out_copy)
{
    return copy_at(arena, value, 0, out_copy);
}
