/* Alarms as they stand, kept in Redis: one for each device and signal.
 *
 * Told once an alarm's event is in the log, and again after a crash: a change that is known, or is
 * older than the last, changes nothing. Keys of one slot for each plant:
 * `millgate:iot:{alarms:<plant>}` (a sorted set: id by the time of the last change) and
 * `millgate:iot:{alarms:<plant>}:<id>` (a hash: device, equipment, signal, severity, state, raised,
 * cleared, event, before, version, times; acknowledged, by, comment). Raised anew, an alarm is to
 * be acknowledged anew. At most GW_ALARMS_MAX of a plant: beyond, those cleared longest ago are
 * dropped. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/str.h"
#include "server/iot/registry.h"
#include "server/iot/signal.h"

struct gw_iot_alarms;
struct gw_loop;
struct gw_record_writer;

#define GW_ALARMS_MAX 10000
#define GW_ALARM_ID_BYTES 33 /* 32 hex digits and a NUL */
#define GW_ALARM_KEY_BYTES 200

/* Of a device's alarm of one signal: the same for ever. */
void gw_alarm_id(const struct gw_device_config *device, struct gw_str signal,
                 char out[GW_ALARM_ID_BYTES]);
/* Without an id, of the plant's set. */
struct gw_str gw_alarm_key(struct gw_str plant, struct gw_str id, char out[GW_ALARM_KEY_BYTES]);

/* The lane's thread, as all that follows. */
GW_MUST_CHECK
struct gw_iot_alarms *gw_iot_alarms_create(struct gw_loop *loop, struct gw_record_writer *writer,
                                           const struct gw_registry *registry);
/* What waits is of edge nodes that have other numbers in `registry`, with as many zeroes in
 * `counts` (calloc()ed, and taken). */
void gw_iot_alarms_change(struct gw_iot_alarms *alarms, const struct gw_registry *before,
                          const struct gw_registry *registry, uint32_t *counts);
void gw_iot_alarms_destroy(struct gw_iot_alarms *alarms); /* NULL is safe */
/* Copied; written in order, each until Redis has it. False: too many wait, or there is no memory.
 */
GW_MUST_CHECK
bool gw_iot_alarms_tell(struct gw_iot_alarms *alarms, const struct gw_alarm_news *news);
size_t gw_iot_alarms_pending(const struct gw_iot_alarms *alarms);
/* Has Redis all that was told of the node's devices? */
bool gw_iot_alarms_has_all(const struct gw_iot_alarms *alarms,
                           const struct gw_edge_node_config *node);
