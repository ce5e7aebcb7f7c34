#include "lease.h"

#include <math.h>

#define RATE_NS UINT64_C(100000000)
#define LEAST_NS UINT64_C(1000000) /* the loop's clock is no finer */
#define GROWTH 8

uint64_t lease_max(uint64_t capacity)
{
    return capacity / LEASE_PER_LIMIT;
}

uint64_t lease_size(struct lease_demand *demand, uint64_t max, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - demand->since_ns;
    uint64_t bound = demand->size > 0 ? demand->size * GROWTH : 1;
    uint64_t size;

    if (passed_ns < LEAST_NS)
        passed_ns = LEAST_NS;
    size = (uint64_t)ceil((double)demand->units * (double)RATE_NS / (double)passed_ns);
    if (size > bound)
        size = bound;
    if (size > max)
        size = max;
    if (size == 0)
        size = 1; /* `max` is nothing */
    *demand = (struct lease_demand){.since_ns = now_ns, .size = size};
    return size;
}

static bool is_good(const struct lease_lot *lot, uint64_t now_ns)
{
    return lot->units > 0 && now_ns < lot->expires_ns;
}

bool lease_take(struct lease *lease, uint64_t weight, uint64_t now_ns)
{
    for (unsigned i = 0; i < LEASE_LOTS; i++) {
        struct lease_lot *lot = &lease->lots[i];
        if (is_good(lot, now_ns) && lot->units >= weight) {
            lot->units -= weight;
            return true;
        }
    }
    return false;
}

void lease_put_back(struct lease *lease, uint64_t weight, uint64_t now_ns)
{
    for (unsigned i = 0; i < LEASE_LOTS; i++) {
        if (now_ns < lease->lots[i].expires_ns) {
            lease->lots[i].units += weight;
            return;
        }
    }
}

uint64_t lease_left(const struct lease *lease, uint64_t now_ns)
{
    uint64_t left = 0;

    for (unsigned i = 0; i < LEASE_LOTS; i++)
        left += is_good(&lease->lots[i], now_ns) ? lease->lots[i].units : 0;
    return left;
}

bool lease_is_low(const struct lease *lease, uint64_t now_ns)
{
    bool has_place = false;

    for (unsigned i = 0; i < LEASE_LOTS; i++)
        has_place = has_place || lease->lots[i].units == 0;
    return has_place && lease->demand.size > 1 &&
           lease_left(lease, now_ns) * 4 <= lease->demand.size;
}

bool lease_add(struct lease *lease, struct lease_lot lot)
{
    struct lease_lot *lots = lease->lots;

    if (lots[0].units == 0) {
        lots[0] = lots[1];
        lots[1] = (struct lease_lot){0};
    }
    if (lots[0].units > 0 && lots[1].units > 0)
        return false;
    lots[lots[0].units > 0] = lot;
    return true;
}

bool lease_remove(struct lease *lease, uint64_t now_ns, bool is_end, struct lease_lot *out_lot)
{
    for (unsigned i = 0; i < LEASE_LOTS; i++) {
        struct lease_lot *lot = &lease->lots[i];
        if (lot->units == 0 || (!is_end && now_ns < lot->expires_ns))
            continue;
        *out_lot = *lot;
        *lot = (struct lease_lot){0};
        return true;
    }
    return false;
}
