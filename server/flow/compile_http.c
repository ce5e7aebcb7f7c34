/* call: http and call: openapi. An HTTP call goes to a configured backend: its endpoint is a path
 * below it, or the address of one. */
#include "server/flow/loading.h"

static void check_redirect(struct flow_loading *loading, const struct flow_place *with)
{
    struct flow_place redirect = flow_member(loading, with, "redirect");

    if (flow_is(&redirect, GW_JSON_TRUE))
        flow_error(loading, &redirect, "redirects are answers like others: none is followed");
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

/* --- where it goes -----------------------------------------------------------------------------
 */

struct target {
    const struct gw_connector_type *type;
    struct flow_node backend, path;
};

/* "https://erp.example/api/items/{id}" is looked up, up to the first variable. */
static bool find_backend(struct flow_template_builder *builder, const struct flow_place *uri,
                         struct target *out)
{
    struct flow_loading *loading = builder->loading;
    struct gw_str text = uri->value->text;
    struct gw_str fixed = gw_str_from(text.ptr, gw_str_find(text, '{'));
    struct gw_str name = {NULL, 0};
    size_t path_at = 0;

    if (loading->names->find_backend != NULL)
        name = loading->names->find_backend(loading->names->self, fixed, &path_at);
    if (name.ptr == NULL || path_at > fixed.len) {
        flow_error(loading, uri,
                   "\"%.*s\" is the address of no backend; an endpoint is a path below a "
                   "configured `backend`",
                   GW_STR_ARG(fixed));
        return false;
    }
    name = gw_arena_copy(loading->arena, name);
    loading->has_no_memory |= name.ptr == NULL;
    flow_mention_name(loading, uri, name, out->type);
    out->backend = flow_literal_node(gw_value_string(name));
    out->path = flow_uri_node(builder, uri, gw_str_tail(text, path_at));
    return true;
}

static bool compile_target(struct flow_template_builder *builder, const struct flow_place *with,
                           const struct flow_place *uri, struct target *out)
{
    struct flow_loading *loading = builder->loading;
    struct flow_place backend = flow_member_of_type(loading, with, "backend", GW_JSON_STRING);
    struct gw_str text = flow_text(uri), inner;
    bool is_expression = flow_is_expression(text, &inner);

    if (text.len == 0)
        return false; /* told */
    if (backend.value == NULL && (text.ptr[0] == '/' || is_expression)) {
        flow_error(loading, with, "\"backend\", below which this endpoint is a path, is missing");
        return false;
    }
    if (backend.value == NULL)
        return find_backend(builder, uri, out);
    if (text.ptr[0] != '/' && !is_expression) {
        flow_error(loading, uri, "below a `backend` the endpoint is a path that begins with /");
        return false;
    }
    out->path =
        is_expression ? flow_expression_node(builder, uri) : flow_uri_node(builder, uri, text);
    out->backend = flow_node_of(builder, &backend);
    if (out->backend.kind == FLOW_NODE_LITERAL)
        flow_mention_name(loading, &backend, backend.value->text, out->type);
    return true;
}

/* --- who asks ----------------------------------------------------------------------------------
 */

static struct flow_node credential_node(struct flow_template_builder *builder,
                                        const struct flow_place *place, const char *first,
                                        const char *second)
{
    struct flow_node *parts = flow_alloc(builder->loading, 2, sizeof(*parts));
    struct flow_node node = {.kind = second != NULL ? FLOW_NODE_BASIC : FLOW_NODE_BEARER,
                             .count = second != NULL ? 2 : 1,
                             .parts = parts};
    struct flow_place one = flow_member(builder->loading, place, first);

    if (parts == NULL)
        return node;
    parts[0] = flow_node_of(builder, &one);
    if (second != NULL) {
        struct flow_place other = flow_member(builder->loading, place, second);
        parts[1] = flow_node_of(builder, &other);
    }
    return node;
}

/* Adds an Authorization field; false: there is none. */
static bool compile_authentication(struct flow_template_builder *builder,
                                   const struct flow_place *endpoint, struct flow_node *out_node)
{
    struct flow_loading *loading = builder->loading;
    struct flow_place place =
        flow_member_of_type(loading, endpoint, "authentication", GW_JSON_OBJECT);
    struct flow_place use = flow_member_of_type(loading, &place, "use", GW_JSON_STRING);

    if (use.value != NULL)
        place = flow_compile_use(loading, &use, "authentications", "authentication");
    if (!flow_check_object(loading, &place, FLOW_AUTHENTICATION))
        return false;
    struct flow_place basic = flow_member_of_type(loading, &place, "basic", GW_JSON_OBJECT);
    struct flow_place bearer = flow_member_of_type(loading, &place, "bearer", GW_JSON_OBJECT);
    if (flow_check_object(loading, &basic, FLOW_BASIC))
        *out_node = credential_node(builder, &basic, "username", "password");
    else if (flow_check_object(loading, &bearer, FLOW_BEARER))
        *out_node = credential_node(builder, &bearer, "token", NULL);
    else
        return false;
    return true;
}

static struct flow_node headers_node(struct flow_template_builder *builder,
                                     const struct flow_place *with,
                                     const struct flow_place *endpoint)
{
    struct flow_loading *loading = builder->loading;
    struct flow_place headers = flow_member(loading, with, "headers");
    struct flow_node authorization;

    if (!compile_authentication(builder, endpoint, &authorization))
        return flow_node_of(builder, &headers);
    if (flow_is(&headers, GW_JSON_STRING)) {
        flow_error(loading, &headers, "beside an authentication the headers are an object");
        return authorization;
    }
    uint32_t count = flow_is(&headers, GW_JSON_OBJECT) ? headers.value->count : 0;
    struct gw_str *names = flow_alloc(loading, count + 1, sizeof(*names));
    struct flow_node *parts = flow_alloc(loading, count + 1, sizeof(*parts));
    if (names == NULL || parts == NULL)
        return authorization;
    for (uint32_t i = 0; i < count; i++) {
        names[i] = headers.value->members[i].name;
        struct flow_place member = flow_named_member(loading, &headers, names[i]);
        parts[i] = flow_node_of(builder, &member);
    }
    names[count] = GW_STR("authorization");
    parts[count] = authorization;
    return (struct flow_node){
        .kind = FLOW_NODE_OBJECT, .count = count + 1, .names = names, .parts = parts};
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

/* The arguments of http.request; those not given are left out. */
static struct flow_node arguments_node(struct flow_template_builder *builder,
                                       const struct flow_place *with,
                                       const struct flow_place *endpoint, struct flow_node path)
{
    static const char *const copied[] = {"query", "body", "output"};
    struct gw_str names[6] = {GW_STR("method"), GW_STR("path")};
    struct flow_node parts[6] = {method_node(builder, with), path};
    uint32_t count = 2;

    parts[count] = headers_node(builder, with, endpoint);
    if (parts[count].kind != FLOW_NODE_LITERAL || parts[count].literal.type != GW_JSON_NULL)
        names[count++] = GW_STR("headers");
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
    struct target target = {0};

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
    if (!compile_target(&builder, with, &uri, &target))
        return;
    struct flow_node both[] = {target.backend,
                               arguments_node(&builder, with, &endpoint, target.path)};
    flow_template_end(&builder, flow_object_node(loading, names, both, 2), &task->call.with);
    task->call.is_write = !is_read(gw_value_member(with->value, GW_STR("method")));
    if (task->call.is_write)
        flow_note_effect(loading, task->call.function->effect);
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
