/* A snapshot: configuration, contracts, routes and backends, as they hold together.
 *
 * Built and checked whole before any worker sees it, immutable then. Whoever uses one holds a
 * reference; the main thread, which holds the list of all, frees those that nobody uses. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "server/contract/load.h"
#include "server/core/diagnostic.h"
#include "server/core/map.h"
#include "server/crypto/digest.h"
#include "server/gateway/config.h"
#include "server/http/listener.h"
#include "server/http/router.h"
#include "server/upstream/backend.h"

struct gw_backend_metrics;
struct gw_builtin;
struct gw_event_types;
struct gw_flow;
struct gw_flow_metrics;
struct gw_landscape;
struct gw_metric;
struct gw_landscape_system;
struct gw_registry;
struct gw_signals;

/* How one operation is served. What the router's matches point at. */
struct gw_service {
    const struct gw_operation *operation;
    size_t backend; /* index in the snapshot's and the view's backends; SIZE_MAX: none */
    struct gw_snapshot_flow *flow; /* that fulfils it; NULL: the backend does, as a plain proxy */
    const struct gw_builtin *builtin; /* that fulfils it; NULL: none does */
    struct gw_effect effect;          /* of a flow or a builtin */
    size_t metric; /* its number in the metrics; set when the snapshot is published */
    const struct gw_landscape_operation *landscape; /* whose systems fulfil it; NULL: none */
    const struct gw_landscape_system *system;       /* of a service below such an operation */
};

/* An operation that several systems offer: `flow` of its service is that of any of them, `effect`
 * the weakest. */
struct gw_landscape_operation {
    const struct gw_landscape *landscape;
    const struct gw_service *systems; /* of each of the landscape's; flow NULL: not offered there */
    bool is_list;                     /* all systems can be asked at once */
    const struct gw_metric **shadow_metrics; /* see landscape_shadow.h; set when published */
};

struct gw_snapshot_flow {
    struct gw_flow *flow;
    struct gw_flow_metrics *metrics; /* set when the snapshot is published; may be NULL */
};

struct gw_snapshot {
    atomic_uint references;
    uint64_t generation; /* 1, 2, ... in the order of publishing; 0 before */
    struct gw_config *config;
    struct gw_contract **contracts;
    size_t contract_count;
    struct gw_snapshot_flow *flows; /* sorted by name */
    size_t flow_count;
    struct gw_event_types *event_types; /* NULL: none are described */
    struct gw_map operations;           /* by operationId: see gw_flows_find_operation() */
    struct gw_service *services;
    size_t service_count;
    struct gw_router *router;
    struct gw_backend_config *backends;
    const struct gw_backend_metrics **backend_metrics; /* of each; set when it is published */
    size_t backend_count;
    struct gw_listener_trust *trust; /* of each listener of the configuration */
    struct gw_listener_trust admin_trust;
    struct gw_registry *registry; /* of telemetry; NULL: there is none */
    struct gw_signals *signals;
    uint8_t iot_digest[GW_SHA256_BYTES]; /* of the files of registry and signals */
    struct gw_arena arena;
};

/* Loads the file and everything it names. All that is wrong goes to `diagnostics`. Contracts that
 * have not changed are shared with `previous` (may be NULL). Any thread; takes its time. */
GW_MUST_CHECK
int gw_snapshot_load(const char *path, const struct gw_filter_type *const *filters,
                     const struct gw_snapshot *previous, struct gw_diagnostics *diagnostics,
                     struct gw_snapshot **out_snapshot);

/* For `check`: the same without a previous one, and each policy is created once, as for a worker.
 * Goes on as far as it makes sense, so that all problems of all files are told at once. */
GW_MUST_CHECK
int gw_snapshot_check(const char *path, const struct gw_filter_type *const *filters,
                      struct gw_diagnostics *diagnostics, struct gw_snapshot **out_snapshot);

struct gw_snapshot *gw_snapshot_retain(struct gw_snapshot *snapshot);

/* Gives a reference back; frees nothing, so that a worker never pays for it. NULL is safe. */
void gw_snapshot_release(struct gw_snapshot *snapshot);

/* Whether anybody holds a reference. */
bool gw_snapshot_is_used(const struct gw_snapshot *snapshot);

/* Frees one that nobody uses. NULL is safe. */
void gw_snapshot_destroy(struct gw_snapshot *snapshot);
