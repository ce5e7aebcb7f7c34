/* Which events somebody wants, and which they may see. Pure; all texts are borrowed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/event/event.h"

#define GW_EVENT_FILTER_MAX 32 /* patterns of one kind */

struct gw_event_patterns {
    const struct gw_str *items; /* exact, or with "*" at the end: whatever begins so */
    size_t count;               /* 0: all */
};

struct gw_event_filter {
    struct gw_event_patterns types, subjects, sources, plants; /* wanted */
    /* Of the extension `plant`. An event without one is seen by who sees all plants. */
    bool sees_all_plants;
    struct gw_event_patterns own_plants; /* exact; none: none is seen */
};

bool gw_event_filter_matches(const struct gw_event_filter *filter, const struct gw_event *event);
/* The permission alone. */
bool gw_event_filter_allows(const struct gw_event_filter *filter, const struct gw_event *event);
