/* The router's tables, shared by the half that builds them and the half that matches. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/hash.h"
#include "server/http/exchange.h"
#include "server/http/path_template.h"
#include "server/http/router.h"

#define ROUTER_NO_NODE UINT32_MAX

/* What stands at the end of a template. */
struct router_leaf {
    const void *values[GW_METHOD_COUNT];
    struct gw_str origins[GW_METHOD_COUNT]; /* for the message about a clash */
    struct gw_str paths[GW_METHOD_COUNT];
    struct gw_str allow;
    const struct gw_path_segment **segments; /* those with parameters, with their depth */
    size_t *depths;
    size_t segment_count;
};

/* A child that is reached by a template like "{id}.json". */
struct router_pattern {
    const struct gw_path_segment *segment;
    uint32_t child;
    uint32_t rank; /* within the node: the more literal text, the lower */
};

/* Patterns that begin with the same literal text. Groups are sorted by that text, so the longest
 * one that begins a segment is found by bisection, and all shorter ones by `parent`. */
struct router_group {
    struct gw_str prefix;
    int32_t parent; /* the group with the longest proper prefix of this prefix, or -1 */
    uint32_t first, count;
};

struct router_node {
    const struct router_leaf *leaf;
    const struct router_group *groups;
    const struct router_pattern *patterns;
    uint32_t group_count;
    bool has_static;
};

/* An edge of the trie by literal text, in one table for all nodes. */
struct router_edge {
    uint64_t hash;
    const char *text;
    uint32_t len;
    uint32_t parent;
    uint32_t child; /* ROUTER_NO_NODE: a free place */
};

struct gw_router {
    struct gw_arena arena;
    struct router_node *nodes;
    uint32_t node_count;
    struct router_edge *edges;
    uint32_t edge_mask;
    size_t max_depth; /* segments of the longest template */
};

/* The process's key, so that no one can prepare paths that collide. */
static inline uint64_t router_hash(uint32_t parent, struct gw_str text)
{
    return gw_hash(gw_hash_process_key(), text) ^ parent * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint32_t router_find_edge(const struct router_edge *edges, uint32_t mask,
                                        uint32_t parent, struct gw_str text, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 32) & mask;

    for (; edges[at].child != ROUTER_NO_NODE; at = (at + 1) & mask) {
        const struct router_edge *edge = &edges[at];
        if (edge->hash == hash && edge->parent == parent &&
            gw_str_equal(gw_str_from(edge->text, edge->len), text))
            break;
    }
    return at;
}

/* Does `text` match? Then the parameters' values are written to `out_values`. */
bool router_match_segment(const struct gw_path_segment *segment, struct gw_str text,
                          struct gw_str *out_values);
