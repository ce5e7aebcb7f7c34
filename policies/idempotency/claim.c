#include "claim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/http/exchange.h"
#include "server/upstream/effect.h"

int claim_prepare(struct claim *claim, struct gw_exchange *ex, struct gw_str key,
                  const struct claim_times *times)
{
    struct gw_str operation =
        gw_arena_printf(&ex->arena, "%.*s %.*s", GW_STR_ARG(ex->request.method_name),
                        GW_STR_ARG(ex->operation->route));
    const struct gw_keyed_scope scope = {ex->identity.consumer, operation, key};

    if (operation.ptr == NULL || gw_keyed_digest(&scope, claim->digest) != 0 ||
        print_make(ex, claim->print) != 0)
        return -ENOMEM;
    gw_keyed_name(claim->digest, claim->name_text);
    claim->name = gw_str_of(claim->name_text);
    snprintf(claim->claim_ms, sizeof(claim->claim_ms), "%" PRIu64, times->claim_ns / GW_NS_PER_MS);
    snprintf(claim->ttl_ms, sizeof(claim->ttl_ms), "%" PRIu64, times->ttl_ns / GW_NS_PER_MS);
    claim->begin_args[0] = gw_str_of(claim->print);
    claim->begin_args[1] = ex->record.request_id;
    claim->begin_args[2] = gw_str_of(claim->claim_ms);
    claim->begin_args[3] = gw_str_of(claim->ttl_ms);
    claim->begin_args[4] = gw_effect_is_repeatable(ex->effect) ? GW_STR("1") : GW_STR("0");
    claim->begin_args[5] = ex->identity.consumer;
    claim->begin_args[6] = operation;
    claim->begin_args[7] = key;
    claim->begin_args[8] = ex->operation->flow.len > 0      ? ex->operation->flow
                           : ex->operation->builtin.len > 0 ? ex->operation->builtin
                                                            : ex->operation->backend;
    claim->end_args[0] = ex->record.request_id;
    claim->end_args[3] = gw_str_of(claim->ttl_ms);
    return 0;
}

void claim_set_fence(struct claim *claim, int64_t fence)
{
    snprintf(claim->fence, sizeof(claim->fence), "%" PRId64, fence);
}

void claim_set_end(struct claim *claim, struct gw_str what, struct gw_str answer)
{
    claim->end_args[1] = gw_str_of(claim->fence);
    claim->end_args[2] = what;
    claim->end_args[4] = answer;
}

struct gw_str claim_backend_key(const struct claim *claim, struct gw_exchange *ex, bool is_bare)
{
    uint8_t b[16];
    const char *quote = is_bare ? "" : "\"";

    memcpy(b, claim->digest, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    return gw_arena_printf(&ex->arena,
                           "%s%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                           "%02x%02x%02x%02x%02x%02x%s",
                           quote, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
                           b[11], b[12], b[13], b[14], b[15], quote);
}
