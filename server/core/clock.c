#include "server/core/clock.h"

#include <stdio.h>
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

void gw_clock_text(char out[GW_CLOCK_TEXT_BYTES], int64_t ms)
{
    const int64_t first_ms = INT64_C(-62167219200000); /* 0000-01-01 */
    const int64_t last_ms = INT64_C(253402300799999);  /* 9999-12-31 */
    ms = ms < first_ms ? first_ms : ms > last_ms ? last_ms : ms;
    int64_t rest = ms % 1000 < 0 ? ms % 1000 + 1000 : ms % 1000;
    time_t seconds = (time_t)((ms - rest) / 1000);
    struct tm parts = {0};

    (void)gmtime_r(&seconds, &parts);
    snprintf(out, GW_CLOCK_TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
             (unsigned)(parts.tm_year + 1900) % 10000u, (unsigned)(parts.tm_mon + 1) % 100u,
             (unsigned)parts.tm_mday % 100u, (unsigned)parts.tm_hour % 100u,
             (unsigned)parts.tm_min % 100u, (unsigned)parts.tm_sec % 100u, (unsigned)rest % 1000u);
}
