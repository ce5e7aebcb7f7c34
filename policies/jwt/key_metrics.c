#include "policies/jwt/key_metrics.h"

#include <stdio.h>

#include "server/core/buf.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"

static const struct gw_metric fetches = {"millgate_jwt_key_fetches_total",
                                         "Fetches of issuers' key sets, by issuer.", NULL, false};
static const struct gw_metric keys = {
    "millgate_jwt_keys", "Keys of an issuer that a worker has; 0: none is there.", NULL, true};
static const struct gw_metric confirmed = {
    "millgate_jwt_keys_confirmed_timestamp_seconds",
    "When a worker's keys of an issuer were last fetched or confirmed; 0: never.", NULL, true};

static const char *const result_names[KEY_FETCHED_KINDS] = {"changed", "unchanged", "failed"};

#define MAX_LABEL_BYTES 1024

/* A label's value has the escapes of a JSON string that a name can need. */
static const struct gw_metric *describe(struct gw_metrics_shard *shard,
                                        const struct gw_metric *metric, struct gw_str issuer,
                                        const char *name, const char *value)
{
    struct gw_buf text;

    gw_buf_init(&text, MAX_LABEL_BYTES);
    gw_buf_append_text(&text, "issuer=\"");
    gw_buf_append_json(&text, issuer);
    gw_buf_printf(&text, "\",%s=\"%s\"", name, value);
    gw_buf_append_byte(&text, '\0');
    const struct gw_metric *made =
        text.has_failed ? NULL : gw_metrics_labelled(shard, metric, text.ptr);
    gw_buf_finish(&text);
    return made;
}

void key_metrics_init(struct key_metrics *metrics, const struct gw_worker *worker,
                      struct gw_str issuer)
{
    struct gw_metrics_shard *shard = worker->metrics;
    char number[16] = "admin";

    if (worker->count > 0)
        snprintf(number, sizeof(number), "%u", worker->index);
    metrics->shard = shard;
    for (size_t i = 0; i < KEY_FETCHED_KINDS; i++)
        metrics->fetches[i] = describe(shard, &fetches, issuer, "result", result_names[i]);
    metrics->keys = describe(shard, &keys, issuer, "worker", number);
    metrics->confirmed = describe(shard, &confirmed, issuer, "worker", number);
}

void key_metrics_count(const struct key_metrics *metrics, enum key_fetch_result_kind result)
{
    gw_metrics_add(metrics->shard, metrics->fetches[result], 1);
}

void key_metrics_set(const struct key_metrics *metrics, size_t key_count, uint64_t confirmed_s)
{
    gw_metrics_set(metrics->shard, metrics->keys, key_count);
    gw_metrics_set(metrics->shard, metrics->confirmed, confirmed_s);
}
