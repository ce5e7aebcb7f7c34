#include "server/gateway/landscape_merge.h"

#include "server/json/number.h"

/* --- order --- */

static bool is_scalar(const struct gw_value *value)
{
    return value != NULL && (value->type == GW_JSON_STRING || value->type == GW_JSON_NUMBER);
}

/* Of {"value": "12.5", "unit": "KGM"} the value. */
static const struct gw_value *sort_value(const struct gw_value *item, struct gw_str name,
                                         bool *out_is_decimal)
{
    const struct gw_value *member = gw_value_member(item, name);

    if (member != NULL && member->type == GW_JSON_OBJECT) {
        *out_is_decimal = true;
        member = gw_value_member(member, GW_STR("value"));
    }
    if (member == NULL || !is_scalar(member))
        return NULL;
    *out_is_decimal |= member->type == GW_JSON_NUMBER;
    return member;
}

static int compare_scalars(const struct gw_value *a, const struct gw_value *b, bool are_decimals)
{
    struct gw_decimal one, other;

    if (are_decimals && gw_decimal_parse(a->text, &one) == 0 &&
        gw_decimal_parse(b->text, &other) == 0)
        return gw_decimal_compare(&one, &other);
    return gw_str_compare(a->text, b->text);
}

static int compare_member(struct gw_str name, const struct gw_value *a, const struct gw_value *b)
{
    bool is_descending = gw_str_has_prefix(name, GW_STR("-"));
    bool is_decimal_a = false, is_decimal_b = false;

    name = gw_str_tail(name, is_descending || gw_str_has_prefix(name, GW_STR("+")) ? 1 : 0);
    const struct gw_value *one = sort_value(a, name, &is_decimal_a);
    const struct gw_value *other = sort_value(b, name, &is_decimal_b);
    if (one == NULL || other == NULL)
        return (one == NULL) - (other == NULL);
    int order = compare_scalars(one, other, is_decimal_a && is_decimal_b);
    return is_descending ? -order : order;
}

int gw_merge_compare(struct gw_str sort, const struct gw_value *a, const struct gw_value *b)
{
    struct gw_str rest = sort.len > 0 ? sort : GW_STR("id"), name;
    int order = 0;

    while (order == 0 && gw_str_split(&rest, ',', &name))
        order = compare_member(gw_str_trim(name), a, b);
    return order;
}

/* --- merge --- */

static void pass_unwanted(const struct gw_merge *merge, size_t index)
{
    struct gw_merge_part *part = &merge->parts[index];

    while (merge->is_wanted != NULL && part->at < part->count &&
           !merge->is_wanted(merge->self, index, &part->items[part->at]))
        part->at++;
}

/* The part whose next item is the smallest, the first of equals; SIZE_MAX: none can be told. */
static size_t find_smallest(const struct gw_merge *merge)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < merge->count; i++) {
        const struct gw_merge_part *part = &merge->parts[i];
        if (part->at >= part->count && part->has_next)
            return SIZE_MAX;
        if (part->at >= part->count)
            continue;
        const struct gw_value *item = &part->items[part->at];
        const struct gw_merge_part *least = best == SIZE_MAX ? NULL : &merge->parts[best];
        if (least == NULL || gw_merge_compare(merge->sort, item, &least->items[least->at]) < 0)
            best = i;
    }
    return best;
}

size_t gw_merge_pages(const struct gw_merge *merge, struct gw_value *out)
{
    size_t count = 0;

    for (size_t i = 0; i < merge->count; i++)
        pass_unwanted(merge, i);
    while (count < merge->limit) {
        size_t index = find_smallest(merge);
        if (index == SIZE_MAX)
            break;
        struct gw_merge_part *part = &merge->parts[index];
        out[count++] = part->items[part->at++];
        pass_unwanted(merge, index);
    }
    return count;
}
