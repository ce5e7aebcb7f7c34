#include "router_build.h"

#include <errno.h>
#include <stdlib.h>

#define ROUTER_MAX_BYTES ((size_t)1 << 30)

int router_no_memory(struct router_builder *builder)
{
    return gw_error_set(builder->error, -ENOMEM, "not enough memory for the routes");
}

static uint32_t power_of_two_above(size_t count)
{
    uint32_t size = 2;

    while (size <= count)
        size *= 2;
    return size;
}

int router_create_edges(struct router_builder *builder, struct gw_arena *arena,
                        struct gw_router *router, size_t count)
{
    uint32_t size = power_of_two_above(count * 2);

    router->edges = gw_arena_calloc(arena, size, sizeof(*router->edges));
    router->rests = gw_arena_calloc(arena, size, sizeof(*router->rests));
    if (router->edges == NULL || router->rests == NULL)
        return router_no_memory(builder);
    router->edge_mask = size - 1;
    router->key = *gw_hash_process_key();
    for (uint32_t i = 0; i < size; i++)
        router->edges[i].child = ROUTER_NO_NODE;
    return 0;
}

int router_fill_edge(struct gw_arena *arena, struct gw_router *router, uint32_t at,
                     const struct router_edge *from, struct gw_str text)
{
    struct router_edge *edge = &router->edges[at];
    size_t head = text.len < ROUTER_EDGE_INLINE ? text.len : ROUTER_EDGE_INLINE;

    if (text.len > head) {
        router->rests[at] = gw_arena_copy(arena, gw_str_tail(text, head)).ptr;
        if (router->rests[at] == NULL)
            return -ENOMEM;
    }
    *edge = *from;
    edge->len = (uint16_t)text.len;
    memcpy(edge->text, text.ptr, head);
    return 0;
}

/* A copy that the router keeps. */
static const struct gw_path_segment *keep_segment(struct router_builder *builder,
                                                  const struct gw_path_segment *segment)
{
    struct gw_arena *arena = &builder->router->arena;
    struct gw_path_segment *kept = gw_arena_alloc(arena, sizeof(*kept));
    struct gw_path_piece *pieces = gw_arena_calloc(arena, segment->piece_count, sizeof(*pieces));

    if (kept == NULL || pieces == NULL)
        return NULL;
    *kept = *segment;
    kept->pieces = pieces;
    kept->shape = gw_arena_copy(arena, segment->shape);
    for (size_t i = 0; i < segment->piece_count; i++) {
        pieces[i].is_parameter = segment->pieces[i].is_parameter;
        pieces[i].text = gw_arena_copy(arena, segment->pieces[i].text);
        if (pieces[i].text.ptr == NULL)
            return NULL;
    }
    return kept->shape.ptr != NULL ? kept : NULL;
}

static int add_pattern(struct router_builder *builder, struct router_draft_node *node,
                       const struct gw_path_segment *segment, uint32_t child)
{
    struct router_draft_pattern *pattern = gw_arena_alloc(&builder->scratch, sizeof(*pattern));
    const struct gw_path_segment *kept = keep_segment(builder, segment);

    if (pattern == NULL || kept == NULL)
        return router_no_memory(builder);
    *pattern = (struct router_draft_pattern){node->patterns, kept, child};
    node->patterns = pattern;
    node->pattern_count++;
    builder->nodes[child].segment = kept;
    return 0;
}

/* The child that `segment` leads to, made if it is not there. No request's text equals the shape of
 * a pattern, because a brace never stands in normal form. */
static int step(struct router_builder *builder, uint32_t parent,
                const struct gw_path_segment *segment, uint32_t *out_child)
{
    struct gw_router *draft = &builder->draft;
    struct router_edge edge = {.parent = parent, .child = builder->node_count};

    edge.hash = router_hash(&draft->key, parent, segment->shape);
    uint32_t at = router_find_edge(draft, parent, segment->shape, edge.hash);
    if (draft->edges[at].child != ROUTER_NO_NODE) {
        *out_child = draft->edges[at].child;
        return 0;
    }
    if (router_fill_edge(&builder->scratch, draft, at, &edge, segment->shape) != 0)
        return router_no_memory(builder);
    *out_child = builder->node_count++;
    if (segment->parameter_count > 0)
        return add_pattern(builder, &builder->nodes[parent], segment, *out_child);
    builder->nodes[parent].has_static = true;
    builder->static_count++;
    return 0;
}

/* `nodes` are those that the template leads through. */
static struct router_draft_leaf *create_leaf(struct router_builder *builder,
                                             const struct gw_path_template *path,
                                             const uint32_t *nodes)
{
    struct router_draft_leaf *draft = gw_arena_calloc(&builder->scratch, 1, sizeof(*draft));
    struct gw_arena *arena = &builder->router->arena;
    struct router_leaf *leaf = gw_arena_calloc(arena, 1, sizeof(*leaf));
    struct router_capture *captures =
        gw_arena_calloc(arena, path->parameter_count, sizeof(*captures));

    if (draft == NULL || leaf == NULL || captures == NULL)
        return NULL;
    for (size_t i = 0; i < path->segment_count; i++) {
        const struct gw_path_segment *segment = builder->nodes[nodes[i]].segment;
        if (segment != NULL)
            captures[leaf->capture_count++] =
                (struct router_capture){router_is_bare(segment) ? NULL : segment, i};
    }
    leaf->captures = captures;
    draft->leaf = leaf;
    return draft;
}

static int add_to_leaf(struct router_builder *builder, struct router_draft_leaf *draft,
                       const struct gw_route *route)
{
    const struct gw_route *other = draft->routes[route->method];

    if (other != NULL)
        return gw_error_set(
            builder->error, -EINVAL, "%s %.*s of %.*s and %.*s of %.*s match the same requests",
            gw_method_name(route->method).ptr, GW_STR_ARG(route->path), GW_STR_ARG(route->origin),
            GW_STR_ARG(other->path), GW_STR_ARG(other->origin));
    draft->routes[route->method] = route;
    draft->leaf->values[route->method] = route->value;
    return 0;
}

static int add_route(struct router_builder *builder, const struct gw_route *route)
{
    struct gw_path_template path;
    uint32_t nodes[GW_PATH_MAX_SEGMENTS];
    uint32_t node = 0;

    int rc = gw_path_template_parse(&builder->scratch, route->path, &path, builder->error);
    if (rc != 0)
        return gw_error_prefix(builder->error, rc, "%.*s: %.*s", GW_STR_ARG(route->origin),
                               GW_STR_ARG(route->path));
    for (size_t i = 0; i < path.segment_count; i++) {
        rc = step(builder, node, &path.segments[i], &node);
        if (rc != 0)
            return rc;
        nodes[i] = node;
    }
    if (path.segment_count > builder->router->max_depth)
        builder->router->max_depth = path.segment_count;

    struct router_draft_node *end = &builder->nodes[node];
    if (end->leaf == NULL)
        end->leaf = create_leaf(builder, &path, nodes);
    if (end->leaf == NULL)
        return router_no_memory(builder);
    return add_to_leaf(builder, end->leaf, route);
}

static int build(struct router_builder *builder, const struct gw_route *routes, size_t count)
{
    size_t segments = 1;

    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < routes[i].path.len; at++)
            segments += routes[i].path.ptr[at] == '/' ? 1 : 0;
    }
    if (count > GW_ROUTER_MAX_ROUTES || segments > GW_ROUTER_MAX_ROUTES * 10)
        return gw_error_set(builder->error, -EINVAL, "more than %d routes", GW_ROUTER_MAX_ROUTES);

    builder->nodes = gw_arena_calloc(&builder->scratch, segments + 1, sizeof(*builder->nodes));
    if (builder->nodes == NULL)
        return router_no_memory(builder);
    builder->node_count = 1;
    int rc = router_create_edges(builder, &builder->scratch, &builder->draft, segments);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_route(builder, &routes[i]);
    if (rc == 0)
        rc = router_freeze_nodes(builder);
    if (rc == 0)
        rc = router_freeze_edges(builder);
    return rc == 0 ? router_check_visits(builder) : rc;
}

int gw_router_create(const struct gw_route *routes, size_t count, struct gw_router **out_router,
                     struct gw_error *error)
{
    struct gw_router *router = calloc(1, sizeof(*router));
    struct router_builder builder = {.router = router, .error = error};

    if (router == NULL)
        return router_no_memory(&builder);
    gw_arena_init(&router->arena, 64 * 1024, ROUTER_MAX_BYTES);
    gw_arena_init(&builder.scratch, 64 * 1024, ROUTER_MAX_BYTES);
    int rc = build(&builder, routes, count);
    gw_arena_finish(&builder.scratch);
    if (rc != 0) {
        gw_router_destroy(router);
        return rc;
    }
    *out_router = router;
    return 0;
}

void gw_router_destroy(struct gw_router *router)
{
    if (router == NULL)
        return;
    gw_arena_finish(&router->arena);
    free(router);
}

size_t gw_router_bytes(const struct gw_router *router)
{
    return sizeof(*router) + router->arena.used_bytes;
}
