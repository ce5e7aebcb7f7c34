/* What a worker is made of, in the order in which it is. */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/gateway/flow_host.h"
#include "server/gateway/trust.h"
#include "server/gateway/worker_private.h"
#include "server/net/http_client.h"
#include "server/observe/access_log.h"
#include "server/observe/metrics.h"
#include "server/store/fleet.h"

#define EXCHANGE_MAX_BYTES (8 * 1024 * 1024)

static void count_event(struct gw_worker *worker, const struct gw_metric *metric)
{
    gw_metrics_add(worker->metrics, metric, 1);
}

/* A backend must never lead back into the gateway: not to a listener, not to the admin's. */
static int forbid_own_addresses(struct gw_worker_thread *worker,
                                const struct gw_worker_setup *setup)
{
    const struct gw_config *config = setup->snapshot->config;
    const struct gw_config_admin *admin = &config->admin;
    struct gw_http_client *client = worker->requests.worker.http;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < config->listener_count; i++) {
        struct sockaddr_storage address;
        socklen_t len = sizeof(address);
        if (getsockname(setup->fds[i], (struct sockaddr *)&address, &len) == 0)
            rc = gw_http_client_forbid(client, (const struct sockaddr *)&address);
    }
    if (rc == 0 && admin->is_on)
        rc = gw_http_client_forbid(client, (const struct sockaddr *)&admin->at.address);
    return rc;
}

static int add_listeners(struct gw_worker_thread *worker, const struct gw_worker_setup *setup,
                         struct gw_error *error)
{
    for (size_t i = 0; i < setup->snapshot->config->listener_count; i++) {
        const struct gw_config_listener *from = &setup->snapshot->config->listeners[i];
        struct gw_listener_config config = {
            .fd = setup->fds[i],
            .worker = &worker->requests.worker,
            .loop = worker->loop,
            .pool = &worker->pool,
            .handler = &gw_request_handler,
            .handler_self = &worker->requests,
            .trust = &setup->snapshot->trust[i],
            .needs_proxy_header = from->needs_proxy_header,
            .max_connections = from->max_connections / setup->count + 1,
            .pool_bytes = from->pool_bytes,
            .head_timeout_ns = from->head_timeout_ns,
            .idle_timeout_ns = from->idle_timeout_ns,
            .write_timeout_ns = from->write_timeout_ns,
            .min_body_rate = from->body_min_rate_bytes,
            .count = count_event,
        };
        assert(i < GW_WORKER_MAX_LISTENERS);
        int rc = gw_listener_create(&config, &worker->listeners[i], error);
        if (rc != 0)
            return gw_error_prefix(error, rc, "listener %.*s", GW_STR_ARG(from->at.text));
        worker->listener_count++;
        worker->addresses[i] = gw_str_duplicate(from->at.text);
        if (worker->addresses[i] == NULL)
            return gw_error_set(error, -ENOMEM, "out of memory");
    }
    return 0;
}

static size_t sum_max_connections(const struct gw_config *config)
{
    size_t sum = 0;
    for (size_t i = 0; i < config->listener_count; i++)
        sum += config->listeners[i].max_connections;
    return sum;
}

/* The order of creation is the order of the check hooks: requests first, then what they sent to
 * Redis, then their log lines. */
int gw_worker_set_up(struct gw_worker_thread *worker, const struct gw_worker_setup *setup,
                     struct gw_error *error)
{
    struct gw_worker *public = &worker->requests.worker;
    int rc = gw_loop_create(&worker->loop, error);

    if (rc != 0)
        return rc;
    public->loop = worker->loop;
    gw_list_init(&public->tenants);
    worker->requests.landscape_board = setup->landscape_board;
    worker->requests.redis_setup = setup->redis;
    worker->requests.command_desk = setup->command_desk;
    public->index = setup->index;
    public->count = setup->count;
    public->metrics = gw_metrics_get_shard(setup->metrics, setup->index);
    if (setup->access_log != NULL)
        worker->requests.access_log = gw_access_log_get_shard(setup->access_log, setup->index);
    gw_exchange_pool_init(&worker->pool, sum_max_connections(setup->snapshot->config) + 16,
                          EXCHANGE_MAX_BYTES);
    gw_exchange_pool_init(&worker->requests.inner,
                          sum_max_connections(setup->snapshot->config) + 16, EXCHANGE_MAX_BYTES);
    rc = gw_flow_host_init(&worker->requests);
    if (rc != 0)
        return gw_error_set(error, rc, "out of memory");
    rc = gw_async_create(worker->loop, gw_worker_on_wake, worker, &worker->wake);
    if (rc != 0)
        return gw_error_set(error, rc, "cannot create a worker's wake-up");
    rc = gw_http_client_create(worker->loop, &public->http, error);
    if (rc == 0)
        gw_upstreams_init(&worker->upstreams, public);
    if (rc == 0 && forbid_own_addresses(worker, setup) != 0)
        rc = gw_error_set(error, -ENOMEM, "too many listeners to keep backends away from");
    if (rc == 0)
        rc = add_listeners(worker, setup, error);
    if (rc == 0)
        rc = gw_redis_access_open(&worker->redis, worker->loop, setup->redis, error);
    public->redis = worker->redis.redis;
    if (rc == 0) {
        public->fleet = gw_fleet_create(worker->loop, public->redis, setup->instance);
        if (public->fleet == NULL)
            rc = gw_error_set(error, -ENOMEM, "out of memory");
    }
    if (rc == 0)
        rc = gw_record_access_open(&worker->record_access, worker->loop, setup->redis,
                                   public->redis, error);
    public->record_writer = worker->record_access.writer;
    public->records = &worker->records;
    if (rc == 0 && gw_check_create(worker->loop, gw_worker_on_check, worker, &worker->check) != 0)
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    if (rc == 0)
        gw_timer_start(worker->loop, &worker->tick, GW_WORKER_TICK_NS, gw_worker_on_tick);
    return rc;
}
