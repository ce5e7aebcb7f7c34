/* The inside of a verification key: for signature.c and verify_key.c only. */
#pragma once

#include <openssl/evp.h>

#include "server/crypto/digest.h"
#include "server/crypto/signature.h"

struct gw_verify_key {
    enum gw_key_kind kind;
    EVP_PKEY *pkey;                                 /* NULL for a secret */
    EVP_PKEY_CTX *prepared[GW_SIGNATURE_ALG_COUNT]; /* ready to verify, made on first use */
    struct gw_digester *digester;                   /* made on first use */
    EVP_MD_CTX *one_shot;                           /* for Ed25519 */
    size_t secret_len;
    uint8_t secret[];
};

static inline struct gw_str gw_verify_key_secret(const struct gw_verify_key *key)
{
    return gw_str_from((const char *)key->secret, key->secret_len);
}

struct gw_signature_kind {
    const char *name;
    enum gw_key_kind key;
    enum gw_digest digest;
    bool is_pss;
    size_t coordinate_bytes; /* of ECDSA: r and s have this length each */
};

extern const struct gw_signature_kind gw_signature_kinds[GW_SIGNATURE_ALG_COUNT];

void gw_scope_pkey_ctx(EVP_PKEY_CTX **state);
