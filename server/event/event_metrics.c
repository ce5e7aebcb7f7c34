#include "server/event/event_metrics.h"

#include <stddef.h>

static const char published[] = "millgate_events_published_total";
static const char published_help[] =
    "Events that were to be appended to the log: appended, repeated (they stood there already), "
    "refused (no event, or not as its schema has it), failed (Redis).";

const struct gw_metric gw_event_appended = {published, published_help, "result=\"appended\"",
                                            false};
const struct gw_metric gw_event_repeated = {published, published_help, "result=\"repeated\"",
                                            false};
const struct gw_metric gw_event_refused = {published, published_help, "result=\"refused\"", false};
const struct gw_metric gw_event_failed = {published, published_help, "result=\"failed\"", false};

static const char delivered[] = "millgate_events_delivered_total";
static const char delivered_help[] = "Events handed to subscribers and consumers; again: to a "
                                     "consumer that did not acknowledge them in time.";

const struct gw_metric gw_event_delivered = {delivered, delivered_help, "again=\"no\"", false};
const struct gw_metric gw_event_redelivered = {delivered, delivered_help, "again=\"yes\"", false};

const struct gw_metric gw_event_subscribers = {
    "millgate_event_subscribers", "Who reads events now: streams and long polls.", NULL, true};
const struct gw_metric gw_event_lag_ms = {
    "millgate_event_subscriber_lag_ms",
    "How far the subscriber that is most behind is behind the log; of each worker, added up.", NULL,
    true};
const struct gw_metric gw_event_trimmed = {"millgate_events_trimmed_total",
                                           "Events taken out of the log for their age or number.",
                                           NULL, false};
const struct gw_metric gw_event_archived = {
    "millgate_events_archived_total", "Events written to the archive before that.", NULL, false};
const struct gw_metric gw_event_archive_failed = {
    "millgate_events_archive_failures_total",
    "Writes to the archive that failed; nothing is trimmed until one succeeds.", NULL, false};
const struct gw_metric gw_event_stored = {
    "millgate_events_stored", "Events in the log, as last looked at by the trimmer.", NULL, true};
const struct gw_metric gw_event_oldest_s = {
    "millgate_event_oldest_seconds", "The age of the oldest event in the log, as last looked at.",
    NULL, true};
