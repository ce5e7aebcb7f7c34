#include <errno.h>
#include <stdlib.h>

#include "server/core/scope.h"

#include "router_trie.h"

#define ROUTER_MAX_BYTES ((size_t)1 << 30)

/* A node while the trie grows. */
struct draft_pattern {
    struct draft_pattern *next;
    const struct gw_path_segment *segment;
    uint32_t child;
};

struct draft_leaf {
    struct router_leaf *leaf;
    const struct gw_route *routes[GW_METHOD_COUNT];
};

struct draft_node {
    struct draft_leaf *leaf;
    struct draft_pattern *patterns;
    uint32_t pattern_count;
    bool has_static;
    const struct gw_path_segment *segment; /* that leads here, if it has parameters; kept */
};

struct builder {
    struct gw_router *router;
    struct draft_node *nodes;
    uint32_t node_count;
    struct gw_router draft; /* only its edges, for both kinds of children; a pattern by its shape */
    uint32_t static_count;
    struct gw_str allows[1 << GW_METHOD_COUNT]; /* by set of methods; made when first needed */
    struct gw_arena scratch;                    /* for all that the router does not keep */
    struct gw_error *error;
};

static int no_memory(struct builder *builder)
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

/* Gives the router a table with room for `count` edges. */
static int create_edges(struct builder *builder, struct gw_arena *arena, struct gw_router *router,
                        size_t count)
{
    uint32_t size = power_of_two_above(count * 2);

    router->edges = gw_arena_calloc(arena, size, sizeof(*router->edges));
    router->rests = gw_arena_calloc(arena, size, sizeof(*router->rests));
    if (router->edges == NULL || router->rests == NULL)
        return no_memory(builder);
    router->edge_mask = size - 1;
    router->key = *gw_hash_process_key();
    for (uint32_t i = 0; i < size; i++)
        router->edges[i].child = ROUTER_NO_NODE;
    return 0;
}

/* A copy that the router keeps. */
static const struct gw_path_segment *keep_segment(struct builder *builder,
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

static int add_pattern(struct builder *builder, struct draft_node *node,
                       const struct gw_path_segment *segment, uint32_t child)
{
    struct draft_pattern *pattern = gw_arena_alloc(&builder->scratch, sizeof(*pattern));
    const struct gw_path_segment *kept = keep_segment(builder, segment);

    if (pattern == NULL || kept == NULL)
        return no_memory(builder);
    *pattern = (struct draft_pattern){node->patterns, kept, child};
    node->patterns = pattern;
    node->pattern_count++;
    builder->nodes[child].segment = kept;
    return 0;
}

/* An edge at that free place. The rest of a long text lies in `arena`. */
static int fill_edge(struct gw_arena *arena, struct gw_router *router, uint32_t at,
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

/* The child that `segment` leads to, made if it is not there. No request's text equals the shape of
 * a pattern, because a brace never stands in normal form. */
static int step(struct builder *builder, uint32_t parent, const struct gw_path_segment *segment,
                uint32_t *out_child)
{
    struct gw_router *draft = &builder->draft;
    struct router_edge edge = {.parent = parent, .child = builder->node_count};

    edge.hash = router_hash(&draft->key, parent, segment->shape);
    uint32_t at = router_find_edge(draft, parent, segment->shape, edge.hash);
    if (draft->edges[at].child != ROUTER_NO_NODE) {
        *out_child = draft->edges[at].child;
        return 0;
    }
    if (fill_edge(&builder->scratch, draft, at, &edge, segment->shape) != 0)
        return no_memory(builder);
    *out_child = builder->node_count++;
    if (segment->parameter_count > 0)
        return add_pattern(builder, &builder->nodes[parent], segment, *out_child);
    builder->nodes[parent].has_static = true;
    builder->static_count++;
    return 0;
}

/* `nodes` are those that the template leads through. */
static struct draft_leaf *create_leaf(struct builder *builder, const struct gw_path_template *path,
                                      const uint32_t *nodes)
{
    struct draft_leaf *draft = gw_arena_calloc(&builder->scratch, 1, sizeof(*draft));
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

static int add_to_leaf(struct builder *builder, struct draft_leaf *draft,
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

static int add_route(struct builder *builder, const struct gw_route *route)
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

    struct draft_node *end = &builder->nodes[node];
    if (end->leaf == NULL)
        end->leaf = create_leaf(builder, &path, nodes);
    if (end->leaf == NULL)
        return no_memory(builder);
    return add_to_leaf(builder, end->leaf, route);
}

/* --- from the draft to the tables ------------------------------------------------------------- */

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

static int freeze_patterns(struct builder *builder, const struct draft_node *draft,
                           struct router_node *node)
{
    struct gw_arena *arena = &builder->router->arena;
    uint32_t count = 0;
    struct router_pattern *patterns =
        gw_arena_calloc(arena, draft->pattern_count, sizeof(*patterns));
    struct router_group *groups = gw_arena_calloc(arena, draft->pattern_count, sizeof(*groups));

    if (patterns == NULL || groups == NULL)
        return no_memory(builder);
    for (const struct draft_pattern *from = draft->patterns; from != NULL; from = from->next)
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
static int write_allow(struct builder *builder, struct router_leaf *leaf)
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
    return leaf->allow.ptr != NULL ? 0 : no_memory(builder);
}

static int freeze_nodes(struct builder *builder)
{
    struct gw_router *router = builder->router;

    router->nodes = gw_arena_calloc(&router->arena, builder->node_count, sizeof(*router->nodes));
    if (router->nodes == NULL)
        return no_memory(builder);
    router->node_count = builder->node_count;
    for (uint32_t i = 0; i < builder->node_count; i++) {
        const struct draft_node *draft = &builder->nodes[i];
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
static struct gw_str edge_text(struct builder *builder, uint32_t at)
{
    const struct router_edge *edge = &builder->draft.edges[at];
    const char *rest = builder->draft.rests[at];

    if (rest == NULL)
        return gw_str_from(edge->text, edge->len);
    return gw_arena_printf(&builder->scratch, "%.*s%s", ROUTER_EDGE_INLINE, edge->text, rest);
}

static int freeze_edges(struct builder *builder)
{
    struct gw_router *router = builder->router;
    const struct gw_router *draft = &builder->draft;

    int rc = create_edges(builder, &router->arena, router, builder->static_count);
    for (uint32_t i = 0; rc == 0 && i <= draft->edge_mask; i++) {
        const struct router_edge *edge = &draft->edges[i];
        if (edge->child == ROUTER_NO_NODE || builder->nodes[edge->child].segment != NULL)
            continue;
        struct gw_str text = edge_text(builder, i);
        if (text.ptr == NULL)
            return no_memory(builder);
        uint32_t at = router_find_edge(router, edge->parent, text, edge->hash);
        if (fill_edge(&router->arena, router, at, edge, text) != 0)
            return no_memory(builder);
    }
    return rc;
}

/* --- the bound on backtracking ---------------------------------------------------------------- */

static uint64_t add_up(uint64_t a, uint64_t b)
{
    return a + b > GW_ROUTER_MAX_VISITS ? GW_ROUTER_MAX_VISITS + 1 : a + b;
}

/* How many nodes a search from `index` can visit: itself, its worst literal child (one at most
 * matches), and its worst chain of groups (only prefixes of one text can match together). Children
 * have greater numbers than their parents, so one backward pass over the nodes has them ready. */
static uint64_t count_visits(const struct gw_router *router, uint32_t index,
                             const uint64_t *worst_static, const uint64_t *visits,
                             uint64_t *group_sums)
{
    const struct router_node *node = &router->nodes[index];
    uint64_t worst_groups = 0;

    for (uint32_t g = 0; g < node->group_count; g++) {
        const struct router_group *group = &node->groups[g];
        uint64_t sum = group->parent >= 0 ? group_sums[group->parent] : 0;
        for (uint32_t i = 0; i < group->count; i++)
            sum = add_up(sum, visits[node->patterns[group->first + i].child]);
        group_sums[g] = sum;
        worst_groups = sum > worst_groups ? sum : worst_groups;
    }
    return add_up(add_up(1, worst_static[index]), worst_groups);
}

static int check_visits(struct builder *builder)
{
    const struct gw_router *router = builder->router;
    uint32_t count = router->node_count;
    GW_SCOPED(gw_scope_free) uint64_t *visits = calloc((size_t)count * 3, sizeof(*visits));
    GW_SCOPED(gw_scope_free) uint32_t *parents = malloc((size_t)count * sizeof(*parents));

    if (visits == NULL || parents == NULL)
        return no_memory(builder);
    for (uint32_t i = 0; i < count; i++)
        parents[i] = ROUTER_NO_NODE;
    for (uint32_t i = 0; i <= router->edge_mask; i++) {
        if (router->edges[i].child != ROUTER_NO_NODE)
            parents[router->edges[i].child] = router->edges[i].parent;
    }
    uint64_t *worst_static = visits + count;
    uint64_t *group_sums = worst_static + count;
    for (uint32_t i = count; i-- > 0;) {
        visits[i] = count_visits(router, i, worst_static, visits, group_sums);
        if (parents[i] != ROUTER_NO_NODE && visits[i] > worst_static[parents[i]])
            worst_static[parents[i]] = visits[i];
    }
    if (visits[0] > GW_ROUTER_MAX_VISITS)
        return gw_error_set(builder->error, -EINVAL,
                            "the routes are too ambiguous: one path could visit more than %d nodes",
                            GW_ROUTER_MAX_VISITS);
    return 0;
}

/* --- */

static int build(struct builder *builder, const struct gw_route *routes, size_t count)
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
        return no_memory(builder);
    builder->node_count = 1;
    int rc = create_edges(builder, &builder->scratch, &builder->draft, segments);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_route(builder, &routes[i]);
    if (rc == 0)
        rc = freeze_nodes(builder);
    if (rc == 0)
        rc = freeze_edges(builder);
    return rc == 0 ? check_visits(builder) : rc;
}

int gw_router_create(const struct gw_route *routes, size_t count, struct gw_router **out_router,
                     struct gw_error *error)
{
    struct gw_router *router = calloc(1, sizeof(*router));
    struct builder builder = {.router = router, .error = error};

    if (router == NULL)
        return no_memory(&builder);
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
