/* The main thread's state, shared by the files of gateway/ that make up the server. Not for others.
 */
#pragma once

#include <stdatomic.h>

#include "server/filter/worker.h"
#include "server/gateway/backend_metrics.h"
#include "server/gateway/landscape_board.h"
#include "server/gateway/redis_setup.h"
#include "server/gateway/server.h"
#include "server/gateway/snapshot.h"
#include "server/gateway/worker.h"
#include "server/http/exchange.h"
#include "server/net/loop.h"
#include "server/observe/access_log.h"
#include "server/observe/metrics.h"

#define GW_MAX_SNAPSHOTS 4
#define GW_MAX_WORKERS 64   /* as in the table of the configuration */
#define GW_INSTANCE_BYTES 8 /* random ones */

struct gw_admin;
struct gw_admin_act;
struct gw_audit;
struct gw_effects_watch;
struct gw_event_trimmer;
struct gw_http_client;
struct gw_landscape_watch;
struct gw_private_redis;
struct gw_readiness;
struct gw_records;
struct gw_command_desk;
struct gw_telemetry;

enum gw_server_phase { GW_SERVER_STARTING, GW_SERVER_SERVING, GW_SERVER_DRAINING };

/* A reload on its way: loading on a thread of the pool, then being adopted by the workers. */
struct gw_reload {
    bool is_loading, is_adopting;
    bool is_wanted_again; /* asked for while one was running */
    int rc;
    struct gw_snapshot *next;
    struct gw_diagnostics diagnostics;
    struct gw_exchange *waiting; /* the admin's request, or NULL */
    struct gw_admin_act *act;
};

struct gw_server {
    struct gw_server_options options;
    enum gw_server_phase phase;
    int exit_code;
    struct gw_loop *loop;
    struct gw_async *wake; /* workers send it */
    struct gw_signal *signals[4];
    struct gw_timer drain_timer;
    struct gw_timer tick;
    struct gw_timer certificates; /* looks daily whether some are about to expire */
    unsigned stop_signals;

    struct gw_snapshot *current;
    struct gw_snapshot *snapshots[GW_MAX_SNAPSHOTS]; /* all that are not yet freed */
    uint64_t generation;
    struct gw_policy_set sets[GW_MAX_WORKERS]; /* each worker's newest, for taking over */
    struct gw_reload reload;
    struct gw_list errands; /* that the workers have not all done */
    size_t errand_count;

    struct gw_worker_thread *workers[GW_MAX_WORKERS];
    size_t worker_count;
    struct gw_metrics *metrics; /* a shard per worker, and one for the main thread */
    struct gw_backend_board backend_board;
    struct gw_landscape_board landscape_board;
    struct gw_landscape_watch *landscape_watch;
    struct gw_access_log *access_log;
    struct gw_audit *audit;                 /* NULL: off */
    struct gw_private_redis *private_redis; /* NULL: one is configured */
    struct gw_redis_setup redis_setup;
    char instance[2 * GW_INSTANCE_BYTES + 1]; /* names this process in the fleet */
    struct gw_redis_access redis;             /* the main thread's own connection */
    struct gw_records *records;               /* keys, revocations, consumers */

    struct gw_worker main_worker; /* what policies see when they run for the admin listener */
    struct gw_admin *admin;
    struct gw_list admin_pending;   /* changes under way, see admin_record.c */
    struct gw_list keyed_pending;   /* the same of admin_keyed.c */
    struct gw_list effects_pending; /* and of admin_effects.c */
    struct gw_effects_watch *effects_watch;
    struct gw_event_trimmer *event_trimmer; /* NULL: there is no event log */
    struct gw_readiness *readiness;
    struct gw_telemetry *telemetry;
    struct gw_command_desk *command_desk;
};

/* --- reload.c --- */

/* The first snapshot, on the calling thread. */
GW_MUST_CHECK
int gw_server_load_first(struct gw_server *server);
/* Starts a reload; `waiting` (may be NULL) is answered when it is done. */
void gw_server_reload(struct gw_server *server, struct gw_exchange *waiting);
/* The waiting request's client has left. */
void gw_server_forget_waiting(struct gw_server *server);
/* Waits for a load under way and drops what came of it. Before anything that it uses is freed. */
void gw_server_reload_finish(struct gw_server *server);
/* Looks whether an adoption is complete and frees snapshots that nobody uses. */
void gw_server_reload_progress(struct gw_server *server);
/* Warns of certificates that are about to expire, now and daily. */
void gw_server_watch_certificates(struct gw_server *server);
/* Hands a worker its first view. */
GW_MUST_CHECK
int gw_server_hand_first(struct gw_server *server, struct gw_worker_thread *worker, size_t index);
