/* Finding the primary by Redis Sentinel, for one client.
 *
 * All sentinels are asked, each second (five times a second while the client has no primary); the
 * answer with the highest configuration epoch counts, so one that was cut off from the others and
 * still names the old primary is outvoted by any that knows of the fail-over. That who is named is
 * really a primary is verified by the client's greeting (ROLE).
 *
 * Polled, not subscribed to: a message that is missed is lost, an answer is asked for again.
 * Belongs to the loop's thread. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/store/reply.h"

struct gw_redis;
struct gw_sentinel;

#define GW_SENTINEL_MAX 16

/* Begins to ask by the configuration of `redis`, and moves it. `redis` owns and outlives it. */
GW_MUST_CHECK
int gw_sentinel_create(struct gw_redis *redis, struct gw_sentinel **out_sentinel,
                       struct gw_error *error);
void gw_sentinel_destroy(struct gw_sentinel *sentinel); /* NULL is safe */

/* The primary does not answer, or is none any more: ask soon. */
void gw_sentinel_hurry(struct gw_sentinel *sentinel);

/* --- what they answer; pure --- */

/* The configuration epoch in the reply to SENTINEL MASTER. 0, or -EPROTO. */
GW_MUST_CHECK
int gw_sentinel_read_epoch(const struct gw_reply *reply, uint64_t *out_epoch);

/* The address in the reply to SENTINEL GET-MASTER-ADDR-BY-NAME, borrowed from it. 0, or -EPROTO
 * (also for a name that it does not know). */
GW_MUST_CHECK
int gw_sentinel_read_address(const struct gw_reply *reply, struct gw_str *out_host,
                             uint16_t *out_port);
