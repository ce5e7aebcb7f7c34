/* From an edge's spool to the centre: one batch under way, again until it is acknowledged.
 *
 * All on the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"

struct gw_edge_config;
struct gw_edge_forward;
struct gw_http_client;
struct gw_loop;
struct gw_spool;

enum gw_edge_centre_state {
    GW_EDGE_CENTRE_NONE,    /* none is configured, or nothing was sent yet */
    GW_EDGE_CENTRE_UP,      /* the last batch was acknowledged */
    GW_EDGE_CENTRE_DOWN,    /* it did not answer */
    GW_EDGE_CENTRE_REFUSED, /* it answered otherwise */
};

struct gw_edge_forward_stats {
    enum gw_edge_centre_state state;
    char last_error[200];            /* empty: none since the last success */
    uint64_t batches, events, bytes; /* acknowledged; bytes as sent */
    uint64_t failures, gaps;
    uint64_t refused_events; /* that the centre took for no events, and passed over */
};

/* The configuration is borrowed, as are all others. NULL with *error. */
GW_MUST_CHECK
int gw_edge_forward_create(struct gw_loop *loop, struct gw_http_client *http,
                           struct gw_spool *spool, const struct gw_edge_config *config,
                           struct gw_edge_forward **out_forward, struct gw_error *error);
/* Breaks off what is under way: it is sent again. NULL is safe. */
void gw_edge_forward_destroy(struct gw_edge_forward *forward);

/* `forward` NULL: nothing is forwarded. */
void gw_edge_forward_get_stats(const struct gw_edge_forward *forward,
                               struct gw_edge_forward_stats *out_stats);
/* Counts on from there, instead of another one that has been destroyed; NULL is safe. */
void gw_edge_forward_follow(struct gw_edge_forward *forward,
                            const struct gw_edge_forward_stats *stats);
const char *gw_edge_centre_state_name(enum gw_edge_centre_state state);
