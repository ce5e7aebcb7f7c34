/* From what a signal says to a CloudEvent in the log: in order for each edge node, each until it is
 * there. What an event asks for before it goes out: lane_enrich.c. */
#include <errno.h>
#include <stdlib.h>

#include "server/core/log.h"
#include "server/event/event.h"
#include "server/iot/lane_private.h"
#include "server/iot/signal_cloud.h"

#define MAX_EMISSION_BYTES (64u << 10)

static void destroy(struct gw_lane_emission *emission)
{
    gw_lane_enrich_cancel(emission);
    gw_list_remove(&emission->node);
    gw_signals_release(emission->signals);
    gw_arena_finish(&emission->arena);
    free(emission);
}

static bool tell_alarm(struct gw_lane_emission *emission)
{
    const struct gw_lane_events *events = &emission->owner->lane->config.events;

    emission->alarm.data = emission->event.data; /* enriched by now */
    return emission->alarm.change == GW_ALARM_NONE || events->on_alarm == NULL ||
           events->on_alarm(events->self, &emission->alarm);
}

static void on_done(struct gw_event_append *append, int rc, struct gw_str place, bool is_repeated)
{
    struct gw_lane_emission *emission = append->owner;
    struct gw_lane_node *node = emission->owner;
    struct gw_lane *lane = node->lane;
    (void)place, (void)is_repeated;

    emission->is_under_way = false;
    node->is_emitting = false;
    /* The tick tries it again, and the log's guard keeps it from standing twice. */
    if (rc != 0 || !tell_alarm(emission))
        return;
    lane->stats.events++;
    lane->stats.pending_events--;
    node->emission_count--;
    destroy(emission);
    gw_lane_emit_next(node);
}

void gw_lane_emit_next(struct gw_lane_node *node)
{
    struct gw_iot_store *store = node->lane->config.store;

    gw_lane_enrich_next(node);
    if (node->is_emitting || gw_list_is_empty(&node->emissions))
        return;
    struct gw_lane_emission *emission =
        GW_LIST_ITEM(node->emissions.next, struct gw_lane_emission, node);
    if (emission->asking != GW_LANE_COMPLETE)
        return; /* those behind it wait: their order is the node's */
    emission->append =
        (struct gw_event_append){.event = &emission->event, .done = on_done, .owner = emission};
    if (store->ops->emit(store, &emission->append) != 0)
        return;
    emission->is_under_way = true;
    node->is_emitting = true;
}

/* Who is told of new alarms need not be told of this one. */
static void mark_shelved(struct gw_lane_emission *emission)
{
    const struct gw_lane_events *events = &emission->owner->lane->config.events;

    if (emission->alarm.change != GW_ALARM_RAISED || events->is_shelved == NULL ||
        !events->is_shelved(events->self, &emission->alarm))
        return;
    if (gw_event_add_extension(&emission->event, GW_STR("shelved"), GW_STR("true")) != 0)
        gw_log_error("iot: an event of %.*s cannot say that its alarm is shelved",
                     GW_STR_ARG(emission->alarm.device->id));
}

void gw_lane_emit(struct gw_lane_node *node, const struct gw_signal_event *event)
{
    struct gw_lane_emission *emission = calloc(1, sizeof(*emission));

    if (emission == NULL) {
        /* Nothing is lost: without a checkpoint behind it, it is computed again. */
        gw_log_error("iot: no memory for an event of %.*s", GW_STR_ARG(node->config->id));
        node->emission_count++;
        return;
    }
    gw_arena_init(&emission->arena, 2048, 4 * MAX_EMISSION_BYTES);
    emission->owner = node;
    if (gw_signal_event_to_cloud(event, &emission->arena, &emission->event) != 0) {
        gw_log_error("iot: an event of %.*s by %.*s is too large and is dropped",
                     GW_STR_ARG(node->config->id), GW_STR_ARG(event->signal));
        destroy(emission);
        return;
    }
    emission->alarm = (struct gw_alarm_news){
        .device = event->device,
        .signal = gw_arena_copy(&emission->arena, event->signal),
        .event_id = emission->event.id,
        .severity = event->severity,
        .change = event->alarm,
        .time_ms = event->time_ms,
    };
    if (emission->alarm.signal.ptr == NULL)
        emission->alarm.change = GW_ALARM_NONE;
    mark_shelved(emission);
    gw_lane_enrich_begin(emission, event);
    gw_list_append(&node->emissions, &emission->node);
    node->emission_count++;
    node->lane->stats.pending_events++;
    gw_lane_emit_next(node);
}

void gw_lane_emit_finish(struct gw_lane_node *node)
{
    struct gw_iot_store *store = node->lane->config.store;
    struct gw_list *first;

    while (!gw_list_is_empty(&node->emissions)) {
        first = node->emissions.next;
        struct gw_lane_emission *emission = GW_LIST_ITEM(first, struct gw_lane_emission, node);
        if (emission->is_under_way)
            store->ops->cancel_emit(store, &emission->append);
        node->lane->stats.pending_events--;
        destroy(emission);
    }
    node->emission_count = 0;
    node->is_emitting = false;
}
