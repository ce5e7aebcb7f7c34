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

/* A segment with parameters on the way to a leaf. */
struct router_capture {
    const struct gw_path_segment *segment; /* NULL: one parameter and no more, "{id}" */
    size_t depth;
};

/* What stands at the end of a template. */
struct router_leaf {
    const void *values[GW_METHOD_COUNT];
    struct gw_str allow;
    const struct router_capture *captures;
    size_t capture_count;
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
    uint32_t bare_child; /* where "{id}" leads, if it is the only pattern; else ROUTER_NO_NODE */
    bool has_static;
};

/* An edge of the trie by literal text, in one table for all nodes. A short text stands in the edge,
 * so that half a cache line is all that a step reads of it. */
#define ROUTER_EDGE_INLINE 14

struct router_edge {
    uint64_t hash;
    uint32_t parent;
    uint32_t child; /* ROUTER_NO_NODE: a free place */
    uint16_t len;
    char text[ROUTER_EDGE_INLINE]; /* the first bytes; of a longer text, the rest is in `rests` */
};

struct gw_router {
    struct gw_arena arena;
    struct router_node *nodes;
    uint32_t node_count;
    struct router_edge *edges;
    const char **rests; /* of long texts, at the edge's place: what follows the first bytes */
    uint32_t edge_mask;
    struct gw_hash_key key;
    size_t max_depth; /* segments of the longest template */
};

static inline uint64_t router_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Cheaper than SipHash, which is not needed: nobody outside can add edges, and a path asks only for
 * places in a table that does not change. Keyed, so that a document cannot aim at one place. */
static inline uint64_t router_hash(const struct gw_hash_key *key, uint32_t parent,
                                   struct gw_str text)
{
    uint64_t hash = key->k0 ^ parent;
    size_t at = 0;
    uint64_t word;

    for (; text.len - at > 8; at += 8) {
        memcpy(&word, text.ptr + at, 8);
        hash = router_mix(hash ^ word, key->k1 | 1);
    }
    word = 0;
    memcpy(&word, text.ptr + at, text.len - at);
    hash = router_mix(hash ^ word, key->k1 | 1);
    return router_mix(hash ^ text.len, UINT64_C(0x9e3779b97f4a7c15));
}

static inline bool router_is_bare(const struct gw_path_segment *segment)
{
    return segment->literal_bytes == 0;
}

static inline bool router_edge_is(const struct gw_router *router, uint32_t at, uint64_t hash,
                                  uint32_t parent, struct gw_str text)
{
    const struct router_edge *edge = &router->edges[at];

    if (edge->hash != hash || edge->parent != parent || edge->len != text.len)
        return false;
    if (text.len <= ROUTER_EDGE_INLINE)
        return memcmp(edge->text, text.ptr, text.len) == 0;
    return memcmp(edge->text, text.ptr, ROUTER_EDGE_INLINE) == 0 &&
           memcmp(router->rests[at], text.ptr + ROUTER_EDGE_INLINE,
                  text.len - ROUTER_EDGE_INLINE) == 0;
}

/* The place of the edge, or the free one where it would be. */
static inline uint32_t router_find_edge(const struct gw_router *router, uint32_t parent,
                                        struct gw_str text, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 32) & router->edge_mask;

    while (router->edges[at].child != ROUTER_NO_NODE &&
           !router_edge_is(router, at, hash, parent, text))
        at = (at + 1) & router->edge_mask;
    return at;
}

/* Does `text` match? Then the parameters' values are written to `out_values`. */
bool router_match_segment(const struct gw_path_segment *segment, struct gw_str text,
                          struct gw_str *out_values);
