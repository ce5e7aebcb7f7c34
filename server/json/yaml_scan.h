/* The YAML 1.2 scanner: what its files share. Private to yaml_*.c.
 *
 * Recursive descent over the bytes, without a token list: block structure (yaml_block.c), flow
 * collections (yaml_flow.c), scalars (yaml_plain.c, yaml_block_scalar.c), and below them lines,
 * places, anchors and tags (yaml_line.c). Functions return 0, or a negative errno with a finding.
 * Recursion is bounded by the builder, which refuses to open too many levels. */
#pragma once

#include "server/core/buf.h"
#include "server/json/yaml_graph.h"

#define GW_YAML_MAX_HANDLES 16

struct gw_yaml_scan {
    struct gw_yaml_builder *builder;
    const char *at, *end;     /* *end is a NUL; no other byte of the text is */
    const char *line_start;   /* of the line that `at` is on */
    const char *line_content; /* its first byte that is no space or tab */
    unsigned line;
    int indent;          /* spaces at its start */
    const char *counted; /* up to here the columns of the line are counted */
    unsigned column;
    struct gw_buf scratch; /* a scalar under way */
    struct {
        struct gw_str handle, prefix; /* %TAG */
    } handles[GW_YAML_MAX_HANDLES];
    size_t handle_count;
};

/* What may stand before a node. */
struct gw_yaml_properties {
    struct gw_position position;
    struct gw_str anchor, tag; /* tag is resolved; ptr NULL: none */
    const char *start;         /* NULL: there are none */
};

/* --- yaml_line.c --- */

static inline bool gw_yaml_is_break(char byte)
{
    return byte == '\n' || byte == '\r';
}

static inline bool gw_yaml_is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* White space, a break, or the end of the text. */
static inline bool gw_yaml_is_space(char byte)
{
    return gw_yaml_is_blank(byte) || gw_yaml_is_break(byte) || byte == '\0';
}

static inline bool gw_yaml_is_flow_sign(char byte)
{
    return byte == ',' || byte == '[' || byte == ']' || byte == '{' || byte == '}';
}

/* Is `at` the first thing on its line? */
static inline bool gw_yaml_is_first(const struct gw_yaml_scan *scan)
{
    return scan->at == scan->line_content;
}

GW_PRINTF(2, 3) GW_COLD int gw_yaml_fail(struct gw_yaml_scan *scan, const char *format, ...);
struct gw_position gw_yaml_here(struct gw_yaml_scan *scan);
void gw_yaml_line_begin(struct gw_yaml_scan *scan);      /* `at` is the first byte of a line */
void gw_yaml_skip_break(struct gw_yaml_scan *scan);      /* `at` is on a break */
void gw_yaml_skip_blanks(struct gw_yaml_scan *scan);     /* spaces and tabs */
void gw_yaml_skip_to_content(struct gw_yaml_scan *scan); /* also comments and breaks */
bool gw_yaml_is_marker(const struct gw_yaml_scan *scan); /* "---" or "..." at a line's start */
/* The end of the text or of the document. */
bool gw_yaml_is_over(const struct gw_yaml_scan *scan);
GW_MUST_CHECK
int gw_yaml_read_properties(struct gw_yaml_scan *scan, bool in_flow,
                            struct gw_yaml_properties *out_properties);
/* Adds a node with its properties; the text is borrowed for the graph's life. */
GW_MUST_CHECK
int gw_yaml_add(struct gw_yaml_scan *scan, struct gw_yaml_node *node,
                const struct gw_yaml_properties *properties);
/* An empty plain scalar at the current place. */
GW_MUST_CHECK
int gw_yaml_add_empty(struct gw_yaml_scan *scan, const struct gw_yaml_properties *properties);

/* --- yaml_plain.c: scalars that are not block scalars, and aliases ---
 * `indent` is that of the parent: further lines must be deeper. The node is not added yet. */
GW_MUST_CHECK
int gw_yaml_read_scalar(struct gw_yaml_scan *scan, int indent, bool in_flow,
                        struct gw_yaml_node *out_node);

/* --- yaml_block_scalar.c --- */
GW_MUST_CHECK
int gw_yaml_read_block_scalar(struct gw_yaml_scan *scan, int indent, struct gw_yaml_node *out_node);

/* --- yaml_flow.c --- */
GW_MUST_CHECK
int gw_yaml_read_flow(struct gw_yaml_scan *scan, int indent,
                      const struct gw_yaml_properties *properties);

/* Keeps the scratch buffer as a text of the graph. */
GW_MUST_CHECK
int gw_yaml_keep_scratch(struct gw_yaml_scan *scan, struct gw_str *out_text);
