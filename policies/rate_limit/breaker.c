#include "breaker.h"

bool breaker_allows(struct breaker *breaker, uint64_t now_ns)
{
    if (!breaker->is_open)
        return true;
    if (breaker->is_probing || now_ns < breaker->retry_at_ns)
        return false;
    breaker->is_probing = true;
    return true;
}

void breaker_success(struct breaker *breaker)
{
    breaker->failures = 0;
    breaker->is_open = breaker->is_probing = false;
}

void breaker_failure(struct breaker *breaker, uint64_t now_ns)
{
    if (breaker->failures < breaker->max_failures)
        breaker->failures++;
    breaker->is_probing = false;
    if (breaker->failures < breaker->max_failures)
        return;
    breaker->is_open = true;
    breaker->retry_at_ns = now_ns + breaker->pause_ns;
}

void breaker_cancel(struct breaker *breaker)
{
    breaker->is_probing = false;
}
