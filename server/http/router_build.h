/* What the parts that build a router share. Internal to the router. */
#pragma once

#include "router_trie.h"
#include "server/core/error.h"

/* A node while the trie grows. */
struct router_draft_pattern {
    struct router_draft_pattern *next;
    const struct gw_path_segment *segment;
    uint32_t child;
};

struct router_draft_leaf {
    struct router_leaf *leaf;
    const struct gw_route *routes[GW_METHOD_COUNT];
};

struct router_draft_node {
    struct router_draft_leaf *leaf;
    struct router_draft_pattern *patterns;
    uint32_t pattern_count;
    bool has_static;
    const struct gw_path_segment *segment; /* that leads here, if it has parameters; kept */
};

struct router_builder {
    struct gw_router *router;
    struct router_draft_node *nodes;
    uint32_t node_count;
    struct gw_router draft; /* only its edges, for both kinds of children; a pattern by its shape */
    uint32_t static_count;
    struct gw_str allows[1 << GW_METHOD_COUNT]; /* by set of methods; made when first needed */
    struct gw_arena scratch;                    /* for all that the router does not keep */
    struct gw_error *error;
};

/* Says so; returns -ENOMEM. */
int router_no_memory(struct router_builder *builder);

/* Gives the router a table with room for `count` edges. */
int router_create_edges(struct router_builder *builder, struct gw_arena *arena,
                        struct gw_router *router, size_t count);

/* An edge at that free place. The rest of a long text lies in `arena`. 0 or -ENOMEM. */
int router_fill_edge(struct gw_arena *arena, struct gw_router *router, uint32_t at,
                     const struct router_edge *from, struct gw_str text);

/* router_freeze.c: from the draft to the tables, in this order. */
int router_freeze_nodes(struct router_builder *builder);
int router_freeze_edges(struct router_builder *builder);

/* router_bound.c: refuses what could backtrack too much. */
int router_check_visits(struct router_builder *builder);
