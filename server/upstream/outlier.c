#include "server/upstream/outlier.h"

bool gw_outlier_is_ejected(const struct gw_outlier *outlier, uint64_t now_ns)
{
    return now_ns < outlier->until_ns;
}

void gw_outlier_success(struct gw_outlier *outlier)
{
    outlier->failures = 0;
}

bool gw_outlier_failure(struct gw_outlier *outlier, const struct gw_outlier_rule *rule,
                        uint64_t now_ns)
{
    if (rule->failures == 0 || gw_outlier_is_ejected(outlier, now_ns))
        return false;
    if (outlier->failures < rule->failures)
        outlier->failures++;
    return outlier->failures == rule->failures;
}

static uint64_t length_of(const struct gw_outlier_rule *rule, uint32_t ejections)
{
    uint64_t longest = rule->base_ns > 0 ? rule->max_ns / rule->base_ns : 0;

    return ejections > longest ? rule->max_ns : rule->base_ns * ejections;
}

void gw_outlier_eject(struct gw_outlier *outlier, const struct gw_outlier_rule *rule,
                      uint64_t now_ns)
{
    /* One that was good for as long as its last time out, and more, begins further down again. */
    uint64_t good_ns = now_ns - outlier->until_ns;
    uint64_t spell_ns = length_of(rule, outlier->ejections) + rule->base_ns;
    uint64_t forgiven = outlier->until_ns == 0 || spell_ns == 0 ? 0 : good_ns / spell_ns;

    outlier->ejections -= forgiven < outlier->ejections ? (uint32_t)forgiven : outlier->ejections;
    outlier->ejections++;
    outlier->failures = 0;
    outlier->until_ns = now_ns + length_of(rule, outlier->ejections);
}

bool gw_outlier_has_room(const struct gw_outlier_rule *rule, size_t ejected, size_t count)
{
    return (ejected + 1) * 100 <= (size_t)rule->max_percent * count;
}
