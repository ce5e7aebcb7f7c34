/* Security requirements (OpenAPI: "Security Requirement Object"). A scheme's name is a name in the
 * operator's configuration, of an issuer, an API key or a client certificate: the document says
 * that one is needed, never how it is checked. */
#include "loading.h"

#include "server/core/similar.h"

/* A scheme of components.securitySchemes, looked at once. */
struct contract_scheme {
    enum gw_scheme_kind kind;
    json_t *flows; /* of oauth2; else NULL */
    bool has_scopes;
    bool is_usable; /* if not, why was said */
};

static bool is_bearer(const struct gw_place *scheme)
{
    const json_t *name = json_object_get(scheme->value, "scheme");

    return json_is_string(name) &&
           gw_str_equal_nocase(gw_str_of(json_string_value(name)), GW_STR("bearer"));
}

/* Keys in a query stand in logs and histories, and those in a cookie are sent by any page. */
static void check_api_key(struct contract_loading *loading, const struct gw_place *place,
                          struct contract_scheme *scheme)
{
    struct gw_place in = gw_place_member(place, "in");
    struct gw_place name = gw_place_member(place, "name");
    struct gw_str where = gw_str_of(json_is_string(in.value) ? json_string_value(in.value) : "");

    scheme->kind = GW_SCHEME_API_KEY;
    scheme->is_usable = gw_str_equal(where, GW_STR("header")) && json_is_string(name.value);
    if (in.value == NULL || name.value == NULL)
        contract_error(loading, place,
                       "a security scheme of type apiKey needs \"in\" and \"name\"");
    else if (gw_str_equal(where, GW_STR("query")))
        contract_error_unless_standalone(
            loading, &in, "an API key in the query ends up in logs: only in: header is offered");
    else if (gw_str_equal(where, GW_STR("cookie")))
        contract_error_unless_standalone(loading, &in,
                                         "an API key in a cookie is sent by any page a browser "
                                         "shows: only in: header is offered");
    else if (!scheme->is_usable && json_is_string(in.value) && json_is_string(name.value))
        contract_error(loading, &in, "must be \"header\", \"query\" or \"cookie\"");
}

/* What can meet it? */
static void check_type(struct contract_loading *loading, const struct gw_place *place,
                       struct contract_scheme *scheme)
{
    struct gw_place type = gw_place_member(place, "type");

    if (!json_is_string(type.value))
        return; /* said */
    struct gw_str name = gw_str_of(json_string_value(type.value));
    if (gw_str_equal(name, GW_STR("apiKey"))) {
        check_api_key(loading, place, scheme);
        return;
    }
    if (gw_str_equal(name, GW_STR("mutualTLS")) && loading->is_31) {
        scheme->kind = GW_SCHEME_CERTIFICATE;
        scheme->is_usable = true;
        return;
    }
    bool is_oauth = gw_str_equal(name, GW_STR("oauth2"));
    bool is_http = gw_str_equal(name, GW_STR("http"));
    scheme->has_scopes = is_oauth || gw_str_equal(name, GW_STR("openIdConnect"));
    scheme->flows = is_oauth ? json_object_get(place->value, "flows") : NULL;
    scheme->is_usable = scheme->has_scopes || (is_http && is_bearer(place));
    if (is_oauth && !json_is_object(scheme->flows))
        contract_error(loading, place, "a security scheme of type oauth2 needs \"flows\"");
    if (!scheme->is_usable)
        contract_error_unless_standalone(loading, &type,
                                         "security by %.*s%s is not offered: only http bearer, "
                                         "oauth2, openIdConnect, apiKey in a "
                                         "header and (from OpenAPI 3.1 on) mutualTLS are",
                                         GW_STR_ARG(name),
                                         is_http ? " with a scheme other than bearer" : "");
}

static void report_undefined(struct contract_loading *loading, const struct gw_place *use,
                             const json_t *schemes)
{
    struct gw_similar similar;
    const char *key;
    json_t *value;
    json_t *object = (json_t *)(uintptr_t)schemes; /* jansson's iteration is not const */

    gw_similar_init(&similar, gw_str_of(use->key));
    json_object_foreach(object, key, value) gw_similar_offer(&similar, gw_str_of(key));
    gw_place_report_key(&loading->resolver, use, GW_SEVERITY_ERROR,
                        "components.securitySchemes defines no \"%.80s\"%s%.*s%s", use->key,
                        CONTRACT_DID_YOU_MEAN(similar.best));
}

/* The scheme that is used there, or NULL (said). Its findings are told once, at its definition. */
static const struct contract_scheme *find_scheme(struct contract_loading *loading,
                                                 const struct gw_place *use)
{
    struct gw_place components = gw_place_member(&loading->root, "components");
    struct gw_place schemes = gw_place_member(&components, "securitySchemes");
    struct gw_place entry = gw_place_member(&schemes, use->key);
    struct gw_place place;

    struct contract_scheme *scheme = gw_map_get(&loading->schemes, gw_str_of(use->key));
    if (scheme != NULL)
        return scheme->is_usable ? scheme : NULL;
    if (entry.value == NULL) {
        report_undefined(loading, use, schemes.value);
        return NULL;
    }
    scheme = gw_arena_calloc(&loading->scratch, 1, sizeof(*scheme));
    if (scheme == NULL || gw_map_add(&loading->schemes, gw_str_of(use->key), scheme) != 0) {
        loading->has_no_memory = true;
        return NULL;
    }
    if (gw_reference_resolver_follow(&loading->resolver, &entry, &place) == 0 &&
        contract_check_object(loading, &place, CONTRACT_SECURITY_SCHEME))
        check_type(loading, &place, scheme);
    return scheme->is_usable ? scheme : NULL;
}

static bool defines_scope(const struct contract_scheme *scheme, const char *scope)
{
    const char *key;
    json_t *flow;

    if (scheme->flows == NULL)
        return true; /* of openIdConnect: its provider knows them */
    json_object_foreach(scheme->flows, key, flow)
    {
        if (json_object_get(json_object_get(flow, "scopes"), scope) != NULL)
            return true;
    }
    return false;
}

static void read_scopes(struct contract_loading *loading, const struct gw_place *list,
                        const struct contract_scheme *scheme, struct gw_security_scheme *out)
{
    size_t count = json_array_size(list->value);
    struct gw_str *scopes = contract_alloc(loading, count, sizeof(*scopes));

    for (size_t i = 0; scopes != NULL && i < count; i++) {
        struct gw_place item = gw_place_item(list, i);
        if (!contract_expect_string(loading, &item))
            continue;
        struct gw_str scope =
            gw_str_from(json_string_value(item.value), json_string_length(item.value));
        bool is_token = scope.len > 0; /* RFC 6749, section 3.3 */
        for (size_t at = 0; at < scope.len; at++)
            is_token = is_token && scope.ptr[at] > ' ' && scope.ptr[at] < 0x7f &&
                       scope.ptr[at] != '"' && scope.ptr[at] != '\\';
        if (!is_token)
            contract_error(loading, &item, "a scope has no spaces, quotes or backslashes");
        else if (!defines_scope(scheme, json_string_value(item.value)))
            contract_warn(loading, &item, "no flow of \"%.80s\" defines the scope \"%.*s\"",
                          list->key, GW_STR_ARG(scope));
        scopes[out->scope_count++] = contract_copy(loading, scope);
    }
    out->scopes = scopes;
}

static void read_scheme(struct contract_loading *loading, const struct gw_place *use,
                        struct gw_security_alternative *alternative,
                        struct gw_security_scheme *schemes)
{
    static const enum gw_grant_kind kinds[] = {
        [GW_SCHEME_TOKEN] = GW_GRANT_ISSUER,
        [GW_SCHEME_API_KEY] = GW_GRANT_API_KEY,
        [GW_SCHEME_CERTIFICATE] = GW_GRANT_CERTIFICATE,
    };

    if (!contract_expect_list(loading, use))
        return;
    const struct contract_scheme *scheme = find_scheme(loading, use);
    if (scheme == NULL)
        return;
    if (!scheme->has_scopes && !loading->is_31 && json_array_size(use->value) > 0)
        contract_error(loading, use, "in OpenAPI 3.0 only oauth2 and openIdConnect have scopes");
    struct gw_security_scheme *entry = &schemes[alternative->scheme_count++];
    entry->kind = scheme->kind;
    entry->name = contract_copy(loading, gw_str_of(use->key));
    contract_check_name(loading, use, kinds[scheme->kind], entry->name);
    read_scopes(loading, use, scheme, entry);
}

static void read_alternative(struct contract_loading *loading, const struct gw_place *place,
                             struct gw_security_alternative *alternative)
{
    const char *key;
    json_t *value;

    if (!contract_expect_object(loading, place))
        return;
    json_t *object = (json_t *)(uintptr_t)place->value;
    struct gw_security_scheme *schemes =
        contract_alloc(loading, json_object_size(object), sizeof(*schemes));
    if (schemes == NULL)
        return;
    json_object_foreach(object, key, value)
    {
        struct gw_place use = gw_place_member(place, key);
        read_scheme(loading, &use, alternative, schemes);
    }
    alternative->schemes = schemes;
}

struct contract_security contract_read_security(struct contract_loading *loading,
                                                const struct gw_place *place)
{
    struct contract_security security = {0};
    size_t count = json_array_size(place->value);
    struct gw_security_alternative *alternatives;

    security.allows_anonymous = count == 0 && (place->value == NULL || json_is_array(place->value));
    if (!json_is_array(place->value))
        return security; /* absent, or said */
    alternatives = contract_alloc(loading, count, sizeof(*alternatives));
    for (size_t i = 0; alternatives != NULL && i < count; i++) {
        struct gw_place item = gw_place_item(place, i);
        read_alternative(loading, &item, &alternatives[security.count++]);
        security.allows_anonymous =
            security.allows_anonymous ||
            (json_is_object(item.value) && json_object_size(item.value) == 0);
    }
    security.alternatives = alternatives;
    return security;
}
