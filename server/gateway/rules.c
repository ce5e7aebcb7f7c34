#include "server/gateway/rules.h"

#include <errno.h>

static const struct gw_str everywhere[] = {GW_STR_INIT("*")};

/* The sections whose names contracts use. */
static const struct section {
    const char *name;
    enum gw_grant_kind kind;
} sections[] = {
    {"backends", GW_GRANT_BACKEND}, {"issuers", GW_GRANT_ISSUER},
    {"api_keys", GW_GRANT_API_KEY}, {"client_certificates", GW_GRANT_CERTIFICATE},
    {"plans", GW_GRANT_PLAN},
};

/* Is the list of patterns as its author wrote it? One with a fault has a finding of its own. */
static bool is_as_meant(const json_t *written, const json_t *checked)
{
    size_t index;
    json_t *item;

    if (json_array_size(written) != json_array_size(checked))
        return false;
    json_array_foreach(checked, index, item)
    {
        if (!json_is_string(item) ||
            !gw_config_pattern_is_valid(gw_str_of(json_string_value(item))))
            return false;
    }
    return written == NULL || json_is_array(written);
}

/* What passes at once, of a limit that is a rate (`burst`), a window or a quota. What is under way
 * at once (`concurrent`) counts requests, not weights: no bound. */
static uint64_t most_of_limit(const json_t *limit)
{
    static const char *const amounts[] = {"burst", "limit", "quota"};

    for (size_t i = 0; i < GW_COUNT_OF(amounts); i++) {
        json_int_t amount = json_integer_value(json_object_get(limit, amounts[i]));
        if (amount > 0)
            return (uint64_t)amount;
    }
    return UINT64_MAX;
}

/* The smallest of its limits; 0: no bound. */
static uint64_t most_of_plan(const json_t *plan)
{
    uint64_t least = most_of_limit(plan);
    const char *name;
    json_t *limit;

    json_object_foreach(json_object_get(plan, "limits"), name, limit)
    {
        uint64_t most = most_of_limit(limit);
        least = most < least ? most : least;
    }
    return least == UINT64_MAX ? 0 : least;
}

static int fill_grant(const json_t *written, const json_t *checked, struct gw_arena *arena,
                      struct gw_grant *grant)
{
    const json_t *patterns = json_object_get(checked, "grants");
    size_t count = json_array_size(patterns);

    grant->namespaces = everywhere;
    grant->namespace_count = 1;
    if (written != NULL && !is_as_meant(json_object_get(written, "grants"), patterns))
        return 0;

    struct gw_str *namespaces = gw_arena_calloc(arena, count + 1, sizeof(*namespaces));
    if (namespaces == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        namespaces[i] = gw_str_of(json_string_value(json_array_get(patterns, i)));
    grant->namespaces = namespaces;
    grant->namespace_count = count;
    return 0;
}

/* In a faulty configuration names count as they were written, and what is wrong with one there is
 * not told again of each contract that uses it. */
static int add_section(const struct gw_config *config, const struct section *section,
                       struct gw_arena *arena, struct gw_contract_rules *rules)
{
    const json_t *checked = gw_config_section(config, section->name);
    const json_t *written =
        config->is_faulty ? gw_config_section_as_written(config, section->name) : NULL;
    const json_t *names = written != NULL ? written : checked;
    struct gw_grant *grants =
        gw_arena_calloc(arena, rules->grant_count + json_object_size(names) + 1, sizeof(*grants));
    const char *name;
    json_t *entry;

    if (grants == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < rules->grant_count; i++)
        grants[i] = rules->grants[i];
    rules->grants = grants;
    if (written != NULL && !json_is_object(written)) {
        grants[rules->grant_count++] = (struct gw_grant){
            .kind = section->kind, .namespaces = everywhere, .namespace_count = 1};
        return 0;
    }
    json_object_foreach((json_t *)names, name, entry)
    {
        struct gw_grant *grant = &grants[rules->grant_count++];
        *grant = (struct gw_grant){.kind = section->kind, .name = gw_str_of(name)};
        if (section->kind == GW_GRANT_PLAN)
            grant->most = most_of_plan(json_object_get(checked, name));
        if (fill_grant(written != NULL ? entry : NULL, json_object_get(checked, name), arena,
                       grant) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* A floor with a fault is not held against contracts. */
static bool is_floor_known(const struct gw_config *config)
{
    const json_t *written = gw_config_section_as_written(config, "floor");
    const json_t *checked = gw_config_section(config, "floor");
    const json_t *anonymous = json_object_get(written, "anonymous");

    if (!config->is_faulty || written == NULL)
        return true;
    return json_is_object(written) && json_is_boolean(json_object_get(checked, "authentication")) &&
           is_as_meant(anonymous, json_object_get(checked, "anonymous"));
}

int gw_gateway_rules(const struct gw_config *config, struct gw_arena *arena,
                     struct gw_contract_rules *out_rules)
{
    struct gw_contract_rules rules = {
        .is_authentication_required = config->floor.authentication && is_floor_known(config),
        .asserts_formats = config->floor.asserts_formats,
        .anonymous = config->floor.anonymous,
        .anonymous_count = config->floor.anonymous_count,
        .floor = config->floor.rules,
        .floor_count = config->floor.rule_count,
        .default_plan = config->floor.default_plan,
    };

    for (size_t i = 0; i < GW_COUNT_OF(sections); i++)
        if (add_section(config, &sections[i], arena, &rules) != 0)
            return -ENOMEM;
    *out_rules = rules;
    return 0;
}
