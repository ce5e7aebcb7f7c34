/* One limit of a plan: what it counts, how much of it, and for whom. */
#pragma once

#include <jansson.h>

#include "calendar.h"
#include "gcra.h"
#include "server/core/arena.h"
#include "server/core/error.h"
#include "server/json/option.h"
#include "subject.h"
#include "window.h"

#define LIMIT_NAME_BYTES 64
#define LIMIT_ARGS 4    /* of the script, see script.h */
#define LIMIT_CELLS 200 /* of a sliding window in Redis */
#define LIMIT_LOCAL_CELLS 10
#define LIMIT_LEASE_LEAST 100 /* a smaller limit is never leased */

enum limit_kind {
    LIMIT_RATE,       /* GCRA: evenly, with a burst */
    LIMIT_WINDOW,     /* at most so many in any window */
    LIMIT_QUOTA,      /* so many per calendar day or month */
    LIMIT_CONCURRENT, /* so many at the same time */
};

struct limit {
    enum limit_kind kind;
    struct gw_str name;   /* as the caller sees it: "standard", "supplier.minute" */
    struct gw_str policy; /* its item of RateLimit-Policy */
    struct gw_str prefix; /* of its item of RateLimit: `"standard";r=` */
    const char *refusal;  /* the problem's detail */
    struct gw_str member; /* the problem's further member: `"limit":"standard"` */
    struct gw_str args[LIMIT_ARGS];
    struct scope scope;
    bool is_leased;
    uint64_t amount;    /* limit, quota, or concurrent */
    uint64_t window_ns; /* of RATE and WINDOW */
    uint64_t burst;     /* of RATE */
    struct gcra_rate rate;
    struct window_rule window;
    enum calendar_unit unit; /* of QUOTA, as those that follow */
    int64_t offset_s;
    bool is_open;         /* without Redis it admits */
    uint64_t slot_ttl_ns; /* of CONCURRENT */
};

/* The keys of one limit, and those of a plan that is one limit by itself. */
extern const struct gw_option limit_options[];

/* Is one of limit, quota and concurrent given? */
bool limit_is_given(const json_t *section);

/* `section` was checked against limit_options. Texts go to `memory`. 0, or a negative errno with
 * error->where set to `where`. */
GW_MUST_CHECK
int limit_read(struct gw_arena *memory, struct gw_str name, const json_t *section,
               const char *where, struct limit *out_limit, struct gw_error *error);

/* How many may pass at once: what a lease is a part of; 0 where there are no leases. */
uint64_t limit_capacity(const struct limit *limit);

/* What one of `sharers` may admit by itself without Redis: at least 1. */
uint64_t limit_share(uint64_t amount, uint64_t sharers);
