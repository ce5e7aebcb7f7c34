/* Lines, places, anchors and tags of a YAML text. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "server/json/yaml_scan.h"

#define CORE_PREFIX "tag:yaml.org,2002:"

int gw_yaml_fail(struct gw_yaml_scan *scan, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return gw_yaml_builder_fail(scan->builder, gw_yaml_here(scan), "%s", text);
}

/* Goes on counting where the last call stopped, so that long lines cost no more than short ones. */
struct gw_position gw_yaml_here(struct gw_yaml_scan *scan)
{
    if (scan->counted < scan->line_start || scan->counted > scan->at) {
        scan->counted = scan->line_start;
        scan->column = 1;
    }
    for (; scan->counted < scan->at; scan->counted++)
        if (((unsigned char)*scan->counted & 0xC0) != 0x80)
            scan->column++;
    return (struct gw_position){scan->line, scan->column};
}

void gw_yaml_line_begin(struct gw_yaml_scan *scan)
{
    const char *at = scan->at;

    scan->line_start = at;
    while (*at == ' ')
        at++;
    scan->indent = (int)(at - scan->at);
    while (gw_yaml_is_blank(*at))
        at++;
    scan->line_content = at;
}

void gw_yaml_skip_break(struct gw_yaml_scan *scan)
{
    scan->at += scan->at[0] == '\r' && scan->at[1] == '\n' ? 2 : 1;
    scan->line++;
    gw_yaml_line_begin(scan);
}

void gw_yaml_skip_blanks(struct gw_yaml_scan *scan)
{
    while (gw_yaml_is_blank(*scan->at))
        scan->at++;
}

void gw_yaml_skip_to_content(struct gw_yaml_scan *scan)
{
    for (;;) {
        gw_yaml_skip_blanks(scan);
        /* A comment needs white space before it (YAML 1.2, chapter 6.6). */
        if (*scan->at == '#' && (gw_yaml_is_first(scan) || gw_yaml_is_blank(scan->at[-1])))
            while (*scan->at != '\0' && !gw_yaml_is_break(*scan->at))
                scan->at++;
        if (!gw_yaml_is_break(*scan->at))
            return;
        gw_yaml_skip_break(scan);
    }
}

bool gw_yaml_is_marker(const struct gw_yaml_scan *scan)
{
    const char *at = scan->at;

    return at == scan->line_start && (strncmp(at, "---", 3) == 0 || strncmp(at, "...", 3) == 0) &&
           gw_yaml_is_space(at[3]);
}

bool gw_yaml_is_over(const struct gw_yaml_scan *scan)
{
    return *scan->at == '\0' || gw_yaml_is_marker(scan);
}

/* --- anchors and tags ---------------------------------------------------------------------------
 */

static struct gw_str read_name(struct gw_yaml_scan *scan)
{
    const char *from = scan->at;

    while (!gw_yaml_is_space(*scan->at) && !gw_yaml_is_flow_sign(*scan->at))
        scan->at++;
    return gw_str_from(from, (size_t)(scan->at - from));
}

static int find_prefix(struct gw_yaml_scan *scan, struct gw_str handle, struct gw_str *out_prefix)
{
    for (size_t i = 0; i < scan->handle_count; i++)
        if (gw_str_equal(scan->handles[i].handle, handle)) {
            *out_prefix = scan->handles[i].prefix;
            return 0;
        }
    if (!gw_str_equal(handle, GW_STR("!")) && !gw_str_equal(handle, GW_STR("!!")))
        return gw_yaml_fail(scan, "the tag handle \"%.*s\" was not declared by %%TAG",
                            GW_STR_ARG(handle));
    *out_prefix = handle.len == 2 ? GW_STR(CORE_PREFIX) : GW_STR("!");
    return 0;
}

static int resolve_tag(struct gw_yaml_scan *scan, struct gw_str tag, struct gw_str *out_tag)
{
    struct gw_str rest = gw_str_tail(tag, 1);
    size_t bang = gw_str_find(rest, '!');
    struct gw_str handle = gw_str_from(tag.ptr, bang < rest.len ? bang + 2 : 1);
    struct gw_str suffix = gw_str_tail(tag, handle.len);
    struct gw_str prefix = {0};

    if (tag.len == 1) {
        *out_tag = tag;
        return 0;
    }
    if (suffix.len == 0)
        return gw_yaml_fail(scan, "a tag needs a name behind its handle");
    int rc = find_prefix(scan, handle, &prefix);
    if (rc != 0)
        return rc;
    *out_tag = gw_arena_printf(&scan->builder->graph->arena, "%.*s%.*s", GW_STR_ARG(prefix),
                               GW_STR_ARG(suffix));
    return out_tag->ptr != NULL ? 0 : gw_yaml_fail(scan, "not enough memory for a tag");
}

static int read_tag(struct gw_yaml_scan *scan, struct gw_str *out_tag)
{
    const char *from = scan->at;

    if (from[1] != '<')
        return resolve_tag(scan, read_name(scan), out_tag);
    while (!gw_yaml_is_space(*scan->at) && *scan->at != '>')
        scan->at++;
    if (*scan->at != '>' || scan->at - from < 3)
        return gw_yaml_fail(scan, "\">\" expected at the end of a tag");
    scan->at++;
    *out_tag = gw_str_from(from + 2, (size_t)(scan->at - from) - 3);
    return 0;
}

static int read_property(struct gw_yaml_scan *scan, struct gw_yaml_properties *properties)
{
    bool is_tag = *scan->at == '!';

    if ((is_tag ? properties->tag.ptr : properties->anchor.ptr) != NULL)
        return gw_yaml_fail(scan, is_tag ? "a second tag for one value"
                                         : "a second anchor for one value");
    if (is_tag)
        return read_tag(scan, &properties->tag);
    scan->at++;
    properties->anchor = read_name(scan);
    return properties->anchor.len > 0 ? 0 : gw_yaml_fail(scan, "an anchor needs a name");
}

int gw_yaml_read_properties(struct gw_yaml_scan *scan, bool in_flow,
                            struct gw_yaml_properties *out_properties)
{
    struct gw_yaml_properties properties = {.position = gw_yaml_here(scan)};

    while (*scan->at == '&' || *scan->at == '!') {
        if (properties.start == NULL)
            properties.start = scan->at;
        int rc = read_property(scan, &properties);
        if (rc != 0)
            return rc;
        if (!gw_yaml_is_space(*scan->at) && !(in_flow && gw_yaml_is_flow_sign(*scan->at)))
            return gw_yaml_fail(scan, "white space expected behind an anchor or a tag");
        gw_yaml_skip_blanks(scan);
    }
    *out_properties = properties;
    return 0;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static int set_tag(struct gw_yaml_scan *scan, struct gw_yaml_node *node, struct gw_str tag)
{
    static const struct {
        struct gw_str name;
        enum gw_yaml_tag tag;
        enum gw_yaml_kind kind;
    } known[] = {
        {GW_STR_INIT(CORE_PREFIX "str"), GW_YAML_STR, GW_YAML_SCALAR},
        {GW_STR_INIT(CORE_PREFIX "int"), GW_YAML_INT, GW_YAML_SCALAR},
        {GW_STR_INIT(CORE_PREFIX "float"), GW_YAML_FLOAT, GW_YAML_SCALAR},
        {GW_STR_INIT(CORE_PREFIX "bool"), GW_YAML_BOOL, GW_YAML_SCALAR},
        {GW_STR_INIT(CORE_PREFIX "null"), GW_YAML_NULL, GW_YAML_SCALAR},
        {GW_STR_INIT(CORE_PREFIX "seq"), GW_YAML_SEQ, GW_YAML_LIST},
        {GW_STR_INIT(CORE_PREFIX "map"), GW_YAML_MAPPING, GW_YAML_MAP},
        {GW_STR_INIT("!"), GW_YAML_STR, GW_YAML_SCALAR},
        {GW_STR_INIT("!"), GW_YAML_SEQ, GW_YAML_LIST},
        {GW_STR_INIT("!"), GW_YAML_MAPPING, GW_YAML_MAP},
    };

    for (size_t i = 0; i < GW_COUNT_OF(known); i++)
        if (known[i].kind == node->kind && gw_str_equal(known[i].name, tag)) {
            node->tag = known[i].tag;
            return 0;
        }
    return gw_yaml_builder_fail(scan->builder, node->position,
                                "the tag \"%.*s\" is not one of the core schema for this value",
                                (int)(tag.len < 100 ? tag.len : 100), tag.ptr);
}

int gw_yaml_add(struct gw_yaml_scan *scan, struct gw_yaml_node *node,
                const struct gw_yaml_properties *properties)
{
    if (properties == NULL || properties->start == NULL)
        return gw_yaml_builder_add(scan->builder, node, (struct gw_str){0});
    if (node->kind == GW_YAML_ALIAS)
        return gw_yaml_builder_fail(scan->builder, node->position,
                                    "an alias has neither anchor nor tag of its own");
    node->position = properties->position;

    int rc = properties->tag.ptr != NULL ? set_tag(scan, node, properties->tag) : 0;
    return rc == 0 ? gw_yaml_builder_add(scan->builder, node, properties->anchor) : rc;
}

int gw_yaml_add_empty(struct gw_yaml_scan *scan, const struct gw_yaml_properties *properties)
{
    struct gw_yaml_node node = {
        .kind = GW_YAML_SCALAR,
        .position = gw_yaml_here(scan),
        .is_plain = true,
        .text = GW_STR(""),
    };

    return gw_yaml_add(scan, &node, properties);
}

int gw_yaml_keep_scratch(struct gw_yaml_scan *scan, struct gw_str *out_text)
{
    if (!scan->scratch.has_failed)
        *out_text = gw_arena_copy(&scan->builder->graph->arena, gw_buf_str(&scan->scratch));
    if (scan->scratch.has_failed || out_text->ptr == NULL)
        return gw_yaml_fail(scan, "not enough memory for a text");
    return 0;
}
