/* Where an HTTP call goes, and as whom. An endpoint is a path below a configured backend, or begins
 * with the address of one: a flow cannot reach what the operator has not named. */
#include "server/flow/loading.h"
#include "server/http/percent.h"

/* --- where it goes -----------------------------------------------------------------------------
 */

/* One "name=value" of a query; the connector encodes it. */
static bool add_pair(struct flow_template_builder *builder, const struct flow_place *uri,
                     struct gw_str pair, struct flow_target *out)
{
    struct flow_loading *loading = builder->loading;
    size_t equals = gw_str_find(pair, '=');
    struct gw_str name = gw_str_from(pair.ptr, equals), value = GW_STR("");

    if (equals < pair.len)
        value = gw_str_tail(pair, equals + 1);
    if (out->count == FLOW_MAX_QUERY ||
        gw_percent_decode(name, GW_PERCENT_QUERY, loading->arena, &name) != 0 ||
        gw_percent_decode(value, GW_PERCENT_QUERY, loading->arena, &value) != 0)
        return false;
    for (uint32_t i = 0; i < out->count; i++)
        if (gw_str_equal(out->names[i], name))
            return false;
    out->names[out->count] = name;
    out->values[out->count] = flow_uri_node(builder, uri, value);
    out->values[out->count++].kind = FLOW_NODE_TEXT;
    return true;
}

/* "/pet/{id}?status={status}" */
static void split_path(struct flow_template_builder *builder, const struct flow_place *uri,
                       struct gw_str text, struct flow_target *out)
{
    size_t mark = gw_str_find(text, '?');
    struct gw_str path = gw_str_from(text.ptr, mark), query = {NULL, 0}, pair;

    if (mark < text.len)
        query = gw_str_tail(text, mark + 1);
    out->path = flow_uri_node(builder, uri, path.len > 0 ? path : GW_STR("/"));
    while (gw_str_split(&query, '&', &pair)) {
        if (pair.len > 0 && !add_pair(builder, uri, pair, out))
            flow_error(builder->loading, uri, "\"%.*s\" cannot stand in the query here",
                       GW_STR_ARG(pair));
    }
}

/* The backend whose address `fixed` begins with; *out_path_at is where in it the path begins. */
static bool find_backend(struct flow_loading *loading, const struct flow_place *uri,
                         struct gw_str fixed, struct flow_target *out, size_t *out_path_at)
{
    struct gw_str name = {NULL, 0};

    if (loading->names->find_backend != NULL)
        name = loading->names->find_backend(loading->names->self, fixed, out_path_at);
    if (name.ptr == NULL || *out_path_at > fixed.len) {
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
    return true;
}

/* The text that an expression begins with: of "https://erp.example/items/\(.id)" all before \(. */
static struct gw_str first_text(struct gw_str expression)
{
    struct gw_str text = gw_str_trim(expression);
    size_t end = 1;

    if (text.len == 0 || text.ptr[0] != '"')
        return GW_STR("");
    while (end < text.len && text.ptr[end] != '"' && text.ptr[end] != '\\')
        end++;
    return gw_str_from(text.ptr + 1, end - 1);
}

/* "https://erp.example/api/items/{id}", or an expression of such a text: its backend must be known
 * beforehand, by what stands before the first variable. */
static bool compile_address(struct flow_template_builder *builder, const struct flow_place *uri,
                            struct flow_target *out)
{
    struct flow_loading *loading = builder->loading;
    struct gw_str text = uri->value->text, inner;
    bool is_expression = flow_is_expression(text, &inner);
    struct gw_str fixed =
        is_expression ? first_text(inner) : gw_str_from(text.ptr, gw_str_find(text, '{'));
    size_t path_at = 0;

    if (!find_backend(loading, uri, fixed, out, &path_at))
        return false;
    if (!is_expression) {
        split_path(builder, uri, gw_str_tail(text, path_at), out);
        return true;
    }
    struct flow_node *whole = flow_alloc(loading, 1, sizeof(*whole));
    if (whole == NULL)
        return false;
    *whole = flow_expression_node(builder, uri);
    out->path = (struct flow_node){.kind = FLOW_NODE_BELOW,
                                   .literal = gw_value_string(gw_str_from(fixed.ptr, path_at)),
                                   .count = 1,
                                   .parts = whole};
    return true;
}

bool flow_compile_target(struct flow_template_builder *builder, const struct flow_place *with,
                         const struct flow_place *uri, struct flow_target *out)
{
    struct flow_loading *loading = builder->loading;
    struct flow_place backend = flow_member_of_type(loading, with, "backend", GW_JSON_STRING);
    struct gw_str text = flow_text(uri), inner;
    bool is_expression = flow_is_expression(text, &inner);

    if (text.len == 0)
        return false; /* told */
    bool is_path = text.ptr[0] == '/' || (is_expression && first_text(inner).len == 0) ||
                   (is_expression && first_text(inner).ptr[0] == '/');
    if (backend.value == NULL && !is_path)
        return compile_address(builder, uri, out);
    if (text.ptr[0] != '/' && !is_expression) {
        flow_error(loading, uri, "below a `backend` the endpoint is a path that begins with /");
        return false;
    }
    if (is_expression)
        out->path = flow_expression_node(builder, uri);
    else
        split_path(builder, uri, text, out);
    out->is_default = backend.value == NULL;
    if (out->is_default) {
        out->backend = flow_literal_node(gw_value_null());
        return true;
    }
    out->backend = flow_node_of(builder, &backend);
    if (out->backend.kind == FLOW_NODE_LITERAL)
        flow_mention_name(loading, &backend, backend.value->text, out->type);
    return true;
}

struct flow_node flow_query_node(struct flow_template_builder *builder,
                                 const struct flow_place *with, const struct flow_target *target)
{
    struct flow_loading *loading = builder->loading;
    struct flow_place query = flow_member(loading, with, "query");

    if (target->count == 0)
        return flow_node_of(builder, &query);
    if (flow_is(&query, GW_JSON_STRING))
        flow_error(loading, &query, "beside a query in the endpoint, `query` is an object");
    uint32_t given = flow_is(&query, GW_JSON_OBJECT) ? query.value->count : 0;
    uint32_t count = target->count + given;
    struct gw_str *names = flow_alloc(loading, count, sizeof(*names));
    struct flow_node *parts = flow_alloc(loading, count, sizeof(*parts));
    if (names == NULL || parts == NULL)
        return flow_literal_node(gw_value_null());
    memcpy(names, target->names, target->count * sizeof(*names));
    memcpy(parts, target->values, target->count * sizeof(*parts));
    for (uint32_t i = 0; i < given; i++) {
        struct gw_str name = query.value->members[i].name;
        struct flow_place member = flow_member_at(loading, &query, i);
        for (uint32_t k = 0; k < target->count; k++)
            if (gw_str_equal(name, target->names[k]))
                flow_error_at_key(loading, &member, "\"%.*s\" stands in the endpoint, too",
                                  GW_STR_ARG(name));
        names[target->count + i] = name;
        parts[target->count + i] = flow_node_of(builder, &member);
    }
    return (struct flow_node){
        .kind = FLOW_NODE_OBJECT, .count = count, .names = names, .parts = parts};
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
    struct flow_quiet quiet;

    if (use.value != NULL)
        place = flow_compile_use(loading, &use, "authentications", "authentication");
    if (!flow_is(&place, GW_JSON_OBJECT))
        return false;
    flow_quiet_begin(loading, &quiet, flow_is_seen(loading, place.value));
    (void)flow_check_object(loading, &place, FLOW_AUTHENTICATION);
    flow_quiet_end(loading, &quiet);
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

struct flow_node flow_headers_node(struct flow_template_builder *builder,
                                   const struct flow_place *with, const struct flow_place *endpoint)
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
        struct flow_place member = flow_member_at(loading, &headers, i);
        parts[i] = flow_node_of(builder, &member);
    }
    names[count] = GW_STR("authorization");
    parts[count] = authorization;
    return (struct flow_node){
        .kind = FLOW_NODE_OBJECT, .count = count + 1, .names = names, .parts = parts};
}
