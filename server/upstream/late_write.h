/* Writes to records that Redis did not take in time: they are made when it does.
 *
 * For the ends of claims: whoever claimed has its answer and waits no longer. A worker's list,
 * bounded in number and bytes, tried every second for ten minutes. What is left when the worker
 * ends is sent once more, without waiting. What is lost leaves the claim to run out, as if its
 * owner had died. On the worker's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/store/script.h"

struct gw_worker;
struct gw_worker_share;

#define GW_MAX_LATE_WRITE_KEYS 2
#define GW_MAX_LATE_WRITE_ARGS 8

/* The worker's list; NULL without memory. Close it by gw_worker_share_close(): what is in it is
 * written all the same. */
GW_MUST_CHECK
struct gw_worker_share *gw_late_write_open(struct gw_worker *worker);

/* A run of a script; its keys and arguments are copied. An answer of the integer 0 says that
 * nothing had to be changed, of -1 that Redis has forgotten the claim. `is_doubtful`: the claim
 * itself may reach Redis behind this, so it is said several times. `share` may be NULL: it is
 * counted as lost. */
void gw_late_write_add(struct gw_worker_share *share, const struct gw_redis_eval *eval,
                       bool is_doubtful);

/* Redis has lost a claim that it had acknowledged: it is counted, and the operator told. */
void gw_late_write_note_forgotten(struct gw_worker_share *share, const struct gw_redis_eval *eval);
