/* From what a signal says to a CloudEvent in the log: in order for each edge node, each until it is
 * there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/event/event.h"
#include "server/iot/lane_private.h"

#define MAX_EMISSION_BYTES (64u << 10)

struct emission {
    struct gw_list node;
    struct gw_lane_node *owner;
    struct gw_event event;
    struct gw_event_append append;
    bool is_under_way;
    struct gw_arena arena;
};

/* The trace id is the event's own: from here on it is one, to the ERP's posting and back. */
static bool add_extensions(struct emission *emission, const struct gw_signal_event *from)
{
    struct gw_arena *arena = &emission->arena;
    struct gw_event *event = &emission->event;
    struct gw_str signal = gw_arena_copy(arena, from->signal);
    struct gw_str plant = gw_arena_copy(arena, from->device->plant);
    struct gw_str equipment = gw_arena_copy(arena, from->device->equipment);
    struct gw_str trace =
        gw_arena_printf(arena, "00-%.*s-%.16s-01", GW_STR_ARG(event->id), event->id.ptr);

    if (signal.ptr == NULL || plant.ptr == NULL || equipment.ptr == NULL || trace.ptr == NULL)
        return false;
    return gw_event_add_extension(event, GW_STR("plant"), plant) == 0 &&
           gw_event_add_extension(event, GW_STR("equipment"), equipment) == 0 &&
           gw_event_add_extension(event, GW_STR("signal"), signal) == 0 &&
           gw_event_add_extension(event, GW_STR("traceparent"), trace) == 0;
}

static bool fill(struct emission *emission, const struct gw_signal_event *from)
{
    struct gw_arena *arena = &emission->arena;
    struct gw_event *event = &emission->event;
    const struct gw_device_config *device = from->device;
    struct gw_buf data;
    char time[GW_CLOCK_TEXT_BYTES];

    gw_clock_text(time, from->time_ms);
    gw_buf_init(&data, MAX_EMISSION_BYTES);
    gw_value_write(&data, &from->data);
    event->data = data.has_failed ? (struct gw_str){0} : gw_arena_copy(arena, gw_buf_str(&data));
    gw_buf_finish(&data);
    event->id = gw_arena_copy(arena, from->id);
    event->type = gw_arena_copy(arena, from->type);
    event->time = gw_arena_copy(arena, gw_str_of(time));
    event->source = gw_arena_printf(arena, "/plants/%.*s/equipment/%.*s", GW_STR_ARG(device->plant),
                                    GW_STR_ARG(device->equipment));
    event->subject =
        gw_arena_copy(arena, device->asset.len > 0 ? device->asset : device->equipment);
    return event->data.ptr != NULL && event->id.ptr != NULL && event->type.ptr != NULL &&
           event->time.ptr != NULL && event->source.ptr != NULL && event->subject.ptr != NULL &&
           add_extensions(emission, from);
}

static void destroy(struct emission *emission)
{
    gw_list_remove(&emission->node);
    gw_arena_finish(&emission->arena);
    free(emission);
}

static void on_done(struct gw_event_append *append, int rc, struct gw_str place, bool is_repeated)
{
    struct emission *emission = append->owner;
    struct gw_lane_node *node = emission->owner;
    struct gw_lane *lane = node->lane;
    (void)place, (void)is_repeated;

    emission->is_under_way = false;
    node->is_emitting = false;
    if (rc != 0) /* the tick tries it again, and the log's guard keeps it from standing twice */
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

    if (node->is_emitting || gw_list_is_empty(&node->emissions))
        return;
    struct emission *emission = GW_LIST_ITEM(node->emissions.next, struct emission, node);
    emission->append =
        (struct gw_event_append){.event = &emission->event, .done = on_done, .owner = emission};
    if (store->ops->emit(store, &emission->append) != 0)
        return;
    emission->is_under_way = true;
    node->is_emitting = true;
}

void gw_lane_emit(struct gw_lane_node *node, const struct gw_signal_event *event)
{
    struct emission *emission = calloc(1, sizeof(*emission));

    if (emission == NULL) {
        /* Nothing is lost: without a checkpoint behind it, it is computed again. */
        gw_log_error("iot: no memory for an event of %.*s", GW_STR_ARG(node->config->id));
        node->emission_count++;
        return;
    }
    gw_arena_init(&emission->arena, 2048, 4 * MAX_EMISSION_BYTES);
    emission->owner = node;
    if (!fill(emission, event)) {
        gw_log_error("iot: an event of %.*s by %.*s is too large and is dropped",
                     GW_STR_ARG(node->config->id), GW_STR_ARG(event->signal));
        destroy(emission);
        return;
    }
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
        struct emission *emission = GW_LIST_ITEM(first, struct emission, node);
        if (emission->is_under_way)
            store->ops->cancel_emit(store, &emission->append);
        node->lane->stats.pending_events--;
        destroy(emission);
    }
    node->emission_count = 0;
    node->is_emitting = false;
}
