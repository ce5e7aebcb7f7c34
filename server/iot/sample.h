/* A sample: one value of one series at one time, as everything between ingest and signals has it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

#define GW_SERIES_NONE UINT32_MAX

enum gw_sample_type {
    GW_SAMPLE_NONE, /* the value is not known: a null of the device, or a stale mark */
    GW_SAMPLE_BOOLEAN,
    GW_SAMPLE_INTEGER,
    GW_SAMPLE_REAL, /* finite */
    GW_SAMPLE_TEXT,
};

enum gw_quality {
    GW_QUALITY_GOOD,
    GW_QUALITY_UNCERTAIN,
    GW_QUALITY_BAD,   /* the device says so */
    GW_QUALITY_STALE, /* we say so: its device or edge node is gone */
};

struct gw_sample {
    uint32_t series; /* its number in the table of series */
    uint8_t type;    /* enum gw_sample_type */
    uint8_t quality; /* enum gw_quality */
    bool
        is_historical; /* kept back by the device while it was off-line (Sparkplug is_historical) */
    int64_t time_ms;   /* event time, since 1970 */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct gw_str text; /* of the message: copy what is kept */
    };
};

/* Booleans count as 0 and 1. False: it is none. */
static inline bool gw_sample_number(const struct gw_sample *sample, double *out_number)
{
    switch ((enum gw_sample_type)sample->type) {
    case GW_SAMPLE_BOOLEAN:
        *out_number = sample->boolean ? 1 : 0;
        return true;
    case GW_SAMPLE_INTEGER:
        *out_number = (double)sample->integer;
        return true;
    case GW_SAMPLE_REAL:
        *out_number = sample->real;
        return true;
    case GW_SAMPLE_NONE:
    case GW_SAMPLE_TEXT:
        break;
    }
    return false;
}
