/* YAML text to graph, by libyaml's events. The only file that sees <yaml.h>. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "server/core/scope.h"
#include "server/json/yaml_graph.h"

#define CORE_PREFIX "tag:yaml.org,2002:"

static void scope_event(yaml_event_t *event)
{
    yaml_event_delete(event);
}

static void scope_parser(yaml_parser_t *parser)
{
    yaml_parser_delete(parser);
}

static struct gw_position position_of(yaml_mark_t mark)
{
    return (struct gw_position){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* Of a reader's error libyaml tells the byte only. */
static struct gw_position position_of_byte(struct gw_str text, size_t offset)
{
    struct gw_position position = {1, 1};

    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n')
            position = (struct gw_position){position.line + 1, 1};
        else if (((unsigned char)text.ptr[i] & 0xC0) != 0x80)
            position.column++;
    }
    return position;
}

static int fail_syntax(struct gw_yaml_builder *builder, const yaml_parser_t *parser,
                       struct gw_str text)
{
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";

    if (parser->error == YAML_MEMORY_ERROR)
        problem = "not enough memory to read the document";
    if (parser->error == YAML_READER_ERROR)
        return gw_yaml_builder_fail(builder, position_of_byte(text, parser->problem_offset), "%s",
                                    problem);
    if (parser->context == NULL || parser->context_mark.line == 0)
        return gw_yaml_builder_fail(builder, position_of(parser->problem_mark), "%s", problem);
    return gw_yaml_builder_fail(builder, position_of(parser->problem_mark), "%s (%s at line %zu)",
                                problem, parser->context, parser->context_mark.line + 1);
}

static int tag_of(struct gw_yaml_builder *builder, struct gw_yaml_node *node,
                  const yaml_char_t *tag)
{
    static const struct {
        const char *name;
        enum gw_yaml_tag tag;
        enum gw_yaml_kind kind;
    } known[] = {
        {"str", GW_YAML_STR, GW_YAML_SCALAR},     {"int", GW_YAML_INT, GW_YAML_SCALAR},
        {"float", GW_YAML_FLOAT, GW_YAML_SCALAR}, {"bool", GW_YAML_BOOL, GW_YAML_SCALAR},
        {"null", GW_YAML_NULL, GW_YAML_SCALAR},   {"seq", GW_YAML_SEQ, GW_YAML_LIST},
        {"map", GW_YAML_MAPPING, GW_YAML_MAP},
    };
    struct gw_str text = gw_str_of((const char *)tag);

    node->tag = GW_YAML_UNTAGGED;
    if (text.len == 0)
        return 0;
    if (gw_str_equal(text, GW_STR("!"))) {
        if (node->kind == GW_YAML_SCALAR)
            node->tag = GW_YAML_STR;
        return 0;
    }
    if (gw_str_has_prefix(text, GW_STR(CORE_PREFIX)))
        for (size_t i = 0; i < GW_COUNT_OF(known); i++)
            if (strcmp(known[i].name, text.ptr + strlen(CORE_PREFIX)) == 0 &&
                known[i].kind == node->kind) {
                node->tag = known[i].tag;
                return 0;
            }
    return gw_yaml_builder_fail(builder, node->position,
                                "the tag \"%.*s\" is not one of the core schema for this",
                                GW_STR_ARG(text));
}

/* Adds what an event that stands for a node says. The texts of events die with them. */
static int add_node(struct gw_yaml_builder *builder, struct gw_yaml_node *node,
                    const yaml_char_t *tag, const yaml_char_t *anchor)
{
    struct gw_arena *arena = &builder->graph->arena;
    struct gw_str name = gw_str_of((const char *)anchor);
    int rc = tag_of(builder, node, tag);

    if (rc != 0)
        return rc;
    if (node->text.ptr != NULL)
        node->text = gw_arena_copy(arena, node->text);
    if (name.len > 0)
        name = gw_arena_copy(arena, name);
    if ((node->kind == GW_YAML_SCALAR && node->text.ptr == NULL) ||
        (anchor != NULL && name.ptr == NULL))
        return gw_yaml_builder_fail(builder, node->position,
                                    "not enough memory to read the document");
    return gw_yaml_builder_add(builder, node, name);
}

static int take_event(struct gw_yaml_builder *builder, const yaml_event_t *event)
{
    struct gw_yaml_node node = {.position = position_of(event->start_mark)};

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        node.kind = GW_YAML_SCALAR;
        node.is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node.text = gw_str_from((const char *)event->data.scalar.value, event->data.scalar.length);
        return add_node(builder, &node, event->data.scalar.tag, event->data.scalar.anchor);
    case YAML_ALIAS_EVENT:
        node.kind = GW_YAML_ALIAS;
        node.text = gw_str_of((const char *)event->data.alias.anchor);
        return add_node(builder, &node, NULL, NULL);
    case YAML_SEQUENCE_START_EVENT:
        node.kind = GW_YAML_LIST;
        return add_node(builder, &node, event->data.sequence_start.tag,
                        event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        node.kind = GW_YAML_MAP;
        return add_node(builder, &node, event->data.mapping_start.tag,
                        event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        gw_yaml_builder_close(builder);
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        if (builder->graph->root == NULL)
            return 0;
        return gw_yaml_builder_fail(builder, node.position,
                                    "a second document begins here; one file holds one document");
    case YAML_STREAM_END_EVENT:
        if (builder->graph->root != NULL)
            return 0;
        return gw_yaml_builder_fail(builder, (struct gw_position){0, 0},
                                    "there is no document in it");
    default:
        return 0;
    }
}

static int take_next(struct gw_yaml_builder *builder, yaml_parser_t *parser, struct gw_str text,
                     bool *out_at_end)
{
    GW_SCOPED(scope_event) yaml_event_t event = {0};

    if (!yaml_parser_parse(parser, &event))
        return fail_syntax(builder, parser, text);
    *out_at_end = event.type == YAML_STREAM_END_EVENT;
    return take_event(builder, &event);
}

int gw_yaml_scan(struct gw_yaml_builder *builder, struct gw_str text)
{
    GW_SCOPED(scope_parser) yaml_parser_t parser;
    bool at_end = false;
    int rc = 0;

    if (!yaml_parser_initialize(&parser))
        return gw_yaml_builder_fail(builder, (struct gw_position){0, 0},
                                    "not enough memory to read the document");
    if (gw_str_has_prefix(text, GW_STR("\xEF\xBB\xBF"))) /* a byte order mark is no content */
        text = gw_str_tail(text, 3);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    while (rc == 0 && !at_end)
        rc = take_next(builder, &parser, text, &at_end);
    return rc;
}
