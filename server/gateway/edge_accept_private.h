/* What the files gateway/edge_accept*.c share. Not for others. */
#pragma once

#include "server/core/buf.h"
#include "server/event/log.h"
#include "server/gateway/config.h"
#include "server/http/exchange.h"
#include "server/store/record.h"

struct edge_batch;

/* One line of a batch. */
struct edge_item {
    struct gw_event_append append;
    struct edge_batch *batch;
    uint64_t sequence;
    struct gw_event *event; /* NULL: it was dropped at the edge, or is refused */
    const char *problem;    /* why it is refused; NULL: it is not */
    struct gw_str detail;
    struct edge_item *next;         /* of the same subject: appended when this one stands */
    bool is_headed;                 /* it is somebody's next */
    struct edge_question *question; /* what is asked for it; NULL: nothing, or it has its answer */
};

struct edge_batch {
    struct gw_exchange *ex;
    const struct gw_config_edge *edge;
    struct gw_event_log *log;
    struct gw_str epoch;
    uint64_t first, last; /* of the whole batch */
    uint64_t known;       /* the last one that is committed */
    uint64_t dropped;     /* at the edge, before the first event */
    struct edge_item *items;
    size_t count;
    size_t waiting; /* appends under way */
    int rc;         /* of the first append that failed */
    struct gw_buf lines;
    struct gw_arena arena; /* of its events: more than an exchange has */
    struct gw_redis_call *question;
    struct gw_record_write commit;
    struct gw_str key, args[3];
    uint64_t committed;
    struct edge_asking {
        void (*then)(struct edge_batch *batch);
        size_t next;    /* item that is looked at */
        size_t waiting; /* questions under way */
        uint64_t until_ns;
        bool is_busy;
    } asking;
};

/* --- edge_identity.c --- */

#define EDGE_REVOKED "The edge has been revoked."

/* NULL: the caller's certificate is not that edge's. */
GW_MUST_CHECK
const struct gw_config_edge *edge_find(const struct gw_exchange *ex, struct gw_str id);
/* Now, by the record of consumers that policies/authorise reads: it may have come while a batch was
 * on its way. */
bool edge_is_disabled(struct gw_exchange *ex, const struct gw_config_edge *edge);

/* --- edge_enrich.c --- */

/* Asks what signals have asked for the batch's new events, and puts the answers into them; then
 * `then`, perhaps at once. */
void edge_batch_enrich(struct edge_batch *batch, void (*then)(struct edge_batch *batch));
/* The batch goes. */
void edge_batch_enrich_leave(struct edge_batch *batch);

/* --- edge_accept_read.c --- */

#define EDGE_MAX_LINES 1001 /* a batch of 1000, and what was dropped before it */

/* Unpacks the body and reads its lines into items. NULL, or the problem with its detail. */
GW_MUST_CHECK
const char *edge_batch_read(struct edge_batch *batch, struct gw_str *out_detail);
