/* What the files gateway/edge_samples*.c share. Not for others. */
#pragma once

#include "server/core/buf.h"
#include "server/core/list.h"
#include "server/event/database.h"
#include "server/gateway/edge_post.h"
#include "server/gateway/edge_samples.h"
#include "server/net/loop.h"

/* What of one edge node waits for the turn's end. */
struct edge_samples_node {
    struct gw_buf text; /* a list as of iot/sample_json.h, without its end */
    size_t count;
};

/* What the table holds, behind each job. */
struct edge_samples_state {
    uint64_t rows, samples, bytes, kept, dropped, forwarded;
};

/* A job with the state that every one brings back; freed by its `end`. */
struct edge_samples_job {
    struct gw_database_job job;    /* first */
    struct gw_list node;           /* in the samples' */
    struct gw_edge_samples *owner; /* NULL: it has gone */
    uint64_t max_bytes;
    struct edge_samples_state state;
    void (*end)(struct edge_samples_job *job, int rc);
};

struct gw_edge_samples {
    struct gw_edge_samples_setup setup;
    struct edge_samples_node *nodes; /* as the registry numbers them */
    size_t node_count;
    struct gw_soon flush;
    struct gw_list jobs;
    struct edge_samples_state state;
    struct gw_edge_samples_stats stats;
    /* --- edge_samples_forward.c --- */
    struct gw_timer timer;
    struct gw_edge_post *post; /* NULL: there is no centre */
    struct gw_buf batch;       /* gzip, under way */
    int64_t batch_last;        /* its last position */
    bool is_busy;
    uint64_t pause_ns; /* the last one; 0: the last batch went well */
};

/* --- edge_samples.c --- */

/* On the thread. */
GW_MUST_CHECK
int edge_samples_read_state(struct edge_samples_job *job, struct gw_database *database);
void edge_samples_submit(struct gw_edge_samples *samples, struct edge_samples_job *job,
                         int (*run)(struct gw_database_job *job, struct gw_database *database),
                         void (*end)(struct edge_samples_job *job, int rc));

/* --- edge_samples_forward.c --- */

GW_MUST_CHECK
int edge_samples_forward_start(struct gw_edge_samples *samples, struct gw_error *error);
void edge_samples_forward_stop(struct gw_edge_samples *samples);
