#include "server/gateway/backend_metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/observe/metrics.h"

#define MAX_NAMES 256

static const struct gw_metric kinds[GW_BACKEND_METRIC_COUNT] = {
    {"millgate_backend_calls_total", "Calls started, by backend.", NULL, false},
    {"millgate_backend_failures_total", "Calls that got no usable answer, by backend.", NULL,
     false},
    {"millgate_backend_connects_total", "Connections made, by backend.", NULL, false},
    {"millgate_backend_connect_failures_total", "Connections that could not be made, by backend.",
     NULL, false},
    {"millgate_backend_connections", "Open connections, by backend.", NULL, true},
    {"millgate_backend_waiting", "Calls that wait for a connection, by backend.", NULL, true},
};

/* A label's value has the escapes of a JSON string that such names can need. */
static void write_labels(struct gw_backend_metrics *entry)
{
    size_t at = (size_t)snprintf(entry->labels, sizeof(entry->labels), "backend=\"");

    for (const char *from = entry->name; *from != '\0' && at < sizeof(entry->labels) - 4; from++) {
        if (*from == '"' || *from == '\\')
            entry->labels[at++] = '\\';
        entry->labels[at++] = *from;
    }
    snprintf(entry->labels + at, sizeof(entry->labels) - at, "\"");
}

struct gw_backend_metrics *gw_backend_metrics_get(struct gw_backend_metrics **list,
                                                  struct gw_str name)
{
    size_t count = 0;

    for (struct gw_backend_metrics *entry = *list; entry != NULL; entry = entry->next, count++) {
        if (gw_str_equal(gw_str_of(entry->name), name))
            return entry;
    }
    struct gw_backend_metrics *made = count == MAX_NAMES ? NULL : calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    made->name = strndup(name.ptr, name.len);
    if (made->name == NULL) {
        free(made);
        return NULL;
    }
    write_labels(made);
    for (size_t i = 0; i < GW_BACKEND_METRIC_COUNT; i++) {
        made->metrics[i] = kinds[i];
        made->metrics[i].labels = made->labels;
    }
    made->next = *list;
    *list = made;
    return made;
}

void gw_backend_metrics_free(struct gw_backend_metrics *list)
{
    while (list != NULL) {
        struct gw_backend_metrics *next = list->next;
        free(list->name);
        free(list);
        list = next;
    }
}

void gw_backend_metrics_publish(const struct gw_backend_metrics *metrics,
                                struct gw_metrics_shard *shard,
                                const struct gw_http_origin_stats *stats)
{
    const uint64_t values[GW_BACKEND_METRIC_COUNT] = {
        stats->calls,       stats->failures, stats->connects, stats->connect_failures,
        stats->connections, stats->waiting,
    };

    for (size_t i = 0; metrics != NULL && i < GW_BACKEND_METRIC_COUNT; i++)
        gw_metrics_set(shard, &metrics->metrics[i], values[i]);
}
