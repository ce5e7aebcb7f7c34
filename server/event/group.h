/* Consumer groups: several who share the work on one log, each event to one of them.
 *
 * What a group is given is its until it is acknowledged; what is not acknowledged in time comes
 * again, perhaps to another reader: at least once, never lost. An acknowledgement counts only from
 * the reader that holds the event now, so that one which was thought dead cannot speak for who took
 * over. Order holds within a partition as long as one reader at a time takes from it. One call
 * under way for each struct; on the loop's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/event/log_keys.h"
#include "server/event/place.h"
#include "server/store/redis.h"

#define GW_EVENT_GROUP_MAX_IDS 100 /* events of one call */
#define GW_EVENT_GROUP_NAME_BYTES 64

struct gw_event_group_call {
    /* Once, from the loop. Of a read: `entries` are those given (see gw_event_entry_read), the
     * first `again` of which were given before; valid during the call. -ENOENT: there is no such
     * group; -ENOSPC: there are too many; -EPROTO, or as of gw_redis_fn. `count`: of what was
     * acknowledged, or groups that were there. */
    void (*done)(struct gw_event_group_call *call, int rc, const struct gw_reply *entries,
                 size_t count);
    void *owner;

    /* --- private --- */
    struct gw_redis_call *call; /* NULL: not under way */
    struct gw_redis_eval eval;
    struct gw_str key, args[3 + GW_EVENT_GROUP_MAX_IDS];
    char key_text[GW_EVENT_KEY_BYTES], numbers[4][24];
    char ids[GW_EVENT_GROUP_MAX_IDS][GW_EVENT_PLACE_BYTES];
};

struct gw_event_group_read {
    struct gw_str group, reader; /* needed until the end */
    size_t count;                /* at most so many, and GW_EVENT_GROUP_MAX_IDS */
    uint64_t redelivery_ms;      /* what was not acknowledged for so long comes again */
    uint64_t max_held;           /* of this partition, by the group */
    bool creates;                /* the group, if it is not there; it begins behind `start`: */
    const struct gw_event_position *start; /* NULL: with what comes now */
    uint64_t max_groups;
};

GW_MUST_CHECK
int gw_event_group_read(struct gw_redis *redis, struct gw_event_group_call *call,
                        unsigned partition, const struct gw_event_group_read *read);
/* `reader` empty: whoever holds them. */
GW_MUST_CHECK
int gw_event_group_acknowledge(struct gw_redis *redis, struct gw_event_group_call *call,
                               const struct gw_event_place *places, size_t count,
                               struct gw_str group, struct gw_str reader);
/* The group forgets all, and begins behind `start`; NULL: it is no longer. */
GW_MUST_CHECK
int gw_event_group_set(struct gw_redis *redis, struct gw_event_group_call *call, unsigned partition,
                       struct gw_str group, const struct gw_event_position *start);
void gw_event_group_cancel(struct gw_event_group_call *call); /* safe on one not under way */

/* An entry of a stream; false: it is none of the log's. Borrowed. */
bool gw_event_entry_read(const struct gw_reply *entry, struct gw_event_position *out_at,
                         struct gw_str *out_json);
