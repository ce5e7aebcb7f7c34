/* From contracts to routes: a service per operation, and the router over all. */
#pragma once

#include "server/gateway/snapshot.h"

/* Fills services and router of a snapshot whose contracts and backends are there. 0, or a negative
 * errno with the reason in `diagnostics` (or -ENOMEM). */
GW_MUST_CHECK
int gw_services_make(struct gw_snapshot *snapshot, struct gw_diagnostics *diagnostics);

/* Tells at the place where the operation's contract names its flow. */
void gw_services_report(const struct gw_operation *operation, enum gw_severity severity,
                        struct gw_diagnostics *diagnostics, const char *text);

/* What flows do to the world. */
extern const struct gw_effect gw_effect_of_flows;
