/* XML as values. */
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

#include "server/connector/soap/body.h"
#include "server/core/arena.h"

/* A child, then a group of children of one name. */
struct entry {
    struct gw_str key;
    size_t position; /* of the first one */
    struct gw_value value;
};

/* Sorted rather than searched: a backend may answer with as many names as elements. */
static int by_key(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    int order = gw_str_compare(left->key, right->key);

    return order != 0 ? order
                      : (left->position > right->position) - (left->position < right->position);
}

static int by_position(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    return (left->position > right->position) - (left->position < right->position);
}

static bool is_listed(const struct soap_reading *reading, struct gw_str key)
{
    for (size_t i = 0; i < reading->array_count; i++) {
        if (gw_str_equal(reading->arrays[i], key))
            return true;
    }
    return false;
}

/* `entries` are `count` of one name; they become the first of them. */
static int join(struct gw_arena *arena, const struct soap_reading *reading, struct entry *entries,
                size_t count)
{
    if (count == 1 && !is_listed(reading, entries[0].key))
        return 0;
    struct gw_value *items = gw_arena_calloc(arena, count, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        items[i] = entries[i].value;
    entries[0].value = gw_value_array(items, count);
    return 0;
}

/* The number of groups that are left, in the order in which each began; or -ENOMEM. */
static ssize_t group(struct gw_arena *arena, const struct soap_reading *reading,
                     struct entry *entries, size_t count)
{
    size_t groups = 0;

    qsort(entries, count, sizeof(*entries), by_key);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && gw_str_equal(entries[to].key, entries[from].key);)
            to++;
        if (join(arena, reading, &entries[from], to - from) != 0)
            return -ENOMEM;
        entries[groups++] = entries[from];
    }
    qsort(entries, groups, sizeof(*entries), by_position);
    return (ssize_t)groups;
}

static int add_children(struct gw_arena *arena, const struct soap_reading *reading,
                        const struct soap_element *element, struct gw_value_builder *builder)
{
    size_t count = 0;

    if (element->child_count == 0)
        return 0;
    struct entry *entries = gw_arena_calloc(arena, element->child_count, sizeof(*entries));
    if (entries == NULL)
        return -ENOMEM;
    for (const struct soap_element *child = element->first_child; child != NULL;
         child = child->next, count++) {
        entries[count].position = count;
        entries[count].key = soap_key(arena, reading->names, "", &child->name);
        if (entries[count].key.ptr == NULL ||
            soap_body_read(arena, reading, child, &entries[count].value) != 0)
            return -ENOMEM;
    }
    ssize_t groups = group(arena, reading, entries, count);
    if (groups < 0)
        return -ENOMEM;
    for (ssize_t i = 0; i < groups; i++) {
        if (gw_value_add_member(builder, entries[i].key, entries[i].value) != 0)
            return -ENOMEM;
    }
    return 0;
}

static bool is_of_schema(const struct soap_attribute *attribute)
{
    return gw_str_equal(attribute->name.uri, GW_STR(SOAP_XSI));
}

static int add_attributes(struct gw_arena *arena, const struct soap_reading *reading,
                          const struct soap_element *element, struct gw_value_builder *builder)
{
    for (size_t i = 0; i < element->attribute_count; i++) {
        const struct soap_attribute *attribute = &element->attributes[i];
        if (is_of_schema(attribute))
            continue;
        struct gw_str key = soap_key(arena, reading->names, "@", &attribute->name);
        if (key.ptr == NULL ||
            gw_value_add_member(builder, key, gw_value_string(attribute->value)) != 0)
            return -ENOMEM;
    }
    return 0;
}

static bool is_nil(const struct soap_element *element)
{
    struct gw_str nil = soap_trim(soap_attribute_value(element, GW_STR(SOAP_XSI), GW_STR("nil")));

    return gw_str_equal(nil, GW_STR("true")) || gw_str_equal(nil, GW_STR("1"));
}

int soap_body_read(struct gw_arena *arena, const struct soap_reading *reading,
                   const struct soap_element *element, struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = arena};

    if (add_attributes(arena, reading, element, &builder) != 0 ||
        add_children(arena, reading, element, &builder) != 0)
        return -ENOMEM;
    if (builder.count == 0) {
        *out_value = is_nil(element) ? gw_value_null() : gw_value_string(element->text);
        return 0;
    }
    if (element->text.len > 0 &&
        gw_value_add_member(&builder, GW_STR("#text"), gw_value_string(element->text)) != 0)
        return -ENOMEM;
    *out_value = gw_value_built_object(&builder);
    return 0;
}

int soap_body_read_children(struct gw_arena *arena, const struct soap_reading *reading,
                            const struct soap_element *element, struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = arena};

    if (add_children(arena, reading, element, &builder) != 0)
        return -ENOMEM;
    *out_value = gw_value_built_object(&builder);
    return 0;
}
