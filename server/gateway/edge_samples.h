/* Samples that an edge keeps for the centre, where its configuration says so: in the order in which
 * they were computed on, beside the events and bounded by themselves; beyond the bound the oldest
 * are dropped. They are forwarded at leisure, when events do not wait; the centre may get some
 * twice, which changes nothing there.
 *
 * What the lane has journaled and computed on is given to the database before the lane can ask for
 * a checkpoint: a crash loses none of it. All on the loop's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/gateway/edge_forward.h"

struct gw_edge_config;
struct gw_edge_node_config;
struct gw_edge_samples;
struct gw_sample;

extern const char gw_edge_samples_schema[]; /* for gw_database_config */

struct gw_edge_samples_setup { /* all borrowed */
    struct gw_loop *loop;
    struct gw_http_client *http;
    struct gw_database *database;
    struct gw_spool *spool; /* whose events go first */
    const struct gw_edge_config *config;
};

struct gw_edge_samples_stats {
    uint64_t waiting, bytes;           /* samples on the disk, and their bytes there */
    uint64_t kept, dropped, forwarded; /* since the file was made */
    uint64_t failures, refused;        /* batches that failed; samples of series unknown there */
    enum gw_edge_centre_state state;
    char last_error[200]; /* empty: none since the last success */
};

GW_MUST_CHECK
int gw_edge_samples_create(const struct gw_edge_samples_setup *setup,
                           struct gw_edge_samples **out_samples, struct gw_error *error);
/* What was taken is still written. NULL is safe. */
void gw_edge_samples_destroy(struct gw_edge_samples *samples);

/* As gw_lane_events.on_samples; `samples` of this may be NULL: nothing is kept. */
void gw_edge_samples_take(struct gw_edge_samples *samples, const struct gw_edge_node_config *config,
                          const struct gw_sample *list, size_t count);
/* `samples` NULL: all 0. */
void gw_edge_samples_get_stats(const struct gw_edge_samples *samples,
                               struct gw_edge_samples_stats *out_stats);
