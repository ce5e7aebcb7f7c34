/* What events ask of APIs before they go out: from telemetry's thread to a worker and back.
 *
 * A question goes to the workers in turn, which call the operation in-process as telemetry's own
 * consumer, with all policies, a span and a line in the access log (enrichment_call.h). So many may
 * be under way at once, those among them for whose answer nobody waits any more. Telemetry's
 * thread only. */
#pragma once

#include <stddef.h>

#include "server/core/attr.h"
#include "server/iot/lane.h"

struct gw_config_iot;
struct gw_enrichment;
struct gw_telemetry;
struct gw_worker_thread;

#define GW_ENRICHMENT_MAX 64
#define GW_ENRICHMENT_MAX_BYTES (24 * 1024) /* of an answer: it goes into an event */
#define GW_ENRICHMENT_CONSUMER "telemetry"  /* who asks, to limits, logs and rules */

/* `workers` outlive the thread. NULL: no memory. Any thread. */
GW_MUST_CHECK
struct gw_enrichment *gw_enrichment_create(struct gw_telemetry *telemetry,
                                           struct gw_worker_thread *const *workers,
                                           size_t worker_count);
/* Once nobody asks any more. What is under way goes on without it. NULL is safe. */
void gw_enrichment_destroy(struct gw_enrichment *enrichment);

/* For a lane of this configuration; `ask` is NULL where it has no section `enrichment`. */
struct gw_lane_asker gw_enrichment_asker(struct gw_enrichment *enrichment,
                                         const struct gw_config_iot *config);
size_t gw_enrichment_count(const struct gw_enrichment *enrichment); /* under way */
