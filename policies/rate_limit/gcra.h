/* GCRA, the generic cell rate algorithm: the arithmetic of the rate limit, and nothing else.
 *
 * A subject's state is one number: the time at which its bucket will be full again. Times are whole
 * ticks of 1/16 µs, so that nothing is rounded while counting; the script (script.c) does the
 * same steps on the same numbers, which stay below 2^53 there. Pure; the caller serialises. */
#pragma once

#include <stdint.h>

#include "answer.h"
#include "server/core/attr.h"

#define GCRA_TICKS_PER_SECOND UINT64_C(16000000)
#define GCRA_MAX_PER_SECOND 100000              /* keeps the rounding of a step below 0.4 % */
#define GCRA_MAX_ROOM_TICKS (UINT64_C(1) << 51) /* 4.4 years */

/* A limit. Set by gcra_rate_init(), read-only from then on. */
struct gcra_rate {
    uint64_t step_ticks; /* time to regain one request; never 0 */
    uint64_t room_ticks; /* time to regain a whole burst */
};

/* Allows `limit` requests per window, evenly, and `burst` at once. Returns 0; -EINVAL if a number
 * is 0; -ERANGE if it is more than GCRA_MAX_PER_SECOND, or takes years to fill up. */
GW_MUST_CHECK
int gcra_rate_init(uint64_t limit, uint64_t window_ns, uint64_t burst, struct gcra_rate *out_rate);

uint64_t gcra_ticks(uint64_t ns);

/* Takes `weight` requests at once at `now_ticks` from the state, which is unchanged if they are
 * refused. All zeroes is a full bucket. What is heavier than the burst is refused always. */
struct limit_answer gcra_take(uint64_t *full_at_ticks, const struct gcra_rate *rate,
                              uint64_t weight, uint64_t now_ticks);

/* How many requests the state still owes, a part of one counted whole. */
uint64_t gcra_owed(uint64_t full_at_ticks, const struct gcra_rate *rate, uint64_t now_ticks);
