#include "server/gateway/flow_metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/flow/flow.h"
#include "server/observe/metrics.h"

enum outcome { OK, RAISED, FAILED, OUTCOME_COUNT };

static const char *const outcome_names[OUTCOME_COUNT] = {"ok", "raised", "failed"};

struct gw_flow_metrics {
    const struct gw_metric *metrics[OUTCOME_COUNT];
};

static const struct gw_metric runs = {
    "millgate_flow_runs_total",
    "Runs of flows: well, ended by an error that the flow raises, or by another.", NULL, false};

struct gw_flow_metrics *gw_flow_metrics_make(struct gw_metrics_shard *shard, struct gw_str flow)
{
    struct gw_flow_metrics *made = calloc(1, sizeof(*made));
    struct gw_buf labels;

    gw_buf_init(&labels, 1024);
    for (size_t i = 0; made != NULL && i < OUTCOME_COUNT; i++) {
        gw_buf_clear(&labels);
        gw_buf_append_text(&labels, "flow=\"");
        gw_buf_append_json(&labels, flow);
        gw_buf_printf(&labels, "\",outcome=\"%s\"", outcome_names[i]);
        gw_buf_append_byte(&labels, '\0');
        if (!labels.has_failed)
            made->metrics[i] = gw_metrics_labelled(shard, &runs, labels.ptr);
    }
    gw_buf_finish(&labels);
    return made;
}

void gw_flow_metrics_free(struct gw_flow_metrics *metrics)
{
    free(metrics);
}

void gw_flow_metrics_count(const struct gw_flow_metrics *metrics, struct gw_metrics_shard *shard,
                           const struct gw_flow_error *error)
{
    enum outcome outcome = error == NULL ? OK : error->is_raised ? RAISED : FAILED;

    if (metrics != NULL)
        gw_metrics_add(shard, metrics->metrics[outcome], 1);
}
