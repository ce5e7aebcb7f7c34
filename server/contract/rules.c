#include "rules.h"

#include "server/core/similar.h"

bool gw_namespace_matches(struct gw_str namespace, struct gw_str pattern)
{
    if (gw_str_equal(pattern, GW_STR("*")))
        return true;
    if (gw_str_has_suffix(pattern, GW_STR("/*")))
        return gw_str_has_prefix(namespace, gw_str_from(pattern.ptr, pattern.len - 1));
    return gw_str_equal(namespace, pattern);
}

bool gw_namespace_matches_any(struct gw_str namespace, const struct gw_str *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_namespace_matches(namespace, patterns[i]))
            return true;
    }
    return false;
}

enum gw_grant_verdict gw_contract_rules_ask(const struct gw_contract_rules *rules,
                                            enum gw_grant_kind kind, struct gw_str name,
                                            struct gw_str namespace, struct gw_str *out_near)
{
    struct gw_similar similar;
    bool is_known = false;

    gw_similar_init(&similar, name);
    for (size_t i = 0; i < rules->grant_count; i++) {
        const struct gw_grant *grant = &rules->grants[i];
        if (grant->kind != kind)
            continue;
        gw_similar_offer(&similar, grant->name);
        if (grant->name.len > 0 && !gw_str_equal(grant->name, name))
            continue;
        is_known = true;
        if (gw_namespace_matches_any(namespace, grant->namespaces, grant->namespace_count))
            return GW_GRANTED;
    }
    if (is_known)
        return GW_GRANT_DENIED;
    *out_near = similar.best;
    return GW_GRANT_UNKNOWN;
}

uint64_t gw_contract_rules_most(const struct gw_contract_rules *rules, struct gw_str plan)
{
    for (size_t i = 0; i < rules->grant_count; i++) {
        const struct gw_grant *grant = &rules->grants[i];
        if (grant->kind == GW_GRANT_PLAN && gw_str_equal(grant->name, plan))
            return grant->most;
    }
    return 0;
}

bool gw_contract_rules_allow_anonymous(const struct gw_contract_rules *rules,
                                       struct gw_str namespace)
{
    return !rules->is_authentication_required ||
           gw_namespace_matches_any(namespace, rules->anonymous, rules->anonymous_count);
}

/* Each part's hash goes into the key of the next, so that no two lists of parts look alike. */
static void mix(uint64_t *hash, const struct gw_hash_key *key, struct gw_str part)
{
    struct gw_hash_key chained = {key->k0 ^ *hash, key->k1};
    *hash = gw_hash(&chained, part);
}

static void mix_number(uint64_t *hash, const struct gw_hash_key *key, uint64_t number)
{
    mix(hash, key, gw_str_from((const char *)&number, sizeof(number)));
}

uint64_t gw_contract_rules_hash(const struct gw_contract_rules *rules,
                                const struct gw_hash_key *key)
{
    uint64_t hash = 0;

    mix(&hash, key, rules->root);
    mix_number(&hash, key, rules->grant_count);
    for (size_t i = 0; i < rules->grant_count; i++) {
        const struct gw_grant *grant = &rules->grants[i];
        mix_number(&hash, key, (uint64_t)grant->kind);
        mix(&hash, key, grant->name);
        mix_number(&hash, key, grant->most);
        mix_number(&hash, key, grant->namespace_count);
        for (size_t n = 0; n < grant->namespace_count; n++)
            mix(&hash, key, grant->namespaces[n]);
    }
    mix_number(&hash, key, rules->is_authentication_required);
    mix_number(&hash, key, rules->anonymous_count);
    for (size_t i = 0; i < rules->anonymous_count; i++)
        mix(&hash, key, rules->anonymous[i]);
    mix_number(&hash, key, rules->floor_count);
    for (size_t i = 0; i < rules->floor_count; i++) {
        const struct gw_floor_rule *rule = &rules->floor[i];
        mix(&hash, key, rule->when);
        mix(&hash, key, rule->say);
        mix_number(&hash, key, rule->namespace_count);
        for (size_t n = 0; n < rule->namespace_count; n++)
            mix(&hash, key, rule->namespaces[n]);
    }
    mix(&hash, key, rules->default_plan);
    mix_number(&hash, key, rules->asserts_formats);
    mix_number(&hash, key, rules->is_standalone);
    mix(&hash, key, rules->namespace);
    mix_number(&hash, key, rules->max_files);
    mix_number(&hash, key, rules->max_bytes);
    return hash;
}
