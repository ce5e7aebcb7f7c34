/* From the draft of the trie to the tables that serve. */
#include <stdio.h>
#include <stdlib.h>

#include "router_build.h"

static struct gw_str first_literal(const struct gw_path_segment *segment)
{
    return segment->pieces[0].is_parameter ? GW_STR("") : segment->pieces[0].text;
}

/* More literal text first; then the shape, so that the order never depends on the input's. */
static int compare_by_rank(const void *left, const void *right)
{
    const struct gw_path_segment *a = ((const struct router_pattern *)left)->segment;
    const struct gw_path_segment *b = ((const struct router_pattern *)right)->segment;

    if (a->literal_bytes != b->literal_bytes)
        return a->literal_bytes > b->literal_bytes ? -1 : 1;
    return gw_str_compare(a->shape, b->shape);
}

static int compare_by_prefix(const void *left, const void *right)
{
    const struct router_pattern *a = left;
    const struct router_pattern *b = right;
    int order = gw_str_compare(first_literal(a->segment), first_literal(b->segment));

    return order != 0 ? order : (a->rank < b->rank ? -1 : 1);
}

static void fill_groups(struct router_group *groups, uint32_t *count,
                        const struct router_pattern *patterns, uint32_t pattern_count)
{
    for (uint32_t i = 0; i < pattern_count; i++) {
        struct gw_str prefix = first_literal(patterns[i].segment);
        struct router_group *group = *count > 0 ? &groups[*count - 1] : NULL;
        if (group != NULL && gw_str_equal(group->prefix, prefix)) {
            group->count++;
            continue;
        }
        int32_t parent = (int32_t)*count - 1;
        while (parent >= 0 && !gw_str_has_prefix(prefix, groups[parent].prefix))
            parent = groups[parent].parent;
        groups[(*count)++] = (struct router_group){prefix, parent, i, 1};
    }
}

static int freeze_patterns(struct router_builder *builder, const struct router_draft_node *draft,
                           struct router_node *node)
{
    struct gw_arena *arena = &builder->router->arena;
    uint32_t count = 0;
    struct router_pattern *patterns =
        gw_arena_calloc(arena, draft->pattern_count, sizeof(*patterns));
    struct router_group *groups = gw_arena_calloc(arena, draft->pattern_count, sizeof(*groups));

    if (patterns == NULL || groups == NULL)
        return router_no_memory(builder);
    for (const struct router_draft_pattern *from = draft->patterns; from != NULL; from = from->next)
        patterns[count++] = (struct router_pattern){.segment = from->segment, .child = from->child};
    qsort(patterns, count, sizeof(*patterns), compare_by_rank);
    for (uint32_t i = 0; i < count; i++)
        patterns[i].rank = i;
    qsort(patterns, count, sizeof(*patterns), compare_by_prefix);
    fill_groups(groups, &node->group_count, patterns, count);
    node->patterns = patterns;
    node->groups = groups;
    return 0;
}

/* "GET, HEAD, OPTIONS": what is there, and what the gateway answers itself. */
static int write_allow(struct router_builder *builder, struct router_leaf *leaf)
{
    unsigned set = 1u << GW_METHOD_OPTIONS;
    char text[128];
    size_t len = 0;

    for (unsigned method = 0; method < GW_METHOD_COUNT; method++)
        set |= leaf->values[method] != NULL ? 1u << method : 0;
    if (set & 1u << GW_METHOD_GET)
        set |= 1u << GW_METHOD_HEAD;
    if (builder->allows[set].ptr == NULL) {
        for (unsigned method = 0; method < GW_METHOD_COUNT; method++) {
            if (set & 1u << method)
                len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? ", " : "",
                                        gw_method_name((enum gw_method)method).ptr);
        }
        builder->allows[set] = gw_arena_copy(&builder->router->arena, gw_str_from(text, len));
    }
    leaf->allow = builder->allows[set];
    return leaf->allow.ptr != NULL ? 0 : router_no_memory(builder);
}

int router_freeze_nodes(struct router_builder *builder)
{
    struct gw_router *router = builder->router;

    router->nodes = gw_arena_calloc(&router->arena, builder->node_count, sizeof(*router->nodes));
    if (router->nodes == NULL)
        return router_no_memory(builder);
    router->node_count = builder->node_count;
    for (uint32_t i = 0; i < builder->node_count; i++) {
        const struct router_draft_node *draft = &builder->nodes[i];
        struct router_node *node = &router->nodes[i];
        int rc = 0;
        node->leaf = draft->leaf != NULL ? draft->leaf->leaf : NULL;
        node->has_static = draft->has_static;
        node->bare_child = ROUTER_NO_NODE;
        if (draft->pattern_count == 1 && router_is_bare(draft->patterns->segment))
            node->bare_child = draft->patterns->child;
        if (draft->pattern_count > 0)
            rc = freeze_patterns(builder, draft, node);
        if (rc == 0 && draft->leaf != NULL)
            rc = write_allow(builder, draft->leaf->leaf);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The text of an edge of the draft, in scratch memory. */
static struct gw_str edge_text(struct router_builder *builder, uint32_t at)
{
    const struct router_edge *edge = &builder->draft.edges[at];
    const char *rest = builder->draft.rests[at];

    if (rest == NULL)
        return gw_str_from(edge->text, edge->len);
    return gw_arena_printf(&builder->scratch, "%.*s%s", ROUTER_EDGE_INLINE, edge->text, rest);
}

int router_freeze_edges(struct router_builder *builder)
{
    struct gw_router *router = builder->router;
    const struct gw_router *draft = &builder->draft;

    int rc = router_create_edges(builder, &router->arena, router, builder->static_count);
    for (uint32_t i = 0; rc == 0 && i <= draft->edge_mask; i++) {
        const struct router_edge *edge = &draft->edges[i];
        if (edge->child == ROUTER_NO_NODE || builder->nodes[edge->child].segment != NULL)
            continue;
        struct gw_str text = edge_text(builder, i);
        if (text.ptr == NULL)
            return router_no_memory(builder);
        uint32_t at = router_find_edge(router, edge->parent, text, edge->hash);
        if (router_fill_edge(&router->arena, router, at, edge, text) != 0)
            return router_no_memory(builder);
    }
    return rc;
}
