/* Which members the objects of the DSL have, as tables. */
#include <stdio.h>

#include "server/flow/loading.h"

enum {
    S = 1u << GW_JSON_STRING,
    O = 1u << GW_JSON_OBJECT,
    L = 1u << GW_JSON_ARRAY,
    B = 1u << GW_JSON_TRUE | 1u << GW_JSON_FALSE,
    N = 1u << GW_JSON_NUMBER,
    ANY = ~0u,
};

enum {
    REQUIRED = 1,
    REFUSED = 2, /* of the DSL, but not offered */
};

struct member {
    const char *name;
    unsigned types;
    unsigned flags;
};

struct object_type {
    const char *what;
    const struct member *members;
    bool is_task; /* has the members of every task, too */
};

static const struct member task_members[] = {
    {"if", S},          {"input", O}, {"output", O},   {"export", O},
    {"timeout", S | O}, {"then", S},  {"metadata", O}, {0},
};

static const struct member workflow_members[] = {
    {"document", O, REQUIRED},
    {"input", O},
    {"use", O},
    {"do", L, REQUIRED},
    {"timeout", S | O},
    {"output", O},
    {"schedule", O, REFUSED},
    {0},
};

static const struct member document_members[] = {
    {"dsl", S, REQUIRED},
    {"namespace", S, REQUIRED},
    {"name", S, REQUIRED},
    {"version", S, REQUIRED},
    {"title", S},
    {"summary", S},
    {"tags", O},
    {"metadata", O},
    {0},
};

static const struct member use_members[] = {
    {"authentications", O},
    {"errors", O},
    {"extensions", L, REFUSED},
    {"functions", O},
    {"retries", O},
    {"secrets", L, REFUSED},
    {"timeouts", O},
    {"catalogs", O, REFUSED},
    {0},
};

static const struct member input_members[] = {{"schema", O}, {"from", S | O}, {0}};
static const struct member output_members[] = {{"schema", O}, {"as", S | O}, {0}};
static const struct member schema_members[] = {
    {"format", S}, {"document", O | B}, {"resource", O}, {0}};
static const struct member resource_members[] = {{"name", S}, {"endpoint", S | O, REQUIRED}, {0}};
static const struct member timeout_members[] = {{"after", S | O, REQUIRED}, {0}};
static const struct member duration_members[] = {
    {"days", N}, {"hours", N}, {"minutes", N}, {"seconds", N}, {"milliseconds", N}, {0}};
static const struct member error_members[] = {
    {"type", S, REQUIRED},
    {"status", N | S, REQUIRED},
    {"title", S},
    {"detail", S},
    {"instance", S},
    {"members", O},
    {0},
};
static const struct member retry_members[] = {
    {"when", S}, {"exceptWhen", S}, {"delay", S | O}, {"backoff", O}, {"limit", O}, {"jitter", O},
    {0},
};
static const struct member backoff_members[] = {
    {"constant", O}, {"linear", O}, {"exponential", O}, {0}};
static const struct member linear_members[] = {{"increment", S | O}, {"max", S | O}, {0}};
static const struct member exponential_members[] = {{"factor", N}, {"max", S | O}, {0}};
static const struct member limit_members[] = {{"attempt", O}, {"duration", S | O}, {0}};
static const struct member limit_attempt_members[] = {{"count", N}, {"duration", S | O}, {0}};
static const struct member jitter_members[] = {
    {"from", S | O, REQUIRED}, {"to", S | O, REQUIRED}, {0}};
static const struct member do_members[] = {{"do", L, REQUIRED}, {0}};
static const struct member set_members[] = {{"set", O | S, REQUIRED}, {0}};
static const struct member switch_members[] = {{"switch", L, REQUIRED}, {0}};
static const struct member case_members[] = {{"when", S}, {"then", S, REQUIRED}, {0}};
static const struct member for_members[] = {
    {"for", O, REQUIRED}, {"while", S}, {"do", L, REQUIRED}, {0}};
static const struct member for_what_members[] = {{"each", S}, {"in", S, REQUIRED}, {"at", S}, {0}};
static const struct member fork_members[] = {{"fork", O, REQUIRED}, {0}};
static const struct member fork_what_members[] = {{"branches", L, REQUIRED}, {"compete", B}, {0}};
static const struct member try_members[] = {{"try", L, REQUIRED}, {"catch", O, REQUIRED}, {0}};
static const struct member catch_members[] = {
    {"errors", O}, {"as", S}, {"when", S}, {"exceptWhen", S}, {"retry", S | O}, {"do", L}, {0}};
static const struct member catch_errors_members[] = {{"with", O}, {0}};
static const struct member filter_members[] = {
    {"type", S}, {"status", N}, {"instance", S}, {"title", S}, {"details", S}, {"detail", S}, {0}};
static const struct member raise_members[] = {{"raise", O, REQUIRED}, {0}};
static const struct member raise_what_members[] = {{"error", S | O, REQUIRED}, {0}};
static const struct member wait_members[] = {{"wait", S | O, REQUIRED}, {0}};
static const struct member call_members[] = {{"call", S, REQUIRED}, {"with", O}, {0}};
static const struct member http_members[] = {
    {"method", S, REQUIRED},
    {"endpoint", S | O, REQUIRED},
    {"backend", S},
    {"headers", O | S},
    {"body", ANY},
    {"query", O | S},
    {"output", S},
    {"redirect", B},
    {0},
};
static const struct member openapi_members[] = {
    {"document", O},
    {"operationId", S, REQUIRED},
    {"parameters", O},
    {"body", ANY},
    {"output", S},
    {"redirect", B},
    {"authentication", O, REFUSED},
    {0},
};
static const struct member endpoint_members[] = {{"uri", S, REQUIRED}, {"authentication", O}, {0}};
static const struct member authentication_members[] = {{"use", S},
                                                       {"basic", O},
                                                       {"bearer", O},
                                                       {"digest", O, REFUSED},
                                                       {"oauth2", O, REFUSED},
                                                       {"oidc", O, REFUSED},
                                                       {"certificate", O, REFUSED},
                                                       {0}};
static const struct member basic_members[] = {
    {"username", S, REQUIRED}, {"password", S, REQUIRED}, {"use", S, REFUSED}, {0}};
static const struct member bearer_members[] = {{"token", S, REQUIRED}, {"use", S, REFUSED}, {0}};

static const struct object_type types[FLOW_OBJECT_COUNT] = {
    [FLOW_WORKFLOW] = {"a workflow", workflow_members},
    [FLOW_DOCUMENT] = {"`document`", document_members},
    [FLOW_USE] = {"`use`", use_members},
    [FLOW_INPUT] = {"`input`", input_members},
    [FLOW_OUTPUT] = {"an output or export", output_members},
    [FLOW_SCHEMA] = {"a schema", schema_members},
    [FLOW_RESOURCE] = {"a resource", resource_members},
    [FLOW_TIMEOUT] = {"a timeout", timeout_members},
    [FLOW_DURATION] = {"a duration", duration_members},
    [FLOW_ERROR] = {"an error", error_members},
    [FLOW_RETRY] = {"a retry policy", retry_members},
    [FLOW_BACKOFF] = {"`backoff`", backoff_members},
    [FLOW_LINEAR] = {"a linear or constant backoff", linear_members},
    [FLOW_EXPONENTIAL] = {"an exponential backoff", exponential_members},
    [FLOW_LIMIT] = {"`limit`", limit_members},
    [FLOW_LIMIT_ATTEMPT] = {"`limit.attempt`", limit_attempt_members},
    [FLOW_JITTER] = {"`jitter`", jitter_members},
    [FLOW_DO] = {"a do task", do_members, true},
    [FLOW_SET] = {"a set task", set_members, true},
    [FLOW_SWITCH] = {"a switch task", switch_members, true},
    [FLOW_CASE] = {"a case", case_members},
    [FLOW_FOR] = {"a for task", for_members, true},
    [FLOW_FOR_WHAT] = {"`for`", for_what_members},
    [FLOW_FORK] = {"a fork task", fork_members, true},
    [FLOW_FORK_WHAT] = {"`fork`", fork_what_members},
    [FLOW_TRY] = {"a try task", try_members, true},
    [FLOW_CATCH] = {"`catch`", catch_members},
    [FLOW_CATCH_ERRORS] = {"`errors`", catch_errors_members},
    [FLOW_ERROR_FILTER] = {"an error filter", filter_members},
    [FLOW_RAISE] = {"a raise task", raise_members, true},
    [FLOW_RAISE_WHAT] = {"`raise`", raise_what_members},
    [FLOW_WAIT] = {"a wait task", wait_members, true},
    [FLOW_CALL] = {"a call task", call_members, true},
    [FLOW_HTTP] = {"an HTTP call's `with`", http_members},
    [FLOW_OPENAPI] = {"an OpenAPI call's `with`", openapi_members},
    [FLOW_ENDPOINT] = {"an endpoint", endpoint_members},
    [FLOW_AUTHENTICATION] = {"an authentication", authentication_members},
    [FLOW_BASIC] = {"`basic`", basic_members},
    [FLOW_BEARER] = {"`bearer`", bearer_members},
};

static const char *const type_names[] = {"null",     "a boolean", "a boolean", "a number",
                                         "a string", "an array",  "an object"};

static const struct member *find(const struct member *members, struct gw_str name)
{
    for (; members->name != NULL; members++)
        if (gw_str_equal(gw_str_of(members->name), name))
            return members;
    return NULL;
}

static const struct member *find_of(const struct object_type *type, struct gw_str name)
{
    const struct member *member = find(type->members, name);

    return member == NULL && type->is_task ? find(task_members, name) : member;
}

static void tell_unknown(struct flow_loading *loading, const struct flow_place *place,
                         const struct object_type *type, struct gw_str name)
{
    struct gw_similar similar;

    gw_similar_init(&similar, name);
    for (const struct member *member = type->members; member->name != NULL; member++)
        gw_similar_offer(&similar, gw_str_of(member->name));
    for (const struct member *member = task_members; type->is_task && member->name != NULL;
         member++)
        gw_similar_offer(&similar, gw_str_of(member->name));
    flow_error_at_key(loading, place, "\"%.*s\" is no member of %s%s%.*s%s", GW_STR_ARG(name),
                      type->what, FLOW_DID_YOU_MEAN(similar.best));
}

/* "must be a string or an object, but is null" */
static void tell_type(struct flow_loading *loading, const struct flow_place *place,
                      struct gw_str name, unsigned allowed)
{
    char text[80];
    size_t len = 0;

    for (unsigned i = 0; i < GW_COUNT_OF(type_names); i++) {
        if ((allowed >> i & 1) == 0 || i == GW_JSON_TRUE)
            continue;
        int written =
            snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? " or " : "", type_names[i]);
        len += written > 0 ? (size_t)written : 0;
        if (len >= sizeof(text))
            return;
    }
    flow_error(loading, place, "\"%.*s\" must be %s, but is %s", GW_STR_ARG(name), text,
               type_names[place->value->type]);
}

static void check_member(struct flow_loading *loading, const struct flow_place *place,
                         const struct object_type *type, struct gw_str name)
{
    struct flow_place at = flow_named_member(loading, place, name);
    const struct member *member = find_of(type, name);

    if (member == NULL)
        tell_unknown(loading, &at, type, name);
    else if ((member->flags & REFUSED) != 0)
        flow_error_at_key(loading, &at, "\"%.*s\" of %s is not supported", GW_STR_ARG(name),
                          type->what);
    else if ((member->types >> at.value->type & 1) == 0)
        tell_type(loading, &at, name, member->types);
}

bool flow_check_object(struct flow_loading *loading, const struct flow_place *place,
                       enum flow_object object)
{
    const struct object_type *type = &types[object];

    if (!flow_is(place, GW_JSON_OBJECT)) {
        if (place->value != NULL)
            flow_error(loading, place, "%s must be an object, but is %s", type->what,
                       type_names[place->value->type]);
        return false;
    }
    for (uint32_t i = 0; i < place->value->count; i++)
        check_member(loading, place, type, place->value->members[i].name);
    for (const struct member *member = type->members; member->name != NULL; member++)
        if ((member->flags & REQUIRED) != 0 &&
            gw_value_member(place->value, gw_str_of(member->name)) == NULL)
            flow_error(loading, place, "\"%s\" of %s is missing", member->name, type->what);
    return true;
}

struct flow_place flow_member_of_type(struct flow_loading *loading, const struct flow_place *place,
                                      const char *name, enum gw_json_type type)
{
    struct flow_place member = flow_member(loading, place, name);

    if (!flow_is(&member, type))
        member.value = NULL;
    return member;
}
