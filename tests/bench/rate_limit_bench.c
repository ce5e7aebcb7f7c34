/* What one decision of the rate limit costs in the gateway, in CPU time of this process and of its
 * Redis: exchanges in memory through the filter, 64 at a time, as a turn of a busy worker has them.
 * Beside it the same exchanges with no plan, which is in all of the others. Prints medians of the
 * rounds; judges nothing. Usage: rate_limit_bench [requests in a round] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "policies/rate_limit/rate_limit.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/filter/chain.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/store/private_redis.h"

#define ROUNDS 11
#define BATCH 64
#define MAX_CONSUMERS 1000
#define DEFAULT_REQUESTS 6400

static const char plans[] =
    "{\"leased\":{\"limit\":6000000},\"exact\":{\"limit\":6000000,\"mode\":\"exact\"},"
    "\"rate\":{\"limit\":6000000,\"burst\":6000000,\"mode\":\"exact\"},"
    "\"three\":{\"limits\":{\"second\":{\"limit\":100000,\"window\":1000000000,\"burst\":100000},"
    "\"minute\":{\"limit\":6000000},\"month\":{\"quota\":1000000000}}}}";

struct bench {
    struct gw_worker worker;
    struct gw_chain chain;
    struct gw_exchange_pool pool;
    struct gw_operation operation;
    char consumers[MAX_CONSUMERS][24];
    size_t consumer_count, next;
    unsigned refused;
    pid_t redis_pid;
};

static void end_of_chain(struct gw_exchange *ex)
{
    ex->response.status = 200;
    gw_chain_response_set(ex);
}

static double own_cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* To the ns, unlike /proc/PID/stat. */
static double cpu_us_of(pid_t pid)
{
    char path[64];
    double ns = 0;

    snprintf(path, sizeof(path), "/proc/%ld/schedstat", (long)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%lf", &ns) != 1)
        ns = 0;
    fclose(file);
    return ns / 1000;
}

static struct gw_exchange *begin(struct bench *bench)
{
    struct gw_exchange *ex = gw_exchange_take(&bench->pool);

    if (ex == NULL)
        abort();
    ex->worker = &bench->worker;
    ex->operation = &bench->operation;
    ex->now_ns = gw_loop_now_ns(bench->worker.loop);
    ex->identity.consumer = gw_str_of(bench->consumers[bench->next++ % bench->consumer_count]);
    gw_chain_run(&bench->chain, ex);
    return ex;
}

static void run_batch(struct bench *bench)
{
    struct gw_exchange *exchanges[BATCH];

    for (unsigned i = 0; i < BATCH; i++)
        exchanges[i] = begin(bench);
    gw_redis_flush(bench->worker.redis);
    for (unsigned i = 0; i < BATCH; i++) {
        while (exchanges[i]->state == GW_EXCHANGE_DECIDING)
            gw_loop_turn(bench->worker.loop, 10);
        bench->refused += exchanges[i]->response.status != 200;
        gw_exchange_give_back(&bench->pool, exchanges[i]);
    }
    gw_loop_turn(bench->worker.loop, 0);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double run(struct bench *bench, const char *plan, size_t consumers, unsigned requests,
                  double base_us)
{
    double own[ROUNDS], redis[ROUNDS];

    bench->operation.plan = gw_str_of(plan);
    bench->consumer_count = consumers;
    for (unsigned i = 0; i < 20; i++)
        run_batch(bench);
    bench->refused = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        double own_us = own_cpu_us(), redis_us = cpu_us_of(bench->redis_pid);
        for (unsigned i = 0; i < requests / BATCH; i++)
            run_batch(bench);
        own[round] = (own_cpu_us() - own_us) / requests;
        redis[round] = (cpu_us_of(bench->redis_pid) - redis_us) / requests;
    }
    qsort(own, ROUNDS, sizeof(own[0]), compare);
    qsort(redis, ROUNDS, sizeof(redis[0]), compare);
    printf(
        "%-8s %5zu consumers: %6.3f us (%.3f-%.3f), %6.3f over none; redis %6.3f us; %u refused\n",
        *plan != '\0' ? plan : "none", consumers, own[ROUNDS / 2], own[0], own[ROUNDS - 1],
        own[ROUNDS / 2] - base_us, redis[ROUNDS / 2], bench->refused);
    return own[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    static struct bench bench;
    unsigned requests = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : DEFAULT_REQUESTS;
    char folder[] = "/tmp/millgate-bench-XXXXXX";
    struct gw_private_redis_config private_config = {.state_folder = folder};
    struct gw_private_redis *own = NULL;
    struct gw_redis_config config;
    struct gw_error error = {0};
    void *limit = NULL;

    json_t *options =
        json_pack("{s:o, s:I, s:i, s:i, s:I, s:i}", "plans", json_loads(plans, 0, NULL),
                  "redis_timeout", (json_int_t)GW_NS_PER_SECOND, "instances", 1, "breaker_failures",
                  5, "breaker_pause", (json_int_t)GW_NS_PER_SECOND, "local_subjects", 10000);
    if (requests < BATCH || mkdtemp(folder) == NULL || options == NULL ||
        gw_loop_create(&bench.worker.loop, &error) != 0 ||
        gw_private_redis_start(bench.worker.loop, &private_config, &own, &error) != 0)
        goto fail;
    gw_private_redis_get_config(own, &config);
    config.timeout_ns = GW_NS_PER_SECOND;
    if (gw_redis_create(bench.worker.loop, &config, &bench.worker.redis, &error) != 0 ||
        gw_rate_limit.create(options, &limit, &error) != 0)
        goto fail;
    while (!gw_redis_is_up(bench.worker.redis))
        gw_loop_turn(bench.worker.loop, 10);
    gw_list_init(&bench.worker.tenants);
    bench.worker.count = 1;
    bench.chain =
        (struct gw_chain){.links = {{&gw_rate_limit, limit}}, .count = 1, .end = end_of_chain};
    bench.redis_pid = gw_private_redis_get_pid(own);
    gw_exchange_pool_init(&bench.pool, 1000, 1024 * 1024);
    for (size_t i = 0; i < MAX_CONSUMERS; i++)
        snprintf(bench.consumers[i], sizeof(bench.consumers[i]), "issuer:consumer-%zu", i);

    double base_us = run(&bench, "", 10, requests, 0);
    run(&bench, "leased", 10, requests, base_us);
    run(&bench, "leased", MAX_CONSUMERS, requests, base_us);
    run(&bench, "exact", 10, requests, base_us);
    run(&bench, "exact", MAX_CONSUMERS, requests, base_us);
    run(&bench, "rate", MAX_CONSUMERS, requests, base_us);
    run(&bench, "three", MAX_CONSUMERS, requests, base_us);
    gw_rate_limit.destroy(limit);
    gw_redis_destroy(bench.worker.redis);
    gw_private_redis_stop(own);
    gw_exchange_pool_finish(&bench.pool);
    gw_loop_destroy(bench.worker.loop);
    json_decref(options);
    printf("data left in %s\n", folder);
    return EXIT_SUCCESS;
fail:
    fprintf(stderr, "%s\n", error.text);
    return EXIT_FAILURE;
}
