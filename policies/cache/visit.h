/* One request's way through the cache; what the parts of the policy share. Internal to it. */
#pragma once

#include "policies/cache/memory.h"
#include "policies/cache/validators.h"
#include "server/contract/operation.h"
#include "server/core/metric.h"
#include "server/filter/filter.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"

struct cache { /* one per worker */
    struct cache_memory_config memory_config;
    size_t max_object_bytes;
    uint64_t max_wait_ns;
    struct cache_memory *memory; /* opened by the first request that needs it */
};

struct cache_visit {
    struct cache *cache;
    struct cache_memory *memory;
    struct gw_exchange *ex;
    const struct gw_cache_rule *rule;
    struct cache_key key;
    struct cache_control control; /* the request's */
    struct conditions conditions; /* the caller's own */
    struct cache_entry *stale;    /* what is kept, and not good enough */
    struct cache_flight *flight;  /* that this one leads */
    struct cache_waiter waiter;
    struct gw_redis_call *call; /* asks the second level */
    const char *forwarded;      /* why it was, as Cache-Status says it; NULL: it was not */
    uint64_t known;             /* the store's mark when it was asked for */
    unsigned epoch;             /* likewise */
    bool is_served;
    bool is_collapsed;
    bool is_validating; /* the backend is asked with the validators of `stale` */
    bool is_filling;
    int64_t expected_bytes; /* of the body that is collected; -1: not known */
    struct gw_buf body;
    struct cache_draft draft;
};

/* --- serve.c --- */

/* Sets the response from what is kept (or 304, if the caller has that). False: no memory; then the
 * response is a problem. `status` is the end of Cache-Status: "hit". */
bool cache_serve(struct cache_visit *visit, struct cache_entry *entry, const char *status);

/* Adds "millgate; <status>" to Cache-Status, and takes off what was said to caches only. */
void cache_add_status(struct gw_exchange *ex, const char *status);

/* --- fill.c --- */

/* Looks at the backend's answer. */
enum gw_verdict cache_take_answer(struct cache_visit *visit);

/* --- cache.c --- */

void cache_count(const struct gw_exchange *ex, const struct gw_metric *metric);

/* The tag that all answers for the request's path have; ptr NULL without memory. */
struct gw_str cache_path_tag(struct gw_exchange *ex);

/* The flight that is led ends. */
void cache_visit_end_flight(struct cache_visit *visit, enum cache_wake wake);

extern const struct gw_metric cache_metric_hits, cache_metric_misses, cache_metric_stale,
    cache_metric_validated, cache_metric_bypassed, cache_metric_stored, cache_metric_evictions,
    cache_metric_bytes, cache_metric_entries, cache_metric_collapsed, cache_metric_purged,
    cache_metric_second;

int64_t cache_now_ns(const struct gw_exchange *ex);      /* CLOCK_MONOTONIC */
int64_t cache_now_wall_ns(const struct gw_exchange *ex); /* CLOCK_REALTIME */
int64_t cache_now_wall_s(const struct gw_exchange *ex);  /* CLOCK_REALTIME */
