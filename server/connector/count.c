#include "server/connector/count.h"

#include <stdlib.h>

#include "server/core/buf.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"
#include "server/upstream/backend.h"
#include "server/upstream/upstreams.h"

#define MAX_COUNTERS 1000 /* of one backend */

struct counter {
    const struct gw_connector_function *function;
    enum gw_connector_error error;
    const struct gw_metric *metric;
};

/* In the backend's state: one allocation, which that frees. */
struct gw_connector_counters {
    size_t count, capacity;
    struct counter items[];
};

static const struct gw_metric calls = {"millgate_connector_calls_total",
                                       "Calls of connectors' functions, by what came of them.",
                                       NULL, false};

const char *gw_connector_name_of(const struct gw_connector_function *function)
{
    for (size_t i = 0; gw_connectors[i] != NULL; i++) {
        const struct gw_connector_function *at = gw_connectors[i]->functions;
        for (; at->name != NULL; at++) {
            if (at == function)
                return gw_connectors[i]->name;
        }
    }
    return "";
}

static const struct gw_metric *describe(const struct gw_connector_call *call,
                                        enum gw_connector_error error)
{
    const struct gw_metric *metric = NULL;
    struct gw_buf labels;

    gw_buf_init(&labels, 1024);
    gw_buf_append_text(&labels, "backend=\"");
    gw_buf_append_json(&labels, call->backend->config->name);
    gw_buf_printf(&labels, "\",function=\"%s.%s\",result=\"%s\"",
                  gw_connector_name_of(call->function), call->function->name,
                  gw_connector_error_row(error)->name);
    gw_buf_append_byte(&labels, '\0');
    if (!labels.has_failed)
        metric = gw_metrics_labelled(call->worker->metrics, &calls, labels.ptr);
    gw_buf_finish(&labels);
    return metric;
}

static struct counter *add(struct gw_backend_state *state)
{
    struct gw_connector_counters *counters = state->connector_counters;
    size_t count = counters == NULL ? 0 : counters->count;

    if (count == MAX_COUNTERS)
        return NULL;
    if (counters == NULL || count == counters->capacity) {
        size_t capacity = count == 0 ? 8 : count * 2;
        counters = realloc(counters, sizeof(*counters) + capacity * sizeof(counters->items[0]));
        if (counters == NULL)
            return NULL;
        counters->count = count;
        counters->capacity = capacity;
        state->connector_counters = counters;
    }
    return &counters->items[counters->count++];
}

void gw_connector_count(const struct gw_connector_call *call, enum gw_connector_error error)
{
    struct gw_backend_state *state = call->backend == NULL ? NULL : call->backend->state;
    struct gw_connector_counters *counters = state == NULL ? NULL : state->connector_counters;

    if (state == NULL || call->worker == NULL || call->worker->metrics == NULL)
        return;
    for (size_t i = 0; counters != NULL && i < counters->count; i++) {
        const struct counter *counter = &counters->items[i];
        if (counter->function == call->function && counter->error == error) {
            gw_metrics_add(call->worker->metrics, counter->metric, 1);
            return;
        }
    }
    struct counter *counter = add(state);
    if (counter == NULL)
        return;
    *counter = (struct counter){call->function, error, describe(call, error)};
    gw_metrics_add(call->worker->metrics, counter->metric, 1);
}
