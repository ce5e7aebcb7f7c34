/* The redis-server program: is it there, what is it told, how is it run and asked. For the private
 * Redis only. Every function is short but for gw_redis_process_probe(), which blocks up to its
 * limit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/store/state_folder.h"

#define GW_PRIVATE_REDIS_USER "millgate"
#define GW_PRIVATE_REDIS_MIN_VERSION 6

/* 0, or -ENOENT or -ENOTSUP with what to do about it. */
GW_MUST_CHECK
int gw_redis_process_check(const char *program, struct gw_error *error);

/* Takes redis.lock and hands it to a new process, in a session of its own, in the folder. 0 and its
 * pid; -EAGAIN if another process holds the lock; or a negative errno with the reason. */
GW_MUST_CHECK
int gw_redis_process_spawn(const struct gw_state_folder *folder, const char *program,
                           pid_t *out_pid, struct gw_error *error);

enum gw_probe {
    GW_PROBE_SILENT,  /* no socket, or no answer in time */
    GW_PROBE_REFUSED, /* it answers, but not to us */
    GW_PROBE_LOADING, /* ours, still reading its file */
    GW_PROBE_READY,
};

/* Asks who listens at the folder's socket; sets *out_pid when it is ours (0 where it would not
 * say). */
enum gw_probe gw_redis_process_probe(const struct gw_state_folder *folder, unsigned limit_ms,
                                     pid_t *out_pid);

/* Sends SIGKILL to all processes that hold redis.lock. How many. */
unsigned gw_redis_process_kill_holders(const struct gw_state_folder *folder);

/* The last lines of redis.log, in one. */
void gw_redis_process_log_tail(const struct gw_state_folder *folder, char *out, size_t capacity);
