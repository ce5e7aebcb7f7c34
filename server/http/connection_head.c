/* From the head that libmicrohttpd has parsed to the exchange's request. */
#include "server/http/connection.h"
#include "server/http/request_head.h"
#include "server/http/websocket.h"
#include "server/net/address.h"
#include "server/net/cidr.h"

#define MIN_ANSWER_HEAD 1024
#define POOL_RECORD_BYTES 64 /* of libmicrohttpd, for a field */

const char gw_connection_head_too_large[] = "too many fields, or too long ones";

struct field_reader {
    struct gw_exchange *ex;
    bool is_full;
};

static enum MHD_Result read_field(void *self, enum MHD_ValueKind kind, const char *name,
                                  size_t name_len, const char *value, size_t value_len)
{
    struct field_reader *reader = self;

    (void)kind;
    struct gw_str text = value == NULL ? GW_STR("") : gw_str_from(value, value_len);
    if (reader->ex->request.field_count == GW_MAX_RECEIVED_FIELDS ||
        gw_request_add_field(reader->ex, gw_str_from(name, name_len), text) != 0) {
        reader->is_full = true;
        return MHD_NO;
    }
    return MHD_YES;
}

/* What the head holds of the library's pool: its text, and a record for each field and argument. */
static void measure_head(struct gw_connection *connection, const char *method, const char *version)
{
    const struct gw_request *request = &connection->ex->request;
    const char *end = version + strlen(version);
    size_t records = request->field_count + 1;

    for (size_t i = 0; i < request->field_count; i++) {
        if (request->fields[i].value.len > 0) /* an empty one may lie elsewhere */
            end = request->fields[i].value.ptr + request->fields[i].value.len;
    }
    for (size_t i = 0; i < request->target.len; i++)
        records += request->target.ptr[i] == '&';
    connection->head_bytes = (size_t)(end - method) + 4 + records * POOL_RECORD_BYTES;
}

/* The answer's head needs room, too: better no request than one whose answer cannot be told. */
static bool leaves_room(const struct gw_connection *connection)
{
    size_t pool_bytes = connection->listener->config.pool_bytes;
    size_t reserve = pool_bytes / 8 > MIN_ANSWER_HEAD ? pool_bytes / 8 : MIN_ANSWER_HEAD;

    return connection->head_bytes + reserve <= pool_bytes;
}

/* Whom a PROXY header names has written the fields, whoever passed the bytes on. */
static bool may_forward(const struct gw_connection *connection)
{
    const struct gw_listener_trust *trust = &connection->listener->trust;
    struct gw_address told;

    if (!connection->is_told)
        return gw_connection_is_from_proxy(connection);
    return gw_address_parse(gw_str_of(connection->peer), &told) == 0 &&
           gw_cidr_any_has(trust->proxies, trust->proxy_count, &told.any);
}

/* Behind proxies the peer is who they say, and the scheme the one that it spoke to them. Without
 * memory the peer stays the proxy: limits then count for it, which is on the safe side. */
static void read_client(struct gw_connection *connection)
{
    const struct gw_listener_trust *trust = &connection->listener->trust;
    struct gw_exchange *ex = connection->ex;
    struct gw_client_told told;

    if (trust->client_address == GW_CLIENT_ADDRESS_PEER || !may_forward(connection))
        return;
    gw_client_address_find(&ex->request, trust->client_address, trust->proxies, trust->proxy_count,
                           &told);
    if (told.scheme != GW_CLIENT_SCHEME_UNTOLD)
        ex->request.is_tls = told.scheme == GW_CLIENT_SCHEME_HTTPS;
    struct gw_str copy = gw_arena_copy(&ex->arena, gw_str_of(told.address));
    if (copy.ptr != NULL && copy.len > 0)
        ex->request.peer = copy;
}

const char *gw_connection_read_head(struct gw_connection *connection, const char *method,
                                    const char *version)
{
    struct gw_exchange *ex = connection->ex;
    struct gw_request *request = &ex->request;
    struct field_reader reader = {.ex = ex};

    request->method_name = gw_str_of(method);
    request->method = gw_method_parse(request->method_name);
    request->is_tls = connection->listener->trust.tls != NULL;
    request->peer = gw_str_of(connection->peer);
    MHD_get_connection_values_n(connection->mhd, MHD_HEADER_KIND, read_field, &reader);
    measure_head(connection, method, version);
    if (reader.is_full || !leaves_room(connection))
        return gw_connection_head_too_large;

    const union MHD_ConnectionInfo *head_size =
        MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct gw_raw_head raw = {
        .method = method,
        .target = connection->target,
        .target_len = request->target.len,
        .version = version,
        .fields = request->fields,
        .field_count = request->field_count,
        .head_bytes = head_size == NULL ? 0 : head_size->header_size,
    };
    const char *flaw = gw_request_head_flaw(&raw);
    for (size_t i = 0; i < request->field_count; i++)
        request->fields[i].value = gw_str_trim(request->fields[i].value);
    if (flaw == NULL)
        flaw = gw_request_target_flaw(request, request->target);
    if (flaw == NULL)
        flaw = gw_request_framing_flaw(request, connection->is_http_1_0);
    if (flaw == NULL)
        flaw = gw_connection_read_certificate(connection);
    if (flaw == NULL)
        read_client(connection);
    request->wants_websocket =
        flaw == NULL && !connection->is_http_1_0 && gw_websocket_is_asked(request);
    return flaw;
}
