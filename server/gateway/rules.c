#include "server/gateway/rules.h"

#include <errno.h>

static int add_section(const json_t *section, enum gw_grant_kind kind, struct gw_arena *arena,
                       struct gw_grant *grants, size_t *count)
{
    const char *name;
    json_t *entry;

    json_object_foreach((json_t *)section, name, entry)
    {
        const json_t *given = json_object_get(entry, "grants");
        size_t given_count = json_array_size(given);
        struct gw_str *namespaces = gw_arena_calloc(arena, given_count + 1, sizeof(*namespaces));
        if (namespaces == NULL)
            return -ENOMEM;
        for (size_t i = 0; i < given_count; i++)
            namespaces[i] = gw_str_of(json_string_value(json_array_get(given, i)));
        grants[(*count)++] = (struct gw_grant){
            .kind = kind,
            .name = gw_str_of(name),
            .namespaces = namespaces,
            .namespace_count = given_count,
        };
    }
    return 0;
}

int gw_gateway_rules(const struct gw_config *config, struct gw_arena *arena,
                     struct gw_contract_rules *out_rules)
{
    const json_t *issuers = gw_config_section(config, "issuers");
    const json_t *plans = gw_config_section(config, "plans");
    size_t max_count = config->backend_count + json_object_size(issuers) + json_object_size(plans);
    struct gw_grant *grants = gw_arena_calloc(arena, max_count + 1, sizeof(*grants));
    size_t count = 0;

    if (grants == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < config->backend_count; i++) {
        const struct gw_config_backend *backend = &config->backends[i];
        grants[count++] = (struct gw_grant){
            .kind = GW_GRANT_BACKEND,
            .name = backend->name,
            .namespaces = backend->grants,
            .namespace_count = backend->grant_count,
        };
    }
    if (add_section(issuers, GW_GRANT_ISSUER, arena, grants, &count) != 0 ||
        add_section(plans, GW_GRANT_PLAN, arena, grants, &count) != 0)
        return -ENOMEM;
    *out_rules = (struct gw_contract_rules){
        .grants = grants,
        .grant_count = count,
        .is_authentication_required = config->floor.authentication,
        .anonymous = config->floor.anonymous,
        .anonymous_count = config->floor.anonymous_count,
        .default_plan = config->floor.default_plan,
    };
    return 0;
}
