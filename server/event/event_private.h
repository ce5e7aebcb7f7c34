/* What the files event*.c share. Not for others. */
#pragma once

#include "server/event/event.h"
#include "server/json/reader.h"

/* A name that came from outside, as far as a message shows it. */
struct gw_str gw_event_shown(struct gw_str name);

/* Sets the data: compact, on one line, in the arena. */
GW_MUST_CHECK
int gw_event_set_data(struct gw_event *event, const struct gw_json_tape *tape, uint32_t at,
                      struct gw_arena *arena, struct gw_error *error);
