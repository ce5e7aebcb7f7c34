#include "server/gateway/services.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/scope.h"
#include "server/http/path_template.h"

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

static int add_part(struct gw_arena *arena, struct gw_service *service,
                    struct gw_target_part *parts, struct gw_target_part part)
{
    struct gw_target_part *last = service->part_count == 0 ? NULL : &parts[service->part_count - 1];

    if (last != NULL && !last->is_parameter && !part.is_parameter) { /* literals melt together */
        last->text =
            gw_arena_printf(arena, "%.*s%.*s", GW_STR_ARG(last->text), GW_STR_ARG(part.text));
        return last->text.ptr == NULL ? -ENOMEM : 0;
    }
    parts[service->part_count++] = part;
    return 0;
}

/* The template on the backend, taken apart once, so that a request only copies. */
static int make_parts(struct gw_arena *arena, const struct gw_path_template *path,
                      const struct gw_path_template *target, struct gw_service *service)
{
    size_t max_count = 0;

    for (size_t i = 0; i < target->segment_count; i++)
        max_count += 1 + target->segments[i].piece_count;
    struct gw_target_part *parts = gw_arena_calloc(arena, max_count + 1, sizeof(*parts));
    if (parts == NULL)
        return -ENOMEM;
    service->parts = parts;
    for (size_t i = 0; i < target->segment_count; i++) {
        const struct gw_path_segment *segment = &target->segments[i];
        int rc = add_part(arena, service, parts, (struct gw_target_part){.text = GW_STR("/")});
        for (size_t at = 0; rc == 0 && at < segment->piece_count; at++) {
            const struct gw_path_piece *piece = &segment->pieces[at];
            struct gw_target_part part = {.text = piece->text, .is_parameter = piece->is_parameter};
            if (piece->is_parameter)
                part.parameter = gw_path_template_find(path, piece->text);
            rc = add_part(arena, service, parts, part);
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int make_service(struct gw_snapshot *snapshot, const struct gw_operation *operation,
                        struct gw_service *service, struct gw_error *error)
{
    struct gw_path_template path, target;
    int rc = gw_path_template_parse(&snapshot->arena, operation->path, &path, error);

    service->operation = operation;
    service->backend = find_backend(snapshot, operation->backend);
    if (rc == 0 && service->backend == SIZE_MAX)
        rc = gw_error_set(error, -EINVAL, "the backend \"%.*s\" is not configured",
                          GW_STR_ARG(operation->backend));
    if (rc == 0)
        rc = gw_path_template_parse(&snapshot->arena, operation->backend_path, &target, error);
    if (rc == 0)
        rc = make_parts(&snapshot->arena, &path, &target, service);
    return rc;
}

static int make_api(struct gw_snapshot *snapshot, const struct gw_api *api, struct gw_route *routes,
                    struct gw_diagnostics *diagnostics)
{
    for (size_t i = 0; i < api->operation_count; i++) {
        const struct gw_operation *operation = &api->operations[i];
        struct gw_service *service = &snapshot->services[snapshot->service_count];
        struct gw_error error = {0};
        int rc = make_service(snapshot, operation, service, &error);
        if (rc != 0) {
            gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, api->file.ptr, 0, 0, "%.*s: %s",
                               GW_STR_ARG(operation->id), error.text);
            return rc;
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
