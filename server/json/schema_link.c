/* What can be settled only when all nodes are there. */
#include <errno.h>

#include "server/json/schema_compiler.h"

/* Calls fn for the place of each child that looks at the same value; with `is_all`, of every child.
 */
typedef int visit_fn(struct schema_node **place, void *self);

static int visit_list(struct node_list *list, visit_fn *fn, void *self)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < list->count; i++)
        rc = fn(&list->nodes[i], self);
    return rc;
}

static int visit_one(struct schema_node **place, visit_fn *fn, void *self)
{
    return *place == NULL ? 0 : fn(place, self);
}

static int visit_rest(struct rest_part *rest, visit_fn *fn, void *self)
{
    struct schema_node **const places[] = {&rest->ref,     &rest->dynamic,   &rest->not_node,
                                           &rest->if_node, &rest->then_node, &rest->else_node};
    struct node_list *const lists[] = {&rest->all_of, &rest->any_of, &rest->one_of};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < GW_COUNT_OF(places); i++)
        rc = visit_one(places[i], fn, self);
    for (size_t i = 0; rc == 0 && i < GW_COUNT_OF(lists); i++)
        rc = visit_list(lists[i], fn, self);
    for (uint32_t i = 0; rc == 0 && rest->discriminator != NULL && i < rest->discriminator->count;
         i++)
        rc = fn(&rest->discriminator->cases[i].node, self);
    return rc;
}

static int visit_in_place(struct schema_node *node, visit_fn *fn, void *self)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && node->object != NULL && i < node->object->dependency_count; i++)
        rc = visit_one(&node->object->dependencies[i].node, fn, self);
    return rc != 0 || node->rest == NULL ? rc : visit_rest(node->rest, fn, self);
}

static int visit_object(struct object_part *part, visit_fn *fn, void *self)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < part->property_count; i++)
        rc = visit_one(&part->properties[i].node, fn, self);
    for (uint32_t i = 0; rc == 0 && i < part->pattern_count; i++)
        rc = fn(&part->patterns[i].node, self);
    if (rc == 0)
        rc = visit_one(&part->additional, fn, self);
    if (rc == 0)
        rc = visit_one(&part->names, fn, self);
    return rc != 0 ? rc : visit_one(&part->unevaluated, fn, self);
}

static int visit_array(struct array_part *part, visit_fn *fn, void *self)
{
    struct schema_node **const places[] = {&part->items, &part->contains, &part->unevaluated};
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < part->prefix_count; i++)
        rc = fn(&part->prefix[i], self);
    for (size_t i = 0; rc == 0 && i < GW_COUNT_OF(places); i++)
        rc = visit_one(places[i], fn, self);
    return rc;
}

static int visit_all(struct schema_node *node, visit_fn *fn, void *self)
{
    int rc = visit_in_place(node, fn, self);

    if (rc == 0 && node->object != NULL)
        rc = visit_object(node->object, fn, self);
    if (rc == 0 && node->array != NULL)
        rc = visit_array(node->array, fn, self);
    return rc;
}

/* --- circles that never look at a part of the value ------------------------------------------- */

enum colour { WHITE, GREY, BLACK };

struct walk {
    struct schema_node **stack; /* an explicit one: chains may be as long as the set */
    size_t count, capacity;
    struct gw_schema_compiler *compiler;
    struct gw_error *error;
};

static int push(struct schema_node **place, void *self)
{
    struct walk *walk = self;
    struct schema_node *node = *place;

    if (node == NULL || node->colour == BLACK) /* NULL: what was wrong with it has been told */
        return 0;
    if (node->colour == GREY)
        return schema_tell(
            walk->compiler,
            gw_error_set_at(walk->error, -ELOOP, node->location->text.ptr + node->location->pointer,
                            "the schema refers to itself without looking at a part of the value"),
            walk->error);
    struct schema_node **stack = schema_grow(&walk->compiler->arena, walk->stack, walk->count,
                                             &walk->capacity, sizeof(*stack));
    if (stack == NULL)
        return schema_no_memory(walk->error);
    walk->stack = stack;
    stack[walk->count++] = node;
    return 0;
}

/* Depth first. A node stays on the stack, grey, while what it pushed is worked off; a node pushed
 * twice before its turn is black when it is met again. */
static int refuse_circles(struct gw_schema_compiler *compiler, struct gw_error *error)
{
    struct gw_schema_set *set = compiler->set;
    struct walk walk = {.compiler = compiler, .error = error};
    int rc = 0;

    compiler->order =
        gw_arena_calloc(&compiler->arena, set->node_count, sizeof(struct schema_node *));
    if (compiler->order == NULL)
        return schema_no_memory(error);

    for (size_t i = 0; rc == 0 && i < set->node_count; i++) {
        if (set->nodes[i]->colour == WHITE)
            rc = push(&set->nodes[i], &walk);
        while (rc == 0 && walk.count > 0) {
            struct schema_node *node = walk.stack[walk.count - 1];
            if (node->colour != WHITE) {
                if (node->colour == GREY)
                    compiler->order[compiler->order_count++] = node;
                node->colour = BLACK;
                walk.count--;
                continue;
            }
            node->colour = GREY;
            rc = visit_in_place(node, push, &walk);
        }
    }
    return rc;
}

/* --- references that say nothing else -----------------------------------------------------------
 */

struct shortener {
    bool has_dynamic;
};

static bool is_lone_ref(const struct schema_node *node, bool has_dynamic)
{
    const struct rest_part *rest = node->rest;

    if (rest == NULL || rest->ref == NULL || node->string != NULL || node->number != NULL ||
        node->array != NULL || node->object != NULL || node->types != NODE_TYPES_ALL ||
        node->flags != 0)
        return false;
    if (rest->has_values || rest->dynamic != NULL || rest->all_of.count + rest->any_of.count > 0 ||
        rest->one_of.count > 0 || rest->not_node != NULL || rest->if_node != NULL)
        return false;
    return !has_dynamic || rest->ref->resource == node->resource;
}

static int shorten(struct schema_node **place, void *self)
{
    const struct shortener *shortener = self;

    while (is_lone_ref(*place, shortener->has_dynamic))
        *place = (*place)->rest->ref;
    return 0;
}

/* --- properties by direction --------------------------------------------------------------------
 */

/* Flags of the node and of what it refers to or includes. `budget` bounds odd webs of allOf. */
static unsigned collect_flags(const struct schema_node *node, int *budget)
{
    unsigned flags = node->flags;

    if (--*budget < 0 || node->rest == NULL)
        return flags;
    if (node->rest->ref != NULL)
        flags |= collect_flags(node->rest->ref, budget);
    for (uint32_t i = 0; i < node->rest->all_of.count; i++)
        flags |= collect_flags(node->rest->all_of.nodes[i], budget);
    return flags;
}

static int split_required(struct gw_schema_set *set, struct object_part *part)
{
    size_t bytes = part->words * sizeof(*part->required);

    part->required_request = gw_arena_alloc(&set->arena, bytes);
    part->required_response = gw_arena_alloc(&set->arena, bytes);
    if (part->required_request == NULL || part->required_response == NULL)
        return -ENOMEM;
    memcpy(part->required_request, part->required, bytes);
    memcpy(part->required_response, part->required, bytes);
    for (uint32_t i = 0; i < part->property_count; i++) {
        uint64_t bit = UINT64_C(1) << (i % 64);
        if (part->properties[i].is_read_only)
            part->required_request[i / 64] &= ~bit;
        if (part->properties[i].is_write_only)
            part->required_response[i / 64] &= ~bit;
    }
    return 0;
}

static int mark_directions(struct gw_schema_set *set, struct object_part *part)
{
    for (uint32_t i = 0; i < part->property_count; i++) {
        struct property *property = &part->properties[i];
        int budget = 64;
        unsigned flags = property->node == NULL ? 0 : collect_flags(property->node, &budget);
        property->is_read_only = (flags & NODE_READ_ONLY) != 0;
        property->is_write_only = (flags & NODE_WRITE_ONLY) != 0;
        part->has_directions |= property->is_read_only || property->is_write_only;
    }
    return part->has_directions ? split_required(set, part) : 0;
}

int schema_link(struct gw_schema_compiler *compiler, struct gw_error *error)
{
    struct gw_schema_set *set = compiler->set;
    struct shortener shortener = {.has_dynamic = set->has_dynamic};

    int rc = refuse_circles(compiler, error);
    if (rc != 0 || compiler->first_told != 0)
        return rc;
    for (size_t i = 0; i < set->node_count; i++)
        (void)visit_all(set->nodes[i], shorten, &shortener);
    for (size_t i = 0; i < set->entry_count; i++)
        (void)shorten(&set->entries[i], &shortener);
    for (size_t i = 0; i < set->node_count; i++) {
        if (set->nodes[i]->object != NULL && mark_directions(set, set->nodes[i]->object) != 0)
            return schema_no_memory(error);
    }
    return schema_make_shortcuts(compiler) != 0 ? schema_no_memory(error) : 0;
}
