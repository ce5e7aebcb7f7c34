/* Shadow reads: while a key is about to move, what one system has answered is asked of the other
 * one, too, and compared. The caller's answer neither waits for it nor depends on it. On the
 * worker's thread. */
#pragma once

#include "server/gateway/request.h"
#include "server/gateway/snapshot.h"

#define GW_MAX_SHADOWS 16 /* of one worker, at the same time; beyond, reads are dropped */

enum gw_shadow_outcome {
    GW_SHADOW_EQUAL,
    GW_SHADOW_DIFFERENT,
    GW_SHADOW_FAILED,  /* the other system did not answer, or not well */
    GW_SHADOW_DROPPED, /* too many at once, or too large */
    GW_SHADOW_OUTCOME_COUNT,
};

/* The exchange's response is set, but not sent. Only what went well is compared. */
void gw_landscape_shadow_start(struct gw_request_owner *owner, struct gw_exchange *ex,
                               const struct gw_service *service, struct gw_str key);

/* Main thread: the metrics of a service of a landscape; of any other, nothing. */
void gw_landscape_shadow_name(struct gw_metrics_shard *shard, struct gw_service *service);
