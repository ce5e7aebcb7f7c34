/* The two clocks. Only the loop and the exchange read them; pure code takes `now_ns`. */
#pragma once

#include <stdint.h>

#define GW_NS_PER_SECOND UINT64_C(1000000000)
#define GW_NS_PER_MS UINT64_C(1000000)
#define GW_NS_PER_US UINT64_C(1000)

/* CLOCK_MONOTONIC: for durations and deadlines. */
uint64_t gw_clock_monotonic_ns(void);

/* CLOCK_REALTIME since 1970-01-01 UTC: for what people and tokens call time. */
uint64_t gw_clock_realtime_ns(void);

/* Milliseconds since 1970 as RFC 3339 has them: "2026-11-23T09:30:00.250Z"; years 0 to 9999, others
 * become the nearest of them. */
#define GW_CLOCK_TEXT_BYTES 32
void gw_clock_text(char out[GW_CLOCK_TEXT_BYTES], int64_t ms);
