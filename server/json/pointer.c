#include "server/json/pointer.h"

#include "server/core/arena.h"
#include "server/core/buf.h"

bool gw_pointer_is_valid(struct gw_str pointer)
{
    if (pointer.len > 0 && pointer.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < pointer.len; i++) {
        if (pointer.ptr[i] != '~')
            continue;
        if (i + 1 == pointer.len || (pointer.ptr[i + 1] != '0' && pointer.ptr[i + 1] != '1'))
            return false;
    }
    return true;
}

ssize_t gw_pointer_shift(struct gw_str *rest, char *out)
{
    ssize_t len = 0;

    if (rest->len == 0 || rest->ptr[0] != '/')
        return -1;
    size_t i = 1;
    for (; i < rest->len && rest->ptr[i] != '/'; i++) {
        char c = rest->ptr[i];
        if (c == '~') {
            char next = i + 1 < rest->len ? rest->ptr[++i] : '\0';
            if (next != '0' && next != '1')
                return -1;
            c = next == '0' ? '~' : '/';
        }
        out[len++] = c;
    }
    *rest = gw_str_tail(*rest, i);
    return len;
}

/* The element that `token` names: decimal digits without leading zeros. */
static uint32_t find_element(const struct gw_json_tape *tape, uint32_t array, struct gw_str token)
{
    uint64_t position;

    if (token.len == 0 || (token.len > 1 && token.ptr[0] == '0') ||
        gw_str_to_u64(token, &position) != 0 || position >= GW_JSON_NONE)
        return GW_JSON_NONE;
    return gw_json_element(tape, array, (uint32_t)position);
}

/* Whether the raw pointer token and the name are the same; no token contains '/' unescaped. */
static bool is_name(struct gw_str raw, struct gw_str name)
{
    size_t at = 0;

    for (size_t i = 0; i < raw.len; i++, at++) {
        char c = raw.ptr[i];
        if (c == '~')
            c = raw.ptr[++i] == '0' ? '~' : '/';
        if (at >= name.len || name.ptr[at] != c)
            return false;
    }
    return at == name.len;
}

static uint32_t find_member(const struct gw_json_tape *tape, uint32_t object, struct gw_str raw)
{
    struct gw_json_cursor cursor = gw_json_begin(tape, object);
    uint32_t found = GW_JSON_NONE;

    if (gw_str_find(raw, '~') == raw.len)
        return gw_json_get(tape, object, raw);
    while (gw_json_step(tape, &cursor)) {
        if (is_name(raw, gw_json_string(tape, cursor.name)))
            found = cursor.value;
    }
    return found;
}

uint32_t gw_pointer_find(const struct gw_json_tape *tape, uint32_t root, struct gw_str pointer)
{
    uint32_t at = root;

    if (!gw_pointer_is_valid(pointer))
        return GW_JSON_NONE;
    while (pointer.len > 0 && at != GW_JSON_NONE) {
        pointer = gw_str_tail(pointer, 1);
        struct gw_str raw = gw_str_from(pointer.ptr, gw_str_find(pointer, '/'));
        pointer = gw_str_tail(pointer, raw.len);
        if (gw_json_type(tape, at) == GW_JSON_OBJECT)
            at = find_member(tape, at, raw);
        else
            at = find_element(tape, at, raw);
    }
    return at;
}

void gw_pointer_append(struct gw_buf *buf, struct gw_str token)
{
    gw_buf_append_byte(buf, '/');
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] == '~')
            gw_buf_append_text(buf, "~0");
        else if (token.ptr[i] == '/')
            gw_buf_append_text(buf, "~1");
        else
            gw_buf_append_byte(buf, token.ptr[i]);
    }
}

/* One step down from `at` towards `target`; appends the token taken. Returns the inner value. */
static uint32_t descend(const struct gw_json_tape *tape, uint32_t at, uint32_t target,
                        struct gw_buf *buf)
{
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    unsigned long position = 0;

    while (gw_json_step(tape, &cursor) && cursor.next <= target)
        position++;
    if (cursor.is_object)
        gw_pointer_append(buf, gw_json_string(tape, cursor.name));
    else
        gw_buf_printf(buf, "/%lu", position);
    return cursor.value;
}

struct gw_str gw_pointer_to(const struct gw_json_tape *tape, uint32_t root, uint32_t at,
                            struct gw_arena *arena)
{
    struct gw_buf buf;
    struct gw_str result = {NULL, 0};

    gw_buf_init(&buf, (size_t)1 << 20);
    while (root < at && gw_json_next(tape, root) > at)
        root = descend(tape, root, at, &buf);
    if (!buf.has_failed)
        result = gw_arena_copy(arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return result;
}
