/* Two machines of one edge node for tests of a single signal; times are seconds from T0 on. */
#pragma once

#include "tests/unit/support/signal_rig.h"

#define T0 INT64_C(1763886600000) /* 2025-11-23T08:30:00Z */
#define S INT64_C(1000)

extern const char plant_registry[];
extern struct signal_rig *plant_rig;
extern struct plant_series {
    uint32_t temperature, door, good, energy, mode;
} plant_series; /* of the machine a */

void plant_open_with(const char *document);
void plant_done(void);

void plant_real(uint32_t series, int64_t at_s, double number);
void plant_text(uint32_t series, int64_t at_s, const char *value);
void plant_bad(uint32_t series, int64_t at_s); /* one of bad quality */
void plant_pass(int64_t at_s);

/* Fail unless so many events were told, and unless the event's data has the text at that path, or
 * its `values` that number under that name; NULL: unless there is none. */
void plant_has_told(size_t count);
void plant_says(size_t index, const char *path, const char *value);
void plant_has_value(size_t index, const char *name, const char *value);
