/* A request of the connector `http`, made of a function's arguments. All in the call's arena. */
#pragma once

#include "server/connector/connector.h"
#include "server/core/attr.h"
#include "server/net/http_field.h"

struct http_document;

#define HTTP_MAX_FIELDS 64

struct http_request {
    struct gw_str method, target;
    struct gw_field fields[HTTP_MAX_FIELDS];
    size_t field_count;
    struct gw_str body;
    bool has_body;
    bool is_write;   /* its method is none of GET, HEAD, OPTIONS */
    char wrong[200]; /* of -EINVAL: why the arguments cannot be meant */
};

/* Does a request of that method only read (RFC 9110, section 9.2.1)? */
bool http_is_read(struct gw_str method);

/* Of `http.request`. 0, -EINVAL or -ENOMEM. */
GW_MUST_CHECK
int http_request_make(struct gw_connector_call *call, struct http_request *out);

/* Of `http.operation`. */
GW_MUST_CHECK
int http_request_make_operation(struct gw_connector_call *call,
                                const struct http_document *document, struct http_request *out);

/* Adds one, unless there is no room or the field cannot be written. */
GW_MUST_CHECK
int http_request_add_field(struct http_request *request, struct gw_str name, struct gw_str value);
