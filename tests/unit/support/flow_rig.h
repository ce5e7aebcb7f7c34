/* Runs a flow that is given as a text, on a loop of its own, and keeps what came of it.
 *
 * It may call one connector, `desk`, whose backend `desk` answers as its arguments say, and the
 * operations of flow_rig_operation. */
#pragma once

#include "server/filter/worker.h"
#include "server/flow/flow.h"
#include "server/net/loop.h"

#define FLOW_RIG_MAX_CALLS 64

struct flow_rig {
    struct gw_loop *loop;
    struct gw_worker worker;
    struct gw_evaluator *evaluator;
    struct gw_flow_host host;
    struct gw_flow_names names;
    char folder[64];
    struct gw_flow *flow;
    char findings[4096]; /* of the last load */

    /* What became of the last run; texts of JSON. */
    bool is_done, is_over_time;
    bool has_failed;
    char output[8192];
    struct gw_flow_error error;
    char type[256], title[256], detail[1024], members[1024], task[512], reason[1024], code[64];

    /* The calls of the desk and of operations, in order. */
    unsigned call_count, open_calls, most_open, cancelled_calls;
    char keys[FLOW_RIG_MAX_CALLS][256];
    char arguments[FLOW_RIG_MAX_CALLS][512];
    uint64_t at_ms[FLOW_RIG_MAX_CALLS]; /* since the run began */
    uint64_t began_ns;
    size_t max_arena_bytes; /* of runs */
    unsigned failures_left; /* desk.write: so many calls fail first */
};

void flow_rig_open(struct flow_rig *rig);
void flow_rig_close(struct flow_rig *rig);

/* Writes a file beside the flow. */
void flow_rig_write(struct flow_rig *rig, const char *name, const char *text);
/* Loads a whole document; 0 or what gw_flow_load() says. Its expressions are compiled. */
int flow_rig_load(struct flow_rig *rig, const char *text);
/* The same of a document whose head is put before `body` ("do: ..."). Asserts that it is right. */
void flow_rig_load_body(struct flow_rig *rig, const char *body);
/* Asserts that the document of this body is refused, and that what is told has `text` in it. */
void flow_rig_assert_refused(struct flow_rig *rig, const char *body, const char *text);

/* Begins a run on `input` (JSON). NULL once it is over. */
struct gw_flow_run *flow_rig_start(struct flow_rig *rig, const char *input);
/* And waits for its end, 10 s at most. */
void flow_rig_run(struct flow_rig *rig, const char *input);
bool flow_rig_is_done(const struct flow_rig *rig);
void flow_rig_wait(struct flow_rig *rig, bool (*is_there)(const struct flow_rig *rig));
/* Loads, runs, and asserts what comes out: JSON, compared as values. */
void flow_rig_assert_output(struct flow_rig *rig, const char *body, const char *input,
                            const char *output);
/* The type is without the specification's address, and may be a whole one. */
void flow_rig_assert_error(struct flow_rig *rig, const char *body, const char *input,
                           const char *type, const char *task);
bool flow_rig_equal(const char *json, const char *other);
