#include <assert.h>
#include <string.h>

#include "router_trie.h"

/* Is text[at] the inside of an escape? In normal form a "%" always begins one. */
static bool is_inside_escape(struct gw_str text, size_t at)
{
    return (at >= 1 && text.ptr[at - 1] == '%') || (at >= 2 && text.ptr[at - 2] == '%');
}

/* The first place of `literal` in `text` at or behind `from`, or SIZE_MAX. */
static size_t find_literal(struct gw_str text, size_t from, struct gw_str literal)
{
    while (from <= text.len) {
        const char *found = memmem(text.ptr + from, text.len - from, literal.ptr, literal.len);
        if (found == NULL)
            return SIZE_MAX;
        from = (size_t)(found - text.ptr);
        if (!is_inside_escape(text, from))
            return from;
        from++;
    }
    return SIZE_MAX;
}

/* The first literal stands at the start and the last at the end; each one between is taken where it
 * first occurs behind a value of at least one byte. An earlier place never hinders what follows. */
bool router_match_segment(const struct gw_path_segment *segment, struct gw_str text,
                          struct gw_str *out_values)
{
    const struct gw_path_piece *pieces = segment->pieces;
    size_t last = segment->piece_count - 1;
    size_t end = text.len;
    size_t at = 0;
    size_t values = 0;

    if (text.len < segment->literal_bytes + segment->parameter_count)
        return false;
    if (!pieces[last].is_parameter) {
        if (!gw_str_has_suffix(text, pieces[last].text))
            return false;
        end -= pieces[last].text.len;
        if (is_inside_escape(text, end))
            return false;
    }
    if (!pieces[0].is_parameter) {
        if (!gw_str_has_prefix(text, pieces[0].text))
            return false;
        at = pieces[0].text.len;
    }
    struct gw_str middle = gw_str_from(text.ptr, end);
    for (size_t i = pieces[0].is_parameter ? 0 : 1; i <= last; i += 2) {
        size_t stop = end;
        if (i + 1 < last)
            stop = find_literal(middle, at + 1, pieces[i + 1].text);
        if (stop == SIZE_MAX || stop <= at)
            return false;
        out_values[values++] = gw_str_from(text.ptr + at, stop - at);
        at = i + 1 < last ? stop + pieces[i + 1].text.len : end;
    }
    return true;
}

struct search {
    const struct gw_router *router;
    const struct gw_normal_path *path;
};

static inline struct gw_str segment_at(const struct search *search, size_t depth)
{
    const struct gw_normal_path *path = search->path;
    size_t start = path->starts[depth];

    return gw_str_from(path->text.ptr + start, (size_t)path->starts[depth + 1] - start - 1);
}

/* The last group whose prefix is not greater than `text`, or -1. If any group's prefix begins
 * `text`, it is this one or one of its parents. */
static int32_t last_group(const struct router_node *node, struct gw_str text)
{
    int32_t low = 0;
    int32_t high = (int32_t)node->group_count;

    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (gw_str_compare(node->groups[middle].prefix, text) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

/* The matching pattern with the lowest rank of at least `from_rank`, or NULL. */
static const struct router_pattern *next_pattern(const struct router_node *node, struct gw_str text,
                                                 uint32_t from_rank)
{
    const struct router_pattern *best = NULL;
    struct gw_str values[GW_MAX_PATH_PARAMETERS];

    for (int32_t at = last_group(node, text); at >= 0; at = node->groups[at].parent) {
        const struct router_group *group = &node->groups[at];
        if (!gw_str_has_prefix(text, group->prefix))
            continue;
        for (uint32_t i = 0; i < group->count; i++) {
            const struct router_pattern *pattern = &node->patterns[group->first + i];
            if (pattern->rank < from_rank || (best != NULL && pattern->rank >= best->rank))
                continue;
            if (router_match_segment(pattern->segment, text, values))
                best = pattern;
        }
    }
    return best;
}

/* As deep as the longest template; how many nodes it can visit was bounded when they were built. */
static const struct router_leaf *descend(const struct search *search, uint32_t index, size_t depth)
{
    const struct gw_router *router = search->router;
    const struct router_node *node = &router->nodes[index];

    if (depth == search->path->segment_count)
        return node->leaf;

    struct gw_str text = segment_at(search, depth);
    const struct router_leaf *leaf = NULL;
    if (node->has_static) {
        uint32_t at = router_find_edge(router, index, text, router_hash(&router->key, index, text));
        if (router->edges[at].child != ROUTER_NO_NODE)
            leaf = descend(search, router->edges[at].child, depth + 1);
    }
    if (leaf != NULL || node->group_count == 0 || text.len == 0)
        return leaf;
    if (node->bare_child != ROUTER_NO_NODE)
        return descend(search, node->bare_child, depth + 1);

    uint32_t rank = 0;
    while (leaf == NULL) {
        const struct router_pattern *pattern = next_pattern(node, text, rank);
        if (pattern == NULL)
            return NULL;
        leaf = descend(search, pattern->child, depth + 1);
        rank = pattern->rank + 1;
    }
    return leaf;
}

static enum gw_route_result take_values(const struct search *search, const struct router_leaf *leaf,
                                        struct gw_str raw, struct gw_route_match *match)
{
    for (size_t i = 0; i < leaf->capture_count; i++) {
        const struct gw_path_segment *segment = leaf->captures[i].segment;
        struct gw_str *values = &match->parameters[match->parameter_count];
        size_t count = segment == NULL ? 1 : segment->parameter_count;
        struct gw_str text = segment_at(search, leaf->captures[i].depth);
        if (segment == NULL)
            values[0] = text; /* a whole segment: known to be no dots */
        else if (!router_match_segment(segment, text, values))
            assert(false); /* the search has matched it before */
        for (size_t v = 0; v < count; v++) {
            if (segment != NULL && gw_path_is_dots(values[v]))
                return GW_ROUTE_BAD_PATH;
            values[v] = gw_path_raw_part(search->path, raw, values[v]);
        }
        match->parameter_count += count;
    }
    return GW_ROUTE_FOUND;
}

/* The method's own value, or GET's for HEAD. */
static enum gw_route_result take_method(const struct router_leaf *leaf, enum gw_method method,
                                        struct gw_route_match *match)
{
    match->allow = leaf->allow;
    if (method < GW_METHOD_COUNT)
        match->value = leaf->values[method];
    if (match->value == NULL && method == GW_METHOD_HEAD) {
        match->value = leaf->values[GW_METHOD_GET];
        match->is_head_by_get = match->value != NULL;
    }
    if (match->value != NULL)
        return GW_ROUTE_FOUND;
    return method == GW_METHOD_OPTIONS ? GW_ROUTE_OPTIONS : GW_ROUTE_BAD_METHOD;
}

enum gw_route_result gw_router_match(const struct gw_router *router, enum gw_method method,
                                     struct gw_str path, struct gw_route_match *out_match)
{
    struct gw_normal_path normal;
    struct search search = {router, &normal};

    out_match->value = NULL;
    out_match->is_head_by_get = false;
    out_match->allow = GW_STR("");
    out_match->parameter_count = 0;
    if (gw_path_normalize(path, &normal) != 0)
        return GW_ROUTE_BAD_PATH;
    if (normal.segment_count > router->max_depth)
        return GW_ROUTE_NOT_FOUND;

    const struct router_leaf *leaf = descend(&search, 0, 0);
    if (leaf == NULL)
        return GW_ROUTE_NOT_FOUND;
    enum gw_route_result result = take_values(&search, leaf, path, out_match);
    return result == GW_ROUTE_FOUND ? take_method(leaf, method, out_match) : result;
}
