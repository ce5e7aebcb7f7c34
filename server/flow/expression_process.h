/* The helper: a process of its own for libjq, which can neither be interrupted nor survives a lack
 * of memory. It is this same program, started anew with nothing but a socket. Private to
 * server/flow.
 *
 * Frames both ways: a header, then `len` bytes. One question, one answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/core/attr.h"
#include "server/core/error.h"

/* Programs that it keeps: 300 KiB each with twenty expressions, 1 MiB with as many as there may be.
 * One more takes 20 to 150 ms. */
#define GW_JQ_SLOTS 200
#define GW_JQ_HELPER_FD 3 /* its socket */

enum gw_jq_frame_kind {
    /* Questions */
    GW_JQ_LOAD, /* struct gw_jq_load, the program's text */
    GW_JQ_RUN,  /* struct gw_jq_run_order, the indices, the JSON text of [input, variables] */
    /* Answers */
    GW_JQ_LOADED,       /* the program is there; or the messages of libjq, a line each */
    GW_JQ_RESULTS,      /* the JSON text of an array of results */
    GW_JQ_ERROR,        /* uint32_t, which of the indices; a sentence */
    GW_JQ_OUT_OF_MEMORY /* and the helper ends */
};

struct gw_jq_frame {
    uint32_t kind;
    uint32_t len;
};

struct gw_jq_load {
    uint32_t slot;
};

struct gw_jq_run_order {
    uint32_t slot;
    uint32_t count;
    uint64_t max_output_bytes;
};

struct gw_jq_process {
    pid_t pid; /* 0: there is none */
    int fd;    /* blocks */
};

/* `max_memory_bytes` is what it may take beyond what it starts with. 0 or a negative errno. */
GW_MUST_CHECK
int gw_jq_process_start(size_t max_memory_bytes, struct gw_jq_process *out_process,
                        struct gw_error *error);

/* Kills it and closes the socket; the pid is left to be waited for. */
void gw_jq_process_kill(struct gw_jq_process *process);

/* Closes the socket to one that has ended and was waited for. */
void gw_jq_process_forget(struct gw_jq_process *process);

/* --- in the helper: expression_serve.c, expression_confine.c ---------------------------------- */

/* From here on it can neither open, connect, start nor signal anything. False: the kernel has no
 * such filters; the limits hold nevertheless. */
bool gw_jq_confine(void);

/* Serves until the socket is closed. Never returns. */
_Noreturn void gw_jq_serve(size_t max_memory_bytes);
