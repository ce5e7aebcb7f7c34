/* What the listeners of a snapshot show and believe: their certificates, and whose certificates and
 * words they take. */
#pragma once

#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/gateway/snapshot.h"

/* Fills snapshot->trust and admin_trust. A certificate, key, authority or revocation list that
 * cannot be used goes to `diagnostics`, with its file. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_trust_make(struct gw_snapshot *snapshot, struct gw_diagnostics *diagnostics);
void gw_trust_finish(struct gw_snapshot *snapshot); /* safe when it was not made, or in part */

/* The trust for a listener that was opened with number `index` and address `at`: that of the same
 * number, or else of another number, if the address is the same and both have TLS or none. NULL:
 * the configuration has no such listener any more. */
const struct gw_listener_trust *gw_trust_find(const struct gw_snapshot *snapshot, size_t index,
                                              struct gw_str at, bool has_tls);
