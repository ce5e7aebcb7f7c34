/* Events in binary mode: attributes in fields (CloudEvents 1.0.2, HTTP protocol binding, 3.1). */
#include <errno.h>

#include "server/event/event_private.h"

static const struct gw_json_limits limits = {.max_bytes = 16u << 20, .max_depth = 64};

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte = (char)(byte | 0x20);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Section 3.1.3.2: a quoted string is taken out of its quotes, then %XX is decoded. */
static int decode(struct gw_str value, struct gw_arena *arena, struct gw_str *out_text)
{
    char *text = gw_arena_alloc(arena, value.len + 1);
    bool is_quoted = value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';
    size_t end = is_quoted ? value.len - 1 : value.len, len = 0;

    if (text == NULL)
        return -ENOMEM;
    for (size_t i = is_quoted ? 1 : 0; i < end; i++) {
        char byte = value.ptr[i];
        if (is_quoted && byte == '\\' && i + 1 < end)
            byte = value.ptr[++i];
        if (byte == '%') {
            int high = i + 2 < end ? hex_digit(value.ptr[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(value.ptr[i + 2]) : -1;
            if (low < 0)
                return -EINVAL;
            byte = (char)(high << 4 | low);
            i += 2;
        }
        text[len++] = byte;
    }
    text[len] = '\0';
    *out_text = gw_str_from(text, len);
    return 0;
}

static int lower_name(struct gw_str field, struct gw_arena *arena, struct gw_str *out_name)
{
    struct gw_str name = gw_str_tail(field, 3);
    char *text = gw_arena_alloc(arena, name.len + 1);

    if (text == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < name.len; i++)
        text[i] =
            name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] | 0x20) : name.ptr[i];
    text[name.len] = '\0';
    *out_name = gw_str_from(text, name.len);
    return 0;
}

static int read_field(const struct gw_field *field, struct gw_arena *arena, struct gw_event *event,
                      struct gw_error *error)
{
    struct gw_str name, value;
    int rc = lower_name(field->name, arena, &name);

    if (rc == 0)
        rc = decode(gw_str_trim(field->value), arena, &value);
    if (rc == -ENOMEM)
        return gw_error_set(error, rc, "out of memory");
    if (rc != 0)
        return gw_error_set(error, rc, "ce-%.*s has a broken escape",
                            GW_STR_ARG(gw_event_shown(name)));
    if (gw_str_equal(name, GW_STR("datacontenttype")))
        return gw_error_set(error, -EINVAL, "Content-Type says what the data is, no ce- field");
    if (gw_str_equal(name, GW_STR("data")))
        return gw_error_set(error, -EINVAL, "the data is the body, no ce- field");
    return gw_event_set(event, name, value, error);
}

static int read_data(struct gw_str body, struct gw_arena *arena, struct gw_event *event,
                     struct gw_error *error)
{
    struct gw_json_tape tape;
    struct gw_json_error why;

    if (body.len == 0)
        return 0;
    int rc = gw_json_read(arena, body, &limits, &tape, &why);
    if (rc == -ENOMEM)
        return gw_error_set(error, rc, "out of memory");
    if (rc != 0)
        return gw_error_set(error, -EINVAL, "the data: line %zu, column %zu: %s", why.line,
                            why.column, why.text);
    if (tape.has_duplicates)
        return gw_error_set(error, -EINVAL, "the data has an object with a name twice");
    return gw_event_set_data(event, &tape, 0, arena, error);
}

int gw_event_parse_fields(const struct gw_field *fields, size_t field_count, struct gw_str body,
                          struct gw_arena *arena, struct gw_event *out_event,
                          struct gw_error *error)
{
    struct gw_event event = {.id = GW_STR("")};
    bool has_version = false;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < field_count; i++) {
        const struct gw_field *field = &fields[i];
        if (gw_str_equal_nocase(field->name, GW_STR("content-type"))) {
            rc = gw_event_set(&event, GW_STR("datacontenttype"), gw_str_trim(field->value), error);
        } else if (gw_str_has_prefix_nocase(field->name, GW_STR("ce-"))) {
            has_version |= gw_str_equal_nocase(field->name, GW_STR("ce-specversion"));
            rc = read_field(field, arena, &event, error);
        }
    }
    if (rc == 0 && !has_version)
        rc = gw_error_set(error, -EINVAL, "ce-specversion is missing");
    if (rc == 0)
        rc = read_data(body, arena, &event, error);
    if (rc == 0)
        rc = gw_event_check(&event, error);
    if (rc == 0)
        *out_event = event;
    return rc;
}
