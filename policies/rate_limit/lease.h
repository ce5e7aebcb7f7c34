/* Leases: the parts of a limit that a worker takes from Redis in advance, to answer from memory.
 *
 * A lease is debited when it is taken, lives LEASE_LIFE_NS at most, and what is left of it then is
 * given back. Its size follows what is asked for. Pure; the caller serialises. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LEASE_LIFE_NS UINT64_C(900000000) /* with the 100 ms after which it is noticed: 1 s */
#define LEASE_LOTS 2                      /* one in use, one taken before it is used up */
#define LEASE_PER_LIMIT 100               /* one lease is at most so small a part of a limit */
#define LEASES_PER_LIMIT 10               /* and all together this one */

/* How much is asked for. All zeroes: nothing yet. */
struct lease_demand {
    uint64_t since_ns; /* when the last lease was asked for */
    uint64_t units;    /* asked for since then */
    uint64_t size;     /* of the last lease */
};

struct lease_lot {
    uint64_t units;
    uint64_t expires_ns; /* on the worker's clock */
    uint64_t debited_us; /* on Redis' */
};

struct lease {
    struct lease_lot lots[LEASE_LOTS]; /* the oldest first; without units: free */
    struct lease_demand demand;
};

/* The largest lease of a limit of which at most `capacity` may pass at once; 0: none. */
uint64_t lease_max(uint64_t capacity);

/* How much to ask for now: what was asked for in 100 ms, rounded up, at most `max`, at most 8 times
 * as much as before, at least 1. Begins to count anew. */
uint64_t lease_size(struct lease_demand *demand, uint64_t max, uint64_t now_ns);

/* Takes `weight` out of one lot that has not expired. */
bool lease_take(struct lease *lease, uint64_t weight, uint64_t now_ns);
/* Gives back what lease_take() took, as far as a lot is there to take it. */
void lease_put_back(struct lease *lease, uint64_t weight, uint64_t now_ns);

/* What is left in memory. */
uint64_t lease_left(const struct lease *lease, uint64_t now_ns);

/* Is it time for the next one? */
bool lease_is_low(const struct lease *lease, uint64_t now_ns);

/* Keeps a lot; false if there is no place for it. */
bool lease_add(struct lease *lease, struct lease_lot lot);

/* Takes a lot out that has expired (or, with is_end, any); false if there is none. */
bool lease_remove(struct lease *lease, uint64_t now_ns, bool is_end, struct lease_lot *out_lot);
