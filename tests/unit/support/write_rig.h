/* A worker that records its writes in a real Redis, and calls of a function of the test's own, for
 * tests of what a write leaves behind. */
#pragma once

#include "redis_rig.h"
#include "server/connector/connector.h"
#include "server/core/arena.h"
#include "server/filter/worker.h"

struct gw_exchange;
struct gw_record_writer;

struct write_rig {
    struct redis_rig redis; /* which has on its disk what it has acknowledged */
    struct gw_record_writer *writer;
    struct gw_worker worker;
};

void write_rig_start(struct write_rig *rig);
void write_rig_stop(struct write_rig *rig);

/* Which function is called, at which backend, for which request (or NULL). */
struct write_subject {
    const struct gw_connector_function *function;
    const struct gw_backend *backend;
    const struct gw_exchange *cause;
};

/* One call, and what it came to. Stays where it is until it has ended or was cancelled. */
struct write_call {
    struct gw_arena arena;
    struct gw_connector_call call;
    unsigned ends;
    enum gw_connector_error error;
    uint64_t retry_ns;
    size_t text_len; /* of a result that is a text */
};

/* It has 20 s. */
void write_rig_begin(struct write_rig *rig, const struct write_subject *subject, const char *key,
                     struct write_call *out_call);
/* Until it has ended, once; fails the test after 20 s. */
void write_rig_await(struct write_rig *rig, struct write_call *call);
void write_rig_cancel(struct write_call *call);
/* Begins it and waits for its end. */
enum gw_connector_error write_rig_run(struct write_rig *rig, const struct write_subject *subject,
                                      const char *key);
/* Until *count is at least `value`; fails the test after 20 s. */
void write_rig_turn_until(struct write_rig *rig, const unsigned *count, unsigned value);
