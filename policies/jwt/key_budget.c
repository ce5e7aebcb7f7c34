#include "policies/jwt/key_budget.h"

bool key_budget_take(struct key_budget *budget, uint64_t now_ns)
{
    uint64_t from_ns = budget->full_at_ns > now_ns ? budget->full_at_ns : now_ns;
    uint64_t full_at_ns = from_ns + KEY_BUDGET_REGAIN_NS;

    if (full_at_ns - now_ns > KEY_BUDGET_BURST * KEY_BUDGET_REGAIN_NS)
        return false;
    budget->full_at_ns = full_at_ns;
    return true;
}

unsigned key_budget_left(const struct key_budget *budget, uint64_t now_ns)
{
    uint64_t debt_ns = budget->full_at_ns > now_ns ? budget->full_at_ns - now_ns : 0;

    return (unsigned)((KEY_BUDGET_BURST * KEY_BUDGET_REGAIN_NS - debt_ns) / KEY_BUDGET_REGAIN_NS);
}
