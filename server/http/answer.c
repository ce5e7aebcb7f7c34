/* From the exchange's response to libmicrohttpd's. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/core/buf.h"
#include "server/http/connection.h"
#include "server/http/problem.h"

#define MAX_RAW_BYTES (64 * 1024)
#define STREAM_BLOCK_BYTES (32 * 1024)
#define OWN_HEAD_BYTES 768 /* what the library and add_fields() add to a head, and the framing */

/* Ends an answer that cannot be completed. Told of a failure, the library marks the connection and
 * forgets to close it (0.9.75 with epoll); a write that fails is noticed. So the socket is shut
 * down first, and what is returned here reaches nobody. */
static ssize_t break_off(struct gw_connection *connection, char *out)
{
    gw_connection_shut(connection);
    out[0] = '\0';
    return 1;
}

/* The library calls this from its run, never for a suspended connection. `capacity` is not 0. */
static ssize_t read_source(void *self, uint64_t position, char *out, size_t capacity)
{
    struct gw_connection *connection = self;
    struct gw_exchange *ex = connection->ex;

    (void)position;
    if (ex->state == GW_EXCHANGE_GONE)
        return break_off(connection, out);
    connection->is_in_callback = true;
    ssize_t count = ex->response.source->read(ex->response.source_self, out, capacity);
    connection->is_in_callback = false;
    if (count > 0) {
        connection->listener->has_progress = true;
        ex->record.response_bytes += (uint64_t)count;
        return count;
    }
    if (count == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (count != -EAGAIN)
        return break_off(connection, out);
    gw_connection_suspend(connection);
    return 0;
}

/* A body that is announced and never sent: the answer to HEAD. */
static ssize_t read_nothing(void *self, uint64_t position, char *out, size_t capacity)
{
    (void)self;
    (void)position;
    (void)out;
    (void)capacity;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* A field with an empty value is left out: the library cannot say it. */
static bool add_field(struct MHD_Response *response, const struct gw_field *field)
{
    return field->value.len == 0 ||
           MHD_add_response_header(response, field->name.ptr, field->value.ptr) == MHD_YES;
}

static struct MHD_Response *make_body(struct gw_connection *connection)
{
    struct gw_exchange *ex = connection->ex;
    struct gw_response *response = &ex->response;
    bool is_bodiless = ex->request.method == GW_METHOD_HEAD || response->status == 304;

    if (is_bodiless && response->body.len == 0 && response->body_bytes > 0)
        return MHD_create_response_from_callback((uint64_t)response->body_bytes, 512, read_nothing,
                                                 NULL, NULL);
    if (response->source == NULL) {
        if (!is_bodiless)
            ex->record.response_bytes = response->body.len;
        return MHD_create_response_from_buffer(response->body.len, (void *)response->body.ptr,
                                               MHD_RESPMEM_PERSISTENT);
    }
    uint64_t size = response->body_bytes < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)response->body_bytes;
    return MHD_create_response_from_callback(size, STREAM_BLOCK_BYTES, read_source, connection,
                                             NULL);
}

static bool add_fields(const struct gw_connection *connection, struct MHD_Response *response)
{
    const struct gw_exchange *ex = connection->ex;
    const struct gw_field id = {GW_STR("X-Request-Id"), ex->record.request_id};
    bool is_last = ex->must_close || connection->listener->is_draining;

    for (size_t i = 0; i < ex->response.field_count; i++) {
        if (!add_field(response, &ex->response.fields[i]))
            return false;
    }
    return add_field(response, &id) &&
           (!is_last ||
            MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_YES);
}

static struct MHD_Response *make_response(struct gw_connection *connection)
{
    struct MHD_Response *response = make_body(connection);

    if (response == NULL || add_fields(connection, response))
        return response;
    MHD_destroy_response(response);
    return NULL;
}

/* Whether the response's head fits into what the request's left of the library's pool. Where it
 * does not, the library closes without a word. */
static bool has_room(const struct gw_connection *connection)
{
    const struct gw_response *response = &connection->ex->response;
    size_t needed = connection->head_bytes + OWN_HEAD_BYTES;

    for (size_t i = 0; i < response->field_count; i++)
        needed += response->fields[i].name.len + response->fields[i].value.len + 4;
    return needed <= connection->listener->config.pool_bytes;
}

enum MHD_Result gw_connection_answer(struct gw_connection *connection)
{
    const struct gw_listener_config *config = &connection->listener->config;
    struct gw_exchange *ex = connection->ex;

    if (ex->response.tunnel != NULL) {
        if (gw_connection_begin_tunnel(connection))
            return MHD_YES;
        gw_problem_set(ex, "overloaded", NULL);
    }
    if (!has_room(connection) && ex->record.upstream_status != 0)
        gw_problem_set(ex, "bad-gateway", "The backend's answer has too large a head.");
    if (!has_room(connection)) {
        connection->is_answered_raw = gw_connection_answer_raw(connection);
        return MHD_NO;
    }
    struct MHD_Response *response = make_response(connection);
    if (response == NULL)
        return MHD_NO;
    connection->ends_by_close =
        connection->is_http_1_0 && ex->response.source != NULL && ex->response.body_bytes < 0;
    connection->phase = GW_PHASE_ANSWER;
    connection->mark_bytes = 0;
    connection->was_suspended = false;
    connection->listener->has_progress = true;
    gw_connection_watch_answer(connection);
    enum MHD_Result result =
        MHD_queue_response(connection->mhd, (unsigned)ex->response.status, response);
    MHD_destroy_response(response);
    if (ex->response.lasts && ex->response.source != NULL && config->handler->detach != NULL)
        config->handler->detach(config->handler_self, ex);
    return result;
}

bool gw_connection_answer_raw(struct gw_connection *connection)
{
    struct gw_exchange *ex = connection->ex;
    struct gw_buf text;

    if (connection->listener->trust.tls != NULL || ex->response.source != NULL ||
        connection->is_shut)
        return false;
    gw_buf_init(&text, MAX_RAW_BYTES);
    gw_buf_printf(&text, "HTTP/1.1 %d \r\nConnection: close\r\nContent-Length: %zu\r\n",
                  ex->response.status, ex->response.body.len);
    if (ex->record.request_id.len > 0)
        gw_buf_printf(&text, "X-Request-Id: %.*s\r\n", GW_STR_ARG(ex->record.request_id));
    for (size_t i = 0; i < ex->response.field_count; i++) {
        const struct gw_field *field = &ex->response.fields[i];
        gw_buf_printf(&text, "%.*s: %.*s\r\n", GW_STR_ARG(field->name), GW_STR_ARG(field->value));
    }
    gw_buf_append_text(&text, "\r\n");
    if (ex->request.method != GW_METHOD_HEAD)
        gw_buf_append_str(&text, ex->response.body);

    bool is_out = !text.has_failed && send(connection->fd, text.ptr, text.len,
                                           MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)text.len;
    gw_buf_finish(&text);
    if (is_out)
        shutdown(connection->fd, SHUT_WR);
    ex->record.response_bytes = is_out ? ex->response.body.len : 0;
    return is_out;
}
