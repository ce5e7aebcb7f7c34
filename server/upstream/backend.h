/* A backend as one worker sees it: where its targets are, and how it is spoken to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/net/http_client.h"
#include "server/upstream/bulkhead.h"
#include "server/upstream/credentials.h"
#include "server/upstream/effect.h"
#include "server/upstream/mirror.h"
#include "server/upstream/outlier.h"
#include "server/upstream/retry.h"
#include "server/upstream/route.h"
#include "server/upstream/schedule.h"
#include "server/upstream/throttle.h"

struct gw_backend_state;
struct gw_target;
struct gw_target_mark;
struct gw_upstreams;

#define GW_MAX_BACKEND_FIELDS 32 /* as in the table of the configuration */
#define GW_MAX_TARGETS 32        /* of one backend: a bit each */

/* One place that serves a backend. */
struct gw_target_config {
    struct gw_str url; /* as the operator wrote it: its name in log and metrics */
    struct gw_http_origin_config origin;
    struct gw_str authority; /* the Host field */
    struct gw_str base_path; /* put before every path: "/odata/v4/erp", or empty */
    uint32_t weight;
    uint32_t pools; /* bits: 0 for requests that no route takes, 1 for those of the first, ... */
    struct gw_target_mark *mark; /* what all threads know of it; NULL: nothing */
};

struct gw_breaker_rule {
    uint32_t failures; /* in a row; 0: there is no breaker */
    uint64_t pause_ns;
    uint32_t probes;
};

/* How a target is asked whether it is well. */
struct gw_probe_rule {
    struct gw_str path; /* GET; empty: HEAD of the base path, for readiness only */
    uint64_t interval_ns, timeout_ns;
    uint32_t healthy, unhealthy; /* answers in a row that change its state */
};

/* What the operator says of a backend. Immutable, of the snapshot's life. */
struct gw_backend_config {
    struct gw_str name;
    struct gw_target_config *targets;
    size_t target_count;
    const struct gw_field *fields; /* added to every request, in place of the caller's */
    size_t field_count;
    uint64_t first_byte_ns, total_ns, idle_ns;
    uint64_t websocket_idle_ns, websocket_total_ns;       /* total: 0 is any */
    uint64_t event_stream_idle_ns, event_stream_total_ns; /* likewise */
    bool sends_bearer;                        /* the caller's Authorization goes on to it */
    struct gw_credentials_config credentials; /* ours for it */
    struct gw_effect effect;                  /* of writes */
    uint64_t slow_start_ns;
    struct gw_outlier_rule outlier;
    struct gw_breaker_rule breaker;
    struct gw_retry_rule retry;
    struct gw_probe_rule probe;
    const struct gw_route_rule *routes;
    size_t route_count;
    const struct gw_schedule_window *maintenance;
    size_t maintenance_count;
    struct gw_throttle_rule throttle;
    struct gw_bulkhead_rule bulkhead;
    struct gw_mirror_rule mirror;
    uint64_t hedge_ns;            /* a second target is asked after so long; 0: none is */
    struct gw_str deadline_field; /* in which callers say how long they wait; empty: in none */
};

struct gw_backend {
    const struct gw_backend_config *config;
    struct gw_upstreams *upstreams;     /* NULL: it could not be set up */
    struct gw_backend_state *state;     /* outlives the configuration */
    struct gw_target **targets;         /* in the order of config->targets */
    struct gw_credentials *credentials; /* NULL: there are none to show */
    const struct gw_backend *mirror;    /* where reads are copied to, or NULL */
};

/* Takes references to the state of the backend and its targets, which are made on first use, and to
 * the credentials. The configuration must outlive the backend. */
GW_MUST_CHECK
int gw_backend_init(struct gw_backend *backend, struct gw_upstreams *upstreams,
                    const struct gw_backend_config *config, struct gw_error *error);
void gw_backend_finish(struct gw_backend *backend); /* safe on a zeroed one */

/* A target that was chosen for a request. */
struct gw_backend_choice {
    size_t index;      /* in config->targets; SIZE_MAX: none may be asked */
    uint64_t retry_ns; /* when none may: until the first of them is tried again */
};

/* Who may be asked. */
struct gw_backend_scope {
    uint32_t pool;  /* 0, or 1 + the route that took the request */
    uint32_t tried; /* a bit for each target that was asked already */
};

/* Chooses among the targets in scope that are well; where none of the pool is, among those of pool
 * 0; where none is there, among all that a breaker does not forbid, for somebody may be wrong about
 * them. */
struct gw_backend_choice gw_backend_choose(const struct gw_backend *backend,
                                           struct gw_backend_scope scope, uint64_t now_ns);

/* How many targets in scope, or of pool 0, could be asked now. */
uint32_t gw_backend_count_untried(const struct gw_backend *backend, struct gw_backend_scope scope,
                                  uint64_t now_ns);
