/* Objects: each member is looked at once. */
#include <errno.h>

#include "server/json/validate_private.h"

#define PRESENT_WORDS 4 /* sets of up to 256 properties need no memory */

/* Whether a property may be there in this direction (OpenAPI). */
static bool check_direction(struct eval *eval, const struct property *property, uint32_t at)
{
    enum gw_schema_direction direction = eval->run->direction;
    enum fault fault;

    if (direction == GW_SCHEMA_REQUEST && property->is_read_only && !eval->run->allow_read_only)
        fault = FAULT_READ_ONLY;
    else if (direction == GW_SCHEMA_RESPONSE && property->is_write_only)
        fault = FAULT_WRITE_ONLY;
    else
        return true;
    return eval_fail(
        eval,
        (struct note){.fault = fault, .node = property->node, .at = at, .name = property->name});
}

static bool check_additional(struct eval *eval, const struct schema_node *node, uint32_t name)
{
    const struct schema_node *additional = node->object->additional;

    if ((additional->flags & NODE_NEVER) == 0)
        return eval_check(eval, additional, name + 1, NULL);
    return eval_fail(eval, (struct note){.fault = FAULT_ADDITIONAL,
                                         .node = node,
                                         .at = name + 1,
                                         .name = gw_json_string(eval->tape, name)});
}

/* patternProperties; *out_is_matched when at least one pattern fits the name. */
static bool check_patterns(struct eval *eval, const struct schema_node *node, uint32_t name,
                           bool *out_is_matched)
{
    const struct object_part *part = node->object;
    bool ok = true;

    for (uint32_t i = 0; i < part->pattern_count && eval_goes_on(eval, ok); i++) {
        int rc = gw_pattern_match(part->patterns[i].pattern, gw_json_string(eval->tape, name),
                                  &eval->scratch);
        if (rc < 0)
            return eval_abort(eval, node, name + 1, rc);
        if (rc == 0)
            continue;
        *out_is_matched = true;
        ok &= eval_check(eval, part->patterns[i].node, name + 1, NULL);
    }
    return ok;
}

static bool check_name(struct eval *eval, const struct schema_node *node, uint32_t name)
{
    if (eval_try(eval, node->object->names, name, NULL))
        return true;
    if (!eval->is_collecting)
        return false;
    return eval_fail(eval, (struct note){.fault = FAULT_PROPERTY_NAME,
                                         .node = node,
                                         .at = name + 1,
                                         .name = gw_json_string(eval->tape, name)});
}

/* One member, apart from the plain case that the loop handles itself. */
static bool check_member(struct eval *eval, const struct schema_node *node, uint32_t name,
                         const struct property *property, bool *out_is_matched)
{
    const struct object_part *part = node->object;
    bool ok = true;

    if (property != NULL && property->node != NULL) {
        *out_is_matched = true;
        if (part->has_directions)
            ok = check_direction(eval, property, name + 1);
        if (eval_goes_on(eval, ok))
            ok &= eval_check(eval, property->node, name + 1, NULL);
    }
    if (part->pattern_count > 0 && eval_goes_on(eval, ok))
        ok &= check_patterns(eval, node, name, out_is_matched);
    if (part->additional != NULL && !*out_is_matched && eval_goes_on(eval, ok)) {
        *out_is_matched = true;
        ok &= check_additional(eval, node, name);
    }
    if (part->names != NULL && eval_goes_on(eval, ok))
        ok &= check_name(eval, node, name);
    return ok;
}

/* Notes each property of the set `wanted` that is not `present`. */
static bool check_present(struct eval *eval, const struct schema_node *node, uint32_t at,
                          const uint64_t *wanted, const uint64_t *present)
{
    const struct object_part *part = node->object;
    bool ok = true;

    for (uint32_t word = 0; word < part->words; word++) {
        uint64_t missing = wanted[word] & ~present[word];
        for (; GW_UNLIKELY(missing != 0) && eval_goes_on(eval, ok); missing &= missing - 1) {
            uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(missing);
            ok = eval_fail(eval, (struct note){.fault = FAULT_REQUIRED,
                                               .node = node,
                                               .at = at,
                                               .name = part->properties[index].name});
        }
    }
    return ok;
}

static bool check_dependency(struct eval *eval, const struct schema_node *node, uint32_t at,
                             const struct dependency *dependency, const uint64_t *present,
                             struct evaluated *seen)
{
    const struct object_part *part = node->object;
    bool ok = true;

    for (uint32_t i = 0; i < dependency->count && eval_goes_on(eval, ok); i++) {
        uint32_t index = dependency->required[i];
        if ((present[index / 64] >> (index % 64) & 1) == 0)
            ok = eval_fail(eval, (struct note){.fault = FAULT_DEPENDENT_REQUIRED,
                                               .node = node,
                                               .at = at,
                                               .other = dependency->trigger,
                                               .keyword = dependency->keyword,
                                               .name = part->properties[index].name});
    }
    if (dependency->node != NULL && eval_goes_on(eval, ok))
        ok &= eval_check(eval, dependency->node, at, seen);
    return ok;
}

static bool check_dependencies(struct eval *eval, const struct schema_node *node, uint32_t at,
                               const uint64_t *present, struct evaluated *seen)
{
    const struct object_part *part = node->object;
    bool ok = true;

    for (uint32_t i = 0; i < part->dependency_count && eval_goes_on(eval, ok); i++) {
        uint32_t trigger = part->dependencies[i].trigger;
        if ((present[trigger / 64] >> (trigger % 64) & 1) != 0)
            ok &= check_dependency(eval, node, at, &part->dependencies[i], present, seen);
    }
    return ok;
}

/* All members; *present learns which of the mentioned properties are there. */
static bool check_members(struct eval *eval, const struct schema_node *node, uint32_t at,
                          uint64_t *present, struct evaluated *seen)
{
    const struct object_part *part = node->object;
    const struct gw_json_token *tokens = eval->tokens;
    bool is_plain =
        part->pattern_count == 0 && part->names == NULL && !part->has_directions && seen == NULL;
    uint32_t end = tokens[at].inside.next;
    uint32_t position = 0;
    bool ok = true;

    for (uint32_t name = at + 1, next; name < end && eval_goes_on(eval, ok); name = next) {
        const struct gw_json_token *token = &tokens[name];
        uint32_t index = object_part_find(part, token, eval->open);
        const struct property *property = NULL;
        bool is_matched = false;

        next = gw_json_next(eval->tape, name + 1);
        if (index != NODE_NONE) {
            present[index / 64] |= UINT64_C(1) << (index % 64);
            property = &part->properties[index];
            if (is_plain && property->node != NULL) {
                ok &= eval_inner(eval, property->node, name + 1);
                continue;
            }
        }
        ok &= check_member(eval, node, name, property, &is_matched);
        if (seen != NULL && is_matched)
            evaluated_add(seen, position);
        position++;
    }
    return ok;
}

static bool check_count(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    uint32_t count = eval->tokens[at].inside.count;

    if (GW_UNLIKELY(count < node->object->min_properties))
        return eval_fault(eval, node, at, FAULT_MIN_PROPERTIES);
    if (GW_UNLIKELY(count > node->object->max_properties))
        return eval_fault(eval, node, at, FAULT_MAX_PROPERTIES);
    return true;
}

/* The usual object, when nobody collects faults: members mostly come in the order of the schema, so
 * the next property is tried before the table is asked. */
static bool check_simple(struct eval *eval, const struct schema_node *node, uint32_t object)
{
    const struct object_part *part = node->object;
    const struct property *guess = part->properties;
    const struct property *last = part->property_count == 0 ? guess : guess + part->property_count;
    const struct gw_json_token *name = &eval->tokens[object + 1];
    const struct gw_json_token *end = &eval->tokens[eval->tokens[object].inside.next];
    struct gw_str open = eval->open;
    uint32_t count = eval->tokens[object].inside.count;
    uint64_t present = 0;

    if (count < part->min_properties || count > part->max_properties)
        return false;
    for (const struct gw_json_token *value = name + 1; name < end; value = name + 1) {
        const struct property *property = guess;
        if (GW_UNLIKELY(property == last || !schema_is_property(property, name, open))) {
            uint32_t index = object_part_find(part, name, open);
            property = index == NODE_NONE ? NULL : &part->properties[index];
        }
        name = value->type >= GW_JSON_ARRAY ? &eval->tokens[value->inside.next] : value + 1;
        uint32_t at = (uint32_t)(value - eval->tokens);
        if (property != NULL) {
            present |= UINT64_C(1) << property->place;
            guess = property + 1;
            if ((property->free >> value->type & 1) != 0)
                continue;
            if (property->node != NULL) {
                if (!eval_bound(eval, property->node, at))
                    return false;
                continue;
            }
        }
        if (part->additional != NULL && !eval_inner(eval, part->additional, at))
            return false;
    }
    return part->words == 0 || (part->required[0] & ~present) == 0;
}

/* Not inlined: its set would cost the simple ones a guarded stack frame. */
READER_NOINLINE bool check_general(struct eval *eval, const struct schema_node *node, uint32_t at,
                                   struct evaluated *seen)
{
    const struct object_part *part = node->object;
    uint64_t few[PRESENT_WORDS] = {0};
    uint64_t *present = few;

    if (part->words > PRESENT_WORDS) {
        present = gw_arena_calloc(eval->run->arena, part->words, sizeof(*present));
        if (present == NULL)
            return eval_abort(eval, node, at, -ENOMEM);
    }
    bool ok = check_count(eval, node, at);
    if (eval_goes_on(eval, ok))
        ok &= check_members(eval, node, at, present, seen);
    if (part->words > 0 && eval_goes_on(eval, ok)) {
        const uint64_t *wanted = eval->run->direction == GW_SCHEMA_REQUEST ? part->required_request
                                 : eval->run->direction == GW_SCHEMA_RESPONSE
                                     ? part->required_response
                                     : part->required;
        ok &= check_present(eval, node, at, wanted, present);
    }
    if (part->dependency_count > 0 && eval_goes_on(eval, ok))
        ok &= check_dependencies(eval, node, at, present, seen);
    return ok;
}

bool eval_object(struct eval *eval, const struct schema_node *node, uint32_t at,
                 struct evaluated *seen)
{
    const struct object_part *part = node->object;

    if (part->is_simple && seen == NULL && !eval->is_collecting)
        return check_simple(eval, node, at);
    return check_general(eval, node, at, seen);
}
