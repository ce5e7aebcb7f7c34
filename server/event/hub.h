/* Reading the log: all who read on one worker share one blocking connection, and each keeps its own
 * place. (A Redis Cluster takes no command over several slots: there the hub asks each partition
 * ten times a second.)
 *
 * A reader that has come to the newest event is handed the next ones as they arrive; one that is
 * behind reads by itself until it is there. One that takes no more is left alone and goes on from
 * its place when it says so: nobody else waits for it, and nothing is lost. On the worker's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/event/event.h"
#include "server/event/filter.h"
#include "server/event/place.h"
#include "server/net/loop.h"

struct gw_event_hub;
struct gw_metrics_shard;
struct gw_redis;
struct gw_redis_call;

/* `redis` is for short commands; `blocking` is for this hub alone, and answers late (its stall_ns
 * is above GW_EVENT_HUB_BLOCK_MS); a cluster needs none. Both are borrowed. NULL without memory. */
#define GW_EVENT_HUB_BLOCK_MS 1000
GW_MUST_CHECK
struct gw_event_hub *gw_event_hub_create(struct gw_loop *loop, struct gw_redis *redis,
                                         struct gw_redis *blocking, unsigned partitions,
                                         struct gw_metrics_shard *metrics);
void gw_event_hub_destroy(struct gw_event_hub *hub); /* no reader is left; NULL is safe */

/* Somebody who reads, embedded. The first group is set by its owner. */
struct gw_event_reader {
    struct gw_event_filter filter;
    /* Where it begins: behind these, of each partition. */
    struct gw_event_position positions[GW_EVENT_MAX_PARTITIONS];
    bool begins_now; /* at the newest instead; `positions` then tell where that was */
    uint64_t rate;   /* events a second while it is behind; 0: any */
    /* One that it wants, in the order of its partition, `json` is its text on one line. Positions
     * are those behind it already. False: there is no room; it comes again after resume. Must not
     * stop any reader. */
    bool (*take)(struct gw_event_reader *reader, const struct gw_event_place *place,
                 struct gw_str json);
    /* Now and then after something was taken or passed over, and when it has come to the newest:
     * may stop the reader. */
    void (*on_progress)(struct gw_event_reader *reader);

    /* --- private --- */
    struct gw_event_hub *hub; /* NULL: it does not read */
    struct gw_list node;      /* among the hub's readers */
    struct gw_soon progress;
    struct gw_timer pause;          /* until it may read again */
    struct gw_redis_call *call;     /* catching up */
    unsigned partition;             /* of that call; and where to look next */
    struct gw_event_position until; /* the newest when it was sent */
    size_t asked, span;             /* events to ask for at once, as many as it has room for */
    uint64_t allowed, refilled_ns;  /* of the rate: thousandths of events, and when counted */
    bool is_full, is_settled;       /* settled: told that there is no more */
};

void gw_event_reader_start(struct gw_event_hub *hub, struct gw_event_reader *reader);
/* Nothing is called any more. Safe on one that does not read. */
void gw_event_reader_stop(struct gw_event_reader *reader);
/* It has room again. */
void gw_event_reader_resume(struct gw_event_reader *reader);
/* Has it seen all there is? False too while that is not known. */
bool gw_event_reader_is_current(const struct gw_event_reader *reader);

/* For metrics: how many read, and how far the last of them is behind the newest event. */
size_t gw_event_hub_count(const struct gw_event_hub *hub);
uint64_t gw_event_hub_lag_ms(const struct gw_event_hub *hub);
/* Does it know the newest events, and hear of new ones? */
bool gw_event_hub_is_live(const struct gw_event_hub *hub);
/* It did, and Redis does not answer any more. */
bool gw_event_hub_is_deaf(const struct gw_event_hub *hub);
unsigned gw_event_hub_partitions(const struct gw_event_hub *hub);
