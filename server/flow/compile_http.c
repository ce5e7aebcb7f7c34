/* call: http and call: openapi. */
#include "server/flow/loading.h"

static void check_redirect(struct flow_loading *loading, const struct flow_place *with)
{
    struct flow_place redirect = flow_member(loading, with, "redirect");

    if (flow_is(&redirect, GW_JSON_TRUE))
        flow_error(loading, &redirect,
                   "redirect: true is not supported: no redirect is followed, and one is an error");
}

static int output_of(struct flow_loading *loading, const struct flow_place *with)
{
    static const char *const words[] = {[FLOW_OUTPUT_CONTENT] = "content",
                                        [FLOW_OUTPUT_RAW] = "raw",
                                        [FLOW_OUTPUT_RESPONSE] = "response"};
    struct flow_place output = flow_member_of_type(loading, with, "output", GW_JSON_STRING);

    if (output.value == NULL)
        return FLOW_OUTPUT_CONTENT;
    for (size_t i = 0; i < GW_COUNT_OF(words); i++)
        if (gw_str_equal(output.value->text, gw_str_of(words[i])))
            return (int)i;
    flow_error(loading, &output, "is one of content, raw, response");
    return FLOW_OUTPUT_CONTENT;
}

/* --- the calls ---------------------------------------------------------------------------------
 */

static bool is_read(const struct gw_value *method)
{
    static const char *const reads[] = {"get", "head", "options"};

    for (size_t i = 0; method != NULL && method->type == GW_JSON_STRING && i < GW_COUNT_OF(reads);
         i++)
        if (gw_str_equal_nocase(method->text, gw_str_of(reads[i])))
            return true;
    return false;
}

static struct flow_node method_node(struct flow_template_builder *builder,
                                    const struct flow_place *with)
{
    struct flow_place place = flow_member(builder->loading, with, "method");
    struct flow_node node = flow_node_of(builder, &place);

    if (node.kind != FLOW_NODE_LITERAL || node.literal.type != GW_JSON_STRING)
        return node;
    struct gw_str text = gw_arena_copy(builder->loading->arena, node.literal.text);
    builder->loading->has_no_memory |= text.ptr == NULL;
    for (size_t i = 0; text.ptr != NULL && i < text.len; i++)
        if (text.ptr[i] >= 'a' && text.ptr[i] <= 'z')
            ((char *)text.ptr)[i] = (char)(text.ptr[i] - 'a' + 'A');
    node.literal.text = text;
    return node;
}

static bool is_given(const struct flow_node *node)
{
    return node->kind != FLOW_NODE_LITERAL || node->literal.type != GW_JSON_NULL;
}

/* The arguments of http.request; those not given are left out. */
static struct flow_node arguments_node(struct flow_template_builder *builder,
                                       const struct flow_place *with,
                                       const struct flow_place *endpoint,
                                       const struct flow_target *target)
{
    static const char *const copied[] = {"body", "output"};
    struct gw_str names[6] = {GW_STR("method"), GW_STR("path")};
    struct flow_node parts[6] = {method_node(builder, with), target->path};
    uint32_t count = 2;

    names[count] = GW_STR("headers");
    parts[count] = flow_headers_node(builder, with, endpoint);
    count += is_given(&parts[count]);
    names[count] = GW_STR("query");
    parts[count] = flow_query_node(builder, with, target);
    count += is_given(&parts[count]);
    for (size_t i = 0; i < GW_COUNT_OF(copied); i++) {
        struct flow_place place = flow_member(builder->loading, with, copied[i]);
        if (place.value == NULL)
            continue;
        names[count] = gw_str_of(copied[i]);
        parts[count++] = flow_node_of(builder, &place);
    }
    return flow_object_node(builder->loading, names, parts, count);
}

void flow_compile_http(struct flow_loading *loading, const struct flow_place *with,
                       struct flow_task *task)
{
    const struct gw_str names[] = {GW_STR("backend"), GW_STR("arguments")};
    struct flow_template_builder builder;
    struct flow_target target = {0};

    task->kind = FLOW_TASK_CONNECTOR;
    task->call.is_http = true;
    task->call.function = flow_find_function(loading, GW_STR("http.request"), &task->call.type);
    if (task->call.function == NULL) {
        flow_error(loading, with, "there is no connector \"http\"");
        return;
    }
    if (!flow_check_object(loading, with, FLOW_HTTP))
        return;
    check_redirect(loading, with);
    (void)output_of(loading, with);
    struct flow_place endpoint = flow_member(loading, with, "endpoint"), uri = endpoint;
    if (flow_is(&endpoint, GW_JSON_OBJECT) && flow_check_object(loading, &endpoint, FLOW_ENDPOINT))
        uri = flow_member_of_type(loading, &endpoint, "uri", GW_JSON_STRING);
    flow_template_begin(&builder, loading);
    target.type = task->call.type;
    if (!flow_compile_target(&builder, with, &uri, &target))
        return;
    struct flow_node both[] = {target.backend, arguments_node(&builder, with, &endpoint, &target)};
    flow_template_end(&builder, flow_object_node(loading, names, both, 2), &task->call.with);
    task->call.is_write = !is_read(gw_value_member(with->value, GW_STR("method")));
    if (target.is_default)
        flow_mention_default(loading, with, task->call.type);
}

/* The gateway's own operations, by their names in its contracts; `document` is for the reader. */
void flow_compile_openapi(struct flow_loading *loading, const struct flow_place *with,
                          struct flow_task *task)
{
    const struct gw_str names[] = {GW_STR("parameters"), GW_STR("body")};
    struct flow_template_builder builder;

    task->kind = FLOW_TASK_OPERATION;
    if (with->value == NULL)
        flow_error(loading, with, "an operation is called `with` its operationId");
    if (!flow_check_object(loading, with, FLOW_OPENAPI))
        return;
    check_redirect(loading, with);
    task->operation.output = (unsigned)output_of(loading, with);
    if (task->operation.output == FLOW_OUTPUT_RAW)
        flow_error(loading, with, "output: raw is not supported for operations");
    struct flow_place id = flow_member_of_type(loading, with, "operationId", GW_JSON_STRING);
    struct flow_place parameters = flow_member(loading, with, "parameters");
    struct flow_place body = flow_member(loading, with, "body");
    if (id.value == NULL)
        return;
    if (flow_has_expression(id.value))
        flow_error(loading, &id, "the operation is known beforehand: no expression");
    else
        flow_mention_name(loading, &id, id.value->text, NULL);
    task->operation.operation_id = id.value->text;
    flow_template_begin(&builder, loading);
    struct flow_node both[] = {flow_node_of(&builder, &parameters), flow_node_of(&builder, &body)};
    flow_template_end(&builder, flow_object_node(loading, names, both, 2), &task->operation.with);
}
