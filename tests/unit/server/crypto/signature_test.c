/* Signing and verifying by every algorithm, and each key refused by every other one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/crypto/jwk.h"
#include "server/crypto/mac.h"
#include "tests/unit/support/forge.h"

#define FIRST_SECRET_ALG GW_HS256

static struct forge forges[FIRST_SECRET_ALG];
static const struct gw_str message = GW_STR_INIT("header.payload");

static struct gw_jwk_set *read_set(const char *text)
{
    static const struct gw_jwk_rules rules = {.accepts_secrets = true};
    struct gw_jwk_set *set;
    struct gw_error why;

    if (gw_jwk_set_create(gw_str_of(text), &rules, &set, &why) != 0)
        fail_msg("%s: %s", text, why.text);
    return set;
}

static void sign(struct forge *forge, struct gw_buf *out)
{
    gw_buf_init(out, 4096);
    assert_int_equal(gw_keypair_sign(forge->pair, message, out), 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < FIRST_SECRET_ALG; i++) {
        enum gw_signature_alg alg = (enum gw_signature_alg)i;
        struct gw_jwk_set *set = read_set(forges[i].jwks);
        struct gw_verify_key *key = set->keys[0].key;
        struct gw_buf signature;

        assert_true(set->keys[0].has_alg && set->keys[0].alg == alg);
        sign(&forges[i], &signature);
        for (int turn = 0; turn < 3;
             turn++) { /* the prepared state serves again, also after a no */
            assert_int_equal(gw_signature_verify(key, alg, message, gw_buf_str(&signature)), 0);
            assert_int_equal(gw_signature_verify(key, alg, GW_STR("x"), gw_buf_str(&signature)),
                             -EBADMSG);
        }
        gw_buf_finish(&signature);
        gw_jwk_set_destroy(set);
    }
}

/* Every byte of a signature counts, and so does its length. */
static void test_changed_signatures(void **state)
{
    (void)state;
    for (int i = 0; i < FIRST_SECRET_ALG; i++) {
        enum gw_signature_alg alg = (enum gw_signature_alg)i;
        struct gw_jwk_set *set = read_set(forges[i].jwks);
        struct gw_verify_key *key = set->keys[0].key;
        struct gw_buf signature;

        sign(&forges[i], &signature);
        for (size_t at = 0; at < signature.len; at += 7) {
            signature.ptr[at] = (char)(signature.ptr[at] ^ 0x10);
            assert_int_equal(gw_signature_verify(key, alg, message, gw_buf_str(&signature)),
                             -EBADMSG);
            signature.ptr[at] = (char)(signature.ptr[at] ^ 0x10);
        }
        size_t len = signature.len;
        gw_buf_append_byte(&signature, '\0');
        for (size_t other = 0; other <= signature.len; other++) {
            if (other == len)
                continue;
            struct gw_str text = gw_str_from(signature.ptr, other);
            assert_int_equal(gw_signature_verify(key, alg, message, text), -EBADMSG);
        }
        gw_buf_finish(&signature);
        gw_jwk_set_destroy(set);
    }
}

static void test_keys_fit_their_algorithms_only(void **state)
{
    (void)state;
    for (int i = 0; i < FIRST_SECRET_ALG; i++) {
        struct gw_jwk_set *set = read_set(forges[i].jwks);
        struct gw_buf signature;

        sign(&forges[i], &signature);
        for (int other = 0; other < GW_SIGNATURE_ALG_COUNT; other++) {
            bool is_rsa = i <= GW_PS512 && other <= GW_PS512;
            int expected = other == i ? 0 : is_rsa ? -EBADMSG : -EINVAL;
            assert_int_equal(gw_signature_verify(set->keys[0].key, (enum gw_signature_alg)other,
                                                 message, gw_buf_str(&signature)),
                             expected);
            assert_int_equal(gw_jwk_allows(&set->keys[0], (enum gw_signature_alg)other),
                             other == i);
        }
        gw_buf_finish(&signature);
        gw_jwk_set_destroy(set);
    }
}

static void test_secrets(void **state)
{
    static const char bytes[] = "0123456789012345678901234567890123456789"; /* 40 */
    struct gw_str secret = gw_str_from(bytes, 40);
    struct gw_verify_key *key;
    uint8_t mac[GW_DIGEST_MAX_BYTES];

    (void)state;
    assert_int_equal(gw_verify_key_from_secret(gw_str_from(bytes, 31), &key), -EINVAL);
    assert_int_equal(gw_verify_key_from_secret(secret, &key), 0);
    assert_true(gw_verify_key_fits(key, GW_HS256));
    assert_false(gw_verify_key_fits(key, GW_HS384)); /* asks for 48 bytes */
    assert_int_equal(gw_mac_compute(GW_SHA256, secret, message, mac), 0);
    struct gw_str signature = gw_str_from((const char *)mac, 32);
    assert_int_equal(gw_signature_verify(key, GW_HS256, message, signature), 0);
    signature.len = 31;
    assert_int_equal(gw_signature_verify(key, GW_HS256, message, signature), -EBADMSG);
    assert_int_equal(gw_signature_verify(key, GW_RS256, message, signature), -EINVAL);
    gw_verify_key_destroy(key);
}

static void test_names(void **state)
{
    static const char *const refused[] = {"none",  "None",   "NONE",  "nOnE",   "",
                                          "rs256", "RS255",  "ES521", "ES256K", "HS1",
                                          "EdDsa", "RS256 ", "A256KW"};
    enum gw_signature_alg alg;

    (void)state;
    for (int i = 0; i < GW_SIGNATURE_ALG_COUNT; i++) {
        const char *name = gw_signature_alg_name((enum gw_signature_alg)i);
        assert_int_equal(gw_signature_alg_parse(gw_str_of(name), &alg), 0);
        assert_int_equal(alg, i);
    }
    for (size_t i = 0; i < GW_COUNT_OF(refused); i++)
        assert_int_equal(gw_signature_alg_parse(gw_str_of(refused[i]), &alg), -EINVAL);
}

static void test_pem_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < FIRST_SECRET_ALG; i++) {
        enum gw_signature_alg alg = (enum gw_signature_alg)i;
        struct gw_keypair *pair;
        char kid[GW_KID_LEN + 1];
        struct gw_buf pem;

        gw_buf_init(&pem, 8192);
        assert_int_equal(gw_keypair_to_pem(forges[i].pair, &pem), 0);
        assert_int_equal(gw_keypair_from_pem(gw_buf_str(&pem), alg, &pair), 0);
        assert_int_equal(gw_keypair_kid(pair, kid), 0);
        assert_string_equal(kid, forges[i].kid);
        gw_keypair_destroy(pair);
        enum gw_signature_alg other = alg == GW_ES256 ? GW_ES384 : GW_ES256;
        assert_int_equal(gw_keypair_from_pem(gw_buf_str(&pem), other, &pair), -EINVAL);
        assert_int_equal(gw_keypair_from_pem(GW_STR("no key"), alg, &pair), -EINVAL);
        gw_buf_finish(&pem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_changed_signatures),
        cmocka_unit_test(test_keys_fit_their_algorithms_only),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_pem_round_trip),
    };

    for (int i = 0; i < FIRST_SECRET_ALG; i++)
        forge_init(&forges[i], (enum gw_signature_alg)i);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < FIRST_SECRET_ALG; i++)
        forge_finish(&forges[i]);
    return rc;
}
