#include "server/http/connection.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/core/clock.h"
#include "server/http/http_metrics.h"
#include "server/http/problem.h"

#define DRAIN_FIRST_BYTES (64 * 1024) /* a refused upload up to this size is read to its end */
#define DRAIN_MAX_BYTES (256 * 1024)  /* one that has started is read up to this */
#define DRAIN_MAX_NS GW_NS_PER_SECOND

void gw_connection_start_deadline(struct gw_connection *connection, uint64_t after_ns)
{
    gw_timer_start(connection->listener->config.loop, &connection->deadline, after_ns,
                   gw_connection_on_deadline);
}

void gw_connection_count(struct gw_connection *connection, const struct gw_metric *metric)
{
    const struct gw_listener_config *config = &connection->listener->config;
    if (config->count != NULL)
        config->count(config->worker, metric);
}

/* --- suspending --- */

static void stop_waiting(struct gw_connection *connection)
{
    if (connection->wait_node.next != NULL && !gw_list_is_empty(&connection->wait_node)) {
        gw_list_remove(&connection->wait_node);
        connection->listener->waiting_count--;
    }
}

void gw_connection_suspend(struct gw_connection *connection)
{
    if (connection->is_suspended)
        return;
    stop_waiting(connection);
    connection->is_suspended = connection->was_suspended = true;
    connection->listener->suspended_count++;
    MHD_suspend_connection(connection->mhd);
}

void gw_connection_resume(struct gw_connection *connection)
{
    if (connection->is_suspended) {
        connection->is_suspended = false;
        connection->listener->suspended_count--;
        MHD_resume_connection(connection->mhd);
    }
    /* What it waited for has come: patience that ends before the next run must not suspend it. */
    stop_waiting(connection);
    if (!connection->is_in_callback)
        connection->listener->must_run = true;
}

bool gw_connection_end_drain(struct gw_connection *connection)
{
    if (connection->is_answered_raw || !gw_connection_answer_raw(connection)) {
        gw_connection_cut(connection, &gw_http_undrained);
        return false;
    }
    connection->is_answered_raw = true;
    gw_connection_start_deadline(connection, DRAIN_MAX_NS);
    return true;
}

/* Answered in mid-upload: the rest has so long to come. */
static void start_drain(struct gw_connection *connection)
{
    connection->phase = GW_PHASE_DRAIN;
    gw_connection_start_deadline(connection, DRAIN_MAX_NS);
}

static void on_wake(struct gw_exchange *ex)
{
    struct gw_connection *connection = ex->io_self;

    if (connection->phase == GW_PHASE_TUNNEL) {
        gw_connection_pump(connection);
        return;
    }
    if (ex->state == GW_EXCHANGE_RESPONDING && connection->has_left) {
        gw_connection_cut(connection, &gw_http_client_left);
        return;
    }
    if (ex->state == GW_EXCHANGE_RESPONDING && connection->phase == GW_PHASE_BODY)
        start_drain(connection);
    gw_connection_resume(connection);
}

/* A suspended connection is not looked at by the library, which would give up one that was reset.
 */
static void on_must_finish(struct gw_exchange *ex)
{
    struct gw_connection *connection = ex->io_self;

    if (connection->phase == GW_PHASE_WAIT && !connection->is_in_callback)
        gw_connection_suspend(connection);
}

const struct gw_exchange_io gw_connection_io = {.wake = on_wake, .must_finish = on_must_finish};

bool gw_connection_must_stay(const struct gw_connection *connection)
{
    const struct gw_exchange *ex = connection->ex;

    return ex != NULL && ex->must_finish && ex->state == GW_EXCHANGE_DECIDING;
}

/* Dissolving the association sends a reset at once: an orderly end would look like the answer's. */
static void reset(int fd)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

    if (connect(fd, &nobody, sizeof(nobody)) != 0)
        shutdown(fd, SHUT_RDWR);
}

void gw_connection_shut(struct gw_connection *connection)
{
    if (connection->is_shut)
        return;
    if (connection->ends_by_close)
        reset(connection->fd);
    else
        shutdown(connection->fd, SHUT_RDWR);
    connection->is_shut = true;
}

void gw_connection_cut(struct gw_connection *connection, const struct gw_metric *reason)
{
    if (connection->is_cut)
        return;
    connection->is_cut = true;
    if (reason != NULL)
        gw_connection_count(connection, reason);
    gw_connection_shut(connection);
    gw_connection_end_tunnel(connection);
    if (connection->ex != NULL && connection->is_begun)
        gw_exchange_abandon(connection->ex);
    gw_connection_resume(connection);
}

/* --- the head --- */

void *gw_connection_on_target(void *self, const char *target, struct MHD_Connection *mhd)
{
    (void)self;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct gw_connection *connection = info->socket_context;
    if (connection == NULL)
        return NULL;

    struct gw_listener *listener = connection->listener;
    connection->phase = GW_PHASE_HEAD;
    connection->target = target;
    gw_connection_start_deadline(connection, listener->config.head_timeout_ns);
    struct gw_exchange *ex = gw_exchange_take(listener->config.pool);
    if (ex == NULL)
        return connection;
    connection->ex = ex;
    listener->exchange_count++;
    ex->worker = listener->config.worker;
    ex->io = &gw_connection_io;
    ex->io_self = connection;
    ex->request.target = gw_arena_copy(&ex->arena, gw_str_of(target != NULL ? target : ""));
    return connection;
}

static bool expects_continue(const struct gw_exchange *ex)
{
    const struct gw_str *expect = gw_request_field(ex, GW_STR("expect"));
    return expect != NULL && gw_str_equal_nocase(*expect, GW_STR("100-continue"));
}

static bool is_small_upload(const struct gw_exchange *ex)
{
    return ex->request.body_bytes > 0 && ex->request.body_bytes <= DRAIN_FIRST_BYTES &&
           !expects_continue(ex);
}

static void start_body(struct gw_connection *connection)
{
    connection->phase = GW_PHASE_BODY;
    connection->was_suspended = false;
    gw_connection_start_deadline(connection, GW_BODY_TICK_NS);
}

/* Asked again and again until what decides has decided: the library has not sent a 100 nor started
 * the upload, and a refusal is still possible. */
static enum MHD_Result hold(struct gw_connection *connection)
{
    struct gw_exchange *ex = connection->ex;

    if (ex->state == GW_EXCHANGE_RESPONDING) {
        ex->must_close = connection->has_unread = true;
        return gw_connection_answer(connection);
    }
    if (ex->state == GW_EXCHANGE_GONE)
        return MHD_NO;
    if (ex->sink != NULL || ex->on_body != NULL) {
        start_body(connection);
        return MHD_YES;
    }
    gw_connection_suspend(connection);
    return MHD_YES;
}

static const char *problem_of(const char *flaw)
{
    if (flaw == gw_connection_bad_certificate)
        return "forbidden";
    return flaw == gw_connection_head_too_large ? "header-too-large" : "malformed-request";
}

/* The first call for a request: its head is complete. */
static enum MHD_Result begin(struct gw_connection *connection, const char *method,
                             const char *version)
{
    const struct gw_listener_config *config = &connection->listener->config;
    struct gw_exchange *ex = connection->ex;

    gw_timer_stop(&connection->deadline);
    ex->now_ns = gw_clock_monotonic_ns();
    ex->wall_ns = gw_clock_realtime_ns();
    connection->is_http_1_0 = strcmp(version, "HTTP/1.0") == 0;
    connection->ends_by_close = false;
    const char *flaw = gw_connection_read_head(connection, method, version);
    connection->is_begun = true;
    if (flaw != NULL) {
        ex->record.detail = gw_str_of(flaw);
        ex->must_close = connection->has_unread = true;
        ex->request.path = GW_STR("");
        if (flaw != gw_connection_bad_certificate)
            gw_connection_count(connection, &gw_http_malformed);
        gw_problem_set(ex, problem_of(flaw), NULL);
        ex->state = GW_EXCHANGE_RESPONDING;
        return gw_connection_answer(connection);
    }
    config->handler->begin(config->handler_self, ex);

    if (ex->request.body_bytes == 0) {
        connection->phase = GW_PHASE_WAIT;
        return MHD_YES; /* the final call follows at once */
    }
    if (!is_small_upload(ex)) {
        connection->phase = GW_PHASE_HELD;
        return hold(connection);
    }
    start_body(connection);
    return MHD_YES;
}

/* --- the body and the end --- */

static enum MHD_Result drain(struct gw_connection *connection, size_t *upload_len)
{
    if (connection->phase != GW_PHASE_DRAIN)
        start_drain(connection);
    connection->drained_bytes += *upload_len;
    *upload_len = 0;
    if (connection->drained_bytes <= DRAIN_MAX_BYTES)
        return MHD_YES;
    connection->drained_bytes = 0;
    return gw_connection_end_drain(connection) ? MHD_YES : MHD_NO;
}

static enum MHD_Result take_upload(struct gw_connection *connection, const char *upload,
                                   size_t *upload_len)
{
    struct gw_exchange *ex = connection->ex;

    connection->listener->has_progress = true;
    if (ex->state == GW_EXCHANGE_DECIDING)
        *upload_len -= gw_exchange_feed(ex, upload, *upload_len);
    if (ex->state == GW_EXCHANGE_GONE)
        return MHD_NO;
    if (ex->state == GW_EXCHANGE_RESPONDING)
        return drain(connection, upload_len);
    if (*upload_len > 0)
        gw_connection_suspend(connection);
    return MHD_YES;
}

static enum MHD_Result await_response(struct gw_connection *connection)
{
    struct gw_listener *listener = connection->listener;
    struct gw_exchange *ex = connection->ex;

    if (connection->phase == GW_PHASE_BODY)
        gw_exchange_feed_end(ex);
    if (connection->phase != GW_PHASE_WAIT) {
        gw_timer_stop(&connection->deadline);
        connection->phase = GW_PHASE_WAIT;
    }
    if (connection->is_answered_raw)
        return MHD_NO;
    if (ex->state == GW_EXCHANGE_RESPONDING) {
        stop_waiting(connection);
        return gw_connection_answer(connection);
    }
    if (ex->state == GW_EXCHANGE_GONE)
        return MHD_NO;
    if (gw_connection_must_stay(connection)) {
        gw_connection_suspend(connection);
    } else if (gw_list_is_empty(&connection->wait_node)) {
        gw_list_init(&connection->wait_node);
        gw_list_append(&listener->waiting, &connection->wait_node);
        listener->waiting_count++;
        connection->wait_since_ns = ex->now_ns;
    }
    return MHD_YES;
}

enum MHD_Result gw_connection_on_request(void *self, struct MHD_Connection *mhd, const char *url,
                                         const char *method, const char *version,
                                         const char *upload, size_t *upload_len,
                                         void **request_self)
{
    struct gw_connection *connection = *request_self;
    enum MHD_Result result;

    (void)self;
    (void)mhd;
    (void)url;
    if (connection == NULL)
        return MHD_NO;            /* there was no memory to know it by */
    if (connection->ex == NULL) { /* the pool of exchanges is used up */
        gw_connection_count(connection, &gw_http_refused);
        return MHD_NO;
    }
    connection->is_in_callback = true;
    if (!connection->is_begun)
        result = begin(connection, method, version);
    else if (connection->phase == GW_PHASE_HELD)
        result = hold(connection);
    else if (*upload_len > 0)
        result = take_upload(connection, upload, upload_len);
    else
        result = await_response(connection);
    connection->is_in_callback = false;
    return result;
}

/* --- the end of requests and connections --- */

static void end_exchange(struct gw_connection *connection, bool is_whole)
{
    const struct gw_listener_config *config = &connection->listener->config;
    struct gw_exchange *ex = connection->ex;

    connection->ex = NULL;
    stop_waiting(connection);
    if (connection->is_begun) {
        if (!is_whole && !connection->is_answered_raw)
            gw_exchange_abandon(ex);
        config->handler->finish(config->handler_self, ex);
    } else if (!connection->is_cut) {
        gw_connection_count(connection,
                            &gw_http_malformed); /* answered by the library itself, if at all */
    }
    connection->listener->exchange_count--;
    gw_exchange_give_back(config->pool, ex);
}

void gw_connection_on_completed(void *self, struct MHD_Connection *mhd, void **request_self,
                                enum MHD_RequestTerminationCode reason)
{
    struct gw_connection *connection = *request_self;

    (void)self;
    (void)mhd;
    if (connection == NULL)
        return;
    if (connection->ex != NULL)
        end_exchange(connection, reason == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    connection->is_begun = false;
    connection->has_served = true;
    connection->phase = GW_PHASE_IDLE;
    connection->drained_bytes = 0;
    connection->mark_bytes = 0;
    *request_self = NULL;
    if (connection->listener->is_draining)
        gw_connection_cut(connection, NULL);
    else
        gw_connection_start_idle(connection);
}

/* Over a unix socket the peer is a user. */
static void name_unix_peer(struct gw_connection *connection)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        snprintf(connection->peer, sizeof(connection->peer), "unix:%u", (unsigned)peer.uid);
}

static struct gw_connection *open_connection(struct gw_listener *listener,
                                             struct MHD_Connection *mhd)
{
    struct gw_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return NULL;

    connection->listener = listener;
    connection->mhd = mhd;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const struct sockaddr *address = listener->acceptor.told;
    connection->is_told = address != NULL;
    if (address == NULL)
        address = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    socklen_t address_len = address->sa_family == AF_INET6  ? sizeof(struct sockaddr_in6)
                            : address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                            : 0;
    if (address->sa_family == AF_UNIX)
        name_unix_peer(connection);
    if (address_len > 0 && getnameinfo(address, address_len, connection->peer,
                                       sizeof(connection->peer), NULL, 0, NI_NUMERICHOST) != 0)
        connection->peer[0] = '\0';
    gw_list_append(&listener->connections, &connection->all_node);
    listener->connection_count++;
    gw_connection_open_tls(connection);
    gw_connection_start_idle(connection);
    if (listener->is_draining)
        gw_connection_start_deadline(connection, GW_DRAIN_GRACE_NS);
    return connection;
}

static void close_connection(struct gw_connection *connection)
{
    gw_connection_end_tunnel(connection);
    if (connection->ex != NULL)
        end_exchange(connection, false);
    if (connection->is_suspended)
        connection->listener->suspended_count--;
    if (connection->has_unread && !connection->is_shut)
        gw_linger_keep(&connection->listener->linger, connection->fd);
    gw_connection_close_tls(connection);
    gw_timer_stop(&connection->deadline);
    gw_list_remove(&connection->all_node);
    connection->listener->connection_count--;
    connection->listener->has_progress = true; /* at its limit, the library listens only anew */
    free(connection);
}

void gw_connection_on_change(void *self, struct MHD_Connection *mhd, void **connection_self,
                             enum MHD_ConnectionNotificationCode change)
{
    if (change == MHD_CONNECTION_NOTIFY_STARTED) {
        *connection_self = open_connection(self, mhd);
    } else if (*connection_self != NULL) {
        close_connection(*connection_self);
        *connection_self = NULL;
    }
}
