#include "server/crypto/mac.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

static EVP_MAC *hmac; /* fetched once, constant from then on */
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

int gw_mac_compute(enum gw_digest digest, struct gw_str key, struct gw_str text, uint8_t *out)
{
    static const uint8_t no_key[1]; /* OpenSSL reads NULL as "keep the key you have" */

    pthread_once(&fetch_once, fetch);

    EVP_MAC_CTX *state = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)gw_digest_name(digest), 0),
        OSSL_PARAM_construct_end(),
    };
    size_t written = 0;
    const uint8_t *key_bytes = key.len > 0 ? (const uint8_t *)key.ptr : no_key;
    bool is_done = state != NULL && EVP_MAC_init(state, key_bytes, key.len, parameters) == 1 &&
                   EVP_MAC_update(state, (const uint8_t *)text.ptr, text.len) == 1 &&
                   EVP_MAC_final(state, out, &written, GW_DIGEST_MAX_BYTES) == 1;

    EVP_MAC_CTX_free(state);
    return is_done && written == gw_digest_bytes(digest) ? 0 : -ENOMEM;
}
