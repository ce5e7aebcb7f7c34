/* Yes, no or unknown (Kleene's three values): unknown never becomes a yes. */
#include "server/contract/operation.h"
#include "server/contract/rule_facts.h"

enum truth { NO, UNKNOWN, YES }; /* `and` is the lesser, `or` the greater */

static enum truth truth_of(bool holds)
{
    return holds ? YES : NO;
}

static enum truth equal(const struct rule_value *a, const struct rule_value *b)
{
    if (a->type != b->type)
        return UNKNOWN;
    switch (a->type) {
    case RULE_VALUE_TEXT:
        return truth_of(gw_str_equal(a->text, b->text));
    case RULE_VALUE_NUMBER:
        return truth_of(gw_decimal_compare(&a->number, &b->number) == 0);
    case RULE_VALUE_BOOL:
        return truth_of(a->flag == b->flag);
    case RULE_VALUE_LIST:
    case RULE_VALUE_UNKNOWN:
        break;
    }
    return UNKNOWN;
}

static enum truth opposite(enum truth truth)
{
    return (enum truth)(YES - truth);
}

static enum truth greater(enum truth a, enum truth b)
{
    return a > b ? a : b;
}

static enum truth lesser(enum truth a, enum truth b)
{
    return a < b ? a : b;
}

static enum truth is_in_claim(const struct rule_value *value, const struct rule_value *list,
                              const struct gw_rule_facts *facts)
{
    enum truth truth = NO;

    if (list->type != RULE_VALUE_LIST) /* issuers write a list of one without its brackets */
        return equal(value, list);
    struct gw_json_cursor cursor = gw_json_begin(&facts->tape, list->at);
    while (truth != YES && gw_json_step(&facts->tape, &cursor)) {
        const struct rule_value item = rule_value_of_claim(facts, cursor.value);
        truth = greater(truth, equal(value, &item));
    }
    return truth;
}

static enum truth is_in(const struct gw_rule_operand *operand, const struct gw_rule_operand *list,
                        struct gw_rule_facts *facts)
{
    const struct rule_value value = rule_value_get(operand, facts);
    enum truth truth = NO;

    if (value.type == RULE_VALUE_UNKNOWN || value.type == RULE_VALUE_LIST)
        return UNKNOWN;
    if (list->source != RULE_LIST) {
        const struct rule_value claim = rule_value_get(list, facts);
        return is_in_claim(&value, &claim, facts);
    }
    for (uint16_t i = 0; i < list->count && truth != YES; i++) {
        const struct rule_value item = rule_value_get(&list[1 + i], facts);
        truth = greater(truth, equal(&value, &item));
    }
    return truth;
}

static enum truth starts_with(const struct rule_value *text, const struct rule_value *prefix)
{
    if (text->type != RULE_VALUE_TEXT || prefix->type != RULE_VALUE_TEXT || prefix->text.len == 0)
        return UNKNOWN; /* everything starts with an empty text */
    return truth_of(gw_str_has_prefix(text->text, prefix->text));
}

static enum truth has_scope(struct gw_str scope, const struct gw_identity *identity)
{
    struct gw_str rest = identity->scopes, held;

    if (identity->issuer.len == 0)
        return UNKNOWN; /* nobody is known */
    while (gw_str_split(&rest, ' ', &held)) {
        if (gw_str_equal(held, scope))
            return YES;
    }
    return NO;
}

static enum truth compare(const struct gw_rule *rule, const struct gw_rule_node *node,
                          struct gw_rule_facts *facts)
{
    const struct gw_rule_operand *left = &rule->operands[node->left];
    const struct gw_rule_operand *right = &rule->operands[node->right];

    if (node->op == RULE_SCOPE)
        return has_scope(left->text, &facts->ex->identity);
    if (node->op == RULE_IN)
        return is_in(left, right, facts);
    const struct rule_value a = rule_value_get(left, facts);
    if (node->op == RULE_IS_TRUE)
        return a.type == RULE_VALUE_BOOL ? truth_of(a.flag) : UNKNOWN;
    const struct rule_value b = rule_value_get(right, facts);
    if (node->op == RULE_STARTS_WITH)
        return starts_with(&a, &b);
    return node->op == RULE_EQUAL ? equal(&a, &b) : opposite(equal(&a, &b));
}

/* The depth is bounded by that of the expression and the number of its nodes. */
static enum truth ask(const struct gw_rule *rule, uint16_t at, struct gw_rule_facts *facts)
{
    const struct gw_rule_node *node = &rule->nodes[at];
    enum truth left, right;

    if (node->op > RULE_NOT)
        return compare(rule, node, facts);
    left = ask(rule, node->left, facts);
    if (node->op == RULE_NOT)
        return opposite(left);
    if (left == (node->op == RULE_AND ? NO : YES))
        return left;
    right = ask(rule, node->right, facts);
    return node->op == RULE_AND ? lesser(left, right) : greater(left, right);
}

bool gw_rule_holds(const struct gw_rule *rule, struct gw_rule_facts *facts)
{
    return ask(rule, rule->root, facts) == YES;
}
