/* call: connectors' functions by name, the document's own, and what is not offered. */
#include <errno.h>

#include "server/core/buf.h"
#include "server/flow/loading.h"
#include "server/json/option.h"

#define MAX_ARGUMENT_BYTES (1024 * 1024)

static const struct gw_connector_type *const *connectors_of(const struct flow_loading *loading)
{
    return loading->names->connectors != NULL ? loading->names->connectors : gw_connectors;
}

const struct gw_connector_function *flow_find_function(const struct flow_loading *loading,
                                                       struct gw_str name,
                                                       const struct gw_connector_type **out_type)
{
    size_t dot = gw_str_find(name, '.');

    for (const struct gw_connector_type *const *type = connectors_of(loading); *type != NULL;
         type++) {
        if (!gw_str_equal(gw_str_of((*type)->name), gw_str_from(name.ptr, dot)))
            continue;
        const struct gw_connector_function *function = (*type)->functions;
        for (; dot < name.len && function->name != NULL; function++) {
            if (!gw_str_equal(gw_str_of(function->name), gw_str_tail(name, dot + 1)))
                continue;
            *out_type = *type;
            return function;
        }
    }
    return NULL;
}

static void tell_unknown(struct flow_loading *loading, const struct flow_place *call)
{
    const struct gw_value *functions = gw_value_member(loading->use.value, GW_STR("functions"));
    struct gw_similar similar;

    gw_similar_init(&similar, call->value->text);
    for (uint32_t i = 0;
         functions != NULL && functions->type == GW_JSON_OBJECT && i < functions->count; i++)
        gw_similar_offer(&similar, functions->members[i].name);
    for (const struct gw_connector_type *const *type = connectors_of(loading); *type != NULL;
         type++)
        for (const struct gw_connector_function *each = (*type)->functions; each->name != NULL;
             each++) {
            struct gw_str name =
                gw_arena_printf(&loading->scratch, "%s.%s", (*type)->name, each->name);
            if (name.ptr != NULL)
                gw_similar_offer(&similar, name);
        }
    flow_error(loading, call,
               "\"%.*s\" is neither a connector's function nor one of use.functions%s%.*s%s",
               GW_STR_ARG(call->value->text), FLOW_DID_YOU_MEAN(similar.best));
}

void flow_mention_name(struct flow_loading *loading, const struct flow_place *place,
                       struct gw_str name, const struct gw_connector_type *type)
{
    struct flow_mention *mention = flow_alloc(loading, 1, sizeof(*mention));

    if (mention == NULL)
        return;
    *mention = (struct flow_mention){.next = loading->flow->name_mentions,
                                     .pointer = place->pointer,
                                     .expression = FLOW_NONE,
                                     .name = name,
                                     .type = type};
    loading->flow->name_mentions = mention;
}

void flow_mention_default(struct flow_loading *loading, const struct flow_place *place,
                          const struct gw_connector_type *type)
{
    struct flow_mention *mention = flow_alloc(loading, 1, sizeof(*mention));

    if (mention == NULL)
        return;
    *mention = (struct flow_mention){.next = loading->flow->name_mentions,
                                     .pointer = place->pointer,
                                     .expression = FLOW_NONE,
                                     .type = type,
                                     .is_default = true};
    loading->flow->name_mentions = mention;
}

/* --- arguments -------------------------------------------------------------------------------- */

static json_t *to_json(const struct gw_value *value)
{
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_ARGUMENT_BYTES);
    gw_value_write(&buf, value);
    json_t *json = buf.has_failed ? NULL : json_loadb(buf.ptr, buf.len, JSON_DECODE_ANY, NULL);
    gw_buf_finish(&buf);
    return json;
}

static void check_literal(struct flow_loading *loading, const struct flow_place *place,
                          const struct gw_option *option)
{
    const struct gw_option_source source = {
        .document = loading->document, .diagnostics = loading->diagnostics, .is_literal = true};
    json_t *given = to_json(place->value), *checked = NULL;

    if (given != NULL &&
        gw_option_check_value(&source, given, place->pointer.ptr, option, &checked) == -ENOMEM)
        loading->has_no_memory = true; /* -EINVAL has been told */
    json_decref(given);
    json_decref(checked);
}

static const struct gw_option *find_option(const struct gw_option *options, struct gw_str name)
{
    for (; options->type != GW_END; options++)
        if (gw_str_equal(gw_str_of(options->name), name))
            return options;
    return NULL;
}

static void check_argument(struct flow_loading *loading, const struct flow_place *with,
                           uint32_t index, const struct gw_connector_function *function)
{
    struct gw_str name = with->value->members[index].name;
    const struct gw_option *option = find_option(function->parameters, name);
    struct flow_place at = flow_member_at(loading, with, index);
    struct gw_similar similar;

    if (option != NULL) {
        if (!flow_has_expression(at.value))
            check_literal(loading, &at, option);
        return;
    }
    gw_similar_init(&similar, name);
    for (const struct gw_option *each = function->parameters; each->type != GW_END; each++)
        gw_similar_offer(&similar, gw_str_of(each->name));
    flow_error_at_key(loading, &at, "\"%.*s\" is no argument of %s%s%.*s%s", GW_STR_ARG(name),
                      function->name, FLOW_DID_YOU_MEAN(similar.best));
}

/* What is known before the flow runs. */
static void check_arguments(struct flow_loading *loading, const struct flow_place *with,
                            const struct gw_connector_function *function)
{
    if (function->parameters == NULL)
        return;
    for (uint32_t i = 0; i < with->value->count; i++)
        if (!gw_str_equal(with->value->members[i].name, GW_STR(GW_CONNECTOR_BACKEND)))
            check_argument(loading, with, i, function);
    for (const struct gw_option *each = function->parameters; each->type != GW_END; each++)
        if ((each->flags & GW_OPTION_REQUIRED) != 0 &&
            strcmp(each->name, GW_CONNECTOR_BACKEND) != 0 &&
            gw_value_member(with->value, gw_str_of(each->name)) == NULL)
            flow_error(loading, with, "\"%s\", an argument of %s, is missing", each->name,
                       function->name);
}

/* {backend, arguments}: the backend is the engine's, the rest the connector's. */
static void compile_arguments(struct flow_loading *loading, const struct flow_place *with,
                              struct flow_template *out)
{
    const struct gw_str names[] = {GW_STR(GW_CONNECTOR_BACKEND), GW_STR("arguments")};
    uint32_t count = with->value->count, at = 0;
    struct gw_str *own_names = flow_alloc(loading, count, sizeof(*own_names));
    struct flow_node *parts = flow_alloc(loading, count, sizeof(*parts));
    struct flow_node both[2] = {0};
    struct flow_template_builder builder;

    if (own_names == NULL || parts == NULL)
        return;
    flow_template_begin(&builder, loading);
    for (uint32_t i = 0; i < count; i++) {
        struct gw_str name = with->value->members[i].name;
        struct flow_place member = flow_member_at(loading, with, i);
        struct flow_node node = flow_node_of(&builder, &member);
        if (gw_str_equal(name, GW_STR(GW_CONNECTOR_BACKEND))) {
            both[0] = node;
            continue;
        }
        own_names[at] = name;
        parts[at++] = node;
    }
    both[1] = (struct flow_node){
        .kind = FLOW_NODE_OBJECT, .count = at, .names = own_names, .parts = parts};
    flow_template_end(&builder, flow_object_node(loading, names, both, 2), out);
}

static void compile_connector(struct flow_loading *loading, const struct flow_place *call,
                              const struct flow_place *with, struct flow_task *task)
{
    struct flow_place backend = flow_member(loading, with, GW_CONNECTOR_BACKEND);
    struct gw_str inner;

    if (!flow_is(with, GW_JSON_OBJECT) ||
        (backend.value != NULL && !flow_is(&backend, GW_JSON_STRING))) {
        flow_error(loading, with->value != NULL ? with : call,
                   "a connector's function is called `with` its arguments, and perhaps the name of "
                   "its `backend`");
        return;
    }
    if (backend.value != NULL && backend.value->text.len > 0 &&
        !flow_is_expression(backend.value->text, &inner))
        flow_mention_name(loading, &backend, backend.value->text, task->call.type);
    check_arguments(loading, with, task->call.function);
    const struct gw_connector_function *function = task->call.function;
    task->call.is_write =
        function->is_write && (function->reads_with == NULL || !function->reads_with(with->value));
    if (backend.value == NULL)
        flow_mention_default(loading, with, task->call.type);
    compile_arguments(loading, with, &task->call.with);
}

static bool is_not_offered(struct gw_str name)
{
    static const char *const words[] = {"grpc", "asyncapi", "a2a", "mcp"};

    for (size_t i = 0; i < GW_COUNT_OF(words); i++)
        if (gw_str_equal(name, gw_str_of(words[i])))
            return true;
    return false;
}

void flow_compile_call(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task)
{
    struct flow_place call = flow_member_of_type(loading, place, "call", GW_JSON_STRING);
    struct flow_place with = flow_member(loading, place, "with");
    struct gw_str name = flow_text(&call);
    const struct gw_value *functions = gw_value_member(loading->use.value, GW_STR("functions"));

    if (call.value == NULL)
        return;
    if (is_not_offered(name)) {
        flow_error(loading, &call,
                   "call: %.*s is not supported; what can be called: http, openapi, connectors' "
                   "functions, use.functions",
                   GW_STR_ARG(name));
        return;
    }
    if (gw_str_equal(name, GW_STR("http"))) {
        flow_compile_http(loading, &with, task);
        return;
    }
    if (gw_str_equal(name, GW_STR("openapi"))) {
        flow_compile_openapi(loading, &with, task);
        return;
    }
    if (gw_value_member(functions, name) != NULL) {
        flow_compile_function(loading, &call, &with, task);
        return;
    }
    task->call.function = flow_find_function(loading, name, &task->call.type);
    if (task->call.function != NULL)
        compile_connector(loading, &call, &with, task);
    else if (gw_str_find(name, '@') < name.len || strstr(call.value->text.ptr, "://") != NULL)
        flow_error(loading, &call, "functions of catalogs are not supported");
    else
        tell_unknown(loading, &call);
}
