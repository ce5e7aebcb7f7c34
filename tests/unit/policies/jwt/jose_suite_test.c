/* Verdicts on other people's tokens and signatures: Wycheproof, the RFCs' and the Cookbook's. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/jwt/key_set.h"
#include "server/crypto/jwk.h"
#include "tests/unit/support/suite_files.h"

#define MAX_TOKEN_BYTES 65536

static const struct gw_jwk_rules all_keys = {.accepts_secrets = true};

static enum jose_verdict verify(const json_t *jwks, const char *jws)
{
    struct gw_arena arena;
    struct gw_error why;
    struct gw_jwk_set *set;
    struct jose_token token;
    const struct gw_jwk *key;
    char *text = json_dumps(jwks, 0);
    enum jose_verdict verdict = JOSE_KEY_UNKNOWN;

    gw_arena_init(&arena, 4096, 1 << 22);
    if (gw_jwk_set_create(gw_str_of(text), &all_keys, &set, &why) == 0) {
        verdict = jose_read(&arena, gw_str_of(jws), MAX_TOKEN_BYTES, &token);
        if (verdict == JOSE_OK)
            verdict = key_set_verify(set, &token, &key);
        gw_jwk_set_destroy(set);
    }
    free(text);
    gw_arena_finish(&arena);
    return verdict;
}

static json_t *load(const char *name)
{
    json_error_t why;
    json_t *document = json_load_file(name, 0, &why);

    if (document == NULL)
        fail_msg("%s: %s", name, why.text);
    return document;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* The suite marks one valid whose header holds a character that is not of base64url (the signature
 * is over the header without it); RFC 7515, section 5.2 forbids to skip it. And where a header
 * names another algorithm than its key does, the key has the last word. */
static bool is_expected(const json_t *test, const char *alg)
{
    const char *comment = text_of(test, "comment");
    const char *jws = text_of(test, "jws");
    bool is_valid = strcmp(text_of(test, "result"), "valid") == 0;
    struct gw_arena arena;
    struct jose_token token;

    if (!is_valid || strcmp(comment, "InvalidCharacterInsertedInHeader") == 0)
        return false;
    gw_arena_init(&arena, 4096, 1 << 22);
    if (alg != NULL && jose_read(&arena, gw_str_of(jws), MAX_TOKEN_BYTES, &token) == JOSE_OK)
        is_valid = strcmp(alg, gw_signature_alg_name(token.alg)) == 0;
    gw_arena_finish(&arena);
    return is_valid;
}

static int run_jws_file(const char *name)
{
    json_t *document = load(suite_path(name)), *group, *test;
    size_t i, k;
    int count = 0;

    json_array_foreach(json_object_get(document, "testGroups"), i, group)
    {
        json_t *jwks = json_object_get(group, "public");
        if (jwks == NULL)
            jwks = json_object_get(group, "private");
        json_array_foreach(json_object_get(group, "tests"), k, test)
        {
            bool expected = is_expected(test, text_of(jwks, "alg"));
            enum jose_verdict verdict = verify(jwks, text_of(test, "jws"));
            if ((verdict == JOSE_OK) != expected)
                fail_msg("%s %lld (%s): %s", name,
                         (long long)json_integer_value(json_object_get(test, "tcId")),
                         text_of(test, "comment"), jose_verdict_text(verdict));
            count++;
        }
    }
    json_decref(document);
    return count;
}

static void test_wycheproof_tokens(void **state)
{
    (void)state;
    assert_true(run_jws_file("wycheproof/testvectors_v1/json_web_signature_test.hand.json") > 100);
    assert_true(run_jws_file("wycheproof/testvectors_v1/json_web_key_test.json") > 20);
}

static struct gw_str unhex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    char *bytes = malloc(len + 1);

    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (char)strtol(digits, NULL, 16);
    }
    return gw_str_from(bytes, len);
}

static int run_raw_group(const char *name, const json_t *group, enum gw_signature_alg alg)
{
    json_t *jwk = json_object_get(group, "keyJwk"), *test;
    struct gw_jwk_set *set;
    struct gw_error why;
    size_t i;

    if (jwk == NULL)
        jwk = json_object_get(group, "publicKeyJwk");
    if (jwk == NULL)
        return 0;
    char *text = json_dumps(jwk, 0);
    if (gw_jwk_set_create(gw_str_of(text), &all_keys, &set, &why) != 0)
        fail_msg("%s: %s: %s", name, text, why.text);
    free(text);
    json_array_foreach(json_object_get(group, "tests"), i, test)
    {
        struct gw_str message = unhex(text_of(test, "msg")),
                      signature = unhex(text_of(test, "sig"));
        const char *result = text_of(test, "result");
        int rc = gw_signature_verify(set->keys[0].key, alg, message, signature);
        if (strcmp(result, "acceptable") != 0 && (rc == 0) != (strcmp(result, "valid") == 0))
            fail_msg("%s %lld: %d instead of %s", name,
                     (long long)json_integer_value(json_object_get(test, "tcId")), rc, result);
        free((char *)message.ptr);
        free((char *)signature.ptr);
    }
    gw_jwk_set_destroy(set);
    return (int)i;
}

static void run_raw(const char *name, enum gw_signature_alg alg, int at_least)
{
    char path[256];
    snprintf(path, sizeof(path), "wycheproof/testvectors_v1/%s", name);
    json_t *document = load(suite_path(path)), *group;
    size_t i;
    int count = 0;

    json_array_foreach(json_object_get(document, "testGroups"), i, group) count +=
        run_raw_group(name, group, alg);
    assert_true(count >= at_least);
    json_decref(document);
}

static void test_wycheproof_signatures(void **state)
{
    (void)state;
    run_raw("rsa_signature_2048_sha256_test.json", GW_RS256, 100);
    run_raw("ecdsa_secp256r1_sha256_p1363_test.json", GW_ES256, 200);
    run_raw("ed25519_test.json", GW_EDDSA, 100);
}

/* One file of the Cookbook: the compact form verifies, and no longer does when a byte changes. */
static void check_cookbook(const char *path, const char *name, void *self)
{
    json_t *document = load(path);
    const json_t *input = json_object_get(document, "input");
    const char *compact = text_of(json_object_get(document, "output"), "compact");

    (void)name;
    if (json_object_get(input, "payload") != NULL && compact != NULL) {
        char *changed = strdup(compact);
        const json_t *key = json_object_get(input, "key");
        *strchr(changed, '.') = '\0';
        char *at = changed + strlen(changed) + 1;
        changed[strlen(changed)] = '.';
        *at = *at == 'A' ? 'B' : 'A';
        assert_int_equal(verify(key, compact), JOSE_OK);
        assert_int_equal(verify(key, changed), JOSE_BAD_SIGNATURE);
        free(changed);
        ++*(int *)self;
    }
    json_decref(document);
}

static void test_cookbook(void **state)
{
    int count = 0;

    (void)state;
    suite_each("jose-cookbook/jws", ".json", check_cookbook, &count);
    suite_each("jose-cookbook/curve25519", "jws.json", check_cookbook, &count);
    assert_true(count >= 5);
}

static void check_rfc(const char *path, const char *name, void *self)
{
    char key_path[512], token[4096];
    struct gw_str jws = suite_read(path);

    (void)name;
    snprintf(token, sizeof(token), "%.*s", GW_STR_ARG(jws));
    token[strcspn(token, "\r\n")] = '\0';
    free((char *)jws.ptr);
    snprintf(key_path, sizeof(key_path), "%.*sjwk", (int)(strlen(path) - 4), path);
    json_t *key = json_load_file(key_path, 0, NULL);
    if (key == NULL) { /* the unsecured one of appendix A.5 */
        assert_non_null(strstr(path, "A.5"));
        struct gw_arena arena;
        struct jose_token read;
        gw_arena_init(&arena, 4096, 1 << 20);
        assert_int_equal(jose_read(&arena, gw_str_of(token), 8192, &read), JOSE_ALG_UNKNOWN);
        gw_arena_finish(&arena);
    } else {
        enum jose_verdict verdict = verify(key, token);
        if (verdict != JOSE_OK)
            fail_msg("%s: %s", path, jose_verdict_text(verdict));
    }
    json_decref(key);
    ++*(int *)self;
}

/* JSON serializations are not offered. */
static void check_json_form(const char *path, const char *name, void *self)
{
    struct gw_str jws = suite_read(path);
    struct gw_arena arena;
    struct jose_token read;

    (void)name;
    gw_arena_init(&arena, 4096, 1 << 20);
    assert_int_equal(jose_read(&arena, jws, 8192, &read), JOSE_MALFORMED);
    gw_arena_finish(&arena);
    free((char *)jws.ptr);
    ++*(int *)self;
}

static void test_rfc(void **state)
{
    int compact = 0, json = 0;

    (void)state;
    suite_each("jose-rfc/tests/vectors", ".jwsc", check_rfc, &compact);
    suite_each("jose-rfc/tests/vectors", ".jwsg", check_json_form, &json);
    suite_each("jose-rfc/tests/vectors", ".jwsf", check_json_form, &json);
    assert_true(compact >= 5 && json >= 2);
}

/* Which of the RFC's key sets have a key for verifying. */
static void test_rfc_key_sets(void **state)
{
    static const struct {
        const char *name;
        size_t count, skipped;
    } sets[] = {
        {"rfc7515_A.6.jwkset", 2, 0},
        {"rfc7517_A.1.jwkset", 1, 1}, /* the other is for encryption */
        {"rfc7517_A.2.jwkset", 1, 1},
        {"rfc7517_A.3.jwkset", 1, 1}, /* the other is for key wrapping */
        {"rfc7517_B.jwk", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(sets); i++) {
        char path[256];
        struct gw_jwk_set *set;
        struct gw_error why;
        snprintf(path, sizeof(path), "jose-rfc/tests/vectors/%s", sets[i].name);
        struct gw_str text = suite_read(suite_path(path));
        assert_non_null(text.ptr);
        if (gw_jwk_set_create(text, &all_keys, &set, &why) != 0)
            fail_msg("%s: %s", path, why.text);
        assert_int_equal(set->count, sets[i].count);
        assert_int_equal(set->skipped, sets[i].skipped);
        gw_jwk_set_destroy(set);
        free((char *)text.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wycheproof_tokens), cmocka_unit_test(test_wycheproof_signatures),
        cmocka_unit_test(test_cookbook),          cmocka_unit_test(test_rfc),
        cmocka_unit_test(test_rfc_key_sets),
    };

    suite_require("wycheproof");
    suite_require("jose-rfc");
    suite_require("jose-cookbook");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
