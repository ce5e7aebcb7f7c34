#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/net/http_client_parts.h"

/* Names that are the client's own to write, or hop-by-hop: a caller who passes one on would let a
 * peer's framing decide over ours. */
static bool is_reserved(struct gw_str name)
{
    static const struct gw_str reserved[] = {
        GW_STR_INIT("TE"),
        GW_STR_INIT("Host"),
        GW_STR_INIT("Expect"),
        GW_STR_INIT("Trailer"),
        GW_STR_INIT("Upgrade"),
        GW_STR_INIT("Connection"),
        GW_STR_INIT("Keep-Alive"),
        GW_STR_INIT("Content-Length"),
        GW_STR_INIT("Proxy-Connection"),
        GW_STR_INIT("Transfer-Encoding"),
    };
    static const uint32_t lengths =
        1U << 2 | 1U << 4 | 1U << 6 | 1U << 7 | 1U << 10 | 1U << 14 | 1U << 16 | 1U << 17;

    if (name.len > 17 || (lengths >> name.len & 1) == 0)
        return false;
    for (size_t at = 0; at < GW_COUNT_OF(reserved); at++) {
        if (gw_str_equal_nocase(name, reserved[at]))
            return true;
    }
    return false;
}

/* No byte that could end the target or the line. */
static bool is_target(struct gw_str target)
{
    if (target.len == 0 || (target.ptr[0] != '/' && !gw_str_equal(target, GW_STR("*"))))
        return false;
    return gw_http_is_value(target) && memchr(target.ptr, ' ', target.len) == NULL &&
           memchr(target.ptr, '\t', target.len) == NULL;
}

static bool is_host(struct gw_str host)
{
    for (size_t at = 0; at < host.len; at++) {
        unsigned char byte = (unsigned char)host.ptr[at];

        if (byte <= ' ' || byte >= 0x7f || strchr(",/?#@\\\"<>", byte) != NULL)
            return false;
    }
    return true;
}

static bool is_writable(const struct gw_http_request *request)
{
    if (!gw_http_is_token(request->method) || gw_str_equal(request->method, GW_STR("CONNECT")) ||
        !is_target(request->target) || !is_host(request->host))
        return false;
    if (request->asks_websocket && request->body_bytes != 0)
        return false;
    if (request->body_bytes < GW_HTTP_CHUNKED ||
        (request->body_bytes >= 0 && (uint64_t)request->body_bytes < request->body.len))
        return false;
    for (size_t at = 0; at < request->field_count; at++) {
        const struct gw_field *field = &request->fields[at];

        if (!gw_http_is_token(field->name) || !gw_http_is_value(field->value) ||
            is_reserved(field->name))
            return false;
    }
    return true;
}

/* RFC 9110 section 8.6: a length is told where a body has a meaning, also a length of 0. */
static bool tells_zero_length(struct gw_str method)
{
    static const struct gw_str bodiless[] = {GW_STR_INIT("GET"), GW_STR_INIT("HEAD"),
                                             GW_STR_INIT("DELETE"), GW_STR_INIT("OPTIONS"),
                                             GW_STR_INIT("TRACE")};

    for (size_t at = 0; at < GW_COUNT_OF(bodiless); at++) {
        if (gw_str_equal(method, bodiless[at]))
            return false;
    }
    return true;
}

static char *put(char *at, struct gw_str text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    return at + text.len;
}

static char *put_framing(char *at, const struct gw_http_request *request)
{
    if (request->body_bytes == GW_HTTP_CHUNKED)
        at = put(at, GW_STR("Transfer-Encoding: chunked\r\n"));
    else if (request->body_bytes > 0 || tells_zero_length(request->method))
        at += snprintf(at, 40, "Content-Length: %lld\r\n", (long long)request->body_bytes);
    if (request->expects_continue && request->body_bytes != 0)
        at = put(at, GW_STR("Expect: 100-continue\r\n"));
    return at;
}

int http_head_write(struct gw_buf *out, const struct gw_http_request *request,
                    struct gw_str authority)
{
    struct gw_str host = request->host.len > 0 ? request->host : authority;
    size_t bytes = request->method.len + request->target.len + host.len + 128;

    if (!is_writable(request))
        return -EINVAL;
    for (size_t at = 0; at < request->field_count; at++)
        bytes += request->fields[at].name.len + request->fields[at].value.len + 4;
    char *begin = gw_buf_reserve(out, bytes);
    if (begin == NULL)
        return -ENOMEM;

    char *at = put(begin, request->method);
    *at++ = ' ';
    at = put(at, request->target);
    at = put(at, GW_STR(" HTTP/1.1\r\nHost: "));
    at = put(at, host);
    at = put(at, GW_STR("\r\n"));
    for (size_t field = 0; field < request->field_count; field++) {
        at = put(at, request->fields[field].name);
        at = put(at, GW_STR(": "));
        at = put(at, request->fields[field].value);
        at = put(at, GW_STR("\r\n"));
    }
    at = put_framing(at, request);
    if (request->asks_websocket)
        at = put(at, GW_STR("Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    at = put(at, GW_STR("\r\n"));
    out->len += (size_t)(at - begin);
    return 0;
}
