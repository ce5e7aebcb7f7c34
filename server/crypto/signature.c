#include "server/crypto/signature.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "server/crypto/ecdsa_der.h"
#include "server/crypto/mac.h"
#include "server/crypto/random.h"
#include "server/crypto/verify_key.h"

/* clang-format off */
const struct gw_signature_kind gw_signature_kinds[GW_SIGNATURE_ALG_COUNT] = {
    /*            name     key             digest     pss    r, s */
    [GW_RS256] = {"RS256", GW_KEY_RSA,     GW_SHA256, false, 0},
    [GW_RS384] = {"RS384", GW_KEY_RSA,     GW_SHA384, false, 0},
    [GW_RS512] = {"RS512", GW_KEY_RSA,     GW_SHA512, false, 0},
    [GW_PS256] = {"PS256", GW_KEY_RSA,     GW_SHA256, true,  0},
    [GW_PS384] = {"PS384", GW_KEY_RSA,     GW_SHA384, true,  0},
    [GW_PS512] = {"PS512", GW_KEY_RSA,     GW_SHA512, true,  0},
    [GW_ES256] = {"ES256", GW_KEY_P256,    GW_SHA256, false, 32},
    [GW_ES384] = {"ES384", GW_KEY_P384,    GW_SHA384, false, 48},
    [GW_ES512] = {"ES512", GW_KEY_P521,    GW_SHA512, false, 66},
    [GW_EDDSA] = {"EdDSA", GW_KEY_ED25519, GW_SHA512, false, 0},
    [GW_HS256] = {"HS256", GW_KEY_SECRET,  GW_SHA256, false, 0},
    [GW_HS384] = {"HS384", GW_KEY_SECRET,  GW_SHA384, false, 0},
    [GW_HS512] = {"HS512", GW_KEY_SECRET,  GW_SHA512, false, 0},
};
/* clang-format on */

int gw_signature_alg_parse(struct gw_str name, enum gw_signature_alg *out_alg)
{
    for (int i = 0; i < GW_SIGNATURE_ALG_COUNT; i++) {
        if (gw_str_equal(name, gw_str_of(gw_signature_kinds[i].name))) {
            *out_alg = (enum gw_signature_alg)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *gw_signature_alg_name(enum gw_signature_alg alg)
{
    return gw_signature_kinds[alg].name;
}

bool gw_verify_key_fits(const struct gw_verify_key *key, enum gw_signature_alg alg)
{
    if (key->kind != gw_signature_kinds[alg].key)
        return false;
    /* RFC 7518, section 3.2: the key is at least as long as the digest. */
    return key->kind != GW_KEY_SECRET ||
           key->secret_len >= gw_digest_bytes(gw_signature_kinds[alg].digest);
}

/* A context that is initialised once verifies any number of signatures: that halves the cost of a
 * short RSA verification over one that is set up per call. */
static EVP_PKEY_CTX *prepare(struct gw_verify_key *key, enum gw_signature_alg alg)
{
    const struct gw_signature_kind *kind = &gw_signature_kinds[alg];
    EVP_PKEY_CTX *state = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    OSSL_PARAM digest[] = {
        OSSL_PARAM_construct_utf8_string("digest", (char *)gw_digest_name(kind->digest), 0),
        OSSL_PARAM_construct_end(),
    };

    bool is_ready = state != NULL && EVP_PKEY_verify_init_ex(state, NULL) == 1 &&
                    EVP_PKEY_CTX_set_params(state, digest) == 1;
    if (is_ready && kind->key == GW_KEY_RSA)
        is_ready = EVP_PKEY_CTX_set_rsa_padding(state, kind->is_pss ? RSA_PKCS1_PSS_PADDING
                                                                    : RSA_PKCS1_PADDING) == 1;
    if (is_ready && kind->is_pss)
        is_ready = EVP_PKEY_CTX_set_rsa_pss_saltlen(state, RSA_PSS_SALTLEN_DIGEST) == 1;
    if (!is_ready) {
        EVP_PKEY_CTX_free(state);
        return NULL;
    }
    return state;
}

static int verify_digest(struct gw_verify_key *key, enum gw_signature_alg alg,
                         struct gw_str message, struct gw_str signature)
{
    const struct gw_signature_kind *kind = &gw_signature_kinds[alg];
    uint8_t digest[GW_DIGEST_MAX_BYTES];
    uint8_t der[GW_ECDSA_DER_MAX_BYTES];

    if (key->prepared[alg] == NULL)
        key->prepared[alg] = prepare(key, alg);
    if (key->digester == NULL)
        key->digester = gw_digester_create();
    if (key->prepared[alg] == NULL || key->digester == NULL)
        return -ENOMEM;
    if (kind->coordinate_bytes > 0) {
        if (signature.len != 2 * kind->coordinate_bytes)
            return -EBADMSG;
        signature = gw_ecdsa_to_der(signature, der);
    } else if (signature.len != (size_t)EVP_PKEY_get_size(key->pkey)) {
        return -EBADMSG; /* RFC 8017, section 8.2.2, step 1 */
    }

    gw_digester_compute(key->digester, kind->digest, message, digest);
    int rc = EVP_PKEY_verify(key->prepared[alg], (const uint8_t *)signature.ptr, signature.len,
                             digest, gw_digest_bytes(kind->digest));
    if (rc != 1)
        ERR_clear_error(); /* or the thread's queue of errors would grow stale */
    return rc == 1 ? 0 : -EBADMSG;
}

static int verify_ed25519(struct gw_verify_key *key, struct gw_str message, struct gw_str signature)
{
    if (key->one_shot == NULL)
        key->one_shot = EVP_MD_CTX_new();
    if (key->one_shot == NULL)
        return -ENOMEM;
    int rc = EVP_DigestVerifyInit_ex(key->one_shot, NULL, NULL, NULL, NULL, key->pkey, NULL);
    if (rc == 1)
        rc = EVP_DigestVerify(key->one_shot, (const uint8_t *)signature.ptr, signature.len,
                              (const uint8_t *)message.ptr, message.len);
    if (rc != 1)
        ERR_clear_error();
    return rc == 1 ? 0 : -EBADMSG;
}

static int verify_mac(const struct gw_verify_key *key, enum gw_signature_alg alg,
                      struct gw_str message, struct gw_str signature)
{
    enum gw_digest digest = gw_signature_kinds[alg].digest;
    uint8_t mac[GW_DIGEST_MAX_BYTES];
    int rc = gw_mac_compute(digest, gw_verify_key_secret(key), message, mac);

    if (rc != 0)
        return rc;
    struct gw_str expected = gw_str_from((const char *)mac, gw_digest_bytes(digest));
    return gw_secret_equal(expected, signature) ? 0 : -EBADMSG;
}

int gw_signature_verify(struct gw_verify_key *key, enum gw_signature_alg alg, struct gw_str message,
                        struct gw_str signature)
{
    if (!gw_verify_key_fits(key, alg))
        return -EINVAL;
    switch (key->kind) {
    case GW_KEY_SECRET:
        return verify_mac(key, alg, message, signature);
    case GW_KEY_ED25519:
        return verify_ed25519(key, message, signature);
    default:
        return verify_digest(key, alg, message, signature);
    }
}
