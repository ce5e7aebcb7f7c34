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
    const struct gw_event *event; /* NULL: it was dropped at the edge, or is refused */
    const char *problem;          /* why it is refused; NULL: it is not */
    struct gw_str detail;
    struct edge_item *next; /* of the same subject: appended when this one stands */
    bool is_headed;         /* it is somebody's next */
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
};

/* --- edge_identity.c --- */

#define EDGE_REVOKED "The edge has been revoked."

/* NULL: the caller's certificate is not that edge's. */
GW_MUST_CHECK
const struct gw_config_edge *edge_find(const struct gw_exchange *ex, struct gw_str id);
/* Now, by the record of consumers that policies/authorise reads: it may have come while a batch was
 * on its way. */
bool edge_is_disabled(struct gw_exchange *ex, const struct gw_config_edge *edge);

/* --- edge_accept_read.c --- */

#define EDGE_MAX_LINES 1001 /* a batch of 1000, and what was dropped before it */

/* Unpacks the body and reads its lines into items. NULL, or the problem with its detail. */
GW_MUST_CHECK
const char *edge_batch_read(struct edge_batch *batch, struct gw_str *out_detail);
