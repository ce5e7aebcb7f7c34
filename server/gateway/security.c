#include "server/gateway/security.h"

#include "server/contract/load.h"
#include "server/contract/operation.h"
#include "server/filter/filter.h"

/* Where the names of each kind of credential stand. Whose table has the section proves them. */
static const struct {
    const char *section;
    const char *what;
} kinds[] = {
    [GW_SCHEME_TOKEN] = {"issuers", "a token"},
    [GW_SCHEME_API_KEY] = {"api_keys", "an API key"},
    [GW_SCHEME_CERTIFICATE] = {"client_certificates", "a client certificate"},
};

#define NOWHERE SIZE_MAX

static bool has_section(const struct gw_filter_type *type, const char *section)
{
    const struct gw_option *option = type->options;

    for (; option != NULL && option->type != GW_END; option++) {
        if (option->type == GW_SECTION && strcmp(option->name, section) == 0)
            return true;
    }
    return false;
}

static size_t find_prover(const struct gw_config *config, const char *section)
{
    for (size_t i = 0; i < config->policy_count; i++) {
        if (has_section(config->policies[i].type, section))
            return i;
    }
    return NOWHERE;
}

static size_t find_judge(const struct gw_config *config)
{
    for (size_t i = 0; i < config->policy_count; i++) {
        if (strcmp(config->policies[i].type->name, GW_AUTHORISE_POLICY) == 0)
            return i;
    }
    return NOWHERE;
}

/* The first operation that needs each kind, for the message. */
struct needs {
    const struct gw_operation *by_kind[GW_COUNT_OF(kinds)];
    const struct gw_operation *any;
};

static void add_needs(struct needs *needs, const struct gw_operation *operation)
{
    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        for (size_t k = 0; k < alternative->scheme_count; k++) {
            const struct gw_operation **first = &needs->by_kind[alternative->schemes[k].kind];
            *first = *first == NULL ? operation : *first;
        }
    }
    if (needs->any == NULL && operation->security_count + operation->rule_count > 0)
        needs->any = operation;
}

static struct needs find_needs(struct gw_contract *const *contracts, size_t contract_count)
{
    struct needs needs = {0};

    for (size_t i = 0; i < contract_count; i++) {
        const struct gw_api *api = gw_contract_api(contracts[i]);
        for (size_t k = 0; k < api->operation_count; k++)
            add_needs(&needs, &api->operations[k]);
    }
    return needs;
}

static void check_order(struct gw_config *config, size_t judge, struct gw_diagnostics *diagnostics)
{
    for (size_t kind = 0; kind < GW_COUNT_OF(kinds); kind++) {
        size_t prover = find_prover(config, kinds[kind].section);
        if (prover != NOWHERE && prover > judge)
            gw_config_report(config, config->policies[judge].pointer, diagnostics,
                             "the policy " GW_AUTHORISE_POLICY " must stand behind %s, whose proof "
                             "it judges",
                             config->policies[prover].type->name);
    }
}

static void check_provers(struct gw_config *config, const struct needs *needs,
                          struct gw_diagnostics *diagnostics)
{
    for (size_t kind = 0; kind < GW_COUNT_OF(kinds); kind++) {
        const struct gw_operation *operation = needs->by_kind[kind];
        if (operation == NULL || find_prover(config, kinds[kind].section) != NOWHERE)
            continue;
        struct gw_str method = gw_method_name(operation->method);
        gw_config_report(config, "/policies", diagnostics,
                         "no policy of the chain proves %s, which %.*s %.*s asks for",
                         kinds[kind].what, GW_STR_ARG(method), GW_STR_ARG(operation->route));
    }
}

/* Answers that are kept are given to whoever comes that far, and told apart by what the backend
 * would be asked: nothing that decides about either may come later. */
static void check_cache(struct gw_config *config, struct gw_diagnostics *diagnostics)
{
    static const char *const before[] = {GW_AUTHORISE_POLICY, "headers", "transform"};
    bool has_cache = false;

    for (size_t i = 0; i < config->policy_count; i++) {
        const char *name = config->policies[i].type->name;
        has_cache = has_cache || strcmp(name, "cache") == 0;
        for (size_t k = 0; has_cache && k < GW_COUNT_OF(before); k++) {
            if (strcmp(name, before[k]) == 0)
                gw_config_report(config, config->policies[i].pointer, diagnostics,
                                 "the policy cache must stand behind %s: it would give answers "
                                 "to others",
                                 name);
        }
    }
}

/* What proves a credential is found by the name alone. */
static void check_names(struct gw_config *config, struct gw_diagnostics *diagnostics)
{
    for (size_t kind = 1; kind < GW_COUNT_OF(kinds); kind++) {
        json_t *section = (json_t *)(uintptr_t)gw_config_section(config, kinds[kind].section);
        const char *name;
        json_t *value;
        json_object_foreach(section, name, value)
        {
            for (size_t other = 0; other < kind; other++) {
                char pointer[160];
                if (json_object_get(gw_config_section(config, kinds[other].section), name) == NULL)
                    continue;
                snprintf(pointer, sizeof(pointer), "/%s/%.100s", kinds[kind].section, name);
                gw_config_report(config, pointer, diagnostics,
                                 "the name \"%.100s\" stands in %s, too: a contract that uses it "
                                 "could mean either",
                                 name, kinds[other].section);
            }
        }
    }
}

void gw_gateway_check_security(struct gw_config *config, struct gw_contract *const *contracts,
                               size_t contract_count, struct gw_diagnostics *diagnostics)
{
    if (config->is_faulty)
        return;
    check_names(config, diagnostics);
    check_cache(config, diagnostics);
    const struct needs needs = find_needs(contracts, contract_count);
    if (needs.any == NULL)
        return;
    size_t judge = find_judge(config);
    if (judge == NOWHERE) {
        struct gw_str method = gw_method_name(needs.any->method);
        gw_config_report(config, "/policies", diagnostics,
                         "the policy " GW_AUTHORISE_POLICY " is not in the chain, so nothing would "
                         "keep %.*s %.*s from anybody",
                         GW_STR_ARG(method), GW_STR_ARG(needs.any->route));
        return;
    }
    check_order(config, judge, diagnostics);
    check_provers(config, &needs, diagnostics);
}
