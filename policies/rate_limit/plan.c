#include "plan.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lease.h"

#define MAX_PLANS 1000
#define TABLE_MAX_BYTES (32 * 1024 * 1024)

/* A plan of one limit is written as that limit. */
const struct gw_option plan_options[] = {
    {"limit", GW_INT, 1, 1000000000, NULL,
     "The short form, a plan of one limit: `limit` requests per `window`.", NULL, NULL, 0},
    {"window", GW_DURATION, 1000000000, INT64_C(366) * 86400 * 1000000000, NULL,
     "Of the short form; 60s if left out.", NULL, NULL, 0},
    {"burst", GW_INT, 1, 1000000000, NULL, "Of the short form, see `limits`.", NULL, NULL, 0},
    {"mode", GW_ENUM, 0, 0, NULL, "Of the short form, see `limits`.", NULL, "leased exact", 0},
    {"limits", GW_MAP, 1, PLAN_MAX_LIMITS, NULL,
     "Several limits at once, by name; a request must be within each of them.", limit_options, NULL,
     0},
    {"idempotency", GW_ENUM, 0, 0, "optional",
     "required: who has this plan sends an Idempotency-Key wherever the contract takes one. Read "
     "by "
     "the policy `idempotency`.",
     NULL, "optional required", 0},
    {"grants", GW_LIST, 0, 1000, NULL,
     "Namespaces whose contracts may name this plan, such as `/system/*`; left out, none may.",
     NULL, NULL, 0},
    {0},
};

/* It stands within quotes in a header and behind a colon in a Redis key. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
            return false;
    }
    return len > 0 && len <= LIMIT_NAME_BYTES;
}

/* --- groups --- */

static struct plan_group *group_of(struct plan *plan, const struct scope *scope)
{
    for (size_t i = 0; i < plan->group_count; i++) {
        if (scope_is_equal(&plan->groups[i].scope, scope))
            return &plan->groups[i];
    }
    struct plan_group *group = &plan->groups[plan->group_count++];
    *group = (struct plan_group){
        .plan = plan, .scope = *scope, .is_leased = true, .lease_max = UINT64_MAX};
    return group;
}

static int add_to_group(struct plan *plan, const struct limit *limit, const char *where,
                        struct gw_error *error)
{
    struct plan_group *group = group_of(plan, &limit->scope);
    uint64_t lease = lease_max(limit_capacity(limit));

    if (limit->kind == LIMIT_CONCURRENT && group->slots != NULL)
        return gw_error_set_at(error, -EINVAL, where,
                               "a plan has one concurrent limit for each scope");
    if (limit->kind == LIMIT_CONCURRENT)
        group->slots = limit;
    group->limits[group->limit_count++] = limit;
    group->is_leased = group->is_leased && limit->is_leased;
    group->lease_max = lease < group->lease_max ? lease : group->lease_max;
    return 0;
}

static int finish_groups(struct plan_table *table, struct plan *plan)
{
    for (size_t i = 0; i < plan->group_count; i++) {
        struct plan_group *group = &plan->groups[i];
        group->leases_max = gw_arena_printf(&table->memory, "%llu",
                                            (unsigned long long)group->lease_max * LEASE_PER_LIMIT /
                                                LEASES_PER_LIMIT);
        if (group->leases_max.ptr == NULL)
            return -ENOMEM;
        if (group->limit_count > table->max_limits)
            table->max_limits = group->limit_count;
    }
    return 0;
}

/* --- texts --- */

static int join_policies(struct gw_arena *memory, struct plan *plan)
{
    plan->policy = plan->limits[0].policy;
    for (size_t i = 0; i < plan->limit_count; i++) {
        if (i > 0)
            plan->policy = gw_arena_printf(memory, "%.*s, %.*s", GW_STR_ARG(plan->policy),
                                           GW_STR_ARG(plan->limits[i].policy));
        plan->texts_bytes += plan->limits[i].prefix.len;
        if (plan->policy.ptr == NULL)
            return -ENOMEM;
    }
    return 0;
}

/* --- reading --- */

static int read_limits(struct plan_table *table, struct plan *plan, const json_t *section,
                       const char *plan_where, struct gw_error *error)
{
    char where[sizeof("/plans//limits/") + 2 * LIMIT_NAME_BYTES];
    const char *name;
    json_t *item;
    int rc = 0;

    json_object_foreach((json_t *)section, name, item)
    {
        if (!is_name(name) || plan->limit_count == PLAN_MAX_LIMITS)
            return gw_error_set_at(error, -EINVAL, plan_where,
                                   "a plan has at most %d limits, and a limit's name 1 to %d "
                                   "letters, digits, '-', '_' or '.'",
                                   PLAN_MAX_LIMITS, LIMIT_NAME_BYTES);
        snprintf(where, sizeof(where), "%s/limits/%s", plan_where, name);
        struct limit *limit = &plan->limits[plan->limit_count++];
        struct gw_str full =
            gw_arena_printf(&table->memory, "%.*s.%s", GW_STR_ARG(plan->name), name);
        if (full.ptr == NULL)
            return gw_error_set(error, -ENOMEM, "no memory for the plans");
        rc = limit_read(&table->memory, full, item, where, limit, error);
        if (rc == 0)
            rc = add_to_group(plan, limit, where, error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_single(struct plan_table *table, struct plan *plan, const json_t *section,
                       const char *where, struct gw_error *error)
{
    int rc = limit_read(&table->memory, plan->name, section, where, &plan->limits[0], error);

    plan->limit_count = 1;
    return rc == 0 ? add_to_group(plan, &plan->limits[0], where, error) : rc;
}

static int read_plan(struct plan_table *table, const char *name, const json_t *section,
                     struct gw_error *error)
{
    struct plan *plan = gw_arena_calloc(&table->memory, 1, sizeof(*plan));
    const json_t *limits = json_object_get(section, "limits");
    char where[sizeof("/plans/") + LIMIT_NAME_BYTES];

    if (!is_name(name))
        return gw_error_set_at(error, -EINVAL, "/plans",
                               "a plan's name has 1 to %d letters, digits, '-', '_' or '.'",
                               LIMIT_NAME_BYTES);
    if (plan != NULL)
        plan->name = gw_arena_copy(&table->memory, gw_str_of(name));
    if (plan == NULL || plan->name.ptr == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for the plans");
    snprintf(where, sizeof(where), "/plans/%s", name);
    if (limits != NULL && (limit_is_given(section) || json_object_size(limits) == 0))
        return gw_error_set_at(error, -EINVAL, where, "a plan has either limits or one limit");
    int rc = limits != NULL ? read_limits(table, plan, limits, where, error)
                            : read_single(table, plan, section, where, error);
    if (rc != 0)
        return rc;
    rc = join_policies(&table->memory, plan);
    if (rc == 0)
        rc = finish_groups(table, plan);
    if (rc == 0)
        rc = gw_map_add(&table->by_name, plan->name, plan);
    return rc == 0 ? 0 : gw_error_set(error, rc, "no memory for the plans (at most %d)", MAX_PLANS);
}

int plan_table_init(struct plan_table *table, const json_t *section, struct gw_error *error)
{
    const char *name;
    json_t *plan;
    int rc = 0;

    *table = (struct plan_table){.max_limits = 1};
    gw_map_init(&table->by_name, MAX_PLANS);
    gw_arena_init(&table->memory, 4096, TABLE_MAX_BYTES);
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
