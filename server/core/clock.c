#include "server/core/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * GW_NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

uint64_t gw_clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t gw_clock_realtime_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}
