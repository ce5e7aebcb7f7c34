/* What a connection's deadline means, phase by phase. */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "server/core/clock.h"
#include "server/http/connection.h"
#include "server/http/http_metrics.h"

#define IDLE_SLACK_MS 20 /* between the last byte of a request and the end of its answer */

/* An upload must bring a minimum per tick, but for the time that we do not take it. */
static void on_body_tick(struct gw_connection *connection)
{
    const struct gw_listener_config *config = &connection->listener->config;
    uint64_t received = connection->ex->record.request_bytes;
    uint64_t needed = config->min_body_rate * (GW_BODY_TICK_NS / GW_NS_PER_SECOND);

    if (!connection->was_suspended && received - connection->mark_bytes < needed) {
        gw_connection_cut(connection, &gw_http_slow_uploads);
        return;
    }
    connection->mark_bytes = received;
    connection->was_suspended = connection->is_suspended;
    gw_connection_start_deadline(connection, GW_BODY_TICK_NS);
}

static bool is_token_over(const struct gw_exchange *ex)
{
    return ex->response.source != NULL && ex->identity.expires_at_s > 0 &&
           gw_clock_realtime_ns() / GW_NS_PER_SECOND >= ex->identity.expires_at_s;
}

void gw_connection_watch_answer(struct gw_connection *connection)
{
    const struct gw_exchange *ex = connection->ex;
    uint64_t after_ns = connection->listener->config.write_timeout_ns;

    if (ex->response.source != NULL && ex->identity.expires_at_s > 0) {
        uint64_t now_s = gw_clock_realtime_ns() / GW_NS_PER_SECOND;
        uint64_t left_s = ex->identity.expires_at_s > now_s ? ex->identity.expires_at_s - now_s : 0;
        if (left_s < after_ns / GW_NS_PER_SECOND)
            after_ns = left_s * GW_NS_PER_SECOND;
    }
    gw_connection_start_deadline(connection, after_ns);
}

/* Bytes of a streamed answer must go out, but for the time that we have none to give. */
static void on_answer_tick(struct gw_connection *connection)
{
    const struct gw_exchange *ex = connection->ex;
    bool has_moved =
        connection->was_suspended || ex->record.response_bytes != connection->mark_bytes;

    if (is_token_over(ex)) {
        gw_connection_cut(connection, &gw_http_expired_streams);
    } else if (ex->response.source != NULL && has_moved) {
        connection->mark_bytes = ex->record.response_bytes;
        connection->was_suspended = connection->is_suspended;
        gw_connection_watch_answer(connection);
    } else {
        gw_connection_cut(connection, &gw_http_slow_readers);
    }
}

/* The library does not tell when a request's first bytes come, so the kernel is asked how long ago
 * the last ones did: if that is since the connection is idle, they are part of a head. */
static bool has_partial_head(const struct gw_connection *connection, uint64_t idle_ns)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return false; /* a unix socket */
    return info.tcpi_last_data_recv + IDLE_SLACK_MS < idle_ns / GW_NS_PER_MS;
}

/* Every head_timeout of an idle connection: one with half a head by now is cut at the next tick. */
static void on_idle_tick(struct gw_connection *connection)
{
    const struct gw_listener_config *config = &connection->listener->config;
    uint64_t idle_ns = gw_clock_monotonic_ns() - connection->idle_since_ns;

    if (connection->is_half || !connection->has_served) {
        gw_connection_cut(connection, &gw_http_slow_heads);
    } else if (idle_ns >= config->idle_timeout_ns) {
        gw_connection_cut(connection, &gw_http_idle_closed);
    } else {
        uint64_t left_ns = config->idle_timeout_ns - idle_ns;
        connection->is_half = has_partial_head(connection, idle_ns);
        gw_connection_start_deadline(connection,
                                     config->head_timeout_ns < left_ns || connection->is_half
                                         ? config->head_timeout_ns
                                         : left_ns);
    }
}

void gw_connection_start_idle(struct gw_connection *connection)
{
    const struct gw_listener_config *config = &connection->listener->config;
    bool is_short = connection->has_served && config->idle_timeout_ns < config->head_timeout_ns;

    connection->is_half = false;
    connection->idle_since_ns = gw_clock_monotonic_ns();
    gw_connection_start_deadline(connection,
                                 is_short ? config->idle_timeout_ns : config->head_timeout_ns);
}

void gw_connection_on_deadline(struct gw_timer *timer)
{
    struct gw_connection *connection = GW_CONTAINER_OF(timer, struct gw_connection, deadline);

    switch (connection->phase) {
    case GW_PHASE_IDLE:
        on_idle_tick(connection);
        break;
    case GW_PHASE_HEAD:
        gw_connection_cut(connection, &gw_http_slow_heads);
        break;
    case GW_PHASE_BODY:
        on_body_tick(connection);
        break;
    case GW_PHASE_DRAIN:
        gw_connection_end_drain(connection);
        break;
    case GW_PHASE_ANSWER:
        on_answer_tick(connection);
        break;
    case GW_PHASE_TUNNEL:
        gw_connection_tick_tunnel(connection);
        break;
    case GW_PHASE_HELD:
    case GW_PHASE_WAIT:
        break; /* the upstream's and the policies' own deadlines hold */
    }
}
