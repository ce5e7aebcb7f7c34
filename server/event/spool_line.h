/* The lines of a batch on its way from an edge to the centre:
 *   {"sequence":7,"dropped":3}      7, 8 and 9 are gone
 *   {"sequence":10,"event":{...}}
 * written exactly so, without white space. Pure. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_buf;

#define GW_SPOOL_MAX_SEQUENCE (UINT64_C(1) << 53) /* what Redis' scripts count to */

struct gw_spool_line {
    uint64_t sequence;   /* from 1; of the first that was dropped */
    uint64_t dropped;    /* 0: it is an event */
    struct gw_str event; /* JSON text, not looked at */
};

/* -EINVAL: it is none. What it gives points into `line`. */
GW_MUST_CHECK
int gw_spool_line_parse(struct gw_str line, struct gw_spool_line *out_line);
/* Appends it, and the line's end. */
void gw_spool_line_write(const struct gw_spool_line *line, struct gw_buf *out);
