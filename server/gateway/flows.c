#include "server/gateway/flows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/scope.h"
#include "server/flow/flow.h"
#include "server/gateway/flow_metrics.h"
#include "server/gateway/folder.h"

#define MAX_FLOWS 10000
#define MAX_OPERATIONS 200000

struct loading {
    struct gw_snapshot *snapshot;
    const struct gw_snapshot *previous; /* NULL: nothing may be shared */
    struct gw_diagnostics *diagnostics;
    struct gw_flow_names names;
    size_t capacity;
    bool is_full;
};

/* --- names --- */

static size_t find_backend(const struct gw_config *config, struct gw_str name)
{
    for (size_t i = 0; i < config->backend_count; i++) {
        if (gw_str_equal(config->backends[i].name, name))
            return i;
    }
    return SIZE_MAX;
}

static const char *check_backend(void *self, struct gw_str backend,
                                 const struct gw_connector_type *type)
{
    const struct gw_snapshot *snapshot = self;
    size_t index = find_backend(snapshot->config, backend);
    size_t number = 0;

    if (index == SIZE_MAX)
        return snapshot->config->is_faulty ? NULL : "the backend is not configured";
    while (gw_connectors[number] != NULL && gw_connectors[number] != type)
        number++;
    const json_t *const *options = snapshot->config->backends[index].connectors;
    return gw_connectors[number] == NULL || options == NULL || options[number] != NULL
               ? NULL
               : "the backend does not have this connector: its options must stand in the "
                 "configuration";
}

static const char *check_operation(void *self, struct gw_str operation_id)
{
    bool is_one_of_several;

    if (gw_flows_find_operation(self, operation_id, &is_one_of_several) != NULL)
        return NULL;
    return is_one_of_several
               ? "several contracts have this operation: say which, \"/system/erp/v1#id\""
               : "no contract has this operation";
}

/* `url` is below `base`: as far as whole segments go. */
static bool is_below(struct gw_str url, struct gw_str base)
{
    while (gw_str_has_suffix(base, GW_STR("/")))
        base.len--;
    return base.len > 0 && gw_str_has_prefix(url, base) &&
           (url.len == base.len || url.ptr[base.len] == '/' || url.ptr[base.len] == '?');
}

static struct gw_str find_backend_of_url(void *self, struct gw_str url, size_t *out_path_at)
{
    const struct gw_snapshot *snapshot = self;
    struct gw_str best = {NULL, 0};
    size_t longest = 0;

    for (size_t i = 0; i < snapshot->backend_count; i++) {
        const struct gw_backend_config *backend = &snapshot->backends[i];
        for (size_t k = 0; k < backend->target_count; k++) {
            struct gw_str base = backend->targets[k].url;
            while (gw_str_has_suffix(base, GW_STR("/")))
                base.len--;
            if (!is_below(url, base) || base.len <= longest)
                continue;
            longest = base.len;
            best = backend->name;
        }
    }
    *out_path_at = longest;
    return best;
}

static struct gw_flow_names names_of(const struct gw_snapshot *snapshot)
{
    return (struct gw_flow_names){.self = (void *)(uintptr_t)snapshot,
                                  .connectors = gw_connectors,
                                  .find_backend = find_backend_of_url,
                                  .check_backend = check_backend,
                                  .check_operation = check_operation};
}

static const struct gw_operation *find_in_api(const struct gw_api *api, struct gw_str id)
{
    for (size_t i = 0; i < api->operation_count; i++) {
        if (gw_str_equal(api->operations[i].id, id))
            return &api->operations[i];
    }
    return NULL;
}

static const struct gw_operation several; /* stands for more than one */

int gw_flows_index_operations(struct gw_snapshot *snapshot)
{
    gw_map_init(&snapshot->operations, MAX_OPERATIONS);
    for (size_t i = 0; i < snapshot->contract_count; i++) {
        const struct gw_api *api = gw_contract_api(snapshot->contracts[i]);
        for (size_t k = 0; k < api->operation_count; k++) {
            const struct gw_operation *operation = &api->operations[k];
            int rc = gw_map_add(&snapshot->operations, operation->id, (void *)(uintptr_t)operation);
            if (rc == -EEXIST) {
                gw_map_remove(&snapshot->operations, operation->id);
                rc = gw_map_add(&snapshot->operations, operation->id, (void *)(uintptr_t)&several);
            }
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

const struct gw_operation *gw_flows_find_operation(const struct gw_snapshot *snapshot,
                                                   struct gw_str id, bool *out_several)
{
    size_t hash = gw_str_find(id, '#');

    *out_several = false;
    if (hash == id.len) {
        const struct gw_operation *found = gw_map_get(&snapshot->operations, id);
        *out_several = found == &several;
        return *out_several ? NULL : found;
    }
    for (size_t i = 0; i < snapshot->contract_count; i++) {
        const struct gw_api *api = gw_contract_api(snapshot->contracts[i]);
        if (gw_str_equal(api->base, gw_str_from(id.ptr, hash)))
            return find_in_api(api, gw_str_tail(id, hash + 1));
    }
    return NULL;
}

/* --- files --- */

static int keep(struct loading *loading, struct gw_flow *flow)
{
    struct gw_snapshot *snapshot = loading->snapshot;

    if (snapshot->flow_count == loading->capacity) {
        size_t capacity = loading->capacity == 0 ? 64 : loading->capacity * 2;
        struct gw_snapshot_flow *flows =
            realloc(snapshot->flows, capacity * sizeof(*snapshot->flows));
        if (flows == NULL)
            return -ENOMEM;
        snapshot->flows = flows;
        loading->capacity = capacity;
    }
    snapshot->flows[snapshot->flow_count++] = (struct gw_snapshot_flow){.flow = flow};
    return 0;
}

static struct gw_flow *find_unchanged(const struct loading *loading, const char *path)
{
    const struct gw_snapshot *previous = loading->previous;

    for (size_t i = 0; previous != NULL && i < previous->flow_count; i++) {
        struct gw_flow *flow = previous->flows[i].flow;
        if (gw_str_equal(gw_flow_file(flow), gw_str_of(path)) && gw_flow_is_current(flow))
            return gw_flow_hold(flow);
    }
    return NULL;
}

/* One that is refused does not end the list: all problems are told at once. */
static int add_file(void *self, const char *path)
{
    struct loading *loading = self;
    struct gw_flow *flow = find_unchanged(loading, path);
    int rc = 0;

    if (loading->snapshot->flow_count == MAX_FLOWS) {
        if (!loading->is_full)
            gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_ERROR, path, 0, 0,
                               "more than %d flows", MAX_FLOWS);
        loading->is_full = true;
        gw_flow_release(flow);
        return 0;
    }
    if (flow == NULL)
        rc = gw_flow_load(path, &loading->names, loading->diagnostics, &flow);
    if (rc != 0)
        return rc == -ENOMEM ? rc : 0;
    rc = keep(loading, flow);
    if (rc != 0)
        gw_flow_release(flow);
    return rc;
}

/* Which backend an address is, and what a write does there, a flow has settled when it was loaded.
 */
static bool has_same_backends(const struct gw_snapshot *a, const struct gw_snapshot *b)
{
    if (a->backend_count != b->backend_count)
        return false;
    for (size_t i = 0; i < a->backend_count; i++) {
        const struct gw_backend_config *one = &a->backends[i], *other = &b->backends[i];
        if (!gw_str_equal(one->name, other->name) || one->target_count != other->target_count ||
            one->effect.class != other->effect.class)
            return false;
        for (size_t k = 0; k < one->target_count; k++) {
            if (!gw_str_equal(one->targets[k].url, other->targets[k].url))
                return false;
        }
    }
    return true;
}

/* --- all of them --- */

static int compare(const void *a, const void *b)
{
    const struct gw_snapshot_flow *one = a, *other = b;

    return gw_str_compare(gw_flow_name(one->flow), gw_flow_name(other->flow));
}

static void tell_twins(const struct gw_snapshot *snapshot, struct gw_diagnostics *diagnostics)
{
    for (size_t i = 1; i < snapshot->flow_count; i++) {
        const struct gw_flow *flow = snapshot->flows[i].flow, *other = snapshot->flows[i - 1].flow;
        if (gw_str_equal(gw_flow_name(flow), gw_flow_name(other)))
            gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, gw_flow_file(flow).ptr, 0, 0,
                               "the flow %.*s is also in %.*s", GW_STR_ARG(gw_flow_name(flow)),
                               GW_STR_ARG(gw_flow_file(other)));
    }
}

struct refusing {
    struct gw_flow **flows;
    struct gw_diagnostics *diagnostics;
};

static void refuse(void *self, size_t set, uint32_t index, const char *why)
{
    const struct refusing *refusing = self;

    gw_flow_blame(refusing->flows[set], index, why, refusing->diagnostics);
}

/* Those that are shared have their programs; the new ones may join them. */
static int compile(const struct loading *loading)
{
    const struct gw_snapshot *snapshot = loading->snapshot;
    GW_SCOPED(gw_scope_free)
    struct gw_flow **flows = calloc(snapshot->flow_count + 1, sizeof(*flows));
    GW_SCOPED(gw_scope_free)
    struct gw_expressions **sets = calloc(snapshot->flow_count + 1, sizeof(*sets));
    size_t count = snapshot->flow_count;

    if (flows == NULL || sets == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        flows[i] = snapshot->flows[i].flow;
        sets[i] = gw_flow_expressions(flows[i]);
    }
    struct refusing refusing = {flows, loading->diagnostics};
    int rc = gw_expressions_compile(sets, count, refuse, &refusing);
    if (rc == -EINVAL)
        return 0; /* it was told */
    if (rc != 0)
        gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0,
                           "the expressions of flows cannot be compiled: %s",
                           rc == -EAGAIN ? "helpers are ended from outside" : strerror(-rc));
    return rc;
}

int gw_flows_load(struct gw_snapshot *snapshot, const struct gw_snapshot *previous,
                  struct gw_diagnostics *diagnostics)
{
    const struct gw_str endings[] = {GW_STR(".flow.yaml"), GW_STR(".flow.yml"),
                                     GW_STR(".flow.json")};
    struct loading loading = {
        .snapshot = snapshot, .diagnostics = diagnostics, .names = names_of(snapshot)};
    int rc = 0;

    loading.names.check_backend = NULL; /* see gw_flows_check_names() */
    loading.names.check_operation = NULL;
    if (previous != NULL && has_same_backends(previous, snapshot))
        loading.previous = previous;
    const struct gw_folder_walk walk = {endings,  GW_COUNT_OF(endings), "flows", add_file,
                                        &loading, diagnostics};
    for (size_t i = 0; rc == 0 && i < snapshot->config->flow_count; i++)
        rc = gw_folder_walk(&walk, snapshot->config->flows[i].ptr);
    if (snapshot->flow_count > 1)
        qsort(snapshot->flows, snapshot->flow_count, sizeof(*snapshot->flows), compare);
    tell_twins(snapshot, diagnostics);
    return rc == 0 ? compile(&loading) : rc;
}

void gw_flows_check_names(const struct gw_snapshot *snapshot, bool is_whole,
                          struct gw_diagnostics *diagnostics)
{
    struct gw_flow_names names = names_of(snapshot);
    int rc = 0;

    if (!is_whole)
        names.check_operation = NULL;
    for (size_t i = 0; i < snapshot->flow_count && rc != -ENOMEM; i++)
        rc = gw_flow_check_names(snapshot->flows[i].flow, &names, diagnostics);
}

int gw_flows_check_backend(const struct gw_snapshot *snapshot, const struct gw_flow *flow,
                           struct gw_str backend, struct gw_diagnostics *diagnostics)
{
    struct gw_flow_names names = names_of(snapshot);

    return gw_flow_check_backend(flow, &names, backend, diagnostics);
}

struct gw_snapshot_flow *gw_flows_find(const struct gw_snapshot *snapshot, struct gw_str name)
{
    size_t low = 0, high = snapshot->flow_count;

    while (low < high) {
        size_t at = low + (high - low) / 2;
        int order = gw_str_compare(gw_flow_name(snapshot->flows[at].flow), name);
        if (order == 0)
            return &snapshot->flows[at];
        if (order < 0)
            low = at + 1;
        else
            high = at;
    }
    return NULL;
}

void gw_flows_release(struct gw_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->flow_count; i++) {
        gw_flow_metrics_free(snapshot->flows[i].metrics);
        gw_flow_release(snapshot->flows[i].flow);
    }
    free(snapshot->flows);
    snapshot->flows = NULL;
    snapshot->flow_count = 0;
}
