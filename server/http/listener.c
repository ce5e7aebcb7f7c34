#include "server/http/listener.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/http/connection.h"
#include "server/http/http_metrics.h"
#include "server/http/tls.h"

/* A request that waits is asked on every run of the library: cheaper than suspending it, as long as
 * few do, and not for long. Measured: see docs/adr/0004-short-waits.md. */
#define PATIENCE_NS (5 * GW_NS_PER_MS)
#define PATIENCE_COUNT 100
#define SWEEP_NS (200 * GW_NS_PER_MS)
#define MAX_RUNS_PER_TURN 16

static void on_ready(void *self, int events)
{
    struct gw_listener *listener = self;

    (void)events;
    listener->must_run = true;
}

static struct gw_connection *waiting_first(struct gw_listener *listener)
{
    return GW_LIST_ITEM(listener->waiting.next, struct gw_connection, wait_node);
}

static void on_patience_end(struct gw_timer *timer)
{
    struct gw_listener *listener = GW_CONTAINER_OF(timer, struct gw_listener, patience);

    while (!gw_list_is_empty(&listener->waiting)) {
        struct gw_connection *first = waiting_first(listener);
        if (gw_clock_monotonic_ns() < first->wait_since_ns + PATIENCE_NS) {
            gw_timer_start(listener->config.loop, timer, PATIENCE_NS, on_patience_end);
            return;
        }
        gw_connection_suspend(first);
    }
}

static void mind_the_waiting(struct gw_listener *listener)
{
    while (listener->waiting_count > PATIENCE_COUNT)
        gw_connection_suspend(waiting_first(listener));
    if (listener->waiting_count > 0 && listener->patience.due_ms == 0)
        gw_timer_start(listener->config.loop, &listener->patience, PATIENCE_NS, on_patience_end);
}

/* With nobody waiting, the library itself says whether it has more to do; with somebody waiting it
 * always says so. */
static bool has_more(struct gw_listener *listener)
{
    if (listener->has_progress)
        return true;
    MHD_UNSIGNED_LONG_LONG wait_ms;
    return listener->waiting_count == 0 && MHD_get_timeout(listener->daemon, &wait_ms) == MHD_YES &&
           wait_ms == 0;
}

static void on_check(void *self)
{
    struct gw_listener *listener = self;
    unsigned runs = 0;

    if (!listener->must_run)
        return;
    listener->must_run = false;
    do {
        listener->has_progress = false;
        MHD_run(listener->daemon);
    } while (++runs < MAX_RUNS_PER_TURN && has_more(listener));
    mind_the_waiting(listener);
    gw_acceptor_mind(listener);
    if (runs == MAX_RUNS_PER_TURN && has_more(listener))
        listener->must_run = true;
    if (listener->must_run) /* also when one request's end has woken another */
        gw_async_send(listener->again);
}

static void on_again(void *self)
{
    struct gw_listener *listener = self;
    listener->must_run = true;
}

/* --- suspended connections: the library is blind to them, so we look whether the client left ---
 */

#define SWEEP_BATCH 256

static void look_at(struct gw_connection **connections, size_t count)
{
    struct pollfd fds[SWEEP_BATCH];

    for (size_t i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = connections[i]->fd, .events = POLLRDHUP};
    if (poll(fds, count, 0) <= 0)
        return;
    for (size_t i = 0; i < count; i++) {
        if (fds[i].revents == 0)
            continue;
        if (gw_connection_must_stay(connections[i]))
            connections[i]->has_left = true;
        else
            gw_connection_cut(connections[i], &gw_http_client_left);
    }
}

static void on_sweep(struct gw_timer *timer)
{
    struct gw_listener *listener = GW_CONTAINER_OF(timer, struct gw_listener, sweep);
    struct gw_connection *batch[SWEEP_BATCH];
    size_t count = 0;

    gw_timer_start(listener->config.loop, timer, SWEEP_NS, on_sweep);
    gw_linger_sweep(&listener->linger);
    gw_acceptor_mind(listener);
    if (listener->suspended_count == 0)
        return;
    for (struct gw_list *node = listener->connections.next; node != &listener->connections;
         node = node->next) {
        struct gw_connection *connection = GW_LIST_ITEM(node, struct gw_connection, all_node);
        if (!connection->is_suspended || connection->phase == GW_PHASE_TUNNEL)
            continue;
        batch[count++] = connection;
        if (count == SWEEP_BATCH) {
            look_at(batch, count);
            count = 0;
        }
    }
    look_at(batch, count);
}

/* --- life --- */

GW_PRINTF(2, 0) static void log_library(void *self, const char *format, va_list args)
{
    char text[512];

    (void)self;
    vsnprintf(text, sizeof(text), format, args);
    gw_log_debug("libmicrohttpd: %s", text);
}

static struct MHD_Daemon *start_daemon(struct gw_listener *listener)
{
    const struct gw_listener_config *config = &listener->config;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    /* Only a second net: the deadlines are kept by our own timers. */
    uint64_t longest_ns = config->idle_timeout_ns > config->write_timeout_ns
                              ? config->idle_timeout_ns
                              : config->write_timeout_ns;
    unsigned idle_s = (unsigned)(longest_ns / GW_NS_PER_SECOND) + 2;
    bool has_tls = gw_listener_has_tls(listener);
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)config->max_connections, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)config->pool_bytes, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)idle_s, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)gw_connection_on_target, listener},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)gw_connection_on_completed, listener},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)gw_connection_on_change, listener},
        /* Each session gets its own from our connection, when it is opened. */
        {has_tls ? MHD_OPTION_HTTPS_CERT_CALLBACK2 : MHD_OPTION_END, 0, gw_tls_no_certificate()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)gw_tls_closed_priorities},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem socket[] = {
        {config->needs_proxy_header ? MHD_OPTION_END : MHD_OPTION_LISTEN_SOCKET, config->fd, NULL},
        {MHD_OPTION_END, 0, NULL},
    };

    if (has_tls)
        flags |= MHD_USE_TLS;
    if (config->needs_proxy_header)
        flags |= MHD_USE_NO_LISTEN_SOCKET;
    return MHD_start_daemon(flags, 0, NULL, NULL, gw_connection_on_request, listener,
                            MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_ARRAY, socket,
                            MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

int gw_listener_create(const struct gw_listener_config *config, struct gw_listener **out_listener,
                       struct gw_error *error)
{
    struct gw_listener *listener = calloc(1, sizeof(*listener));

    if (listener == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    listener->config = *config;
    listener->config.trust = NULL; /* its own copy counts */
    if (config->trust != NULL)
        listener->trust = *config->trust;
    gw_server_tls_retain(listener->trust.tls);
    gw_list_init(&listener->connections);
    gw_list_init(&listener->waiting);
    listener->daemon = start_daemon(listener);
    if (listener->daemon == NULL) {
        if (config->needs_proxy_header)
            close(config->fd);
        gw_server_tls_release(listener->trust.tls);
        free(listener);
        return gw_error_set(error, -EINVAL, "cannot start the HTTP server");
    }
    int epoll_fd = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    int rc = gw_poll_create(config->loop, epoll_fd, on_ready, listener, &listener->poll);
    if (rc == 0)
        rc = gw_check_create(config->loop, on_check, listener, &listener->check);
    if (rc == 0)
        rc = gw_async_create(config->loop, on_again, listener, &listener->again);
    if (rc == 0 && config->needs_proxy_header)
        rc = gw_acceptor_init(listener);
    if (rc != 0) {
        gw_listener_destroy(listener);
        return gw_error_set(error, rc, "cannot watch the HTTP server's sockets");
    }
    gw_poll_set(listener->poll, GW_POLL_READ);
    gw_timer_start(config->loop, &listener->sweep, SWEEP_NS, on_sweep);
    listener->must_run = true; /* puts the listening socket into the library's epoll set */
    gw_async_send(listener->again);
    *out_listener = listener;
    return 0;
}

void gw_listener_set_trust(struct gw_listener *listener, const struct gw_listener_trust *trust)
{
    struct gw_server_tls *before = listener->trust.tls;

    if (trust == NULL) {
        listener->trust = (struct gw_listener_trust){.tls = before};
        return;
    }
    assert((trust->tls != NULL) == (before != NULL));
    listener->trust = *trust;
    gw_server_tls_retain(trust->tls);
    gw_server_tls_release(before);
    if (listener->config.needs_proxy_header && gw_acceptor_follow_trust(listener) != 0)
        gw_log_error("out of memory: trusted_proxies of before stay in force");
}

bool gw_listener_has_tls(const struct gw_listener *listener)
{
    return listener->trust.tls != NULL;
}

/* Connections that the kernel has completed already are served, not reset. */
static void stop_accepting(struct gw_listener *listener)
{
    struct pollfd queue = {.fd = listener->config.fd, .events = POLLIN};

    if (listener->config.needs_proxy_header) {
        gw_acceptor_drain(listener, GW_DRAIN_GRACE_NS);
        return;
    }
    for (unsigned i = 0; i < 1000 && poll(&queue, 1, 0) > 0; i++)
        MHD_run(listener->daemon);
    MHD_socket fd = MHD_quiesce_daemon(listener->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
    listener->config.fd = -1;
}

void gw_listener_drain(struct gw_listener *listener)
{
    if (listener->is_draining)
        return;
    stop_accepting(listener);
    listener->is_draining = true;
    for (struct gw_list *node = listener->connections.next; node != &listener->connections;
         node = node->next) {
        struct gw_connection *connection = GW_LIST_ITEM(node, struct gw_connection, all_node);
        if (connection->phase == GW_PHASE_TUNNEL)
            gw_connection_drain_tunnel(connection);
        else if (connection->ex == NULL && connection->has_served)
            gw_connection_cut(connection, NULL);
        else if (connection->ex == NULL) /* its first request may be on its way */
            gw_timer_start(listener->config.loop, &connection->deadline, GW_DRAIN_GRACE_NS,
                           gw_connection_on_deadline);
    }
    listener->must_run = true;
    gw_async_send(listener->again);
}

bool gw_listener_is_empty(const struct gw_listener *listener)
{
    return listener->connection_count + listener->acceptor.arrival_count == 0;
}

void gw_listener_get_stats(const struct gw_listener *listener, struct gw_listener_stats *out_stats)
{
    *out_stats = (struct gw_listener_stats){
        .connections = listener->connection_count + listener->acceptor.arrival_count,
        .exchanges = listener->exchange_count,
        .waiting = listener->waiting_count,
        .suspended = listener->suspended_count,
        .tunnels = listener->tunnel_count,
    };
}

void gw_listener_destroy(struct gw_listener *listener)
{
    if (listener == NULL)
        return;
    gw_acceptor_finish(listener);
    /* Stopping the library with suspended connections is undefined: cut and resume all first. */
    for (struct gw_list *node = listener->connections.next; node != &listener->connections;
         node = node->next)
        gw_connection_cut(GW_LIST_ITEM(node, struct gw_connection, all_node), NULL);
    for (unsigned i = 0; i < MAX_RUNS_PER_TURN && listener->connection_count > 0; i++)
        MHD_run(listener->daemon);
    gw_linger_finish(&listener->linger);
    gw_timer_stop(&listener->sweep);
    gw_timer_stop(&listener->patience);
    gw_async_destroy(listener->again);
    gw_check_destroy(listener->check);
    gw_poll_destroy(listener->poll);
    MHD_stop_daemon(listener->daemon);
    gw_server_tls_release(listener->trust.tls);
    free(listener);
}
