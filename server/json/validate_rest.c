/* Keywords that look at values of every type: enum, const, references and combinations. */
#include <errno.h>

#include "server/json/equal.h"
#include "server/json/validate_private.h"

/* Whether the value is an element of the array `values`: 1, 0 or -ENOMEM. */
static int is_listed(const struct eval *eval, const struct gw_json_tape *values, uint32_t at)
{
    struct gw_json_cursor cursor = gw_json_begin(values, 0);

    while (gw_json_step(values, &cursor)) {
        int rc = gw_json_equal(eval->tape, at, values, cursor.value, eval->run->arena);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The same when all values are strings: they lie behind each other on the tape. */
static bool is_listed_string(const struct eval *eval, const struct gw_json_tape *values,
                             uint32_t at)
{
    const struct gw_json_token *token = &eval->tokens[at];

    if (token->type != GW_JSON_STRING)
        return false;
    for (uint32_t i = 1; i < values->count; i++) {
        if (values->tokens[i].len == token->len &&
            memcmp(values->tokens[i].ptr, token->ptr, token->len) == 0)
            return true;
    }
    return false;
}

static bool check_values(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    const struct rest_part *rest = node->rest;

    int rc = rest->are_strings ? is_listed_string(eval, &rest->values, at)
                               : is_listed(eval, &rest->values, at);
    if (rc < 0)
        return eval_abort(eval, node, at, rc);
    if (rc == 0)
        return eval_fault(eval, node, at, rest->is_const ? FAULT_CONST : FAULT_ENUM);
    if (!rest->has_only)
        return true;
    rc = is_listed(eval, &rest->only, at);
    if (rc < 0)
        return eval_abort(eval, node, at, rc);
    return rc == 1 || eval_fault(eval, node, at, FAULT_CONST_BESIDE);
}

/* Core, section 8.2.3.2: the outermost resource of the dynamic scope that has the anchor. */
static const struct schema_node *find_dynamic(const struct eval *eval, const struct rest_part *rest)
{
    const struct schema_node *found = rest->dynamic;

    if (rest->dynamic_anchor == NODE_NONE)
        return found;
    for (const struct scope *scope = eval->scope; scope != NULL; scope = scope->outer) {
        for (size_t i = 0; i < eval->set->anchor_count; i++) {
            const struct dynamic_anchor *anchor = &eval->set->anchors[i];
            if (anchor->resource == scope->resource && anchor->name == rest->dynamic_anchor)
                found = anchor->node;
        }
    }
    return found;
}

/* Tries a branch with a set of its own, so that one that fails leaves no trace in *seen. */
static bool try_branch(struct eval *eval, const struct schema_node *node, uint32_t at,
                       struct evaluated *seen)
{
    struct evaluated own;
    enum quick quick = eval_quick(node, &eval->tokens[at]);

    if (!eval->is_reporting) {
        unsigned type = 1u << eval->tokens[at].type;
        if (eval->tokens[at].type < GW_JSON_ARRAY && quick != QUICK_UNKNOWN)
            return quick == QUICK_YES;
        if ((node->accepts & type) == 0)
            return false;
    }
    if (seen == NULL)
        return eval_try(eval, node, at, NULL);
    if (!evaluated_init(eval, &own, at))
        return false;
    bool ok = eval_try(eval, node, at, &own);
    if (ok)
        evaluated_merge(seen, &own);
    return ok;
}

/* If only one branch takes values of this type, then its own faults are what the caller wants to
 * know. */
static void explain_branch(struct eval *eval, const struct node_list *list, uint32_t at)
{
    const struct schema_node *only = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        const struct schema_node *node = list->nodes[i];
        while ((node->flags & NODE_HAS_TYPE) == 0 && node->rest != NULL && node->rest->ref != NULL)
            node = node->rest->ref;
        if ((node->types >> eval->tokens[at].type & 1) != 0) {
            only = list->nodes[i];
            count++;
        }
    }
    if (count == 1 && list->count > 1)
        (void)eval_check(eval, only, at, NULL);
}

static bool check_any_of(struct eval *eval, const struct schema_node *node, uint32_t at,
                         struct evaluated *seen)
{
    const struct node_list *list = &node->rest->any_of;
    bool ok = false;

    for (uint32_t i = 0; i < list->count && (!ok || seen != NULL); i++) {
        ok |= try_branch(eval, list->nodes[i], at, seen);
        if (eval->error != 0)
            return false;
    }
    if (ok || list->count == 0)
        return true;
    (void)eval_fail(
        eval, (struct note){.fault = FAULT_ANY_OF, .node = node, .at = at, .other = list->count});
    if (eval->is_collecting)
        explain_branch(eval, list, at);
    return false;
}

static bool check_one_of(struct eval *eval, const struct schema_node *node, uint32_t at,
                         struct evaluated *seen)
{
    const struct node_list *list = &node->rest->one_of;
    uint32_t found = 0;

    for (uint32_t i = 0; i < list->count && found < 2; i++) {
        found += try_branch(eval, list->nodes[i], at, seen);
        if (eval->error != 0)
            return false;
    }
    if (found == 1 || list->count == 0)
        return true;
    (void)eval_fail(eval,
                    (struct note){.fault = found == 0 ? FAULT_ONE_OF_NONE : FAULT_ONE_OF_SEVERAL,
                                  .node = node,
                                  .at = at,
                                  .other = list->count});
    if (eval->is_collecting && found == 0)
        explain_branch(eval, list, at);
    return false;
}

static bool check_conditional(struct eval *eval, const struct schema_node *node, uint32_t at,
                              struct evaluated *seen)
{
    const struct rest_part *rest = node->rest;

    bool holds = try_branch(eval, rest->if_node, at, seen);
    if (eval->error != 0)
        return false;
    const struct schema_node *next = holds ? rest->then_node : rest->else_node;
    return next == NULL || eval_check(eval, next, at, seen);
}

static bool check_not(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    if (eval_try(eval, node->rest->not_node, at, NULL))
        return eval_fault(eval, node, at, FAULT_NOT);
    return eval->error == 0;
}

static bool check_discriminator(struct eval *eval, const struct schema_node *node, uint32_t at,
                                struct evaluated *seen)
{
    const struct discriminator *discriminator = node->rest->discriminator;
    uint32_t value = gw_json_get(eval->tape, at, discriminator->property);

    if (eval->tokens[at].type != GW_JSON_OBJECT || value == GW_JSON_NONE ||
        eval->tokens[value].type != GW_JSON_STRING)
        return eval_fail(eval, (struct note){.fault = FAULT_DISCRIMINATOR_MISSING,
                                             .node = node,
                                             .at = at,
                                             .name = discriminator->property});
    struct gw_str text = gw_json_string(eval->tape, value);
    for (uint32_t i = 0; i < discriminator->count; i++) {
        if (gw_str_equal(discriminator->cases[i].value, text))
            return eval_check(eval, discriminator->cases[i].node, at, seen);
    }
    return eval_fail(eval, (struct note){.fault = FAULT_DISCRIMINATOR_UNKNOWN,
                                         .node = node,
                                         .at = value,
                                         .name = discriminator->property});
}

static bool check_combinations(struct eval *eval, const struct schema_node *node, uint32_t at,
                               struct evaluated *seen)
{
    const struct rest_part *rest = node->rest;
    bool ok = true;

    for (uint32_t i = 0; i < rest->all_of.count && eval_goes_on(eval, ok); i++)
        ok &= eval_check(eval, rest->all_of.nodes[i], at, seen);
    if (rest->discriminator != NULL && eval_goes_on(eval, ok))
        return ok & check_discriminator(eval, node, at, seen);
    if (rest->any_of.nodes != NULL && eval_goes_on(eval, ok))
        ok &= check_any_of(eval, node, at, seen);
    if (rest->one_of.nodes != NULL && eval_goes_on(eval, ok))
        ok &= check_one_of(eval, node, at, seen);
    return ok;
}

bool eval_rest(struct eval *eval, const struct schema_node *node, uint32_t at,
               struct evaluated *seen)
{
    const struct rest_part *rest = node->rest;
    bool ok = true;

    if (rest->has_values)
        ok = check_values(eval, node, at);
    if (rest->ref != NULL && eval_goes_on(eval, ok))
        ok &= eval_check(eval, rest->ref, at, seen);
    if (rest->dynamic != NULL && eval_goes_on(eval, ok))
        ok &= eval_check(eval, find_dynamic(eval, rest), at, seen);
    if (eval_goes_on(eval, ok))
        ok &= check_combinations(eval, node, at, seen);
    if (rest->not_node != NULL && eval_goes_on(eval, ok))
        ok &= check_not(eval, node, at);
    if (rest->if_node != NULL && eval_goes_on(eval, ok))
        ok &= check_conditional(eval, node, at, seen);
    return ok;
}
