#include "loading.h"

#include <stdlib.h>

void *contract_alloc(struct contract_loading *loading, size_t count, size_t bytes)
{
    void *memory = gw_arena_calloc(loading->arena, count, bytes);

    if (memory == NULL)
        loading->has_no_memory = true;
    return memory;
}

struct gw_str contract_copy(struct contract_loading *loading, struct gw_str text)
{
    struct gw_str copy = gw_arena_copy(loading->arena, text);

    if (copy.ptr == NULL) {
        loading->has_no_memory = true;
        return GW_STR("");
    }
    return copy;
}

struct gw_str contract_text(struct contract_loading *loading, const struct gw_place *place,
                            const char *key)
{
    const json_t *value = json_object_get(place->value, key);

    if (!json_is_string(value))
        return GW_STR("");
    return contract_copy(loading, gw_str_from(json_string_value(value), json_string_length(value)));
}

bool contract_flag(const struct gw_place *place, const char *key, bool value_if_missing)
{
    const json_t *value = json_object_get(place->value, key);

    return json_is_boolean(value) ? json_is_true(value) : value_if_missing;
}

void contract_check_name(struct contract_loading *loading, const struct gw_place *place,
                         enum gw_grant_kind kind, struct gw_str name)
{
    static const char *const kinds[] = {
        [GW_GRANT_BACKEND] = "backend",
        [GW_GRANT_ISSUER] = "issuer",
        [GW_GRANT_API_KEY] = "api_keys entry",
        [GW_GRANT_CERTIFICATE] = "client_certificates entry",
        [GW_GRANT_PLAN] = "plan",
    };
    struct gw_str near = {NULL, 0};

    if (loading->rules->is_standalone || name.len == 0)
        return;
    switch (gw_contract_rules_ask(loading->rules, kind, name, loading->api->namespace, &near)) {
    case GW_GRANTED:
        break;
    case GW_GRANT_DENIED:
        contract_error(loading, place, "the %s \"%.*s\" is not granted to %.*s", kinds[kind],
                       GW_STR_ARG(name), GW_STR_ARG(loading->api->namespace));
        break;
    case GW_GRANT_UNKNOWN:
        contract_error(loading, place, "there is no %s \"%.*s\" in the configuration%s%.*s%s",
                       kinds[kind], GW_STR_ARG(name), CONTRACT_DID_YOU_MEAN(near));
        break;
    }
}
