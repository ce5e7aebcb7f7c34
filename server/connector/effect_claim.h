/* The claim of a guarded write (guard.h) in the words of store/effect_record.h: how long it holds,
 * how long an effect settles and is remembered, and the texts of its scripts. Sends nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/store/effect_record.h"
#include "server/store/script.h"

struct gw_connector_call;

#define EFFECT_OWNER_BYTES 16
#define EFFECT_NUMBER_BYTES 24

struct effect_claim {
    uint64_t settle_ns;

    /* --- private; texts of the scripts, which point into this and into the call --- */
    struct gw_effect_names names;
    struct gw_str keys[GW_EFFECT_KEYS];
    struct gw_str begin_args[GW_EFFECT_BEGIN_ARGS];
    struct gw_str end_args[GW_EFFECT_END_ARGS]; /* [2] is what was set; no ptr: nothing was */
    char owner[2 * EFFECT_OWNER_BYTES + 1];
    char claim_ms[EFFECT_NUMBER_BYTES], settle_ms[EFFECT_NUMBER_BYTES];
    char ttl_ms[EFFECT_NUMBER_BYTES], fence[EFFECT_NUMBER_BYTES];
};

/* On a zeroed one that stays where it is. It outlives the call's deadline. 0 or -ENOMEM. */
GW_MUST_CHECK
int effect_claim_make(struct effect_claim *claim, const struct gw_connector_call *call,
                      bool can_be_found);
void effect_claim_set_fence(struct effect_claim *claim, int64_t fence);
/* `what` as of gw_effect_end_script; `result` must stay. */
void effect_claim_set_end(struct effect_claim *claim, const char *what, struct gw_str result);

struct gw_redis_eval effect_claim_begin(const struct effect_claim *claim);
struct gw_redis_eval effect_claim_end(const struct effect_claim *claim);
