/* What is counted per backend and per target, and what threads tell each other of a target. Labels
 * are the operator's names, so there are as many as are configured; a name keeps its descriptions
 * for the life of the process, over all reloads.
 *
 * Main thread, but for publish, which belongs to the worker whose shard it is. */
#pragma once

#include "server/core/attr.h"
#include "server/core/metric.h"
#include "server/core/str.h"
#include "server/upstream/backend.h"

struct gw_backend_metrics; /* one backend's */
struct gw_metrics_shard;

/* All that are kept; zeroed at first. */
struct gw_backend_board {
    struct gw_backend_metrics *backends;
    struct gw_target_board *targets;
    size_t backend_count, target_count;
};

/* The descriptions of that name, made on first use. NULL without memory, or when 256 names are
 * kept: then the backend is not counted. */
const struct gw_backend_metrics *gw_backend_board_get(struct gw_backend_board *board,
                                                      struct gw_str name);
/* The mark of a backend's target, likewise; at most 1,024. */
struct gw_target_mark *gw_backend_board_get_mark(struct gw_backend_board *board,
                                                 struct gw_str backend, struct gw_str url);
void gw_backend_board_finish(struct gw_backend_board *board); /* safe on a zeroed one */

/* Sets the numbers of a backend that was set up. `metrics` may be NULL. */
void gw_backend_metrics_publish(const struct gw_backend_metrics *metrics,
                                struct gw_metrics_shard *shard, const struct gw_backend *backend);
