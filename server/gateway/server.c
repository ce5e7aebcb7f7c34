#include "server/gateway/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/crypto/random.h"
#include "server/event/trim.h"
#include "server/gateway/admin.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/backend_metrics.h"
#include "server/gateway/command_desk.h"
#include "server/gateway/effects_watch.h"
#include "server/gateway/errand.h"
#include "server/gateway/events.h"
#include "server/gateway/landscape_watch.h"
#include "server/gateway/listen_socket.h"
#include "server/gateway/readiness.h"
#include "server/gateway/records.h"
#include "server/gateway/server_metrics.h"
#include "server/gateway/server_state.h"
#include "server/gateway/telemetry.h"
#include "server/net/http_client.h"
#include "server/observe/audit.h"
#include "server/store/private_redis.h"

#define TICK_NS GW_NS_PER_SECOND

/* --- ending --- */

static void stop(struct gw_server *server)
{
    gw_loop_stop(server->loop);
}

static bool is_empty(const struct gw_server *server)
{
    for (size_t i = 0; i < server->worker_count; i++) {
        if (!gw_worker_is_empty(server->workers[i]))
            return false;
    }
    return true;
}

static void on_drain_deadline(struct gw_timer *timer)
{
    struct gw_server *server = GW_CONTAINER_OF(timer, struct gw_server, drain_timer);

    gw_log_warn("drain deadline reached: requests under way are cut");
    stop(server);
}

static void on_drain_delay_over(struct gw_timer *timer)
{
    struct gw_server *server = GW_CONTAINER_OF(timer, struct gw_server, drain_timer);

    for (size_t i = 0; i < server->worker_count; i++)
        gw_worker_drain(server->workers[i]);
    gw_timer_start(server->loop, timer, server->current->config->drain_timeout_ns,
                   on_drain_deadline);
}

/* First not ready, so that balancers look elsewhere; then, after the delay, no new connections. */
static void drain(struct gw_server *server)
{
    const struct gw_config *config = server->current->config;

    gw_log_info("draining: new connections end, requests under way have %llu s",
                (unsigned long long)(config->drain_timeout_ns / GW_NS_PER_SECOND));
    server->phase = GW_SERVER_DRAINING;
    gw_timer_start(server->loop, &server->drain_timer, config->drain_delay_ns, on_drain_delay_over);
}

static void on_signal(void *self, int number)
{
    struct gw_server *server = self;
    struct gw_error error;

    if (number == SIGHUP) {
        if (server->access_log != NULL && gw_access_log_reopen(server->access_log, &error) != 0)
            gw_log_error("%s", error.text);
        gw_server_reload(server, NULL);
        return;
    }
    if (server->stop_signals++ == 0) {
        drain(server);
        return;
    }
    gw_log_warn("stopping at once");
    stop(server);
}

/* A worker has something to tell. */
static void on_wake(void *self)
{
    struct gw_server *server = self;

    gw_server_reload_progress(server);
    gw_errands_progress(server);
    if (server->phase == GW_SERVER_DRAINING && is_empty(server))
        stop(server);
}

static void on_worker_event(void *self)
{
    struct gw_server *server = self;
    gw_async_send(server->wake);
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_server *server = GW_CONTAINER_OF(timer, struct gw_server, tick);

    gw_timer_start(server->loop, timer, TICK_NS, on_tick);
    gw_server_reload_progress(server);
    gw_records_publish(server->records);
    gw_metrics_set(server->main_worker.metrics, &gw_server_audit_lines,
                   gw_audit_get_seq(server->audit));
    if (server->access_log != NULL)
        gw_metrics_set(server->main_worker.metrics, &gw_server_log_dropped,
                       gw_access_log_dropped(server->access_log));
}

/* --- starting --- */

static int start_loop(struct gw_server *server, struct gw_error *error)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT};
    int rc = gw_loop_create(&server->loop, error);

    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < GW_COUNT_OF(numbers); i++)
        rc = gw_signal_create(server->loop, numbers[i], on_signal, server, &server->signals[i]);
    if (rc == 0)
        rc = gw_async_create(server->loop, on_wake, server, &server->wake);
    if (rc != 0)
        return gw_error_set(error, rc, "cannot watch signals");
    server->main_worker.loop = server->loop;
    gw_list_init(&server->main_worker.tenants);
    return gw_http_client_create(server->loop, &server->main_worker.http, error);
}

static int start_redis(struct gw_server *server, struct gw_error *error)
{
    const struct gw_config *config = server->current->config;
    int rc = 0;

    if (config->redis.kind == GW_REDIS_PRIVATE) {
        const struct gw_private_redis_config private_config = {.state_folder =
                                                                   config->state_dir.ptr};
        rc = gw_private_redis_start(server->loop, &private_config, &server->private_redis, error);
    }
    if (rc != 0)
        return rc;
    gw_random_hex(server->instance, GW_INSTANCE_BYTES);
    gw_redis_setup_init(&server->redis_setup, &config->redis, server->private_redis);
    rc = gw_redis_access_open(&server->redis, server->loop, &server->redis_setup, error);
    server->main_worker.redis = server->redis.redis;
    if (rc == 0)
        rc = gw_records_create(server, &server->records, error);
    if (rc != 0)
        return rc;
    server->landscape_watch = gw_landscape_watch_create(server);
    return server->landscape_watch != NULL ? 0 : gw_error_set(error, -ENOMEM, "out of memory");
}

static int start_worker(struct gw_server *server, size_t index, int (*fds)[GW_MAX_WORKERS],
                        struct gw_error *error)
{
    const struct gw_config *config = server->current->config;
    int own_fds[64];

    for (size_t i = 0; i < config->listener_count; i++) {
        own_fds[i] = fds[i][index];
        fds[i][index] = -1;
    }
    const struct gw_worker_setup setup = {
        .snapshot = server->current,
        .fds = own_fds,
        .redis = &server->redis_setup,
        .metrics = server->metrics,
        .access_log = server->access_log,
        .landscape_board = &server->landscape_board,
        .command_desk = &server->command_desk,
        .index = (unsigned)index,
        .count = config->workers,
        .instance = gw_str_of(server->instance),
        .on_event = on_worker_event,
        .on_event_self = server,
    };
    struct gw_worker_thread *worker = NULL;
    int rc = gw_worker_create(&setup, &worker, error);
    if (rc != 0)
        return rc;
    server->workers[server->worker_count++] = worker;
    if (gw_records_add_worker(server->records, worker) != 0 ||
        gw_server_hand_first(server, worker, index) != 0)
        return gw_error_set(error, -ENOMEM, "out of memory");
    return gw_worker_start(worker, error);
}

static int start_workers(struct gw_server *server, struct gw_error *error)
{
    const struct gw_config *config = server->current->config;
    int fds[64][GW_MAX_WORKERS] = {{0}};
    int rc = 0;

    /* All sockets first: a port in use must be known before anything serves. */
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct gw_config_listener *listener = &config->listeners[i];
        char url[96];
        rc = gw_listen_sockets(&listener->at, config->workers, fds[i], error);
        if (rc != 0)
            return rc;
        gw_listen_url(fds[i][0], listener->tls.is_on, url, sizeof(url));
        fprintf(stderr, "listening on %s\n", url);
    }
    for (size_t i = 0; rc == 0 && i < config->workers; i++)
        rc = start_worker(server, i, fds, error);
    return rc;
}

static int start_observing(struct gw_server *server, struct gw_error *error)
{
    const struct gw_config *config = server->current->config;

    gw_metrics_set(server->main_worker.metrics, &gw_server_start_time,
                   gw_clock_realtime_ns() / GW_NS_PER_SECOND);
    if (config->access_log.ptr == NULL)
        return 0;
    return gw_access_log_create(config->access_log.ptr, config->workers, &server->access_log,
                                error);
}

static int start_telemetry(struct gw_server *server, struct gw_error *error)
{
    const struct gw_telemetry_setup setup = {
        .redis = &server->redis_setup,
        .metrics = gw_metrics_get_shard(server->metrics, server->current->config->workers + 1),
        .state_dir = server->current->config->state_dir,
        .workers = server->workers,
        .worker_count = server->worker_count,
    };
    int rc = gw_telemetry_create(&setup, &server->telemetry, error);

    if (rc != 0)
        return rc;
    gw_telemetry_adopt(server->telemetry, server->current);
    return gw_command_desk_create(server->loop, server->audit, server->telemetry,
                                  &server->command_desk, error);
}

static int open_audit(struct gw_server *server, struct gw_error *error)
{
    const struct gw_config *config = server->current->config;
    const struct gw_audit_config audit = {config->audit_file.ptr, config->audit_key,
                                          config->audit_max_bytes};

    if (config->audit_file.ptr == NULL)
        return 0;
    return gw_audit_open(&audit, &server->audit, error);
}

static int start_trimming(struct gw_server *server, struct gw_error *error)
{
    const struct gw_config_events *events = &server->current->config->events;
    const struct gw_event_trimmer_config config = {
        .log = gw_event_log_settings(events),
        .every_ns = events->trim_ns,
        .instance = gw_str_of(server->instance),
    };

    if (!events->is_on)
        return 0;
    if (events->archive.ptr == NULL)
        gw_log_info("events: there is no archive: what is older than %llu s is gone",
                    (unsigned long long)events->keep_s);
    server->event_trimmer = gw_event_trimmer_create(server->loop, server->redis.redis, &config,
                                                    server->main_worker.metrics);
    return server->event_trimmer != NULL ? 0 : gw_error_set(error, -ENOMEM, "out of memory");
}

/* Says "ready" when it is true, if Redis lets it become true soon. */
static void await_redis(struct gw_server *server)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 3 * GW_NS_PER_SECOND;

    server->phase = GW_SERVER_SERVING;
    while (!gw_readiness_has_redis(server->readiness) || !gw_records_are_known(server->records)) {
        if (gw_clock_monotonic_ns() >= until_ns) {
            gw_log_warn("Redis is not reachable yet: serving without it, see /readyz");
            return;
        }
        gw_loop_turn(server->loop, 20);
    }
}

static int start(struct gw_server *server, struct gw_error *error)
{
    int rc = start_loop(server, error);

    if (rc != 0)
        return rc;
    rc = gw_server_load_first(server);
    if (rc != 0)
        return gw_error_set(error, rc, "%s has problems", server->options.config_path);
    gw_log_set_level(server->current->config->log_level);
    rc = start_observing(server, error);
    if (rc == 0)
        rc = start_redis(server, error); /* it holds the state folder */
    if (rc == 0)
        rc = open_audit(server, error);
    if (rc == 0)
        rc = start_workers(server, error);
    if (rc == 0)
        rc = start_telemetry(server, error);
    if (rc == 0)
        rc = gw_readiness_create(server, &server->readiness, error);
    if (rc == 0)
        rc = gw_effects_watch_create(&server->main_worker, &server->effects_watch, error);
    if (rc == 0)
        rc = start_trimming(server, error);
    if (rc == 0)
        rc = gw_admin_create(server, &server->admin, error);
    return rc;
}

static void finish(struct gw_server *server)
{
    gw_server_reload_finish(server);
    gw_admin_destroy(server->admin);
    gw_readiness_destroy(server->readiness);
    gw_telemetry_end(server->telemetry); /* its last events may ask the workers */
    for (size_t i = 0; i < server->worker_count; i++)
        gw_worker_destroy(server->workers[i]);
    gw_telemetry_destroy(server->telemetry);
    gw_command_desk_destroy(server->command_desk);
    gw_errands_finish(server);
    gw_access_log_destroy(server->access_log);
    gw_timer_stop(&server->drain_timer);
    gw_timer_stop(&server->tick);
    gw_timer_stop(&server->certificates);
    gw_landscape_watch_destroy(server->landscape_watch);
    gw_records_destroy(server->records);
    gw_admin_record_drop(server);
    gw_admin_keyed_drop(server);
    gw_admin_effects_drop(server);
    gw_effects_watch_destroy(server->effects_watch);
    gw_event_trimmer_destroy(server->event_trimmer);
    gw_audit_close(server->audit);
    gw_redis_access_close(&server->redis);
    gw_private_redis_stop(server->private_redis);
    for (size_t i = 0; i < GW_MAX_WORKERS; i++)
        gw_policy_set_release(&server->sets[i]);
    gw_snapshot_release(server->current);
    for (size_t i = 0; i < GW_MAX_SNAPSHOTS; i++)
        gw_snapshot_destroy(server->snapshots[i]);
    gw_worker_send_off(&server->main_worker);
    gw_http_client_destroy(server->main_worker.http);
    for (size_t i = 0; i < GW_COUNT_OF(server->signals); i++)
        gw_signal_destroy(server->signals[i]);
    gw_async_destroy(server->wake);
    gw_loop_destroy(server->loop);
    gw_backend_board_finish(&server->backend_board);
    gw_metrics_destroy(server->metrics); /* NULL if nothing was loaded */
}

int gw_server_run(const struct gw_server_options *options)
{
    struct gw_server *server = calloc(1, sizeof(*server));
    struct gw_error error = {0};

    if (server == NULL)
        return EXIT_FAILURE;
    server->options = *options;
    gw_list_init(&server->errands);
    gw_list_init(&server->admin_pending);
    gw_list_init(&server->keyed_pending);
    gw_list_init(&server->effects_pending);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
    int exit_code = EXIT_FAILURE;
    if (start(server, &error) != 0) {
        gw_log_error("%s", error.text);
    } else {
        exit_code = EXIT_SUCCESS;
        await_redis(server);
        gw_timer_start(server->loop, &server->tick, TICK_NS, on_tick);
        fprintf(stderr, "ready\n");
        gw_loop_run(server->loop);
        gw_log_info("stopped");
    }
    finish(server);
    free(server);
    return exit_code;
}
