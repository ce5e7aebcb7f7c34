/* Gets a connected socket: resolves a name, then tries its addresses in turn, the next one when the
 * one before has failed or kept silent for 250 ms (in the manner of RFC 8305). For stream.c.
 *
 * Knows no deadline: its owner destroys it. One loop's thread. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/net/stream.h" /* struct gw_stream_config, enum gw_stream_failure */

struct gw_connector;

struct gw_connector_events {
    /* Connected; the socket is the receiver's. Destroy the connector. */
    void (*on_connected)(void *self, int fd);
    void (*on_failed)(void *self, enum gw_stream_failure reason, const char *detail);
};

/* `guard_self` is passed to config->is_forbidden. Returns 0, -ENOMEM or -EINVAL. No callback from
 * within. */
GW_MUST_CHECK
int gw_connector_start(struct gw_loop *loop, const struct gw_stream_config *config,
                       const struct gw_connector_events *events, void *self,
                       struct gw_connector **out_connector);
/* Closes what is not handed over. May be called from within the callbacks. NULL is safe. */
void gw_connector_destroy(struct gw_connector *connector);

/* What it is doing, for the text of a time-out. */
const char *gw_connector_step(const struct gw_connector *connector);
