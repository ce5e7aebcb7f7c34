/* What an answer, or its absence, says of a request's effect. Pure. */
#pragma once

#include <stdbool.h>

enum outcome {
    OUTCOME_EXECUTED, /* the backend has decided: its answer is kept */
    OUTCOME_NOT_EXECUTED,
    OUTCOME_UNKNOWN,
};

/* `upstream_status` is 0 where no answer came; `was_replaced`: the client is told something else
 * than the backend said. */
enum outcome outcome_of(int upstream_status, bool was_sent, bool was_replaced);
