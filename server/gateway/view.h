/* A snapshot as one worker sees it: its own policy instances and backends, and the count of
 * exchanges that still need them. Made on the main thread, handed to the worker, whose it is. */
#pragma once

#include "server/connector/connector.h"
#include "server/filter/chain.h"
#include "server/gateway/policy.h"
#include "server/gateway/snapshot.h"
#include "server/upstream/backend.h"

struct gw_view {
    struct gw_list node;          /* among a worker's retired views */
    struct gw_snapshot *snapshot; /* a reference; NULL: let go */
    struct gw_policy_set policies;
    struct gw_chain chain;
    struct gw_backend *backends; /* in the order of snapshot->backends */
    void **connectors; /* instances: of each backend, each of gw_connectors; NULL: not yet */
    size_t exchange_count;
    size_t detached_count; /* of them: those that need the policies only */
};

/* Takes over the set and a reference to the snapshot. NULL without memory (nothing is taken). */
GW_MUST_CHECK
struct gw_view *gw_view_create(struct gw_snapshot *snapshot, struct gw_policy_set *policies,
                               void (*end)(struct gw_exchange *ex));

/* On the worker's thread: connects the backends to its upstreams. A backend that cannot be set up
 * is logged, and answers 502. */
void gw_view_adopt(struct gw_view *view, struct gw_upstreams *upstreams);

/* Of a view that no new exchange will get: gives up the snapshot and its backends, if all exchanges
 * left are detached. Returns whether it did. */
bool gw_view_let_go(struct gw_view *view);

/* The backend's instance of a connector, made on first use. -ENOENT: the backend is not there,
 * could not be set up, or has no such connector; -EINVAL: the connector refuses its options. On the
 * worker's thread. */
GW_MUST_CHECK
int gw_view_get_connector(struct gw_view *view, struct gw_str backend,
                          const struct gw_connector_type *type, void **out_instance,
                          const struct gw_backend **out_backend);

/* NULL is safe. On the worker's thread once adopted. */
void gw_view_destroy(struct gw_view *view);
