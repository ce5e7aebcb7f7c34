/* The policy on an exchange in memory: who passes, who is refused, and what is said. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/jwt/jwt.h"
#include "server/contract/operation.h"
#include "tests/unit/support/forge.h"

#define NOW_S 1800000000

static struct forge plant, supplier; /* two issuers; of the second, ES256 */

static json_t *issuer_config(const char *issuer, const char *jwks)
{
    return json_pack("{s:s,s:s,s:[s],s:[ssss],s:s,s:I,s:b,s:[],s:i,s:i,s:[]}", "issuer", issuer,
                     "jwks_file", jwks, "audiences", "millgate", "algorithms", "RS256", "PS256",
                     "ES256", "EdDSA", "typ", "any", "leeway", (json_int_t)60000000000,
                     "needs_expiry", 1, "required_claims", "max_token_bytes", 8192, "min_rsa_bits",
                     2048, "grants");
}

static json_t *config;
static void *policy;

static void create(void)
{
    struct gw_error why;

    if (gw_jwt.create(config, &policy, &why) != 0)
        fail_msg("%s: %s", why.where, why.text);
}

static int setup(void **state)
{
    (void)state;
    config = json_pack("{s:{s:o,s:o},s:s,s:i,s:i}", "issuers", "plant",
                       issuer_config("https://plant.example", plant.jwks), "supplier",
                       issuer_config("https://supplier.example", supplier.jwks), "realm",
                       "millgate", "cache_bytes", 1 << 20, "cache_entries", 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_jwt.destroy(policy);
    policy = NULL;
    json_decref(config);
    return 0;
}

/* --- one request ------------------------------------------------------------------------------ */

static const struct gw_str read_scopes[] = {GW_STR_INIT("stock.read")};
static const struct gw_str write_scopes[] = {GW_STR_INIT("stock.read"), GW_STR_INIT("stock.write")};
static const struct gw_security_scheme plant_read[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), read_scopes, 1}};
static const struct gw_security_scheme plant_write[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), write_scopes, 2}};
static const struct gw_security_scheme supplier_any[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("supplier"), NULL, 0}};
static const struct gw_security_scheme both[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), NULL, 0},
    {GW_SCHEME_TOKEN, GW_STR_INIT("supplier"), NULL, 0}};

static const struct gw_security_scheme key[] = {{GW_SCHEME_API_KEY, GW_STR_INIT("plant"), NULL, 0}};

static const struct gw_security_alternative for_key[] = {{key, 1}};
static const struct gw_security_alternative for_plant[] = {{plant_read, 1}};
static const struct gw_security_alternative for_either[] = {{plant_write, 1}, {supplier_any, 1}};
static const struct gw_security_alternative for_both[] = {{both, 2}};
static const struct gw_security_alternative for_anyone[] = {{plant_read, 1}, {NULL, 0}};

static struct gw_exchange ex;

static void begin(const struct gw_security_alternative *security, size_t count,
                  struct gw_operation *operation)
{
    memset(&ex, 0, sizeof(ex));
    memset(operation, 0, sizeof(*operation));
    operation->security = security;
    operation->security_count = count;
    ex.operation = operation;
    ex.wall_ns = UINT64_C(1000000000) * NOW_S;
    gw_arena_init(&ex.arena, 4096, 1 << 20);
}

/* Sends `token` (NULL: none) to an operation; the exchange is to be finished. */
static enum gw_verdict ask(const struct gw_security_alternative *security, size_t count,
                           const char *token)
{
    static struct gw_operation operation;

    begin(security, count, &operation);
    if (token != NULL) {
        struct gw_str value = gw_arena_printf(&ex.arena, "Bearer %s", token);
        assert_int_equal(gw_request_add_field(&ex, GW_STR("authorization"), value), 0);
    }
    return gw_jwt.on_request(policy, &ex);
}

static void assert_challenge(int status, const char *needle)
{
    const struct gw_str *challenge = gw_response_field(&ex, GW_STR("WWW-Authenticate"));

    assert_int_equal(ex.response.status, status);
    assert_non_null(challenge);
    if (memmem(challenge->ptr, challenge->len, needle, strlen(needle)) == NULL)
        fail_msg("%.*s lacks %s", GW_STR_ARG(*challenge), needle);
    assert_int_equal(ex.credential_count, 0);
}

static void assert_str(struct gw_str text, const char *expected)
{
    if (!gw_str_equal(text, gw_str_of(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", GW_STR_ARG(text), expected);
}

#define CLAIMS(rest) \
    "{\"iss\":\"https://plant.example\",\"sub\":\"line-7\",\"aud\":\"millgate\"" rest "}"
#define GOOD ",\"exp\":1800000100,\"scope\":\"stock.read  other\""

/* Asks twice, so that the cache's answer is the same as the first. */
static void assert_refused(const char *token, const char *why)
{
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(for_plant, 1, token), GW_STOP);
        assert_challenge(401, "error=\"invalid_token\"");
        assert_challenge(401, why);
        gw_arena_finish(&ex.arena);
    }
}

static void test_good_token(void **state)
{
    char *token = forge_token(&plant, NULL, CLAIMS(GOOD));

    (void)state;
    create();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(for_plant, 1, token), GW_NEXT);
        assert_str(ex.credentials[0].consumer, "plant:line-7");
        assert_str(ex.credentials[0].issuer, "plant");
        assert_str(ex.credentials[0].subject, "line-7");
        assert_str(ex.credentials[0].scopes, "stock.read other");
        assert_str(ex.credentials[0].claims, CLAIMS(GOOD));
        assert_int_equal(ex.credentials[0].expires_at_s, 1800000100);
        gw_arena_finish(&ex.arena);
    }
    free(token);
}

static void test_no_token(void **state)
{
    (void)state;
    create();
    assert_int_equal(ask(for_plant, 1, NULL), GW_NEXT); /* whether it is needed is not said here */
    assert_int_equal(ex.credential_count, 0);
    gw_arena_finish(&ex.arena);
    assert_int_equal(ask(for_key, 1, "bad"), GW_NEXT); /* no token is asked for */
    assert_int_equal(ex.credential_count, 0);
    gw_arena_finish(&ex.arena);
    assert_int_equal(ask(NULL, 0, NULL), GW_NEXT);
    gw_arena_finish(&ex.arena);
    assert_int_equal(ask(for_anyone, 2, NULL), GW_NEXT);
    gw_arena_finish(&ex.arena);
    assert_int_equal(ask(for_anyone, 2, "bad"), GW_STOP); /* who shows one is judged by it */
    assert_challenge(401, "invalid_token");
    gw_arena_finish(&ex.arena);
}

static void test_credentials_on_the_wire(void **state)
{
    static const struct {
        const char *first, *second;
        const char *needle;
    } cases[] = {
        {"Bearer", NULL, "invalid_request"},
        {"Bearer a b", NULL, "invalid_token"},
        {"Bearer a,b", NULL, "invalid_token"},
        {"Bearer ====", NULL, "invalid_token"},
        {"bearer x", "Bearer y", "invalid_request"},
        {"Basic dTpw", "Bearer y", "invalid_request"},
        {"Basic dTpw", NULL, NULL},
        {"BearerX y", NULL, NULL},
        {"bEaReR   x.y.z  ", NULL, "invalid_token"},
    };
    struct gw_operation operation;

    (void)state;
    create();
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        begin(for_plant, 1, &operation);
        assert_int_equal(
            gw_request_add_field(&ex, GW_STR("Authorization"), gw_str_of(cases[i].first)), 0);
        if (cases[i].second != NULL)
            assert_int_equal(
                gw_request_add_field(&ex, GW_STR("authorization"), gw_str_of(cases[i].second)), 0);
        assert_int_equal(gw_jwt.on_request(policy, &ex),
                         cases[i].needle == NULL ? GW_NEXT : GW_STOP);
        if (cases[i].needle != NULL)
            assert_challenge(401, cases[i].needle);
        gw_arena_finish(&ex.arena);
    }
}

static void test_refused_claims(void **state)
{
    static const struct {
        const char *claims, *why;
    } cases[] = {
        {CLAIMS(",\"scope\":\"stock.read\""), "claim is missing"},
        {CLAIMS(",\"exp\":1799999940"), "expired"},
        {CLAIMS(",\"exp\":-1"), "not well-formed"},
        {CLAIMS(",\"exp\":\"1800000100\""), "not well-formed"},
        {CLAIMS(",\"exp\":1800000100000"), "not well-formed"},
        {CLAIMS(",\"exp\":1e300"), "not well-formed"},
        {CLAIMS(",\"exp\":99999999999999999999999999"), "not well-formed"},
        {CLAIMS(",\"exp\":null"), "not well-formed"},
        {CLAIMS(GOOD ",\"nbf\":1800000061"), "not valid yet"},
        {CLAIMS(GOOD ",\"nbf\":1800000060.5"), "not valid yet"},
        {CLAIMS(GOOD ",\"iat\":1800000061"), "not valid yet"},
        {CLAIMS(GOOD ",\"exp\":1800000200"), "stands twice"},
        {CLAIMS(GOOD ",\"\\u0065xp\":1800000200"), "stands twice"},
        {CLAIMS(GOOD ",\"x\":{\"a\":1,\"a\":2}"), "stands twice"},
        {CLAIMS(GOOD ",\"scp\":[1]") " ", ""}, /* scope is there, so scp is not read */
        {"{\"sub\":\"s\",\"aud\":\"millgate\",\"exp\":1800000100}", "issuer"},
        {"{\"iss\":\"https://plant.example/"
         "\",\"sub\":\"s\",\"aud\":\"millgate\",\"exp\":1800000100}",
         "issuer"},
        {"{\"iss\":[\"https://plant.example\"],\"sub\":\"s\",\"exp\":1800000100}",
         "not well-formed"},
        {"{\"iss\":\"https://plant.example\",\"aud\":\"millgate\",\"exp\":1800000100}",
         "claim is missing"},
        {"{\"iss\":\"https://plant.example\",\"sub\":\"\",\"aud\":\"millgate\",\"exp\":1800000100}",
         "not well-formed"},
        {"{\"iss\":\"https://plant.example\",\"sub\":\"a\\u000db\",\"exp\":1800000100}",
         "not well-formed"},
        {"{\"iss\":\"https://plant.example\",\"sub\":\"s\",\"exp\":1800000100}", "audience"},
        {"{\"iss\":\"https://"
         "plant.example\",\"sub\":\"s\",\"aud\":\"Millgate\",\"exp\":1800000100}",
         "audience"},
        {"{\"iss\":\"https://plant.example\",\"sub\":\"s\",\"aud\":[],\"exp\":1800000100}",
         "audience"},
        {"{\"iss\":\"https://"
         "plant.example\",\"sub\":\"s\",\"aud\":{\"millgate\":1},\"exp\":1800000100}",
         "not well-formed"},
        {"[]", "not well-formed"},
        {"not json", "not well-formed"},
        {"", "not well-formed"},
    };

    (void)state;
    create();
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        char *token = forge_token(&plant, NULL, cases[i].claims);
        if (*cases[i].why != '\0') {
            assert_refused(token, cases[i].why);
        } else {
            assert_int_equal(ask(for_plant, 1, token), GW_NEXT);
            gw_arena_finish(&ex.arena);
        }
        free(token);
    }
}

static void test_accepted_claims(void **state)
{
    static const char *const cases[] = {
        CLAIMS(",\"exp\":1799999941,\"scope\":\"stock.read\""), /* within the leeway */
        CLAIMS(",\"exp\":1800000000.75,\"scp\":[\"x\",\"stock.read\"]"),
        CLAIMS(",\"exp\":253402300799,\"nbf\":1800000060,\"iat\":0,\"scp\":\"stock.read\""),
        "{\"iss\":\"https:\\/\\/"
        "plant.example\",\"sub\":\"\\u00e4\",\"aud\":[\"\",\"x\",\"millgate\"],"
        "\"exp\":1800000001,\"scope\":[\"a b\",\"stock.read\"]}",
    };

    (void)state;
    create();
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        char *token = forge_token(&plant, NULL, cases[i]);
        for (int turn = 0; turn < 2; turn++) {
            if (ask(for_plant, 1, token) != GW_NEXT)
                fail_msg("%s: %.*s", cases[i], GW_STR_ARG(ex.record.detail));
            gw_arena_finish(&ex.arena);
        }
        free(token);
    }
}

static void test_time_is_asked_every_time(void **state)
{
    static struct gw_operation operation;
    char *token = forge_token(&plant, NULL, CLAIMS(GOOD));

    (void)state;
    create();
    assert_int_equal(ask(for_plant, 1, token), GW_NEXT);
    gw_arena_finish(&ex.arena);
    begin(for_plant, 1, &operation);
    ex.wall_ns += UINT64_C(160) * 1000000000;
    struct gw_str value = gw_arena_printf(&ex.arena, "Bearer %s", token);
    assert_int_equal(gw_request_add_field(&ex, GW_STR("authorization"), value), 0);
    assert_int_equal(gw_jwt.on_request(policy, &ex), GW_STOP);
    assert_challenge(401, "expired");
    gw_arena_finish(&ex.arena);
    free(token);
}

static void test_scopes_are_told_apart(void **state)
{
    char *token = forge_token(&plant, NULL,
                              CLAIMS(",\"exp\":1800000100,\"scope\":\"stock.rea  \\\"x "
                                     "stock.read2 STOCK.READ \""));

    (void)state;
    create();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(for_either, 2, token), GW_NEXT);
        assert_str(ex.credentials[0].scopes, "stock.rea stock.read2 STOCK.READ");
        gw_arena_finish(&ex.arena);
    }
    free(token);
}

static void test_issuers(void **state)
{
    char *own = forge_token(&supplier, NULL,
                            "{\"iss\":\"https://supplier.example\",\"sub\":\"s\","
                            "\"aud\":\"millgate\",\"exp\":1800000100}");
    char *forged = forge_token(&supplier, NULL, CLAIMS(GOOD)); /* names the other issuer */

    (void)state;
    create();
    assert_int_equal(ask(for_either, 2, own), GW_NEXT);
    assert_str(ex.credentials[0].consumer, "supplier:s");
    gw_arena_finish(&ex.arena);
    assert_refused(own, "issuer is not accepted"); /* good elsewhere, and by now in the cache */
    assert_refused(forged, "no key");
    assert_int_equal(ask(for_both, 1, own), GW_NEXT); /* one token proves one issuer */
    assert_int_equal(ex.credential_count, 1);
    gw_arena_finish(&ex.arena);
    free(own);
    free(forged);
}

static void test_algorithm_must_be_allowed(void **state)
{
    json_t *issuer = json_object_get(json_object_get(config, "issuers"), "plant");
    char *token = forge_token(&plant, NULL, CLAIMS(GOOD));

    (void)state;
    json_object_set_new(issuer, "algorithms", json_pack("[s]", "ES256"));
    create();
    assert_refused(token, "algorithm is not allowed");
    free(token);
}

static void test_types(void **state)
{
    json_t *issuer = json_object_get(json_object_get(config, "issuers"), "plant");
    char *plain = forge_token(&plant, NULL, CLAIMS(GOOD));
    char *id_token = forge_token(&plant, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", CLAIMS(GOOD));
    char *access =
        forge_token(&plant, "{\"alg\":\"RS256\",\"typ\":\"Application/AT+jwt\"}", CLAIMS(GOOD));

    (void)state;
    json_object_set_new(issuer, "typ", json_string("at+jwt"));
    create();
    assert_refused(plain, "another type");
    assert_refused(id_token, "another type");
    assert_int_equal(ask(for_plant, 1, access), GW_NEXT);
    gw_arena_finish(&ex.arena);
    free(plain);
    free(id_token);
    free(access);
}

static void test_required_claims(void **state)
{
    json_t *issuer = json_object_get(json_object_get(config, "issuers"), "plant");
    char *without = forge_token(&plant, NULL, CLAIMS(GOOD));
    char *null = forge_token(&plant, NULL, CLAIMS(GOOD ",\"plant\":null"));
    char *with = forge_token(&plant, NULL, CLAIMS(GOOD ",\"plant\":\"P1\""));

    (void)state;
    json_object_set_new(issuer, "required_claims", json_pack("[s]", "plant"));
    create();
    assert_refused(without, "claim is missing");
    assert_refused(null, "claim is missing");
    assert_int_equal(ask(for_plant, 1, with), GW_NEXT);
    gw_arena_finish(&ex.arena);
    free(without);
    free(null);
    free(with);
}

/* Two names for one iss, for different audiences: the second is tried when the first refuses. */
static void test_one_issuer_twice(void **state)
{
    json_t *issuers = json_object_get(config, "issuers");
    json_t *second = issuer_config("https://plant.example", plant.jwks);
    char *token = forge_token(&plant, NULL,
                              "{\"iss\":\"https://plant.example\",\"sub\":\"s\","
                              "\"aud\":\"other\",\"exp\":1800000100,\"scope\":\"stock.read "
                              "stock.write\"}");

    (void)state;
    json_object_set_new(second, "audiences", json_pack("[s]", "other"));
    json_object_set_new(issuers, "supplier", second);
    create();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(for_either, 2, token), GW_NEXT);
        assert_str(ex.credentials[0].consumer, "supplier:s");
        gw_arena_finish(&ex.arena);
    }
    free(token);
}

static void test_too_long(void **state)
{
    size_t len = 10 << 20;
    char *huge = malloc(len + 1);

    (void)state;
    create();
    memset(huge, 'A', len);
    huge[len] = '\0';
    static struct gw_operation operation;
    begin(for_plant, 1, &operation);
    char *value = malloc(len + 8);
    snprintf(value, len + 8, "Bearer %s", huge);
    assert_int_equal(gw_request_add_field(&ex, GW_STR("Authorization"), gw_str_of(value)), 0);
    assert_int_equal(gw_jwt.on_request(policy, &ex), GW_STOP);
    assert_challenge(401, "too long");
    assert_true(ex.arena.used_bytes < 65536);
    gw_arena_finish(&ex.arena);
    free(huge);
    free(value);
}

/* At any size of the arena the answer is a refusal or the right one, never a pass without identity.
 */
static void test_little_memory(void **state)
{
    char *token = forge_token(&plant, NULL, CLAIMS(GOOD));

    (void)state;
    create();
    for (size_t bytes = 6000; bytes < 40000; bytes += 500) {
        static struct gw_operation operation;
        begin(for_plant, 1, &operation);
        gw_arena_init(&ex.arena, 1024, bytes);
        struct gw_field field = {GW_STR("Authorization"), gw_str_of("")};
        char value[2048];
        snprintf(value, sizeof(value), "Bearer %s", token);
        field.value = gw_str_of(value);
        ex.request.fields = &field;
        ex.request.field_count = 1;
        enum gw_verdict verdict = gw_jwt.on_request(policy, &ex);
        if (verdict == GW_NEXT)
            assert_str(ex.credentials[0].consumer, "plant:line-7");
        else
            assert_int_equal(ex.response.status, 503);
        gw_arena_finish(&ex.arena);
        gw_jwt.destroy(policy); /* and its cache */
        create();
    }
    free(token);
}

static void assert_config_refused(const char *where)
{
    struct gw_error why;

    assert_int_not_equal(gw_jwt.create(config, &policy, &why), 0);
    assert_string_equal(why.where, where);
}

static void test_bad_configuration(void **state)
{
    json_t *issuer = json_object_get(json_object_get(config, "issuers"), "plant");

    (void)state;
    json_object_set_new(issuer, "algorithms", json_pack("[ss]", "RS256", "none"));
    assert_config_refused("/issuers/plant/algorithms/1");
    json_object_set_new(issuer, "algorithms", json_pack("[ss]", "RS256", "HS256"));
    assert_config_refused("/issuers/plant/algorithms");
    json_object_set_new(issuer, "algorithms", json_pack("[s]", "RS256"));
    json_object_set_new(issuer, "jwks_file", json_string("{\"keys\":[]}"));
    assert_config_refused("/issuers/plant/jwks_file");
}

int main(void)
{
#define POLICY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        POLICY_TEST(test_good_token),
        POLICY_TEST(test_no_token),
        POLICY_TEST(test_credentials_on_the_wire),
        POLICY_TEST(test_refused_claims),
        POLICY_TEST(test_accepted_claims),
        POLICY_TEST(test_time_is_asked_every_time),
        POLICY_TEST(test_scopes_are_told_apart),
        POLICY_TEST(test_issuers),
        POLICY_TEST(test_algorithm_must_be_allowed),
        POLICY_TEST(test_types),
        POLICY_TEST(test_required_claims),
        POLICY_TEST(test_one_issuer_twice),
        POLICY_TEST(test_too_long),
        POLICY_TEST(test_little_memory),
        POLICY_TEST(test_bad_configuration),
    };

    forge_init(&plant, GW_RS256);
    forge_init(&supplier, GW_ES256);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    forge_finish(&plant);
    forge_finish(&supplier);
    return rc;
}
