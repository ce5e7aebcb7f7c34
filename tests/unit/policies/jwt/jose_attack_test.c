/* Signatures and keys as attackers shape them: ECDSA's edge values and encodings, Ed25519's other
 * S, PSS with other salts, keys that a token brings along, and names of keys. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/jwt/key_set.h"
#include "server/crypto/base64url.h"
#include "tests/unit/support/forge.h"

#define MAX_TOKEN_BYTES 8192
#define MAX_SIGNATURE_BYTES 512

static enum jose_verdict verify(const char *jwks, const char *text)
{
    const struct gw_jwk_rules rules = {0};
    struct gw_jwk_set *set;
    struct gw_error why;
    struct jose_token token;
    const struct gw_jwk *key;
    struct gw_arena arena;

    if (gw_jwk_set_create(gw_str_of(jwks), &rules, &set, &why) != 0)
        fail_msg("%s: %s", jwks, why.text);
    gw_arena_init(&arena, 4096, 1 << 20);
    enum jose_verdict verdict = jose_read(&arena, gw_str_of(text), MAX_TOKEN_BYTES, &token);
    if (verdict == JOSE_OK)
        verdict = key_set_verify(set, &token, &key, NULL);
    gw_arena_finish(&arena);
    gw_jwk_set_destroy(set);
    return verdict;
}

/* The token with another signature. */
static enum jose_verdict verify_signed(const char *jwks, const char *token,
                                       const uint8_t *signature, size_t len)
{
    size_t head_len = (size_t)(strrchr(token, '.') - token) + 1;
    size_t size = head_len + gw_base64url_encoded_len(len) + 1;
    char *text = calloc(1, size);

    assert_non_null(text);
    memcpy(text, token, head_len);
    gw_base64url_encode(signature, len, text + head_len);
    enum jose_verdict verdict = verify(jwks, text);
    free(text);
    return verdict;
}

static size_t signature_of(const char *token, uint8_t out[MAX_SIGNATURE_BYTES])
{
    struct gw_str text = gw_str_of(strrchr(token, '.') + 1);

    assert_int_equal(gw_base64url_decode(text, out), 0);
    return gw_base64url_decoded_bytes(text.len);
}

/* --- ECDSA ------------------------------------------------------------------------------------ */

static const struct curve {
    enum gw_signature_alg alg;
    size_t bytes;
    uint8_t order[66]; /* SEC 2, sections 2.4.2, 2.5.1, 2.6.1 */
} curves[] = {
    {GW_ES256, 32, {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                    0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                    0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51}},
    {GW_ES384, 48, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                    0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2,
                    0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73}},
    {GW_ES512, 66, {0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                    0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc,
                    0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89,
                    0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09}},
};

/* value = order - value */
static void negate(const struct curve *curve, uint8_t *value)
{
    int borrow = 0;

    for (size_t i = curve->bytes; i-- > 0;) {
        int digit = curve->order[i] - value[i] - borrow;
        borrow = digit < 0;
        value[i] = (uint8_t)(digit + (borrow ? 256 : 0));
    }
}

static void check_edge_values(const struct curve *curve, const struct forge *forge,
                              const char *token)
{
    uint8_t zero[66] = {0}, one[66] = {0}, above[66], all[66], good[MAX_SIGNATURE_BYTES];
    const uint8_t *values[] = {zero, one, curve->order, above, all};
    size_t bytes = curve->bytes;

    one[bytes - 1] = 1;
    memcpy(above, curve->order, bytes);
    above[bytes - 1]++;
    memset(all, 0xff, sizeof(all));
    (void)signature_of(token, good);
    for (size_t r = 0; r <= GW_COUNT_OF(values); r++) {
        for (size_t s = 0; s <= GW_COUNT_OF(values); s++) {
            uint8_t signature[2 * 66];
            if (r == GW_COUNT_OF(values) && s == GW_COUNT_OF(values))
                continue;
            memcpy(signature, r < GW_COUNT_OF(values) ? values[r] : good, bytes);
            memcpy(signature + bytes, s < GW_COUNT_OF(values) ? values[s] : good + bytes, bytes);
            assert_int_equal(verify_signed(forge->jwks, token, signature, 2 * bytes),
                             JOSE_BAD_SIGNATURE);
        }
    }
}

/* RFC 7518, section 3.4: r and s, each as long as the field, and nothing else. */
static void check_encodings(const struct curve *curve, const struct forge *forge, const char *token)
{
    uint8_t good[MAX_SIGNATURE_BYTES], other[MAX_SIGNATURE_BYTES] = {0};
    size_t bytes = curve->bytes, len = signature_of(token, good);

    assert_int_equal(len, 2 * bytes);
    /* in DER, with lengths below 128 (P-521 needs one more byte) */
    size_t at = 0;
    other[at++] = 0x30;
    if (2 * (bytes + 3) > 127)
        other[at++] = 0x81;
    other[at++] = (uint8_t)(2 * (bytes + 3));
    for (int i = 0; i < 2; i++) {
        other[at++] = 0x02;
        other[at++] = (uint8_t)(bytes + 1);
        other[at++] = 0;
        memcpy(other + at, good + (size_t)i * bytes, bytes);
        at += bytes;
    }
    assert_int_equal(verify_signed(forge->jwks, token, other, at), JOSE_BAD_SIGNATURE);
    /* each with a zero before it */
    memset(other, 0, sizeof(other));
    memcpy(other + 1, good, bytes);
    memcpy(other + bytes + 2, good + bytes, bytes);
    assert_int_equal(verify_signed(forge->jwks, token, other, 2 * bytes + 2), JOSE_BAD_SIGNATURE);
    /* exchanged, cut, doubled, none */
    memcpy(other, good + bytes, bytes);
    memcpy(other + bytes, good, bytes);
    assert_int_equal(verify_signed(forge->jwks, token, other, len), JOSE_BAD_SIGNATURE);
    assert_int_equal(verify_signed(forge->jwks, token, good, bytes), JOSE_BAD_SIGNATURE);
    memcpy(other, good, len);
    memcpy(other + len, good, len);
    assert_int_equal(verify_signed(forge->jwks, token, other, 2 * len), JOSE_BAD_SIGNATURE);
    assert_int_equal(verify_signed(forge->jwks, token, good, 0), JOSE_BAD_SIGNATURE);
}

static void test_ecdsa(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(curves); i++) {
        struct forge forge;
        uint8_t good[MAX_SIGNATURE_BYTES];

        forge_init(&forge, curves[i].alg);
        char *token = forge_token(&forge, NULL, "{}");
        assert_int_equal(verify(forge.jwks, token), JOSE_OK);
        check_edge_values(&curves[i], &forge, token);
        check_encodings(&curves[i], &forge, token);
        /* (r, -s) is as good a signature as (r, s), by the algorithm's own rules: a token has two
         * spellings, so nothing may be made to hang on its bytes being the only ones. */
        size_t len = signature_of(token, good);
        negate(&curves[i], good + curves[i].bytes);
        assert_int_equal(verify_signed(forge.jwks, token, good, len), JOSE_OK);
        free(token);
        forge_finish(&forge);
    }
}

/* --- Ed25519 ---------------------------------------------------------------------------------- */

/* RFC 8032, section 5.1.7: S is below the group's order; S + order would be another spelling. */
static void test_ed25519(void **state)
{
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                      0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                      0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0x10};
    struct forge forge;
    uint8_t good[MAX_SIGNATURE_BYTES], other[64] = {0};
    unsigned carry = 0;

    (void)state;
    forge_init(&forge, GW_EDDSA);
    char *token = forge_token(&forge, NULL, "{}");
    assert_int_equal(signature_of(token, good), 64);
    assert_int_equal(verify_signed(forge.jwks, token, good, 64), JOSE_OK);
    assert_int_equal(verify_signed(forge.jwks, token, other, 64), JOSE_BAD_SIGNATURE);
    memcpy(other, good, 32);
    for (size_t i = 0; i < 32; i++) { /* little-endian */
        carry += good[32 + i] + order[i];
        other[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(verify_signed(forge.jwks, token, other, 64), JOSE_BAD_SIGNATURE);
    memset(other + 32, 0, 32);
    assert_int_equal(verify_signed(forge.jwks, token, other, 64), JOSE_BAD_SIGNATURE);
    memset(other, 0, 32);
    other[0] = 1; /* the neutral element */
    assert_int_equal(verify_signed(forge.jwks, token, other, 64), JOSE_BAD_SIGNATURE);
    free(token);
    forge_finish(&forge);
}

/* --- PSS -------------------------------------------------------------------------------------- */

#define HEAD "{\"alg\":\"PS256\"}"

static EVP_PKEY *make_rsa(char *jwks, size_t size)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIGNUM *modulus = NULL;
    uint8_t bytes[256];
    char text[400] = "";

    assert_non_null(key);
    assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &modulus), 1);
    assert_int_equal(BN_bn2bin(modulus, bytes), (int)sizeof(bytes));
    gw_base64url_encode(bytes, sizeof(bytes), text);
    snprintf(jwks, size, "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"}]}", text);
    BN_free(modulus);
    return key;
}

static size_t sign_pss(EVP_PKEY *key, const char *text, int salt_len, const EVP_MD *mask,
                       uint8_t out[MAX_SIGNATURE_BYTES])
{
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;
    size_t len = MAX_SIGNATURE_BYTES;

    assert_int_equal(EVP_DigestSignInit(state, &options, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt_len), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(options, mask), 1);
    assert_int_equal(EVP_DigestSign(state, out, &len, (const uint8_t *)text, strlen(text)), 1);
    EVP_MD_CTX_free(state);
    return len;
}

/* RFC 7518, section 3.5: the salt is as long as the digest, the mask is made by the same. */
static void test_pss(void **state)
{
    static const int salts[] = {0, 20, 31, 33, 48, 64, RSA_PSS_SALTLEN_MAX};
    char jwks[600], text[64] = "", token[80];
    uint8_t signature[MAX_SIGNATURE_BYTES];
    EVP_PKEY *key = make_rsa(jwks, sizeof(jwks));

    (void)state;
    gw_base64url_encode((const uint8_t *)HEAD, strlen(HEAD), text);
    snprintf(token, sizeof(token), "%s.e30.", text); /* {} */
    snprintf(text, sizeof(text), "%.*s", (int)strlen(token) - 1, token);
    size_t len = sign_pss(key, text, 32, EVP_sha256(), signature);
    assert_int_equal(verify_signed(jwks, token, signature, len), JOSE_OK);
    for (size_t i = 0; i < GW_COUNT_OF(salts); i++) {
        len = sign_pss(key, text, salts[i], EVP_sha256(), signature);
        assert_int_equal(verify_signed(jwks, token, signature, len), JOSE_BAD_SIGNATURE);
    }
    len = sign_pss(key, text, 32, EVP_sha1(), signature);
    assert_int_equal(verify_signed(jwks, token, signature, len), JOSE_BAD_SIGNATURE);
    EVP_PKEY_free(key);
}

/* --- keys that a token brings, and names -------------------------------------------------------
 */

/* Signed by `theirs`, whose key the header names in every way there is. */
static void assert_not_trusted(struct forge *theirs, const struct forge *ours, const char *header)
{
    char *token = forge_token(theirs, header, "{}");

    assert_int_equal(verify(ours->jwks, token), JOSE_BAD_SIGNATURE);
    free(token);
}

static void test_keys_of_the_header(void **state)
{
    struct forge ours, theirs;
    char header[6000], key[4096];

    (void)state;
    forge_init(&ours, GW_ES256);
    forge_init(&theirs, GW_ES256);
    snprintf(key, sizeof(key), "%.*s", (int)strlen(theirs.jwks) - 11, theirs.jwks + 9);
    snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"jwk\":%s}", key);
    assert_not_trusted(&theirs, &ours, header);
    snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\",\"jwk\":%s}", ours.kid,
             key);
    assert_not_trusted(&theirs, &ours, header);
    snprintf(header, sizeof(header),
             "{\"alg\":\"ES256\",\"jku\":\"http://127.0.0.1:1/\",\"x5u\":\"http://127.0.0.1:1/\"}");
    assert_not_trusted(&theirs, &ours, header);
    forge_finish(&ours);
    forge_finish(&theirs);
}

/* A name is compared, whole, and nothing else is done with it. */
static void test_kids(void **state)
{
    static const struct {
        const char *before, *behind;
        enum jose_verdict verdict;
    } cases[] = {
        {"", "", JOSE_OK},
        {"\\u0000", "", JOSE_KEY_UNKNOWN},
        {"", "\\u0000", JOSE_KEY_UNKNOWN},
        {"", "\\u0000.pem", JOSE_KEY_UNKNOWN},
        {"", " ", JOSE_KEY_UNKNOWN},
        {"../../../keys/", "", JOSE_KEY_UNKNOWN},
        {"/dev/null", "", JOSE_KEY_UNKNOWN},
        {"", "' UNION SELECT 'key", JOSE_KEY_UNKNOWN},
        {"$(", ")", JOSE_KEY_UNKNOWN},
        {"\\ud83d\\ude00", "", JOSE_KEY_UNKNOWN},
        {"\\ud800", "", JOSE_MALFORMED},
        {"*", "", JOSE_KEY_UNKNOWN},
    };
    struct forge forge;
    char header[3000], long_kid[1100];

    (void)state;
    forge_init(&forge, GW_ES256);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s%s%s\"}", cases[i].before,
                 forge.kid, cases[i].behind);
        char *token = forge_token(&forge, header, "{}");
        if (verify(forge.jwks, token) != cases[i].verdict)
            fail_msg("%s", header);
        free(token);
    }
    for (size_t len = 1024; len <= 1025; len++) {
        memset(long_kid, 'k', len);
        long_kid[len] = '\0';
        snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", long_kid);
        char *token = forge_token(&forge, header, "{}");
        assert_int_equal(verify(forge.jwks, token), len > 1024 ? JOSE_MALFORMED : JOSE_KEY_UNKNOWN);
        free(token);
    }
    forge_finish(&forge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ecdsa), cmocka_unit_test(test_ed25519),
        cmocka_unit_test(test_pss),   cmocka_unit_test(test_keys_of_the_header),
        cmocka_unit_test(test_kids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
