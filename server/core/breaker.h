/* Circuit breaker: when to ask somebody and when not. After some failures in a row nobody asks for
 * a while, then a bounded number of single requests tries again. Pure; the caller serialises. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gw_breaker {
    unsigned max_failures; /* in a row; set by the owner, as pause_ns is */
    uint64_t pause_ns;
    unsigned max_probes; /* at the same time, and how many successes close it again; 0: one */
    unsigned failures;
    unsigned probes, successes; /* while open */
    uint64_t retry_at_ns;       /* while open */
    bool is_open;
};

enum gw_breaker_state { GW_BREAKER_CLOSED, GW_BREAKER_OPEN, GW_BREAKER_HALF_OPEN };

/* Half open: the pause is over, probes may go or are on their way. */
enum gw_breaker_state gw_breaker_get_state(const struct gw_breaker *breaker, uint64_t now_ns);

/* Whether it would allow a request now. */
bool gw_breaker_would_allow(const struct gw_breaker *breaker, uint64_t now_ns);

/* Whether to ask. If it says so while is_open, this request is a probe: it ends in success, failure
 * or cancel. Requests from before it opened must not report. */
bool gw_breaker_allows(struct gw_breaker *breaker, uint64_t now_ns);
void gw_breaker_success(struct gw_breaker *breaker);
void gw_breaker_failure(struct gw_breaker *breaker, uint64_t now_ns);
/* The request was given up before its outcome was known. */
void gw_breaker_cancel(struct gw_breaker *breaker);
