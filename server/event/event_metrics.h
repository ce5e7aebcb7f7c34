/* What the event log counts. */
#pragma once

#include "server/core/metric.h"

extern const struct gw_metric gw_event_appended, gw_event_repeated, gw_event_refused,
    gw_event_failed;
extern const struct gw_metric gw_event_delivered, gw_event_redelivered;
extern const struct gw_metric gw_event_subscribers, gw_event_lag_ms;
extern const struct gw_metric gw_event_trimmed, gw_event_archived, gw_event_archive_failed;
extern const struct gw_metric gw_event_stored, gw_event_oldest_s;
