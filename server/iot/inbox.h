/* The way of samples that came over HTTP: from a stream in Redis for each edge node, where any
 * gateway of the fleet puts them, to the lane that owns the node.
 *
 * `millgate:iot:{<node>}:inbox`, written durably before the request is answered. The owner takes
 * entries into its journal and deletes them then: after a crash one may be taken twice, which
 * changes nothing (docs/signals.md, "Time"). The lane's thread. */
#pragma once

#include "server/core/attr.h"
#include "server/iot/lane.h"

struct gw_iot_inbox;
struct gw_redis;

#define GW_INBOX_KEPT "k"  /* the field of an entry whose samples signals have seen, at an edge */
#define GW_INBOX_MAX 10000 /* entries of one edge node: beyond, requests are refused */

/* NULL without memory. The registry is that of the lane, which holds it. */
GW_MUST_CHECK
struct gw_iot_inbox *gw_iot_inbox_create(struct gw_loop *loop, struct gw_redis *redis,
                                         const struct gw_registry *registry);
/* Before the lane. NULL is safe. */
void gw_iot_inbox_destroy(struct gw_iot_inbox *inbox);
/* Goes on where `before` was, of another registry; that one is to be destroyed. */
void gw_iot_inbox_follow(struct gw_iot_inbox *inbox, const struct gw_iot_inbox *before,
                         const struct gw_registry *registry);
void gw_iot_inbox_set_lane(struct gw_iot_inbox *inbox, struct gw_lane *lane);

bool gw_iot_inbox_owns(const struct gw_iot_inbox *inbox, const struct gw_edge_node_config *config);

/* Of the lane's events: the node is ours, or no longer; and what of it is in the journal. */
void gw_iot_inbox_own(struct gw_iot_inbox *inbox, const struct gw_edge_node_config *config,
                      bool is_owned);
void gw_iot_inbox_journaled(struct gw_iot_inbox *inbox, const struct gw_edge_node_config *node,
                            struct gw_str place);
