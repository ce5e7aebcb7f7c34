#include "server/upstream/budget.h"

#define WHOLE 100

void gw_budget_earn(struct gw_budget *budget, uint32_t percent)
{
    budget->spent -= percent < budget->spent ? percent : budget->spent;
}

bool gw_budget_take(struct gw_budget *budget)
{
    if (budget->spent + WHOLE > GW_BUDGET_RESERVE * WHOLE)
        return false;
    budget->spent += WHOLE;
    return true;
}
