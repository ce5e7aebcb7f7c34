/* How an operation of a landscape is fulfilled: by a variant of its flow for each system. */
#pragma once

#include "server/gateway/snapshot.h"

/* Fills the service of an operation whose contract names a landscape: of `erp/list` the system's
 * variant is `erp-<flows>/list`, or the plain one. A system without either is told as a warning.
 * 0, -EINVAL (it was told), -ENOMEM. */
GW_MUST_CHECK
int gw_landscape_service_make(struct gw_snapshot *snapshot, struct gw_service *service,
                              struct gw_diagnostics *diagnostics);
