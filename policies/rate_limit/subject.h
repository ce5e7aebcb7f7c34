/* Subjects: for whom a limit counts, and the key in Redis under which it does. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_exchange;

#define SUBJECT_MAX_BYTES 200 /* a longer text stands in the key as its SHA-256 */
#define SUBJECT_KEY_BYTES 320

enum scope_kind {
    SCOPE_CONSUMER, /* without one: the client's address */
    SCOPE_PLAN,
    SCOPE_OPERATION,
    SCOPE_API,
    SCOPE_IP,    /* an IPv6 client is its /64 network */
    SCOPE_CLAIM, /* of the token; without it: the consumer */
};

struct scope {
    enum scope_kind kind;
    struct gw_str claim;
};

/* "consumer", "claim:tenant". 0; -EINVAL; -ENOMEM. */
GW_MUST_CHECK
int scope_parse(struct gw_arena *memory, struct gw_str text, struct scope *out_scope);
bool scope_is_equal(const struct scope *a, const struct scope *b);

/* The key of what `plan` counts for the exchange's subject: millgate:rl:{consumer}:plan,
 * millgate:rl:ip:{address}:plan, millgate:rl:claim:{tenant=a}:plan ... What is in braces decides
 * the slot in a cluster. In the exchange's arena, at most SUBJECT_KEY_BYTES; ptr NULL without
 * memory. */
GW_MUST_CHECK
struct gw_str subject_key(struct gw_exchange *ex, const struct scope *scope, struct gw_str plan);
