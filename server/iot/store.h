/* Where telemetry is kept while it becomes events: journal, checkpoints and ownership of edge
 * nodes, and the way out for events. In the centre that is Redis (store_redis.h), at the edge
 * SQLite.
 *
 * A node's messages are appended to its journal before anything is computed from them, by its
 * owner alone: every append carries the epoch of the claim, and one of an older epoch is refused.
 * A checkpoint is the state after all entries up to a position; they are dropped with it, or soon
 * after. What was computed from entries behind the checkpoint is computed again after a crash, with
 * the same ids.
 *
 * All calls are asynchronous and belong to the loop's thread; a call is its owner's until `done`,
 * which comes from the loop, once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/event/log.h"

struct gw_iot_store;

#define GW_JOURNAL_POSITION_BYTES 48 /* of its text, with a NUL */
#define GW_JOURNAL_READ_MAX 8        /* entries at once */

struct gw_journal_entry {
    struct gw_str position;
    struct gw_str bytes;
};

struct gw_store_call {
    /* --- the question; what the texts point to stays until `done` --- */
    struct gw_str node; /* its id */
    uint64_t epoch;     /* of all but claims */
    uint64_t sequence;  /* of an append: another for each entry of an epoch, the same when it is
                           tried again; not 0 */
    struct gw_str position;
    struct gw_str bytes;
    /* rc 0: it is so, and durable. -ESTALE: another owner has the node. Else it failed, and may or
     * may not have happened: all of them can be done again. */
    void (*done)(struct gw_store_call *call, int rc);
    void *owner;
    /* --- the answer, valid during `done` --- */
    uint64_t new_epoch;                     /* of a claim */
    struct gw_str checkpoint;               /* of a claim: its bytes; empty: none */
    struct gw_str checkpoint_at;            /* and its position */
    struct gw_str appended_at;              /* of an append: where its entry stands */
    const struct gw_journal_entry *entries; /* of a read: those behind `position` */
    size_t entry_count;                     /* fewer than GW_JOURNAL_READ_MAX: there are no more */
    /* --- the store's --- */
    void *state;
};

struct gw_iot_store_ops {
    /* All return 0, or a negative errno when nothing was begun: then `done` is not called. */
    int (*claim)(struct gw_iot_store *store, struct gw_store_call *call);
    int (*release)(struct gw_iot_store *store, struct gw_store_call *call);
    int (*append)(struct gw_iot_store *store, struct gw_store_call *call);
    int (*read)(struct gw_iot_store *store, struct gw_store_call *call);
    int (*checkpoint)(struct gw_iot_store *store, struct gw_store_call *call);
    void (*cancel)(struct gw_iot_store *store, struct gw_store_call *call);
    /* An event goes out: into the log, or the spool. */
    int (*emit)(struct gw_iot_store *store, struct gw_event_append *append);
    void (*cancel_emit)(struct gw_iot_store *store, struct gw_event_append *append);
    void (*destroy)(struct gw_iot_store *store); /* no `done` is called any more */
};

/* The first member of every store. */
struct gw_iot_store {
    const struct gw_iot_store_ops *ops;
};
