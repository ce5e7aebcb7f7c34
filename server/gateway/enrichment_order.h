/* One question of an event on its way: telemetry's until it is given to a worker, the worker's
 * until it comes back as telemetry's question to itself. Between gateway/enrichment.c and
 * enrichment_call.c. */
#pragma once

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/gateway/telemetry.h"
#include "server/json/value.h"
#include "server/net/loop.h"

struct gw_enrichment;
struct gw_exchange;
struct gw_lane_question;
struct gw_operation;
struct gw_request_owner;

struct gw_enrichment_order {
    /* --- what is asked; set before it goes, in the arena --- */
    struct gw_arena arena;
    struct gw_telemetry *telemetry; /* where it goes back to; NULL: it is asked on the worker's own
                                       thread, and goes back there */
    struct gw_str operation;        /* its id */
    struct gw_value parameters;
    struct gw_str scopes, claims, traceparent;
    uint64_t timeout_ns;
    /* --- the worker's --- */
    struct gw_enrichment_order *next; /* in its mailbox: the newest first */
    struct gw_list running;           /* in its list */
    struct gw_request_owner *requests;
    const struct gw_operation *called; /* as its view had it */
    struct gw_exchange *ex;
    struct gw_timer deadline;
    /* --- the answer --- */
    int rc; /* as in struct gw_lane_question */
    struct gw_buf answer;
    struct gw_telemetry_question reply;
    /* --- telemetry's thread only, all the time --- */
    struct gw_enrichment *enrichment;  /* NULL: it has ended */
    struct gw_list node;               /* in its orders */
    struct gw_lane_question *question; /* NULL: nobody waits for it */
};

/* With a copy of the question, whose `done` is called when it comes back. NULL: no memory. */
GW_MUST_CHECK
struct gw_enrichment_order *gw_enrichment_order_create(struct gw_lane_question *question,
                                                       struct gw_str scopes, uint64_t timeout_ns);
/* Whose it is. */
void gw_enrichment_order_destroy(struct gw_enrichment_order *order);
