#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policies/jwt/dpop.h"
#include "server/crypto/base64url.h"
#include "tests/unit/support/forge.h"

#define NOW_S 1800000000
#define TOKEN "an-access-token"
#define URI "https://api.example/orders"

static struct forge forge;
static struct gw_arena arena;
static char jwk[2048], ath[44];
static struct dpop_rules rules;
static struct dpop_request request;
static const struct gw_str uris[] = {GW_STR_INIT("https://other.example/orders"), GW_STR_INIT(URI)};

static void digest_of(const char *text, char out[44])
{
    uint8_t digest[GW_DIGEST_MAX_BYTES];

    gw_digest_compute(GW_SHA256, gw_str_of(text), digest);
    gw_base64url_encode(digest, GW_SHA256_BYTES, out);
    out[43] = '\0';
}

static int set_up_group(void **state)
{
    (void)state;
    forge_init(&forge, GW_ES256);
    /* the one key of the forge's set, without {"keys":[ and ]} */
    snprintf(jwk, sizeof(jwk), "%.*s", (int)strlen(forge.jwks) - 11, forge.jwks + 9);
    digest_of(TOKEN, ath);
    return 0;
}

static int tear_down_group(void **state)
{
    (void)state;
    forge_finish(&forge);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 1 << 20);
    rules = (struct dpop_rules){
        .algorithms = 1u << GW_ES256 | 1u << GW_RS256 | 1u << GW_EDDSA | 1u << GW_HS256,
        .max_age_s = 60,
        .leeway_s = 5,
    };
    request = (struct dpop_request){
        .method = GW_STR("POST"),
        .uris = uris,
        .uri_count = GW_COUNT_OF(uris),
        .token = GW_STR(TOKEN),
        .now_s = NOW_S,
    };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static enum dpop_verdict judge(const char *header, const char *payload)
{
    struct dpop_proof proof;
    char *text = forge_token(&forge, header, payload);
    enum dpop_verdict verdict = dpop_judge(&arena, gw_str_of(text), &rules, &request, &proof);

    free(text);
    return verdict;
}

static const char *header_with(const char *typ, const char *alg, const char *key)
{
    static char header[4352]; /* room for all that stands around the key */

    snprintf(header, sizeof(header), "{\"typ\":\"%s\",\"alg\":\"%s\",\"jwk\":%s}", typ, alg, key);
    return header;
}

static const char *good_header(void)
{
    return header_with("dpop+jwt", "ES256", jwk);
}

/* A payload of these members; NULL leaves one out. */
static const char *payload_of(const char *jti, const char *htm, const char *htu, int64_t iat,
                              const char *digest)
{
    static char payload[4096];
    const char *const members[][2] = {{"jti", jti}, {"htm", htm}, {"htu", htu}, {"ath", digest}};
    size_t len = (size_t)snprintf(payload, sizeof(payload), "{\"iat\":%lld", (long long)iat);

    for (size_t i = 0; i < GW_COUNT_OF(members); i++) {
        if (members[i][1] != NULL)
            len += (size_t)snprintf(payload + len, sizeof(payload) - len, ",\"%s\":\"%s\"",
                                    members[i][0], members[i][1]);
    }
    snprintf(payload + len, sizeof(payload) - len, "}");
    return payload;
}

static const char *good_payload(void)
{
    return payload_of("id-1", "POST", URI, NOW_S, ath);
}

/* --- tests ------------------------------------------------------------------------------------ */

/* RFC 9449, sections 6.1 and 7.1. */
static void the_example_of_the_standard(void **state)
{
    (void)state;
    static const char proof_text[] =
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0Vj"
        "NoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5"
        "VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUI"
        "iwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI"
        "2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqz"
        "hrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    static const struct gw_str uri = GW_STR_INIT("https://resource.example.org/protectedresource");
    struct dpop_proof proof;

    request = (struct dpop_request){
        .method = GW_STR("GET"),
        .uris = &uri,
        .uri_count = 1,
        .token = GW_STR("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
        .now_s = 1562262620,
    };
    assert_int_equal(dpop_judge(&arena, GW_STR(proof_text), &rules, &request, &proof), DPOP_OK);
    assert_int_equal(proof.valid_until_s, 1562262618 + 60);
    assert_int_equal(
        dpop_check_binding(&arena,
                           GW_STR("{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}"),
                           proof.thumbprint),
        DPOP_OK);
}

static void a_good_proof(void **state)
{
    (void)state;
    assert_int_equal(judge(good_header(), good_payload()), DPOP_OK);
    assert_int_equal(
        judge(good_header(),
              payload_of("x", "POST", "HTTPS://API.example:443/%6Frders?a#b", NOW_S, ath)),
        DPOP_OK);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", URI, NOW_S - 60, ath)), DPOP_OK);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", URI, NOW_S + 5, ath)), DPOP_OK);
}

static void another_request(void **state)
{
    (void)state;
    char other[44];

    digest_of("another-token", other);
    assert_int_equal(judge(good_header(), payload_of("x", "GET", URI, NOW_S, ath)), DPOP_METHOD);
    assert_int_equal(judge(good_header(), payload_of("x", "post", URI, NOW_S, ath)), DPOP_METHOD);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", URI "/1", NOW_S, ath)), DPOP_URI);
    assert_int_equal(
        judge(good_header(), payload_of("x", "POST", "http://api.example/orders", NOW_S, ath)),
        DPOP_URI);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", "/orders", NOW_S, ath)),
                     DPOP_URI);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", URI, NOW_S - 61, ath)),
                     DPOP_TIME);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", URI, NOW_S + 6, ath)), DPOP_TIME);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", URI, NOW_S, other)), DPOP_TOKEN);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", URI, NOW_S, NULL)), DPOP_TOKEN);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", URI, NOW_S, "")), DPOP_TOKEN);
}

static void what_is_no_proof(void **state)
{
    (void)state;
    char id[DPOP_MAX_JTI_BYTES + 2];
    struct dpop_proof proof;

    memset(id, 'i', sizeof(id));
    id[sizeof(id) - 1] = '\0';
    assert_int_equal(judge(good_header(), payload_of(NULL, "POST", URI, NOW_S, ath)),
                     DPOP_MALFORMED);
    assert_int_equal(judge(good_header(), payload_of("", "POST", URI, NOW_S, ath)), DPOP_MALFORMED);
    assert_int_equal(judge(good_header(), payload_of(id, "POST", URI, NOW_S, ath)), DPOP_MALFORMED);
    assert_int_equal(judge(good_header(), payload_of("x", NULL, URI, NOW_S, ath)), DPOP_MALFORMED);
    assert_int_equal(judge(good_header(), payload_of("x", "POST", NULL, NOW_S, ath)),
                     DPOP_MALFORMED);
    assert_int_equal(judge(good_header(), "{\"jti\":\"x\",\"htm\":\"POST\",\"htu\":\"" URI "\"}"),
                     DPOP_MALFORMED);
    assert_int_equal(judge(good_header(), "{\"jti\":1,\"htm\":\"POST\",\"iat\":1}"),
                     DPOP_MALFORMED);
    assert_int_equal(judge(good_header(), "[]"), DPOP_MALFORMED);
    assert_int_equal(judge(good_header(), "{\"jti\":\"a\",\"jti\":\"b\"}"), DPOP_MALFORMED);
    assert_int_equal(dpop_judge(&arena, GW_STR("a.b"), &rules, &request, &proof), DPOP_MALFORMED);
    assert_int_equal(dpop_judge(&arena, GW_STR(""), &rules, &request, &proof), DPOP_MALFORMED);
}

static void types_and_algorithms(void **state)
{
    (void)state;
    static const char secret[] = "0123456789abcdef0123456789abcdef";
    struct dpop_proof proof;

    assert_int_equal(judge(header_with("JWT", "ES256", jwk), good_payload()), DPOP_TYPE);
    assert_int_equal(judge(header_with("at+jwt", "ES256", jwk), good_payload()), DPOP_TYPE);
    assert_int_equal(judge(header_with("dpop+jwt", "none", jwk), good_payload()), DPOP_ALGORITHM);
    assert_int_equal(judge(header_with("dpop+jwt", "ES384", jwk), good_payload()), DPOP_ALGORITHM);
    assert_int_equal(judge(header_with("dpop+jwt", "RS256", jwk), good_payload()), DPOP_KEY);

    char *text = forge_mac_token(
        GW_STR(secret), GW_SHA256,
        header_with("dpop+jwt", "HS256",
                    "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}"),
        good_payload());
    assert_int_equal(dpop_judge(&arena, gw_str_of(text), &rules, &request, &proof),
                     DPOP_ALGORITHM); /* though the rules' mask has it */
    free(text);
}

static void keys(void **state)
{
    (void)state;
    char private[4096];
    struct forge other;

    assert_int_equal(judge("{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\"}", good_payload()), DPOP_KEY);
    assert_int_equal(judge(header_with("dpop+jwt", "ES256", "\"x\""), good_payload()), DPOP_KEY);
    assert_int_equal(judge(header_with("dpop+jwt", "ES256", "{}"), good_payload()), DPOP_KEY);
    assert_int_equal(judge(header_with("dpop+jwt", "ES256", forge.jwks), good_payload()), DPOP_KEY);
    snprintf(private, sizeof(private), "{\"d\":\"AAAA\",%s", jwk + 1);
    assert_int_equal(judge(header_with("dpop+jwt", "ES256", private), good_payload()), DPOP_KEY);
    snprintf(private, sizeof(private), "{\"k\":null,%s", jwk + 1);
    assert_int_equal(judge(header_with("dpop+jwt", "ES256", private), good_payload()), DPOP_KEY);

    forge_init(&other, GW_ES256);
    char *text = forge_token(&other, good_header(), good_payload()); /* signed by another key */
    struct dpop_proof proof;
    assert_int_equal(dpop_judge(&arena, gw_str_of(text), &rules, &request, &proof), DPOP_SIGNATURE);
    free(text);
    forge_finish(&other);
}

static void bindings(void **state)
{
    (void)state;
    const uint8_t zeroes[GW_SHA256_BYTES] = {0};

    assert_false(dpop_is_bound(&arena, GW_STR("")));
    assert_false(dpop_is_bound(&arena, GW_STR("{}")));
    assert_false(dpop_is_bound(&arena, GW_STR("{\"x5t#S256\":\"a\"}")));
    assert_true(dpop_is_bound(&arena, GW_STR("{\"jkt\":\"a\"}")));
    assert_true(dpop_is_bound(&arena, GW_STR("{\"jkt\":7}")));
    assert_true(dpop_is_bound(&arena, GW_STR("{\"a\":1,\"a\":2}")));
    static const char *const wrong[] = {"", "{}", "{\"jkt\":\"\"}", "{\"jkt\":null}",
                                        "{\"jkt\":\"AAAA\"}"};
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        assert_int_equal(dpop_check_binding(&arena, gw_str_of(wrong[i]), zeroes), DPOP_BINDING);
    assert_int_equal(
        dpop_check_binding(
            &arena, GW_STR("{\"jkt\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"), zeroes),
        DPOP_OK);
}

static void nonces(void **state)
{
    (void)state;
    const struct dpop_nonces ours = {GW_STR("one secret of at least 32 bytes.."), 300};
    const struct dpop_nonces theirs = {GW_STR("other secret of at least 32 bytes"), 300};
    char nonce[DPOP_NONCE_LEN + 1], payload[1024];

    assert_int_equal(dpop_nonce_make(&ours, NOW_S, nonce), 0);
    assert_int_equal(strlen(nonce), DPOP_NONCE_LEN);
    assert_true(dpop_nonce_is_good(&ours, gw_str_of(nonce), NOW_S));
    assert_true(dpop_nonce_is_good(&ours, gw_str_of(nonce), NOW_S + 300));
    assert_false(dpop_nonce_is_good(&ours, gw_str_of(nonce), NOW_S + 301));
    assert_false(dpop_nonce_is_good(&ours, gw_str_of(nonce), NOW_S - 301));
    assert_false(dpop_nonce_is_good(&theirs, gw_str_of(nonce), NOW_S));
    assert_false(dpop_nonce_is_good(&ours, GW_STR(""), NOW_S));

    rules.nonces = &ours;
    assert_int_equal(judge(good_header(), good_payload()), DPOP_NONCE);
    snprintf(payload, sizeof(payload),
             "{\"jti\":\"x\",\"htm\":\"POST\",\"htu\":\"" URI "\",\"iat\":%d,\"ath\":\"%s\","
             "\"nonce\":\"%s\"}",
             NOW_S, ath, nonce);
    assert_int_equal(judge(good_header(), payload), DPOP_OK);
    nonce[20] = nonce[20] == 'A' ? 'B' : 'A';
    assert_false(dpop_nonce_is_good(&ours, gw_str_of(nonce), NOW_S));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_example_of_the_standard), T(a_good_proof), T(another_request), T(what_is_no_proof),
        T(types_and_algorithms),        T(keys),         T(bindings),        T(nonces),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
