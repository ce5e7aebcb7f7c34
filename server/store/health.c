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

/* What is being judged, and where findings go. */
struct judgement {
    const struct gw_redis_needs *needs;
    const char *node;
    struct gw_redis_problems *problems;
};

/* NULL at the maximum. */
GW_PRINTF(3, 4)
static struct gw_redis_problem *add(const struct judgement *judgement, const char *name,
                                    const char *format, ...)
{
    struct gw_redis_problems *problems = judgement->problems;
    va_list args;

    if (problems->count == GW_REDIS_MAX_PROBLEMS)
        return NULL;
    struct gw_redis_problem *problem = &problems->items[problems->count++];
    *problem = (struct gw_redis_problem){.name = name};
    snprintf(problem->node, sizeof(problem->node), "%s", judgement->node);
    va_start(args, format);
    vsnprintf(problem->text, sizeof(problem->text), format, args);
    va_end(args);
    return problem;
}

static void add_minor(const struct judgement *judgement, const char *name, const char *text)
{
    struct gw_redis_problem *problem = add(judgement, name, "%s", text);

    if (problem != NULL)
        problem->is_minor = true;
}

bool gw_redis_is_fit(const struct gw_redis_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        if (!problems->items[i].is_minor)
            return false;
    }
    return true;
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

static void judge_memory(const struct judgement *judgement, struct gw_str info)
{
    struct gw_str policy = find_value(info, "maxmemory_policy");
    uint64_t used = find_number(info, "used_memory");
    uint64_t max = find_number(info, "maxmemory");

    if (!gw_str_equal(policy, GW_STR("noeviction")))
        add(judgement, "redis-evicts",
            "maxmemory-policy is %.*s: Redis may drop limits and records; it must be noeviction",
            GW_STR_ARG(policy));
    if (max > 0 && used >= max)
        add(judgement, "redis-full",
            "maxmemory is reached (%llu of %llu bytes): writes are refused",
            (unsigned long long)used, (unsigned long long)max);
}

static void judge_file(const struct judgement *judgement, struct gw_str info)
{
    struct gw_str status = find_value(info, "aof_last_write_status");

    if (find_number(info, "loading") != 0)
        add(judgement, "redis-loading", "Redis is still reading its data");
    if (judgement->needs->must_append && find_number(info, "aof_enabled") == 0)
        add(judgement, "redis-not-append-only",
            "appendonly is off: a restart of Redis would lose records");
    if (status.len > 0 && !gw_str_equal(status, GW_STR("ok")))
        add(judgement, "redis-write-error", "Redis cannot write its append-only file");
}

static void judge_replication(const struct judgement *judgement, struct gw_str info)
{
    const struct gw_redis_needs *needs = judgement->needs;
    struct gw_str role = find_value(info, "role");
    uint64_t replicas = find_number(info, "connected_slaves");

    if (!gw_str_equal(role, GW_STR("master")))
        add(judgement, "redis-not-primary", "its role is %.*s: it takes no writes",
            GW_STR_ARG(role));
    else if (replicas < needs->min_replicas)
        add(judgement, "redis-too-few-replicas", "%llu replicas are connected, %u are needed",
            (unsigned long long)replicas, needs->min_replicas);
    else if (replicas == 0 && needs->wants_replica) {
        add_minor(judgement, "redis-no-replica",
                  "it has no replica: if it dies, nothing takes over");
    }
}

void gw_redis_health_judge(const struct gw_redis_needs *needs, const char *node, struct gw_str info,
                           struct gw_redis_problems *problems)
{
    const struct judgement judgement = {needs, node, problems};

    judge_memory(&judgement, info);
    judge_file(&judgement, info);
    judge_replication(&judgement, info);
}

void gw_redis_health_judge_sync(const struct gw_redis_needs *needs, const char *node,
                                struct gw_str policy, struct gw_redis_problems *problems)
{
    const struct judgement judgement = {needs, node, problems};

    if (policy.ptr == NULL) {
        add_minor(&judgement, "redis-sync-unknown",
                  "CONFIG GET appendfsync is not answered: it must be always, see to it");
        return;
    }
    if (gw_str_equal(policy, GW_STR("always")))
        return;
    struct gw_redis_problem *problem =
        add(&judgement, "redis-not-synced",
            "appendfsync is %.*s: records that it has acknowledged may die with it; it must be "
            "always",
            GW_STR_ARG(policy));
    if (problem != NULL)
        problem->is_minor = needs->min_replicas > 0;
}

/* --- asking --- */

struct gw_redis_health {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_redis_needs needs;
    struct gw_timer timer;
    struct gw_redis_call *call;
    size_t index;                         /* of the server that is being asked */
    struct gw_redis_problems next;        /* found in this round */
    struct gw_redis_problems found;       /* by the last one */
    struct gw_redis_problems unreachable; /* filled when it is asked for */
    bool is_answered;                     /* there was a round */
    uint64_t due_ns;                      /* of the next one */
    uint64_t connects;                    /* made, when it was asked last */
};

/* Said once when it begins, not with each question. */
static void log_changes(const struct gw_redis_problems *before,
                        const struct gw_redis_problems *after)
{
    for (size_t i = 0; i < after->count; i++) {
        const struct gw_redis_problem *problem = &after->items[i];
        bool is_known = false;
        for (size_t j = 0; j < before->count; j++)
            is_known |= before->items[j].name == problem->name &&
                        strcmp(before->items[j].node, problem->node) == 0;
        if (!is_known)
            gw_log_warn("%s: redis %s: %s", problem->name, problem->node, problem->text);
    }
}

static void on_tick(struct gw_timer *timer);

static void end_round(struct gw_redis_health *health)
{
    log_changes(&health->found, &health->next);
    health->found = health->next;
    health->is_answered = true;
    uint64_t pause_ns = health->found.count == 0 ? health->needs.period_ns : SOON_NS;
    health->due_ns = gw_loop_now_ns(health->loop) + pause_ns;
    gw_timer_start(health->loop, &health->timer, pause_ns < SOON_NS ? pause_ns : SOON_NS, on_tick);
}

static void add_unreachable(struct gw_redis_problems *problems, const struct gw_redis *server,
                            const char *reason)
{
    const struct judgement judgement = {.node = gw_redis_get_address(server), .problems = problems};

    add(&judgement, "redis-unreachable", "%s", reason[0] != '\0' ? reason : "not connected yet");
}

static void ask_next(struct gw_redis_health *health);

/* Many who run a Redis for others let nobody ask. */
static void on_policy(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_redis_health *health = self;
    struct gw_redis *server = gw_redis_get_node(health->redis, health->index++);
    bool is_told = rc == 0 && reply->type == GW_REPLY_ARRAY && reply->count == 2;

    health->call = NULL;
    if (server != NULL && rc == 0)
        gw_redis_health_judge_sync(&health->needs, gw_redis_get_address(server),
                                   is_told ? reply->items[1].text : gw_str_from(NULL, 0),
                                   &health->next);
    else if (server != NULL)
        add_unreachable(&health->next, server, "it does not answer in time");
    ask_next(health);
}

static bool ask_policy(struct gw_redis_health *health, struct gw_redis *server)
{
    const struct gw_str words[] = {GW_STR("CONFIG"), GW_STR("GET"), GW_STR("appendfsync")};
    const struct gw_redis_command command = {words, GW_COUNT_OF(words), TIMEOUT_NS};

    return gw_redis_send(server, &command, on_policy, health, &health->call) == 0;
}

static void on_info(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_redis_health *health = self;
    struct gw_redis *server = gw_redis_get_node(health->redis, health->index);

    health->call = NULL;
    if (server != NULL && rc == 0 && reply->type == GW_REPLY_STRING) {
        gw_redis_health_judge(&health->needs, gw_redis_get_address(server), reply->text,
                              &health->next);
        if (health->needs.must_sync && ask_policy(health, server))
            return;
    } else if (server != NULL) {
        add_unreachable(&health->next, server,
                        rc == 0 ? "it does not answer INFO" : "it does not answer in time");
    }
    health->index++;
    ask_next(health);
}

/* One server after the other. */
static void ask_next(struct gw_redis_health *health)
{
    const struct gw_str word = GW_STR("INFO");
    const struct gw_redis_command command = {&word, 1, TIMEOUT_NS};

    for (; health->index < gw_redis_count_nodes(health->redis); health->index++) {
        struct gw_redis *server = gw_redis_get_node(health->redis, health->index);
        if (server == NULL)
            continue;
        if (gw_redis_send(server, &command, on_info, health, &health->call) == 0)
            return;
        add_unreachable(&health->next, server, gw_redis_get_reason(server));
    }
    end_round(health);
}

static uint64_t count_connects(const struct gw_redis *redis)
{
    struct gw_redis_stats stats;

    gw_redis_get_stats(redis, &stats);
    return stats.connects;
}

/* A new connection may be one to another server, or to the same with other settings. */
static void on_tick(struct gw_timer *timer)
{
    struct gw_redis_health *health = GW_CONTAINER_OF(timer, struct gw_redis_health, timer);
    uint64_t connects = count_connects(health->redis);

    if (gw_loop_now_ns(health->loop) < health->due_ns && connects == health->connects) {
        gw_timer_start(health->loop, timer, SOON_NS, on_tick);
        return;
    }
    health->connects = connects;
    health->index = 0;
    health->next.count = 0;
    ask_next(health);
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
    on_tick(&health->timer);
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
    struct gw_redis *redis = health->redis;

    if (gw_redis_is_up(redis) && health->is_answered)
        return &health->found;
    health->unreachable.count = 0;
    for (size_t i = 0; i < gw_redis_count_nodes(redis); i++) {
        const struct gw_redis *server = gw_redis_get_node(redis, i);
        if (server != NULL && !gw_redis_is_up(server))
            add_unreachable(&health->unreachable, server, gw_redis_get_reason(server));
    }
    if (health->unreachable.count == 0)
        add_unreachable(&health->unreachable, redis,
                        gw_redis_is_up(redis) ? "not asked yet" : gw_redis_get_reason(redis));
    return &health->unreachable;
}
