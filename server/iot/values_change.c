/* Another registry: what is known of devices and metrics that are still there goes on under their
 * new numbers. */
#include <errno.h>
#include <stdlib.h>

#include "server/iot/board_write.h"
#include "server/iot/values_private.h"

/* The new tables, and the way from the old numbers. */
struct renumbering {
    struct gw_iot_values *values;
    struct gw_registry *registry;
    struct value_slot *slots;
    struct values_device *devices;
    struct values_node *nodes;
    struct history_series *histories; /* NULL: none are kept */
    uint32_t *series;                 /* by the old number; GW_SERIES_NONE: it is no more */
    uint32_t *device;
};

static const struct gw_edge_node_config *find_node(const struct renumbering *to,
                                                   const struct gw_edge_node_config *config)
{
    return gw_registry_find_node(to->registry, config->group, config->edge_node);
}

static void drop(struct renumbering *to)
{
    free(to->slots);
    free(to->devices);
    free(to->nodes);
    free(to->histories);
    free(to->series);
    free(to->device);
}

static int make(struct renumbering *to)
{
    const struct gw_registry *before = to->values->registry, *registry = to->registry;
    size_t old_series = gw_registry_series_count(before);
    size_t old_devices = gw_registry_device_count(before);
    size_t node_count = gw_registry_node_count(registry);

    to->slots = calloc(gw_registry_series_count(registry) + 1, sizeof(*to->slots));
    to->devices = calloc(gw_registry_device_count(registry) + 1, sizeof(*to->devices));
    to->nodes = calloc(node_count + 1, sizeof(*to->nodes));
    to->series = calloc(old_series + 1, sizeof(*to->series));
    to->device = calloc(old_devices + 1, sizeof(*to->device));
    if (to->values->histories != NULL)
        to->histories = calloc(gw_registry_series_count(registry) + 1, sizeof(*to->histories));
    if (to->slots == NULL || to->devices == NULL || to->nodes == NULL || to->series == NULL ||
        to->device == NULL || (to->histories == NULL) != (to->values->histories == NULL))
        return -ENOMEM;
    for (size_t i = 0; i < old_series; i++)
        to->series[i] = GW_SERIES_NONE;
    for (size_t i = 0; i < old_devices; i++)
        to->device[i] = GW_SERIES_NONE;
    for (size_t i = 0; i < node_count; i++)
        gw_values_reset_node(&to->nodes[i], gw_registry_node(registry, i));
    return 0;
}

/* --- a node --- */

static void move_device(struct renumbering *to, const struct gw_device_config *from)
{
    const struct gw_device_config *next =
        gw_registry_find(to->registry, from->group, from->edge_node, from->device);
    struct gw_iot_values *values = to->values;

    if (next == NULL)
        return;
    to->device[from->index] = next->index;
    to->devices[next->index] = values->devices[from->index];
    for (size_t i = 0; i < from->type->metric_count; i++) {
        const struct gw_metric_config *metric =
            gw_device_type_find_name(next->type, from->type->metrics[i].name);
        uint32_t series = gw_device_series(from, &from->type->metrics[i]);
        if (metric == NULL)
            continue;
        to->series[series] = gw_device_series(next, metric);
        to->slots[to->series[series]] = values->slots[series];
        values->slots[series].type = GW_SAMPLE_NONE; /* its text has gone over */
        if (to->histories == NULL)
            continue;
        to->histories[to->series[series]] = values->histories[series];
        values->histories[series].chain = (struct gw_history_chain){.count = 0};
    }
}

/* What waits to be written keeps waiting; in which order is all the same. */
static void move_lists(struct renumbering *to, const struct values_lists *from,
                       struct values_lists *next)
{
    const struct gw_iot_values *values = to->values;

    for (uint32_t i = from->series; i != GW_SERIES_NONE; i = values->slots[i].next_dirty) {
        if (to->series[i] == GW_SERIES_NONE)
            continue;
        to->slots[to->series[i]].next_dirty = next->series;
        next->series = to->series[i];
    }
    for (uint32_t i = from->device; i != GW_SERIES_NONE; i = values->devices[i].next_dirty) {
        if (to->device[i] == GW_SERIES_NONE)
            continue;
        to->devices[to->device[i]].next_dirty = next->device;
        next->device = to->device[i];
    }
    for (uint32_t i = from->history; i != GW_SERIES_NONE; i = values->histories[i].next_listed) {
        if (to->series[i] == GW_SERIES_NONE)
            continue;
        to->histories[to->series[i]].next_listed = next->history;
        next->history = to->series[i];
    }
}

static void move_node(struct renumbering *to, struct values_node *from, struct values_node *next)
{
    for (size_t i = 0; i < from->config->device_count; i++)
        move_device(to, from->config->devices[i]);
    move_lists(to, &from->marked, &next->marked);
    move_lists(to, &from->pass, &next->pass);
    next->values_due_ns = from->values_due_ns;
    next->history_due_ns = from->history_due_ns;
    next->is_doubtful = from->is_doubtful;
    gw_values_drop_history(to->values, from); /* of metrics that are no more */
    if (gw_list_is_linked(&from->dirty))
        gw_list_append(&to->values->dirty, &next->dirty);
    gw_list_remove(&from->dirty);
}

static struct values_node *find_next(const struct renumbering *to, const struct values_node *node)
{
    const struct gw_edge_node_config *next = node == NULL ? NULL : find_node(to, node->config);

    return next == NULL ? NULL : &to->nodes[next->index];
}

/* Those under way know their node, which has moved or is no more. */
static void move_writes(struct renumbering *to)
{
    to->values->writing = find_next(to, to->values->writing);
    for (struct gw_list *item = to->values->writes.next; item != &to->values->writes;
         item = item->next) {
        struct gw_board_write *write = GW_LIST_ITEM(item, struct gw_board_write, node);
        write->subject = find_next(to, write->subject);
    }
}

/* --- all of it --- */

int gw_iot_values_change(struct gw_iot_values *values, struct gw_registry *registry)
{
    struct renumbering to = {.values = values, .registry = registry};
    const struct gw_registry *before = values->registry;

    if (make(&to) != 0) {
        drop(&to);
        return -ENOMEM;
    }
    for (size_t i = 0; i < gw_registry_node_count(before); i++) {
        struct values_node *node = &values->nodes[i];
        const struct gw_edge_node_config *next = find_node(&to, node->config);
        if (next == NULL)
            gw_iot_values_leave(values, node->config);
        else
            move_node(&to, node, &to.nodes[next->index]);
    }
    move_writes(&to);
    for (size_t i = 0; i < gw_registry_series_count(before); i++)
        gw_values_drop_text(values, &values->slots[i]);
    struct renumbering old = {.slots = values->slots,
                              .devices = values->devices,
                              .nodes = values->nodes,
                              .histories = values->histories,
                              .series = to.series,
                              .device = to.device};
    values->slots = to.slots;
    values->devices = to.devices;
    values->nodes = to.nodes;
    values->histories = to.histories;
    drop(&old);
    gw_registry_hold(registry);
    gw_registry_release(values->registry);
    values->registry = registry;
    return 0;
}
