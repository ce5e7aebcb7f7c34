#include "server/contract/rule_types.h"

#include "server/core/similar.h"
#include "server/http/exchange.h"

enum rule_kind rule_kind_of(const struct gw_rule_operand *operand)
{
    switch (operand->source) {
    case RULE_TOKEN:
        return KIND_ANY;
    case RULE_NUMBER:
        return KIND_NUMBER;
    case RULE_BOOL:
        return KIND_BOOL;
    case RULE_LIST:
        return KIND_LIST;
    default:
        return KIND_TEXT;
    }
}

const char *rule_kind_name(enum rule_kind kind)
{
    static const char *const names[] = {[KIND_ANY] = "a claim",
                                        [KIND_TEXT] = "a text",
                                        [KIND_NUMBER] = "a number",
                                        [KIND_BOOL] = "true or false",
                                        [KIND_LIST] = "a list"};
    return names[kind];
}

static bool is_constant(const struct gw_rule_operand *operand)
{
    return operand->source <= RULE_LIST;
}

/* A method is one of those that an operation can have. */
static void check_method(struct rule_scan *scan, const struct gw_rule_operand *a,
                         const struct gw_rule_operand *b, size_t at)
{
    struct gw_similar similar;

    if (a->source != RULE_METHOD || b->source != RULE_TEXT ||
        gw_method_parse(b->text) != GW_METHOD_OTHER)
        return;
    gw_similar_init(&similar, b->text);
    for (int method = 0; method < GW_METHOD_COUNT; method++)
        gw_similar_offer(&similar, gw_method_name((enum gw_method)method));
    for (int method = 0; method < GW_METHOD_COUNT; method++) {
        struct gw_str name = gw_method_name((enum gw_method)method);
        if (gw_str_equal_nocase(name, b->text))
            similar.best = name;
    }
    rule_fail(scan, at, "no operation has this method%s%.*s%s",
              similar.best.ptr != NULL ? "; did you mean \"" : "", GW_STR_ARG(similar.best),
              similar.best.ptr != NULL ? "\"?" : "");
}

void rule_check_pair(struct rule_scan *scan, const struct gw_rule_operand *a,
                     const struct gw_rule_operand *b, size_t at)
{
    enum rule_kind one = rule_kind_of(a), other = rule_kind_of(b);

    if (scan->rc != 0)
        return;
    if (one == KIND_LIST || other == KIND_LIST)
        rule_fail(scan, at, "a list is asked with \"in\": value in [...]");
    else if (is_constant(a) && is_constant(b))
        rule_fail(scan, at, "both sides are constants: the answer is always the same");
    else if (one != KIND_ANY && other != KIND_ANY && one != other)
        rule_fail(scan, at, "%s is compared with %s%s", rule_kind_name(one), rule_kind_name(other),
                  other == KIND_NUMBER ? ": write the number in quotes" : "");
    check_method(scan, a, b, at);
    check_method(scan, b, a, at);
}

void rule_check_in(struct rule_scan *scan, const struct gw_rule_operand *value,
                   const struct gw_rule_operand *list, size_t at)
{
    if (scan->rc != 0)
        return;
    if (list->source != RULE_TOKEN && list->source != RULE_LIST)
        rule_fail(scan, at, "behind \"in\" a claim or a list [...] must stand");
    else if (rule_kind_of(value) == KIND_LIST)
        rule_fail(scan, at, "a list cannot be in a list");
    for (uint16_t i = 0; list->source == RULE_LIST && i < list->count; i++)
        rule_check_pair(scan, value, &list[1 + i], at);
}
