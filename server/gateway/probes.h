/* Active health checks: each target of each backend is asked at its interval, on the main thread.
 * What comes of it stands in /readyz, and, where the operator configured a probe, in the target's
 * mark, by which workers leave it out. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/core/buf.h"

struct gw_probes;
struct gw_server;

/* NULL without memory. The server's current snapshot is looked at from now on. */
GW_MUST_CHECK
struct gw_probes *gw_probes_create(struct gw_server *server);
void gw_probes_destroy(struct gw_probes *probes); /* NULL is safe */

/* Some target answers, or none is configured, or it is too early to say. */
bool gw_probes_has_backend(const struct gw_probes *probes);

/* Appends `"backends":{...}`. */
void gw_probes_print(const struct gw_probes *probes, struct gw_buf *out);
