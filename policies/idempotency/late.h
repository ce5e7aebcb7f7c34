/* Ends of claims that Redis did not take in time: written when it does.
 *
 * A worker's list, bounded in number and bytes, tried every second for ten minutes. What is lost
 * with it (the process ends, or it is full) leaves a record as `sent`, whose outcome is unknown: no
 * effect is repeated because of it. On the worker's thread. */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"
#include "server/store/keyed_record.h"

struct gw_worker;
struct gw_worker_share;

/* The worker's list; NULL without memory. Close it by gw_worker_share_close(). */
struct gw_worker_share *late_open(struct gw_worker *worker);

/* Takes it over, copied. `args` are those of gw_keyed_end_script. `is_doubtful`: the claim itself
 * may reach Redis behind this, so it is said several times. */
void late_add(struct gw_worker_share *share, struct gw_str name,
              const struct gw_str args[GW_KEYED_END_ARGS], bool is_doubtful);
