/* Which members the objects of OpenAPI have, as tables; only those that the gateway reads. */
#include "loading.h"

#include "server/core/similar.h"

enum {
    S = 1u << JSON_STRING,
    O = 1u << JSON_OBJECT,
    L = 1u << JSON_ARRAY,
    B = 1u << JSON_TRUE | 1u << JSON_FALSE,
    N = 1u << JSON_INTEGER | 1u << JSON_REAL,
    ANY = ~0u,
};

enum {
    REQUIRED_30 = 1, /* in OpenAPI 3.0 */
    REQUIRED_31 = 2, /* in OpenAPI 3.1 */
    REQUIRED = 3,
    SINCE_31 = 4,
};

struct member {
    const char *name;
    unsigned types;
    unsigned flags;
};

struct object_type {
    const char *what;
    const struct member *members;
    bool is_ours; /* unknown members are errors, also "x-..." ones */
};

static const struct member root_members[] = {
    {"openapi", S, REQUIRED},
    {"info", O, REQUIRED},
    {"servers", L, 0},
    {"paths", O, REQUIRED_30},
    {"components", O, 0},
    {"security", L, 0},
    {"tags", L, 0},
    {"externalDocs", O, 0},
    {"webhooks", O, SINCE_31},
    {"jsonSchemaDialect", S, SINCE_31},
    {0},
};

static const struct member info_members[] = {
    {"title", S, REQUIRED}, {"version", S, REQUIRED}, {"description", S, 0},    {"contact", O, 0},
    {"license", O, 0},      {"termsOfService", S, 0}, {"summary", S, SINCE_31}, {0},
};

static const struct member server_members[] = {
    {"url", S, REQUIRED},
    {"description", S, 0},
    {"variables", O, 0},
    {0},
};

static const struct member component_members[] = {
    {"schemas", O, 0},
    {"responses", O, 0},
    {"parameters", O, 0},
    {"examples", O, 0},
    {"headers", O, 0},
    {"requestBodies", O, 0},
    {"securitySchemes", O, 0},
    {"links", O, 0},
    {"callbacks", O, 0},
    {"pathItems", O, SINCE_31},
    {0},
};

static const struct member path_item_members[] = {
    {"$ref", S, 0},        {"summary", S, 0},
    {"description", S, 0}, {"servers", L, 0},
    {"parameters", L, 0},  {"get", O, 0},
    {"put", O, 0},         {"post", O, 0},
    {"delete", O, 0},      {"options", O, 0},
    {"head", O, 0},        {"patch", O, 0},
    {"trace", O, 0},       {0},
};

static const struct member operation_members[] = {
    {"tags", L, 0},
    {"summary", S, 0},
    {"description", S, 0},
    {"externalDocs", O, 0},
    {"operationId", S, 0},
    {"parameters", L, 0},
    {"requestBody", O, 0},
    {"responses", O, REQUIRED_30},
    {"callbacks", O, 0},
    {"deprecated", B, 0},
    {"security", L, 0},
    {"servers", L, 0},
    {0},
};

static const struct member parameter_members[] = {
    {"name", S, REQUIRED},   {"in", S, REQUIRED},
    {"description", S, 0},   {"required", B, 0},
    {"deprecated", B, 0},    {"allowEmptyValue", B, 0},
    {"style", S, 0},         {"explode", B, 0},
    {"allowReserved", B, 0}, {"schema", O | B, 0},
    {"example", ANY, 0},     {"examples", O, 0},
    {"content", O, 0},       {0},
};

static const struct member request_body_members[] = {
    {"description", S, 0},
    {"content", O, REQUIRED},
    {"required", B, 0},
    {0},
};

static const struct member media_type_members[] = {
    {"schema", O | B, 0}, {"example", ANY, 0}, {"examples", O, 0}, {"encoding", O, 0}, {0},
};

static const struct member response_members[] = {
    {"description", S, REQUIRED}, {"headers", O, 0}, {"content", O, 0}, {"links", O, 0}, {0},
};

static const struct member header_members[] = {
    {"description", S, 0}, {"required", B, 0}, {"deprecated", B, 0}, {"allowEmptyValue", B, 0},
    {"style", S, 0},       {"explode", B, 0},  {"schema", O | B, 0}, {"allowReserved", B, 0},
    {"example", ANY, 0},   {"examples", O, 0}, {"content", O, 0},    {0},
};

static const struct member encoding_members[] = {
    {"contentType", S, 0}, {"headers", O, 0},       {"style", S, 0},
    {"explode", B, 0},     {"allowReserved", B, 0}, {0},
};

static const struct member security_scheme_members[] = {
    {"type", S, REQUIRED}, {"description", S, 0},      {"name", S, 0},
    {"in", S, 0},          {"scheme", S, 0},           {"bearerFormat", S, 0},
    {"flows", O, 0},       {"openIdConnectUrl", S, 0}, {0},
};

static const struct member millgate_members[] = {
    {"namespace", S, REQUIRED},
    {"owner", S, REQUIRED},
    {"contact", S, 0},
    {"runbook", S, 0},
    {"lifecycle", S, 0},
    {"plan", S, 0},
    {"backend", S, 0},
    {"service_level", O, 0},
    {"authorize", L, 0},
    {"idempotency", S, 0},
    {"cache", O | B, 0},
    {"landscape", S, 0},
    {0},
};

static const struct member millgate_path_members[] = {
    {"authorize", L, 0},
    {"idempotency", S, 0},
    {"cache", O | B, 0},
    {0},
};

static const struct member millgate_operation_members[] = {
    {"backend", S, 0},
    {"backend_path", S, 0},
    {"plan", S, 0},
    {"max_body", S | N, 0},
    {"weight", N, 0},
    {"websocket", B, 0},
    {"authorize", L, 0},
    {"idempotency", S, 0},
    {"cache", O | B, 0},
    {"flow", S, 0},
    {"landscape", S, 0},
    {"builtin", S, 0},
    {0},
};

static const struct member cache_members[] = {
    {"ttl", S, 0},
    {"shared", B, 0},
    {"stale_while_revalidate", S, 0},
    {"stale_if_error", S, 0},
    {"tags", L, 0},
    {"ignore", L, 0},
    {0},
};

static const struct member rule_members[] = {{"when", S, REQUIRED}, {"say", S, 0}, {0}};

static const struct member service_level_members[] = {
    {"availability", N, 0},
    {"latency_p99_ms", N, 0},
    {0},
};

static const struct object_type object_types[] = {
    [CONTRACT_ROOT] = {"an OpenAPI document", root_members, false},
    [CONTRACT_INFO] = {"info", info_members, false},
    [CONTRACT_SERVER] = {"a server", server_members, false},
    [CONTRACT_COMPONENTS] = {"components", component_members, false},
    [CONTRACT_PATH_ITEM] = {"a path item", path_item_members, false},
    [CONTRACT_OPERATION] = {"an operation", operation_members, false},
    [CONTRACT_PARAMETER] = {"a parameter", parameter_members, false},
    [CONTRACT_REQUEST_BODY] = {"a request body", request_body_members, false},
    [CONTRACT_MEDIA_TYPE] = {"a media type", media_type_members, false},
    [CONTRACT_RESPONSE] = {"a response", response_members, false},
    [CONTRACT_HEADER] = {"a header", header_members, false},
    [CONTRACT_ENCODING] = {"an encoding", encoding_members, false},
    [CONTRACT_SECURITY_SCHEME] = {"a security scheme", security_scheme_members, false},
    [CONTRACT_MILLGATE] = {"x-millgate", millgate_members, true},
    [CONTRACT_MILLGATE_PATH] = {"x-millgate of a path", millgate_path_members, true},
    [CONTRACT_RULE] = {"a rule", rule_members, true},
    [CONTRACT_MILLGATE_OPERATION] = {"x-millgate of an operation", millgate_operation_members,
                                     true},
    [CONTRACT_CACHE] = {"cache", cache_members, true},
    [CONTRACT_SERVICE_LEVEL] = {"service_level", service_level_members, true},
};

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a string",
        [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",      [JSON_NULL] = "null",
    };
    return names[json_typeof(value)];
}

static const char *types_text(unsigned types)
{
    if (types == (O | B))
        return "an object or a boolean";
    if (types == (S | N))
        return "a string or a number";
    return types == S   ? "a string"
           : types == O ? "an object"
           : types == L ? "a list"
           : types == B ? "true or false"
                        : "a number";
}

static bool expect(struct contract_loading *loading, const struct gw_place *place, unsigned types)
{
    const char *name = place->key != NULL ? place->key : "this item";

    if (place->value == NULL) {
        contract_error(loading, place, "\"%.80s\" is missing", name);
        return false;
    }
    if (types & 1u << json_typeof(place->value))
        return true;
    contract_error(loading, place, "%s%.80s%s must be %s, not %s", place->key != NULL ? "\"" : "",
                   name, place->key != NULL ? "\"" : "", types_text(types),
                   type_name(place->value));
    return false;
}

bool contract_expect_object(struct contract_loading *loading, const struct gw_place *place)
{
    return expect(loading, place, O);
}

bool contract_expect_list(struct contract_loading *loading, const struct gw_place *place)
{
    return expect(loading, place, L);
}

bool contract_expect_string(struct contract_loading *loading, const struct gw_place *place)
{
    return expect(loading, place, S);
}

static const struct member *find_member(const struct object_type *type, const char *name)
{
    for (const struct member *member = type->members; member->name != NULL; member++) {
        if (strcmp(member->name, name) == 0)
            return member;
    }
    return NULL;
}

static void report_unknown(struct contract_loading *loading, const struct gw_place *place,
                           const struct object_type *type)
{
    struct gw_similar similar;

    gw_similar_init(&similar, gw_str_of(place->key));
    for (const struct member *member = type->members; member->name != NULL; member++)
        gw_similar_offer(&similar, gw_str_of(member->name));
    gw_place_report_key(&loading->resolver, place,
                        type->is_ours ? GW_SEVERITY_ERROR : GW_SEVERITY_WARNING,
                        "%s has no member \"%.80s\"%s%.*s%s", type->what, place->key,
                        CONTRACT_DID_YOU_MEAN(similar.best));
}

static void check_member(struct contract_loading *loading, const struct gw_place *place,
                         const struct object_type *type)
{
    const struct member *member = find_member(type, place->key);

    if (!type->is_ours && strncmp(place->key, "x-", 2) == 0)
        return;
    if (member == NULL || ((member->flags & SINCE_31) && !loading->is_31))
        report_unknown(loading, place, type);
    else if (member->types != ANY)
        (void)expect(loading, place, member->types);
}

bool contract_check_object(struct contract_loading *loading, const struct gw_place *place,
                           enum contract_object object_type)
{
    const struct object_type *type = &object_types[object_type];
    unsigned required = loading->is_31 ? REQUIRED_31 : REQUIRED_30;
    const char *key;
    json_t *value;

    if (place->value == NULL || !json_is_object(place->value)) {
        contract_error(loading, place, "%s must be an object%s%s", type->what,
                       place->value != NULL ? ", not " : "",
                       place->value != NULL ? type_name(place->value) : "");
        return false;
    }
    json_t *object = (json_t *)(uintptr_t)place->value; /* jansson's iteration is not const */
    json_object_foreach(object, key, value)
    {
        struct gw_place member = gw_place_member(place, key);
        check_member(loading, &member, type);
    }
    for (const struct member *member = type->members; member->name != NULL; member++) {
        bool is_missing =
            (member->flags & required) && json_object_get(place->value, member->name) == NULL;
        if (is_missing && !(type->is_ours && loading->rules->is_standalone))
            contract_error(loading, place, "%s needs \"%s\"", type->what, member->name);
    }
    return true;
}
