/* The text of one access-log line. Pure but for the cached second. */
#pragma once

#include <stdint.h>

#include "server/core/buf.h"

struct gw_exchange;

/* The text of a wall-clock second, made once per second. Zeroed at first. */
struct gw_access_clock {
    uint64_t second;
    char text[20]; /* "2026-11-22T10:00:00" */
};

/* Appends the exchange as one JSON object and a line feed. `end_ns` is CLOCK_MONOTONIC. */
void gw_access_line_append(struct gw_buf *out, struct gw_access_clock *clock,
                           const struct gw_exchange *ex, uint64_t end_ns);
