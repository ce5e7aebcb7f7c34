/* What the policy reads in a token that is signed as it should be: its claims and its type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

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

static void test_refused_claims(void **state)
{
    static const struct {
        const char *claims, *why;
    } cases[] = {
        {JWT_CLAIMS(",\"scope\":\"stock.read\""), "claim is missing"},
        {JWT_CLAIMS(",\"exp\":1799999940"), "expired"},
        {JWT_CLAIMS(",\"exp\":-1"), "not well-formed"},
        {JWT_CLAIMS(",\"exp\":\"1800000100\""), "not well-formed"},
        {JWT_CLAIMS(",\"exp\":1800000100000"), "not well-formed"},
        {JWT_CLAIMS(",\"exp\":1e300"), "not well-formed"},
        {JWT_CLAIMS(",\"exp\":99999999999999999999999999"), "not well-formed"},
        {JWT_CLAIMS(",\"exp\":null"), "not well-formed"},
        {JWT_CLAIMS(JWT_GOOD ",\"nbf\":1800000061"), "not valid yet"},
        {JWT_CLAIMS(JWT_GOOD ",\"nbf\":1800000060.5"), "not valid yet"},
        {JWT_CLAIMS(JWT_GOOD ",\"iat\":1800000061"), "not valid yet"},
        {JWT_CLAIMS(JWT_GOOD ",\"exp\":1800000200"), "stands twice"},
        {JWT_CLAIMS(JWT_GOOD ",\"\\u0065xp\":1800000200"), "stands twice"},
        {JWT_CLAIMS(JWT_GOOD ",\"x\":{\"a\":1,\"a\":2}"), "stands twice"},
        {JWT_CLAIMS(JWT_GOOD ",\"scp\":[1]") " ", ""}, /* scope is there, so scp is not read */
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
    jwt_rig_create(&rig);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        char *token = forge_token(&rig.plant, NULL, cases[i].claims);
        if (*cases[i].why != '\0') {
            jwt_rig_refuses(&rig, token, cases[i].why);
        } else {
            assert_int_equal(jwt_rig_ask(&rig, jwt_for_plant, 1, token), GW_NEXT);
            gw_arena_finish(&rig.ex.arena);
        }
        free(token);
    }
}

static void test_accepted_claims(void **state)
{
    static const char *const cases[] = {
        JWT_CLAIMS(",\"exp\":1799999941,\"scope\":\"stock.read\""), /* within the leeway */
        JWT_CLAIMS(",\"exp\":1800000000.75,\"scp\":[\"x\",\"stock.read\"]"),
        JWT_CLAIMS(",\"exp\":253402300799,\"nbf\":1800000060,\"iat\":0,\"scp\":\"stock.read\""),
        "{\"iss\":\"https:\\/\\/"
        "plant.example\",\"sub\":\"\\u00e4\",\"aud\":[\"\",\"x\",\"millgate\"],"
        "\"exp\":1800000001,\"scope\":[\"a b\",\"stock.read\"]}",
    };

    (void)state;
    jwt_rig_create(&rig);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        char *token = forge_token(&rig.plant, NULL, cases[i]);
        for (int turn = 0; turn < 2; turn++) {
            if (jwt_rig_ask(&rig, jwt_for_plant, 1, token) != GW_NEXT)
                fail_msg("%s: %.*s", cases[i], GW_STR_ARG(rig.ex.record.detail));
            gw_arena_finish(&rig.ex.arena);
        }
        free(token);
    }
}

static void test_types(void **state)
{
    json_t *issuer = json_object_get(json_object_get(rig.config, "issuers"), "plant");
    char *plain = forge_token(&rig.plant, NULL, JWT_CLAIMS(JWT_GOOD));
    char *id_token =
        forge_token(&rig.plant, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", JWT_CLAIMS(JWT_GOOD));
    char *access = forge_token(&rig.plant, "{\"alg\":\"RS256\",\"typ\":\"Application/AT+jwt\"}",
                               JWT_CLAIMS(JWT_GOOD));

    (void)state;
    json_object_set_new(issuer, "typ", json_string("at+jwt"));
    jwt_rig_create(&rig);
    jwt_rig_refuses(&rig, plain, "another type");
    jwt_rig_refuses(&rig, id_token, "another type");
    assert_int_equal(jwt_rig_ask(&rig, jwt_for_plant, 1, access), GW_NEXT);
    gw_arena_finish(&rig.ex.arena);
    free(plain);
    free(id_token);
    free(access);
}

static void test_required_claims(void **state)
{
    json_t *issuer = json_object_get(json_object_get(rig.config, "issuers"), "plant");
    char *without = forge_token(&rig.plant, NULL, JWT_CLAIMS(JWT_GOOD));
    char *null = forge_token(&rig.plant, NULL, JWT_CLAIMS(JWT_GOOD ",\"plant\":null"));
    char *with = forge_token(&rig.plant, NULL, JWT_CLAIMS(JWT_GOOD ",\"plant\":\"P1\""));

    (void)state;
    json_object_set_new(issuer, "required_claims", json_pack("[s]", "plant"));
    jwt_rig_create(&rig);
    jwt_rig_refuses(&rig, without, "claim is missing");
    jwt_rig_refuses(&rig, null, "claim is missing");
    assert_int_equal(jwt_rig_ask(&rig, jwt_for_plant, 1, with), GW_NEXT);
    gw_arena_finish(&rig.ex.arena);
    free(without);
    free(null);
    free(with);
}

int main(void)
{
#define POLICY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        POLICY_TEST(test_refused_claims),
        POLICY_TEST(test_accepted_claims),
        POLICY_TEST(test_types),
        POLICY_TEST(test_required_claims),
    };

    jwt_rig_start(&rig);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    jwt_rig_stop(&rig);
    return rc;
}
