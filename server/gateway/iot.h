/* Devices, their values and alarms as an API: builtins that read what lanes keep in Redis, so that
 * every instance of a fleet answers the same (docs/iot.md). */
#pragma once

#include "server/gateway/builtin.h"

extern const struct gw_builtin gw_iot_list_devices, gw_iot_get_device, gw_iot_read_values,
    gw_iot_read_history, gw_iot_list_quarantine, gw_iot_clear_quarantine, gw_iot_list_alarms,
    gw_iot_get_alarm, gw_iot_acknowledge_alarm, gw_iot_ingest, gw_iot_send_command,
    gw_iot_list_maintenance, gw_iot_set_maintenance, gw_iot_end_maintenance, gw_iot_shelve_alarm,
    gw_iot_unshelve_alarm;
