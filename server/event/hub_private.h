/* What hub.c and reader.c share. Not for others. */
#pragma once

#include "server/core/arena.h"
#include "server/event/group.h"
#include "server/event/hub.h"
#include "server/event/log_keys.h"
#include "server/store/reply.h"

#define GW_EVENT_ANSWER_NS (UINT64_C(1000) * 1000 * 1000)

/* A read under way: of all partitions, or in a cluster of one. */
struct gw_event_lane {
    struct gw_event_hub *hub;
    struct gw_redis_call *call; /* NULL: free */
};

struct gw_event_tail_call {
    struct gw_event_hub *hub;
    struct gw_redis_call *call;
};

struct gw_event_hub {
    struct gw_loop *loop;
    struct gw_redis *redis, *blocking;
    struct gw_metrics_shard *metrics;
    unsigned partitions;
    struct gw_list readers;
    size_t reader_count;
    bool is_known; /* the tails are the newest, or new ones are heard of */
    struct gw_event_position tails[GW_EVENT_MAX_PARTITIONS];
    struct gw_event_lane lanes[GW_EVENT_MAX_PARTITIONS];
    unsigned asked;  /* lanes under way */
    bool has_failed; /* one of them */
    bool is_deaf;    /* the last read failed: there may be newer ones */
    struct gw_event_tail_call tail_calls[GW_EVENT_MAX_PARTITIONS];
    unsigned searches; /* of tails, under way */
    bool has_missed;   /* one of them failed */
    struct gw_timer again;
    struct gw_arena scratch; /* of the event that is looked at */
    struct gw_str keys[GW_EVENT_MAX_PARTITIONS];
    char key_texts[GW_EVENT_MAX_PARTITIONS][GW_EVENT_KEY_BYTES];
    char count[16], block_ms[16];
};

/* Somebody has begun to read. */
void gw_event_hub_wake(struct gw_event_hub *hub);

/* The next of a partition for a reader that has all before it; `event` is NULL for one that cannot
 * be read, which is passed over. */
void gw_event_reader_offer(struct gw_event_reader *reader, const struct gw_event_place *place,
                           const struct gw_event *event, struct gw_str json);
/* Reads on, if it is behind and may. */
void gw_event_reader_pump(struct gw_event_reader *reader);
