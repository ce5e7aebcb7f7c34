/* Times of maintenance: an equipment's alarms are computed, but not raised.
 *
 * One hash for the fleet, GW_MAINTENANCE_KEY: "<plant>/<equipment>" -> "<from ms> <until ms> <who>
 * <reason>". Every lane reads it once a second and tells its engine what has changed. The lane's
 * thread. */
#pragma once

#include "server/core/attr.h"
#include "server/iot/lane.h"

struct gw_iot_maintenance;
struct gw_redis;

#define GW_MAINTENANCE_KEY "millgate:iot:maintenance"
#define GW_MAINTENANCE_MAX 5000

/* NULL without memory. */
GW_MUST_CHECK
struct gw_iot_maintenance *gw_iot_maintenance_create(struct gw_loop *loop, struct gw_redis *redis);
void gw_iot_maintenance_destroy(struct gw_iot_maintenance *maintenance); /* NULL is safe */
/* The lane may not know what it was told: it is told again. */
void gw_iot_maintenance_repeat(struct gw_iot_maintenance *maintenance);
/* NULL: there is none any more. */
void gw_iot_maintenance_set_lane(struct gw_iot_maintenance *maintenance, struct gw_lane *lane);
