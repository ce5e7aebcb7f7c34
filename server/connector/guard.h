/* Writes that must not take effect twice at a backend that does not know our keys.
 *
 * Before a byte leaves, the intent is recorded (store/effect_record.h), durably; the claim outlives
 * the call's deadline. What comes of it is recorded before the caller is told. After an unknown
 * outcome a write of class C is *in doubt*: it is not sent again before the backend's `settle` has
 * passed, and then looked for: one found is adopted, for none it is sent, of several nobody knows
 * which, and it fails for good. A write of class D whose outcome is unknown is never sent again.
 *
 * Redis away: nothing is sent. */
#pragma once

#include <stdbool.h>

struct gw_connector_call;

/* The call's worker has a record writer; its effect key is not empty. Ends as a call does. */
void gw_guard_start(void *instance, struct gw_connector_call *call, bool can_be_found);
