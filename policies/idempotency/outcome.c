#include "outcome.h"

/* Statuses by which a server says that it did nothing (RFC 9110, 15.5.2 and 15.5.9, 15.6.4; RFC
 * 8470; RFC 6585): the same request may be welcome later. */
static bool is_refusal(int status)
{
    return status == 401 || status == 408 || status == 425 || status == 429 || status == 503;
}

enum outcome outcome_of(int upstream_status, bool was_sent, bool was_replaced)
{
    if (upstream_status == 0)
        return was_sent ? OUTCOME_UNKNOWN : OUTCOME_NOT_EXECUTED;
    if (is_refusal(upstream_status))
        return OUTCOME_NOT_EXECUTED;
    if (was_replaced || upstream_status >= 500)
        return OUTCOME_UNKNOWN;
    return OUTCOME_EXECUTED;
}
