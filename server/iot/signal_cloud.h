/* A signal's event as a CloudEvent. Pure but for the arena. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/event/event.h"
#include "server/iot/signal.h"

/* Source is the equipment ("/plants/1010/equipment/CNC-01"), subject the physical asset, or the
 * equipment where none is named; `plant` is an extension. Texts lie in the arena or are those of
 * the signal's event. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_signal_event_to_cloud(const struct gw_signal_event *event, struct gw_arena *arena,
                             struct gw_event *out_event);
