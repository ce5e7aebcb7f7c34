#include "server/store/health.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define PERIOD_NS (60 * GW_NS_PER_SECOND)
#define SOON_NS GW_NS_PER_SECOND /* while something is wrong */
#define TIMEOUT_NS GW_NS_PER_SECOND

GW_PRINTF(3, 4)
static void add(struct gw_redis_problems *problems, const char *name, const char *format, ...)
{
    va_list args;

    if (problems->count == GW_REDIS_MAX_PROBLEMS)
        return;
    struct gw_redis_problem *problem = &problems->items[problems->count++];
    problem->name = name;
    va_start(args, format);
    vsnprintf(problem->text, sizeof(problem->text), format, args);
    va_end(args);
}

/* The value of `name` in INFO's lines ("name:value\r\n"); ptr NULL if it is not there. */
static struct gw_str find_value(struct gw_str info, const char *name)
{
    struct gw_str key = gw_str_of(name);
    struct gw_str line;

    while (gw_str_split(&info, '\n', &line)) {
        if (!gw_str_has_prefix(line, key) || line.len <= key.len || line.ptr[key.len] != ':')
            continue;
        struct gw_str value = gw_str_tail(line, key.len + 1);
        if (value.len > 0 && value.ptr[value.len - 1] == '\r')
            value.len--;
        return value;
    }
    return gw_str_from(NULL, 0);
}

static uint64_t find_number(struct gw_str info, const char *name)
{
    uint64_t number;

    return gw_str_to_u64(find_value(info, name), &number) == 0 ? number : 0;
}

static void judge_memory(struct gw_str info, struct gw_redis_problems *problems)
{
    struct gw_str policy = find_value(info, "maxmemory_policy");
    uint64_t used = find_number(info, "used_memory");
    uint64_t max = find_number(info, "maxmemory");

    if (!gw_str_equal(policy, GW_STR("noeviction")))
        add(problems, "redis-evicts",
            "maxmemory-policy is %.*s: Redis may drop limits and records; it must be noeviction",
            GW_STR_ARG(policy));
    if (max > 0 && used >= max)
        add(problems, "redis-full", "maxmemory is reached (%llu of %llu bytes): writes are refused",
            (unsigned long long)used, (unsigned long long)max);
}

static void judge_file(const struct gw_redis_needs *needs, struct gw_str info,
                       struct gw_redis_problems *problems)
{
    struct gw_str status = find_value(info, "aof_last_write_status");

    if (find_number(info, "loading") != 0)
        add(problems, "redis-loading", "Redis is still reading its data");
    if (needs->must_append && find_number(info, "aof_enabled") == 0)
        add(problems, "redis-not-append-only",
            "appendonly is off: a restart of Redis would lose records");
    if (status.len > 0 && !gw_str_equal(status, GW_STR("ok")))
        add(problems, "redis-write-error", "Redis cannot write its append-only file");
}

static void judge_replication(const struct gw_redis_needs *needs, struct gw_str info,
                              struct gw_redis_problems *problems)
{
    struct gw_str role = find_value(info, "role");
    uint64_t replicas = find_number(info, "connected_slaves");

    if (!gw_str_equal(role, GW_STR("master")))
        add(problems, "redis-not-primary", "its role is %.*s: it takes no writes",
            GW_STR_ARG(role));
    else if (replicas < needs->min_replicas)
        add(problems, "redis-too-few-replicas", "%llu replicas are connected, %u are needed",
            (unsigned long long)replicas, needs->min_replicas);
}

void gw_redis_health_judge(const struct gw_redis_needs *needs, struct gw_str info,
                           struct gw_redis_problems *out_problems)
{
    out_problems->count = 0;
    judge_memory(info, out_problems);
    judge_file(needs, info, out_problems);
    judge_replication(needs, info, out_problems);
}

/* --- asking --- */

struct gw_redis_health {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_redis_needs needs;
    struct gw_timer timer;
    struct gw_redis_call *call;
    struct gw_redis_problems found;       /* by the last answer */
    struct gw_redis_problems unreachable; /* filled when it is asked for */
    bool is_answered;                     /* the last question was */
};

static void ask(struct gw_timer *timer);

static void ask_again(struct gw_redis_health *health)
{
    bool is_well = health->is_answered && health->found.count == 0;
    gw_timer_start(health->loop, &health->timer, is_well ? health->needs.period_ns : SOON_NS, ask);
}

/* Said once when it begins, not with each question. */
static void log_changes(const struct gw_redis_problems *before,
                        const struct gw_redis_problems *after)
{
    for (size_t i = 0; i < after->count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < before->count; j++)
            is_known |= before->items[j].name == after->items[i].name;
        if (!is_known)
            gw_log_warn("%s: %s", after->items[i].name, after->items[i].text);
    }
}

static void on_info(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_redis_health *health = self;
    struct gw_redis_problems before = health->found;

    health->call = NULL;
    health->is_answered = rc == 0 && reply->type == GW_REPLY_STRING;
    if (health->is_answered) {
        gw_redis_health_judge(&health->needs, reply->text, &health->found);
        log_changes(&before, &health->found);
    }
    ask_again(health);
}

static void ask(struct gw_timer *timer)
{
    struct gw_redis_health *health = GW_CONTAINER_OF(timer, struct gw_redis_health, timer);
    const struct gw_str word = GW_STR("INFO");
    const struct gw_redis_command command = {&word, 1, TIMEOUT_NS};

    if (gw_redis_send(health->redis, &command, on_info, health, &health->call) != 0) {
        health->is_answered = false;
        ask_again(health);
    }
}

struct gw_redis_health *gw_redis_health_create(struct gw_loop *loop, struct gw_redis *redis,
                                               const struct gw_redis_needs *needs)
{
    struct gw_redis_health *health = calloc(1, sizeof(*health));

    if (health == NULL)
        return NULL;
    health->loop = loop;
    health->redis = redis;
    health->needs = *needs;
    if (health->needs.period_ns == 0)
        health->needs.period_ns = PERIOD_NS;
    ask(&health->timer);
    return health;
}

void gw_redis_health_destroy(struct gw_redis_health *health)
{
    if (health == NULL)
        return;
    gw_timer_stop(&health->timer);
    if (health->call != NULL)
        gw_redis_cancel(health->call);
    free(health);
}

const struct gw_redis_problems *gw_redis_health_get(struct gw_redis_health *health)
{
    if (gw_redis_is_up(health->redis) && health->is_answered)
        return &health->found;
    health->unreachable.count = 0;
    const char *reason = gw_redis_get_reason(health->redis);
    add(&health->unreachable, "redis-unreachable", "%s",
        gw_redis_is_up(health->redis) ? "Redis does not answer"
        : reason[0] != '\0'           ? reason
                                      : "not connected yet");
    return &health->unreachable;
}
