#include "server/gateway/telemetry_metrics.h"

#include "server/iot/lane.h"
#include "server/observe/metrics.h"

#define COUNTER(name, metric, help) static const struct gw_metric name = {metric, help, NULL, false}
#define GAUGE(name, metric, help) static const struct gw_metric name = {metric, help, NULL, true}

COUNTER(messages, "millgate_iot_messages_total", "Messages of edge nodes that were taken.");
COUNTER(dropped, "millgate_iot_messages_dropped_total",
        "Messages of edge nodes that are not this gateway's, or for which there was no room.");
COUNTER(samples, "millgate_iot_samples_total", "Samples of registered series.");
COUNTER(late, "millgate_iot_samples_late_total",
        "Samples that came after their window had been closed.");
COUNTER(events, "millgate_iot_events_total", "Events of signals that are in the log.");
COUNTER(appends, "millgate_iot_journal_appends_total", "Group commits of the journal.");
COUNTER(append_failures, "millgate_iot_journal_failures_total",
        "Group commits that failed and are tried again.");
COUNTER(checkpoints, "millgate_iot_checkpoints_total", "Checkpoints of edge nodes.");
COUNTER(rebirths, "millgate_iot_rebirth_requests_total",
        "Rebirths that edge nodes were asked for.");
COUNTER(enriched, "millgate_iot_events_enriched_total",
        "Events that have the answer that they had asked an API for.");
COUNTER(unenriched, "millgate_iot_events_unenriched_total",
        "Events that went out without it, as it could not be had.");
GAUGE(questions, "millgate_iot_enrichments_under_way", "Questions of events to APIs.");
GAUGE(nodes, "millgate_iot_edge_nodes", "Edge nodes that this gateway owns.");
GAUGE(members_gauge, "millgate_iot_members", "Gateways that share the edge nodes.");
GAUGE(pending_bytes, "millgate_iot_journal_pending_bytes", "Messages that wait to be journaled.");
GAUGE(pending_events, "millgate_iot_events_pending", "Events that wait for the log.");
GAUGE(brokers_up, "millgate_iot_brokers_up", "Brokers that are connected.");

void gw_telemetry_metrics_publish(struct gw_metrics_shard *metrics, const struct gw_lane *lane,
                                  size_t question_count, size_t members)
{
    struct gw_lane_stats stats;
    size_t up = 0;

    gw_lane_get_stats(lane, &stats);
    for (size_t i = 0; i < gw_lane_broker_count(lane); i++)
        up += gw_lane_is_broker_up(lane, i);
    gw_metrics_set(metrics, &messages, stats.messages);
    gw_metrics_set(metrics, &dropped, stats.dropped);
    gw_metrics_set(metrics, &samples, stats.samples);
    gw_metrics_set(metrics, &late, stats.late);
    gw_metrics_set(metrics, &events, stats.events);
    gw_metrics_set(metrics, &appends, stats.appends);
    gw_metrics_set(metrics, &append_failures, stats.append_failures);
    gw_metrics_set(metrics, &checkpoints, stats.checkpoints);
    gw_metrics_set(metrics, &rebirths, stats.rebirths);
    gw_metrics_set(metrics, &enriched, stats.enriched);
    gw_metrics_set(metrics, &unenriched, stats.unenriched);
    gw_metrics_set(metrics, &questions, question_count);
    gw_metrics_set(metrics, &nodes, stats.nodes);
    gw_metrics_set(metrics, &members_gauge, members);
    gw_metrics_set(metrics, &pending_bytes, stats.pending_bytes);
    gw_metrics_set(metrics, &pending_events, stats.pending_events);
    gw_metrics_set(metrics, &brokers_up, up);
}
