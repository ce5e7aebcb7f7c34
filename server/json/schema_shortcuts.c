/* What can be decided about a value without a look at the whole node. Nodes are visited behind the
 * ones that they apply to the same value, so what holds for those is known.
 *
 * The validator uses none of this while it collects faults: what is told is told by the keywords.
 */
#include <errno.h>

#include "server/json/validate_private.h"

#include "server/json/schema_compiler.h"

#define MAX_LIST 256 /* values gathered from alternatives: each is compared with all of them */

static const struct schema_node never = {.flags = NODE_NEVER};

static bool is_simple_object(const struct object_part *part)
{
    return part->words <= 1 && part->pattern_count == 0 && part->names == NULL &&
           part->dependency_count == 0 && !part->has_directions;
}

/* --- lists of values ----------------------------------------------------------------------------
 */

/* Whether all that `rest` has besides values and the alternatives of allOf, anyOf, oneOf and $ref
 * is nothing. */
static bool is_plain_rest(const struct rest_part *rest)
{
    return !rest->has_only && rest->dynamic == NULL && rest->not_node == NULL &&
           rest->if_node == NULL && rest->discriminator == NULL;
}

/* Leaves out of the `count` values those that `node` refuses. False where that is not sure. */
static bool keep_valid(const struct schema_node *node, struct gw_json_token *values,
                       uint32_t *count)
{
    uint32_t kept = 0;

    if (!node->is_quick)
        return false;
    for (uint32_t i = 0; i < *count; i++) {
        enum quick quick = eval_quick(node, &values[i]);
        if (quick == QUICK_UNKNOWN)
            return false;
        if (quick == QUICK_YES)
            values[kept++] = values[i];
    }
    *count = kept;
    return true;
}

/* The values of the branches, without those that satisfy another branch, too, if `is_one`. */
static bool gather(const struct node_list *list, bool is_one, struct gw_json_token *values,
                   uint32_t *out_count)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        const struct rest_part *rest = list->nodes[i]->rest;
        if (!list->nodes[i]->is_quick || rest == NULL || count + rest->list->count > MAX_LIST)
            return false;
        for (uint32_t j = 1; j < rest->list->count; j++)
            values[count++] = rest->list->tokens[j];
    }
    *out_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t found = 0;
        for (uint32_t j = 0; j < list->count; j++) {
            enum quick quick = eval_quick(list->nodes[j], &values[i]);
            if (quick == QUICK_UNKNOWN)
                return false;
            found += quick == QUICK_YES;
        }
        if (found == 1 || (found > 1 && !is_one))
            values[(*out_count)++] = values[i];
    }
    return true;
}

/* An array of the values as the reader would make it; token 0 is the array. */
static int set_list(struct gw_arena *arena, struct rest_part *rest,
                    const struct gw_json_token *values, uint32_t count)
{
    struct gw_json_token *tokens = gw_arena_alloc(arena, (count + 1) * sizeof(*tokens));
    struct gw_json_tape *list = gw_arena_alloc(arena, sizeof(*list));

    if (tokens == NULL || list == NULL)
        return -ENOMEM;
    tokens[0] = (struct gw_json_token){.type = GW_JSON_ARRAY,
                                       .inside = {.count = count, .next = count + 1}};
    if (count > 0)
        memcpy(tokens + 1, values, count * sizeof(*tokens));
    *list = (struct gw_json_tape){.tokens = tokens, .count = count + 1};
    rest->list = list;
    return 0;
}

/* `enum` or `const`, and what stands beside it, which may only take values away. */
static int list_values(struct gw_schema_compiler *compiler, struct rest_part *rest)
{
    uint32_t count = rest->values.count - 1;

    if (!rest->are_simple || rest->any_of.nodes != NULL || rest->one_of.nodes != NULL)
        return 0;
    if (rest->ref == NULL && rest->all_of.count == 0) {
        rest->list = &rest->values;
        return 0;
    }
    struct gw_json_token *values = gw_arena_alloc(&compiler->arena, (count + 1) * sizeof(*values));
    if (values == NULL)
        return -ENOMEM;
    memcpy(values, rest->values.tokens + 1, count * sizeof(*values));
    if (rest->ref != NULL && !keep_valid(rest->ref, values, &count))
        return 0;
    for (uint32_t i = 0; i < rest->all_of.count; i++) {
        if (!keep_valid(rest->all_of.nodes[i], values, &count))
            return 0;
    }
    return set_list(&compiler->set->arena, rest, values, count);
}

static int make_list(struct gw_schema_compiler *compiler, struct rest_part *rest)
{
    struct gw_json_token values[MAX_LIST];
    bool has_any = rest->any_of.count > 0, has_one = rest->one_of.count > 0;
    uint32_t count;

    if (!is_plain_rest(rest))
        return 0;
    if (rest->has_values)
        return list_values(compiler, rest);
    if (has_any == has_one || rest->ref != NULL || rest->all_of.count > 0)
        return 0;
    if (!gather(has_any ? &rest->any_of : &rest->one_of, has_one, values, &count))
        return 0;
    return set_list(&compiler->set->arena, rest, values, count);
}

/* --- types --------------------------------------------------------------------------------------
 */

static uint8_t union_of(const struct node_list *list)
{
    uint8_t types = list->count == 0 ? NODE_TYPES_ALL : 0;

    for (uint32_t i = 0; i < list->count; i++)
        types |= list->nodes[i]->accepts;
    return types;
}

static uint8_t accepted_types(const struct schema_node *node)
{
    const struct rest_part *rest = node->rest;
    uint8_t types = node->types;

    if (rest == NULL)
        return types;
    if (rest->ref != NULL)
        types &= rest->ref->accepts;
    for (uint32_t i = 0; i < rest->all_of.count; i++)
        types &= rest->all_of.nodes[i]->accepts;
    if (rest->discriminator != NULL) /* instead of the alternatives */
        return types & 1u << GW_JSON_OBJECT;
    return types & union_of(&rest->any_of) & union_of(&rest->one_of);
}

/* The types about which the node itself says nothing, apart from its `rest`. */
static uint8_t plain_types(const struct schema_node *node)
{
    uint8_t types = node->types;

    if (node->string != NULL)
        types &= (uint8_t) ~(1u << GW_JSON_STRING);
    if (node->number != NULL || (node->flags & NODE_INTEGER) != 0)
        types &= (uint8_t) ~(1u << GW_JSON_NUMBER);
    if (node->array != NULL)
        types &= (uint8_t) ~(1u << GW_JSON_ARRAY);
    if (node->object != NULL)
        types &= (uint8_t) ~(1u << GW_JSON_OBJECT);
    return types;
}

/* --- the one node that decides ------------------------------------------------------------------
 */

/* How many of the branches must hold. */
enum quorum { QUORUM_ALL, QUORUM_ANY, QUORUM_ONE };

/* The branches, when they are all that the rest says; else NULL. A reference is a list of one. */
static const struct node_list *branches_of(struct rest_part *rest, struct node_list *single,
                                           enum quorum *out_quorum)
{
    if (!is_plain_rest(rest) || rest->has_values ||
        (rest->ref != NULL) + (rest->all_of.count > 0) + (rest->any_of.count > 0) +
                (rest->one_of.count > 0) !=
            1)
        return NULL;
    *out_quorum = rest->one_of.count > 0   ? QUORUM_ONE
                  : rest->any_of.count > 0 ? QUORUM_ANY
                                           : QUORUM_ALL;
    if (rest->ref != NULL) {
        *single = (struct node_list){.nodes = &rest->ref, .count = 1};
        return single;
    }
    if (rest->all_of.count > 0)
        return &rest->all_of;
    return rest->one_of.count > 0 ? &rest->one_of : &rest->any_of;
}

/* A branch that takes every value of the type says nothing where all must hold, and all where one
 * must; one that takes none, the other way round. What is left is counted. */
static struct schema_node *sole_of(const struct gw_schema_set *set, struct schema_node *node,
                                   const struct node_list *list, enum quorum quorum, unsigned type)
{
    struct schema_node *found = NULL;
    uint32_t count = 0;

    for (uint32_t i = 0; i < list->count; i++) {
        struct schema_node *branch = list->nodes[i];
        bool is_free = (branch->free >> type & 1) != 0;
        bool is_refusing = (branch->accepts >> type & 1) == 0;
        if (is_refusing && quorum == QUORUM_ALL)
            return (struct schema_node *)(uintptr_t)&never;
        if (is_free && quorum == QUORUM_ANY)
            return branch;
        if (is_refusing ||
            (is_free && quorum == QUORUM_ALL && (found != NULL || i + 1 < list->count)))
            continue;
        found = branch;
        count++;
    }
    if (count == 0)
        return (struct schema_node *)(uintptr_t)&never;
    if (count > 1 || (set->has_dynamic && found->resource != node->resource))
        return node;
    return found->sole != NULL ? found->sole[type] : found;
}

static int find_soles(struct gw_schema_set *set, struct schema_node *node)
{
    struct node_list single;
    enum quorum quorum;
    bool is_any = false;
    uint8_t plain = plain_types(node);
    struct schema_node *soles[GW_JSON_OBJECT + 1];

    if (node->rest == NULL || node->rest->list != NULL || (node->flags & NODE_TRACKS) != 0)
        return 0;
    const struct node_list *list = branches_of(node->rest, &single, &quorum);
    if (list == NULL)
        return 0;
    for (unsigned type = 0; type < GW_COUNT_OF(soles); type++) {
        soles[type] = (plain >> type & 1) != 0 ? sole_of(set, node, list, quorum, type) : node;
        is_any |= soles[type] != node;
    }
    if (!is_any)
        return 0;
    node->sole = gw_arena_alloc(&set->arena, sizeof(soles));
    if (node->sole == NULL)
        return -ENOMEM;
    memcpy(node->sole, soles, sizeof(soles));
    return 0;
}

static uint8_t free_types(const struct schema_node *node)
{
    uint8_t types = plain_types(node), inner = 0;

    if ((node->flags & NODE_SECRET) != 0)
        return 0;
    if (node->rest == NULL)
        return types;
    for (unsigned type = 0; node->sole != NULL && type <= GW_JSON_OBJECT; type++) {
        if (node->sole[type] != node)
            inner = (uint8_t)(inner | (node->sole[type]->free & 1u << type));
    }
    return types & inner;
}

/* The types of scalars for which comparisons with the parts may do. */
static uint8_t quick_types(const struct schema_node *node)
{
    uint8_t types = node->types & (1u << GW_JSON_STRING | 1u << GW_JSON_NUMBER);

    if (!node->is_quick)
        return 0;
    if (node->string != NULL && (node->string->pattern != NULL || node->string->format != NULL))
        types &= (uint8_t) ~(1u << GW_JSON_STRING);
    return types;
}

static int make_shortcuts(struct gw_schema_compiler *compiler, struct schema_node *node)
{
    if (node->object != NULL)
        node->object->is_simple = is_simple_object(node->object);
    if (node->number != NULL)
        schema_make_ranges(node->number);
    if (node->rest != NULL && make_list(compiler, node->rest) != 0)
        return -ENOMEM;
    node->is_quick = (node->flags & (NODE_SECRET | NODE_TRACKS)) == 0 &&
                     (node->rest == NULL || node->rest->list != NULL);
    node->number_flags = (node->flags & NODE_INTEGER) != 0 ? GW_JSON_INTEGER : 0;
    if (node->number != NULL || node->rest != NULL)
        node->number_flags |= GW_JSON_SMALL;
    node->quick = quick_types(node);
    node->is_direct = node->is_quick && node->rest == NULL && !compiler->set->has_dynamic;
    node->accepts = accepted_types(node);
    if (find_soles(compiler->set, node) != 0)
        return -ENOMEM;
    node->free = free_types(node);
    return 0;
}

int schema_make_shortcuts(struct gw_schema_compiler *compiler)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < compiler->order_count; i++)
        rc = make_shortcuts(compiler, compiler->order[i]);
    for (size_t i = 0; rc == 0 && i < compiler->order_count; i++) {
        struct object_part *part = compiler->order[i]->object;
        for (uint32_t j = 0; part != NULL && j < part->property_count; j++) {
            if (part->properties[j].node != NULL)
                part->properties[j].free = part->properties[j].node->free;
        }
    }
    return rc;
}
