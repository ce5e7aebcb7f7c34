#include "limit_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "policies/rate_limit/rate_limit.h"
#include "server/core/clock.h"

static void end_of_chain(struct gw_exchange *ex)
{
    ex->response.status = 200;
    assert_int_equal(gw_response_add_field(ex, GW_STR("RateLimit"), GW_STR("upstream's")), 0);
    gw_chain_response_set(ex);
}

void limit_worker_start(struct limit_rig *rig, struct limit_worker *worker, struct gw_redis *redis,
                        unsigned timeout_ms)
{
    struct gw_error error;

    *worker = (struct limit_worker){0};
    worker->config = json_pack("{s:o, s:I, s:i, s:i, s:I, s:i}", "plans",
                               json_loads(rig->plans, 0, NULL), "redis_timeout",
                               (json_int_t)timeout_ms * 1000000, "instances", 2, "breaker_failures",
                               5, "breaker_pause", (json_int_t)200000000, "local_subjects", 100);
    assert_non_null(worker->config);
    assert_int_equal(gw_rate_limit.create(worker->config, &worker->limit, &error), 0);
    worker->worker = (struct gw_worker){.loop = rig->redis.loop, .redis = redis, .count = 2};
    gw_list_init(&worker->worker.tenants);
    worker->chain = (struct gw_chain){
        .links = {{&gw_rate_limit, worker->limit}}, .count = 1, .end = end_of_chain};
}

void limit_worker_stop(struct limit_worker *worker)
{
    gw_rate_limit.destroy(worker->limit);
    json_decref(worker->config);
}

void limit_rig_start(struct limit_rig *rig, const char *plans, const char *plan)
{
    *rig = (struct limit_rig){.plans = plans};
    redis_rig_start(&rig->redis, NULL);
    redis_rig_connect(&rig->redis, NULL);
    redis_rig_wait_up(&rig->redis);
    gw_exchange_pool_init(&rig->pool, 1000, 1024 * 1024);
    rig->operation = (struct gw_operation){.plan = gw_str_of(plan)};
    limit_worker_start(rig, &rig->first, rig->redis.redis, 5000);
}

void limit_rig_stop(struct limit_rig *rig)
{
    limit_worker_stop(&rig->first);
    gw_exchange_pool_finish(&rig->pool);
    redis_rig_stop(&rig->redis);
}

struct gw_exchange *limit_rig_begin_with(struct limit_rig *rig, struct limit_worker *worker,
                                         const char *consumer, const char *peer,
                                         void (*prepare)(struct gw_exchange *ex))
{
    struct gw_exchange *ex = gw_exchange_take(&rig->pool);

    assert_non_null(ex);
    ex->worker = &worker->worker;
    ex->operation = &rig->operation;
    ex->wall_ns = gw_clock_realtime_ns();
    ex->identity.consumer = gw_str_of(consumer);
    ex->request.peer = gw_str_of(peer);
    if (prepare != NULL)
        prepare(ex);
    gw_chain_run(&worker->chain, ex);
    return ex;
}

struct gw_exchange *limit_rig_begin(struct limit_rig *rig, struct limit_worker *worker,
                                    const char *consumer, const char *peer)
{
    return limit_rig_begin_with(rig, worker, consumer, peer, NULL);
}

void limit_rig_await(struct limit_rig *rig, const struct gw_exchange *ex)
{
    gw_redis_flush(ex->worker->redis); /* a turn would wait first */
    for (int i = 0; i < 1000 && ex->state == GW_EXCHANGE_DECIDING; i++)
        gw_loop_turn(rig->redis.loop, 10);
    assert_int_equal(ex->state, GW_EXCHANGE_RESPONDING);
}

int limit_rig_ask(struct limit_rig *rig, struct limit_worker *worker, const char *consumer,
                  const char *peer)
{
    struct gw_exchange *ex = limit_rig_begin(rig, worker, consumer, peer);

    limit_rig_await(rig, ex);
    int status = ex->response.status;
    gw_exchange_give_back(&rig->pool, ex);
    return status;
}

const char *limit_rig_field(const struct gw_exchange *ex, const char *name, char out[256])
{
    const struct gw_str *value = gw_response_field(ex, gw_str_of(name));

    snprintf(out, 256, "%.*s", value != NULL ? (int)value->len : 4,
             value != NULL ? value->ptr : "none");
    return out;
}
