/* What is known of one keyed request (Idempotency-Key), in Redis: a hash under
 * millgate:idem:{<digest>}, which goes by itself after its time.
 *
 *   state     sent      claimed by `owner` until `until`; from now on a byte may leave
 *             unknown   a byte has left, no answer came; or the claim ran out while it was sent
 *             answered  `answer` is what the client was told
 *             executed  an operator says so; there is no answer
 *   print     the request's fingerprint
 *   owner     the request id of the exchange that has the claim
 *   fence     1, and one more for each that took the claim over
 *   begun     under how many claims a write that the request is fulfilled by may have left
 *   until, sent   milliseconds since 1970, on Redis' clock
 *   consumer, operation, key, backend   for operators
 *
 * To claim and to note "sent" is one write: nothing waits between the two but the backend's queue,
 * and a request that left no byte takes its record back. One script per transition; all are to be
 * run by a record writer (store/record.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/store/script.h"

#define GW_KEYED_DIGEST_BYTES 32
#define GW_KEYED_NAME_BYTES       \
    (sizeof("millgate:idem:{}") + \
     2 * GW_KEYED_DIGEST_BYTES) /* of a record's name in Redis, with a NUL */

/* Whose key it is, and for what. */
struct gw_keyed_scope {
    struct gw_str consumer;  /* empty: anonymous callers, who share their keys */
    struct gw_str operation; /* "POST /system/erp/v1/orders" */
    struct gw_str key;
};

/* Distinct scopes have distinct digests. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_keyed_digest(const struct gw_keyed_scope *scope, uint8_t out[GW_KEYED_DIGEST_BYTES]);

/* "millgate:idem:{...}", with a NUL. */
void gw_keyed_name(const uint8_t digest[GW_KEYED_DIGEST_BYTES], char out[GW_KEYED_NAME_BYTES]);

/* ARGV: print, owner, claim (ms), ttl (ms), "1" if what was sent may be sent again, consumer,
 * operation, key, backend. Returns {one of these, ...}. */
extern const struct gw_script gw_keyed_begin_script;
#define GW_KEYED_BEGIN_ARGS 9
enum gw_keyed_begin {
    GW_KEYED_GO,       /* claimed; the fence, and under how many earlier claims it has `begun` */
    GW_KEYED_BUSY,     /* claimed by another for so many ms */
    GW_KEYED_OTHER,    /* the fingerprint is another */
    GW_KEYED_ANSWERED, /* the answer */
    GW_KEYED_UNKNOWN,  /* sent, and perhaps executed */
    GW_KEYED_EXECUTED,
};

/* A request's claim, for whoever fulfils it: see gw_exchange.claim. */
struct gw_keyed_claim {
    struct gw_str name, owner, fence; /* of the record */
    int64_t begun_before;             /* under how many earlier claims it has `begun` */
    bool has_begun;                   /* under this one, and that is recorded */
    bool may_have_left; /* whatever its outcome says: a backend that knows our keys may be asked
                           again, so that it counts as not sent */
};

/* ARGV: owner, fence. The record has `begun` once more. Returns 1: it is so now; 0: the claim is
 * another's, or over: nothing may be sent. */
extern const struct gw_script gw_keyed_note_script;
#define GW_KEYED_NOTE_ARGS 2

/* ARGV: owner, fence (empty: any), the word of a gw_keyed_end, ttl (ms), the answer. Returns 1: it
 * is so now; 2: it was so before; 0: the claim is another's, or there is none. "released" deletes a
 * record whose first claim this was, and leaves one that was sent before as unknown. */
extern const struct gw_script gw_keyed_end_script;
#define GW_KEYED_END_ARGS 5

/* What an operator sees: {state, owner, fence, until, sent, backend, print, ms to live, now}, or
 * nil. */
extern const struct gw_script gw_keyed_look_script;
#define GW_KEYED_LOOK_ITEMS 9

/* ARGV: "executed" or "not-executed", how long it is remembered at least (ms). */
extern const struct gw_script gw_keyed_resolve_script;
#define GW_KEYED_RESOLVE_ARGS 2
enum gw_keyed_resolve {
    GW_KEYED_RESOLVED,
    GW_KEYED_ABSENT,
    GW_KEYED_NOT_UNKNOWN, /* its outcome is known, or it is still under way */
};
