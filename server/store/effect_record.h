/* What is known of one write at a backend that does not know our keys (classes C and D of
 * docs/adr/0015), in Redis: a hash under millgate:effect:{e<n>}:<digest>, which goes by itself.
 *
 *   state    sent      claimed by `owner` until `until`; from now on a byte may leave
 *            looking   the same, by who looks whether an earlier attempt had its effect
 *            done      it had: `result` is what came of it
 *            dead      several were found: nobody sends it again
 *   owner, fence       who has the claim; the fence grows with each claim
 *   until              milliseconds since 1970, on Redis' clock
 *   settle, ttl, class, backend, key, function, flow, request, first   for operators
 *
 * Nobody sends while somebody may still be sending, nor before what was sent has settled: the claim
 * runs out (or its owner says that no answer came), `settle` passes, then somebody looks. One
 * script per transition; all are to be run by a record writer (store/record.h).
 *
 * The same scripts keep an index of what is not known to be done: see store/effect_index.h. For
 * that, the two share a slot: {e<n>} is one of GW_EFFECT_INDEXES tags. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/store/script.h"

/* Tags, and so indexes: enough to spread over the nodes of a cluster, few enough to ask all. */
#define GW_EFFECT_INDEXES 16
#define GW_EFFECT_INDEX_BYTES (sizeof("millgate:effects:{ef}")) /* with the NUL */

/* The keys of all scripts here: the record and its index. */
#define GW_EFFECT_KEYS 2
struct gw_effect_names {
    char record[sizeof("millgate:effect:{ef}:") + 64];
    char index[GW_EFFECT_INDEX_BYTES];
};

/* Those of a backend's name and an effect's key. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_effect_names_make(struct gw_str backend, struct gw_str key, struct gw_effect_names *out);
void gw_effect_index_name(unsigned number, char out[GW_EFFECT_INDEX_BYTES]);

/* ARGV: owner, claim (ms), settle (ms), ttl (ms), "1" if it can be looked for, backend, key,
 * function, flow, request. Whoever asks makes a record live for another ttl. Returns {one of these,
 * ...}. */
extern const struct gw_script gw_effect_begin_script;
#define GW_EFFECT_BEGIN_ARGS 10
enum gw_effect_begin {
    GW_EFFECT_SEND,    /* claimed: send; the fence */
    GW_EFFECT_BUSY,    /* claimed by another, or not settled, for so many ms */
    GW_EFFECT_LOOK,    /* claimed: look for it first; the fence, ms since the first attempt */
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
 * Returns 1: it is so now; 0: the claim is another's, or was given back; -1: Redis has forgotten
 * the claim (what was done is recorded all the same). */
extern const struct gw_script gw_effect_end_script;
#define GW_EFFECT_END_ARGS 6
