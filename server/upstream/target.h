/* A target's state in one worker: its connections, its health, what it has to do. It outlives the
 * configuration that named it: the next one that names the same takes it over. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/core/breaker.h"
#include "server/core/list.h"
#include "server/upstream/backend.h"
#include "server/upstream/outlier.h"

/* What threads tell each other about a target. Lives as long as the process. */
struct gw_target_mark {
    atomic_bool is_down;               /* by the probes; set by the main thread */
    _Atomic uint64_t up_since_ns;      /* its last recovery by the probes; 0: none */
    _Atomic uint64_t ejected_until_ns; /* by any worker */
    _Atomic uint64_t open_until_ns;    /* a breaker, of any worker */
};

struct gw_target_stats {
    uint64_t requests, failures, ejections, breaker_openings;
};

struct gw_target {
    struct gw_list node; /* in the worker's upstreams */
    unsigned references;
    char *key; /* backend and URL */
    struct gw_http_origin *origin;
    struct gw_target_mark *mark; /* may be NULL */
    uint32_t outstanding;
    struct gw_breaker breaker;
    bool has_breaker;
    struct gw_outlier outlier;
    uint64_t closed_at_ns; /* when the breaker closed again; 0: it never did */
    struct gw_target_stats stats;
};

/* Takes a reference to the state of that backend's target, made on first use; the options of
 * `backend` hold from now on. */
GW_MUST_CHECK
int gw_target_get(struct gw_upstreams *upstreams, const struct gw_backend_config *backend,
                  const struct gw_target_config *config, struct gw_target **out_target,
                  struct gw_error *error);
struct gw_target *gw_target_hold(struct gw_target *target); /* the same once more */
void gw_target_put(struct gw_target *target);               /* NULL is safe */

/* Nothing speaks against asking it. */
bool gw_target_is_well(const struct gw_target *target, uint64_t now_ns);
/* At least its breaker does not. */
bool gw_target_is_allowed(const struct gw_target *target, uint64_t now_ns);

/* Its weight now: less for a while after it came back. */
uint32_t gw_target_weight(const struct gw_target *target, const struct gw_backend_config *backend,
                          const struct gw_target_config *config, uint64_t now_ns);

/* A request to it begins; returns whether it is a breaker's probe. Each begin has one end; before
 * it, at most one report. */
bool gw_target_begin(struct gw_target *target, uint64_t now_ns);
enum gw_target_outcome {
    GW_TARGET_SUCCESS,
    GW_TARGET_FAILURE,
    GW_TARGET_UNKNOWN, /* given up before it was known, or not its fault */
};
void gw_target_report(const struct gw_backend *backend, struct gw_target *target, bool is_probe,
                      enum gw_target_outcome outcome, uint64_t now_ns);
void gw_target_end(struct gw_target *target);
