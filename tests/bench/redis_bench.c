/* What one decision of the rate limit costs: CPU time of this process and of Redis per EVALSHA,
 * with 1, 4 and 64 under way. Prints; judges nothing. Usage: redis_bench [decisions] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "policies/rate_limit/take.h"
#include "server/core/clock.h"
#include "server/net/loop.h"
#include "server/store/private_redis.h"

#define MAX_DEPTH 64
#define SUBJECTS 1000
#define DEFAULT_DECISIONS 200000

struct bench {
    struct gw_loop *loop;
    struct gw_redis *redis;
    const char *name; /* of the plan */
    const struct plan_group *group;
    unsigned to_send, to_come, failures;
};

/* One of those under way: when it is answered, it asks again. */
struct asker {
    struct bench *bench;
    struct take_args args;
    char key_text[64];
    unsigned subject;
};

static void on_answer(void *self, int rc, const struct gw_reply *reply);

static void ask(struct asker *asker)
{
    struct bench *bench = asker->bench;

    if (bench->to_send == 0)
        return;
    bench->to_send--;
    asker->subject = (asker->subject + MAX_DEPTH) % SUBJECTS;
    int len = snprintf(asker->key_text, sizeof(asker->key_text), "millgate:rl:{issuer/%u}:%s",
                       asker->subject, bench->name);
    const struct take_question question = {.group = bench->group,
                                           .key = gw_str_from(asker->key_text, (size_t)len),
                                           .holder = GW_STR("bench"),
                                           .weight = 1,
                                           .want = 1,
                                           .timeout_ns = GW_NS_PER_SECOND * 10};
    take_args_fill(&asker->args, &question);
    if (gw_redis_eval(bench->redis, &asker->args.eval, on_answer, asker, NULL) != 0) {
        bench->failures++;
        bench->to_come--;
    }
}

static void on_answer(void *self, int rc, const struct gw_reply *reply)
{
    struct asker *asker = self;

    asker->bench->failures += rc != 0 || reply->type != GW_REPLY_ARRAY;
    asker->bench->to_come--;
    ask(asker);
}

static double own_cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static double cpu_us_of(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    const char *rest = strrchr(text, ')');
    if (rest != NULL)
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static void run(struct bench *bench, pid_t redis_pid, unsigned depth, unsigned decisions)
{
    static struct asker askers[MAX_DEPTH];
    struct gw_redis_stats before, after;

    bench->to_send = bench->to_come = decisions;
    bench->failures = 0;
    gw_redis_get_stats(bench->redis, &before);
    double own_us = own_cpu_us();
    double redis_us = cpu_us_of(redis_pid);
    for (unsigned i = 0; i < depth; i++) {
        askers[i] = (struct asker){.bench = bench, .subject = i};
        ask(&askers[i]);
    }
    while (bench->to_come > 0)
        gw_loop_turn(bench->loop, 100);
    own_us = own_cpu_us() - own_us;
    redis_us = cpu_us_of(redis_pid) - redis_us;
    gw_redis_get_stats(bench->redis, &after);
    printf(
        "%-10s %3u under way: client %5.2f us, redis %5.2f us per decision; %4.1f in a write; %u "
        "failed\n",
        bench->name, depth, own_us / decisions, redis_us / decisions,
        (double)(after.commands - before.commands) / (double)(after.writes - before.writes),
        bench->failures);
}

static const char plans[] =
    "{\"rate\":{\"limit\":6000000,\"burst\":6000000},\"window\":{\"limit\":6000000},"
    "\"three\":{\"limits\":{\"second\":{\"limit\":100000,\"window\":1000000000,\"burst\":1000},"
    "\"minute\":{\"limit\":6000000},\"month\":{\"quota\":1000000000}}}}";

static void run_plan(struct bench *bench, const struct plan_table *table, const char *name,
                     pid_t redis_pid, unsigned decisions)
{
    bench->name = name;
    bench->group = &plan_table_find(table, gw_str_of(name))->groups[0];
    run(bench, redis_pid, 1, decisions / 10 + 1);
    run(bench, redis_pid, 4, decisions / 4 + 1);
    run(bench, redis_pid, 64, decisions);
}

int main(int argc, char **argv)
{
    unsigned decisions = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : DEFAULT_DECISIONS;
    char folder[] = "/tmp/millgate-bench-XXXXXX";
    struct gw_private_redis_config private_config = {.state_folder = folder};
    struct gw_private_redis *own = NULL;
    struct gw_redis_config config;
    struct bench bench = {0};
    struct gw_error error;

    if (decisions == 0 || mkdtemp(folder) == NULL || gw_loop_create(&bench.loop, &error) != 0)
        return EXIT_FAILURE;
    if (gw_private_redis_start(bench.loop, &private_config, &own, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        return EXIT_FAILURE;
    }
    gw_private_redis_get_config(own, &config);
    if (gw_redis_create(bench.loop, &config, &bench.redis, &error) != 0)
        return EXIT_FAILURE;
    while (!gw_redis_is_up(bench.redis))
        gw_loop_turn(bench.loop, 10);
    json_t *section = json_loads(plans, 0, NULL);
    struct plan_table table;
    if (section == NULL || plan_table_init(&table, section, &error) != 0)
        return EXIT_FAILURE;
    pid_t redis_pid = gw_private_redis_get_pid(own);
    run_plan(&bench, &table, "rate", redis_pid, 1000); /* the script is known from here on */
    run_plan(&bench, &table, "rate", redis_pid, decisions);
    run_plan(&bench, &table, "window", redis_pid, decisions);
    run_plan(&bench, &table, "three", redis_pid, decisions);
    plan_table_finish(&table);
    json_decref(section);
    gw_redis_destroy(bench.redis);
    gw_private_redis_stop(own);
    gw_loop_destroy(bench.loop);
    printf("data left in %s\n", folder);
    return EXIT_SUCCESS;
}
