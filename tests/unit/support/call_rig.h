/* A peer that plays a backend, and calls of our own to it. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend_rig.h"
#include "peer.h"
#include "server/upstream/call.h"

/* What the peer's threads play. Changed while they may look, so under its lock. */
struct call_part {
    pthread_mutex_t lock;
    const char *answer; /* NULL: closes without one */
    unsigned closes;    /* so many connections are closed first */
    bool hangs;
    char head[4096], body[256]; /* of the last request */
};

struct call_rig {
    struct backend_rig backend; /* to be adopted by the test */
    struct peer peer;
    struct call_part part;
};

/* What a call came to. */
struct call_outcome {
    bool is_there;
    unsigned calls;
    int status, backend_status;
    char problem[64], body[256];
    size_t body_len;
    bool was_sent;
    uint64_t retry_ns;
};

void call_rig_open(struct call_rig *rig);
void call_rig_close(struct call_rig *rig);
peer_part call_rig_play; /* of another peer with the same part */

void call_rig_set_answer(struct call_rig *rig, const char *answer);
void call_rig_set_closes(struct call_rig *rig, unsigned closes);
void call_rig_set_hangs(struct call_rig *rig, bool hangs);
/* Whether the last request has this, in its head or its body. */
bool call_rig_saw(struct call_rig *rig, const char *text);

/* A request that may be repeated, and a write. */
struct gw_call_request call_rig_get(const struct call_rig *rig);
struct gw_call_request call_rig_post(const struct call_rig *rig);

/* Of gw_call_start(); self: a struct call_outcome. */
void call_rig_on_done(void *self, const struct gw_call_answer *answer);
/* Starts it and waits for its end. */
struct call_outcome call_rig_run(struct call_rig *rig, const struct gw_call_request *request);
