/* The policy on an exchange in memory: who passes, who is refused, and what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/support/jwt_rig.h"

static struct jwt_rig rig;

static int setup(void **state)
{
    (void)state;
    jwt_rig_open(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    jwt_rig_close(&rig);
    return 0;
}

static const struct gw_str write_scopes[] = {GW_STR_INIT("stock.read"), GW_STR_INIT("stock.write")};
static const struct gw_security_scheme plant_read[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), write_scopes, 1}};
static const struct gw_security_scheme plant_write[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), write_scopes, 2}};
static const struct gw_security_scheme supplier_any[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("supplier"), NULL, 0}};
static const struct gw_security_scheme both[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), NULL, 0},
    {GW_SCHEME_TOKEN, GW_STR_INIT("supplier"), NULL, 0}};

static const struct gw_security_scheme key[] = {{GW_SCHEME_API_KEY, GW_STR_INIT("plant"), NULL, 0}};

static const struct gw_security_alternative for_key[] = {{key, 1}};
static const struct gw_security_alternative for_either[] = {{plant_write, 1}, {supplier_any, 1}};
static const struct gw_security_alternative for_both[] = {{both, 2}};
static const struct gw_security_alternative for_anyone[] = {{plant_read, 1}, {NULL, 0}};

static void assert_str(struct gw_str text, const char *expected)
{
    if (!gw_str_equal(text, gw_str_of(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", GW_STR_ARG(text), expected);
}

static void test_good_token(void **state)
{
    char *token = forge_token(&rig.plant, NULL, JWT_CLAIMS(JWT_GOOD));

    (void)state;
    jwt_rig_create(&rig);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(jwt_rig_ask(&rig, jwt_for_plant, 1, token), GW_NEXT);
        assert_str(rig.ex.credentials[0].consumer, "plant:line-7");
        assert_str(rig.ex.credentials[0].issuer, "plant");
        assert_str(rig.ex.credentials[0].subject, "line-7");
        assert_str(rig.ex.credentials[0].scopes, "stock.read other");
        assert_str(rig.ex.credentials[0].claims, JWT_CLAIMS(JWT_GOOD));
        assert_int_equal(rig.ex.credentials[0].expires_at_s, 1800000100);
        gw_arena_finish(&rig.ex.arena);
    }
    free(token);
}

static void test_no_token(void **state)
{
    (void)state;
    jwt_rig_create(&rig);
    assert_int_equal(jwt_rig_ask(&rig, jwt_for_plant, 1, NULL),
                     GW_NEXT); /* whether it is needed is not said here */
    assert_int_equal(rig.ex.credential_count, 0);
    gw_arena_finish(&rig.ex.arena);
    assert_int_equal(jwt_rig_ask(&rig, for_key, 1, "bad"), GW_NEXT); /* no token is asked for */
    assert_int_equal(rig.ex.credential_count, 0);
    gw_arena_finish(&rig.ex.arena);
    assert_int_equal(jwt_rig_ask(&rig, NULL, 0, NULL), GW_NEXT);
    gw_arena_finish(&rig.ex.arena);
    assert_int_equal(jwt_rig_ask(&rig, for_anyone, 2, NULL), GW_NEXT);
    gw_arena_finish(&rig.ex.arena);
    assert_int_equal(jwt_rig_ask(&rig, for_anyone, 2, "bad"),
                     GW_STOP); /* who shows one is judged by it */
    jwt_rig_is_challenged(&rig, 401, "invalid_token");
    gw_arena_finish(&rig.ex.arena);
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
    jwt_rig_create(&rig);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        jwt_rig_begin(&rig, jwt_for_plant, 1, &operation);
        assert_int_equal(
            gw_request_add_field(&rig.ex, GW_STR("Authorization"), gw_str_of(cases[i].first)), 0);
        if (cases[i].second != NULL)
            assert_int_equal(
                gw_request_add_field(&rig.ex, GW_STR("authorization"), gw_str_of(cases[i].second)),
                0);
        assert_int_equal(gw_jwt.on_request(rig.policy, &rig.ex),
                         cases[i].needle == NULL ? GW_NEXT : GW_STOP);
        if (cases[i].needle != NULL)
            jwt_rig_is_challenged(&rig, 401, cases[i].needle);
        gw_arena_finish(&rig.ex.arena);
    }
}

static void test_time_is_asked_every_time(void **state)
{
    static struct gw_operation operation;
    char *token = forge_token(&rig.plant, NULL, JWT_CLAIMS(JWT_GOOD));

    (void)state;
    jwt_rig_create(&rig);
    assert_int_equal(jwt_rig_ask(&rig, jwt_for_plant, 1, token), GW_NEXT);
    gw_arena_finish(&rig.ex.arena);
    jwt_rig_begin(&rig, jwt_for_plant, 1, &operation);
    rig.ex.wall_ns += UINT64_C(160) * 1000000000;
    struct gw_str value = gw_arena_printf(&rig.ex.arena, "Bearer %s", token);
    assert_int_equal(gw_request_add_field(&rig.ex, GW_STR("authorization"), value), 0);
    assert_int_equal(gw_jwt.on_request(rig.policy, &rig.ex), GW_STOP);
    jwt_rig_is_challenged(&rig, 401, "expired");
    gw_arena_finish(&rig.ex.arena);
    free(token);
}

static void test_scopes_are_told_apart(void **state)
{
    char *token = forge_token(&rig.plant, NULL,
                              JWT_CLAIMS(",\"exp\":1800000100,\"scope\":\"stock.rea  \\\"x "
                                         "stock.read2 STOCK.READ \""));

    (void)state;
    jwt_rig_create(&rig);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(jwt_rig_ask(&rig, for_either, 2, token), GW_NEXT);
        assert_str(rig.ex.credentials[0].scopes, "stock.rea stock.read2 STOCK.READ");
        gw_arena_finish(&rig.ex.arena);
    }
    free(token);
}

static void test_issuers(void **state)
{
    char *own = forge_token(&rig.supplier, NULL,
                            "{\"iss\":\"https://supplier.example\",\"sub\":\"s\","
                            "\"aud\":\"millgate\",\"exp\":1800000100}");
    char *forged =
        forge_token(&rig.supplier, NULL, JWT_CLAIMS(JWT_GOOD)); /* names the other issuer */

    (void)state;
    jwt_rig_create(&rig);
    assert_int_equal(jwt_rig_ask(&rig, for_either, 2, own), GW_NEXT);
    assert_str(rig.ex.credentials[0].consumer, "supplier:s");
    gw_arena_finish(&rig.ex.arena);
    jwt_rig_refuses(&rig, own,
                    "issuer is not accepted"); /* good elsewhere, and by now in the cache */
    jwt_rig_refuses(&rig, forged, "no key");
    assert_int_equal(jwt_rig_ask(&rig, for_both, 1, own),
                     GW_NEXT); /* one token proves one issuer */
    assert_int_equal(rig.ex.credential_count, 1);
    gw_arena_finish(&rig.ex.arena);
    free(own);
    free(forged);
}

static void test_algorithm_must_be_allowed(void **state)
{
    json_t *issuer = json_object_get(json_object_get(rig.config, "issuers"), "plant");
    char *token = forge_token(&rig.plant, NULL, JWT_CLAIMS(JWT_GOOD));

    (void)state;
    json_object_set_new(issuer, "algorithms", json_pack("[s]", "ES256"));
    jwt_rig_create(&rig);
    jwt_rig_refuses(&rig, token, "algorithm is not allowed");
    free(token);
}

/* Two names for one iss, for different audiences: the second is tried when the first refuses. */
static void test_one_issuer_twice(void **state)
{
    json_t *issuers = json_object_get(rig.config, "issuers");
    json_t *second = jwt_rig_issuer("https://plant.example", rig.plant.jwks);
    char *token = forge_token(&rig.plant, NULL,
                              "{\"iss\":\"https://plant.example\",\"sub\":\"s\","
                              "\"aud\":\"other\",\"exp\":1800000100,\"scope\":\"stock.read "
                              "stock.write\"}");

    (void)state;
    json_object_set_new(second, "audiences", json_pack("[s]", "other"));
    json_object_set_new(issuers, "supplier", second);
    jwt_rig_create(&rig);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(jwt_rig_ask(&rig, for_either, 2, token), GW_NEXT);
        assert_str(rig.ex.credentials[0].consumer, "supplier:s");
        gw_arena_finish(&rig.ex.arena);
    }
    free(token);
}

static void test_too_long(void **state)
{
    size_t len = 10 << 20;
    char *huge = malloc(len + 1);

    (void)state;
    jwt_rig_create(&rig);
    memset(huge, 'A', len);
    huge[len] = '\0';
    static struct gw_operation operation;
    jwt_rig_begin(&rig, jwt_for_plant, 1, &operation);
    char *value = malloc(len + 8);
    snprintf(value, len + 8, "Bearer %s", huge);
    assert_int_equal(gw_request_add_field(&rig.ex, GW_STR("Authorization"), gw_str_of(value)), 0);
    assert_int_equal(gw_jwt.on_request(rig.policy, &rig.ex), GW_STOP);
    jwt_rig_is_challenged(&rig, 401, "too long");
    assert_true(rig.ex.arena.used_bytes < 65536);
    gw_arena_finish(&rig.ex.arena);
    free(huge);
    free(value);
}

/* At any size of the arena the answer is a refusal or the right one, never a pass without identity.
 */
static void test_little_memory(void **state)
{
    char *token = forge_token(&rig.plant, NULL, JWT_CLAIMS(JWT_GOOD));

    (void)state;
    jwt_rig_create(&rig);
    for (size_t bytes = 6000; bytes < 40000; bytes += 500) {
        static struct gw_operation operation;
        jwt_rig_begin(&rig, jwt_for_plant, 1, &operation);
        gw_arena_init(&rig.ex.arena, 1024, bytes);
        struct gw_field field = {GW_STR("Authorization"), gw_str_of("")};
        char value[2048];
        snprintf(value, sizeof(value), "Bearer %s", token);
        field.value = gw_str_of(value);
        rig.ex.request.fields = &field;
        rig.ex.request.field_count = 1;
        enum gw_verdict verdict = gw_jwt.on_request(rig.policy, &rig.ex);
        if (verdict == GW_NEXT)
            assert_str(rig.ex.credentials[0].consumer, "plant:line-7");
        else
            assert_int_equal(rig.ex.response.status, 503);
        gw_arena_finish(&rig.ex.arena);
        gw_jwt.destroy(rig.policy); /* and its cache */
        jwt_rig_create(&rig);
    }
    free(token);
}

static void assert_config_refused(const char *where)
{
    struct gw_error why;

    assert_int_not_equal(gw_jwt.create(rig.config, &rig.policy, &why), 0);
    assert_string_equal(why.where, where);
}

static void test_bad_configuration(void **state)
{
    json_t *issuer = json_object_get(json_object_get(rig.config, "issuers"), "plant");

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
        POLICY_TEST(test_time_is_asked_every_time),
        POLICY_TEST(test_scopes_are_told_apart),
        POLICY_TEST(test_issuers),
        POLICY_TEST(test_algorithm_must_be_allowed),
        POLICY_TEST(test_one_issuer_twice),
        POLICY_TEST(test_too_long),
        POLICY_TEST(test_little_memory),
        POLICY_TEST(test_bad_configuration),
    };

    jwt_rig_start(&rig);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    jwt_rig_stop(&rig);
    return rc;
}
