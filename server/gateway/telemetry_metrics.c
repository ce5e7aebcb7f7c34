#include "server/gateway/telemetry_metrics.h"

#include "server/iot/board.h"
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
COUNTER(passed_over, "millgate_iot_retained_passed_over_total",
        "Values of JSON messages that the broker had kept, without a time of their own.");
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
GAUGE(owed, "millgate_iot_unacknowledged",
      "Messages of QoS 1 that wait to be journaled: brokers have not been told that we have them.");
GAUGE(pending_events, "millgate_iot_events_pending", "Events that wait for the log.");
COUNTER(value_writes, "millgate_iot_board_writes_total",
        "Scripts that have written values and histories for readers.");
COUNTER(value_failures, "millgate_iot_board_failures_total", "Such that have failed.");
COUNTER(history_dropped, "millgate_iot_history_dropped_total",
        "Samples without a place in their history, as Redis was away for too long.");
GAUGE(value_bytes, "millgate_iot_board_bytes", "Memory of last values and waiting histories.");
COUNTER(exported, "millgate_iot_exported_total", "Samples that are in files for a historian.");
COUNTER(export_dropped, "millgate_iot_export_dropped_total",
        "Samples that are in none, as the disk took no more.");
GAUGE(pending_alarms, "millgate_iot_alarms_pending", "Changes of alarms that wait for Redis.");
GAUGE(brokers_up, "millgate_iot_brokers_up", "Brokers that are connected.");

#define QUARANTINED(reason)                                                 \
    {                                                                       \
        "millgate_iot_quarantined_total", "What was put aside, by reason.", \
            "reason=\"" reason "\"", false                                  \
    }
static const struct gw_metric quarantined[GW_QUARANTINE_REASON_COUNT] = {
    [GW_QUARANTINE_UNKNOWN_NODE] = QUARANTINED("unknown-node"),
    [GW_QUARANTINE_UNKNOWN_DEVICE] = QUARANTINED("unknown-device"),
    [GW_QUARANTINE_UNKNOWN_METRIC] = QUARANTINED("unknown-metric"),
    [GW_QUARANTINE_MALFORMED] = QUARANTINED("malformed"),
    [GW_QUARANTINE_TYPE] = QUARANTINED("type"),
    [GW_QUARANTINE_TIME] = QUARANTINED("time"),
};

static void publish_board(struct gw_metrics_shard *metrics, const struct gw_iot_board *board)
{
    struct gw_iot_board_counts counts;

    gw_iot_board_get_counts(board, &counts);
    gw_metrics_set(metrics, &value_writes, counts.values.writes);
    gw_metrics_set(metrics, &value_failures, counts.values.failures);
    gw_metrics_set(metrics, &history_dropped, counts.values.history_dropped);
    gw_metrics_set(metrics, &value_bytes, counts.values.bytes);
    gw_metrics_set(metrics, &exported, counts.exported.samples);
    gw_metrics_set(metrics, &export_dropped, counts.exported.dropped);
    gw_metrics_set(metrics, &pending_alarms, counts.pending_alarms);
    for (size_t i = 0; i < GW_QUARANTINE_REASON_COUNT; i++)
        gw_metrics_set(metrics, &quarantined[i], counts.quarantined[i]);
}

void gw_telemetry_metrics_publish(struct gw_metrics_shard *metrics, const struct gw_lane *lane,
                                  const struct gw_iot_board *board, size_t question_count,
                                  size_t members)
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
    gw_metrics_set(metrics, &passed_over, stats.passed_over);
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
    gw_metrics_set(metrics, &owed, stats.owed);
    gw_metrics_set(metrics, &pending_events, stats.pending_events);
    gw_metrics_set(metrics, &brokers_up, up);
    if (board != NULL)
        publish_board(metrics, board);
}
