#include "server/json/value.h"

#include <errno.h>

#include "server/core/arena.h"
#include "server/core/hash.h"

#define FIRST_CAPACITY 8
#define LINEAR_MEMBERS 16 /* up to here a builder looks for a name by going through all */

int gw_value_integer(struct gw_arena *arena, int64_t number, struct gw_value *out_value)
{
    struct gw_str literal = gw_arena_printf(arena, "%lld", (long long)number);

    if (literal.ptr == NULL)
        return -ENOMEM;
    *out_value = gw_value_number(literal);
    return 0;
}

/* --- builders --------------------------------------------------------------------------------- */

/* Room for one more at `*array`, whose items have `bytes`. */
static int grow(struct gw_value_builder *builder, void *array, size_t bytes)
{
    size_t capacity = builder->capacity == 0 ? FIRST_CAPACITY : builder->capacity * 2;
    void *old = *(void **)array;

    if (builder->count < builder->capacity)
        return 0;
    if (capacity > UINT32_MAX)
        return -ENOMEM;
    void *items = gw_arena_calloc(builder->arena, capacity, bytes);
    if (items == NULL)
        return -ENOMEM;
    if (builder->count > 0)
        memcpy(items, old, builder->count * bytes);
    *(void **)array = items;
    builder->capacity = capacity;
    return 0;
}

int gw_value_add_item(struct gw_value_builder *builder, struct gw_value item)
{
    int rc = grow(builder, &builder->items, sizeof(*builder->items));

    if (rc != 0)
        return rc;
    builder->items[builder->count++] = item;
    return 0;
}

/* The place of `name` in the table: its member's, or a free one. */
static uint32_t *find_slot(const struct gw_value_builder *builder, struct gw_str name)
{
    size_t mask = builder->table_size - 1;
    size_t at = gw_hash(gw_hash_process_key(), name) & mask;

    while (builder->table[at] != 0 &&
           !gw_str_equal(builder->members[builder->table[at] - 1].name, name))
        at = (at + 1) & mask;
    return &builder->table[at];
}

/* The table is twice as large as the array; a new one takes the names there are. */
static int index_names(struct gw_value_builder *builder)
{
    size_t size = builder->capacity * 2;

    if (builder->capacity <= LINEAR_MEMBERS || builder->table_size == size)
        return 0;
    uint32_t *table = gw_arena_calloc(builder->arena, size, sizeof(*table));
    if (table == NULL)
        return -ENOMEM;
    builder->table = table;
    builder->table_size = size;
    for (size_t i = 0; i < builder->count; i++)
        *find_slot(builder, builder->members[i].name) = (uint32_t)i + 1;
    return 0;
}

static struct gw_value_member *find_member(const struct gw_value_builder *builder,
                                           struct gw_str name)
{
    if (builder->table_size != 0) {
        uint32_t slot = *find_slot(builder, name);
        return slot == 0 ? NULL : &builder->members[slot - 1];
    }
    for (size_t i = 0; i < builder->count; i++) {
        if (gw_str_equal(builder->members[i].name, name))
            return &builder->members[i];
    }
    return NULL;
}

int gw_value_add_member(struct gw_value_builder *builder, struct gw_str name, struct gw_value value)
{
    struct gw_value_member *member = find_member(builder, name);

    if (member != NULL) {
        member->value = value;
        return 0;
    }
    if (grow(builder, &builder->members, sizeof(*builder->members)) != 0 ||
        index_names(builder) != 0)
        return -ENOMEM;
    builder->members[builder->count++] = (struct gw_value_member){.name = name, .value = value};
    if (builder->table_size != 0)
        *find_slot(builder, name) = (uint32_t)builder->count;
    return 0;
}

struct gw_value gw_value_built_array(const struct gw_value_builder *builder)
{
    return gw_value_array(builder->items, builder->count);
}

struct gw_value gw_value_built_object(const struct gw_value_builder *builder)
{
    return gw_value_object(builder->members, builder->count);
}

/* --- from text -------------------------------------------------------------------------------- */

static int take_array(struct gw_arena *arena, const struct gw_json_tape *tape, uint32_t at,
                      struct gw_value *out_value)
{
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    uint32_t count = gw_json_count(tape, at), used = 0;
    struct gw_value *items = gw_arena_calloc(arena, count, sizeof(*items));
    int rc = items == NULL ? -ENOMEM : 0;

    while (rc == 0 && gw_json_step(tape, &cursor))
        rc = gw_value_from_tape(arena, tape, cursor.value, &items[used++]);
    if (rc == 0)
        *out_value = gw_value_array(items, count);
    return rc;
}

/* The reader has told whether a name stands twice. */
static int take_unique_members(struct gw_arena *arena, const struct gw_json_tape *tape, uint32_t at,
                               struct gw_value *out_value)
{
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    uint32_t count = gw_json_count(tape, at), used = 0;
    struct gw_value_member *members = gw_arena_calloc(arena, count, sizeof(*members));
    int rc = members == NULL ? -ENOMEM : 0;

    for (; rc == 0 && gw_json_step(tape, &cursor); used++) {
        members[used].name = gw_json_string(tape, cursor.name);
        rc = gw_value_from_tape(arena, tape, cursor.value, &members[used].value);
    }
    if (rc == 0)
        *out_value = gw_value_object(members, count);
    return rc;
}

static int take_members(struct gw_arena *arena, const struct gw_json_tape *tape, uint32_t at,
                        struct gw_value *out_value)
{
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    struct gw_value_builder builder = {.arena = arena};
    struct gw_value value;
    int rc = 0;

    while (rc == 0 && gw_json_step(tape, &cursor)) {
        rc = gw_value_from_tape(arena, tape, cursor.value, &value);
        if (rc == 0)
            rc = gw_value_add_member(&builder, gw_json_string(tape, cursor.name), value);
    }
    if (rc == 0)
        *out_value = gw_value_built_object(&builder);
    return rc;
}

/* Recursion: no deeper than the reader's limit. */
int gw_value_from_tape(struct gw_arena *arena, const struct gw_json_tape *tape, uint32_t at,
                       struct gw_value *out_value)
{
    enum gw_json_type type = gw_json_type(tape, at);

    if (type == GW_JSON_ARRAY)
        return take_array(arena, tape, at, out_value);
    if (type == GW_JSON_OBJECT && (tape->tokens[at].flags & GW_JSON_DUPLICATES) != 0)
        return take_members(arena, tape, at, out_value);
    if (type == GW_JSON_OBJECT)
        return take_unique_members(arena, tape, at, out_value);
    *out_value = (struct gw_value){.type = type};
    if (type == GW_JSON_STRING)
        out_value->text = gw_json_string(tape, at);
    else if (type == GW_JSON_NUMBER)
        out_value->text = gw_json_number(tape, at);
    return 0;
}

int gw_value_read(struct gw_arena *arena, struct gw_str text, const struct gw_json_limits *limits,
                  struct gw_value *out_value, struct gw_json_error *out_error)
{
    struct gw_json_tape tape;
    int rc = gw_json_read(arena, text, limits, &tape, out_error);

    return rc == 0 ? gw_value_from_tape(arena, &tape, 0, out_value) : rc;
}

/* --- looking ---------------------------------------------------------------------------------- */

const struct gw_value *gw_value_member(const struct gw_value *value, struct gw_str name)
{
    if (value == NULL || value->type != GW_JSON_OBJECT)
        return NULL;
    for (uint32_t i = 0; i < value->count; i++) {
        if (gw_str_equal(value->members[i].name, name))
            return &value->members[i].value;
    }
    return NULL;
}

struct gw_str gw_value_member_text(const struct gw_value *value, struct gw_str name)
{
    const struct gw_value *member = gw_value_member(value, name);

    return member == NULL || member->type != GW_JSON_STRING ? gw_str_from(NULL, 0) : member->text;
}
