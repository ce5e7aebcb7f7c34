/* Key sets: what is kept, what is skipped, what makes the whole set unusable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/crypto/base64url.h"
#include "server/crypto/jwk.h"

/* Public keys of RFC 7517 (appendix A.1), RFC 7638 (section 3.1) and RFC 8037 (appendix A.2). */
#define X "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
#define Y "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
#define N                                                                                    \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc" \
    "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ" \
    "R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bF" \
    "TWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define ED "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

#define EC_KEY(rest) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"" rest "}"
#define RSA_KEY(rest) "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQAB\"" rest "}"
#define ED_KEY(rest) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED "\"" rest "}"
#define OCT_KEY(rest) \
    "{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"" rest "}"

static int read_set(const char *text, bool accepts_secrets, struct gw_jwk_set **out_set)
{
    const struct gw_jwk_rules rules = {.accepts_secrets = accepts_secrets};
    struct gw_error why;

    return gw_jwk_set_create(gw_str_of(text), &rules, out_set, &why);
}

static void test_accepted(void **state)
{
    static const char *const cases[] = {
        EC_KEY(""),
        EC_KEY(",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"\""),
        EC_KEY(",\"key_ops\":[\"verify\"]"),
        EC_KEY(",\"key_ops\":[\"sign\",\"verify\"],\"d\":\"not even looked at\""),
        RSA_KEY(",\"alg\":\"PS512\",\"x5c\":[\"x\"],\"x5u\":\"http://127.0.0.1/\""),
        RSA_KEY(",\"p\":1,\"d\":[]"),
        ED_KEY(",\"alg\":\"EdDSA\""),
        OCT_KEY(",\"alg\":\"HS256\""),
        " {\"keys\" : [" EC_KEY("") "," RSA_KEY("") "," ED_KEY("") "] , \"more\":1}",
        "{\"keys\":[" EC_KEY(",\"kid\":\"a\"") "," RSA_KEY(",\"kid\":\"b\"") "]}",
        "{\"keys\":[" EC_KEY(",\"kid\":\"a\"") "," RSA_KEY(",\"kid\":\"a\",\"use\":\"enc\"") "]}",
        "{\"keys\":[{\"kty\":\"AKP\",\"kid\":\"a\"}," RSA_KEY(",\"kid\":\"a\"") "]}",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_jwk_set *set;
        if (read_set(cases[i], true, &set) != 0)
            fail_msg("%s", cases[i]);
        gw_jwk_set_destroy(set);
    }
}

static void test_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"keys\":[]}",
        "{\"keys\":{}}",
        "{\"keys\":[" EC_KEY("") "],\"keys\":[]}",
        EC_KEY("") EC_KEY(""),
        EC_KEY(",\"kty\":\"EC\""),
        EC_KEY(",\"use\":\"enc\""),
        EC_KEY(",\"use\":\"SIG\""),
        EC_KEY(",\"use\":[\"sig\"]"),
        EC_KEY(",\"key_ops\":[]"),
        EC_KEY(",\"key_ops\":[\"sign\"]"),
        EC_KEY(",\"key_ops\":[\"verify\",\"verify\"]"),
        EC_KEY(",\"key_ops\":\"verify\""),
        EC_KEY(",\"alg\":\"ES384\""),
        EC_KEY(",\"alg\":\"RS256\""),
        EC_KEY(",\"alg\":\"HS256\""),
        EC_KEY(",\"alg\":\"ECDH-ES\""),
        EC_KEY(",\"alg\":\"none\""),
        EC_KEY(",\"alg\":1"),
        EC_KEY(",\"kid\":1"),
        RSA_KEY(",\"alg\":\"ES256\""),
        RSA_KEY(",\"alg\":\"RSA-OAEP\""),
        ED_KEY(",\"alg\":\"ES256\""),
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" Y "\",\"y\":\"" X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "=\",\"y\":\"" Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA" X "\",\"y\":\"" Y "\"}",
        "{\"kty\":\"ec\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQ\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AA\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"Ag\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AAEAAQ\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":65537}",
        "{\"kty\":\"RSA\",\"n\":\"" X "\",\"e\":\"AQAB\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" ED "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
        "{\"kty\":\"oct\",\"k\":\"\"}",
        "{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg\"}",
        OCT_KEY(",\"alg\":\"HS512\""),
        OCT_KEY(",\"alg\":\"RS256\""),
        OCT_KEY(",\"alg\":\"A256GCM\""),
        "{\"keys\":[" OCT_KEY("") "," RSA_KEY("") "]}",
        "{\"keys\":[" EC_KEY(",\"kid\":\"a\"") "," RSA_KEY(",\"kid\":\"a\"") "]}",
        "{\"keys\":[1,null,\"x\",[]]}",
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_jwk_set *set;
        if (read_set(cases[i], true, &set) == 0)
            fail_msg("accepted: %s", cases[i]);
    }
}

static void test_skipped_beside_good_ones(void **state)
{
    static const char text[] = "{\"keys\":[" EC_KEY(
        ",\"kid\":\"good\"") ",{\"kty\":\"new\"}," RSA_KEY(",\"use\":\"enc\"") "," OCT_KEY("") "]}";
    struct gw_jwk_set *set;

    (void)state;
    assert_int_equal(read_set(text, false, &set), 0);
    assert_int_equal(set->count, 1);
    assert_int_equal(set->skipped, 3);
    assert_string_equal(set->first_skipped.where, "/keys/1");
    assert_string_equal(set->keys[0].kid.ptr, "good");
    assert_true(gw_jwk_allows(&set->keys[0], GW_ES256));
    assert_false(gw_jwk_allows(&set->keys[0], GW_ES384));
    gw_jwk_set_destroy(set);
}

static void test_thumbprints(void **state)
{
    static const struct {
        const char *jwk, *thumbprint;
    } cases[] = {
        {RSA_KEY(",\"alg\":\"RS256\",\"kid\":\"2011-04-29\""),
         "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},             /* RFC 7638, section 3.1 */
        {ED_KEY(""), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}, /* RFC 8037, appendix A.3 */
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_jwk_set *set;
        char text[44] = "";
        assert_int_equal(read_set(cases[i].jwk, false, &set), 0);
        gw_base64url_encode(set->keys[0].thumbprint, GW_SHA256_BYTES, text);
        assert_string_equal(text, cases[i].thumbprint);
        gw_jwk_set_destroy(set);
    }
}

static void test_min_bits(void **state)
{
    const struct gw_jwk_rules rules = {.min_rsa_bits = 3072};
    struct gw_jwk_set *set;
    struct gw_error why;

    (void)state;
    assert_int_not_equal(gw_jwk_set_create(GW_STR(RSA_KEY("")), &rules, &set, &why), 0);
    assert_non_null(strstr(why.text, "3072"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_skipped_beside_good_ones),
        cmocka_unit_test(test_thumbprints),
        cmocka_unit_test(test_min_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
