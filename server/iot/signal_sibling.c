/* Siblings: what other devices of an asset measure, for the inputs that name a type of device. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "server/iot/signal_private.h"

#define MAX_WARNINGS 5 /* of an input: a plant may have thousands of machines without a sensor */

/* --- who stands at an asset --- */

static int compare_types(const struct gw_device_type *a, const struct gw_device_type *b)
{
    return a == b ? 0 : gw_str_compare(a->name, b->name);
}

static int compare_places(const struct gw_device_config *left, const struct gw_device_config *right)
{
    int order = gw_str_compare(left->asset, right->asset);

    return order != 0 ? order : gw_str_compare(left->plant, right->plant);
}

static int compare_devices(const void *a, const void *b)
{
    const struct gw_device_config *left = *(const struct gw_device_config *const *)a;
    const struct gw_device_config *right = *(const struct gw_device_config *const *)b;
    int order = compare_places(left, right);

    if (order == 0)
        order = compare_types(left->type, right->type);
    return order != 0 ? order : left->index < right->index ? -1 : left->index > right->index;
}

int signal_list_assets(struct signal_loading *loading)
{
    const struct gw_registry *registry = loading->signals->registry;
    size_t count = gw_registry_device_count(registry);

    loading->assets = signal_alloc(loading, count, sizeof(*loading->assets));
    if (loading->assets == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (gw_registry_device(registry, i)->asset.len > 0)
            loading->assets[loading->asset_count++] = gw_registry_device(registry, i);
    if (loading->asset_count > 0)
        qsort(loading->assets, loading->asset_count, sizeof(*loading->assets), compare_devices);
    return 0;
}

/* The first of the type at the device's asset, or behind. */
static size_t find_first(const struct signal_loading *loading,
                         const struct gw_device_config *device, const struct gw_device_type *type)
{
    size_t from = 0, to = loading->asset_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct gw_device_config *other = loading->assets[middle];
        int order = compare_places(other, device);
        if (order == 0)
            order = compare_types(other->type, type);
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* What there is for an input of a device. */
struct search {
    const struct gw_device_config *found, *second; /* on its edge node */
    const struct gw_device_config *elsewhere;      /* on another one */
};

static struct search find_sibling(const struct signal_loading *loading,
                                  const struct gw_device_config *device,
                                  const struct gw_device_type *type)
{
    struct search search = {NULL, NULL, NULL};

    if (device->asset.len == 0)
        return search;
    for (size_t i = find_first(loading, device, type); i < loading->asset_count; i++) {
        const struct gw_device_config *other = loading->assets[i];
        if (compare_places(other, device) != 0 || other->type != type)
            break;
        if (other == device)
            continue;
        if (other->node != device->node)
            search.elsewhere = other;
        else if (search.found == NULL)
            search.found = other;
        else
            search.second = other;
    }
    return search;
}

/* --- what is said of it --- */

static void tell_missing(struct signal_loading *loading, const struct signal *signal,
                         struct signal_input *input, const struct gw_device_config *device)
{
    const struct gw_str type = input->sibling->name;

    if (input->unbound_count++ >= MAX_WARNINGS)
        return;
    if (device->asset.len == 0)
        gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_WARNING, signal->file.ptr, input->line,
                           input->column,
                           "%.*s is not computed for %.*s, which has no asset in the registry: "
                           "input %.*s is a %.*s of the same asset",
                           GW_STR_ARG(signal->name), GW_STR_ARG(device->id),
                           GW_STR_ARG(input->name), GW_STR_ARG(type));
    else
        gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_WARNING, signal->file.ptr, input->line,
                           input->column,
                           "%.*s is not computed for %.*s: its asset %.*s has no %.*s on the same "
                           "edge node for input %.*s",
                           GW_STR_ARG(signal->name), GW_STR_ARG(device->id),
                           GW_STR_ARG(device->asset), GW_STR_ARG(type), GW_STR_ARG(input->name));
}

static void tell_wrong(struct signal_loading *loading, const struct signal *signal,
                       const struct signal_input *input, const struct gw_device_config *device,
                       const struct search *search)
{
    if (search->second != NULL)
        gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_ERROR, signal->file.ptr, input->line,
                           input->column,
                           "input %.*s of %.*s: the asset %.*s has two of the type %.*s, %.*s and "
                           "%.*s; which one is meant must be clear",
                           GW_STR_ARG(input->name), GW_STR_ARG(device->id),
                           GW_STR_ARG(device->asset), GW_STR_ARG(input->sibling->name),
                           GW_STR_ARG(search->found->id), GW_STR_ARG(search->second->id));
    else
        gw_diagnostics_add(
            loading->diagnostics, GW_SEVERITY_ERROR, signal->file.ptr, input->line, input->column,
            "input %.*s of %.*s: %.*s of the same asset is on another edge node, and "
            "a signal is computed of one; send both through one edge node, or "
            "combine the events of two signals",
            GW_STR_ARG(input->name), GW_STR_ARG(device->id), GW_STR_ARG(search->elsewhere->id));
}

bool signal_is_bound(struct signal_loading *loading, const struct signal *signal,
                     const struct gw_device_config *device)
{
    bool is_complete = true;

    for (uint32_t i = 0; i < signal->input_count; i++) {
        struct signal_input *input = &signal->inputs[i];
        if (input->sibling == NULL)
            continue;
        struct search search = find_sibling(loading, device, input->sibling);
        if (search.second != NULL || (search.found == NULL && search.elsewhere != NULL))
            tell_wrong(loading, signal, input, device, &search);
        else if (search.found == NULL)
            tell_missing(loading, signal, input, device);
        is_complete = is_complete && search.found != NULL;
    }
    return is_complete;
}

void signal_tell_unbound(struct signal_loading *loading)
{
    const struct gw_signals *signals = loading->signals;

    for (size_t i = 0; i < signals->signal_count; i++)
        for (uint32_t k = 0; k < signals->signals[i]->input_count; k++) {
            const struct signal_input *input = &signals->signals[i]->inputs[k];
            if (input->unbound_count > MAX_WARNINGS)
                gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_WARNING,
                                   signals->signals[i]->file.ptr, input->line, input->column,
                                   "%.*s is not computed for %u more devices, for the same reason",
                                   GW_STR_ARG(signals->signals[i]->name),
                                   input->unbound_count - MAX_WARNINGS);
        }
}

/* --- links --- */

void signal_link(struct signal_loading *loading, const struct signal_binding *binding,
                 uint32_t instance, const struct gw_device_config *device)
{
    struct gw_signals *signals = loading->signals;
    const struct signal *signal = binding->signal;

    for (uint32_t i = 0; signal->sibling_count > 0 && i < signal->input_count; i++) {
        if (signal->inputs[i].sibling == NULL)
            continue;
        const struct gw_device_config *sibling =
            find_sibling(loading, device, signal->inputs[i].sibling).found;
        assert(sibling != NULL); /* or the device would be of another kind */
        uint32_t series = gw_device_series(sibling, binding->metrics[i]);
        signals->siblings[signals->sibling_count++] = (struct signal_link){
            instance, sibling->index, series, (uint16_t)i, (uint16_t)signal->lane};
        signals->series_lanes[series] |= (uint8_t)(1u << signal->lane);
    }
}

static int compare_links(const void *a, const void *b)
{
    const struct signal_link *left = a, *right = b;

    if (left->series != right->series)
        return left->series < right->series ? -1 : 1;
    if (left->instance != right->instance)
        return left->instance < right->instance ? -1 : 1;
    return left->input < right->input ? -1 : left->input > right->input;
}

/* Of the siblings, which are by instance, the links by device and series. */
int signal_list_links(struct signal_loading *loading)
{
    struct gw_signals *signals = loading->signals;
    size_t devices = gw_registry_device_count(signals->registry), at = 0;

    if (signals->sibling_count == 0)
        return 0;
    signals->links = signal_alloc(loading, signals->sibling_count, sizeof(*signals->links));
    signals->link_at = signal_alloc(loading, devices + 1, sizeof(*signals->link_at));
    if (loading->has_no_memory)
        return -ENOMEM;
    memcpy(signals->links, signals->siblings, signals->sibling_count * sizeof(*signals->links));
    qsort(signals->links, signals->sibling_count, sizeof(*signals->links), compare_links);
    for (size_t i = 0; i <= devices; i++) {
        while (at < signals->sibling_count && signals->links[at].device < i)
            at++;
        signals->link_at[i] = (uint32_t)at;
    }
    return 0;
}

/* --- at work --- */

static const struct signal_link *find_siblings(const struct gw_signals *signals, uint32_t instance)
{
    size_t from = 0, to = signals->sibling_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (signals->siblings[middle].instance < instance)
            from = middle + 1;
        else
            to = middle;
    }
    return signals->siblings + from;
}

const struct gw_device_config *signal_source(const struct signal_run *run, uint32_t input)
{
    const struct gw_signals *signals = run->signals;
    uint32_t device = run->device;

    if (run->signal->inputs[input].sibling != NULL)
        for (const struct signal_link *link = find_siblings(signals, run->instance);
             link < signals->siblings + signals->sibling_count && link->instance == run->instance;
             link++)
            if (link->input == input)
                device = link->device;
    return gw_registry_device(signals->registry, device);
}

/* What was digested before, and this. */
static void digest_on(uint8_t *digest, struct gw_str text)
{
    char both[2 * GW_SHA256_BYTES];

    memcpy(both, digest, GW_SHA256_BYTES);
    gw_digest_compute(GW_SHA256, text, (uint8_t *)both + GW_SHA256_BYTES);
    gw_digest_compute(GW_SHA256, gw_str_from(both, sizeof(both)), digest);
}

/* With other siblings the state is another one: what one counted, another did not. And numbers of
 * another scale are no continuation. */
void signal_fingerprint(const struct signal_run *run, uint8_t out[SIGNAL_FINGERPRINT_BYTES])
{
    const struct signal *signal = run->signal;
    uint8_t digest[GW_SHA256_BYTES] = {0};

    memcpy(digest, signal->fingerprint, SIGNAL_FINGERPRINT_BYTES);
    for (uint32_t i = 0; i < signal->input_count; i++) {
        const struct gw_metric_config *metric = run->binding->metrics[i];
        const double scale[] = {metric->factor, metric->offset, metric->rollover};
        if (signal->inputs[i].sibling != NULL)
            digest_on(digest, signal_source(run, i)->id);
        if (metric->has_scale || metric->rollover != 0)
            digest_on(digest, gw_str_from((const char *)scale, sizeof(scale)));
    }
    memcpy(out, digest, SIGNAL_FINGERPRINT_BYTES);
}
