/* A question or an act for the exhibits of all workers (see filter/worker.h): each worker does it
 * on its own thread, the main thread waits for all, for a bounded time, and takes what they said.
 *
 * Main thread, but for the two functions that say otherwise. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_errand;
struct gw_errand_part;
struct gw_exchange;
struct gw_server;
struct gw_worker;

struct gw_errand_order {
    const char *kind;   /* of exhibits */
    struct gw_str name; /* only those; empty: all of the kind */
    struct gw_str act;  /* empty: they are printed */
};

struct gw_errand_report {
    /* For a question: [{"name": ..., "worker": 0 or "admin", ...}], of all that are; else empty. */
    json_t *found;
    size_t acted;   /* exhibits that did it */
    size_t workers; /* that did their part, the main thread's among them */
    size_t missing; /* workers that did not in time: theirs will still be done */
};

/* Calls `then` once, now or within 5 s, unless the client leaves first; what is ordered is done in
 * any case. Too many at once are refused. */
void gw_errand_start(struct gw_server *server, const struct gw_errand_order *order,
                     struct gw_exchange *ex,
                     void (*then)(struct gw_server *server, struct gw_exchange *ex,
                                  const struct gw_errand_report *report));

/* A worker has something to tell. */
void gw_errands_progress(struct gw_server *server);
/* When the workers have ended: forgets all. */
void gw_errands_finish(struct gw_server *server);

/* --- for worker.c --- */

/* On the worker's thread: does the parts that were given to it, first come, first done. `list` is
 * what gw_errand_put() made. */
void gw_errand_do(struct gw_errand_part *list, struct gw_worker *worker);
/* Any thread: they will not be done. */
void gw_errand_drop(struct gw_errand_part *list);
/* The list with one more part. */
struct gw_errand_part *gw_errand_put(struct gw_errand_part *part, struct gw_errand_part *list);
