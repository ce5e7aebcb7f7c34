/* The inside of a running edge, for the files gateway/edge*.c. Not for others. */
#pragma once

#include "server/filter/worker.h"
#include "server/gateway/edge.h"
#include "server/gateway/edge_config.h"
#include "server/gateway/edge_forward.h"
#include "server/iot/lane.h"
#include "server/net/loop.h"

struct gw_database;
struct gw_edge_decide;
struct gw_edge_samples;
struct gw_edge_status;
struct gw_metrics;
struct gw_buf;
struct gw_exchange;

struct gw_edge {
    const char *config_path;
    struct gw_loop *loop;
    struct gw_signal *signals[3];
    struct gw_worker worker; /* what the listener sees of us */
    struct gw_metrics *metrics;
    struct gw_edge_config *config;
    struct gw_edge_config *coming; /* the lane changes to it; NULL: it does not */
    struct gw_edge_config *next;   /* to be used once the lane has stopped, or changed */
    struct gw_database *database;
    struct gw_spool *spool;
    struct gw_iot_store *store;
    struct gw_edge_forward *forward;
    struct gw_edge_decide *decide;
    struct gw_edge_samples *samples;             /* NULL: none are kept */
    const struct gw_edge_config *samples_config; /* as which they are kept */
    struct gw_edge_status *status;
    struct gw_lane *lane; /* NULL: none is configured, or it could not be made */
    struct gw_timer tick;
    bool is_stopping; /* the lane finishes what it has */
    bool has_stopped; /* it may go */
    bool is_ending;   /* and the process after it */
    char client_id[96];
};

/* --- edge_status.c --- */

GW_MUST_CHECK
int gw_edge_status_create(struct gw_edge *edge, struct gw_edge_status **out_status,
                          struct gw_error *error);
void gw_edge_status_destroy(struct gw_edge_status *status); /* NULL is safe */
/* Ends the exchange; the text is finished with it. */
void gw_edge_status_answer(struct gw_exchange *ex, int status, struct gw_str type,
                           struct gw_buf *text);
