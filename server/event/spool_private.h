/* What the files event/spool*.c share. Not for others. */
#pragma once

#include "server/core/list.h"
#include "server/event/database.h"
#include "server/event/spool.h"

struct gw_spool {
    struct gw_spool_config config;
    struct gw_list calls; /* struct spool_call */
    int64_t epoch;        /* its number */
    struct gw_spool_state state;
};

/* A job with what every one brings back. */
struct spool_call {
    struct gw_database_job job; /* first */
    struct gw_list node;        /* in the spool's */
    struct gw_spool *spool;     /* NULL: it is gone */
    struct gw_spool_config config;
    int64_t epoch;
    struct gw_spool_state state;                  /* behind the job */
    void (*end)(struct spool_call *call, int rc); /* frees it; spool may be NULL */
};

/* On the thread: reads call->state. */
GW_MUST_CHECK
int spool_read_state(struct spool_call *call, struct gw_database *database);
/* Submits it. */
void spool_start(struct gw_spool *spool, struct spool_call *call,
                 int (*run)(struct gw_database_job *job, struct gw_database *database),
                 void (*end)(struct spool_call *call, int rc));
