/* Equality of values (JSON Schema Core, section 4.2.2). Objects mostly have their members in the
 * same order; where not, many names are found by a table, as they are an outsider's choice. */
#include <stdlib.h>

#include "server/core/hash.h"
#include "server/json/number.h"
#include "server/json/value.h"

#define LINEAR_MEMBERS 16

static bool equal_at(const struct gw_value *a, const struct gw_value *b, unsigned depth);

static bool is_same_number(struct gw_str a, struct gw_str b)
{
    struct gw_decimal left, right;

    return gw_str_equal(a, b) ||
           (gw_decimal_parse(a, &left) == 0 && gw_decimal_parse(b, &right) == 0 &&
            gw_decimal_compare(&left, &right) == 0);
}

static bool equal_items(const struct gw_value *a, const struct gw_value *b, unsigned depth)
{
    for (uint32_t i = 0; i < a->count; i++) {
        if (!equal_at(&a->items[i], &b->items[i], depth + 1))
            return false;
    }
    return true;
}

struct name_table {
    const struct gw_value *object;
    uint32_t *places; /* index of a member + 1; 0: free. NULL: there is no table */
    size_t mask;
};

static uint32_t *find_place(const struct name_table *table, struct gw_str name)
{
    size_t at = gw_hash(gw_hash_process_key(), name) & table->mask;

    while (table->places[at] != 0 &&
           !gw_str_equal(table->object->members[table->places[at] - 1].name, name))
        at = (at + 1) & table->mask;
    return &table->places[at];
}

/* Without memory there is none, and names are looked for one by one. */
static void build_table(struct name_table *table)
{
    size_t size = 64;

    while (size < (size_t)table->object->count * 2)
        size *= 2;
    table->places = calloc(size, sizeof(*table->places));
    table->mask = size - 1;
    for (uint32_t i = 0; i < table->object->count && table->places != NULL; i++)
        *find_place(table, table->object->members[i].name) = i + 1;
}

static const struct gw_value *find_member(const struct name_table *table, struct gw_str name)
{
    if (table->places == NULL)
        return gw_value_member(table->object, name);
    uint32_t place = *find_place(table, name);
    return place == 0 ? NULL : &table->object->members[place - 1].value;
}

/* Names of one object differ, and both have as many. */
static bool equal_members(const struct gw_value *a, const struct gw_value *b, unsigned depth)
{
    struct name_table table = {.object = b};
    bool is_equal = true;

    for (uint32_t i = 0; i < a->count && is_equal; i++) {
        const struct gw_value *other = &b->members[i].value;
        if (!gw_str_equal(a->members[i].name, b->members[i].name)) {
            if (table.places == NULL && b->count > LINEAR_MEMBERS)
                build_table(&table);
            other = find_member(&table, a->members[i].name);
        }
        is_equal = other != NULL && equal_at(&a->members[i].value, other, depth + 1);
    }
    free(table.places);
    return is_equal;
}

static bool equal_at(const struct gw_value *a, const struct gw_value *b, unsigned depth)
{
    if (a->type != b->type)
        return false;
    if (a->type == GW_JSON_STRING)
        return gw_str_equal(a->text, b->text);
    if (a->type == GW_JSON_NUMBER)
        return is_same_number(a->text, b->text);
    if (a->type < GW_JSON_NUMBER)
        return true;
    if (a->count != b->count || depth >= GW_VALUE_MAX_DEPTH)
        return false;
    return a->type == GW_JSON_ARRAY ? equal_items(a, b, depth) : equal_members(a, b, depth);
}

bool gw_value_equal(const struct gw_value *a, const struct gw_value *b)
{
    return equal_at(a, b, 0);
}
