/* What is known of one write at a backend that does not know our keys (classes C and D of
 * docs/adr/0015), in Redis: a hash under millgate:effect:{<digest>}, which goes by itself.
 *
 *   state    sent      claimed by `owner` until `until`; from now on a byte may leave
 *            looking   the same, by who looks whether an earlier attempt had its effect
 *            done      it had: `result` is what came of it
 *            dead      several were found: nobody sends it again
 *   owner, fence       who has the claim; the fence grows with each claim
 *   until              milliseconds since 1970, on Redis' clock
 *   backend, key       for operators
 *
 * Nobody sends while somebody may still be sending, nor before what was sent has settled: the claim
 * runs out (or its owner says that no answer came), `settle` passes, then somebody looks. One
 * script per transition; all are to be run by a record writer (store/record.h). */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/store/script.h"

#define GW_EFFECT_NAME_BYTES (sizeof("millgate:effect:{}") + 64) /* with the NUL */

/* "millgate:effect:{...}" of a backend's name and an effect's key. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_effect_record_name(struct gw_str backend, struct gw_str key, char out[GW_EFFECT_NAME_BYTES]);

/* ARGV: owner, claim (ms), settle (ms), ttl (ms), "1" if it can be looked for, backend, key.
 * Returns {one of these, ...}. */
extern const struct gw_script gw_effect_begin_script;
#define GW_EFFECT_BEGIN_ARGS 7
enum gw_effect_begin {
    GW_EFFECT_SEND,    /* claimed: send; the fence */
    GW_EFFECT_BUSY,    /* claimed by another, or not settled, for so many ms */
    GW_EFFECT_LOOK,    /* claimed: look for it first; the fence */
    GW_EFFECT_DONE,    /* the result, or nil: it was too large to be kept */
    GW_EFFECT_LOST,    /* sent, and it cannot be looked for */
    GW_EFFECT_SEVERAL, /* dead */
};

/* ARGV: owner, fence ("": any), what, ttl (ms), claim (ms), result. `what`:
 *   done      with the result ("": none is kept)
 *   unknown   sent, and no answer came: it settles from now on
 *   released  nothing was sent, or it was refused
 *   send      looked, and found nothing: the claim is renewed, to send
 *   dead      looked, and found several
 *   abandoned the claim was not used: nothing was sent under it
 * Returns 1: it is so now; 0: the claim is another's, or there is none. */
extern const struct gw_script gw_effect_end_script;
#define GW_EFFECT_END_ARGS 6
