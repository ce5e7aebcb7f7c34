#include "server/gateway/landscape_difference.h"

#include "server/json/pointer.h"

struct comparing {
    const struct gw_str *ignored;
    size_t ignored_count;
    struct gw_buf *pointer;
};

static bool differ(const struct comparing *comparing, const struct gw_value *a,
                   const struct gw_value *b, unsigned depth);

static bool is_ignored(const struct comparing *comparing, struct gw_str name)
{
    for (size_t i = 0; i < comparing->ignored_count; i++) {
        if (gw_str_equal(comparing->ignored[i], name))
            return true;
    }
    return false;
}

/* `b` NULL: it lacks the member. */
static bool member_differs(const struct comparing *comparing, const struct gw_value_member *member,
                           const struct gw_value *b, unsigned depth)
{
    size_t len = comparing->pointer->len;

    if (is_ignored(comparing, member->name))
        return false;
    gw_pointer_append(comparing->pointer, member->name);
    if (b == NULL || differ(comparing, &member->value, b, depth + 1))
        return true;
    comparing->pointer->len = len;
    return false;
}

static bool objects_differ(const struct comparing *comparing, const struct gw_value *a,
                           const struct gw_value *b, unsigned depth)
{
    for (uint32_t i = 0; i < a->count; i++) {
        const struct gw_value_member *member = &a->members[i];
        if (member_differs(comparing, member, gw_value_member(b, member->name), depth))
            return true;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        const struct gw_value_member *member = &b->members[i];
        if (gw_value_member(a, member->name) == NULL &&
            member_differs(comparing, member, NULL, depth))
            return true;
    }
    return false;
}

static bool arrays_differ(const struct comparing *comparing, const struct gw_value *a,
                          const struct gw_value *b, unsigned depth)
{
    size_t len = comparing->pointer->len;

    for (uint32_t i = 0; i < a->count || i < b->count; i++) {
        gw_buf_printf(comparing->pointer, "/%u", i);
        if (i >= a->count || i >= b->count ||
            differ(comparing, &a->items[i], &b->items[i], depth + 1))
            return true;
        comparing->pointer->len = len;
    }
    return false;
}

static bool differ(const struct comparing *comparing, const struct gw_value *a,
                   const struct gw_value *b, unsigned depth)
{
    if (a->type != b->type || depth >= GW_VALUE_MAX_DEPTH)
        return true;
    if (a->type == GW_JSON_OBJECT)
        return objects_differ(comparing, a, b, depth);
    if (a->type == GW_JSON_ARRAY)
        return arrays_differ(comparing, a, b, depth);
    return !gw_value_equal(a, b);
}

bool gw_landscape_difference(const struct gw_value *a, const struct gw_value *b,
                             const struct gw_str *ignored, size_t ignored_count,
                             struct gw_buf *out_pointer)
{
    const struct comparing comparing = {ignored, ignored_count, out_pointer};

    return differ(&comparing, a, b, 0);
}
