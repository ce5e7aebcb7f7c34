/* What the rate limit asks Redis: three scripts, each atomic, on Redis' clock.
 *
 * A subject's limits stand in one hash, KEYS[1], a field each ("w:standard"); its leases in the
 * field "l"; "x" is when the key ends. Times in replies are µs since 2025-10-09. Limits are written
 * as LIMIT_ARGS arguments each: field, and three numbers (print_args() in limit.c). */
#pragma once

#include "server/store/script.h"

#define SCRIPT_TAKE_ARGS 6 /* before those of the limits */
#define SCRIPT_TAKE_HEAD 3 /* of the reply */
#define SCRIPT_ADD_ARGS 3

/* All or nothing. ARGV: weight; want (>= weight: a lease comes with it if it is more); who asks;
 * what it holds in leases; the most that all may hold; a slot's name, or "". KEYS[2]: where slots
 * are. Returns {granted, now, the number (from 1) of the limit that refuses for longest or 0, and
 * for each limit: remaining, reset in µs}; granted is 0 if one refuses (with weight 0: what there
 * is, perhaps 0). */
extern const struct gw_script rate_limit_take;

/* Counts after the fact, without asking: what was granted without Redis, or (negative) what was not
 * used. ARGV: when it was debited (0: now); whose lease it is of, or ""; what that one still holds;
 * then per limit LIMIT_ARGS and the units. */
extern const struct gw_script rate_limit_add;

/* KEYS[1]: where slots are. ARGV: a slot's name; for how many µs it is taken from now on, 0: it is
 * free. */
extern const struct gw_script rate_limit_slot;
