#include "server/connector/http/result.h"

#include <errno.h>

#include "server/contract/media.h"
#include "server/core/buf.h"
#include "server/core/utf8.h"
#include "server/crypto/base64.h"
#include "server/json/reader.h"

static int copy_text(struct gw_arena *arena, struct gw_str text, struct gw_value *out_value)
{
    struct gw_str copy = gw_arena_copy(arena, text);

    if (copy.ptr == NULL)
        return -ENOMEM;
    *out_value = gw_value_string(copy);
    return 0;
}

static int read_json(struct gw_arena *arena, const struct gw_call_answer *answer,
                     struct gw_value *out_value)
{
    const struct gw_value *ahead = gw_call_take_json(answer, arena);
    const struct gw_json_limits limits = {.max_bytes = answer->body.len + 1,
                                          .max_depth = HTTP_MAX_DEPTH};
    struct gw_json_error error;

    if (ahead != NULL) {
        *out_value = *ahead;
        return 0;
    }
    struct gw_str copy = gw_arena_copy(arena, answer->body); /* the value points into it */

    if (copy.ptr == NULL)
        return -ENOMEM;
    return gw_value_read(arena, copy, &limits, out_value, &error);
}

static bool is_json(const struct gw_call_answer *answer)
{
    const struct gw_str *type =
        gw_field_find(answer->fields, answer->field_count, GW_STR("content-type"));
    struct gw_str range;

    return type != NULL && gw_media_parse(*type, &range) && gw_media_is_json(range);
}

/* -EINVAL: it is not what it says. */
static int read_content(struct gw_arena *arena, const struct gw_call_answer *answer,
                        struct gw_value *out_value)
{
    if (answer->body.len == 0) {
        *out_value = gw_value_null();
        return 0;
    }
    if (is_json(answer))
        return read_json(arena, answer, out_value);
    if (!gw_utf8_is_valid(answer->body))
        return -EINVAL;
    return copy_text(arena, answer->body, out_value);
}

static int read_raw(struct gw_arena *arena, struct gw_str body, struct gw_value *out_value)
{
    struct gw_buf text;

    gw_buf_init(&text, body.len / 3 * 4 + 8);
    gw_base64_append(&text, body);
    int rc = text.has_failed ? -ENOMEM : copy_text(arena, gw_buf_str(&text), out_value);
    gw_buf_finish(&text);
    return rc;
}

static struct gw_str lower(struct gw_arena *arena, struct gw_str text)
{
    struct gw_str copy = gw_arena_copy(arena, text);

    for (size_t i = 0; copy.ptr != NULL && i < copy.len; i++) {
        char *byte = (char *)(uintptr_t)&copy.ptr[i];
        if (*byte >= 'A' && *byte <= 'Z')
            *byte = (char)(*byte | 0x20);
    }
    return copy;
}

static int read_headers(struct gw_arena *arena, const struct gw_call_answer *answer,
                        struct gw_value *out_value)
{
    struct gw_value_builder headers = {.arena = arena};

    for (size_t i = 0; i < answer->field_count; i++) {
        const struct gw_field *field = &answer->fields[i];
        struct gw_str name = lower(arena, field->name);
        struct gw_value value;
        if (name.ptr == NULL || copy_text(arena, field->value, &value) != 0 ||
            gw_value_add_member(&headers, name, value) != 0)
            return -ENOMEM;
    }
    *out_value = gw_value_built_object(&headers);
    return 0;
}

static int read_response(struct gw_arena *arena, const struct gw_call_answer *answer,
                         struct gw_value *out_value)
{
    struct gw_value_builder response = {.arena = arena};
    struct gw_value status, headers, content;
    int rc = read_content(arena, answer, &content);

    if (rc != 0)
        return rc;
    if (gw_value_integer(arena, answer->status, &status) != 0 ||
        read_headers(arena, answer, &headers) != 0 ||
        gw_value_add_member(&response, GW_STR("statusCode"), status) != 0 ||
        gw_value_add_member(&response, GW_STR("headers"), headers) != 0 ||
        gw_value_add_member(&response, GW_STR("content"), content) != 0)
        return -ENOMEM;
    *out_value = gw_value_built_object(&response);
    return 0;
}

int http_result_read(struct gw_arena *arena, enum http_output output,
                     const struct gw_call_answer *answer, struct gw_value *out_value)
{
    switch (output) {
    case HTTP_RAW:
        return read_raw(arena, answer->body, out_value);
    case HTTP_RESPONSE:
        return read_response(arena, answer, out_value);
    default:
        return read_content(arena, answer, out_value);
    }
}

struct gw_str http_result_code(struct gw_arena *arena, const struct gw_call_answer *answer)
{
    struct gw_value body;

    if (!is_json(answer) || read_json(arena, answer, &body) != 0)
        return GW_STR("");
    const struct gw_value *inner = gw_value_member(&body, GW_STR("error"));
    struct gw_str code = gw_value_member_text(inner, GW_STR("code"));
    if (code.len == 0)
        code = gw_value_member_text(&body, GW_STR("code"));
    return code.len > 0 ? code : gw_value_member_text(&body, GW_STR("type"));
}
