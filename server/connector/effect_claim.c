#include "server/connector/effect_claim.h"

#include <errno.h>
#include <stdio.h>

#include "server/connector/connector.h"
#include "server/connector/effect_note.h"
#include "server/core/clock.h"
#include "server/crypto/random.h"
#include "server/http/exchange.h"
#include "server/upstream/backend.h"

/* The claim outlives the last byte by so much. */
#define MARGIN_NS (2 * GW_NS_PER_SECOND)
/* What was done is remembered so long at least, and longer than the caller's key is. */
#define DAY_NS (24 * 3600 * GW_NS_PER_SECOND)
#define REMEMBERED_NS (7 * DAY_NS)

static void print_ms(char out[EFFECT_NUMBER_BYTES], uint64_t ns)
{
    snprintf(out, EFFECT_NUMBER_BYTES, "%llu", (unsigned long long)(ns / GW_NS_PER_MS));
}

static uint64_t remembered_ns(const struct gw_exchange *cause)
{
    uint64_t key_ns = cause != NULL ? cause->key_ttl_ns + DAY_NS : 0;

    return key_ns > REMEMBERED_NS ? key_ns : REMEMBERED_NS;
}

static void set_times(struct effect_claim *claim, const struct gw_connector_call *call)
{
    const struct gw_effect *effect = &call->backend->config->effect;
    uint64_t now_ns = gw_clock_monotonic_ns();
    uint64_t left_ns = call->deadline_ns > now_ns ? call->deadline_ns - now_ns : 0;

    claim->settle_ns = effect->settle_ns > 0 ? effect->settle_ns : GW_EFFECT_SETTLE_NS;
    print_ms(claim->claim_ms, left_ns + MARGIN_NS);
    print_ms(claim->settle_ms, claim->settle_ns);
    print_ms(claim->ttl_ms, remembered_ns(call->cause));
}

int effect_claim_make(struct effect_claim *claim, const struct gw_connector_call *call,
                      bool can_be_found)
{
    struct gw_str backend = call->backend->config->name;
    struct gw_str function = gw_effect_note_function(call);

    if (function.ptr == NULL || gw_effect_names_make(backend, call->effect_key, &claim->names) != 0)
        return -ENOMEM;
    gw_random_hex(claim->owner, EFFECT_OWNER_BYTES);
    claim->keys[0] = gw_str_of(claim->names.record);
    claim->keys[1] = gw_str_of(claim->names.index);
    set_times(claim, call);
    const struct gw_str args[GW_EFFECT_BEGIN_ARGS] = {
        gw_str_of(claim->owner),
        gw_str_of(claim->claim_ms),
        gw_str_of(claim->settle_ms),
        gw_str_of(claim->ttl_ms),
        can_be_found ? GW_STR("1") : GW_STR("0"),
        backend,
        call->effect_key,
        function,
        call->cause != NULL ? call->cause->record.flow : GW_STR(""),
        call->cause != NULL ? call->cause->record.request_id : GW_STR(""),
    };
    for (size_t i = 0; i < GW_EFFECT_BEGIN_ARGS; i++)
        claim->begin_args[i] = args[i];
    return 0;
}

void effect_claim_set_fence(struct effect_claim *claim, int64_t fence)
{
    snprintf(claim->fence, sizeof(claim->fence), "%lld", (long long)fence);
}

void effect_claim_set_end(struct effect_claim *claim, const char *what, struct gw_str result)
{
    const struct gw_str args[GW_EFFECT_END_ARGS] = {
        gw_str_of(claim->owner),  gw_str_of(claim->fence),    gw_str_of(what),
        gw_str_of(claim->ttl_ms), gw_str_of(claim->claim_ms), result,
    };

    for (size_t i = 0; i < GW_EFFECT_END_ARGS; i++)
        claim->end_args[i] = args[i];
}

struct gw_redis_eval effect_claim_begin(const struct effect_claim *claim)
{
    return (struct gw_redis_eval){.script = &gw_effect_begin_script,
                                  .keys = claim->keys,
                                  .key_count = GW_EFFECT_KEYS,
                                  .args = claim->begin_args,
                                  .arg_count = GW_EFFECT_BEGIN_ARGS};
}

struct gw_redis_eval effect_claim_end(const struct effect_claim *claim)
{
    return (struct gw_redis_eval){.script = &gw_effect_end_script,
                                  .keys = claim->keys,
                                  .key_count = GW_EFFECT_KEYS,
                                  .args = claim->end_args,
                                  .arg_count = GW_EFFECT_END_ARGS};
}
