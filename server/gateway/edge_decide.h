/* What an edge does of itself: a command by MQTT or a call of a local backend when a signal says
 * something, if the signed allow-list permits it.
 *
 * At most once for an event: its id and what is to be done are on the disk before anything is sent,
 * with what came of it behind; that table is the audit (edge_decision.h). All on the loop's thread.
 */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"

struct gw_database;
struct gw_edge_config;
struct gw_edge_decide;
struct gw_http_client;
struct gw_lane;
struct gw_loop;
struct gw_registry;
struct gw_signal_event;

extern const char gw_edge_decide_schema[];

enum gw_edge_outcome {
    GW_EDGE_DONE,    /* sent; of a call: answered with 2xx */
    GW_EDGE_FAILED,  /* or it is not known; never sent again */
    GW_EDGE_REFUSED, /* the allow-list does not permit it */
    GW_EDGE_LIMITED, /* too many in a minute */
    GW_EDGE_LATE,    /* told longer ago than max_age */
    GW_EDGE_OUTCOME_COUNT,
};
const char *gw_edge_outcome_name(enum gw_edge_outcome outcome);

/* All are borrowed. The reason names what is wrong with the allow-list. */
GW_MUST_CHECK
int gw_edge_decide_create(struct gw_loop *loop, struct gw_http_client *http,
                          struct gw_database *database, const struct gw_edge_config *config,
                          struct gw_edge_decide **out_decide, struct gw_error *error);
/* Counts on from `before`, within the same rate. Both may be NULL. */
void gw_edge_decide_follow(struct gw_edge_decide *decide, const struct gw_edge_decide *before);
void gw_edge_decide_destroy(struct gw_edge_decide *decide); /* NULL is safe */
/* Who sends commands; NULL: nobody. `decide` may be NULL. */
void gw_edge_decide_set_lane(struct gw_edge_decide *decide, struct gw_lane *lane,
                             const struct gw_registry *registry);

/* The event has something to be done. */
void gw_edge_decide_event(struct gw_edge_decide *decide, const struct gw_signal_event *event);

/* How many had which outcome since the start, and how many were known already. */
struct gw_edge_decide_stats {
    uint64_t outcomes[GW_EDGE_OUTCOME_COUNT];
    uint64_t repeated;
};
void gw_edge_decide_get_stats(const struct gw_edge_decide *decide,
                              struct gw_edge_decide_stats *out_stats); /* decide may be NULL */
