/* A backend as one worker sees it: where it is, and how it is spoken to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/net/http_client.h"
#include "server/upstream/credentials.h"

#define GW_MAX_BACKEND_FIELDS 32 /* as in the table of the configuration */

/* What the operator says of a backend. Immutable, of the snapshot's life. */
struct gw_backend_config {
    struct gw_str name;
    struct gw_http_origin_config origin;
    struct gw_str authority;       /* the Host field */
    struct gw_str base_path;       /* put before every target: "/odata/v4/erp", or empty */
    const struct gw_field *fields; /* added to every request, in place of the caller's */
    size_t field_count;
    uint64_t first_byte_ns, total_ns, idle_ns;
    uint64_t websocket_idle_ns, websocket_total_ns;
    bool sends_bearer;                        /* the caller's Authorization goes on to it */
    struct gw_credentials_config credentials; /* ours for it */
};

struct gw_backend {
    const struct gw_backend_config *config;
    struct gw_http_origin *origin;
    struct gw_credentials *credentials; /* NULL: there are none to show */
};

/* Takes a reference to the origin and the credentials. The configuration must outlive the backend.
 */
GW_MUST_CHECK
int gw_backend_init(struct gw_backend *backend, struct gw_worker *worker,
                    const struct gw_backend_config *config, struct gw_error *error);
void gw_backend_finish(struct gw_backend *backend); /* safe on a zeroed one */
