#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/net/http_client_parts.h"
#include "server/net/stream.h"

#define TRUSTED_NS (10 * GW_NS_PER_MS) /* idle for so long, a connection is not asked again */

static void serve(struct gw_http_origin *origin);

/* --- a connection's end --- */

static void destroy(struct http_connection *connection)
{
    struct gw_http_origin *origin = connection->origin;

    if (!connection->is_open)
        origin->opening_count--;
    gw_list_remove(&connection->node);
    gw_stream_close(connection->stream);
    free(connection);
    origin->connection_count--;
}

static void close_idle(struct http_connection *connection)
{
    connection->origin->idle_count--;
    destroy(connection);
}

void http_pool_close_idle(struct gw_http_origin *origin)
{
    gw_timer_stop(&origin->idle_timer);
    while (!gw_list_is_empty(&origin->idle))
        close_idle(GW_LIST_ITEM(origin->idle.next, struct http_connection, node));
}

void http_pool_close_all(struct gw_http_origin *origin)
{
    http_pool_close_idle(origin);
    while (!gw_list_is_empty(&origin->busy))
        destroy(GW_LIST_ITEM(origin->busy.next, struct http_connection, node));
}

static void on_idle_timer(struct gw_timer *timer)
{
    struct gw_http_origin *origin = GW_CONTAINER_OF(timer, struct gw_http_origin, idle_timer);
    uint64_t now_ns = gw_loop_now_ns(origin->client->loop);

    while (!gw_list_is_empty(&origin->idle)) {
        struct http_connection *oldest =
            GW_LIST_ITEM(origin->idle.previous, struct http_connection, node);
        uint64_t due_ns = oldest->idle_since_ns + origin->config.idle_ns;

        if (due_ns > now_ns) {
            gw_timer_start(origin->client->loop, timer, due_ns - now_ns, on_idle_timer);
            break;
        }
        close_idle(oldest);
    }
}

static void make_idle(struct http_connection *connection)
{
    struct gw_http_origin *origin = connection->origin;

    gw_list_remove(&connection->node);
    gw_list_prepend(&origin->idle, &connection->node);
    origin->idle_count++;
    connection->idle_since_ns = gw_loop_now_ns(origin->client->loop);
    connection->idle_from_ns = gw_clock_monotonic_ns();
    gw_stream_set_reading(connection->stream, true); /* readable means: the peer leaves */
    if (origin->idle_timer.due_ms == 0)
        gw_timer_start(origin->client->loop, &origin->idle_timer, origin->config.idle_ns,
                       on_idle_timer);
}

/* --- who waits --- */

static void enqueue(struct gw_http_call *call, bool is_first)
{
    struct gw_http_origin *origin = call->origin;

    if (is_first)
        gw_list_prepend(&origin->waiting, &call->node);
    else
        gw_list_append(&origin->waiting, &call->node);
    origin->waiting_count++;
    http_call_watch(call, true);
}

void http_pool_leave(struct gw_http_call *call)
{
    if (gw_list_is_empty(&call->node))
        return;
    gw_list_remove(&call->node);
    call->origin->waiting_count--;
}

static struct gw_http_call *first_waiting(struct gw_http_origin *origin)
{
    if (gw_list_is_empty(&origin->waiting))
        return NULL;
    return GW_LIST_ITEM(origin->waiting.next, struct gw_http_call, node);
}

static void carry(struct http_connection *connection, struct gw_http_call *call)
{
    http_pool_leave(call);
    connection->call = call;
    http_call_attach(call, connection);
}

/* --- a connection's life --- */

static void on_open(void *self)
{
    struct http_connection *connection = self;
    struct gw_http_origin *origin = connection->origin;
    struct gw_http_call *call = first_waiting(origin);

    connection->is_open = true;
    origin->opening_count--;
    origin->stats.connects++;
    if (call != NULL) {
        carry(connection, call);
    } else if (origin->references > 0) {
        make_idle(connection); /* the call that it was opened for has found another, or is gone */
    } else {
        destroy(connection);
        http_origin_reap(origin);
    }
}

/* Closed by the peer, or it spoke unasked: of no use either way, and what it said would be taken
 * for the next answer. TLS reads for itself, too. */
static bool has_spoken(struct http_connection *connection)
{
    char unasked;

    return gw_stream_read(connection->stream, &unasked, 1) != -EAGAIN;
}

/* The loop tells when an idle connection speaks, but not before its next turn, and the read that
 * ended the last answer saw that nothing was behind it. Under load, turns are short and connections
 * go from hand to hand: asking each time would cost a system call for each request. */
static bool is_unwatched(const struct http_connection *connection)
{
    return gw_clock_monotonic_ns() - connection->idle_from_ns > TRUSTED_NS;
}

static void on_readable(void *self)
{
    struct http_connection *connection = self;

    if (connection->call != NULL)
        http_answer_on_readable(connection->call);
    else if (has_spoken(connection))
        close_idle(connection);
}

static void on_writable(void *self)
{
    struct http_connection *connection = self;

    if (connection->call != NULL)
        http_call_on_writable(connection->call);
}

static void on_closed(void *self, enum gw_stream_failure reason, const char *detail)
{
    static const enum gw_http_failure failures[] = {
        [GW_STREAM_UNRESOLVED] = GW_HTTP_UNRESOLVED,
        [GW_STREAM_UNREACHABLE] = GW_HTTP_UNREACHABLE,
        [GW_STREAM_UNTRUSTED] = GW_HTTP_UNTRUSTED,
    };
    struct http_connection *connection = self;
    struct gw_http_origin *origin = connection->origin;
    struct gw_http_call *call = first_waiting(origin);

    destroy(connection);
    origin->stats.connect_failures++;
    origin->call_count++; /* keeps the origin over what the caller does */
    if (call != NULL)
        http_call_fail(call, failures[reason], detail);
    origin->call_count--;
    serve(origin);
    http_origin_reap(origin);
}

static const struct gw_stream_events stream_events = {on_open, on_readable, on_writable, on_closed};

static bool is_forbidden(void *self, const struct sockaddr *address)
{
    struct http_connection *connection = self;

    return http_guard_forbids(connection->origin->client, address);
}

static int open_connection(struct gw_http_origin *origin)
{
    const struct gw_http_origin_config *config = &origin->config;
    const struct gw_stream_config stream = {
        .unix_path = config->unix_path,
        .host = config->host,
        .port = config->port,
        .resolver = origin->client->resolver,
        .tls = origin->tls,
        .server_name = config->server_name,
        .connect_ns = config->connect_ns,
        .is_forbidden = is_forbidden,
    };
    struct http_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        return -ENOMEM;
    connection->origin = origin;
    int status = gw_stream_open(origin->client->loop, &stream, &stream_events, connection,
                                &connection->stream);
    if (status != 0) {
        free(connection);
        return status;
    }
    gw_list_append(&origin->busy, &connection->node);
    origin->connection_count++;
    origin->opening_count++;
    return 0;
}

/* As many connections are being opened as calls wait, within the limit. */
static void serve(struct gw_http_origin *origin)
{
    while (origin->waiting_count > origin->opening_count &&
           origin->connection_count < origin->config.max_connections) {
        if (open_connection(origin) == 0)
            continue;
        struct gw_http_call *call = first_waiting(origin);

        http_pool_leave(call);
        http_call_fail_soon(call, GW_HTTP_NO_MEMORY, "no memory for a connection");
    }
}

int http_pool_get(struct gw_http_call *call)
{
    struct gw_http_origin *origin = call->origin;

    while (!gw_list_is_empty(&origin->idle)) {
        struct http_connection *connection =
            GW_LIST_ITEM(origin->idle.next, struct http_connection, node);

        if (is_unwatched(connection) && has_spoken(connection)) {
            close_idle(connection);
            continue;
        }
        gw_list_remove(&connection->node);
        gw_list_append(&origin->busy, &connection->node);
        origin->idle_count--;
        carry(connection, call);
        return 0;
    }
    /* A call whose connection is being opened, or may be, is not one of those that wait. */
    if (origin->connection_count >= origin->config.max_connections &&
        origin->waiting_count >= origin->config.max_waiting + origin->opening_count)
        return -ENOBUFS;
    enqueue(call, false);
    serve(origin);
    return 0;
}

void http_pool_get_fresh(struct gw_http_call *call)
{
    enqueue(call, true);
    serve(call->origin);
}

void http_pool_put(struct gw_http_call *call, bool is_reusable)
{
    struct http_connection *connection = call->connection;
    struct gw_http_origin *origin = call->origin;
    struct gw_http_call *next = first_waiting(origin);

    call->connection = NULL;
    connection->call = NULL;
    if (!is_reusable || (origin->references == 0 && next == NULL)) {
        destroy(connection);
        serve(origin);
        return;
    }
    connection->is_used = true;
    if (next != NULL) {
        gw_stream_set_reading(connection->stream, true);
        carry(connection, next);
    } else {
        make_idle(connection);
    }
}
