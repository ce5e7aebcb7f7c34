/* What a connection's deadline means, phase by phase. */
#include "server/core/clock.h"
#include "server/http/connection.h"
#include "server/http/http_metrics.h"

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

void gw_connection_on_deadline(struct gw_timer *timer)
{
    struct gw_connection *connection = GW_CONTAINER_OF(timer, struct gw_connection, deadline);

    switch (connection->phase) {
    case GW_PHASE_IDLE:
        gw_connection_cut(connection, &gw_http_idle_closed);
        break;
    case GW_PHASE_HEAD:
        gw_connection_cut(connection, &gw_http_slow_heads);
        break;
    case GW_PHASE_BODY:
        on_body_tick(connection);
        break;
    case GW_PHASE_DRAIN:
        gw_connection_cut(connection, &gw_http_undrained);
        break;
    case GW_PHASE_ANSWER:
        on_answer_tick(connection);
        break;
    case GW_PHASE_HELD:
    case GW_PHASE_WAIT:
        break; /* the upstream's and the policies' own deadlines hold */
    }
}
