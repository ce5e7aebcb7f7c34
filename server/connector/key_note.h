/* That a write has begun, noted at the request's own key before a byte of it leaves.
 *
 * A transition changes what its caller's If-Match speaks of. If its answer is lost, the caller asks
 * again with the same key and the same If-Match, which his own effect has made stale. Whoever
 * fulfils the request then must know that it may have been this key: gw_keyed_claim.begun_before
 * (store/keyed_record.h) says so, and only to a key under which a write was on its way. A server
 * may answer a failed precondition with success where the change has been made already (RFC 9110,
 * section 13.1.1).
 *
 * Redis away, or the claim another's by now: nothing is sent. On the worker's thread. */
#pragma once

#include <stdbool.h>

#include "server/upstream/effect.h"

struct gw_connector_call;

/* Whether a write of that class is to be noted: a transition, or any write that serves a request
 * with If-Match; under a claim that does not say so already. */
bool gw_key_note_is_due(const struct gw_connector_call *call, enum gw_effect_class class);

/* Whether the call's key has begun before, but not so often that whoever fulfils the request seems
 * not to look at what was made. */
bool gw_key_note_may_meet_itself(const struct gw_connector_call *call);

/* Notes a write of that class, then calls `begin`. Ends as a call does. */
void gw_key_note_start(void *instance, struct gw_connector_call *call, enum gw_effect_class class,
                       void (*begin)(void *instance, struct gw_connector_call *call));
