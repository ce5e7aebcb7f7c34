#include "policies/jwt/dpop_nonce.h"

#include <errno.h>
#include <string.h>

#include "server/crypto/base64url.h"
#include "server/crypto/mac.h"
#include "server/crypto/random.h"

#define TIME_BYTES 8
#define MAC_BYTES 16
#define NONCE_BYTES (TIME_BYTES + MAC_BYTES)

static const char purpose[] = "millgate dpop nonce ";

static int write_mac(const struct dpop_nonces *nonces, uint8_t nonce[NONCE_BYTES])
{
    uint8_t message[sizeof(purpose) + TIME_BYTES], mac[GW_DIGEST_MAX_BYTES];

    memcpy(message, purpose, sizeof(purpose));
    memcpy(message + sizeof(purpose), nonce, TIME_BYTES);
    if (gw_mac_compute(GW_SHA256, nonces->secret,
                       gw_str_from((const char *)message, sizeof(message)), mac) != 0)
        return -ENOMEM;
    memcpy(nonce + TIME_BYTES, mac, MAC_BYTES);
    return 0;
}

int dpop_nonce_make(const struct dpop_nonces *nonces, int64_t now_s, char out[DPOP_NONCE_LEN + 1])
{
    uint8_t nonce[NONCE_BYTES];

    for (int i = 0; i < TIME_BYTES; i++)
        nonce[i] = (uint8_t)((uint64_t)now_s >> (8 * (TIME_BYTES - 1 - i)));
    if (write_mac(nonces, nonce) != 0)
        return -ENOMEM;
    gw_base64url_encode(nonce, sizeof(nonce), out);
    out[DPOP_NONCE_LEN] = '\0';
    return 0;
}

bool dpop_nonce_is_good(const struct dpop_nonces *nonces, struct gw_str nonce, int64_t now_s)
{
    uint8_t given[NONCE_BYTES], own[NONCE_BYTES];
    uint64_t made_s = 0;

    if (nonce.len != DPOP_NONCE_LEN || gw_base64url_decode(nonce, given) != 0)
        return false;
    memcpy(own, given, TIME_BYTES);
    if (write_mac(nonces, own) != 0 ||
        !gw_secret_equal(gw_str_from((const char *)given, sizeof(given)),
                         gw_str_from((const char *)own, sizeof(own))))
        return false;
    for (int i = 0; i < TIME_BYTES; i++)
        made_s = made_s << 8 | given[i];
    /* It is ours, so it is a moment that one of us has seen. */
    int64_t age_s = now_s - (int64_t)made_s;
    return age_s <= nonces->life_s && age_s >= -nonces->life_s;
}
