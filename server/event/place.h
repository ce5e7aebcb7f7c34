/* Where events stand in the log: places, positions, and cursors over all partitions.
 *
 * A place is one event's, "<partition>-<ms>-<seq>". A position is how far somebody has read one
 * partition. A cursor is the positions of all partitions as one opaque text, which a reader gets,
 * keeps and gives back: nothing in it is secret, and nothing is believed of it but numbers. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

#define GW_EVENT_MAX_PARTITIONS 64
#define GW_EVENT_PLACE_BYTES 48
#define GW_EVENT_CURSOR_BYTES 1536 /* of its text at most, with a NUL */

/* A Redis stream's id. All before and including it has been read; {0, 0}: nothing. */
struct gw_event_position {
    uint64_t ms, seq;
};

struct gw_event_place {
    unsigned partition;
    struct gw_event_position at;
};

static inline int gw_event_position_compare(struct gw_event_position a, struct gw_event_position b)
{
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}

/* "1763866500000-0". 0, or -EINVAL. */
GW_MUST_CHECK
int gw_event_position_parse(struct gw_str text, struct gw_event_position *out_position);
/* Writes it with a NUL behind it; returns it. */
struct gw_str gw_event_position_print(struct gw_event_position position,
                                      char out[GW_EVENT_PLACE_BYTES]);
/* The last before it; {0, 0} for the first there is. */
struct gw_event_position gw_event_position_before(struct gw_event_position position);

GW_MUST_CHECK
int gw_event_place_parse(struct gw_str text, struct gw_event_place *out_place);
struct gw_str gw_event_place_print(const struct gw_event_place *place,
                                   char out[GW_EVENT_PLACE_BYTES]);

/* Fills `positions`, as many as the log has partitions. -EINVAL: it is none, or that of a log with
 * another number of them. */
GW_MUST_CHECK
int gw_event_cursor_parse(struct gw_str text, unsigned partitions,
                          struct gw_event_position *positions);
struct gw_str gw_event_cursor_print(const struct gw_event_position *positions, unsigned partitions,
                                    char out[GW_EVENT_CURSOR_BYTES]);
