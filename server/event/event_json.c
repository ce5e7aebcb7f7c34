/* Events in JSON (CloudEvents 1.0.2, JSON format): one, and batches. */
#include <errno.h>

#include "server/event/event_private.h"
#include "server/json/tape_write.h"

#define MAX_DEPTH 64

static const struct gw_json_limits limits = {.max_bytes = 16u << 20, .max_depth = MAX_DEPTH};

int gw_event_set_data(struct gw_event *event, const struct gw_json_tape *tape, uint32_t at,
                      struct gw_arena *arena, struct gw_error *error)
{
    struct gw_buf text;

    gw_buf_init(&text, GW_EVENT_MAX_BYTES);
    gw_json_write(&text, tape, at);
    bool is_too_large = text.has_failed;
    struct gw_str copy = is_too_large ? GW_STR("") : gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    if (is_too_large)
        return gw_error_set(error, -EINVAL, "it is larger than %d KiB", GW_EVENT_MAX_BYTES / 1024);
    if (copy.ptr == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    event->data = copy;
    return 0;
}

/* Section 2.2: integers are those of 32 bits. */
static bool is_integer(const struct gw_json_tape *tape, uint32_t at)
{
    int64_t number;

    return (tape->tokens[at].flags & GW_JSON_INTEGER) != 0 && gw_json_to_i64(tape, at, &number) &&
           number >= INT32_MIN && number <= INT32_MAX;
}

static int read_literal(const struct gw_json_tape *tape, const struct gw_json_cursor *cursor,
                        struct gw_event *event, struct gw_error *error)
{
    struct gw_str name = gw_json_string(tape, cursor->name), value;
    size_t count = event->extension_count;
    int rc = gw_json_scalar_text(tape, cursor->value, &value);

    if (rc == 0)
        rc = gw_event_set(event, name, value, error);
    if (rc != 0)
        return rc;
    if (event->extension_count == count)
        return gw_error_set(error, -EINVAL, "%.*s is no text", GW_STR_ARG(name));
    event->extensions[count].is_literal = true;
    return 0;
}

static int read_member(const struct gw_json_tape *tape, const struct gw_json_cursor *cursor,
                       struct gw_arena *arena, struct gw_event *event, struct gw_error *error)
{
    struct gw_str name = gw_json_string(tape, cursor->name);

    if (gw_str_equal(name, GW_STR("data")))
        return gw_event_set_data(event, tape, cursor->value, arena, error);
    if (gw_str_equal(name, GW_STR("data_base64")))
        return gw_error_set(error, -EINVAL, "data_base64 is not taken: data is JSON here");
    switch (gw_json_type(tape, cursor->value)) {
    case GW_JSON_NULL:
        return 0;
    case GW_JSON_STRING:
        return gw_event_set(event, name, gw_json_string(tape, cursor->value), error);
    case GW_JSON_TRUE:
    case GW_JSON_FALSE:
        return read_literal(tape, cursor, event, error);
    case GW_JSON_NUMBER:
        if (is_integer(tape, cursor->value))
            return read_literal(tape, cursor, event, error);
        break;
    case GW_JSON_ARRAY:
    case GW_JSON_OBJECT:
        break;
    }
    return gw_error_set(error, -EINVAL, "\"%.*s\" is no text, integer or boolean",
                        GW_STR_ARG(gw_event_shown(name)));
}

/* Names lie in the text or the arena and need not end in NUL. */
static int read_event(const struct gw_json_tape *tape, uint32_t at, struct gw_arena *arena,
                      struct gw_event *out_event, struct gw_error *error)
{
    struct gw_event event = {.id = GW_STR("")};
    bool has_version = false;
    int rc = 0;

    if (gw_json_type(tape, at) != GW_JSON_OBJECT)
        return gw_error_set(error, -EINVAL, "an event is a JSON object");
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    while (rc == 0 && gw_json_step(tape, &cursor)) {
        has_version |= gw_str_equal(gw_json_string(tape, cursor.name), GW_STR("specversion"));
        rc = read_member(tape, &cursor, arena, &event, error);
    }
    if (rc == 0 && !has_version)
        rc = gw_error_set(error, -EINVAL, "specversion is missing");
    if (rc == 0)
        rc = gw_event_check(&event, error);
    if (rc == 0)
        *out_event = event;
    return rc;
}

static int read_text(struct gw_str json, struct gw_arena *arena, struct gw_json_tape *out_tape,
                     struct gw_error *error)
{
    struct gw_json_error why;
    int rc = gw_json_read(arena, json, &limits, out_tape, &why);

    if (rc == -ENOMEM)
        return gw_error_set(error, rc, "out of memory");
    if (rc != 0)
        return gw_error_set(error, -EINVAL, "line %zu, column %zu: %s", why.line, why.column,
                            why.text);
    if (out_tape->has_duplicates)
        return gw_error_set(error, -EINVAL, "some object has a name twice");
    return 0;
}

int gw_event_parse(struct gw_str json, struct gw_arena *arena, struct gw_event *out_event,
                   struct gw_error *error)
{
    struct gw_json_tape tape;
    int rc = read_text(json, arena, &tape, error);

    return rc == 0 ? read_event(&tape, 0, arena, out_event, error) : rc;
}

int gw_event_parse_batch(struct gw_str json, size_t max, struct gw_arena *arena,
                         struct gw_event_item **out_items, size_t *out_count,
                         struct gw_error *error)
{
    struct gw_json_tape tape;
    int rc = read_text(json, arena, &tape, error);

    if (rc != 0)
        return rc;
    if (gw_json_type(&tape, 0) != GW_JSON_ARRAY)
        return gw_error_set(error, -EINVAL, "a batch is a JSON array");
    size_t count = gw_json_count(&tape, 0);
    if (count > max)
        return gw_error_set(error, -E2BIG, "a batch has at most %zu events", max);
    struct gw_event_item *items = gw_arena_calloc(arena, count + 1, sizeof(*items));
    if (items == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    struct gw_json_cursor cursor = gw_json_begin(&tape, 0);
    for (size_t i = 0; i < count && gw_json_step(&tape, &cursor); i++) {
        struct gw_error why;
        items[i].rc = read_event(&tape, cursor.value, arena, &items[i].event, &why);
        if (items[i].rc != 0)
            items[i].fault = gw_arena_copy(arena, gw_str_of(why.text));
        if (items[i].rc != 0 && items[i].fault.ptr == NULL)
            return gw_error_set(error, -ENOMEM, "out of memory");
    }
    *out_items = items;
    *out_count = count;
    return 0;
}
