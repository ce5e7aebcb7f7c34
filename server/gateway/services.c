#include "server/gateway/services.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/scope.h"

static size_t count_operations(const struct gw_snapshot *snapshot)
{
    size_t count = 0;

    for (size_t i = 0; i < snapshot->contract_count; i++)
        count += gw_contract_api(snapshot->contracts[i])->operation_count;
    return count;
}

static size_t find_backend(const struct gw_snapshot *snapshot, struct gw_str name)
{
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        if (gw_str_equal(snapshot->backends[i].name, name))
            return i;
    }
    return SIZE_MAX;
}

static int make_api(struct gw_snapshot *snapshot, const struct gw_api *api, struct gw_route *routes,
                    struct gw_diagnostics *diagnostics)
{
    for (size_t i = 0; i < api->operation_count; i++) {
        const struct gw_operation *operation = &api->operations[i];
        struct gw_service *service = &snapshot->services[snapshot->service_count];
        service->operation = operation;
        service->backend = find_backend(snapshot, operation->backend);
        if (service->backend == SIZE_MAX && !snapshot->config->is_faulty) {
            gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, api->file.ptr, 0, 0,
                               "%.*s: the backend \"%.*s\" is not configured",
                               GW_STR_ARG(operation->id), GW_STR_ARG(operation->backend));
            return -EINVAL;
        }
        routes[snapshot->service_count++] = (struct gw_route){
            .method = operation->method,
            .path = operation->route,
            .origin = api->file,
            .value = service,
        };
    }
    return 0;
}

int gw_services_make(struct gw_snapshot *snapshot, struct gw_diagnostics *diagnostics)
{
    size_t count = count_operations(snapshot);
    GW_SCOPED(gw_scope_free) struct gw_route *routes = calloc(count + 1, sizeof(*routes));
    struct gw_error error = {0};

    snapshot->services = gw_arena_calloc(&snapshot->arena, count + 1, sizeof(*snapshot->services));
    if (routes == NULL || snapshot->services == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < snapshot->contract_count; i++) {
        int rc = make_api(snapshot, gw_contract_api(snapshot->contracts[i]), routes, diagnostics);
        if (rc != 0)
            return rc;
    }
    int rc = gw_router_create(routes, count, &snapshot->router, &error);
    if (rc == -EINVAL)
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0, "%s", error.text);
    return rc;
}
