#include "server/upstream/balance.h"

#define START_SHARE 10 /* a target that came back begins with a tenth of its weight */

uint64_t gw_balance_random(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

uint32_t gw_balance_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)(((gw_balance_random(state) >> 32) * bound) >> 32);
}

static size_t draw(const struct gw_balance_choice *choices, uint32_t total, uint64_t *random)
{
    uint32_t at = gw_balance_below(random, total);
    size_t index = 0;

    while (at >= choices[index].weight)
        at -= choices[index++].weight;
    return index;
}

size_t gw_balance_pick(const struct gw_balance_choice *choices, size_t count, uint64_t *random)
{
    uint32_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += choices[i].weight;
    if (total == 0)
        return count;
    size_t first = draw(choices, total, random);
    size_t second = draw(choices, total, random);
    uint64_t first_load = (uint64_t)choices[first].outstanding * choices[second].weight;
    uint64_t second_load = (uint64_t)choices[second].outstanding * choices[first].weight;

    return second_load < first_load ? second : first;
}

uint32_t gw_balance_ramp(uint32_t weight, uint64_t since_ns, uint64_t slow_start_ns)
{
    if (weight == 0 || since_ns >= slow_start_ns)
        return weight;
    uint64_t start = weight / START_SHARE;
    /* In thousandths: nanoseconds times a weight could overflow. */
    uint64_t part = since_ns / (slow_start_ns / 1000 + 1);
    uint64_t ramped = start + (weight - start) * part / 1000;

    return ramped > 0 ? (uint32_t)ramped : 1;
}
