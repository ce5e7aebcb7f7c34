/* Bulkhead: how many requests one worker has at a backend at the same time, and how many more may
 * wait for their turn, so that one slow backend cannot fill the gateway. No clock: whoever waits
 * keeps its own deadline. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/list.h"

struct gw_bulkhead_rule {
    uint32_t max_requests; /* 0: no bound */
    uint32_t max_queued;
    uint64_t queue_ns; /* the longest wait */
};

/* All zeroes is an empty one. */
struct gw_bulkhead {
    uint32_t max_requests;
    uint32_t active, queued;
    struct gw_list queue;
};

/* One request's; zeroed at first. */
struct gw_bulkhead_place {
    struct gw_list node;
    struct gw_bulkhead *bulkhead; /* NULL: neither in nor waiting */
    bool is_queued;
    /* Its turn has come. Called from within another's leave: do little. */
    void (*on_turn)(struct gw_bulkhead_place *place);
};

enum gw_bulkhead_entry { GW_BULKHEAD_IN, GW_BULKHEAD_QUEUED, GW_BULKHEAD_FULL };

enum gw_bulkhead_entry gw_bulkhead_enter(struct gw_bulkhead *bulkhead,
                                         const struct gw_bulkhead_rule *rule,
                                         struct gw_bulkhead_place *place);
/* Also of one that still waits. Safe to repeat. */
void gw_bulkhead_leave(struct gw_bulkhead_place *place);
