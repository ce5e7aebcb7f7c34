/* What the answer of a backend over HTTP means, where its protocol does not say otherwise. Pure. */
#pragma once

#include <stdbool.h>

#include "server/connector/connector.h"
#include "server/upstream/call.h"

/* OK for 2xx and 304. After a write a 5xx that does not say "not now" leaves its effect open. */
enum gw_connector_error gw_connector_judge_status(int status, bool is_write);

/* Of the whole answer: also of none, and of one that is cut short. OK: the body may be read. The
 * reason borrows of the answer; `code` is empty. */
enum gw_connector_error gw_connector_judge(const struct gw_call_answer *answer, bool is_write,
                                           struct gw_connector_failure *out_failure);
