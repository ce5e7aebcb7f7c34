/* The budget of what is sent more than once: a share of all requests, so that retries and hedges
 * cannot multiply the load on a backend that is failing. Pure; one per backend and worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GW_BUDGET_RESERVE                                                   \
    10 /* so many may be spent at once, also by a backend with few requests \
        */

/* All zeroes is a full one. */
struct gw_budget {
    uint32_t spent; /* hundredths of a request, below the reserve */
};

/* A request came: `percent` of one is earned. */
void gw_budget_earn(struct gw_budget *budget, uint32_t percent);

/* Takes a whole one; false if there is none. */
bool gw_budget_take(struct gw_budget *budget);
