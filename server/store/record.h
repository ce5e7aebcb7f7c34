/* Durable writes: what Redis has answered must not be lost.
 *
 * Counters may be lost with a Redis; records (keys, revocations, idempotency claims, journals) may
 * not. How durable a record is, is a matter of configuration: without replicas it stands where
 * Redis keeps its file (`appendfsync always` in the private one: on the disk before the answer);
 * with min_replicas, WAIT follows (Redis' command: so many replicas have it), and a write that too
 * few confirm in time has failed, though it may stand.
 *
 * WAIT blocks its connection, so a writer that waits has one of its own; writes gather behind one
 * WAIT (a group commit): under load a write costs at most two round trips to the replicas, however
 * many there are; in a cluster, each primary is waited for by itself. A fail-over to a replica that
 * did not confirm can still lose it.
 *
 * Belongs to the loop's thread. Nothing is allocated by a write. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/store/redis.h"

struct gw_record_writer;

struct gw_record_writer_config {
    struct gw_redis *redis; /* borrowed. With min_replicas: nobody else's */
    unsigned min_replicas;  /* that must confirm a write; 0: none */
    uint64_t replica_ns;    /* how long they may take; 0: 500 ms. The client's stall_ns is longer */
};

/* NULL without memory. */
GW_MUST_CHECK
struct gw_record_writer *gw_record_writer_create(const struct gw_record_writer_config *config);
/* Calls no callback any more. NULL is safe. */
void gw_record_writer_destroy(struct gw_record_writer *writer);

/* One write, embedded in what it belongs to. The caller sets the two functions. */
struct gw_record_write {
    /* The script's answer (never a GW_REPLY_ERROR), not durable yet: keep what is needed. False:
     * nothing was changed by it, so there is nothing to wait for. */
    bool (*on_reply)(struct gw_record_write *write, const struct gw_reply *reply);
    /* The end, called once. rc is 0: durable, or nothing was changed. -EREMOTEIO: too few replicas
     * confirmed it; -EPROTO: Redis refused the script; else as of gw_redis_fn. But for -EPROTO and
     * -ENOTCONN the write may stand. */
    void (*on_done)(struct gw_record_write *write, int rc);

    /* --- private --- */
    struct gw_record_writer *writer; /* NULL: not under way */
    struct gw_redis_call *call;      /* of the script; NULL: WAIT is what it waits for */
    struct gw_redis_eval eval;
    struct gw_list node; /* in the writer's list */
};

/* Runs the script. As gw_redis_eval(): 0, and on_done will be called later from the loop; or a
 * negative errno, and it will not. What `eval` points at must stay until then; its time-out
 * (0: 250 ms) is of the script alone. */
GW_MUST_CHECK
int gw_record_write_start(struct gw_record_writer *writer, struct gw_record_write *write,
                          const struct gw_redis_eval *eval);

/* on_done is not called any more; the write may still happen. Safe on one that is not under way. */
void gw_record_write_stop(struct gw_record_write *write);

/* Sends now what was started in this turn of the loop: before the loop ends. */
void gw_record_writer_flush(struct gw_record_writer *writer);
