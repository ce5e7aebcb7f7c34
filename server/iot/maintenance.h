/* Times of maintenance: an equipment's alarms are computed, but not raised.
 *
 * One hash for the fleet, GW_MAINTENANCE_KEY: "<plant>/<equipment>" -> "<from ms> <until ms> <who>
 * <reason>". Every lane reads it once a second and tells its engine what has changed; a node that
 * comes to it is told before its journal is computed on, in place of what its checkpoint knew. The
 * lane's thread. */
#pragma once

#include "server/core/attr.h"
#include "server/iot/lane.h"

struct gw_iot_maintenance;
struct gw_redis;

#define GW_MAINTENANCE_KEY "millgate:iot:maintenance"
#define GW_MAINTENANCE_MAX 5000

/* NULL without memory. The registry is that of the lane, which holds it. */
GW_MUST_CHECK
struct gw_iot_maintenance *gw_iot_maintenance_create(struct gw_loop *loop, struct gw_redis *redis,
                                                     const struct gw_registry *registry);
void gw_iot_maintenance_destroy(struct gw_iot_maintenance *maintenance); /* NULL is safe */
/* As of creation. What the lane's nodes have not been told of is to be applied. */
void gw_iot_maintenance_set_registry(struct gw_iot_maintenance *maintenance,
                                     const struct gw_registry *registry);
/* NULL: there is none any more. */
void gw_iot_maintenance_set_lane(struct gw_iot_maintenance *maintenance, struct gw_lane *lane);

/* The node is loaded: its devices are in maintenance as Redis says. False: that is not known yet,
 * nothing was done. */
GW_MUST_CHECK
bool gw_iot_maintenance_apply(struct gw_iot_maintenance *maintenance,
                              const struct gw_edge_node_config *node);
