#include "server/upstream/proxy_fields.h"

#include <errno.h>

#include "server/http/identity_fields.h"
#include "server/observe/trace.h"

/* Ours to say, or for one hop only. Sorted by length: most names are told apart by it. */
static const struct gw_str dropped_names[] = {
    GW_STR_INIT("te"),
    GW_STR_INIT("via"),  /* ours replaces it */
    GW_STR_INIT("dpop"), /* a proof for us (RFC 9449) */
    GW_STR_INIT("host"),
    GW_STR_INIT("expect"),
    GW_STR_INIT("upgrade"),
    GW_STR_INIT("trailer"),
    GW_STR_INIT("forwarded"),
    GW_STR_INIT("x-real-ip"),
    GW_STR_INIT("connection"),
    GW_STR_INIT("keep-alive"),
    GW_STR_INIT("tracestate"),
    GW_STR_INIT("traceparent"),
    GW_STR_INIT("x-request-id"),
    GW_STR_INIT("authorization"), /* see passes() */
    GW_STR_INIT("content-length"),
    GW_STR_INIT("x-forwarded-by"),
    GW_STR_INIT("x-forwarded-for"),
    GW_STR_INIT("x-forwarded-host"),
    GW_STR_INIT("x-forwarded-port"),
    GW_STR_INIT("proxy-connection"),
    GW_STR_INIT("x-forwarded-proto"),
    GW_STR_INIT("transfer-encoding"),
    GW_STR_INIT("x-forwarded-prefix"),
    GW_STR_INIT("x-forwarded-server"),
    GW_STR_INIT("proxy-authorization"),
};

bool gw_proxy_drops_field(struct gw_str name)
{
    for (size_t i = 0; i < GW_COUNT_OF(dropped_names) && dropped_names[i].len <= name.len; i++) {
        if (gw_field_is_alike(name, dropped_names[i]))
            return true;
    }
    return false;
}

static bool is_set_by_operator(const struct gw_backend_config *backend, struct gw_str name)
{
    for (size_t i = 0; i < backend->field_count; i++) {
        if (gw_field_is_alike(backend->fields[i].name, name))
            return true;
    }
    return false;
}

/* A connector's own Authorization is not the caller's; credentials of the operator go before it. */
static bool passes_authorization(const struct gw_exchange *ex,
                                 const struct gw_backend_config *backend)
{
    const struct gw_credentials_config *credentials = &backend->credentials;

    if (ex->sends_own_fields)
        return !credentials->is_fetched && credentials->fixed.len == 0;
    return backend->sends_bearer;
}

static bool passes(const struct gw_exchange *ex, const struct gw_backend_config *backend,
                   struct gw_str name)
{
    if (is_set_by_operator(backend, name))
        return false;
    return !gw_proxy_drops_field(name) || (gw_str_equal_nocase(name, GW_STR("authorization")) &&
                                           passes_authorization(ex, backend));
}

/* RFC 7239: a peer that is an IPv6 address stands in quotes and brackets. */
static struct gw_str forwarded(struct gw_exchange *ex)
{
    bool is_v6 = gw_str_find(ex->request.peer, ':') < ex->request.peer.len;

    return gw_arena_printf(&ex->arena, "for=%s%.*s%s;host=\"%.*s\";proto=%s", is_v6 ? "\"[" : "",
                           GW_STR_ARG(ex->request.peer), is_v6 ? "]\"" : "",
                           GW_STR_ARG(ex->request.host), ex->request.is_tls ? "https" : "http");
}

static int add_own(struct gw_exchange *ex, struct gw_field *out, size_t *count)
{
    const struct gw_exchange_record *record = &ex->record;
    char *traceparent = gw_arena_alloc(&ex->arena, GW_TRACEPARENT_LEN);
    struct gw_str via_us = ex->request.peer.len > 0 ? forwarded(ex) : GW_STR("");

    if (traceparent == NULL || via_us.ptr == NULL || record->trace_id.len != GW_TRACE_ID_LEN ||
        record->span_id.len != GW_SPAN_ID_LEN) /* there was no memory for the ids */
        return -ENOMEM;
    gw_traceparent_print(record->trace_id, record->span_id, record->is_sampled, traceparent);
    out[(*count)++] = (struct gw_field){GW_STR("Via"), GW_STR("1.1 millgate")};
    if (via_us.len > 0) /* else it serves no caller */
        out[(*count)++] = (struct gw_field){GW_STR("Forwarded"), via_us};
    out[(*count)++] = (struct gw_field){GW_STR("X-Request-Id"), record->request_id};
    out[(*count)++] =
        (struct gw_field){GW_STR("traceparent"), gw_str_from(traceparent, GW_TRACEPARENT_LEN)};
    if (record->tracestate.len > 0)
        out[(*count)++] = (struct gw_field){GW_STR("tracestate"), record->tracestate};
    return 0;
}

size_t gw_proxy_fields_room(const struct gw_exchange *ex, const struct gw_backend_config *backend)
{
    return ex->request.field_count + backend->field_count + GW_MAX_OWN_FIELDS;
}

int gw_proxy_request_fields(struct gw_exchange *ex, const struct gw_backend_config *backend,
                            struct gw_field *out, size_t *out_count)
{
    size_t count = 0;

    for (size_t i = 0; i < ex->request.field_count; i++) {
        if (passes(ex, backend, ex->request.fields[i].name))
            out[count++] = ex->request.fields[i];
    }
    for (size_t i = 0; i < backend->field_count && i < GW_MAX_BACKEND_FIELDS; i++)
        out[count++] = backend->fields[i];
    int rc = add_own(ex, out, &count);
    if (rc == 0)
        *out_count = count;
    return rc;
}

int gw_proxy_response_fields(struct gw_exchange *ex, const struct gw_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal_nocase(fields[i].name,
                                GW_STR("x-request-id")) || /* the caller gets ours */
            gw_str_equal_nocase(fields[i].name, GW_STR("proxy-authenticate"))) /* meant for us */
            continue;
        struct gw_str name = gw_arena_copy(&ex->arena, fields[i].name);
        struct gw_str value = gw_arena_copy(&ex->arena, fields[i].value);
        if (name.ptr == NULL || value.ptr == NULL)
            return -ENOMEM;
        int rc = gw_response_add_field(ex, name, value);
        if (rc != 0)
            return rc;
    }
    return gw_response_add_field(ex, GW_STR("Via"), GW_STR("1.1 millgate"));
}
