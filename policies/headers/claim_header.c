#include "claim_header.h"

#include <errno.h>

#include "server/json/reader.h"

#define MAX_VALUE_BYTES 4096

static bool can_stand_in_field(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20 || byte == 0x7f)
            return false;
    }
    return text.len <= MAX_VALUE_BYTES;
}

static int array_text(struct gw_arena *arena, const struct gw_json_tape *tape, uint32_t array,
                      struct gw_str *out_text)
{
    uint32_t end = gw_json_next(tape, array);
    struct gw_str text = GW_STR("");

    for (uint32_t at = array + 1; at < end; at = gw_json_next(tape, at)) {
        struct gw_str item;
        int rc = gw_json_scalar_text(tape, at, &item);
        if (rc != 0 || gw_str_find(item, ',') < item.len || text.len + item.len > MAX_VALUE_BYTES)
            return -EINVAL;
        text = gw_arena_printf(arena, "%.*s%s%.*s", GW_STR_ARG(text), text.len > 0 ? "," : "",
                               GW_STR_ARG(item));
        if (text.ptr == NULL)
            return -ENOMEM;
    }
    *out_text = text;
    return 0;
}

int claim_header_value(struct gw_arena *arena, struct gw_str claims, struct gw_str name,
                       struct gw_str *out_value)
{
    struct gw_json_tape tape;
    struct gw_json_error error;
    struct gw_str text;
    int rc = gw_json_read(arena, claims, NULL, &tape, &error);

    if (rc != 0)
        return rc;
    uint32_t at = gw_json_get(&tape, 0, name);
    if (at == GW_JSON_NONE)
        return -ENOENT;
    rc = gw_json_type(&tape, at) == GW_JSON_ARRAY ? array_text(arena, &tape, at, &text)
                                                  : gw_json_scalar_text(&tape, at, &text);
    if (rc != 0)
        return rc;
    if (!can_stand_in_field(text))
        return -EINVAL;
    *out_value = text;
    return 0;
}
