/* Addresses that keys may come from, and metadata that may name them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/jwt/discovery.h"

static void assert_str(struct gw_str text, const char *expected)
{
    if (!gw_str_equal(text, gw_str_of(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", GW_STR_ARG(text), expected);
}

static void test_good_places(void **state)
{
    static const struct {
        const char *url, *host, *authority, *target;
        int port;
        bool is_tls;
    } cases[] = {
        {"https://login.example/keys", "login.example", "login.example", "/keys", 443, true},
        {"https://login.example:8443/a/b?p=x&q=/?", "login.example", "login.example:8443",
         "/a/b?p=x&q=/?", 8443, true},
        {"https://[2001:db8::1]:444/k", "2001:db8::1", "[2001:db8::1]:444", "/k", 444, true},
        {"http://127.0.0.1:4000/k", "127.0.0.1", "127.0.0.1:4000", "/k", 4000, false},
        {"http://127.9.9.9/k", "127.9.9.9", "127.9.9.9", "/k", 80, false},
        {"http://[::1]/k", "::1", "[::1]", "/k", 80, false},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct discovery_place place;
        struct gw_error why;
        if (discovery_place_parse(gw_str_of(cases[i].url), false, &place, &why) != 0)
            fail_msg("%s %s", cases[i].url, why.text);
        assert_str(place.host, cases[i].host);
        assert_str(place.authority, cases[i].authority);
        assert_str(place.target, cases[i].target);
        assert_int_equal(place.port, cases[i].port);
        assert_int_equal(place.is_tls, cases[i].is_tls);
    }
}

static void test_bad_places(void **state)
{
    static const char *const cases[] = {
        "http://login.example/keys",
        "http://localhost/keys", /* a name: who knows where it leads */
        "http://10.0.0.1/keys",
        "http://127.0.0.1.example/keys",
        "HTTPS://login.example/keys",
        "ftp://login.example/keys",
        "file:///etc/passwd",
        "login.example/keys",
        "https://login.example",
        "https://login.example?x",
        "https://login.example/keys#x",
        "https://user:pass@login.example/keys",
        "https://login.example:0/keys",
        "https://login.example:65536/keys",
        "https://login.example:/keys",
        "https://login.example:4 4/keys",
        "https://[::1/keys",
        "https://[::1]x/keys",
        "https://[127.0.0.1]/keys",
        "https://[]/keys",
        "https://::1/keys",
        "https:///keys",
        "https://login.example/ke ys",
        "https://login.example/ke\r\nys",
        "https://login.example/keys?a=\"",
        "",
    };
    struct discovery_place place;
    struct gw_error why;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (discovery_place_parse(gw_str_of(cases[i]), false, &place, &why) != -EINVAL)
            fail_msg("%s was taken", cases[i]);
    }
    assert_int_equal(discovery_place_parse(GW_STR("https://a/b\0c"), false, &place, &why), -EINVAL);
    assert_int_equal(discovery_place_parse(GW_STR("http://login.example/keys"), true, &place, &why),
                     0);
    assert_int_equal(discovery_place_parse(GW_STR("ftp://login.example/keys"), true, &place, &why),
                     -EINVAL);
}

static void test_metadata_addresses(void **state)
{
    static const struct {
        const char *issuer, *openid, *oauth;
    } cases[] = {
        {"https://login.example", "https://login.example/.well-known/openid-configuration",
         "https://login.example/.well-known/oauth-authorization-server"},
        {"https://login.example/", "https://login.example/.well-known/openid-configuration",
         "https://login.example/.well-known/oauth-authorization-server"},
        {"https://login.example:9/realms/plant",
         "https://login.example:9/realms/plant/.well-known/openid-configuration",
         "https://login.example:9/.well-known/oauth-authorization-server/realms/plant"},
    };
    static const char *const bad[] = {"plant", "", "https://", "https://a?x", "https://a/#", "//a"};
    struct gw_arena arena;
    struct gw_str url;

    (void)state;
    gw_arena_init(&arena, 4096, 65536);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_str issuer = gw_str_of(cases[i].issuer);
        assert_int_equal(discovery_url(&arena, issuer, DISCOVERY_OPENID, &url), 0);
        assert_str(url, cases[i].openid);
        assert_int_equal(discovery_url(&arena, issuer, DISCOVERY_OAUTH, &url), 0);
        assert_str(url, cases[i].oauth);
    }
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++)
        assert_int_equal(discovery_url(&arena, gw_str_of(bad[i]), DISCOVERY_OPENID, &url), -EINVAL);
    gw_arena_finish(&arena);
}

#define ISSUER "https://login.example/plant"
#define KEYS ",\"jwks_uri\":\"https://login.example/k\""

static void test_metadata(void **state)
{
    static const struct {
        const char *text, *why; /* NULL: taken */
    } cases[] = {
        {"{\"issuer\":\"" ISSUER "\"" KEYS ",\"x\":[{}]}", NULL},
        {"{\"issuer\":\"https:\\/\\/login.example\\/plant\"" KEYS "}", NULL},
        {"{\"issuer\":\"" ISSUER "/\"" KEYS "}", "another issuer"},
        {"{\"issuer\":\"https://LOGIN.example/plant\"" KEYS "}", "another issuer"},
        {"{\"issuer\":\"" ISSUER "\\u0000\"" KEYS "}", "another issuer"},
        {"{\"issuer\":[\"" ISSUER "\"]" KEYS "}", "another issuer"},
        {"{\"x\":1" KEYS "}", "another issuer"},
        {"{\"issuer\":\"" ISSUER "\",\"issuer\":\"https://evil.example\"" KEYS "}", "twice"},
        {"{\"issuer\":\"https://evil.example\",\"issuer\":\"" ISSUER "\"" KEYS "}", "twice"},
        {"{\"issuer\":\"" ISSUER "\"}", "no jwks_uri"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":null}", "no jwks_uri"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://127.0.0.1:9901/k\"}", "not https"},
        {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"k\"}", "not https"},
        {"[]", "not a JSON object"},
        {"<html>", "not a JSON object"},
        {"", "not a JSON object"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_arena arena;
        struct gw_error why = {0};
        struct gw_str uri;
        gw_arena_init(&arena, 4096, 1 << 20);
        int rc = discovery_read(&arena, gw_str_of(cases[i].text), GW_STR(ISSUER), &uri, &why);
        if ((rc == 0) != (cases[i].why == NULL) ||
            (rc != 0 && strstr(why.text, cases[i].why) == NULL))
            fail_msg("%s: %s", cases[i].text, why.text);
        if (rc == 0)
            assert_str(uri, "https://login.example/k");
        gw_arena_finish(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_places),
        cmocka_unit_test(test_bad_places),
        cmocka_unit_test(test_metadata_addresses),
        cmocka_unit_test(test_metadata),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
