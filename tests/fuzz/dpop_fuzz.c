/* A DPoP proof of any bytes; the URI that it may name; and what a provider says of a token. */
#include <stdint.h>
#include <stdlib.h>

#include "policies/jwt/dpop.h"
#include "policies/jwt/htu.h"
#include "policies/jwt/introspect_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Normal is what does not change any more. */
static void normalize(struct gw_arena *arena, struct gw_str text)
{
    struct gw_str once, twice;

    if (htu_normalize(arena, text, &once) != 0)
        return;
    int rc = htu_normalize(arena, once, &twice);
    if (rc == 0 && !gw_str_equal(once, twice))
        abort();
}

static void judge(struct gw_arena *arena, struct gw_str text)
{
    static const struct gw_str uri = GW_STR_INIT("https://resource.example.org/protectedresource");
    const struct dpop_nonces nonces = {GW_STR("a secret of at least 32 bytes....."), 300};
    const struct dpop_rules rules = {
        .algorithms = UINT32_MAX, .max_age_s = 60, .leeway_s = 5, .nonces = &nonces};
    const struct dpop_request request = {
        .method = GW_STR("GET"),
        .uris = &uri,
        .uri_count = 1,
        .token = GW_STR("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
        .now_s = 1562262620,
    };
    struct dpop_proof proof;

    if (dpop_judge(arena, text, &rules, &request, &proof) == DPOP_OK)
        abort(); /* nobody has the nonce */
    struct dpop_rules lax = rules;
    lax.nonces = NULL;
    (void)!dpop_judge(arena, text, &lax, &request, &proof);
    (void)dpop_is_bound(arena, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct gw_str text = gw_str_from((const char *)bytes, len);
    static const struct claims_form form = {.client_is_subject = true};
    const struct claims *claims = NULL;
    struct gw_arena arena;
    struct gw_error why;

    gw_arena_init(&arena, 4096, 1 << 22);
    judge(&arena, text);
    normalize(&arena, text);
    if (introspect_answer_read(&arena, 200, text, &form, &claims, &why) == 0 && claims != NULL &&
        claims->payload.len != len)
        abort();
    gw_arena_finish(&arena);
    return 0;
}
