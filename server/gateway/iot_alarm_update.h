/* What changing an alarm has in common: a script that does it durably, the event that tells it, and
 * the alarm as it stands then as the answer. */
#pragma once

#include "server/event/log.h"
#include "server/gateway/iot_alarms.h"
#include "server/store/record.h"

#define GW_ALARM_UPDATE_ARGS 8

struct gw_alarm_update {
    struct gw_iot_request request;
    struct gw_str plant, id;
    struct gw_str keys[2]; /* the alarm, and what is shelved of its plant */
    struct gw_str args[GW_ALARM_UPDATE_ARGS];
    /* Of the alarm's new row: what tells it, `com.millgate.iot.alarm.<what>.v1`, and of when; both
     * make its id. False: nothing has changed, there is none. */
    bool (*tell)(const struct gw_alarm_update *update, const struct gw_reply *row,
                 const char **out_what, struct gw_str *out_at);
    /* --- private --- */
    struct gw_record_write write;
    struct gw_redis_eval eval;
    struct gw_event_append append;
    struct gw_event event;
    struct gw_event_log *log;
    struct gw_buf *text;
    bool has_event;
    char refusal; /* of the script: its status' first letter; 0: none */
};

/* In the exchange's arena, with the plant, the id and the keys. NULL: that has been answered. */
GW_MUST_CHECK
struct gw_alarm_update *gw_alarm_update_begin(struct gw_exchange *ex);
/* The script answers with the row; or the status NONE (no such alarm), CHANGED (another version is
 * wanted) or FULL. An argument without memory (ptr NULL) is answered as such. */
void gw_alarm_update_run(struct gw_alarm_update *update, const struct gw_script *script,
                         size_t arg_count);
/* If-Match: "3". Empty: none, or any. */
struct gw_str gw_alarm_wanted_version(const struct gw_exchange *ex);
