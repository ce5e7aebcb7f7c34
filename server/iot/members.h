/* Which instances share the edge nodes, and whose each is.
 *
 * Every instance says once a second that it lives; one that is silent for three is out. An edge
 * node's owner is found by rendezvous hashing over those that live: when one comes or goes, only
 * its own share moves. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_iot_members;
struct gw_loop;
struct gw_redis;

#define GW_IOT_MAX_MEMBERS 64
#define GW_IOT_MEMBER_BYTES 64

/* The highest of the weights of `node` with each member. SIZE_MAX: there are none. Pure. */
size_t gw_iot_rendezvous(const struct gw_str *members, size_t count, struct gw_str node);

/* `id` is this instance's; copied, at most GW_IOT_MEMBER_BYTES. `on_change` is told whenever the
 * set is another one, and when Redis has not answered for so long that others may think us dead:
 * then there is nobody. NULL without memory. */
GW_MUST_CHECK
struct gw_iot_members *gw_iot_members_create(struct gw_loop *loop, struct gw_redis *redis,
                                             struct gw_str id, void (*on_change)(void *self),
                                             void *self);
/* Says good-bye, if Redis is there to hear it. NULL is safe. */
void gw_iot_members_destroy(struct gw_iot_members *members);

size_t gw_iot_members_count(const struct gw_iot_members *members);
/* Is the node ours? False while nobody is known. */
bool gw_iot_members_is_mine(const struct gw_iot_members *members, struct gw_str node);
