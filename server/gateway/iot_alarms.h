/* What reading and acknowledging alarms share. */
#pragma once

#include "server/gateway/iot_private.h"

struct gw_reply;

/* The fields of an alarm that make a row, in order; what is shelved comes behind them. */
#define GW_ALARM_FIELDS                                                                           \
    "'state', 'device', 'equipment', 'signal', 'severity', 'raised', 'cleared', 'acknowledged', " \
    "'by', 'comment', 'version', 'times', 'data', 'unshelved'"
/* For scripts: `local row`, of the alarm's key, that of what is shelved of its plant, and its id.
 */
#define GW_ALARM_READ(alarm, shelved, id)                               \
    "local row = redis.call('HMGET', " alarm ", " GW_ALARM_FIELDS ")\n" \
    "row[#row + 1] = redis.call('HGET', " shelved ", " id ")\n"

/* What stands where in a row. */
enum gw_alarm_at {
    GW_ALARM_AT_STATE,
    GW_ALARM_AT_DEVICE,
    GW_ALARM_AT_EQUIPMENT,
    GW_ALARM_AT_SIGNAL,
    GW_ALARM_AT_SEVERITY,
    GW_ALARM_AT_RAISED,
    GW_ALARM_AT_CLEARED,
    GW_ALARM_AT_ACKNOWLEDGED,
    GW_ALARM_AT_BY,
    GW_ALARM_AT_COMMENT,
    GW_ALARM_AT_VERSION,
    GW_ALARM_AT_TIMES,
    GW_ALARM_AT_DATA,
    GW_ALARM_AT_UNSHELVED, /* the last time, by somebody */
    GW_ALARM_AT_SHELVED,   /* "<since> <until> <who> <reason>", in ms; it may be over */
    GW_ALARM_AT_COUNT,
};

struct gw_alarm_row {
    struct gw_str plant, id;
    const struct gw_reply *row;
    int64_t now_ms;
};

/* The key by the parameters `plant` and `id`, in the arena. False: the caller may not see the
 * plant; that has been answered. */
GW_MUST_CHECK
bool gw_iot_find_alarm(const struct gw_iot_request *request, struct gw_str *out_key);
/* False: the row is none, and nothing was written. */
bool gw_iot_write_alarm(struct gw_buf *out, const struct gw_alarm_row *alarm);
GW_MUST_CHECK
int gw_iot_add_alarm_etag(struct gw_exchange *ex, const struct gw_reply *row);
