#include <string.h>

#include "server/gateway/landscape.h"

static bool is_digits(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return text.len > 0;
}

bool gw_key_is_valid(struct gw_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] <= 0x20 || key.ptr[i] >= 0x7f)
            return false;
    }
    return key.len > 0 && key.len <= GW_MAX_LANDSCAPE_KEY_BYTES;
}

bool gw_key_rule_parse(struct gw_str text, struct gw_key_rule *out_rule)
{
    struct gw_key_rule rule = {.kind = GW_KEY_EXACT, .text = text, .from = text};
    size_t star = gw_str_find(text, '*'), dash = gw_str_find(text, '-');
    struct gw_str first = gw_str_from(text.ptr, dash);
    struct gw_str last = dash < text.len ? gw_str_tail(text, dash + 1) : GW_STR("");

    if (!gw_key_is_valid(text))
        return false;
    if (star < text.len) {
        if (star + 1 < text.len)
            return false;
        rule.kind = GW_KEY_PREFIX;
        rule.from.len--;
    } else if (is_digits(first) && is_digits(last)) {
        if (first.len != last.len || gw_str_compare(first, last) > 0)
            return false;
        rule.kind = GW_KEY_RANGE;
        rule.from = first;
        rule.to = last;
    }
    *out_rule = rule;
    return true;
}

bool gw_key_rule_matches(const struct gw_key_rule *rule, struct gw_str key)
{
    switch (rule->kind) {
    case GW_KEY_EXACT:
        return gw_str_equal(rule->from, key);
    case GW_KEY_PREFIX:
        return gw_str_has_prefix(key, rule->from);
    case GW_KEY_RANGE:
        return key.len == rule->from.len && is_digits(key) &&
               gw_str_compare(rule->from, key) <= 0 && gw_str_compare(key, rule->to) <= 0;
    }
    return false;
}

/* A range has a number that begins like this: its ends, cut as short, lie around it. */
static bool range_has_prefix(const struct gw_key_rule *range, struct gw_str prefix)
{
    if (prefix.len == 0)
        return true;
    return is_digits(prefix) && prefix.len <= range->from.len &&
           memcmp(range->from.ptr, prefix.ptr, prefix.len) <= 0 &&
           memcmp(prefix.ptr, range->to.ptr, prefix.len) <= 0;
}

bool gw_key_rules_overlap(const struct gw_key_rule *a, const struct gw_key_rule *b)
{
    if (a->kind > b->kind) {
        const struct gw_key_rule *first = b;
        b = a;
        a = first;
    }
    if (a->kind == GW_KEY_EXACT)
        return gw_key_rule_matches(b, a->from);
    if (a->kind == GW_KEY_RANGE)
        return a->from.len == b->from.len && gw_str_compare(a->from, b->to) <= 0 &&
               gw_str_compare(b->from, a->to) <= 0;
    return b->kind == GW_KEY_RANGE
               ? range_has_prefix(b, a->from)
               : gw_str_has_prefix(a->from, b->from) || gw_str_has_prefix(b->from, a->from);
}

const struct gw_key_rule *gw_landscape_find_rule(const struct gw_landscape *landscape,
                                                 struct gw_str key)
{
    for (size_t i = 0; i < landscape->rule_count; i++) {
        if (gw_key_rule_matches(&landscape->rules[i], key))
            return &landscape->rules[i];
    }
    return NULL;
}

size_t gw_landscape_find_system(const struct gw_landscape *landscape, struct gw_str name)
{
    for (size_t i = 0; i < landscape->system_count; i++) {
        if (gw_str_equal(landscape->systems[i].name, name))
            return i;
    }
    return SIZE_MAX;
}
