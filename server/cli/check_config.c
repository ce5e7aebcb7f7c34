#include "server/cli/cli.h"
#include "server/filter/filter.h"
#include "server/gateway/config.h"

/* What only a policy itself can find (a key that cannot be read, say) it finds when it is created.
 */
static void try_policies(struct gw_config *config, struct gw_diagnostics *diagnostics)
{
    for (size_t i = 0; i < config->policy_count; i++) {
        const struct gw_config_policy *policy = &config->policies[i];
        struct gw_error error = {0};
        void *self = NULL;

        if (policy->type->create == NULL)
            continue;
        if (policy->type->create(policy->options, &self, &error) != 0)
            gw_config_report_policy(config, policy, &error, diagnostics);
        else if (policy->type->destroy != NULL)
            policy->type->destroy(self);
    }
}

struct gw_config *gw_cli_check_config(const struct gw_cli *cli, const char *path,
                                      struct gw_diagnostics *diagnostics)
{
    size_t errors_before = diagnostics->error_count;
    struct gw_config *config = NULL;

    if (gw_config_load(path, cli->filters, diagnostics, &config) != 0)
        return NULL;
    try_policies(config, diagnostics);
    if (diagnostics->error_count > errors_before) {
        gw_config_destroy(config);
        return NULL;
    }
    return config;
}
