#include "server/crypto/keypair.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include "server/core/scope.h"
#include "server/crypto/base64url.h"
#include "server/crypto/ecdsa_der.h"
#include "server/crypto/verify_key.h"

#define RSA_BITS 2048
#define MAX_NUMBER_BYTES (GW_RSA_MAX_BITS / 8)
#define MAX_JWK_BYTES 4096

struct gw_keypair {
    enum gw_signature_alg alg;
    EVP_PKEY *pkey;
};

static void scope_bio(BIO **bio)
{
    BIO_free_all(*bio);
}

static void scope_md_ctx(EVP_MD_CTX **state)
{
    EVP_MD_CTX_free(*state);
}

static const char *curve_name(enum gw_key_kind kind)
{
    switch (kind) {
    case GW_KEY_P256:
        return "P-256";
    case GW_KEY_P384:
        return "P-384";
    case GW_KEY_P521:
        return "P-521";
    default:
        return NULL;
    }
}

static bool is_kind(const EVP_PKEY *pkey, enum gw_key_kind kind)
{
    char group[32];
    size_t len;

    if (kind == GW_KEY_RSA)
        return EVP_PKEY_is_a(pkey, "RSA") && EVP_PKEY_get_bits(pkey) >= RSA_BITS;
    if (kind == GW_KEY_ED25519)
        return EVP_PKEY_is_a(pkey, "ED25519");
    if (curve_name(kind) == NULL || !EVP_PKEY_is_a(pkey, "EC") ||
        EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1)
        return false;
    /* OpenSSL knows P-256 by the name that X9.62 gave it, too. */
    return strcmp(group, curve_name(kind)) == 0 ||
           OBJ_txt2nid(group) == EC_curve_nist2nid(curve_name(kind));
}

static int adopt(enum gw_signature_alg alg, EVP_PKEY *pkey, struct gw_keypair **out_pair)
{
    struct gw_keypair *pair = calloc(1, sizeof(*pair));

    if (pair == NULL) {
        EVP_PKEY_free(pkey);
        return -ENOMEM;
    }
    pair->alg = alg;
    pair->pkey = pkey;
    *out_pair = pair;
    return 0;
}

int gw_keypair_generate(enum gw_signature_alg alg, struct gw_keypair **out_pair)
{
    enum gw_key_kind kind = gw_signature_kinds[alg].key;
    EVP_PKEY *pkey;

    if (kind == GW_KEY_SECRET)
        return -EINVAL;
    if (kind == GW_KEY_RSA)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
    else if (kind == GW_KEY_ED25519)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve_name(kind));
    return pkey == NULL ? -ENOMEM : adopt(alg, pkey, out_pair);
}

/* A program without a terminal must not be asked for a pass phrase. */
static int no_pass_phrase(char *buf, int size, int is_writing, void *self)
{
    (void)buf, (void)size, (void)is_writing, (void)self;
    return -1;
}

int gw_keypair_from_pem(struct gw_str pem, enum gw_signature_alg alg, struct gw_keypair **out_pair)
{
    GW_SCOPED(scope_bio) BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    if (bio == NULL)
        return -ENOMEM;
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);

    ERR_clear_error();
    if (pkey != NULL && !is_kind(pkey, gw_signature_kinds[alg].key)) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey == NULL ? -EINVAL : adopt(alg, pkey, out_pair);
}

void gw_keypair_destroy(struct gw_keypair *pair)
{
    if (pair == NULL)
        return;
    EVP_PKEY_free(pair->pkey);
    free(pair);
}

int gw_keypair_to_pem(const struct gw_keypair *pair, struct gw_buf *out)
{
    GW_SCOPED(scope_bio) BIO *bio = BIO_new(BIO_s_secmem());
    char *text;

    if (bio == NULL ||
        PEM_write_bio_PKCS8PrivateKey(bio, pair->pkey, NULL, NULL, 0, NULL, NULL) != 1)
        return -ENOMEM;
    long len = BIO_get_mem_data(bio, &text);
    gw_buf_append(out, text, len > 0 ? (size_t)len : 0);
    return out->has_failed || len <= 0 ? -ENOMEM : 0;
}

/* Appends `"name":"base64url"`. */
static void append_member(struct gw_buf *out, const char *name, const uint8_t *bytes, size_t len)
{
    gw_buf_printf(out, "\"%s\":\"", name);
    size_t text_len = gw_base64url_encoded_len(len);
    char *text = gw_buf_reserve(out, text_len);
    if (text == NULL)
        return;
    gw_base64url_encode(bytes, len, text);
    out->len += text_len;
    gw_buf_append_byte(out, '"');
}

static int append_number(struct gw_buf *out, const struct gw_keypair *pair, const char *name,
                         const char *parameter, size_t fixed_bytes)
{
    uint8_t bytes[MAX_NUMBER_BYTES];
    BIGNUM *number = NULL;

    if (EVP_PKEY_get_bn_param(pair->pkey, parameter, &number) != 1)
        return -ENOMEM;
    int len = fixed_bytes > 0 ? (int)fixed_bytes : BN_num_bytes(number);
    int written = len <= (int)sizeof(bytes) ? BN_bn2binpad(number, bytes, len) : -1;
    BN_free(number);
    if (written < 0)
        return -ENOMEM;
    append_member(out, name, bytes, (size_t)len);
    return 0;
}

/* The required members by name, as the thumbprint wants them: {"crv":...,"kty":... */
static int append_required(const struct gw_keypair *pair, struct gw_buf *out)
{
    enum gw_key_kind kind = gw_signature_kinds[pair->alg].key;
    size_t bytes = gw_signature_kinds[pair->alg].coordinate_bytes;
    uint8_t raw[32];
    size_t raw_len = sizeof(raw);
    int rc;

    gw_buf_append_byte(out, '{');
    if (kind == GW_KEY_RSA) {
        rc = append_number(out, pair, "e", OSSL_PKEY_PARAM_RSA_E, 0);
        gw_buf_append_text(out, ",\"kty\":\"RSA\",");
        rc = rc != 0 ? rc : append_number(out, pair, "n", OSSL_PKEY_PARAM_RSA_N, 0);
    } else if (kind == GW_KEY_ED25519) {
        rc = EVP_PKEY_get_raw_public_key(pair->pkey, raw, &raw_len) == 1 ? 0 : -ENOMEM;
        gw_buf_append_text(out, "\"crv\":\"Ed25519\",\"kty\":\"OKP\",");
        append_member(out, "x", raw, raw_len);
    } else {
        gw_buf_printf(out, "\"crv\":\"%s\",\"kty\":\"EC\",", curve_name(kind));
        rc = append_number(out, pair, "x", OSSL_PKEY_PARAM_EC_PUB_X, bytes);
        gw_buf_append_byte(out, ',');
        rc = rc != 0 ? rc : append_number(out, pair, "y", OSSL_PKEY_PARAM_EC_PUB_Y, bytes);
    }
    return rc != 0 ? rc : out->has_failed ? -ENOMEM : 0;
}

int gw_keypair_kid(const struct gw_keypair *pair, char out[GW_KID_LEN + 1])
{
    uint8_t digest[GW_SHA256_BYTES];
    struct gw_buf jwk;

    gw_buf_init(&jwk, MAX_JWK_BYTES);
    int rc = append_required(pair, &jwk);
    gw_buf_append_byte(&jwk, '}');
    if (rc == 0 && jwk.has_failed)
        rc = -ENOMEM;
    if (rc == 0) {
        gw_digest_compute(GW_SHA256, gw_buf_str(&jwk), digest);
        gw_base64url_encode(digest, sizeof(digest), out);
        out[GW_KID_LEN] = '\0';
    }
    gw_buf_finish(&jwk);
    return rc;
}

int gw_keypair_to_jwk(const struct gw_keypair *pair, struct gw_buf *out)
{
    char kid[GW_KID_LEN + 1];
    int rc = gw_keypair_kid(pair, kid);

    if (rc == 0)
        rc = append_required(pair, out);
    gw_buf_printf(out, ",\"alg\":\"%s\",\"use\":\"sig\",\"kid\":\"%s\"}",
                  gw_signature_alg_name(pair->alg), kid);
    return rc != 0 ? rc : out->has_failed ? -ENOMEM : 0;
}

/* OpenSSL's signature, in OpenSSL's form. */
static int sign(struct gw_keypair *pair, struct gw_str message, uint8_t *out, size_t *len)
{
    const struct gw_signature_kind *kind = &gw_signature_kinds[pair->alg];
    const char *digest = kind->key == GW_KEY_ED25519 ? NULL : gw_digest_name(kind->digest);
    GW_SCOPED(scope_md_ctx) EVP_MD_CTX *state = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;

    if (state == NULL ||
        EVP_DigestSignInit_ex(state, &options, digest, NULL, NULL, pair->pkey, NULL) != 1)
        return -ENOMEM;
    if (kind->is_pss && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
                         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1))
        return -ENOMEM;
    return EVP_DigestSign(state, out, len, (const uint8_t *)message.ptr, message.len) == 1
               ? 0
               : -ENOMEM;
}

int gw_keypair_sign(struct gw_keypair *pair, struct gw_str message, struct gw_buf *out)
{
    size_t bytes = gw_signature_kinds[pair->alg].coordinate_bytes;
    uint8_t signature[GW_RSA_MAX_BITS / 8 + 1], raw[GW_ECDSA_RAW_MAX_BYTES];
    size_t len = sizeof(signature);
    int rc = sign(pair, message, signature, &len);

    if (rc == 0 && bytes > 0) {
        rc = gw_ecdsa_from_der(gw_str_from((const char *)signature, len), bytes, raw);
        gw_buf_append(out, raw, 2 * bytes);
    } else if (rc == 0) {
        gw_buf_append(out, signature, len);
    }
    return rc != 0 || out->has_failed ? -ENOMEM : 0;
}
