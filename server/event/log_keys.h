/* The log's names in Redis, and in which partition a subject is. Pure.
 *
 *   {millgate:events:3}:stream        e = the event, structured JSON
 *   {millgate:events:3}:of            of how many partitions it is one
 *   {millgate:events:3}:id:<digest>   the place of the event with that source and id, for a while
 *   {millgate:events:3}:trimmer       who trims now
 *
 * All of one partition lie in one slot. */
#pragma once

#include <stdio.h>

#include "server/core/str.h"
#include "server/event/event.h"

#define GW_EVENT_KEY_BYTES 96

/* "{millgate:events:3}:<what>", with a NUL behind it. */
struct gw_str gw_event_key(unsigned partition, const char *what, char out[GW_EVENT_KEY_BYTES]);
struct gw_str gw_event_guard_key(unsigned partition, const struct gw_event *event,
                                 char out[GW_EVENT_KEY_BYTES]);

/* By the subject, or where there is none by the source. The same on all machines, for ever. */
unsigned gw_event_partition(const struct gw_event *event, unsigned partitions);
