#include "server/gateway/landscape_services.h"

#include <errno.h>
#include <stdio.h>

#include "server/contract/operation.h"
#include "server/gateway/flow_grants.h"
#include "server/gateway/flows.h"
#include "server/gateway/landscape.h"
#include "server/gateway/landscape_shadow.h"
#include "server/gateway/services.h"

static const struct gw_landscape *find_landscape(const struct gw_config *config, struct gw_str name)
{
    for (size_t i = 0; i < config->landscape_count; i++) {
        if (gw_str_equal(config->landscapes[i].name, name))
            return &config->landscapes[i];
    }
    return NULL;
}

/* A list can be asked of all systems: a read whose path names nothing but the key. */
static bool is_list(const struct gw_operation *operation, const struct gw_landscape *landscape)
{
    if (operation->method != GW_METHOD_GET)
        return false;
    for (size_t i = 0; i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        if (parameter->place == GW_IN_PATH && !gw_str_equal(parameter->name, landscape->key))
            return false;
    }
    return true;
}

static struct gw_snapshot_flow *find_variant(const struct gw_snapshot *snapshot, struct gw_str flow,
                                             struct gw_str flows)
{
    size_t slash = gw_str_find(flow, '/');
    struct gw_str tail = gw_str_tail(flow, slash);
    char name[200];
    int len = snprintf(name, sizeof(name), "%.*s-%.*s%.*s", (int)slash, flow.ptr, GW_STR_ARG(flows),
                       GW_STR_ARG(tail));
    struct gw_snapshot_flow *found = NULL;

    if (len > 0 && (size_t)len < sizeof(name))
        found = gw_flows_find(snapshot, gw_str_from(name, (size_t)len));
    return found != NULL ? found : gw_flows_find(snapshot, flow);
}

static void tell_missing(const struct gw_operation *operation,
                         const struct gw_landscape_system *system,
                         struct gw_diagnostics *diagnostics)
{
    struct gw_str flow = operation->flow;
    size_t slash = gw_str_find(flow, '/');
    struct gw_str tail = gw_str_tail(flow, slash);
    char text[400];

    snprintf(text, sizeof(text),
             "the system \"%.*s\" does not offer this: there is neither a flow "
             "\"%.*s-%.*s%.*s\" nor \"%.*s\"",
             GW_STR_ARG(system->name), (int)slash, flow.ptr, GW_STR_ARG(system->flows),
             GW_STR_ARG(tail), GW_STR_ARG(flow));
    gw_services_report(operation, GW_SEVERITY_WARNING, diagnostics, text);
}

/* 0 or -EINVAL. */
static int make_system(const struct gw_snapshot *snapshot, const struct gw_landscape_system *system,
                       struct gw_service *whole, struct gw_service *part,
                       struct gw_diagnostics *diagnostics)
{
    *part =
        (struct gw_service){.operation = whole->operation, .backend = SIZE_MAX, .system = system};
    part->flow = find_variant(snapshot, whole->operation->flow, system->flows);
    if (part->flow == NULL) {
        tell_missing(whole->operation, system, diagnostics);
        return 0;
    }
    part->effect = gw_effect_of_flows;
    if (whole->flow == NULL) {
        whole->flow = part->flow;
        whole->effect = part->effect;
    }
    const struct gw_api *api = whole->operation->api;
    if (gw_flow_grants_check(snapshot, part->flow->flow, api, diagnostics) != 0 ||
        gw_flow_grants_check_backend(snapshot, part->flow->flow, api, system->backend,
                                     diagnostics) != 0)
        return -EINVAL;
    return gw_flows_check_backend(snapshot, part->flow->flow, system->backend, diagnostics);
}

int gw_landscape_service_make(struct gw_snapshot *snapshot, struct gw_service *service,
                              struct gw_diagnostics *diagnostics)
{
    const struct gw_operation *operation = service->operation;
    const struct gw_landscape *landscape = find_landscape(snapshot->config, operation->landscape);
    struct gw_landscape_operation *made = gw_arena_calloc(&snapshot->arena, 1, sizeof(*made));
    struct gw_service *systems;
    char text[400];
    int rc = 0;

    if (landscape == NULL) {
        snprintf(text, sizeof(text), "the landscape \"%.*s\" is not configured",
                 GW_STR_ARG(operation->landscape));
        gw_services_report(operation, GW_SEVERITY_ERROR, diagnostics, text);
        return -EINVAL;
    }
    systems = gw_arena_calloc(&snapshot->arena, landscape->system_count + 1, sizeof(*systems));
    if (made == NULL || systems == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < landscape->system_count; i++) {
        if (make_system(snapshot, &landscape->systems[i], service, &systems[i], diagnostics) != 0)
            rc = -EINVAL;
    }
    if (service->flow == NULL) {
        snprintf(text, sizeof(text), "no system of the landscape offers this");
        gw_services_report(operation, GW_SEVERITY_WARNING, diagnostics, text);
    }
    *made = (struct gw_landscape_operation){
        .landscape = landscape, .systems = systems, .is_list = is_list(operation, landscape)};
    made->shadow_metrics =
        gw_arena_calloc(&snapshot->arena, GW_SHADOW_OUTCOME_COUNT, sizeof(*made->shadow_metrics));
    if (made->shadow_metrics == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < landscape->system_count; i++)
        systems[i].landscape = made;
    service->landscape = made;
    return rc;
}
