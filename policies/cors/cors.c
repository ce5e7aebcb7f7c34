#include "policies/cors/cors.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/cors/origin.h"
#include "server/contract/operation.h"
#include "server/contract/rules.h"
#include "server/core/clock.h"
#include "server/net/http_parser.h"

#define MAX_RULES 256
#define MAX_LIST 64

static const struct gw_option allow_options[] = {
    {.name = "origins",
     .type = GW_LIST,
     .min = 1,
     .max = MAX_LIST,
     .flags = GW_OPTION_REQUIRED,
     .help = "`https://portal.example`, `https://*.plant.example` (names below it), or `*`."},
    {.name = "namespaces",
     .type = GW_LIST,
     .min = 1,
     .max = MAX_LIST,
     .value = "[\"*\"]",
     .help = "The APIs that these pages may call; patterns as in `grants`."},
    {.name = "headers",
     .type = GW_LIST,
     .max = MAX_LIST,
     .value = "[Authorization, Content-Type, DPoP, Idempotency-Key, If-Match, If-None-Match, "
              "traceparent]",
     .help = "Request fields that a page may set."},
    {.name = "expose",
     .type = GW_LIST,
     .max = MAX_LIST,
     .value = "[ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id]",
     .help = "Response fields that a page may read."},
    {.name = "credentials",
     .type = GW_BOOL,
     .value = "false",
     .help = "Whether cookies and client certificates may come along; not with the origin `*`."},
    {.name = "max_age",
     .type = GW_DURATION,
     .max = (int64_t)(86400 * GW_NS_PER_SECOND),
     .value = "10m",
     .help = "How long a browser may remember the answer to a preflight."},
    {0},
};

static const struct gw_option cors_options[] = {
    {.name = "allow",
     .type = GW_LIST,
     .max = MAX_RULES,
     .fields = allow_options,
     .value = "[]",
     .help = "Who may call what; the first entry that fits counts."},
    {0},
};

struct list {
    struct gw_str *items;
    size_t count;
};

struct rule {
    struct list origins, namespaces, headers;
    char *header_text; /* joined by commas, as a field's value; likewise the next two */
    char *expose_text;
    char max_age_text[24];
    bool allows_credentials;
    bool is_for_all; /* the origin "*" */
};

struct cors {
    struct rule *rules;
    size_t rule_count;
};

/* --- making --- */

static int read_list(const json_t *texts, struct list *list)
{
    list->items = calloc(json_array_size(texts) + 1, sizeof(*list->items));
    if (list->items == NULL)
        return -ENOMEM;
    for (; list->count < json_array_size(texts); list->count++)
        list->items[list->count] = gw_str_of(json_string_value(json_array_get(texts, list->count)));
    return 0;
}

static char *join(const struct list *list)
{
    size_t size = 1;

    for (size_t i = 0; i < list->count; i++)
        size += list->items[i].len + 2;
    char *text = malloc(size);
    char *at = text;
    for (size_t i = 0; text != NULL && i < list->count; i++)
        at += snprintf(at, size - (size_t)(at - text), "%s%.*s", i > 0 ? ", " : "",
                       GW_STR_ARG(list->items[i]));
    if (text != NULL)
        *at = '\0';
    return text;
}

static bool are_field_names(const struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!gw_http_is_token(list->items[i]))
            return false;
    }
    return true;
}

static int check_rule(const struct rule *rule, const char *where, struct gw_error *error)
{
    for (size_t i = 0; i < rule->origins.count; i++) {
        struct gw_str origin = rule->origins.items[i];
        if (!cors_origin_pattern_is_valid(origin))
            return gw_error_set_at(
                error, -EINVAL, where,
                "\"%.*s\" is no origin: scheme, host in lower case, port; no path",
                GW_STR_ARG(origin));
    }
    if (rule->is_for_all && rule->allows_credentials)
        return gw_error_set_at(error, -EINVAL, where,
                               "`credentials` cannot be given to the origin \"*\"");
    if (!are_field_names(&rule->headers))
        return gw_error_set_at(error, -EINVAL, where, "`headers` has what is no field name");
    return 0;
}

static int read_rule(struct rule *rule, const json_t *config, const char *where,
                     struct gw_error *error)
{
    struct list expose = {0};
    int rc = 0;

    if (read_list(json_object_get(config, "origins"), &rule->origins) != 0 ||
        read_list(json_object_get(config, "namespaces"), &rule->namespaces) != 0 ||
        read_list(json_object_get(config, "headers"), &rule->headers) != 0 ||
        read_list(json_object_get(config, "expose"), &expose) != 0 ||
        (rule->header_text = join(&rule->headers)) == NULL ||
        (rule->expose_text = join(&expose)) == NULL)
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < rule->origins.count; i++)
        rule->is_for_all = rule->is_for_all || gw_str_equal(rule->origins.items[i], GW_STR("*"));
    rule->allows_credentials = json_is_true(json_object_get(config, "credentials"));
    snprintf(rule->max_age_text, sizeof(rule->max_age_text), "%lld",
             (long long)(json_integer_value(json_object_get(config, "max_age")) /
                         (json_int_t)GW_NS_PER_SECOND));
    if (rc == 0 && !are_field_names(&expose))
        rc = gw_error_set_at(error, -EINVAL, where, "`expose` has what is no field name");
    free(expose.items);
    return rc == 0 ? check_rule(rule, where, error) : rc;
}

static void cors_destroy(void *self)
{
    struct cors *cors = self;

    if (cors == NULL)
        return;
    for (size_t i = 0; i < cors->rule_count; i++) {
        free(cors->rules[i].origins.items);
        free(cors->rules[i].namespaces.items);
        free(cors->rules[i].headers.items);
        free(cors->rules[i].header_text);
        free(cors->rules[i].expose_text);
    }
    free(cors->rules);
    free(cors);
}

static int cors_create(const json_t *config, void **out_self, struct gw_error *error)
{
    const json_t *allow = json_object_get(config, "allow");
    struct cors *cors = calloc(1, sizeof(*cors));
    int rc = 0;

    if (cors == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    cors->rules = calloc(json_array_size(allow) + 1, sizeof(*cors->rules));
    if (cors->rules == NULL)
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < json_array_size(allow); i++) {
        char where[32];
        snprintf(where, sizeof(where), "/allow/%zu", i);
        rc = read_rule(&cors->rules[cors->rule_count++], json_array_get(allow, i), where, error);
    }
    if (rc != 0) {
        cors_destroy(cors);
        return rc;
    }
    *out_self = cors;
    return 0;
}

/* --- deciding --- */

static bool covers(const struct rule *rule, const struct gw_exchange *ex)
{
    for (size_t i = 0; ex->api != NULL && i < rule->namespaces.count; i++) {
        if (gw_namespace_matches(ex->api->namespace, rule->namespaces.items[i]))
            return true;
    }
    return false;
}

static bool allows(const struct rule *rule, struct gw_str origin)
{
    for (size_t i = 0; i < rule->origins.count; i++) {
        if (cors_origin_matches(rule->origins.items[i], origin))
            return true;
    }
    return false;
}

/* The rule for the caller, or NULL; whether the answer depends on who asks. */
static const struct rule *find_rule(const struct cors *cors, const struct gw_exchange *ex,
                                    bool *out_varies)
{
    const struct gw_str *origin = gw_request_field(ex, GW_STR("Origin"));

    *out_varies = false;
    for (size_t i = 0; i < cors->rule_count; i++) {
        const struct rule *rule = &cors->rules[i];
        if (!covers(rule, ex))
            continue;
        *out_varies = *out_varies || !rule->is_for_all;
        if (origin != NULL && allows(rule, *origin))
            return rule;
    }
    return NULL;
}

/* Fields that a page may set without being asked for (Fetch: "CORS-safelisted request-header"). */
static bool is_safelisted(struct gw_str name)
{
    return gw_str_equal_nocase(name, GW_STR("Accept")) ||
           gw_str_equal_nocase(name, GW_STR("Accept-Language")) ||
           gw_str_equal_nocase(name, GW_STR("Content-Language"));
}

static bool allows_headers(const struct rule *rule, const struct gw_exchange *ex)
{
    const struct gw_str *asked = gw_request_field(ex, GW_STR("Access-Control-Request-Headers"));
    struct gw_str rest = asked == NULL ? GW_STR("") : *asked;
    struct gw_str part;

    while (gw_str_split(&rest, ',', &part)) {
        struct gw_str name = gw_str_trim(part);
        bool is_allowed = name.len == 0 || is_safelisted(name);
        for (size_t i = 0; !is_allowed && i < rule->headers.count; i++)
            is_allowed = gw_str_equal_nocase(name, rule->headers.items[i]);
        if (!is_allowed)
            return false;
    }
    return true;
}

/* --- answering --- */

static int add(struct gw_exchange *ex, struct gw_str name, struct gw_str value)
{
    return value.len == 0 ? 0 : gw_response_add_field(ex, name, value);
}

static int add_vary(struct gw_exchange *ex, struct gw_str names)
{
    const struct gw_str *given = gw_response_field(ex, GW_STR("Vary"));

    if (given != NULL) {
        struct gw_str joined =
            gw_arena_printf(&ex->arena, "%.*s, %.*s", GW_STR_ARG(*given), GW_STR_ARG(names));
        if (joined.ptr == NULL)
            return -ENOMEM;
        gw_response_remove_field(ex, GW_STR("Vary"));
        names = joined;
    }
    return add(ex, GW_STR("Vary"), names);
}

static int add_allowance(struct gw_exchange *ex, const struct rule *rule)
{
    /* The request's field has no NUL behind it, as a response's must. */
    struct gw_str origin = rule->is_for_all
                               ? GW_STR("*")
                               : gw_arena_copy(&ex->arena, *gw_request_field(ex, GW_STR("Origin")));

    if (origin.ptr == NULL)
        return -ENOMEM;
    int rc = add(ex, GW_STR("Access-Control-Allow-Origin"), origin);
    if (rc == 0 && rule->allows_credentials)
        rc = add(ex, GW_STR("Access-Control-Allow-Credentials"), GW_STR("true"));
    return rc;
}

static enum gw_verdict answer_preflight(const struct cors *cors, struct gw_exchange *ex)
{
    bool varies;
    const struct rule *rule = find_rule(cors, ex, &varies);
    int rc = add(ex, GW_STR("Allow"), ex->preflight_allow);

    ex->response.status = 204;
    if (rc == 0 && rule != NULL && allows_headers(rule, ex)) {
        rc = add_allowance(ex, rule);
        if (rc == 0)
            rc = add(ex, GW_STR("Access-Control-Allow-Methods"), ex->preflight_allow);
        if (rc == 0)
            rc = add(ex, GW_STR("Access-Control-Allow-Headers"), gw_str_of(rule->header_text));
        if (rc == 0)
            rc = add(ex, GW_STR("Access-Control-Max-Age"), gw_str_of(rule->max_age_text));
    }
    if (rc == 0)
        rc = add_vary(ex, GW_STR("Origin, Access-Control-Request-Method, "
                                 "Access-Control-Request-Headers"));
    return rc == 0 ? GW_STOP : GW_FAIL;
}

/* A browser lets any page open a WebSocket, with its cookies, and shows it what comes: nobody but
 * the server checks the origin (RFC 6455, section 10.2). Programs send none. */
static bool is_foreign_websocket(const struct cors *cors, const struct gw_exchange *ex)
{
    const struct gw_str *origin = gw_request_field(ex, GW_STR("Origin"));
    bool is_covered = false;

    for (size_t i = 0; i < cors->rule_count; i++) {
        is_covered = is_covered || covers(&cors->rules[i], ex);
        if (origin != NULL && covers(&cors->rules[i], ex) && allows(&cors->rules[i], *origin))
            return false;
    }
    return is_covered && origin != NULL;
}

static enum gw_verdict cors_on_request(void *self, struct gw_exchange *ex)
{
    if (ex->is_preflight)
        return answer_preflight(self, ex);
    if (ex->request.wants_websocket && is_foreign_websocket(self, ex))
        return gw_exchange_reject(ex, "forbidden", "This origin may not open the WebSocket.", 0);
    return GW_NEXT;
}

/* A backend knows nothing of who may call the gateway. */
static void drop_answers_of_backend(struct gw_exchange *ex)
{
    static const struct gw_str names[] = {
        GW_STR_INIT("Access-Control-Allow-Origin"),
        GW_STR_INIT("Access-Control-Allow-Credentials"),
        GW_STR_INIT("Access-Control-Allow-Methods"),
        GW_STR_INIT("Access-Control-Allow-Headers"),
        GW_STR_INIT("Access-Control-Expose-Headers"),
        GW_STR_INIT("Access-Control-Max-Age"),
    };

    for (size_t i = 0; i < GW_COUNT_OF(names); i++)
        gw_response_remove_field(ex, names[i]);
}

static enum gw_verdict cors_on_response(void *self, struct gw_exchange *ex)
{
    const struct cors *cors = self;
    bool varies;
    int rc = 0;

    if (ex->is_preflight || cors->rule_count == 0)
        return GW_NEXT;
    const struct rule *rule = find_rule(cors, ex, &varies);
    drop_answers_of_backend(ex);
    if (rule != NULL)
        rc = add_allowance(ex, rule);
    if (rc == 0 && rule != NULL)
        rc = add(ex, GW_STR("Access-Control-Expose-Headers"), gw_str_of(rule->expose_text));
    if (rc == 0 && varies)
        rc = add_vary(ex, GW_STR("Origin"));
    return rc == 0 ? GW_NEXT : GW_FAIL;
}

const struct gw_filter_type gw_cors = {
    .name = "cors",
    .options = cors_options,
    .create = cors_create,
    .destroy = cors_destroy,
    .on_request = cors_on_request,
    .on_response = cors_on_response,
};
