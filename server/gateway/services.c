#include "server/gateway/services.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/core/scope.h"
#include "server/core/similar.h"
#include "server/flow/flow.h"
#include "server/gateway/builtin.h"
#include "server/gateway/flow_grants.h"
#include "server/gateway/flows.h"
#include "server/gateway/landscape_services.h"
#include "server/json/pointer.h"
#include "server/json/yaml.h"

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

static void report_at(const struct gw_operation *operation, const char *member,
                      enum gw_severity severity, struct gw_diagnostics *diagnostics,
                      const char *text)
{
    const char *file = operation->api->file.ptr;
    struct gw_document *document = NULL;
    struct gw_buf pointer;

    gw_buf_init(&pointer, 16 * 1024);
    gw_buf_append_text(&pointer, "/paths");
    gw_pointer_append(&pointer, operation->path);
    struct gw_str method = gw_method_name(operation->method);
    gw_buf_append_byte(&pointer, '/');
    for (size_t i = 0; i < method.len; i++)
        gw_buf_append_byte(&pointer, (char)(method.ptr[i] | 0x20));
    gw_buf_append_text(&pointer, member);
    gw_buf_append_byte(&pointer, '\0');
    if (!pointer.has_failed && gw_document_load_file(file, diagnostics, &document) == 0)
        gw_document_report(document, pointer.ptr, severity, diagnostics, "%s", text);
    gw_document_destroy(document);
    gw_buf_finish(&pointer);
}

void gw_services_report(const struct gw_operation *operation, enum gw_severity severity,
                        struct gw_diagnostics *diagnostics, const char *text)
{
    report_at(operation, "/x-millgate/flow", severity, diagnostics, text);
}

static void report_flow(const struct gw_snapshot *snapshot, const struct gw_operation *operation,
                        struct gw_diagnostics *diagnostics)
{
    struct gw_similar similar;
    char text[400];

    gw_similar_init(&similar, operation->flow);
    for (size_t i = 0; i < snapshot->flow_count; i++)
        gw_similar_offer(&similar, gw_flow_name(snapshot->flows[i].flow));
    snprintf(text, sizeof(text), "there is no flow \"%.*s\"%s%.*s%s", GW_STR_ARG(operation->flow),
             similar.best.ptr != NULL ? "; did you mean \"" : "", GW_STR_ARG(similar.best),
             similar.best.ptr != NULL ? "\"?" : "");
    gw_services_report(operation, GW_SEVERITY_ERROR, diagnostics, text);
}

/* A flow may be run again with its key, whatever its backends are: what was written is not written
 * again, as each write by itself is held back, looked for or refused by its class
 * (connector/guard.h). The key comes from the policy that keeps keys, which writes it into the
 * request. */
const struct gw_effect gw_effect_of_flows = {
    .class = GW_EFFECT_KEYED, .key_field = GW_STR_INIT("Idempotency-Key"), .is_key_bare = true};

/* What the gateway itself does is told apart by its own rules: a second time does no harm. */
static bool find_builtin(const struct gw_snapshot *snapshot, struct gw_service *service,
                         struct gw_diagnostics *diagnostics)
{
    const struct gw_operation *operation = service->operation;
    struct gw_similar similar;
    char text[400];

    service->builtin = gw_builtin_find(operation->builtin);
    if (service->builtin != NULL && service->builtin->is_write)
        service->effect = gw_effect_of_flows;
    if (service->builtin != NULL &&
        gw_config_section(snapshot->config, service->builtin->section) != NULL)
        return true;
    if (service->builtin != NULL) {
        snprintf(text, sizeof(text), "\"%s\" needs the section `%s` of the configuration",
                 service->builtin->name, service->builtin->section);
    } else {
        gw_similar_init(&similar, operation->builtin);
        for (size_t i = 0; gw_builtins[i] != NULL; i++)
            gw_similar_offer(&similar, gw_str_of(gw_builtins[i]->name));
        snprintf(text, sizeof(text), "there is no builtin \"%.*s\"%s%.*s%s",
                 GW_STR_ARG(operation->builtin),
                 similar.best.ptr != NULL ? "; did you mean \"" : "", GW_STR_ARG(similar.best),
                 similar.best.ptr != NULL ? "\"?" : "");
    }
    report_at(operation, "/x-millgate/builtin", GW_SEVERITY_ERROR, diagnostics, text);
    return false;
}

/* False: what fulfils the operation is not there, and it was told. */
static bool find_fulfilment(struct gw_snapshot *snapshot, struct gw_service *service,
                            struct gw_diagnostics *diagnostics)
{
    const struct gw_operation *operation = service->operation;

    service->backend = SIZE_MAX;
    if (operation->builtin.len > 0)
        return find_builtin(snapshot, service, diagnostics);
    if (operation->landscape.len > 0)
        return gw_landscape_service_make(snapshot, service, diagnostics) == 0;
    if (operation->flow.len > 0) {
        service->flow = gw_flows_find(snapshot, operation->flow);
        if (service->flow == NULL) {
            report_flow(snapshot, operation, diagnostics);
            return false;
        }
        service->effect = gw_effect_of_flows;
        if (gw_flow_grants_check(snapshot, service->flow->flow, operation->api, diagnostics) != 0)
            return false;
        return gw_flows_check_backend(snapshot, service->flow->flow, GW_STR(""), diagnostics) == 0;
    }
    service->backend = find_backend(snapshot, operation->backend);
    if (service->backend != SIZE_MAX || snapshot->config->is_faulty)
        return true;
    gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, operation->api->file.ptr, 0, 0,
                       "%.*s: the backend \"%.*s\" is not configured", GW_STR_ARG(operation->id),
                       GW_STR_ARG(operation->backend));
    return false;
}

static int make_api(struct gw_snapshot *snapshot, const struct gw_api *api, struct gw_route *routes,
                    struct gw_diagnostics *diagnostics)
{
    int rc = 0;

    for (size_t i = 0; i < api->operation_count; i++) {
        const struct gw_operation *operation = &api->operations[i];
        struct gw_service *service = &snapshot->services[snapshot->service_count];
        service->operation = operation;
        if (!find_fulfilment(snapshot, service, diagnostics))
            rc = -EINVAL;
        routes[snapshot->service_count++] = (struct gw_route){
            .method = operation->method,
            .path = operation->route,
            .origin = api->file,
            .value = service,
        };
    }
    return rc;
}

int gw_services_make(struct gw_snapshot *snapshot, struct gw_diagnostics *diagnostics)
{
    size_t count = count_operations(snapshot);
    GW_SCOPED(gw_scope_free) struct gw_route *routes = calloc(count + 1, sizeof(*routes));
    struct gw_error error = {0};

    snapshot->services = gw_arena_calloc(&snapshot->arena, count + 1, sizeof(*snapshot->services));
    if (routes == NULL || snapshot->services == NULL)
        return -ENOMEM;
    int missing = 0;
    for (size_t i = 0; i < snapshot->contract_count; i++) {
        if (make_api(snapshot, gw_contract_api(snapshot->contracts[i]), routes, diagnostics) != 0)
            missing = -EINVAL;
    }
    if (missing != 0)
        return missing;
    int rc = gw_router_create(routes, count, &snapshot->router, &error);
    if (rc == -EINVAL)
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0, "%s", error.text);
    return rc;
}
