/* A key set of any bytes: read, and each key that came of it asked to verify. */
#include <stdint.h>
#include <stdlib.h>

#include "server/crypto/jwk.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct gw_jwk_rules rules = {.accepts_secrets = len % 2 == 0};
    struct gw_str text = gw_str_from((const char *)bytes, len);
    struct gw_jwk_set *set;
    struct gw_error why;

    if (gw_jwk_set_create(text, &rules, &set, &why) != 0)
        return 0;
    if (set->count == 0 || set->count > GW_JWK_SET_MAX_KEYS)
        abort();
    for (size_t i = 0; i < set->count && i < 4; i++) {
        for (int alg = 0; alg < GW_SIGNATURE_ALG_COUNT; alg++) {
            struct gw_str signature = gw_str_from(text.ptr, len < 64 ? len : 64);
            if (gw_jwk_allows(&set->keys[i], (enum gw_signature_alg)alg) &&
                gw_signature_verify(set->keys[i].key, (enum gw_signature_alg)alg, text,
                                    signature) == 0)
                abort(); /* that would be a forgery */
        }
    }
    gw_jwk_set_destroy(set);
    return 0;
}
