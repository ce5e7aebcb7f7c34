/* Places of a document, and the document as a value. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/flow/loading.h"
#include "server/json/pointer.h"

#define MAX_POINTER_BYTES 65536

void *flow_alloc(struct flow_loading *loading, size_t count, size_t bytes)
{
    void *memory = gw_arena_calloc(loading->arena, count > 0 ? count : 1, bytes);

    if (memory == NULL)
        loading->has_no_memory = true;
    return memory;
}

static struct gw_str pointer_to(struct flow_loading *loading, struct gw_str parent,
                                struct gw_str name)
{
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_POINTER_BYTES);
    gw_buf_append_str(&buf, parent);
    gw_pointer_append(&buf, name);
    struct gw_str pointer = {NULL, 0};
    if (!buf.has_failed)
        pointer = gw_arena_copy(loading->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    if (pointer.ptr == NULL) {
        loading->has_no_memory = true;
        return GW_STR("");
    }
    return pointer;
}

struct flow_place flow_named_member(struct flow_loading *loading, const struct flow_place *place,
                                    struct gw_str name)
{
    const struct gw_value *value = gw_value_member(place->value, name);

    if (value == NULL)
        return (struct flow_place){.pointer = place->pointer};
    return (struct flow_place){value, pointer_to(loading, place->pointer, name)};
}

struct flow_place flow_member(struct flow_loading *loading, const struct flow_place *place,
                              const char *name)
{
    return flow_named_member(loading, place, gw_str_of(name));
}

struct flow_place flow_item(struct flow_loading *loading, const struct flow_place *place,
                            uint32_t index)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", index);
    return (struct flow_place){&place->value->items[index],
                               pointer_to(loading, place->pointer, gw_str_of(text))};
}

bool flow_is(const struct flow_place *place, enum gw_json_type type)
{
    return place->value != NULL && place->value->type == type;
}

struct gw_str flow_text(const struct flow_place *place)
{
    return flow_is(place, GW_JSON_STRING) ? place->value->text : GW_STR("");
}

struct gw_str flow_nearest(const struct gw_value *names, struct gw_str wanted)
{
    struct gw_similar similar;

    gw_similar_init(&similar, wanted);
    if (names != NULL && names->type == GW_JSON_OBJECT)
        for (uint32_t i = 0; i < names->count; i++)
            gw_similar_offer(&similar, names->members[i].name);
    return similar.best;
}

/* --- jansson's tree as a value ----------------------------------------------------------------
 * Its depth is bounded by the document's, GW_DOCUMENT_MAX_DEPTH. */

/* The shortest of the usual precisions that reads back as the same double. */
static int real_of(struct gw_arena *arena, double number, struct gw_value *out_value)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    struct gw_str literal = gw_arena_copy(arena, gw_str_of(text));
    *out_value = gw_value_number(literal);
    return literal.ptr != NULL ? 0 : -ENOMEM;
}

static int array_of(struct gw_arena *arena, const json_t *json, struct gw_value *out_value)
{
    size_t count = json_array_size(json);
    struct gw_value *items = gw_arena_calloc(arena, count + 1, sizeof(*items));

    for (size_t i = 0; items != NULL && i < count; i++)
        if (flow_value_of(arena, json_array_get(json, i), &items[i]) != 0)
            return -ENOMEM;
    *out_value = gw_value_array(items, count);
    return items != NULL ? 0 : -ENOMEM;
}

static int object_of(struct gw_arena *arena, const json_t *json, struct gw_value *out_value)
{
    size_t count = json_object_size(json), at = 0;
    struct gw_value_member *members = gw_arena_calloc(arena, count + 1, sizeof(*members));
    const char *name;
    json_t *value;

    if (members == NULL)
        return -ENOMEM;
    json_object_foreach((json_t *)json, name, value)
    {
        members[at].name = gw_arena_copy(arena, gw_str_of(name));
        if (members[at].name.ptr == NULL || flow_value_of(arena, value, &members[at].value) != 0)
            return -ENOMEM;
        at++;
    }
    *out_value = gw_value_object(members, count);
    return 0;
}

int flow_value_of(struct gw_arena *arena, const json_t *json, struct gw_value *out_value)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_of(arena, json, out_value);
    case JSON_ARRAY:
        return array_of(arena, json, out_value);
    case JSON_STRING: {
        struct gw_str text =
            gw_arena_copy(arena, gw_str_from(json_string_value(json), json_string_length(json)));
        *out_value = gw_value_string(text);
        return text.ptr != NULL ? 0 : -ENOMEM;
    }
    case JSON_INTEGER:
        return gw_value_integer(arena, json_integer_value(json), out_value);
    case JSON_REAL:
        return real_of(arena, json_real_value(json), out_value);
    case JSON_TRUE:
    case JSON_FALSE:
        *out_value = gw_value_bool(json_is_true(json));
        return 0;
    case JSON_NULL:
        break;
    }
    *out_value = gw_value_null();
    return 0;
}
