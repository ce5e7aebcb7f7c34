/* Tokens that must not pass: algorithm confusion, header games, forms. RFC 8725, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/jwt/key_set.h"
#include "server/crypto/base64url.h"
#include "tests/unit/support/forge.h"

#define MAX_TOKEN_BYTES 8192
#define SECRET_JWK \
    "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE\",\"kid\":\"s\"}"

static struct forge rsa, ec, ed, ec384, ec512;

static enum jose_verdict verify_with(const char *jwks, bool accepts_secrets, struct gw_str text)
{
    const struct gw_jwk_rules rules = {.accepts_secrets = accepts_secrets};
    struct gw_jwk_set *set;
    struct gw_error why;
    struct jose_token token;
    const struct gw_jwk *key;
    struct gw_arena arena;

    if (gw_jwk_set_create(gw_str_of(jwks), &rules, &set, &why) != 0)
        fail_msg("%s: %s", jwks, why.text);
    gw_arena_init(&arena, 4096, 1 << 20);
    enum jose_verdict verdict = jose_read(&arena, text, MAX_TOKEN_BYTES, &token);
    if (verdict == JOSE_OK)
        verdict = key_set_verify(set, &token, &key, NULL);
    gw_arena_finish(&arena);
    gw_jwk_set_destroy(set);
    return verdict;
}

/* Frees the token. */
static void assert_verdict(const char *jwks, char *token, enum jose_verdict expected)
{
    enum jose_verdict verdict = verify_with(jwks, false, gw_str_of(token));

    if (verdict != expected)
        fail_msg("%s: \"%s\" instead of \"%s\"", token, jose_verdict_text(verdict),
                 jose_verdict_text(expected));
    free(token);
}

static void test_headers(void **state)
{
    static const struct {
        const char *header;
        enum jose_verdict verdict;
    } cases[] = {
        {"{\"alg\":\"RS256\"}", JOSE_OK},
        {" {\n\"alg\" : \"\\u0052S256\" } ", JOSE_OK},
        {"{\"alg\":\"RS256\",\"typ\":\"anything\",\"x\":[1,{}]}", JOSE_OK},
        {"{\"alg\":\"RS256\",\"b64\":true}", JOSE_OK},
        {"{\"alg\":\"RS256\",\"jwk\":{\"kty\":\"RSA\"},\"jku\":\"http://127.0.0.1/\","
         "\"x5u\":\"http://127.0.0.1/\",\"x5c\":[\"x\"]}",
         JOSE_OK}, /* ignored, not followed */
        {"{\"alg\":\"none\"}", JOSE_ALG_UNKNOWN},
        {"{\"alg\":\"None\"}", JOSE_ALG_UNKNOWN},
        {"{\"alg\":\"nOnE\"}", JOSE_ALG_UNKNOWN},
        {"{\"alg\":\"NONE\"}", JOSE_ALG_UNKNOWN},
        {"{\"alg\":\"\"}", JOSE_ALG_UNKNOWN},
        {"{\"alg\":\"RS256\\u0000\"}", JOSE_ALG_UNKNOWN},
        {"{\"alg\":\"rs256\"}", JOSE_ALG_UNKNOWN},
        {"{\"alg\":null}", JOSE_MALFORMED},
        {"{\"alg\":[\"RS256\"]}", JOSE_MALFORMED},
        {"{}", JOSE_MALFORMED},
        {"{\"Alg\":\"RS256\"}", JOSE_MALFORMED},
        {"{\"alg\":\"RS256\",\"alg\":\"RS256\"}", JOSE_DUPLICATE_NAME},
        {"{\"alg\":\"RS256\",\"\\u0061lg\":\"none\"}", JOSE_DUPLICATE_NAME},
        {"{\"alg\":\"RS256\",\"x\":{\"a\":1,\"a\":1}}", JOSE_DUPLICATE_NAME},
        {"{\"alg\":\"RS256\",\"crit\":[\"exp\"],\"exp\":1}", JOSE_CRITICAL},
        {"{\"alg\":\"RS256\",\"crit\":[]}", JOSE_CRITICAL},
        {"{\"alg\":\"RS256\",\"crit\":null}", JOSE_CRITICAL},
        {"{\"alg\":\"RS256\",\"b64\":false,\"crit\":[\"b64\"]}", JOSE_CRITICAL},
        {"{\"alg\":\"RS256\",\"b64\":false}", JOSE_CRITICAL},
        {"{\"alg\":\"RS256\",\"b64\":0}", JOSE_CRITICAL},
        {"{\"alg\":\"RS256\",\"enc\":\"A128GCM\"}", JOSE_ENCRYPTED},
        {"{\"alg\":\"RS256\",\"cty\":\"JWT\"}", JOSE_NESTED},
        {"{\"alg\":\"RS256\",\"cty\":\"application/jwt\"}", JOSE_NESTED},
        {"{\"alg\":\"RS256\",\"kid\":1}", JOSE_MALFORMED},
        {"{\"alg\":\"RS256\",\"typ\":{}}", JOSE_MALFORMED},
        {"{\"alg\":\"RS256\",\"kid\":\"\"}", JOSE_KEY_UNKNOWN},
        {"{\"alg\":\"RS256\",\"kid\":\"../../etc/passwd\"}", JOSE_KEY_UNKNOWN},
        {"{\"alg\":\"RS256\",\"kid\":\"' or 1=1 --\"}", JOSE_KEY_UNKNOWN},
        {"{\"alg\":\"RS512\"}", JOSE_KEY_UNKNOWN}, /* the key is for RS256 only */
        {"{\"alg\":\"PS256\"}", JOSE_KEY_UNKNOWN},
        {"{\"alg\":\"ES256\"}", JOSE_KEY_UNKNOWN},
        {"{\"alg\":\"HS256\"}", JOSE_KEY_UNKNOWN},
        {"{\"alg\":\"RS256\"} x", JOSE_MALFORMED},
        {"{\"alg\":\"RS256\",}", JOSE_MALFORMED},
        {"\xef\xbb\xbf{\"alg\":\"RS256\"}", JOSE_MALFORMED},
        {"{\"alg\":\"RS256\",\"x\":\"\xff\"}", JOSE_MALFORMED},
        {"{\"alg\":\"RS256\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]}",
         JOSE_MALFORMED},
        {"[\"alg\",\"RS256\"]", JOSE_MALFORMED},
        {"\"RS256\"", JOSE_MALFORMED},
        {"", JOSE_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++)
        assert_verdict(rsa.jwks, forge_token(&rsa, cases[i].header, "{}"), cases[i].verdict);
}

/* The classic: the public key, in whatever form an attacker may guess, as the secret of an HMAC. */
static void test_public_key_as_secret(void **state)
{
    static const char header[] = "{\"alg\":\"HS256\"}";
    struct gw_str secrets[3] = {gw_str_of(rsa.jwks), {NULL, 0}, {NULL, 0}};
    const char *n = strstr(rsa.jwks, "\"n\":\"") + 5;
    uint8_t modulus[1024];

    (void)state;
    secrets[1] = gw_str_from(n, strcspn(n, "\""));
    assert_int_equal(gw_base64url_decode(secrets[1], modulus), 0);
    secrets[2] = gw_str_from((char *)modulus, gw_base64url_decoded_bytes(secrets[1].len));
    for (size_t i = 0; i < GW_COUNT_OF(secrets); i++) {
        char *token = forge_mac_token(secrets[i], GW_SHA256, header, "{}");
        assert_int_equal(verify_with(rsa.jwks, true, gw_str_of(token)), JOSE_KEY_UNKNOWN);
        free(token);
    }
}

static void test_secrets_only_when_asked_for(void **state)
{
    struct gw_str secret = GW_STR("01234567890123456789012345678901");
    char *token = forge_mac_token(secret, GW_SHA256, "{\"alg\":\"HS256\"}", "{}");
    char *longer = forge_mac_token(secret, GW_SHA512, "{\"alg\":\"HS512\"}", "{}");
    const struct gw_jwk_rules rules = {0};
    struct gw_jwk_set *set;
    struct gw_error why;

    (void)state;
    assert_int_equal(verify_with(SECRET_JWK, true, gw_str_of(token)), JOSE_OK);
    assert_int_equal(verify_with(SECRET_JWK, true, gw_str_of(longer)), JOSE_KEY_UNKNOWN);
    assert_int_not_equal(gw_jwk_set_create(GW_STR(SECRET_JWK), &rules, &set, &why), 0);
    free(token);
    free(longer);
}

static void test_forms(void **state)
{
    char *good = forge_token(&rsa, NULL, "{}"), text[MAX_TOKEN_BYTES];
    static const struct {
        const char *format;
        enum jose_verdict verdict;
    } cases[] = {
        {"%s", JOSE_OK},          {"%s.", JOSE_MALFORMED},     {".%s", JOSE_MALFORMED},
        {"%s..", JOSE_ENCRYPTED}, {"%s...", JOSE_MALFORMED},   {"%s=", JOSE_MALFORMED},
        {"%s==", JOSE_MALFORMED}, {" %s", JOSE_MALFORMED},     {"%s ", JOSE_MALFORMED},
        {"%s\n", JOSE_MALFORMED}, {"%sA", JOSE_BAD_SIGNATURE}, {"%sAAAA", JOSE_BAD_SIGNATURE},
        {"A%s", JOSE_MALFORMED},  {"\"%s\"", JOSE_MALFORMED},  {"Bearer %s", JOSE_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        snprintf(text, sizeof(text), "%.*s%s%s", (int)strcspn(cases[i].format, "%"),
                 cases[i].format, good, strchr(cases[i].format, '%') + 2);
        if (verify_with(rsa.jwks, false, gw_str_of(text)) != cases[i].verdict)
            fail_msg("%s", text);
    }
    free(good);
}

/* No token survives the change of one character, the cutting of its end, or a NUL. */
static void test_every_character_counts(void **state)
{
    char *token = forge_token(&ed, NULL, "{\"sub\":\"s\"}");
    size_t len = strlen(token);

    (void)state;
    assert_int_equal(verify_with(ed.jwks, false, gw_str_of(token)), JOSE_OK);
    for (size_t i = 0; i < len; i++) {
        char old = token[i];
        for (const char *other = "Ab9_. =\1"; *other != '\0'; other++) {
            token[i] = *other;
            if (old != *other)
                assert_int_not_equal(verify_with(ed.jwks, false, gw_str_of(token)), JOSE_OK);
        }
        token[i] = '\0';
        assert_int_not_equal(verify_with(ed.jwks, false, gw_str_from(token, len)), JOSE_OK);
        assert_int_not_equal(verify_with(ed.jwks, false, gw_str_from(token, i)), JOSE_OK);
        token[i] = old;
    }
    free(token);
}

static void test_too_long(void **state)
{
    size_t len = 10 << 20;
    char *token = malloc(len);

    (void)state;
    memset(token, 'A', len);
    token[1000] = token[2000] = '.';
    assert_int_equal(verify_with(rsa.jwks, false, gw_str_from(token, len)), JOSE_TOO_LONG);
    assert_int_equal(verify_with(rsa.jwks, false, gw_str_from(token, MAX_TOKEN_BYTES)),
                     JOSE_MALFORMED);
    memset(token, '.', MAX_TOKEN_BYTES);
    assert_int_equal(verify_with(rsa.jwks, false, gw_str_from(token, MAX_TOKEN_BYTES)),
                     JOSE_MALFORMED);
    free(token);
}

static void test_unsigned(void **state)
{
    char *good = forge_token(&rsa, NULL, "{}");

    (void)state;
    strrchr(good, '.')[1] = '\0'; /* a good header and payload, and nothing behind */
    assert_verdict(rsa.jwks, good, JOSE_BAD_SIGNATURE);
    assert_verdict(rsa.jwks, forge_mac_token(GW_STR(""), GW_SHA256, "{\"alg\":\"none\"}", "{}"),
                   JOSE_ALG_UNKNOWN);
}

static void test_key_of_another_issuer(void **state)
{
    struct forge *all[] = {&rsa, &ec, &ed, &ec384, &ec512};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(all); i++) {
        struct forge other;
        char header[64];
        forge_init(&other, all[i]->alg);
        snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", gw_signature_alg_name(all[i]->alg));
        assert_verdict(all[i]->jwks, forge_token(all[i], header, "{}"), JOSE_OK);
        assert_verdict(all[i]->jwks, forge_token(&other, header, "{}"), JOSE_BAD_SIGNATURE);
        assert_verdict(all[i]->jwks, forge_token(&other, NULL, "{}"), JOSE_KEY_UNKNOWN);
        forge_finish(&other);
    }
}

/* Without a kid a few fitting keys are tried, not all of a long list. */
static void test_tries_are_bounded(void **state)
{
    enum { KEYS = KEY_SET_MAX_TRIES + 1 };
    struct forge forges[KEYS];
    struct gw_buf set;

    (void)state;
    gw_buf_init(&set, 65536);
    gw_buf_append_text(&set, "{\"keys\":[");
    for (int i = 0; i < KEYS; i++) {
        forge_init(&forges[i], GW_EDDSA);
        size_t len = strlen(forges[i].jwks);
        gw_buf_printf(&set, "%s%.*s", i > 0 ? "," : "", (int)len - 11, forges[i].jwks + 9);
    }
    gw_buf_append_text(&set, "]}");
    gw_buf_append_byte(&set, '\0');
    static const char header[] = "{\"alg\":\"EdDSA\"}";
    assert_verdict(set.ptr, forge_token(&forges[KEYS - 2], header, "{}"), JOSE_OK);
    assert_verdict(set.ptr, forge_token(&forges[KEYS - 1], header, "{}"), JOSE_BAD_SIGNATURE);
    assert_verdict(set.ptr, forge_token(&forges[KEYS - 1], NULL, "{}"), JOSE_OK);
    for (int i = 0; i < KEYS; i++)
        forge_finish(&forges[i]);
    gw_buf_finish(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_public_key_as_secret),
        cmocka_unit_test(test_secrets_only_when_asked_for),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_every_character_counts),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_key_of_another_issuer),
        cmocka_unit_test(test_tries_are_bounded),
    };

    forge_init(&rsa, GW_RS256);
    forge_init(&ec, GW_ES256);
    forge_init(&ec384, GW_ES384);
    forge_init(&ec512, GW_ES512);
    forge_init(&ed, GW_EDDSA);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    forge_finish(&rsa);
    forge_finish(&ec);
    forge_finish(&ec384);
    forge_finish(&ec512);
    forge_finish(&ed);
    return rc;
}
