/* Binding: a signal's inputs to the series of each device, by number, so that no name is looked up
 * while samples come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/similar.h"
#include "server/iot/signal_private.h"

/* --- one signal --- */

static void tell_metric(struct signal_loading *loading, const struct signal_input *input,
                        const struct gw_device_type *type)
{
    struct gw_similar similar;
    char pointer[200];

    gw_similar_init(&similar, input->metric);
    for (size_t i = 0; i < type->metric_count; i++)
        gw_similar_offer(&similar, type->metrics[i].name);
    snprintf(pointer, sizeof(pointer), "/inputs/%.*s", GW_STR_ARG(input->name));
    signal_fail(loading, pointer, "the device type %.*s has no metric \"%.*s\"%s%.*s%s",
                GW_STR_ARG(type->name), GW_STR_ARG(input->metric),
                similar.best.ptr != NULL ? "; did you mean \"" : "", GW_STR_ARG(similar.best),
                similar.best.ptr != NULL ? "\"?" : "");
}

static void bind_type(struct signal_loading *loading, const struct gw_device_type *type)
{
    struct signal *signal = loading->signal;
    struct signal_binding *binding = &signal->bindings[signal->binding_count++];

    binding->signal = signal;
    binding->type = type;
    for (uint32_t i = 0; i < signal->input_count; i++) {
        const struct gw_metric_config *metric =
            gw_device_type_find_name(type, signal->inputs[i].metric);
        binding->metrics[i] = metric;
        if (metric == NULL) {
            tell_metric(loading, &signal->inputs[i], type);
            continue;
        }
        binding->counters[i].zero = metric->offset;
        binding->counters[i].modulus = metric->rollover * fabs(metric->factor);
    }
}

void signal_bind(struct signal_loading *loading, const json_t *document)
{
    struct signal *signal = loading->signal;
    const json_t *names = json_object_get(document, "devices");
    size_t index;
    json_t *name;

    signal->bindings = signal_alloc(loading, json_array_size(names), sizeof(*signal->bindings));
    if (signal->bindings == NULL)
        return;
    json_array_foreach((json_t *)names, index, name)
    {
        const struct gw_device_type *type =
            gw_registry_find_type(loading->signals->registry, gw_str_of(json_string_value(name)));
        char pointer[40];
        bool is_double = false;
        snprintf(pointer, sizeof(pointer), "/devices/%zu", index);
        for (uint32_t i = 0; i < signal->binding_count; i++)
            is_double = is_double || signal->bindings[i].type == type;
        if (type == NULL || is_double)
            signal_fail(loading, pointer, "%s device type \"%.64s\"",
                        type == NULL ? "there is no" : "it names twice the",
                        json_string_value(name));
        else
            bind_type(loading, type);
    }
}

/* --- all of them --- */

static int compare_signals(const void *a, const void *b)
{
    return gw_str_compare((*(struct signal *const *)a)->name, (*(struct signal *const *)b)->name);
}

static int compare_ms(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

static int find_lane(const struct gw_signals *signals, int64_t lateness_ms)
{
    for (uint32_t i = 0; i < signals->lane_count; i++)
        if (signals->lateness_ms[i] == lateness_ms)
            return (int)i;
    return -1;
}

static int make_lanes(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;

    for (size_t i = 0; i < signals->signal_count; i++) {
        int64_t lateness_ms = signals->signals[i]->lateness_ms;
        if (find_lane(signals, lateness_ms) >= 0)
            continue;
        if (signals->lane_count == SIGNAL_MAX_LANES) {
            gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_ERROR,
                               signals->signals[i]->file.ptr, 0, 0,
                               "the signals have more than %d different values of lateness: each "
                               "takes a queue of its own",
                               SIGNAL_MAX_LANES);
            return -EINVAL;
        }
        signals->lateness_ms[signals->lane_count++] = lateness_ms;
    }
    qsort(signals->lateness_ms, signals->lane_count, sizeof(int64_t), compare_ms);
    for (size_t i = 0; i < signals->signal_count; i++)
        signals->signals[i]->lane = (uint32_t)find_lane(signals, signals->signals[i]->lateness_ms);
    return 0;
}

static int compare_bindings(const void *a, const void *b)
{
    const struct signal_binding *left = *(const struct signal_binding *const *)a;
    const struct signal_binding *right = *(const struct signal_binding *const *)b;
    int order = gw_str_compare(left->type->name, right->type->name);

    if (order != 0)
        return order;
    if (left->signal->lane != right->signal->lane)
        return left->signal->lane < right->signal->lane ? -1 : 1;
    return gw_str_compare(left->signal->name, right->signal->name);
}

static int list_bindings(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;
    size_t count = 0;

    for (size_t i = 0; i < signals->signal_count; i++)
        count += signals->signals[i]->binding_count;
    signals->bindings = signal_alloc(loading, count, sizeof(*signals->bindings));
    if (signals->bindings == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < signals->signal_count; i++)
        for (uint32_t k = 0; k < signals->signals[i]->binding_count; k++)
            signals->bindings[signals->binding_count++] = &signals->signals[i]->bindings[k];
    if (count > 0)
        qsort(signals->bindings, count, sizeof(*signals->bindings), compare_bindings);
    return 0;
}

/* The first binding of the type in the lane or behind. */
static size_t find_bindings(const struct gw_signals *signals, const struct gw_device_type *type,
                            uint32_t lane)
{
    size_t from = 0, to = signals->binding_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct signal_binding *binding = signals->bindings[middle];
        int order = gw_str_compare(binding->type->name, type->name);
        if (order < 0 || (order == 0 && binding->signal->lane < lane))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

typedef void visit_fn(struct gw_signals *signals, uint32_t binding,
                      const struct gw_device_config *device);

/* In the order in which instances are numbered. */
static void visit_node(struct gw_signals *signals, uint32_t index, visit_fn *visit)
{
    const struct gw_edge_node_config *node = gw_registry_node(signals->registry, index);

    for (uint32_t lane = 0; lane < signals->lane_count; lane++) {
        if (signals->instances != NULL)
            signals->nodes[index].lane_at[lane] = signals->instance_count;
        for (size_t i = 0; i < node->device_count; i++) {
            const struct gw_device_config *device = node->devices[i];
            size_t at = find_bindings(signals, device->type, lane);
            for (; at < signals->binding_count && signals->bindings[at]->type == device->type &&
                   signals->bindings[at]->signal->lane == lane;
                 at++)
                visit(signals, (uint32_t)at, device);
        }
    }
    if (signals->instances != NULL)
        for (uint32_t lane = signals->lane_count; lane <= SIGNAL_MAX_LANES; lane++)
            signals->nodes[index].lane_at[lane] = signals->instance_count;
}

static void visit_all(struct gw_signals *signals, visit_fn *visit)
{
    signals->instance_count = 0;
    for (uint32_t i = 0; i < gw_registry_node_count(signals->registry); i++)
        visit_node(signals, i, visit);
}

static void count_instance(struct gw_signals *signals, uint32_t at,
                           const struct gw_device_config *device)
{
    const struct signal_binding *binding = signals->bindings[at];

    signals->instance_count++;
    for (uint32_t i = 0; i < binding->signal->input_count; i++)
        signals->tap_at[gw_device_series(device, binding->metrics[i]) + 1]++;
}

static void fill_instance(struct gw_signals *signals, uint32_t at,
                          const struct gw_device_config *device)
{
    const struct signal_binding *binding = signals->bindings[at];
    struct signal_node *node = &signals->nodes[device->node];
    uint32_t number = signals->instance_count++;

    signals->instances[number] = (struct signal_instance){at, device->index, node->words};
    if (binding->signal->words > UINT32_MAX - node->words)
        signals->is_too_large = true;
    node->words += binding->signal->words;
    for (uint32_t i = 0; i < binding->signal->input_count; i++) {
        uint32_t series = gw_device_series(device, binding->metrics[i]);
        signals->taps[signals->tap_at[series]++] =
            (struct signal_tap){number, (uint16_t)i, (uint16_t)binding->signal->lane};
        signals->series_lanes[series] |= (uint8_t)(1u << binding->signal->lane);
    }
}

/* tap_at: first how many, then where they begin, and after the filling where they end. */
static int make_taps(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;
    size_t series_count = gw_registry_series_count(signals->registry);

    signals->tap_at = signal_alloc(loading, series_count + 2, sizeof(*signals->tap_at));
    signals->series_lanes = signal_alloc(loading, series_count + 1, 1);
    if (loading->has_no_memory)
        return -ENOMEM;
    visit_all(signals, count_instance);
    for (size_t i = 1; i <= series_count; i++) {
        signals->watched_count += signals->tap_at[i] > 0 ? 1 : 0;
        signals->tap_at[i] += signals->tap_at[i - 1];
    }
    signals->taps = signal_alloc(loading, signals->tap_at[series_count], sizeof(*signals->taps));
    return signals->taps != NULL ? 0 : -ENOMEM;
}

int signal_bind_all(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;

    if (signals->signal_count > 0)
        qsort(signals->signals, signals->signal_count, sizeof(struct signal *), compare_signals);
    int rc = make_lanes(loading);
    if (rc == 0)
        rc = list_bindings(loading);
    if (rc == 0)
        rc = make_taps(loading);
    if (rc != 0)
        return rc;
    signals->nodes =
        signal_alloc(loading, gw_registry_node_count(signals->registry), sizeof(*signals->nodes));
    signals->instances =
        signal_alloc(loading, signals->instance_count, sizeof(*signals->instances));
    if (loading->has_no_memory)
        return -ENOMEM;
    visit_all(signals, fill_instance);
    size_t series_count = gw_registry_series_count(signals->registry);
    memmove(signals->tap_at + 1, signals->tap_at, series_count * sizeof(*signals->tap_at));
    signals->tap_at[0] = 0;
    if (!signals->is_too_large)
        return 0;
    gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0,
                       "the signals of one edge node take more than 32 GiB");
    return -EINVAL;
}
