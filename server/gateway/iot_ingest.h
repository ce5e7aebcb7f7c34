/* Samples over HTTP: what a request gives, sorted by edge node. */
#pragma once

#include "server/gateway/iot_private.h"
#include "server/store/record.h"

#define GW_INGEST_MAX_NODES 64
#define GW_INGEST_MAX_ERRORS 100 /* that are told one by one */

struct gw_ingest_node {
    struct gw_ingest *ingest;
    const struct gw_edge_node_config *config;
    struct gw_buf samples; /* the payload of a message (sample_json.h) */
    size_t count;
    struct gw_record_write write;
    struct gw_redis_eval eval;
    struct gw_str key, args[2];
    int rc;
    bool is_full;
};

struct gw_ingest_error {
    size_t line; /* from 1: of the list, or of the stream's lines */
    const char *reason;
    struct gw_str detail;
};

struct gw_ingest {
    struct gw_iot_request request;
    struct gw_ingest_node nodes[GW_INGEST_MAX_NODES];
    size_t node_count;
    struct gw_ingest_error errors[GW_INGEST_MAX_ERRORS];
    size_t refused; /* of which GW_INGEST_MAX_ERRORS are told */
    size_t accepted;
    size_t line; /* of the item that is being read */
    int64_t now_ms, max_future_ms;
    size_t waiting;
    bool is_sent;
};

/* --- iot_ingest_read.c --- */

/* 0; -EINVAL: the body as a whole is no list, stream or event (*error says why); -E2BIG: too many;
 * -ENOMEM. */
GW_MUST_CHECK
int gw_ingest_read(struct gw_ingest *ingest, struct gw_error *error);
