#include "server/gateway/flow_grants.h"

#include <stdio.h>

#include "server/contract/operation.h"
#include "server/flow/flow.h"
#include "server/gateway/config.h"
#include "server/gateway/snapshot.h"

static const struct gw_config_backend *find(const struct gw_snapshot *snapshot, struct gw_str name)
{
    const struct gw_config *config = snapshot->config;

    for (size_t i = 0; i < config->backend_count; i++)
        if (gw_str_equal(config->backends[i].name, name))
            return &config->backends[i];
    return NULL;
}

bool gw_flow_grants_allow(const struct gw_snapshot *snapshot, struct gw_str backend,
                          struct gw_str namespace)
{
    const struct gw_config_backend *config = find(snapshot, backend);

    return config != NULL && gw_grant_matches_any(config->grants, config->grant_count, namespace);
}

struct asking {
    const struct gw_snapshot *snapshot;
    const struct gw_api *api;
    char why[320];
};

static const char *check(void *self, struct gw_str backend, const struct gw_connector_type *type)
{
    struct asking *asking = self;

    (void)type;
    if (find(asking->snapshot, backend) == NULL ||
        gw_flow_grants_allow(asking->snapshot, backend, asking->api->namespace))
        return NULL;
    snprintf(asking->why, sizeof(asking->why),
             "this backend is not granted to %.*s, whose contract %.*s names the flow",
             GW_STR_ARG(asking->api->namespace), GW_STR_ARG(asking->api->file));
    return asking->why;
}

int gw_flow_grants_check(const struct gw_snapshot *snapshot, const struct gw_flow *flow,
                         const struct gw_api *api, struct gw_diagnostics *diagnostics)
{
    struct asking asking = {.snapshot = snapshot, .api = api};
    const struct gw_flow_names names = {.self = &asking, .check_backend = check};

    return gw_flow_check_names(flow, &names, diagnostics);
}

int gw_flow_grants_check_backend(const struct gw_snapshot *snapshot, const struct gw_flow *flow,
                                 const struct gw_api *api, struct gw_str backend,
                                 struct gw_diagnostics *diagnostics)
{
    struct asking asking = {.snapshot = snapshot, .api = api};
    const struct gw_flow_names names = {.self = &asking, .check_backend = check};

    return gw_flow_check_backend(flow, &names, backend, diagnostics);
}
