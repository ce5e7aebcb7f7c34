#include "server/json/yaml_graph.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define MAX_ANCHORS 100000

void gw_yaml_builder_init(struct gw_yaml_builder *builder, struct gw_yaml_graph *graph,
                          const char *file, struct gw_diagnostics *diagnostics)
{
    *builder = (struct gw_yaml_builder){
        .graph = graph,
        .file = file,
        .diagnostics = diagnostics,
    };
    gw_map_init(&builder->anchors, MAX_ANCHORS);
}

void gw_yaml_builder_finish(struct gw_yaml_builder *builder)
{
    gw_map_finish(&builder->anchors);
}

int gw_yaml_builder_fail(struct gw_yaml_builder *builder, struct gw_position position,
                         const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gw_diagnostics_add(builder->diagnostics, GW_SEVERITY_ERROR, builder->file, position.line,
                       position.column, "%s", text);
    return -EINVAL;
}

static int fail_memory(struct gw_yaml_builder *builder)
{
    gw_diagnostics_add(builder->diagnostics, GW_SEVERITY_ERROR, builder->file, 0, 0,
                       "not enough memory to read the document");
    return -ENOMEM;
}

static int resolve_alias(struct gw_yaml_builder *builder, struct gw_yaml_node *node)
{
    struct gw_yaml_node *target = gw_map_get(&builder->anchors, node->text);

    if (target == NULL)
        return gw_yaml_builder_fail(builder, node->position, "no anchor \"%.*s\" above this alias",
                                    GW_STR_ARG(node->text));
    if (target->is_open)
        return gw_yaml_builder_fail(builder, node->position,
                                    "the alias \"%.*s\" stands inside what it stands for",
                                    GW_STR_ARG(node->text));
    node->target = target;
    node->height = target->height;
    node->count = target->count;
    return 0;
}

/* The last anchor of a name counts from its place on (YAML 1.2, chapter 6.9.2). */
static int keep_anchor(struct gw_yaml_builder *builder, struct gw_str anchor,
                       struct gw_yaml_node *node)
{
    gw_map_remove(&builder->anchors, anchor);
    if (gw_map_add(&builder->anchors, anchor, node) == 0)
        return 0;
    return gw_yaml_builder_fail(builder, node->position, "more than %d anchors", MAX_ANCHORS);
}

static int check_bounds(struct gw_yaml_builder *builder, const struct gw_yaml_node *node)
{
    if (builder->depth + node->height > GW_DOCUMENT_MAX_DEPTH)
        return gw_yaml_builder_fail(builder, node->position, "nested deeper than %d levels",
                                    GW_DOCUMENT_MAX_DEPTH);
    /* What was built so far plus this, all aliases expanded: node_count counts them so. */
    if (builder->node_count + node->count > GW_DOCUMENT_MAX_NODES)
        return gw_yaml_builder_fail(builder, node->position,
                                    "more than %d values, aliases expanded", GW_DOCUMENT_MAX_NODES);
    return 0;
}

static void append_child(struct gw_yaml_builder *builder, struct gw_yaml_node *node)
{
    if (builder->depth == 0) {
        builder->graph->root = node;
        return;
    }

    struct gw_yaml_node *parent = builder->open[builder->depth - 1];
    if (parent->last == NULL)
        parent->first = node;
    else
        parent->last->next = node;
    parent->last = node;
}

/* Adds to the sizes of the innermost open node those of a finished child. */
static void count_child(struct gw_yaml_builder *builder, const struct gw_yaml_node *node)
{
    if (builder->depth == 0)
        return;

    struct gw_yaml_node *parent = builder->open[builder->depth - 1];
    parent->count += node->count;
    if (parent->height < node->height + 1)
        parent->height = node->height + 1;
}

int gw_yaml_builder_add(struct gw_yaml_builder *builder, const struct gw_yaml_node *node,
                        struct gw_str anchor)
{
    struct gw_yaml_node *copy = gw_arena_alloc(&builder->graph->arena, sizeof(*copy));
    bool opens = node->kind == GW_YAML_LIST || node->kind == GW_YAML_MAP;

    if (copy == NULL)
        return fail_memory(builder);
    *copy = *node;
    copy->count = 1;
    copy->height = opens ? 1 : 0;
    copy->is_open = opens;

    int rc = node->kind == GW_YAML_ALIAS ? resolve_alias(builder, copy) : 0;
    if (rc == 0)
        rc = check_bounds(builder, copy);
    if (rc == 0 && anchor.len > 0)
        rc = keep_anchor(builder, anchor, copy);
    if (rc != 0)
        return rc;

    builder->node_count += copy->count;
    append_child(builder, copy);
    if (opens)
        builder->open[builder->depth++] = copy;
    else
        count_child(builder, copy);
    return 0;
}

void gw_yaml_builder_close(struct gw_yaml_builder *builder)
{
    struct gw_yaml_node *node = builder->open[--builder->depth];

    node->is_open = false;
    count_child(builder, node);
}

bool gw_yaml_node_is_merge(const struct gw_yaml_node *key)
{
    return key->kind == GW_YAML_SCALAR && key->is_plain && key->tag == GW_YAML_UNTAGGED &&
           gw_str_equal(key->text, GW_STR("<<"));
}
