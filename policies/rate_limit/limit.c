#include "limit.h"

#include <errno.h>
#include <string.h>

#include "lease.h"
#include "server/core/clock.h"

#define MAX_AMOUNT 1000000000
#define DAY_NS (86400 * (int64_t)GW_NS_PER_SECOND)

const struct gw_option limit_options[] = {
    {"limit", GW_INT, 1, MAX_AMOUNT, NULL, "Requests per window.", NULL, NULL, 0},
    {"window", GW_DURATION, (int64_t)GW_NS_PER_SECOND, 366 * DAY_NS, "60s",
     "At most `limit` requests pass in any stretch of this length; whole seconds.", NULL, NULL, 0},
    {"burst", GW_INT, 1, MAX_AMOUNT, NULL,
     "Makes it a rate instead: `limit` per window are regained evenly, and so many may come at "
     "once.",
     NULL, NULL, 0},
    {"quota", GW_INT, 1, MAX_AMOUNT, NULL, "Requests per calendar period; instead of `limit`.",
     NULL, NULL, 0},
    {"per", GW_ENUM, 0, 0, "month", "The quota's period.", NULL, "day month", 0},
    {"zone", GW_STRING, 1, 6, "UTC",
     "Where a day of the quota begins at midnight: UTC, or an offset such as +01:00.", NULL, NULL,
     0},
    {"away", GW_ENUM, 0, 0, "closed",
     "What the quota does while Redis is away: refuse (503), or admit and count afterwards.", NULL,
     "closed open", 0},
    {"concurrent", GW_INT, 1, 1000000, NULL, "Requests under way at once; instead of `limit`.",
     NULL, NULL, 0},
    {"slot_ttl", GW_DURATION, (int64_t)GW_NS_PER_SECOND, 300 * (int64_t)GW_NS_PER_SECOND, "10s",
     "How long the slots of a gateway that died stay taken.", NULL, NULL, 0},
    {"scope", GW_STRING, 1, 80, "consumer",
     "Who shares it: consumer, plan (all of its consumers), operation, api, ip, or claim:NAME of "
     "the token.",
     NULL, NULL, 0},
    {"mode", GW_ENUM, 0, 0, "leased",
     "leased: workers take small parts in advance; exact: Redis is asked for each request.", NULL,
     "leased exact", 0},
    {0},
};

static uint64_t number_of(const json_t *section, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(section, key));

    return value > 0 ? (uint64_t)value : 0;
}

static bool is_word(const json_t *section, const char *key, const char *word)
{
    const char *text = json_string_value(json_object_get(section, key));

    return text != NULL && strcmp(text, word) == 0;
}

bool limit_is_given(const json_t *section)
{
    return json_object_get(section, "limit") != NULL || json_object_get(section, "quota") != NULL ||
           json_object_get(section, "concurrent") != NULL;
}

static int read_window(const json_t *section, const char *where, struct limit *limit,
                       struct gw_error *error)
{
    json_t *window = json_object_get(section, "window");

    limit->window_ns = window != NULL ? number_of(section, "window") : 60 * GW_NS_PER_SECOND;
    limit->burst = number_of(section, "burst");
    limit->kind = limit->burst > 0 ? LIMIT_RATE : LIMIT_WINDOW;
    if (limit->window_ns == 0 || limit->window_ns % GW_NS_PER_SECOND != 0)
        return gw_error_set_at(error, -EINVAL, where, "the window must be whole seconds");
    limit->window = (struct window_rule){limit->amount, limit->window_ns / GW_NS_PER_US,
                                         (limit->amount + LIMIT_CELLS - 1) / LIMIT_CELLS};
    int rc = gcra_rate_init(limit->amount, limit->window_ns, limit->burst > 0 ? limit->burst : 1,
                            &limit->rate);
    if (rc == 0)
        return 0;
    return gw_error_set_at(error, rc, where,
                           "a limit allows at most %d requests per second, and its burst must be "
                           "regained within 4 years",
                           GCRA_MAX_PER_SECOND);
}

static int read_quota(const json_t *section, const char *where, struct limit *limit,
                      struct gw_error *error)
{
    const char *zone = json_string_value(json_object_get(section, "zone"));

    limit->kind = LIMIT_QUOTA;
    limit->unit = is_word(section, "per", "day") ? CALENDAR_DAY : CALENDAR_MONTH;
    limit->is_open = is_word(section, "away", "open");
    if (zone != NULL && calendar_offset_parse(gw_str_of(zone), &limit->offset_s) != 0)
        return gw_error_set_at(error, -EINVAL, where,
                               "a zone is UTC or an offset such as +01:00, at most 14 hours");
    return 0;
}

static int read_kind(const json_t *section, const char *where, struct limit *limit,
                     struct gw_error *error)
{
    uint64_t amounts[] = {number_of(section, "limit"), number_of(section, "quota"),
                          number_of(section, "concurrent")};

    if ((amounts[0] > 0) + (amounts[1] > 0) + (amounts[2] > 0) != 1)
        return gw_error_set_at(error, -EINVAL, where,
                               "one of limit, quota and concurrent must be given, above 0");
    limit->amount = amounts[0] + amounts[1] + amounts[2];
    if (amounts[0] > 0)
        return read_window(section, where, limit, error);
    if (amounts[1] > 0)
        return read_quota(section, where, limit, error);
    limit->kind = LIMIT_CONCURRENT;
    limit->slot_ttl_ns = number_of(section, "slot_ttl");
    if (limit->slot_ttl_ns == 0)
        limit->slot_ttl_ns = 10 * GW_NS_PER_SECOND;
    return 0;
}

/* What the script takes: a field of the hash (its first letter is the kind) and three numbers. */
static void print_args(struct gw_arena *memory, struct limit *limit)
{
    static const char letters[] = "gwqc";
    unsigned long long numbers[3] = {limit->amount, 0, 0};

    if (limit->kind == LIMIT_RATE) {
        numbers[0] = limit->rate.step_ticks;
        numbers[1] = limit->rate.room_ticks;
    } else if (limit->kind == LIMIT_WINDOW) {
        numbers[1] = limit->window.length_us;
        numbers[2] = limit->window.cell;
    } else if (limit->kind == LIMIT_QUOTA) {
        numbers[1] = limit->unit;
    } else {
        numbers[1] = limit->slot_ttl_ns / GW_NS_PER_US;
    }
    limit->args[0] =
        gw_arena_printf(memory, "%c:%.*s", letters[limit->kind], GW_STR_ARG(limit->name));
    for (int i = 0; i < 3; i++)
        limit->args[i + 1] = gw_arena_printf(memory, "%llu", numbers[i]);
    if (limit->kind == LIMIT_QUOTA)
        limit->args[3] = gw_arena_printf(memory, "%lld", (long long)limit->offset_s);
}

/* draft-ietf-httpapi-ratelimit-headers, section 3: q, and w where there is a window, qu where it is
 * not requests that are counted. */
static void print_policy(struct gw_arena *memory, struct limit *limit)
{
    unsigned long long amount = limit->amount;
    unsigned long long window_s = limit->window_ns / GW_NS_PER_SECOND;
    struct gw_str name = limit->name;

    if (limit->kind == LIMIT_CONCURRENT)
        limit->policy = gw_arena_printf(memory, "\"%.*s\";q=%llu;qu=\"concurrent-requests\"",
                                        GW_STR_ARG(name), amount);
    else if (limit->kind == LIMIT_QUOTA && limit->unit == CALENDAR_DAY)
        limit->policy =
            gw_arena_printf(memory, "\"%.*s\";q=%llu;w=86400", GW_STR_ARG(name), amount);
    else if (limit->kind == LIMIT_QUOTA)
        limit->policy = gw_arena_printf(memory, "\"%.*s\";q=%llu", GW_STR_ARG(name), amount);
    else if (limit->kind == LIMIT_RATE && limit->burst != limit->amount)
        limit->policy =
            gw_arena_printf(memory, "\"%.*s\";q=%llu;w=%llu;burst=%llu", GW_STR_ARG(name), amount,
                            window_s, (unsigned long long)limit->burst);
    else
        limit->policy =
            gw_arena_printf(memory, "\"%.*s\";q=%llu;w=%llu", GW_STR_ARG(name), amount, window_s);
}

static int print_texts(struct gw_arena *memory, struct limit *limit)
{
    struct gw_str name = limit->name;

    print_args(memory, limit);
    print_policy(memory, limit);
    limit->prefix = gw_arena_printf(memory, "\"%.*s\";r=", GW_STR_ARG(name));
    limit->member = gw_arena_printf(memory, "\"limit\":\"%.*s\"", GW_STR_ARG(name));
    limit->refusal = gw_arena_printf(memory,
                                     "The limit \"%.*s\" is reached; Retry-After says when to come "
                                     "back.",
                                     GW_STR_ARG(name))
                         .ptr;
    bool is_whole = limit->policy.ptr != NULL && limit->prefix.ptr != NULL &&
                    limit->member.ptr != NULL && limit->refusal != NULL;
    for (int i = 0; i < LIMIT_ARGS; i++)
        is_whole = is_whole && limit->args[i].ptr != NULL;
    return is_whole ? 0 : -ENOMEM;
}

int limit_read(struct gw_arena *memory, struct gw_str name, const json_t *section,
               const char *where, struct limit *out_limit, struct gw_error *error)
{
    const char *scope = json_string_value(json_object_get(section, "scope"));
    struct limit limit = {.name = name};
    int rc = read_kind(section, where, &limit, error);

    if (rc != 0)
        return rc;
    rc = scope_parse(memory, gw_str_of(scope != NULL ? scope : "consumer"), &limit.scope);
    if (rc == -EINVAL)
        return gw_error_set_at(error, rc, where,
                               "a scope is consumer, plan, operation, api, ip or claim:NAME");
    limit.is_leased =
        !is_word(section, "mode", "exact") && limit_capacity(&limit) >= LIMIT_LEASE_LEAST;
    if (rc == 0)
        rc = print_texts(memory, &limit);
    if (rc != 0)
        return gw_error_set(error, rc, "no memory for the plans");
    *out_limit = limit;
    return 0;
}

uint64_t limit_capacity(const struct limit *limit)
{
    if (limit->kind == LIMIT_WINDOW)
        return limit->amount;
    if (limit->kind == LIMIT_RATE)
        return limit->burst < limit->amount ? limit->burst : limit->amount;
    return 0;
}

uint64_t limit_share(uint64_t amount, uint64_t sharers)
{
    return amount > sharers ? amount / sharers : 1;
}
