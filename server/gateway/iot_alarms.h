/* What reading and acknowledging alarms share. */
#pragma once

#include "server/gateway/iot_private.h"

struct gw_reply;

/* The fields of an alarm that make a row, in order; for scripts. */
#define GW_ALARM_FIELDS                                                                           \
    "'state', 'device', 'equipment', 'signal', 'severity', 'raised', 'cleared', 'acknowledged', " \
    "'by', 'comment', 'version', 'times', 'data'"

/* The key by the parameters `plant` and `id`, in the arena. False: the caller may not see the
 * plant; that has been answered. */
GW_MUST_CHECK
bool gw_iot_find_alarm(const struct gw_iot_request *request, struct gw_str *out_key);
/* False: the row is none, and nothing was written. */
bool gw_iot_write_alarm(struct gw_buf *out, struct gw_str plant, struct gw_str id,
                        const struct gw_reply *row);
GW_MUST_CHECK
int gw_iot_add_alarm_etag(struct gw_exchange *ex, const struct gw_reply *row);
