/* What an answer of Tryton means. Most of its failures come with status 200. Pure but for the
 * arena.
 *
 *     UserError, UserWarning         REFUSED      (code: the exception's name)
 *     ... over its own "Session"     UNAVAILABLE  (code "session-end"); of a write IN_DOUBT
 *     ConcurrencyException           CONFLICT
 *     LoginException                 DENIED
 *     its database is busy           UNAVAILABLE  (the transaction was undone)
 *     any other error                WRONG        (an unknown field, model or argument)
 *     status 401                     DENIED       (code "session": log in anew)
 *     status 403                     DENIED       (no method that we may call)
 *     status 400, 404, 413           WRONG        (no such path)
 *     429, 503                       UNAVAILABLE
 *     another 5xx                    UNAVAILABLE; of a write IN_DOUBT, as it may have been done
 *     no JSON-RPC                    RUBBISH; of a write IN_DOUBT */
#pragma once

#include "server/connector/connector.h"
#include "server/upstream/call.h"

#define TRYTON_CODE_SESSION "session"
#define TRYTON_CODE_SESSION_END "session-end"

/* OK: *out_result is what Tryton said, as on the wire (see value.h); otherwise *out_failure is set
 * and equal to what is returned. All of it lies in the arena. */
enum gw_connector_error tryton_answer_read(struct gw_arena *arena,
                                           const struct gw_call_answer *answer, bool is_write,
                                           struct gw_value *out_result,
                                           struct gw_connector_failure *out_failure);
