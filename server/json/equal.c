#include "server/json/equal.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/arena.h"
#include "server/core/hash.h"
#include "server/json/number.h"

#define LINEAR_MEMBERS 16 /* objects up to here are searched, larger ones sorted */
#define PAIRWISE_ITEMS 8

static bool is_same_number(const struct gw_json_tape *a, uint32_t a_at,
                           const struct gw_json_tape *b, uint32_t b_at)
{
    const struct gw_json_token *x = &a->tokens[a_at], *y = &b->tokens[b_at];
    struct gw_decimal left, right;

    if ((x->flags & y->flags & GW_JSON_SMALL) != 0 && x->literal.scale == y->literal.scale)
        return x->small == y->small;
    return gw_decimal_parse(gw_json_number(a, a_at), &left) == 0 &&
           gw_decimal_parse(gw_json_number(b, b_at), &right) == 0 &&
           gw_decimal_compare(&left, &right) == 0;
}

static bool is_same_name(const struct gw_json_tape *a, uint32_t a_at, const struct gw_json_tape *b,
                         uint32_t b_at)
{
    return a->tokens[a_at].hash == b->tokens[b_at].hash &&
           gw_str_equal(gw_json_string(a, a_at), gw_json_string(b, b_at));
}

static int equal_few_members(const struct gw_json_tape *a, uint32_t a_at,
                             const struct gw_json_tape *b, uint32_t b_at, struct gw_arena *arena)
{
    struct gw_json_cursor left = gw_json_begin(a, a_at);

    while (gw_json_step(a, &left)) {
        struct gw_json_cursor right = gw_json_begin(b, b_at);
        bool is_found = false;
        while (!is_found && gw_json_step(b, &right))
            is_found = is_same_name(a, left.name, b, right.name);
        if (!is_found)
            return 0;
        int rc = gw_json_equal(a, left.value, b, right.value, arena);
        if (rc != 1)
            return rc;
    }
    return 1;
}

static int compare_names(const void *a, const void *b, void *tape)
{
    return gw_str_compare(gw_json_string(tape, *(const uint32_t *)a),
                          gw_json_string(tape, *(const uint32_t *)b));
}

/* The object's name tokens in the order of the names, or NULL. */
static uint32_t *sort_names(const struct gw_json_tape *tape, uint32_t at, struct gw_arena *arena)
{
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    size_t count = gw_json_count(tape, at), i = 0;
    uint32_t *names = gw_arena_alloc(arena, count * sizeof(*names));

    if (names == NULL)
        return NULL;
    while (gw_json_step(tape, &cursor))
        names[i++] = cursor.name;
    qsort_r(names, count, sizeof(*names), compare_names, (void *)(uintptr_t)tape);
    return names;
}

static int equal_many_members(const struct gw_json_tape *a, uint32_t a_at,
                              const struct gw_json_tape *b, uint32_t b_at, struct gw_arena *arena)
{
    const uint32_t *left = sort_names(a, a_at, arena);
    const uint32_t *right = sort_names(b, b_at, arena);

    if (left == NULL || right == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < gw_json_count(a, a_at); i++) {
        if (!is_same_name(a, left[i], b, right[i]))
            return 0;
        int rc = gw_json_equal(a, left[i] + 1, b, right[i] + 1, arena);
        if (rc != 1)
            return rc;
    }
    return 1;
}

static int equal_elements(const struct gw_json_tape *a, uint32_t a_at, const struct gw_json_tape *b,
                          uint32_t b_at, struct gw_arena *arena)
{
    struct gw_json_cursor left = gw_json_begin(a, a_at), right = gw_json_begin(b, b_at);

    while (gw_json_step(a, &left) && gw_json_step(b, &right)) {
        int rc = gw_json_equal(a, left.value, b, right.value, arena);
        if (rc != 1)
            return rc;
    }
    return 1;
}

int gw_json_equal(const struct gw_json_tape *a, uint32_t a_at, const struct gw_json_tape *b,
                  uint32_t b_at, struct gw_arena *arena)
{
    enum gw_json_type type = gw_json_type(a, a_at);

    if (type != gw_json_type(b, b_at))
        return 0;
    if (type == GW_JSON_STRING)
        return gw_str_equal(gw_json_string(a, a_at), gw_json_string(b, b_at));
    if (type == GW_JSON_NUMBER)
        return is_same_number(a, a_at, b, b_at);
    if (type < GW_JSON_NUMBER)
        return 1;
    if (gw_json_count(a, a_at) != gw_json_count(b, b_at))
        return 0;
    if (type == GW_JSON_ARRAY)
        return equal_elements(a, a_at, b, b_at, arena);
    if (gw_json_count(a, a_at) <= LINEAR_MEMBERS)
        return equal_few_members(a, a_at, b, b_at, arena);
    return equal_many_members(a, a_at, b, b_at, arena);
}

static uint64_t hash_number(const struct gw_hash_key *key, const struct gw_json_tape *tape,
                            uint32_t at)
{
    struct gw_decimal decimal;

    if (gw_decimal_parse(gw_json_number(tape, at), &decimal) != 0)
        return 0;
    return gw_decimal_hash(&decimal, key);
}

uint64_t gw_json_hash(const struct gw_json_tape *tape, uint32_t at)
{
    const struct gw_hash_key *key = gw_hash_process_key();
    struct gw_hash_key inner = {key->k0 ^ gw_json_type(tape, at), key->k1};
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    uint64_t sum = 0;

    if (gw_json_type(tape, at) == GW_JSON_STRING)
        return gw_hash(&inner, gw_json_string(tape, at));
    if (gw_json_type(tape, at) == GW_JSON_NUMBER)
        return hash_number(&inner, tape, at);
    while (gw_json_type(tape, at) >= GW_JSON_ARRAY && gw_json_step(tape, &cursor)) {
        uint64_t pair[2] = {sum, gw_json_hash(tape, cursor.value)};
        if (cursor.is_object)
            pair[0] = gw_hash(&inner, gw_json_string(tape, cursor.name));
        uint64_t mixed = gw_hash(&inner, gw_str_from((const char *)pair, sizeof(pair)));
        sum = cursor.is_object ? sum + mixed : mixed; /* members have no order */
    }
    return sum ^ inner.k0;
}

struct hashed {
    uint64_t hash;
    uint32_t at;
};

static int compare_hashed(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Compares items[i] with the following ones: all of them, or those of the same hash. */
static int find_equal(const struct gw_json_tape *tape, const struct hashed *items, size_t count,
                      size_t i, struct gw_arena *arena)
{
    for (size_t j = i + 1; j < count && items[j].hash == items[i].hash; j++) {
        int rc = gw_json_equal(tape, items[i].at, tape, items[j].at, arena);
        if (rc != 0)
            return rc < 0 ? rc : (int)(j - i);
    }
    return 0;
}

int gw_json_is_unique(const struct gw_json_tape *tape, uint32_t array, struct gw_arena *arena,
                      uint32_t *out_first, uint32_t *out_second)
{
    struct gw_json_cursor cursor = gw_json_begin(tape, array);
    size_t count = gw_json_count(tape, array), used = 0;
    bool is_hashed = count > PAIRWISE_ITEMS;
    struct hashed few[PAIRWISE_ITEMS];
    struct hashed *items = is_hashed ? gw_arena_alloc(arena, count * sizeof(*items)) : few;

    if (items == NULL)
        return -ENOMEM;
    for (; gw_json_step(tape, &cursor); used++)
        items[used] =
            (struct hashed){is_hashed ? gw_json_hash(tape, cursor.value) : 0, cursor.value};
    if (is_hashed)
        qsort(items, used, sizeof(*items), compare_hashed);
    for (size_t i = 0; i < used; i++) {
        int rc = find_equal(tape, items, used, i, arena);
        if (rc > 0) {
            *out_first = items[i].at;
            *out_second = items[i + (size_t)rc].at;
        }
        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    return 1;
}
