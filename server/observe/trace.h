/* W3C Trace Context, level 1: the traceparent and tracestate fields. Pure. */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"

#define GW_TRACE_ID_LEN 32
#define GW_SPAN_ID_LEN 16
#define GW_TRACEPARENT_LEN 55

struct gw_traceparent {
    struct gw_str trace_id;  /* 32 lower-case hex digits, not all zero */
    struct gw_str parent_id; /* 16 likewise */
    bool is_sampled;
};

/* Reads a traceparent value (sections 2.2 and 2.3: a later version is read by the rules of 00).
 * The strings point into it. False: it must be ignored, and tracestate with it. */
bool gw_traceparent_parse(struct gw_str text, struct gw_traceparent *out_parent);

/* Writes "00-<trace>-<span>-<flags>", without NUL. */
void gw_traceparent_print(struct gw_str trace_id, struct gw_str span_id, bool is_sampled,
                          char out[GW_TRACEPARENT_LEN]);

/* `len` hex digits (a multiple of 2) of `bytes`; for making ids. */
void gw_trace_hex(const unsigned char *bytes, size_t len, char *out);
