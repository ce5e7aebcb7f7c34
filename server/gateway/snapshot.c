#include "server/gateway/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "server/connector/connector.h"
#include "server/contract/event_types.h"
#include "server/gateway/flows.h"
#include "server/gateway/iot_check.h"
#include "server/gateway/iot_load.h"
#include "server/gateway/policy.h"
#include "server/gateway/rules.h"
#include "server/gateway/security.h"
#include "server/gateway/services.h"
#include "server/gateway/trust.h"

#define ARENA_BLOCK_BYTES (64 * 1024)
#define ARENA_MAX_BYTES ((size_t)256 * 1024 * 1024)
#define MAX_CONTRACTS 4096

struct loading {
    struct gw_snapshot *snapshot;
    const struct gw_snapshot *previous;
    struct gw_diagnostics *diagnostics;
    struct gw_contract_rules rules;
};

/* --- contracts --- */

static struct gw_contract *find_unchanged(const struct loading *loading, const char *path)
{
    const struct gw_snapshot *previous = loading->previous;

    for (size_t i = 0; previous != NULL && i < previous->contract_count; i++) {
        struct gw_contract *contract = previous->contracts[i];
        if (gw_str_equal(gw_contract_api(contract)->file, gw_str_of(path)) &&
            gw_contract_is_current(contract, &loading->rules))
            return gw_contract_hold(contract);
    }
    return NULL;
}

/* A contract that is refused does not end the list: all problems are told at once. */
static int add_contract(void *self, const char *path)
{
    struct loading *loading = self;
    struct gw_snapshot *snapshot = loading->snapshot;

    if (snapshot->contract_count == MAX_CONTRACTS) {
        gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_ERROR, path, 0, 0,
                           "more than %d contracts", MAX_CONTRACTS);
        return -ENOSPC;
    }
    struct gw_contract *contract = find_unchanged(loading, path);
    if (contract == NULL) {
        int rc = gw_contract_load(path, &loading->rules, loading->diagnostics, &contract);
        if (rc == -ENOMEM)
            return rc;
        if (rc != 0)
            return 0;
    }
    snapshot->contracts[snapshot->contract_count++] = contract;
    return 0;
}

static int load_contracts(struct loading *loading)
{
    struct gw_snapshot *snapshot = loading->snapshot;
    const struct gw_config *config = snapshot->config;

    snapshot->contracts = calloc(MAX_CONTRACTS, sizeof(struct gw_contract *));
    if (snapshot->contracts == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < config->contract_count; i++) {
        const char *path = config->contracts[i].ptr;
        struct stat status;
        int rc;
        if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
            rc = gw_contract_list(path, loading->diagnostics, add_contract, loading);
        else
            rc = add_contract(loading, path);
        if (rc != 0)
            return rc;
    }
    gw_contract_check_bases(snapshot->contracts, snapshot->contract_count, loading->diagnostics);
    return 0;
}

/* --- backends --- */

static struct gw_http_origin_config origin_of(const struct gw_config_backend *from,
                                              const struct gw_config_target *target)
{
    struct gw_http_origin_config origin = {
        .host = target->host,
        .port = target->port,
        .is_tls = target->is_tls,
        .max_connections = from->max_connections,
        .max_waiting = from->max_waiting,
        .max_upgraded = from->max_websockets,
        .idle_ns = from->idle_timeout_ns,
        .connect_ns = from->connect_timeout_ns,
    };

    if (!target->is_tls)
        return origin;
    origin.ca_pem = from->tls.ca_pem;
    origin.client_cert_pem = from->tls.client_certificate_pem;
    origin.client_key_pem = from->tls.client_key_pem;
    origin.server_name = from->tls.server_name;
    return origin;
}

static int make_backend(struct gw_arena *arena, const struct gw_config_backend *from,
                        struct gw_backend_config *backend)
{
    struct gw_field *fields = gw_arena_calloc(arena, from->header_count + 1, sizeof(*fields));
    struct gw_target_config *targets =
        gw_arena_calloc(arena, from->target_count + 1, sizeof(*targets));

    if (fields == NULL || targets == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < from->header_count; i++)
        fields[i] = (struct gw_field){from->headers[i].name, from->headers[i].value};
    for (size_t i = 0; i < from->target_count; i++)
        targets[i] = (struct gw_target_config){
            .url = from->targets[i].url,
            .origin = origin_of(from, &from->targets[i]),
            .authority = from->targets[i].authority,
            .base_path = from->targets[i].base_path,
            .weight = from->targets[i].weight,
            .pools = from->targets[i].pools,
        };
    *backend = from->resilience;
    backend->name = from->name;
    backend->targets = targets;
    backend->target_count = from->target_count;
    backend->fields = fields;
    backend->field_count = from->header_count;
    backend->first_byte_ns = from->first_byte_timeout_ns;
    backend->total_ns = from->total_timeout_ns;
    backend->idle_ns = from->idle_timeout_ns;
    backend->sends_bearer = from->send_bearer;
    backend->credentials = from->credentials;
    return 0;
}

static int make_backends(struct gw_snapshot *snapshot)
{
    const struct gw_config *config = snapshot->config;
    int rc = 0;

    snapshot->backend_count = config->backend_count;
    snapshot->backends =
        gw_arena_calloc(&snapshot->arena, config->backend_count + 1, sizeof(*snapshot->backends));
    snapshot->backend_metrics = gw_arena_calloc(&snapshot->arena, config->backend_count + 1,
                                                sizeof(*snapshot->backend_metrics));
    if (snapshot->backends == NULL || snapshot->backend_metrics == NULL)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < config->backend_count; i++)
        rc = make_backend(&snapshot->arena, &config->backends[i], &snapshot->backends[i]);
    return rc;
}

/* What a connector makes of its options must be told before a worker has the snapshot. */
static void check_connector(struct loading *loading, size_t index, size_t number)
{
    struct gw_snapshot *snapshot = loading->snapshot;
    const struct gw_connector_type *type = gw_connectors[number];
    const struct gw_config_backend *from = &snapshot->config->backends[index];
    const struct gw_backend backend = {.config = &snapshot->backends[index]};
    struct gw_error error = {0};
    void *instance = NULL;
    char pointer[512];

    if (from->connectors == NULL || from->connectors[number] == NULL)
        return;
    if (type->create(from->connectors[number], &backend, &instance, &error) == 0) {
        type->destroy(instance);
        return;
    }
    snprintf(pointer, sizeof(pointer), "/backends/%.*s/%s%s", GW_STR_ARG(from->name), type->name,
             error.where);
    gw_config_report(snapshot->config, pointer, loading->diagnostics, "%s: %s", type->name,
                     error.text);
}

static void check_connectors(struct loading *loading)
{
    if (loading->snapshot->config->is_faulty)
        return; /* what is wrong with the options was told */
    for (size_t i = 0; i < loading->snapshot->backend_count; i++) {
        for (size_t k = 0; gw_connectors[k] != NULL; k++)
            check_connector(loading, i, k);
    }
}

/* --- events --- */

/* What is wrong with the document is told, and the load goes on. */
static int load_event_types(struct loading *loading)
{
    struct gw_snapshot *snapshot = loading->snapshot;
    const struct gw_config_events *events = &snapshot->config->events;

    if (events->contract.ptr == NULL)
        return 0;
    int rc =
        gw_event_types_load(events->contract.ptr, loading->diagnostics, &snapshot->event_types);
    return rc == -ENOMEM ? rc : 0;
}

/* --- life --- */

static int load(struct loading *loading, const char *path,
                const struct gw_filter_type *const *filters)
{
    struct gw_snapshot *snapshot = loading->snapshot;
    int rc = gw_config_load_partly(path, filters, loading->diagnostics, &snapshot->config);

    if (snapshot->config == NULL)
        return rc;
    /* A faulty configuration goes on: what is wrong with the contracts is told with it. */
    size_t errors_before = loading->diagnostics->error_count;
    rc = gw_gateway_rules(snapshot->config, &snapshot->arena, &loading->rules);
    if (rc == 0)
        rc = load_event_types(loading);
    if (rc == 0)
        rc = make_backends(snapshot);
    if (rc == 0)
        check_connectors(loading);
    if (rc == 0)
        rc = gw_flows_load(snapshot, loading->previous, loading->diagnostics);
    if (rc == 0)
        rc = gw_iot_load(snapshot, loading->previous, loading->diagnostics);
    size_t errors_before_contracts = loading->diagnostics->error_count;
    if (rc == 0)
        rc = load_contracts(loading);
    if (rc == 0)
        rc = gw_flows_index_operations(snapshot);
    bool is_whole = loading->diagnostics->error_count == errors_before_contracts;
    if (rc == 0)
        gw_flows_check_names(snapshot, is_whole, loading->diagnostics);
    if (rc == 0 && is_whole)
        gw_iot_check_names(snapshot, loading->diagnostics);
    if (rc == 0)
        gw_gateway_check_security(snapshot->config, snapshot->contracts, snapshot->contract_count,
                                  loading->diagnostics);
    if (rc == 0)
        rc = gw_trust_make(snapshot, loading->diagnostics);
    if (rc == 0 && loading->diagnostics->error_count == errors_before)
        rc = gw_services_make(snapshot, loading->diagnostics);
    if (rc == 0 && gw_diagnostics_has_errors(loading->diagnostics))
        rc = -EINVAL;
    return rc;
}

/* Always gives the snapshot as far as it came, NULL without memory. */
static int load_new(const char *path, const struct gw_filter_type *const *filters,
                    const struct gw_snapshot *previous, struct gw_diagnostics *diagnostics,
                    struct gw_snapshot **out_snapshot)
{
    struct gw_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    struct loading loading = {
        .snapshot = snapshot, .previous = previous, .diagnostics = diagnostics};

    if (snapshot == NULL)
        return -ENOMEM;
    gw_arena_init(&snapshot->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    int rc = load(&loading, path, filters);
    if (rc != 0 && !gw_diagnostics_has_errors(diagnostics))
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, path, 0, 0, "cannot be loaded: %s",
                           strerror(-rc));
    *out_snapshot = snapshot;
    return rc;
}

int gw_snapshot_load(const char *path, const struct gw_filter_type *const *filters,
                     const struct gw_snapshot *previous, struct gw_diagnostics *diagnostics,
                     struct gw_snapshot **out_snapshot)
{
    struct gw_snapshot *snapshot = NULL;
    int rc = load_new(path, filters, previous, diagnostics, &snapshot);

    if (rc != 0) {
        gw_snapshot_destroy(snapshot);
        return rc;
    }
    *out_snapshot = snapshot;
    return 0;
}

static int try_policies(struct gw_config *config, struct gw_diagnostics *diagnostics)
{
    struct gw_policy_set policies = {0};
    int rc = gw_policy_set_make(config, NULL, &policies, diagnostics);

    gw_policy_set_release(&policies);
    return rc;
}

int gw_snapshot_check(const char *path, const struct gw_filter_type *const *filters,
                      struct gw_diagnostics *diagnostics, struct gw_snapshot **out_snapshot)
{
    struct gw_snapshot *snapshot = NULL;
    int rc = load_new(path, filters, NULL, diagnostics, &snapshot);

    if (snapshot != NULL && snapshot->config != NULL) {
        int tried = try_policies(snapshot->config, diagnostics);
        rc = rc != 0 ? rc : tried;
    }
    if (rc != 0) {
        gw_snapshot_destroy(snapshot);
        return rc;
    }
    *out_snapshot = snapshot;
    return 0;
}

struct gw_snapshot *gw_snapshot_retain(struct gw_snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

void gw_snapshot_release(struct gw_snapshot *snapshot)
{
    if (snapshot != NULL)
        atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_release);
}

bool gw_snapshot_is_used(const struct gw_snapshot *snapshot)
{
    return atomic_load_explicit(&snapshot->references, memory_order_acquire) > 0;
}

void gw_snapshot_destroy(struct gw_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    gw_router_destroy(snapshot->router);
    gw_trust_finish(snapshot);
    gw_flows_release(snapshot);
    gw_iot_release(snapshot);
    gw_event_types_destroy(snapshot->event_types);
    gw_map_finish(&snapshot->operations);
    for (size_t i = 0; i < snapshot->contract_count; i++)
        gw_contract_release(snapshot->contracts[i]);
    free(snapshot->contracts);
    gw_config_destroy(snapshot->config);
    gw_arena_finish(&snapshot->arena);
    free(snapshot);
}
