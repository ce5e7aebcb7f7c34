#include "server/upstream/bulkhead.h"

#include <stddef.h>

enum gw_bulkhead_entry gw_bulkhead_enter(struct gw_bulkhead *bulkhead,
                                         const struct gw_bulkhead_rule *rule,
                                         struct gw_bulkhead_place *place)
{
    bulkhead->max_requests = rule->max_requests;
    if (rule->max_requests == 0 || bulkhead->active < rule->max_requests) {
        bulkhead->active++;
        place->bulkhead = bulkhead;
        return GW_BULKHEAD_IN;
    }
    if (bulkhead->queued >= rule->max_queued)
        return GW_BULKHEAD_FULL;
    if (bulkhead->queue.next == NULL)
        gw_list_init(&bulkhead->queue);
    gw_list_append(&bulkhead->queue, &place->node);
    bulkhead->queued++;
    place->bulkhead = bulkhead;
    place->is_queued = true;
    return GW_BULKHEAD_QUEUED;
}

static void admit(struct gw_bulkhead *bulkhead)
{
    while (bulkhead->queued > 0 &&
           (bulkhead->max_requests == 0 || bulkhead->active < bulkhead->max_requests)) {
        struct gw_bulkhead_place *next =
            GW_LIST_ITEM(gw_list_take(&bulkhead->queue), struct gw_bulkhead_place, node);
        bulkhead->queued--;
        bulkhead->active++;
        next->is_queued = false;
        next->on_turn(next);
    }
}

void gw_bulkhead_leave(struct gw_bulkhead_place *place)
{
    struct gw_bulkhead *bulkhead = place->bulkhead;

    if (bulkhead == NULL)
        return;
    place->bulkhead = NULL;
    if (place->is_queued) {
        gw_list_remove(&place->node);
        place->is_queued = false;
        bulkhead->queued--;
        return;
    }
    bulkhead->active--;
    admit(bulkhead);
}
