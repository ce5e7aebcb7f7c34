/* Calls a connector's function on a backend rig and keeps what came of it. */
#pragma once

#include "server/connector/connector.h"
#include "tests/unit/support/backend_rig.h"

struct connector_rig {
    struct backend_rig backend; /* opened; adopt it before the first call */
    const struct gw_connector_type *type;
    void *instance;
    json_t *config;
};

struct connector_outcome {
    bool is_there;
    unsigned calls;
    enum gw_connector_error error;
    int backend_status;
    uint64_t retry_ns;
    char reason[512], code[128];
    char result[8192]; /* JSON */
    struct gw_arena arena;
    struct gw_connector_call call;
};

void connector_rig_open(struct connector_rig *rig, const struct gw_connector_type *type);
/* Asserts that the options (YAML) are right; the backend must be adopted. */
void connector_rig_create(struct connector_rig *rig, const char *options);
void connector_rig_close(struct connector_rig *rig);

/* Starts `function` ("list") with arguments (JSON); `key` may be NULL. */
void connector_rig_start(struct connector_rig *rig, const char *function, const char *arguments,
                         const char *key, struct connector_outcome *out);
/* The same with a deadline of its own (CLOCK_MONOTONIC), and without a key. */
void connector_rig_start_by(struct connector_rig *rig, const char *function, const char *arguments,
                            uint64_t deadline_ns, struct connector_outcome *out);
/* Waits for its end, and frees all of it. */
void connector_rig_finish(struct connector_rig *rig, struct connector_outcome *outcome);
void connector_rig_run(struct connector_rig *rig, const char *function, const char *arguments,
                       const char *key, struct connector_outcome *out);
