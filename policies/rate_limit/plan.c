#include "plan.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/core/arena.h"
#include "server/core/clock.h"

#define MAX_PLANS 1000
#define MAX_NAME_BYTES 64
#define DEFAULT_WINDOW_NS (60 * GW_NS_PER_SECOND)
#define MAX_WINDOW_NS (366 * 86400 * (int64_t)GW_NS_PER_SECOND)

const struct gw_option plan_options[] = {
    {"limit", GW_INT, 1, 1000000000, NULL, "Requests per window, spread evenly.", NULL, NULL,
     GW_OPTION_REQUIRED},
    {"window", GW_DURATION, (int64_t)GW_NS_PER_SECOND, MAX_WINDOW_NS, "60s",
     "The time in which `limit` requests are regained; whole seconds.", NULL, NULL, 0},
    {"burst", GW_INT, 1, 1000000000, NULL,
     "Requests that may come at once after a pause; left out, as many as `limit`.", NULL, NULL, 0},
    {"grants", GW_LIST, 0, 1000, NULL,
     "Namespaces whose contracts may name this plan, such as `/system/*`; left out, none may.",
     NULL, NULL, 0},
    {0},
};

/* It stands within quotes in a header and behind a colon in a Redis key. */
static bool is_plan_name(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
            return false;
    }
    return len > 0 && len <= MAX_NAME_BYTES;
}

static uint64_t number_of(const json_t *object, const char *key, uint64_t otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) && json_integer_value(value) > 0
               ? (uint64_t)json_integer_value(value)
               : otherwise;
}

static int print_texts(struct gw_arena *memory, const char *name, struct plan *plan)
{
    uint64_t window_s = plan->window_ns / GW_NS_PER_SECOND;

    plan->name = gw_arena_printf(memory, "%s", name);
    plan->step = gw_arena_printf(memory, "%llu", (unsigned long long)plan->rate.step_ticks);
    plan->room = gw_arena_printf(memory, "%llu", (unsigned long long)plan->rate.room_ticks);
    plan->current_prefix = gw_arena_printf(memory, "\"%s\";r=", name);
    if (plan->burst == plan->limit)
        plan->policy =
            gw_arena_printf(memory, "\"%s\";q=%llu;w=%llu", name, (unsigned long long)plan->limit,
                            (unsigned long long)window_s);
    else
        plan->policy = gw_arena_printf(
            memory, "\"%s\";q=%llu;w=%llu;burst=%llu", name, (unsigned long long)plan->limit,
            (unsigned long long)window_s, (unsigned long long)plan->burst);
    bool is_whole = plan->name.ptr != NULL && plan->step.ptr != NULL && plan->room.ptr != NULL &&
                    plan->current_prefix.ptr != NULL && plan->policy.ptr != NULL;
    return is_whole ? 0 : -ENOMEM;
}

static int read_plan(struct plan_table *table, const char *name, const json_t *section,
                     struct gw_error *error)
{
    struct plan *plan = gw_arena_calloc(&table->memory, 1, sizeof(*plan));
    char where[sizeof("/plans/") + MAX_NAME_BYTES];

    if (!is_plan_name(name))
        return gw_error_set_at(error, -EINVAL, "/plans",
                               "a plan's name has 1 to %d letters, digits, '-', '_' or '.'",
                               MAX_NAME_BYTES);
    if (plan == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for the plans");
    snprintf(where, sizeof(where), "/plans/%s", name);
    plan->limit = number_of(section, "limit", 0);
    plan->window_ns = number_of(section, "window", DEFAULT_WINDOW_NS);
    plan->burst = number_of(section, "burst", plan->limit);
    if (plan->window_ns % GW_NS_PER_SECOND != 0)
        return gw_error_set_at(error, -EINVAL, where, "the window must be whole seconds");
    int rc = gcra_rate_init(plan->limit, plan->window_ns, plan->burst, &plan->rate);
    if (rc == -EINVAL)
        return gw_error_set_at(error, rc, where, "limit, window and burst must be above 0");
    if (rc == -ERANGE)
        return gw_error_set_at(error, rc, where,
                               "a plan allows at most %d requests per second, and its burst must "
                               "be regained within 4 years",
                               GCRA_MAX_PER_SECOND);
    rc = print_texts(&table->memory, name, plan);
    if (rc == 0)
        rc = gw_map_add(&table->by_name, plan->name, plan);
    return rc == 0 ? 0 : gw_error_set(error, rc, "no memory for the plans (at most %d)", MAX_PLANS);
}

int plan_table_init(struct plan_table *table, const json_t *section, struct gw_error *error)
{
    const char *name;
    json_t *plan;
    int rc = 0;

    gw_map_init(&table->by_name, MAX_PLANS);
    gw_arena_init(&table->memory, 4096, 4 * 1024 * 1024);
    json_object_foreach((json_t *)section, name, plan)
    {
        rc = read_plan(table, name, plan, error);
        if (rc != 0)
            break;
    }
    if (rc != 0)
        plan_table_finish(table);
    return rc;
}

void plan_table_finish(struct plan_table *table)
{
    gw_map_finish(&table->by_name);
    gw_arena_finish(&table->memory);
}

const struct plan *plan_table_find(const struct plan_table *table, struct gw_str name)
{
    return gw_map_get(&table->by_name, name);
}

struct gcra_rate plan_share(const struct plan *plan, uint64_t sharers)
{
    uint64_t limit = plan->limit / sharers > 0 ? plan->limit / sharers : 1;
    uint64_t burst = plan->burst / sharers > 0 ? plan->burst / sharers : 1;
    struct gcra_rate rate;

    /* Smaller numbers than a plan that was accepted: too slow to fill up is all that can happen. */
    if (gcra_rate_init(limit, plan->window_ns, burst, &rate) != 0)
        rate = (struct gcra_rate){GCRA_MAX_ROOM_TICKS, GCRA_MAX_ROOM_TICKS};
    return rate;
}
