#include "server/upstream/retry.h"

#include "server/core/attr.h"
#include "server/upstream/balance.h"

#define MAX_FAIL_OVERS 3 /* attempts without a rule of the operator's */

enum gw_retry_reason gw_retry_reason_of_failure(enum gw_http_failure failure, bool was_sent)
{
    switch (failure) {
    case GW_HTTP_UNRESOLVED:
    case GW_HTTP_UNREACHABLE:
    case GW_HTTP_UNTRUSTED:
        return GW_RETRY_CONNECT;
    case GW_HTTP_TIMED_OUT:
        return GW_RETRY_TIMEOUT;
    case GW_HTTP_DISCONNECTED: /* before a byte left, it is as if there had been no connection */
        return was_sent ? GW_RETRY_RESET : GW_RETRY_CONNECT;
    default:
        return GW_RETRY_NONE;
    }
}

enum gw_retry_reason gw_retry_reason_of_status(int status)
{
    return status == 502   ? GW_RETRY_502
           : status == 503 ? GW_RETRY_503
           : status == 504 ? GW_RETRY_504
                           : GW_RETRY_NONE;
}

static const char *const reason_names[GW_RETRY_REASON_COUNT] = {"connect", "reset", "timeout",
                                                                "502",     "503",   "504"};

const char *gw_retry_reason_name(enum gw_retry_reason reason)
{
    for (unsigned i = 0; i < GW_COUNT_OF(reason_names); i++)
        if ((unsigned)reason == 1U << i)
            return reason_names[i];
    return "none";
}

enum gw_retry_reason gw_retry_reason_parse(struct gw_str name)
{
    for (unsigned i = 0; i < GW_COUNT_OF(reason_names); i++)
        if (gw_str_equal(name, gw_str_of(reason_names[i])))
            return (enum gw_retry_reason)(1 << i);
    return GW_RETRY_NONE;
}

bool gw_retry_is_idempotent(enum gw_method method)
{
    return method == GW_METHOD_GET || method == GW_METHOD_HEAD || method == GW_METHOD_OPTIONS ||
           method == GW_METHOD_PUT || method == GW_METHOD_DELETE;
}

bool gw_retry_may(const struct gw_retry_rule *rule, const struct gw_retry_case *failed)
{
    if (failed->reason == GW_RETRY_NONE || !failed->is_body_kept)
        return false;
    if (failed->was_sent && !failed->is_repeatable)
        return false;
    if (failed->reason == GW_RETRY_CONNECT && failed->untried > 0)
        return failed->attempts < (rule->attempts > 0 ? rule->attempts : MAX_FAIL_OVERS);
    return failed->attempts < rule->attempts && (rule->reasons & failed->reason) != 0;
}

uint64_t gw_retry_wait_ns(const struct gw_retry_rule *rule, uint32_t attempts, uint64_t *random)
{
    uint64_t bound_ns = rule->backoff_ns;

    for (uint32_t i = 1; i < attempts && bound_ns < rule->max_backoff_ns; i++)
        bound_ns *= 2;
    if (bound_ns > rule->max_backoff_ns)
        bound_ns = rule->max_backoff_ns;
    return bound_ns == 0 ? 0 : gw_balance_random(random) % (bound_ns + 1);
}
