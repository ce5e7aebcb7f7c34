#include "demand.h"

#include <errno.h>
#include <string.h>

#include "server/http/exchange.h"

#define MAX_PLANS 1000
#define MEMORY_MAX_BYTES ((size_t)1024 * 1024)

int demand_init(struct demand *demand, const json_t *section, struct gw_error *error)
{
    const char *name;
    json_t *plan;

    gw_map_init(&demand->plans, MAX_PLANS);
    gw_arena_init(&demand->memory, 1024, MEMORY_MAX_BYTES);
    json_object_foreach((json_t *)section, name, plan)
    {
        const char *word = json_string_value(json_object_get(plan, "idempotency"));
        if (word == NULL || strcmp(word, "required") != 0)
            continue;
        struct gw_str copy = gw_arena_copy(&demand->memory, gw_str_of(name));
        int rc = copy.ptr == NULL ? -ENOMEM : gw_map_add(&demand->plans, copy, demand);
        if (rc != 0) {
            demand_finish(demand);
            return gw_error_set(error, rc, "no memory for the plans (at most %d)", MAX_PLANS);
        }
    }
    return 0;
}

void demand_finish(struct demand *demand)
{
    gw_map_finish(&demand->plans);
    gw_arena_finish(&demand->memory);
}

/* What the contract says; where it says nothing, the method. */
static enum gw_keying of_contract(const struct gw_exchange *ex)
{
    if (ex->operation->keying != GW_KEYING_UNSAID)
        return ex->operation->keying;
    return ex->request.method == GW_METHOD_POST || ex->request.method == GW_METHOD_PATCH
               ? GW_KEYING_OPTIONAL
               : GW_KEYING_OFF;
}

enum gw_keying demand_ask(const struct demand *demand, const struct gw_exchange *ex)
{
    if (ex->is_preflight)
        return GW_KEYING_OFF;
    enum gw_keying keying = of_contract(ex);
    if (keying != GW_KEYING_OPTIONAL)
        return keying;
    struct gw_str plan = gw_operation_plan(ex->operation, ex->identity.plan);
    return gw_map_get(&demand->plans, plan) != NULL ? GW_KEYING_REQUIRED : GW_KEYING_OPTIONAL;
}
