/* Templates: values of the document whose strings `${ ... }` are expressions. */
#include <errno.h>

#include "server/flow/loading.h"

bool flow_is_expression(struct gw_str text, struct gw_str *out_inner)
{
    size_t start = 0, end = text.len;

    while (start < end && strchr(" \t\r\n", text.ptr[start]) != NULL)
        start++;
    while (end > start && strchr(" \t\r\n", text.ptr[end - 1]) != NULL)
        end--;
    if (end - start < 3 || text.ptr[start] != '$' || text.ptr[start + 1] != '{' ||
        text.ptr[end - 1] != '}')
        return false;
    *out_inner = gw_str_from(text.ptr + start + 2, end - start - 3);
    return true;
}

bool flow_has_expression(const struct gw_value *value)
{
    struct gw_str inner;

    if (value->type == GW_JSON_STRING)
        return flow_is_expression(value->text, &inner);
    if (value->type == GW_JSON_ARRAY)
        for (uint32_t i = 0; i < value->count; i++)
            if (flow_has_expression(&value->items[i]))
                return true;
    if (value->type == GW_JSON_OBJECT)
        for (uint32_t i = 0; i < value->count; i++)
            if (flow_has_expression(&value->members[i].value))
                return true;
    return false;
}

void flow_template_begin(struct flow_template_builder *builder, struct flow_loading *loading)
{
    builder->loading = loading;
    builder->expression_count = builder->variable_count = 0;
}

struct flow_node flow_literal_node(struct gw_value literal)
{
    return (struct flow_node){.kind = FLOW_NODE_LITERAL, .literal = literal};
}

/* --- expressions ------------------------------------------------------------------------------ */

static bool is_name_byte(char byte, bool is_first)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
           (!is_first && byte >= '0' && byte <= '9');
}

static void add_variable(struct flow_template_builder *builder, const struct flow_place *place,
                         struct gw_str name)
{
    for (uint32_t i = 0; i < builder->variable_count; i++)
        if (gw_str_equal(builder->variables[i], name))
            return;
    if (builder->variable_count == FLOW_MAX_TEMPLATE_VARIABLES)
        flow_error(builder->loading, place, "more than %d variables in one value",
                   FLOW_MAX_TEMPLATE_VARIABLES);
    else
        builder->variables[builder->variable_count++] = name;
}

/* Too many do no harm: names in texts of the expression, or bound by itself. */
static void add_variables(struct flow_template_builder *builder, const struct flow_place *place,
                          struct gw_str text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] != '$' || !is_name_byte(text.ptr[i + 1], true))
            continue;
        size_t end = i + 1;
        while (end < text.len && is_name_byte(text.ptr[end], false))
            end++;
        add_variable(builder, place, gw_str_from(text.ptr + i + 1, end - i - 1));
        i = end - 1;
    }
}

void flow_mention_expression(struct flow_loading *loading, const struct flow_place *place,
                             uint32_t expression)
{
    struct flow_mention *mention = flow_alloc(loading, 1, sizeof(*mention));

    if (mention == NULL)
        return;
    *mention = (struct flow_mention){.next = loading->flow->expression_mentions,
                                     .pointer = place->pointer,
                                     .expression = expression};
    loading->flow->expression_mentions = mention;
}

static struct flow_node add_expression(struct flow_template_builder *builder,
                                       const struct flow_place *place, struct gw_str text)
{
    struct flow_loading *loading = builder->loading;
    struct gw_error error = {.text = ""};
    uint32_t index;

    if (builder->expression_count == FLOW_MAX_TEMPLATE_EXPRESSIONS) {
        flow_error(loading, place, "more than %d expressions in one value",
                   FLOW_MAX_TEMPLATE_EXPRESSIONS);
        return flow_literal_node(gw_value_null());
    }
    int rc = gw_expressions_add(loading->flow->expressions, text, &index, &error);
    if (rc != 0) {
        loading->has_no_memory |= rc == -ENOMEM;
        if (rc != -ENOMEM)
            flow_error(loading, place, "%s", error.text);
        return flow_literal_node(gw_value_null());
    }
    flow_mention_expression(loading, place, index);
    add_variables(builder, place, text);
    builder->expressions[builder->expression_count] = index;
    return (struct flow_node){.kind = FLOW_NODE_EXPRESSION, .hole = builder->expression_count++};
}

struct flow_node flow_expression_node(struct flow_template_builder *builder,
                                      const struct flow_place *place)
{
    struct gw_str text = flow_text(place), inner;

    return add_expression(builder, place, flow_is_expression(text, &inner) ? inner : text);
}

/* --- values: their depth is bounded by the document's ------------------------------------------
 */

struct flow_node flow_object_node(struct flow_loading *loading, const struct gw_str *names,
                                  const struct flow_node *parts, uint32_t count)
{
    struct gw_str *own_names = flow_alloc(loading, count, sizeof(*own_names));
    struct flow_node *own_parts = flow_alloc(loading, count, sizeof(*own_parts));

    if (own_names == NULL || own_parts == NULL)
        return flow_literal_node(gw_value_null());
    memcpy(own_names, names, count * sizeof(*names));
    memcpy(own_parts, parts, count * sizeof(*parts));
    return (struct flow_node){
        .kind = FLOW_NODE_OBJECT, .count = count, .names = own_names, .parts = own_parts};
}

static struct flow_node array_node(struct flow_template_builder *builder,
                                   const struct flow_place *place)
{
    uint32_t count = place->value->count;
    struct flow_node *parts = flow_alloc(builder->loading, count, sizeof(*parts));

    for (uint32_t i = 0; parts != NULL && i < count; i++) {
        struct flow_place item = flow_item(builder->loading, place, i);
        parts[i] = flow_node_of(builder, &item);
    }
    return (struct flow_node){.kind = FLOW_NODE_ARRAY, .count = count, .parts = parts};
}

static struct flow_node object_node(struct flow_template_builder *builder,
                                    const struct flow_place *place)
{
    uint32_t count = place->value->count;
    struct gw_str *names = flow_alloc(builder->loading, count, sizeof(*names));
    struct flow_node *parts = flow_alloc(builder->loading, count, sizeof(*parts));

    if (names == NULL || parts == NULL)
        return flow_literal_node(gw_value_null());
    for (uint32_t i = 0; i < count; i++) {
        names[i] = place->value->members[i].name;
        struct flow_place member = flow_named_member(builder->loading, place, names[i]);
        parts[i] = flow_node_of(builder, &member);
    }
    return (struct flow_node){
        .kind = FLOW_NODE_OBJECT, .count = count, .names = names, .parts = parts};
}

struct flow_node flow_node_of(struct flow_template_builder *builder, const struct flow_place *place)
{
    struct gw_str inner;

    if (place->value == NULL || !flow_has_expression(place->value))
        return flow_literal_node(place->value != NULL ? *place->value : gw_value_null());
    if (flow_is_expression(flow_text(place), &inner))
        return add_expression(builder, place, inner);
    return place->value->type == GW_JSON_ARRAY ? array_node(builder, place)
                                               : object_node(builder, place);
}

/* "{id}" of `text`, or nothing when the brace does not close. */
static struct gw_str next_variable(struct gw_str text)
{
    size_t close = gw_str_find(text, '}');

    return close < text.len ? gw_str_from(text.ptr + 1, close - 1) : GW_STR("");
}

struct flow_node flow_uri_node(struct flow_template_builder *builder,
                               const struct flow_place *place, struct gw_str text)
{
    uint32_t count = 1, at = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == '{' ? 2 : 0;
    struct flow_node *parts = flow_alloc(builder->loading, count, sizeof(*parts));
    while (parts != NULL && text.len > 0) {
        size_t open = gw_str_find(text, '{');
        if (open > 0)
            parts[at++] = flow_literal_node(gw_value_string(gw_str_from(text.ptr, open)));
        text = gw_str_tail(text, open);
        if (text.len == 0)
            break;
        struct gw_str name = next_variable(text);
        if (name.len == 0 || strchr("+#./;?&", name.ptr[0]) != NULL) {
            flow_error(builder->loading, place, "variables of a URI are simple: {name}");
            break;
        }
        parts[at] = flow_literal_node(gw_value_string(name));
        parts[at++].kind = FLOW_NODE_VARIABLE;
        text = gw_str_tail(text, name.len + 2);
    }
    return (struct flow_node){.kind = FLOW_NODE_URI, .count = at, .parts = parts};
}

void flow_template_end(struct flow_template_builder *builder, struct flow_node root,
                       struct flow_template *out)
{
    struct flow_loading *loading = builder->loading;
    struct flow_node *own_root = flow_alloc(loading, 1, sizeof(*own_root));
    uint32_t *expressions = flow_alloc(loading, builder->expression_count, sizeof(*expressions));
    struct gw_str *variables = flow_alloc(loading, builder->variable_count, sizeof(*variables));

    if (own_root == NULL || expressions == NULL || variables == NULL)
        return;
    *own_root = root;
    memcpy(expressions, builder->expressions, builder->expression_count * sizeof(*expressions));
    memcpy(variables, builder->variables, builder->variable_count * sizeof(*variables));
    *out = (struct flow_template){own_root, expressions, variables, builder->expression_count,
                                  builder->variable_count};
}

void flow_compile_value(struct flow_loading *loading, const struct flow_place *place,
                        struct flow_template *out)
{
    struct flow_template_builder builder;

    if (place->value == NULL)
        return;
    flow_template_begin(&builder, loading);
    flow_template_end(&builder, flow_node_of(&builder, place), out);
}

void flow_compile_expression(struct flow_loading *loading, const struct flow_place *place,
                             struct flow_template *out)
{
    struct flow_template_builder builder;

    if (!flow_is(place, GW_JSON_STRING))
        return; /* not given, or told */
    flow_template_begin(&builder, loading);
    flow_template_end(&builder, flow_expression_node(&builder, place), out);
}

void flow_compile_filter(struct flow_loading *loading, const struct flow_place *place,
                         struct flow_template *out)
{
    if (flow_is(place, GW_JSON_STRING))
        flow_compile_expression(loading, place, out);
    else
        flow_compile_value(loading, place, out);
}
