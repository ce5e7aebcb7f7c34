/* Arrays. */
#include <errno.h>

#include "server/json/equal.h"
#include "server/json/validate_private.h"

static bool check_element(struct eval *eval, const struct schema_node *node, uint32_t at,
                          uint32_t position, bool *out_is_evaluated)
{
    const struct array_part *part = node->array;

    *out_is_evaluated = true;
    if (position < part->prefix_count)
        return eval_inner(eval, part->prefix[position], at);
    if (part->items == NULL) {
        *out_is_evaluated = false;
        return true;
    }
    if ((part->items->flags & NODE_NEVER) != 0)
        return eval_fail(
            eval, (struct note){
                      .fault = FAULT_ITEMS, .node = node, .at = at, .other = part->prefix_count});
    return eval_inner(eval, part->items, at);
}

static bool check_elements(struct eval *eval, const struct schema_node *node, uint32_t at,
                           struct evaluated *seen)
{
    uint32_t end = eval->tokens[at].inside.next;
    uint32_t position = 0;
    bool ok = true;

    for (uint32_t item = at + 1; item < end && eval_goes_on(eval, ok); position++) {
        bool is_evaluated;
        ok &= check_element(eval, node, item, position, &is_evaluated);
        if (!is_evaluated)
            break; /* nor are those behind it */
        if (seen != NULL)
            evaluated_add(seen, position);
        item = gw_json_next(eval->tape, item);
    }
    return ok;
}

/* The usual array: all elements alike, and nobody asks which were looked at. */
static bool check_alike(struct eval *eval, const struct schema_node *items, uint32_t at)
{
    uint32_t end = eval->tokens[at].inside.next;
    bool ok = true;

    for (uint32_t item = at + 1; item < end && eval_goes_on(eval, ok);
         item = gw_json_next(eval->tape, item))
        ok &= eval_inner(eval, items, item);
    return ok;
}

static bool check_contains(struct eval *eval, const struct schema_node *node, uint32_t at,
                           struct evaluated *seen)
{
    const struct array_part *part = node->array;
    struct gw_json_cursor cursor = gw_json_begin(eval->tape, at);
    uint32_t found = 0;

    for (uint32_t position = 0; gw_json_step(eval->tape, &cursor); position++) {
        bool is_enough = found >= part->min_contains && part->max_contains == UINT64_MAX;
        if (is_enough && seen == NULL)
            return true;
        if (eval_try(eval, part->contains, cursor.value, NULL)) {
            found++;
            if (seen != NULL)
                evaluated_add(seen, position);
        }
        if (eval->error != 0)
            return false;
    }
    if (found < part->min_contains)
        return eval_fail(eval, (struct note){.fault = part->min_contains == 1 ? FAULT_CONTAINS
                                                                              : FAULT_MIN_CONTAINS,
                                             .node = node,
                                             .at = at,
                                             .other = found});
    if (found > part->max_contains)
        return eval_fail(
            eval,
            (struct note){.fault = FAULT_MAX_CONTAINS, .node = node, .at = at, .other = found});
    return true;
}

static bool check_unique(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    uint32_t first = 0, second = 0;
    int rc = gw_json_is_unique(eval->tape, at, eval->run->arena, &first, &second);

    if (rc < 0)
        return eval_abort(eval, node, at, rc);
    if (rc == 1)
        return true;
    return eval_fail(
        eval, (struct note){.fault = FAULT_UNIQUE, .node = node, .at = second, .other = first});
}

bool eval_array(struct eval *eval, const struct schema_node *node, uint32_t at,
                struct evaluated *seen)
{
    const struct array_part *part = node->array;
    uint32_t count = eval->tokens[at].inside.count;
    bool ok = true;

    if (GW_UNLIKELY(count < part->min_items))
        ok = eval_fault(eval, node, at, FAULT_MIN_ITEMS);
    if (GW_UNLIKELY(count > part->max_items))
        ok = eval_fault(eval, node, at, FAULT_MAX_ITEMS);
    if ((part->items != NULL || part->prefix_count > 0) && eval_goes_on(eval, ok)) {
        bool are_alike = part->prefix_count == 0 && (part->items->flags & NODE_NEVER) == 0;
        ok &= are_alike && seen == NULL ? check_alike(eval, part->items, at)
                                        : check_elements(eval, node, at, seen);
    }
    if (part->contains != NULL && eval_goes_on(eval, ok))
        ok &= check_contains(eval, node, at, seen);
    if (part->is_unique && eval_goes_on(eval, ok))
        ok &= check_unique(eval, node, at);
    return ok;
}
