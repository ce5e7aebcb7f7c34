/* The archive: events that leave the log, as JSON lines in files.
 *
 *   <folder>/2026-11-23-p3.jsonl      a day (UTC, of the event's place) and a partition each:
 *   {"place":"3-1763866500000-0","event":{...}}
 *
 * Written and on the disk before the log lets go of them, so a crash loses none; one may stand
 * twice then, with the same place. Gathering is for the loop's thread, writing for any other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/event/place.h"

#define GW_EVENT_ARCHIVE_MAX_DAYS 8 /* of what is written at once */

struct gw_event_archive_day {
    char text[16]; /* "2026-11-23" */
    size_t from;   /* in the lines */
};

struct gw_event_archive {
    unsigned partition;
    struct gw_buf lines;
    struct gw_event_archive_day days[GW_EVENT_ARCHIVE_MAX_DAYS];
    size_t day_count, count;
    struct gw_event_position last; /* that was added */
};

void gw_event_archive_init(struct gw_event_archive *archive, unsigned partition);
void gw_event_archive_finish(struct gw_event_archive *archive); /* safe on a zeroed one */

/* In the order of their places. False: there is no room for it; it is for the next time. */
bool gw_event_archive_add(struct gw_event_archive *archive, struct gw_event_position at,
                          struct gw_str json);

/* Writes all to the folder, and sees to it that it stays. 0, or a negative errno with the reason:
 * then none of it is in the files, or some is, and will be again. */
GW_MUST_CHECK
int gw_event_archive_write(const struct gw_event_archive *archive, const char *folder,
                           struct gw_error *error);
