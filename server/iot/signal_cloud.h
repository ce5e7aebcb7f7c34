/* A signal's event as a CloudEvent: the same one whether it is computed live or offline. Pure but
 * for the arena. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/event/event.h"
#include "server/iot/signal.h"

/* Source is the equipment ("/plants/1010/equipment/CNC-01"), subject the physical asset, or the
 * equipment where none is named; plant, equipment, signal and traceparent are extensions: the trace
 * id is the event's own. All texts lie in the arena. 0, -ENOMEM, or -EMSGSIZE (the data). */
GW_MUST_CHECK
int gw_signal_event_to_cloud(const struct gw_signal_event *event, struct gw_arena *arena,
                             struct gw_event *out_event);

/* "/plants/1010/equipment/CNC-01", in the arena; ptr NULL without memory. */
struct gw_str gw_equipment_source(struct gw_str plant, struct gw_str equipment,
                                  struct gw_arena *arena);

/* Puts the answer of an enrichment into the data as `member`, whatever that was before; in the same
 * arena. 0, -ENOMEM, -EINVAL (no JSON), or -EMSGSIZE: then the event is as it was. */
GW_MUST_CHECK
int gw_signal_cloud_enrich(struct gw_event *event, struct gw_arena *arena, struct gw_str member,
                           struct gw_str answer);
/* Says that the answer could not be had: the extension `enrichment`, "unavailable". */
GW_MUST_CHECK
int gw_signal_cloud_lacks(struct gw_event *event);
