/* The policy on an exchange in memory: what is refused, and in which words. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/authorise/authorise.h"
#include "server/contract/operation.h"

static void *policy;
static json_t *config;
static struct gw_exchange ex;
static struct gw_operation operation;

static int setup(void **state)
{
    struct gw_error error;

    (void)state;
    config = json_pack("{s:s}", "realm", "works");
    assert_int_equal(gw_authorise.create(config, &policy, &error), 0);
    operation = (struct gw_operation){0};
    memset(&ex, 0, sizeof(ex));
    gw_arena_init(&ex.arena, 4096, 1 << 20);
    ex.operation = &operation;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_arena_finish(&ex.arena);
    gw_authorise.destroy(policy);
    json_decref(config);
    return 0;
}

static const struct gw_str scopes[] = {GW_STR_INIT("read"), GW_STR_INIT("write")};
static const struct gw_security_scheme token[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("corporate"), scopes, 2}};
static const struct gw_security_scheme key_and_certificate[] = {
    {GW_SCHEME_API_KEY, GW_STR_INIT("partner"), scopes, 1},
    {GW_SCHEME_CERTIFICATE, GW_STR_INIT("device"), NULL, 0}};
static const struct gw_security_alternative for_token[] = {{token, 1}};
static const struct gw_security_alternative for_either[] = {{key_and_certificate, 2}, {token, 1}};
static const struct gw_security_alternative for_keys[] = {{key_and_certificate, 1}};

static void require(const struct gw_security_alternative *security, size_t count)
{
    operation.security = security;
    operation.security_count = count;
}

static void present(const char *scheme, const char *held)
{
    struct gw_identity *credential = gw_exchange_add_credential(&ex);

    assert_non_null(credential);
    credential->issuer = gw_str_of(scheme);
    credential->consumer = gw_str_of("somebody");
    credential->scopes = gw_str_of(held);
}

static void assert_body_has(const char *needle)
{
    if (memmem(ex.response.body.ptr, ex.response.body.len, needle, strlen(needle)) == NULL)
        fail_msg("%.*s lacks %s", GW_STR_ARG(ex.response.body), needle);
}

static void assert_challenges(const char *const *expected)
{
    size_t found = 0;

    for (size_t i = 0; i < ex.response.field_count; i++) {
        const struct gw_field *field = &ex.response.fields[i];
        if (!gw_str_equal_nocase(field->name, GW_STR("WWW-Authenticate")))
            continue;
        if (expected[found] == NULL || !gw_str_equal(field->value, gw_str_of(expected[found])))
            fail_msg("unexpected: %.*s", GW_STR_ARG(field->value));
        found++;
    }
    assert_null(expected[found]);
}

static void without_operation_nothing_passes(void **state)
{
    (void)state;
    ex.operation = NULL;
    assert_int_equal(gw_authorise.on_request(policy, &ex), GW_FAIL);
}

static void who_holds_is_the_identity(void **state)
{
    (void)state;
    require(for_either, 2);
    ex.identity.consumer = GW_STR("planted");
    present("corporate", "write read");
    assert_int_equal(gw_authorise.on_request(policy, &ex), GW_NEXT);
    assert_true(gw_str_equal(ex.identity.issuer, GW_STR("corporate")));
    assert_true(gw_str_equal(ex.identity.consumer, GW_STR("somebody")));
}

static void nobody_stays_nobody(void **state)
{
    (void)state;
    ex.identity.consumer = GW_STR("planted");
    present("corporate", "write read"); /* the operation accepts none */
    assert_int_equal(gw_authorise.on_request(policy, &ex), GW_NEXT);
    assert_int_equal(ex.identity.consumer.len, 0);
    assert_int_equal(ex.identity.issuer.len, 0);
}

static void unproved_is_told_what_is_needed(void **state)
{
    static const char *const all[] = {"Bearer realm=\"works\"", "ApiKey realm=\"works\"",
                                      "ClientCertificate realm=\"works\"", NULL};

    (void)state;
    require(for_either, 2);
    present("device", "");
    assert_int_equal(gw_authorise.on_request(policy, &ex), GW_STOP);
    assert_int_equal(ex.response.status, 401);
    assert_int_equal(ex.identity.issuer.len, 0);
    assert_challenges(all);
    assert_body_has("Needed: an API key (partner) and a client certificate (device), or a bearer "
                    "token (corporate).");
}

static void lacking_scopes_are_named(void **state)
{
    static const char *const challenge[] = {
        "Bearer realm=\"works\", error=\"insufficient_scope\", scope=\"read write\"", NULL};

    (void)state;
    require(for_token, 1);
    present("corporate", "read writes");
    assert_int_equal(gw_authorise.on_request(policy, &ex), GW_STOP);
    assert_int_equal(ex.response.status, 403);
    assert_challenges(challenge);
    assert_body_has("\"detail\":\"A bearer token (corporate) lacks: write\"");
    assert_body_has("/problems/insufficient-scope");
}

static void scopes_of_a_key_are_named(void **state)
{
    static const char *const challenge[] = {
        "ApiKey realm=\"works\", error=\"insufficient_scope\", scope=\"read\"", NULL};

    (void)state;
    require(for_keys, 1);
    present("partner", "");
    assert_int_equal(gw_authorise.on_request(policy, &ex), GW_STOP);
    assert_challenges(challenge);
    assert_body_has("\"detail\":\"An API key (partner) lacks: read\"");
}

static void too_little_memory_still_refuses(void **state)
{
    (void)state;
    for (size_t bytes = 64; bytes < 4096; bytes += 64) {
        gw_arena_finish(&ex.arena);
        memset(&ex, 0, sizeof(ex));
        gw_arena_init(&ex.arena, 64, bytes);
        ex.operation = &operation;
        require(for_either, 2);
        assert_int_equal(gw_authorise.on_request(policy, &ex), GW_STOP);
        assert_int_equal(ex.response.status, 401);
        assert_int_equal(ex.identity.issuer.len, 0);
    }
}

int main(void)
{
#define POLICY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        POLICY_TEST(without_operation_nothing_passes),
        POLICY_TEST(who_holds_is_the_identity),
        POLICY_TEST(nobody_stays_nobody),
        POLICY_TEST(unproved_is_told_what_is_needed),
        POLICY_TEST(lacking_scopes_are_named),
        POLICY_TEST(scopes_of_a_key_are_named),
        POLICY_TEST(too_little_memory_still_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
