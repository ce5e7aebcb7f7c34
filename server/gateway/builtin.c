#include "server/gateway/builtin.h"

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/filter/chain.h"
#include "server/gateway/edge_accept.h"
#include "server/gateway/events.h"
#include "server/gateway/iot.h"
#include "server/gateway/snapshot.h"
#include "server/http/problem.h"

const struct gw_builtin *const gw_builtins[] = {
    &gw_events_publish,       &gw_events_poll,
    &gw_events_stream,        &gw_events_get,
    &gw_events_types,         &gw_events_consume,
    &gw_events_acknowledge,   &gw_events_rewind,
    &gw_events_forget,        &gw_iot_list_devices,
    &gw_iot_get_device,       &gw_iot_read_values,
    &gw_iot_read_history,     &gw_iot_list_quarantine,
    &gw_iot_clear_quarantine, &gw_iot_list_alarms,
    &gw_iot_get_alarm,        &gw_iot_acknowledge_alarm,
    &gw_iot_ingest,           &gw_iot_send_command,
    &gw_iot_list_maintenance, &gw_iot_set_maintenance,
    &gw_iot_end_maintenance,  &gw_iot_shelve_alarm,
    &gw_iot_unshelve_alarm,   &gw_edge_accept,
    &gw_edge_samples_accept,  NULL,
};

const struct gw_builtin *gw_builtin_find(struct gw_str name)
{
    for (size_t i = 0; gw_builtins[i] != NULL; i++) {
        if (gw_str_equal(name, gw_str_of(gw_builtins[i]->name)))
            return gw_builtins[i];
    }
    return NULL;
}

static void on_body(struct gw_exchange *ex)
{
    if (ex->is_body_over) {
        gw_problem_set(ex, "body-too-large", NULL);
        gw_builtin_end(ex, false);
        return;
    }
    ex->service->builtin->start(ex);
}

void gw_builtin_start(struct gw_exchange *ex)
{
    uint64_t max_bytes = ex->service->builtin->max_body_bytes;

    ex->record.upstream_start_ns = gw_clock_monotonic_ns();
    if (ex->body_limit_bytes > 0 && ex->body_limit_bytes < max_bytes)
        max_bytes = ex->body_limit_bytes;
    if (ex->operation->max_body_bytes > 0 && ex->operation->max_body_bytes < max_bytes)
        max_bytes = ex->operation->max_body_bytes;
    gw_exchange_collect_body(ex, (size_t)max_bytes, on_body);
}

/* Told as of a backend's answer, for whoever keeps a record of it. */
void gw_builtin_end(struct gw_exchange *ex, bool has_effect)
{
    ex->record.was_sent = has_effect;
    ex->record.upstream_head_ns = gw_clock_monotonic_ns();
    if (ex->record.problem == NULL)
        ex->record.upstream_status = ex->response.status;
    gw_chain_response_set(ex);
}
