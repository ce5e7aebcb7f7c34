#include "server/core/breaker.h"

static unsigned max_probes(const struct gw_breaker *breaker)
{
    return breaker->max_probes > 0 ? breaker->max_probes : 1;
}

enum gw_breaker_state gw_breaker_get_state(const struct gw_breaker *breaker, uint64_t now_ns)
{
    if (!breaker->is_open)
        return GW_BREAKER_CLOSED;
    return now_ns < breaker->retry_at_ns ? GW_BREAKER_OPEN : GW_BREAKER_HALF_OPEN;
}

bool gw_breaker_would_allow(const struct gw_breaker *breaker, uint64_t now_ns)
{
    return !breaker->is_open ||
           (now_ns >= breaker->retry_at_ns && breaker->probes < max_probes(breaker));
}

bool gw_breaker_allows(struct gw_breaker *breaker, uint64_t now_ns)
{
    if (!gw_breaker_would_allow(breaker, now_ns))
        return false;
    if (breaker->is_open)
        breaker->probes++;
    return true;
}

static void end_probe(struct gw_breaker *breaker)
{
    if (breaker->probes > 0)
        breaker->probes--;
}

void gw_breaker_success(struct gw_breaker *breaker)
{
    breaker->failures = 0;
    if (!breaker->is_open)
        return;
    end_probe(breaker);
    if (++breaker->successes < max_probes(breaker))
        return;
    breaker->is_open = false;
    breaker->probes = breaker->successes = 0;
}

void gw_breaker_failure(struct gw_breaker *breaker, uint64_t now_ns)
{
    if (breaker->failures < breaker->max_failures)
        breaker->failures++;
    end_probe(breaker);
    breaker->successes = 0;
    if (breaker->failures < breaker->max_failures)
        return;
    breaker->is_open = true;
    breaker->retry_at_ns = now_ns + breaker->pause_ns;
}

void gw_breaker_cancel(struct gw_breaker *breaker)
{
    end_probe(breaker);
}
