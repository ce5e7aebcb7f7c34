/* The listeners' own certificates, and how long they are still good: for metrics, readiness and the
 * log. Main thread. */
#pragma once

#include <stdint.h>

#include "server/core/buf.h"
#include "server/gateway/snapshot.h"

/* Warned of from then on before they expire. */
#define GW_CERTIFICATE_WARN_S (INT64_C(14) * 24 * 3600)

/* Prometheus text: when each expires. */
void gw_certificates_print_metrics(const struct gw_snapshot *snapshot, struct gw_buf *out);

/* A JSON array: listener, names, expiry and state of each. */
void gw_certificates_print_state(const struct gw_snapshot *snapshot, int64_t now_s,
                                 struct gw_buf *out);

/* A line in the log for each that needs to be renewed. */
void gw_certificates_warn(const struct gw_snapshot *snapshot, int64_t now_s);
