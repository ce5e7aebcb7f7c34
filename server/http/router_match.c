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
    struct gw_str segments[GW_PATH_MAX_SEGMENTS];
    size_t segment_count;
};

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

    if (depth == search->segment_count)
        return node->leaf;

    struct gw_str text = search->segments[depth];
    const struct router_leaf *leaf = NULL;
    if (node->has_static) {
        uint32_t at = router_find_edge(router->edges, router->edge_mask, index, text,
                                       router_hash(index, text));
        if (router->edges[at].child != ROUTER_NO_NODE)
            leaf = descend(search, router->edges[at].child, depth + 1);
    }
    if (node->group_count == 0 || text.len == 0)
        return leaf;

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

/* Cuts the path into segments; false if no template is that long. */
static bool cut(struct search *search, struct gw_str path)
{
    struct gw_str rest = gw_str_tail(path, 1);
    struct gw_str segment;

    while (gw_str_split(&rest, '/', &segment)) {
        if (search->segment_count == search->router->max_depth)
            return false;
        search->segments[search->segment_count++] = segment;
    }
    return true;
}

static enum gw_route_result take_values(const struct search *search, const struct router_leaf *leaf,
                                        const struct gw_normal_path *path, struct gw_str raw,
                                        struct gw_route_match *match)
{
    for (size_t i = 0; i < leaf->segment_count; i++) {
        const struct gw_path_segment *segment = leaf->segments[i];
        struct gw_str *values = &match->parameters[match->parameter_count];
        bool has_matched = router_match_segment(segment, search->segments[leaf->depths[i]], values);
        assert(has_matched);
        (void)has_matched;
        for (size_t v = 0; v < segment->parameter_count; v++) {
            if (segment->literal_bytes > 0 && gw_path_is_dots(values[v]))
                return GW_ROUTE_BAD_PATH;
            values[v] = gw_path_raw_part(path, raw, values[v]);
        }
        match->parameter_count += segment->parameter_count;
    }
    return GW_ROUTE_FOUND;
}

enum gw_route_result gw_router_match(const struct gw_router *router, enum gw_method method,
                                     struct gw_str path, struct gw_route_match *out_match)
{
    struct gw_normal_path normal;
    struct search search;

    out_match->value = NULL;
    out_match->is_head_by_get = false;
    out_match->allow = GW_STR("");
    out_match->parameter_count = 0;
    if (gw_path_normalize(path, &normal) != 0)
        return GW_ROUTE_BAD_PATH;

    search.router = router;
    search.segment_count = 0;
    if (!cut(&search, normal.text))
        return GW_ROUTE_NOT_FOUND;
    const struct router_leaf *leaf = descend(&search, 0, 0);
    if (leaf == NULL)
        return GW_ROUTE_NOT_FOUND;

    enum gw_route_result result = take_values(&search, leaf, &normal, path, out_match);
    if (result != GW_ROUTE_FOUND)
        return result;
    out_match->allow = leaf->allow;
    if (method < GW_METHOD_COUNT)
        out_match->value = leaf->values[method];
    if (out_match->value == NULL && method == GW_METHOD_HEAD) {
        out_match->value = leaf->values[GW_METHOD_GET];
        out_match->is_head_by_get = out_match->value != NULL;
    }
    if (out_match->value != NULL)
        return GW_ROUTE_FOUND;
    return method == GW_METHOD_OPTIONS ? GW_ROUTE_OPTIONS : GW_ROUTE_BAD_METHOD;
}
