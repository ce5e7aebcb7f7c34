/* The graph of a YAML or JSON text: its nodes as they are written, before aliases, merges and
 * scalars mean anything. Private to the files yaml*.c of this folder.
 *
 * Two scanners fill it through one builder, which keeps the bounds; yaml_tree.c makes the jansson
 * tree of it, yaml.c finds places in it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/map.h"
#include "server/core/str.h"
#include "server/json/yaml.h"

enum gw_yaml_kind { GW_YAML_SCALAR, GW_YAML_LIST, GW_YAML_MAP, GW_YAML_ALIAS };

enum gw_yaml_tag {
    GW_YAML_UNTAGGED,
    GW_YAML_STR, /* also `!` on a scalar */
    GW_YAML_INT,
    GW_YAML_FLOAT,
    GW_YAML_BOOL,
    GW_YAML_NULL,
    GW_YAML_SEQ,
    GW_YAML_MAPPING,
};

struct gw_yaml_node {
    enum gw_yaml_kind kind;
    enum gw_yaml_tag tag;
    struct gw_position position;
    bool is_plain;               /* a scalar without quotes */
    bool is_open;                /* a list or map whose end was not read yet */
    uint32_t height;             /* levels of lists and maps from here down, aliases followed */
    uint32_t count;              /* nodes from here down, aliases followed */
    struct gw_str text;          /* of a scalar */
    struct gw_yaml_node *target; /* of an alias; never an alias itself */
    struct gw_yaml_node *first, *last; /* children; in a map key, value, key, value */
    struct gw_yaml_node *next;         /* behind this one in the same list or map */
};

struct gw_yaml_graph {
    struct gw_arena arena;
    struct gw_yaml_node *root;
};

struct gw_yaml_builder {
    struct gw_yaml_graph *graph;
    struct gw_yaml_node *open[GW_DOCUMENT_MAX_DEPTH];
    size_t depth;
    size_t node_count;
    struct gw_map anchors;
    const char *file;
    struct gw_diagnostics *diagnostics;
};

/* Reads the document's text again. Returns 0 and a graph for `document` to keep, or -ENOMEM. */
GW_MUST_CHECK
int gw_yaml_graph_load(const struct gw_document *document, struct gw_yaml_graph **out_graph);

void gw_yaml_builder_init(struct gw_yaml_builder *builder, struct gw_yaml_graph *graph,
                          const char *file, struct gw_diagnostics *diagnostics);
void gw_yaml_builder_finish(struct gw_yaml_builder *builder);

/* Adds a copy of `node` (kind, tag, position, is_plain, text; the text is borrowed) to the
 * innermost open list or map; a list or map is open then. An alias is added with its name in
 * `text`. `anchor` is empty for none. Returns 0, or -EINVAL or -ENOMEM with a finding. */
GW_MUST_CHECK
int gw_yaml_builder_add(struct gw_yaml_builder *builder, const struct gw_yaml_node *node,
                        struct gw_str anchor);
/* Ends the innermost open list or map. */
void gw_yaml_builder_close(struct gw_yaml_builder *builder);

/* Adds an error at `position`; returns -EINVAL. */
GW_PRINTF(3, 4)
GW_COLD int gw_yaml_builder_fail(struct gw_yaml_builder *builder, struct gw_position position,
                                 const char *format, ...);

/* The two scanners. `text` lives as long as the graph and is followed by a NUL. Return 0, or
 * -EINVAL or -ENOMEM with a finding. */
GW_MUST_CHECK
int gw_yaml_scan(struct gw_yaml_builder *builder, struct gw_str text); /* YAML 1.2 */
GW_MUST_CHECK
int gw_yaml_scan_json(struct gw_yaml_builder *builder, struct gw_str text); /* RFC 8259 only */

/* The node itself, or what the alias stands for. */
static inline const struct gw_yaml_node *gw_yaml_node_target(const struct gw_yaml_node *node)
{
    return node->kind == GW_YAML_ALIAS ? node->target : node;
}

/* Is this the key `<<` of a merge? */
bool gw_yaml_node_is_merge(const struct gw_yaml_node *key);

/* The tree of the graph. `document` has file and receives `inexact`. Returns 0, or -EINVAL or
 * -ENOMEM with findings (all that there are). */
GW_MUST_CHECK
int gw_yaml_tree(const struct gw_yaml_graph *graph, struct gw_document *document,
                 struct gw_diagnostics *diagnostics, json_t **out_root);

/* --- scalars (YAML 1.2, chapter 10.3.2) --- */

enum gw_yaml_scalar_result {
    GW_YAML_SCALAR_OK,
    GW_YAML_SCALAR_INEXACT,   /* an integer that lost digits */
    GW_YAML_SCALAR_NO_VALUE,  /* a number that JSON has no value for */
    GW_YAML_SCALAR_WRONG_TAG, /* the text is no value of the tag's type */
};

/* The value of a scalar node; *out_value is NULL without memory. */
enum gw_yaml_scalar_result gw_yaml_scalar_value(const struct gw_yaml_node *node,
                                                json_t **out_value);
