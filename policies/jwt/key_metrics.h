/* What is counted of one issuer's keys on one worker. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/metric.h"
#include "server/core/str.h"

struct gw_metrics_shard;
struct gw_worker;

enum key_fetch_result_kind {
    KEY_FETCHED_NEW,
    KEY_FETCHED_SAME,
    KEY_FETCHED_NONE,
    KEY_FETCHED_KINDS
};

struct key_metrics {
    struct gw_metrics_shard *shard;
    const struct gw_metric *fetches[KEY_FETCHED_KINDS];
    const struct gw_metric *keys;
    const struct gw_metric *confirmed;
};

void key_metrics_init(struct key_metrics *metrics, const struct gw_worker *worker,
                      struct gw_str issuer);

void key_metrics_count(const struct key_metrics *metrics, enum key_fetch_result_kind result);

/* How many keys there are now, and since when (seconds since 1970) they are known to be the
 * issuer's; 0 and 0: none. */
void key_metrics_set(const struct key_metrics *metrics, size_t key_count, uint64_t confirmed_s);
