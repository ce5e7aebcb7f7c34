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
        const struct gw_device_type *sibling = signal->inputs[i].sibling;
        const struct gw_device_type *of = sibling != NULL ? sibling : type;
        const struct gw_metric_config *metric =
            gw_device_type_find_name(of, signal->inputs[i].metric);
        binding->metrics[i] = metric;
        if (metric == NULL) {
            if (sibling == NULL || signal->binding_count == 1) /* once */
                tell_metric(loading, &signal->inputs[i], of);
            continue;
        }
        binding->counters[i].zero = metric->offset;
        binding->counters[i].modulus = metric->rollover * fabs(metric->factor);
    }
}

/* False: there is no such type. */
static bool find_sibling_type(struct signal_loading *loading, const json_t *document,
                              struct signal_input *input)
{
    const json_t *given = json_object_get(json_object_get(document, "inputs"), input->name.ptr);
    const char *name = json_string_value(json_object_get(given, "deviceType"));
    struct gw_position place;
    char pointer[200];

    if (name == NULL)
        return true;
    snprintf(pointer, sizeof(pointer), "/inputs/%.*s/deviceType", GW_STR_ARG(input->name));
    input->sibling = gw_registry_find_type(loading->signals->registry, gw_str_of(name));
    loading->signal->sibling_count++;
    if (input->sibling == NULL)
        signal_fail(loading, pointer, "there is no device type \"%.64s\"", name);
    (void)gw_document_locate(loading->document, pointer, &place);
    input->line = place.line;
    input->column = place.column;
    return input->sibling != NULL;
}

void signal_bind(struct signal_loading *loading, const json_t *document)
{
    struct signal *signal = loading->signal;
    const json_t *names = json_object_get(document, "devices");
    size_t index;
    json_t *name;

    for (uint32_t i = 0; i < signal->input_count; i++)
        if (!find_sibling_type(loading, document, &signal->inputs[i]))
            return;
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

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    if (left->signal->lane != right->signal->lane)
        return left->signal->lane < right->signal->lane ? -1 : 1;
    return gw_str_compare(left->signal->name, right->signal->name);
}

static int list_bindings(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;
    size_t count = 0;

    for (const struct signal_kind *kind = loading->kinds; kind != NULL; kind = kind->next)
        for (size_t i = 0; i < signals->signal_count; i++)
            count += signal_kind_find(kind, signals->signals[i]) != NULL;
    signals->bindings = signal_alloc(loading, count, sizeof(*signals->bindings));
    struct signal_binding *copies = signal_alloc(loading, count, sizeof(*copies));
    if (loading->has_no_memory)
        return -ENOMEM;
    for (const struct signal_kind *kind = loading->kinds; kind != NULL; kind = kind->next)
        for (size_t i = 0; i < signals->signal_count; i++) {
            const struct signal_binding *binding = signal_kind_find(kind, signals->signals[i]);
            if (binding == NULL)
                continue;
            struct signal_binding *copy = &copies[signals->binding_count];
            *copy = *binding;
            copy->kind = kind->number;
            signals->bindings[signals->binding_count++] = copy;
        }
    if (count > 0)
        qsort(signals->bindings, count, sizeof(*signals->bindings), compare_bindings);
    return 0;
}

/* The first binding of the kind in the lane or behind. */
static size_t find_bindings(const struct gw_signals *signals, uint32_t kind, uint32_t lane)
{
    size_t from = 0, to = signals->binding_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct signal_binding *binding = signals->bindings[middle];
        if (binding->kind < kind || (binding->kind == kind && binding->signal->lane < lane))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* --- who looks at a metric --- */

/* One behind the last binding of the kind of the first. */
static size_t end_of_kind(const struct gw_signals *signals, size_t from)
{
    size_t to = from;

    while (to < signals->binding_count &&
           signals->bindings[to]->kind == signals->bindings[from]->kind)
        to++;
    return to;
}

/* tap_at: first how many, then where they begin, and after the filling where they end. */
static void list_taps(struct gw_signals *signals, size_t from, size_t to, uint32_t first)
{
    uint32_t *tap_at = signals->tap_at + signals->bindings[from]->taps_at;
    size_t metric_count = signals->bindings[from]->type->metric_count, lane_from = from;

    for (size_t i = from; i < to; i++)
        for (uint32_t k = 0; k < signals->bindings[i]->signal->input_count; k++)
            if (signals->bindings[i]->signal->inputs[k].sibling == NULL)
                tap_at[signals->bindings[i]->metrics[k]->index + 1]++;
    tap_at[0] = first;
    for (size_t i = 1; i <= metric_count; i++)
        tap_at[i] += tap_at[i - 1];
    for (size_t i = from; i < to; i++) {
        const struct signal *signal = signals->bindings[i]->signal;
        if (signal->lane != signals->bindings[lane_from]->signal->lane)
            lane_from = i;
        for (uint32_t k = 0; k < signal->input_count; k++)
            if (signal->inputs[k].sibling == NULL)
                signals->taps[tap_at[signals->bindings[i]->metrics[k]->index]++] =
                    (struct signal_tap){(uint32_t)(i - lane_from), (uint16_t)k,
                                        (uint16_t)signal->lane};
    }
    memmove(tap_at + 1, tap_at, metric_count * sizeof(*tap_at));
    tap_at[0] = first;
}

static int make_taps(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;
    uint32_t places = 0, taps = 0;

    for (size_t from = 0, to; from < signals->binding_count; from = to) {
        to = end_of_kind(signals, from);
        for (size_t i = from; i < to; i++) {
            signals->bindings[i]->taps_at = places;
            taps += signals->bindings[i]->signal->input_count;
        }
        places += (uint32_t)signals->bindings[from]->type->metric_count + 1;
    }
    signals->tap_at = signal_alloc(loading, places, sizeof(*signals->tap_at));
    signals->taps = signal_alloc(loading, taps, sizeof(*signals->taps));
    if (loading->has_no_memory)
        return -ENOMEM;
    taps = 0;
    for (size_t from = 0, to; from < signals->binding_count; from = to) {
        to = end_of_kind(signals, from);
        list_taps(signals, from, to, taps);
        for (size_t i = from; i < to; i++)
            taps += signals->bindings[i]->signal->input_count;
    }
    return 0;
}

/* --- the instances --- */

static void add_instance(struct signal_loading *loading, struct signal_node *node,
                         struct signal_binding *binding, const struct gw_device_config *device)
{
    struct gw_signals *signals = loading->signals;
    const struct signal *signal = binding->signal;

    signal_link(loading, binding, signals->instance_count, device);
    signals->instances[signals->instance_count++] = device->index;
    if (signal->words > UINT32_MAX - node->words)
        signals->is_too_large = true;
    node->words += signal->words;
    for (uint32_t i = 0; i < signal->input_count; i++)
        if (signal->inputs[i].sibling == NULL)
            signals->series_lanes[gw_device_series(device, binding->metrics[i])] |=
                (uint8_t)(1u << signal->lane);
}

static void add_post(struct signal_loading *loading, struct signal_node *node, uint32_t lane,
                     const struct gw_device_config *device)
{
    struct gw_signals *signals = loading->signals;
    struct signal_post *post = &signals->posts[(size_t)device->index * signals->lane_count + lane];
    uint32_t kind = loading->device_kinds[device->index];
    size_t at = find_bindings(signals, kind, lane);

    *post = (struct signal_post){signals->instance_count, node->words, SIGNAL_NONE};
    for (; at < signals->binding_count && signals->bindings[at]->kind == kind &&
           signals->bindings[at]->signal->lane == lane;
         at++) {
        if (post->binding_at == SIGNAL_NONE)
            post->binding_at = (uint32_t)at;
        signals->bindings[at]->words_before = node->words - post->words_at;
        add_instance(loading, node, signals->bindings[at], device);
    }
}

static void fill_node(struct signal_loading *loading, uint32_t index)
{
    struct gw_signals *signals = loading->signals;
    const struct gw_edge_node_config *config = gw_registry_node(signals->registry, index);
    struct signal_node *node = &signals->nodes[index];

    for (uint32_t lane = 0; lane < signals->lane_count; lane++) {
        node->lane_at[lane] = signals->instance_count;
        for (size_t i = 0; i < config->device_count; i++)
            add_post(loading, node, lane, config->devices[i]);
    }
    for (uint32_t lane = signals->lane_count; lane <= SIGNAL_MAX_LANES; lane++)
        node->lane_at[lane] = signals->instance_count;
}

static size_t count_instances(const struct signal_loading *loading, size_t *out_siblings)
{
    const struct gw_signals *signals = loading->signals;
    size_t count = 0, siblings = 0;

    for (size_t i = 0; i < gw_registry_device_count(signals->registry); i++) {
        uint32_t kind = loading->device_kinds[i];
        for (size_t at = find_bindings(signals, kind, 0);
             at < signals->binding_count && signals->bindings[at]->kind == kind; at++) {
            siblings += signals->bindings[at]->signal->sibling_count;
            count++;
        }
    }
    *out_siblings = siblings;
    return count;
}

static int make_instances(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;
    const struct gw_registry *registry = signals->registry;
    size_t series_count = gw_registry_series_count(registry);
    size_t posts = gw_registry_device_count(registry) * signals->lane_count;
    size_t siblings, instances = count_instances(loading, &siblings);

    if (instances > UINT32_MAX || siblings > UINT32_MAX) {
        signals->is_too_large = true;
        return 0;
    }
    signals->series_lanes = signal_alloc(loading, series_count + 1, 1);
    signals->nodes =
        signal_alloc(loading, gw_registry_node_count(registry), sizeof(*signals->nodes));
    signals->posts = signal_alloc(loading, posts, sizeof(*signals->posts));
    signals->instances = signal_alloc(loading, instances, sizeof(*signals->instances));
    signals->siblings = signal_alloc(loading, siblings, sizeof(*signals->siblings));
    if (loading->has_no_memory)
        return -ENOMEM;
    for (uint32_t i = 0; i < gw_registry_node_count(registry); i++)
        fill_node(loading, i);
    for (size_t i = 0; i < series_count; i++)
        signals->watched_count += signals->series_lanes[i] != 0;
    return signal_list_links(loading);
}

int signal_bind_all(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;

    if (signals->signal_count > 0)
        qsort(signals->signals, signals->signal_count, sizeof(struct signal *), compare_signals);
    int rc = make_lanes(loading);
    if (rc == 0)
        rc = signal_list_kinds(loading);
    if (rc == 0)
        rc = list_bindings(loading);
    if (rc == 0)
        rc = make_taps(loading);
    if (rc == 0)
        rc = make_instances(loading);
    if (rc != 0 || !signals->is_too_large)
        return rc;
    gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0,
                       "the signals of one edge node take more than 32 GiB");
    return -EINVAL;
}
