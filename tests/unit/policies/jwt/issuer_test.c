/* Where an issuer's keys may come from, as configurations say. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/jwt/issuer.h"
#include "server/json/option.h"
#include "tests/unit/support/forge.h"

static int init(const char *yaml, struct gw_error *why)
{
    json_t *config = NULL;
    struct jwt_issuer issuer = {0};
    int rc = gw_option_parse(yaml, jwt_issuer_options, &config, why);

    if (rc != 0)
        return rc;
    rc = jwt_issuer_init(&issuer, GW_STR("plant"), config, why);
    if (rc == 0) {
        assert_null(jwt_issuer_keys(&issuer));
        assert_int_equal(issuer.remote.refresh_ns, UINT64_C(300000000000));
        assert_int_equal(issuer.remote.max_age_ns, UINT64_C(86400000000000));
    }
    jwt_issuer_finish(&issuer);
    json_decref(config);
    return rc;
}

#define HEAD "audiences: [m]\nissuer: "
#define HTTPS HEAD "https://login.example\n"

static void test_sources(void **state)
{
    static const struct {
        const char *yaml, *why; /* NULL: taken */
    } cases[] = {
        {HTTPS "discovery: true\n", NULL},
        {HTTPS "jwks_uri: https://keys.example/k\n", NULL},
        {HEAD "plant\njwks_uri: https://keys.example/k\n", NULL},
        {HEAD "http://127.0.0.1:4000\ndiscovery: true\n", NULL},
        {HEAD "http://login.example\ndiscovery: true\nallow_http: true\n", NULL},
        {HTTPS, "exactly one of"},
        {HTTPS "discovery: false\n", "exactly one of"},
        {HTTPS "discovery: true\njwks_uri: https://keys.example/k\n", "exactly one of"},
        {HTTPS "jwks_uri: http://keys.example/k\n", "jwks_uri must begin with https"},
        {HTTPS "jwks_uri: https://keys.example\n", "jwks_uri has no path"},
        {HEAD "http://login.example\ndiscovery: true\n", "issuer must begin with https"},
        {HEAD "plant\ndiscovery: true\n", "issuer must be a URL"},
        {HEAD "https://login.example?x=1\ndiscovery: true\n", "issuer must be a URL"},
        {HTTPS "discovery: true\nalgorithms: [HS256]\n", "HS algorithms need a jwks_file"},
        {HTTPS "discovery: true\nrefresh_interval: 1h\nkeys_max_age: 10m\n", "keys_max_age"},
        {HTTPS "discovery: true\nrefresh_interval: 9s\n", "refresh_interval"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_error why = {0};
        int rc = init(cases[i].yaml, &why);
        if ((rc == 0) != (cases[i].why == NULL) ||
            (rc != 0 && strstr(why.text, cases[i].why) == NULL))
            fail_msg("%s: %s", cases[i].yaml, why.text);
    }
}

static void test_a_file_beside_the_network(void **state)
{
    struct forge forge;
    struct gw_error why;
    struct jwt_issuer issuer;

    (void)state;
    forge_init(&forge, GW_ES256);
    json_t *config = json_pack("{s:s,s:[s],s:s}", "issuer", "https://login.example", "algorithms",
                               "ES256", "jwks_file", forge.jwks);
    assert_int_equal(jwt_issuer_init(&issuer, GW_STR("plant"), config, &why), 0);
    assert_non_null(jwt_issuer_keys(&issuer));
    jwt_issuer_finish(&issuer);
    json_object_set_new(config, "discovery", json_true());
    assert_int_not_equal(jwt_issuer_init(&issuer, GW_STR("plant"), config, &why), 0);
    assert_non_null(strstr(why.text, "exactly one of"));
    jwt_issuer_finish(&issuer);
    json_decref(config);
    forge_finish(&forge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_a_file_beside_the_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
