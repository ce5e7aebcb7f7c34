/* When a request may be sent again. Pure: the rules of RFC 9110, section 9.2.2, and the operator's.
 *
 * Before any byte has left, sending it to somebody else is no repetition at all. After that only an
 * idempotent method may be repeated, or a request that has a key at a backend that knows the keys
 * it has seen; and never what cannot be sent whole again. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/http/exchange.h"
#include "server/net/http_client.h"

/* Why a try failed: bits, as a rule names several. */
enum gw_retry_reason {
    GW_RETRY_NONE = 0, /* nothing that another try would mend */
    GW_RETRY_CONNECT = 1,
    GW_RETRY_RESET = 2,
    GW_RETRY_TIMEOUT = 4,
    GW_RETRY_502 = 8,
    GW_RETRY_503 = 16,
    GW_RETRY_504 = 32,
};
#define GW_RETRY_REASON_COUNT 6

struct gw_retry_rule {
    uint32_t attempts; /* in all; 0: only connects fail over, to targets that were not tried */
    uint32_t reasons;  /* bits */
    uint64_t backoff_ns, max_backoff_ns;
    uint32_t budget_percent;
    uint32_t max_body_bytes; /* kept of a request that is still arriving */
};

enum gw_retry_reason gw_retry_reason_of_failure(enum gw_http_failure failure, bool was_sent);
enum gw_retry_reason gw_retry_reason_of_status(int status);
const char *gw_retry_reason_name(enum gw_retry_reason reason);  /* "connect", ... */
enum gw_retry_reason gw_retry_reason_parse(struct gw_str name); /* NONE: no such name */

/* RFC 9110, section 9.2.2 (TRACE does not reach us). */
bool gw_retry_is_idempotent(enum gw_method method);

/* What is known when a try has failed. */
struct gw_retry_case {
    enum gw_retry_reason reason;
    bool was_sent;      /* a byte of it has left */
    bool is_repeatable; /* idempotent, or keyed at a backend that deduplicates */
    bool is_body_kept;  /* all of it that was given away can be given again */
    uint32_t attempts;  /* made so far */
    uint32_t untried;   /* targets that could be asked and were not */
};

/* Whether it may be tried again, the budget aside. */
bool gw_retry_may(const struct gw_retry_rule *rule, const struct gw_retry_case *failed);

/* How long to wait before attempt number `attempts` + 1: a random time up to the exponential
 * back-off ("full jitter"). */
uint64_t gw_retry_wait_ns(const struct gw_retry_rule *rule, uint32_t attempts, uint64_t *random);
