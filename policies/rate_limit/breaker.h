/* When to ask Redis and when not: after some failures in a row nobody waits for it for a while,
 * then single requests try again. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct breaker {
    unsigned max_failures; /* in a row; set by the owner, as pause_ns is */
    uint64_t pause_ns;
    unsigned failures;
    uint64_t retry_at_ns; /* while open */
    bool is_open;
    bool is_probing; /* one request is on its way to see */
};

/* Whether to ask. If it says so while open, this request is the probe: it ends in success, failure
 * or cancel. */
bool breaker_allows(struct breaker *breaker, uint64_t now_ns);
void breaker_success(struct breaker *breaker);
void breaker_failure(struct breaker *breaker, uint64_t now_ns);
/* The request was given up before its outcome was known. */
void breaker_cancel(struct breaker *breaker);
