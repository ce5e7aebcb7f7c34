/* The fleet: how many gateways share one Redis.
 *
 * Each instance says every two seconds that it lives, in a sorted set by Redis' clock; one that is
 * silent for ten seconds is out. What counts is the most that were seen within five minutes: while
 * Redis is away, nobody knows who else is there. One per worker, on its loop's thread. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_fleet;
struct gw_loop;
struct gw_redis;

/* The largest of the numbers noted in the last five minutes, to ten seconds. All zeroes: none. */
#define GW_FLEET_SPANS 30
struct gw_fleet_peak {
    uint64_t span[GW_FLEET_SPANS]; /* its number, counted from the clock's zero, and 1 */
    unsigned count[GW_FLEET_SPANS];
};

void gw_fleet_peak_note(struct gw_fleet_peak *peak, unsigned count, uint64_t now_ns);
unsigned gw_fleet_peak_get(const struct gw_fleet_peak *peak, uint64_t now_ns); /* 0: none */

/* `id` names this instance, the same for all its workers; copied. `redis` is borrowed for life.
 * NULL without memory. */
GW_MUST_CHECK
struct gw_fleet *gw_fleet_create(struct gw_loop *loop, struct gw_redis *redis, struct gw_str id);
void gw_fleet_destroy(struct gw_fleet *fleet); /* NULL is safe */

/* At least 1: this one. NULL: 1. */
unsigned gw_fleet_get_size(const struct gw_fleet *fleet);
