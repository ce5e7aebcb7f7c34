/* x-millgate: authorize: the rules of a document, a path or an operation. They add up: what is
 * written further out holds for everything within, and the operator's floor for all. */
#include <errno.h>

#include "loading.h"

#define MAX_RULES 32 /* in one place */
#define MAX_SAY_BYTES 300

static void fail(struct contract_loading *loading, const struct gw_place *place,
                 const struct gw_rule_fault *fault)
{
    contract_error(loading, place, "column %zu of the rule: %s", fault->column, fault->text);
}

static bool is_sentence(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    }
    return text.len > 0 && text.len <= MAX_SAY_BYTES;
}

/* The expression's place: an item is one, or an object with `when`. */
static struct gw_place place_of_expression(const struct gw_place *item)
{
    return json_is_object(item->value) ? gw_place_member(item, "when") : *item;
}

/* False: nothing was kept, and why was said. */
static bool read_rule(struct contract_loading *loading, const struct gw_place *item,
                      struct gw_rule *out_rule)
{
    struct gw_place when = place_of_expression(item);
    struct gw_place say = gw_place_member(item, "say");
    struct gw_rule_fault fault;

    if (json_is_object(item->value)) {
        (void)contract_check_object(loading, item, CONTRACT_RULE);
    } else if (!json_is_string(item->value)) {
        contract_error(loading, item, "a rule is an expression, or {when: expression, say: text}");
        return false;
    }
    if (!json_is_string(when.value))
        return false; /* said */
    int rc = gw_rule_compile(
        loading->arena, gw_str_from(json_string_value(when.value), json_string_length(when.value)),
        out_rule, &fault);
    if (rc == -EINVAL)
        fail(loading, &when, &fault);
    else if (rc != 0)
        loading->has_no_memory = true;
    if (rc != 0)
        return false;
    out_rule->say = contract_text(loading, item, "say");
    if (json_is_string(say.value) && !is_sentence(out_rule->say))
        contract_error(loading, &say, "is one line of 1 to %d bytes", MAX_SAY_BYTES);
    return true;
}

void contract_read_rules(struct contract_loading *loading, const struct gw_place *object,
                         enum gw_rule_owner owner, struct contract_rules *out_rules)
{
    *out_rules = (struct contract_rules){.extension = gw_place_member(object, "x-millgate")};
    out_rules->list = gw_place_member(&out_rules->extension, "authorize");
    size_t count = json_array_size(out_rules->list.value);

    if (count > MAX_RULES) {
        contract_error(loading, &out_rules->list, "more than %d rules", MAX_RULES);
        return;
    }
    out_rules->items = contract_alloc(loading, count, sizeof(*out_rules->items));
    for (size_t i = 0; out_rules->items != NULL && i < count; i++) {
        struct gw_place item = gw_place_item(&out_rules->list, i);
        struct contract_rule *rule = &out_rules->items[out_rules->count];
        if (!read_rule(loading, &item, &rule->rule))
            continue;
        rule->rule.owner = owner;
        rule->index = i;
        out_rules->count++;
    }
}

/* What does not compile was refused with the configuration. */
void contract_read_floor(struct contract_loading *loading)
{
    const struct gw_contract_rules *from = loading->rules;
    struct contract_rules *floor = &loading->floor;
    struct gw_rule_fault unused;

    floor->items = contract_alloc(loading, from->floor_count, sizeof(*floor->items));
    for (size_t i = 0; floor->items != NULL && i < from->floor_count; i++) {
        const struct gw_floor_rule *rule = &from->floor[i];
        struct gw_rule *out = &floor->items[floor->count].rule;
        if (!gw_namespace_matches_any(loading->api->namespace, rule->namespaces,
                                      rule->namespace_count))
            continue;
        int rc = gw_rule_compile(loading->arena, rule->when, out, &unused);
        if (rc == -ENOMEM)
            loading->has_no_memory = true;
        if (rc != 0)
            continue;
        out->owner = GW_RULE_OF_FLOOR;
        out->say = contract_copy(loading, rule->say);
        floor->count++;
    }
}

/* An inherited rule that does not fit is told once, with the first operation that lacks what it
 * reads. */
static void check(struct contract_loading *loading, const struct gw_place *operation_place,
                  struct contract_rules *rules, size_t at, const struct gw_operation *operation)
{
    struct contract_rule *rule = &rules->items[at];
    struct gw_rule_fault fault;

    if (rule->is_told || gw_rule_check(&rule->rule, operation, &fault) == 0)
        return;
    rule->is_told = true;
    if (rule->rule.owner == GW_RULE_OF_FLOOR) {
        contract_error(loading, operation_place, "the floor's rule \"%.*s\": %s",
                       rule->rule.text.len < 120 ? (int)rule->rule.text.len : 120,
                       rule->rule.text.ptr, fault.text);
        return;
    }
    struct gw_place item = gw_place_item(&rules->list, rule->index);
    struct gw_place when = place_of_expression(&item);
    fail(loading, &when, &fault);
}

void contract_apply_rules(struct contract_loading *loading, const struct gw_place *place,
                          struct contract_rules *const *lists, size_t list_count,
                          struct gw_operation *operation)
{
    size_t count = 0;

    for (size_t i = 0; i < list_count; i++)
        count += lists[i]->count;
    if (count == 0)
        return;
    const struct gw_rule **rules = contract_alloc(loading, count, sizeof(struct gw_rule *));
    for (size_t i = 0; rules != NULL && i < list_count; i++) {
        for (size_t k = 0; k < lists[i]->count; k++) {
            check(loading, place, lists[i], k, operation);
            rules[operation->rule_count++] = &lists[i]->items[k].rule;
        }
    }
    operation->rules = rules;
}
