/* A backend for tests of what calls one: a worker with a loop and a client, and one backend with
 * targets on 127.0.0.1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/filter/worker.h"
#include "server/upstream/backend.h"
#include "server/upstream/upstreams.h"

#define RIG_MAX_TARGETS 2

struct backend_rig {
    struct gw_loop *loop;
    struct gw_worker worker;
    struct gw_upstreams upstreams;
    char urls[RIG_MAX_TARGETS][64], authorities[RIG_MAX_TARGETS][32];
    struct gw_target_mark *marks;
    struct gw_target_config targets[RIG_MAX_TARGETS];
    struct gw_backend_config config; /* may be changed between open and adopt */
    struct gw_backend backend;
};

/* Asserts success. */
void backend_rig_open(struct backend_rig *rig);
void backend_rig_add_target(struct backend_rig *rig, uint16_t port);
/* The backend is there from now on. */
void backend_rig_adopt(struct backend_rig *rig);
/* Turns the loop until *is_met; asserts that it is within 20 s. */
void backend_rig_wait(struct backend_rig *rig, const bool *is_met);
void backend_rig_close(struct backend_rig *rig);
