/* Whether this gateway should get traffic: what /readyz says, and why.
 *
 * Looked after on the main thread: Redis is asked and judged (store/health.h), each backend is
 * tried at its interval (gateway/probes.h). Draining, Redis, and having no backend at all that
 * answers make the gateway unready. One backend of several that is away is told but does not: one
 * ERP's outage must not take every gateway out of its balancer. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"

struct gw_readiness;
struct gw_server;

GW_MUST_CHECK
int gw_readiness_create(struct gw_server *server, struct gw_readiness **out_readiness,
                        struct gw_error *error);
void gw_readiness_destroy(struct gw_readiness *readiness); /* NULL is safe */

/* Whether Redis is fit, for the main thread and for every worker. */
bool gw_readiness_has_redis(struct gw_readiness *readiness);

/* Writes the state as JSON; returns whether the gateway is ready. */
bool gw_readiness_print(struct gw_readiness *readiness, struct gw_buf *out);
