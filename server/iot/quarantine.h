/* What was put aside, by reason and name: how often, when, and why the last time.
 *
 * A bounded list for people: the least recently seen entry makes room for a new one, and is counted
 * as forgotten. One owner; not thread-safe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/iot/sparkplug_host.h"

#define GW_QUARANTINE_MAX_TEXT 512 /* bytes of a name or detail that are kept */

struct gw_quarantine;

struct gw_quarantine_entry {
    enum gw_quarantine_reason reason;
    struct gw_str name, detail; /* UTF-8 is not promised */
    uint64_t count;
    int64_t first_ms, last_ms;
};

/* NULL without memory. `max_entries`; 0: 10,000. */
GW_MUST_CHECK
struct gw_quarantine *gw_quarantine_create(size_t max_entries);
void gw_quarantine_destroy(struct gw_quarantine *quarantine); /* NULL is safe */

/* Without memory it is counted only. */
void gw_quarantine_add(struct gw_quarantine *quarantine, enum gw_quarantine_reason reason,
                       struct gw_str name, struct gw_str detail, int64_t now_ms);
/* The first after `after` (NULL: of all), the most recently seen first; NULL at the end. Valid
 * until the next add. */
const struct gw_quarantine_entry *gw_quarantine_next(const struct gw_quarantine *quarantine,
                                                     const struct gw_quarantine_entry *after);
/* Of all times, also of what is forgotten. */
uint64_t gw_quarantine_count(const struct gw_quarantine *quarantine,
                             enum gw_quarantine_reason reason);
uint64_t gw_quarantine_forgotten(const struct gw_quarantine *quarantine);
