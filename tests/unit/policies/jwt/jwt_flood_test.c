/* The policy under forged tokens: what they buy, and whom they do not hurt. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/jwt/jwt.h"
#include "server/contract/operation.h"
#include "server/filter/chain.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"
#include "tests/unit/support/forge.h"

#define S UINT64_C(1000000000)
#define PER_SECOND 5
#define BURST (2 * PER_SECOND)

static struct forge plant, mallory;
static struct gw_worker worker;
static struct gw_metrics *metrics;
static json_t *config;
static void *policy;
static uint64_t now_ns;

static void create(void)
{
    struct gw_error why;

    if (gw_jwt.create(config, &policy, &why) != 0)
        fail_msg("%s: %s", why.where, why.text);
}

static int setup(void **state)
{
    struct gw_error why;

    (void)state;
    now_ns = 100 * S;
    worker = (struct gw_worker){.count = 1};
    gw_list_init(&worker.tenants);
    metrics = gw_metrics_create(1);
    assert_non_null(metrics);
    worker.metrics = gw_metrics_get_shard(metrics, 0);
    assert_int_equal(gw_loop_create(&worker.loop, &why), 0);
    config = json_pack("{s:{s:{s:s,s:s,s:[s],s:[s],s:s,s:I,s:b,s:[],s:i,s:i}},s:s,s:i,s:i,s:I,s:i}",
                       "issuers", "plant", "issuer", "https://plant.example", "jwks_file",
                       plant.jwks, "audiences", "millgate", "algorithms", "ES256", "typ", "any",
                       "leeway", (json_int_t)0, "needs_expiry", 1, "required_claims",
                       "max_token_bytes", 8192, "min_rsa_bits", 2048, "realm", "millgate",
                       "cache_bytes", 1 << 20, "cache_entries", 1000, "bad_token_memory",
                       (json_int_t)(10 * S), "bad_signatures_per_second", PER_SECOND);
    create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_jwt.destroy(policy);
    gw_worker_send_off(&worker);
    gw_loop_destroy(worker.loop);
    gw_metrics_destroy(metrics);
    json_decref(config);
    return 0;
}

static bool has_passed, was_held_back;

static void on_passed(struct gw_exchange *ex)
{
    (void)ex;
    has_passed = true;
}

static void on_wake(struct gw_exchange *ex)
{
    (void)ex;
}

static const struct gw_exchange_io io = {.wake = on_wake};

/* The status, 0 for "may pass"; *out_retry is Retry-After. The client leaves when the answer is
 * held back. */
static int ask(const char *peer, const char *token, int *out_retry)
{
    const struct gw_security_scheme schemes[] = {{.name = GW_STR("plant")},
                                                 {.name = GW_STR("plant2")}};
    const struct gw_security_alternative security[] = {{&schemes[0], 1}, {&schemes[1], 1}};
    const struct gw_operation operation = {.security = security, .security_count = 2};
    struct gw_exchange ex = {.operation = &operation,
                             .worker = &worker,
                             .now_ns = now_ns,
                             .wall_ns = UINT64_C(1800000000) * S};

    ex.request.peer = gw_str_of(peer);
    gw_arena_init(&ex.arena, 4096, 1 << 20);
    struct gw_str value = gw_arena_printf(&ex.arena, "Bearer %s", token);
    assert_int_equal(gw_request_add_field(&ex, GW_STR("Authorization"), value), 0);
    const struct gw_chain chain = {
        .links = {{.type = &gw_jwt, .self = policy}}, .count = 1, .end = on_passed};
    ex.io = &io;
    has_passed = was_held_back = false;
    gw_chain_run(&chain, &ex);
    if (!has_passed && ex.state == GW_EXCHANGE_DECIDING) {
        was_held_back = true;
        ex.cancel(ex.cancel_self, &ex);
    }
    const struct gw_str *retry = gw_response_field(&ex, GW_STR("Retry-After"));
    if (out_retry != NULL)
        *out_retry = retry == NULL ? 0 : (int)strtol(retry->ptr, NULL, 10);
    int status = has_passed ? 0 : ex.response.status;
    gw_arena_finish(&ex.arena);
    return status;
}

static unsigned long metric(const char *name)
{
    struct gw_buf text;
    unsigned long value = 0;

    gw_buf_init(&text, 1 << 20);
    gw_metrics_print(metrics, &text);
    gw_buf_append_byte(&text, '\0');
    for (const char *at = text.ptr; (at = strstr(at, name)) != NULL; at += strlen(name)) {
        if (at[strlen(name)] == ' ' && (at == text.ptr || at[-1] == '\n'))
            value = strtoul(at + strlen(name), NULL, 10);
    }
    gw_buf_finish(&text);
    return value;
}

#define BAD "millgate_jwt_bad_signatures_total"
#define DENIED "millgate_jwt_denied_hits_total"
#define FLOOD "millgate_jwt_refused_total{reason=\"flood\"}"

/* Claims that would be good. */
static char *make_with(struct forge *signer, const char *header, int number)
{
    char payload[256];

    snprintf(payload, sizeof(payload),
             "{\"iss\":\"https://plant.example\",\"sub\":\"s\",\"aud\":\"millgate\","
             "\"exp\":1800000100,\"jti\":\"%d\"}",
             number);
    return forge_token(signer, header, payload);
}

/* The same with the name of the right key. */
static char *make(struct forge *signer, int number)
{
    char header[128];

    snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", plant.kid);
    return make_with(signer, header, number);
}

static int ask_and_free(const char *peer, char *token)
{
    int status = ask(peer, token, NULL);

    free(token);
    return status;
}

static void test_one_forged_token_costs_once(void **state)
{
    char *forged = make(&mallory, 1);

    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(ask("10.0.0.1", forged, NULL), 401);
    assert_int_equal(metric(BAD), 1);
    assert_int_equal(metric(DENIED), 49);
    assert_int_equal(ask("10.0.0.2", forged, NULL), 401);
    assert_int_equal(metric(BAD), 2);
    now_ns += 10 * S;
    assert_int_equal(ask("10.0.0.1", forged, NULL), 401);
    assert_int_equal(metric(BAD), 3);
    free(forged);
}

static void test_many_forged_tokens_are_budgeted(void **state)
{
    char *cached = make(&plant, 0), *cold = make(&plant, 1);
    int retry;

    (void)state;
    assert_int_equal(ask("10.0.0.1", cached, NULL), 0);
    for (int i = 0; i < BURST; i++)
        assert_int_equal(ask_and_free("10.0.0.1", make(&mallory, i)), 401);
    for (int i = 0; i < 50; i++)
        assert_int_equal(ask_and_free("10.0.0.1", make(&mallory, BURST + i)), 429);
    assert_int_equal(metric(BAD), BURST);
    assert_int_equal(metric(FLOOD), 50);

    assert_int_equal(ask("10.0.0.1", cached, NULL), 0);
    assert_int_equal(ask("10.0.0.1", cold, &retry), 429);
    assert_int_equal(retry, 1);
    assert_int_equal(ask("10.0.0.2", cold, NULL), 0);
    assert_int_equal(ask("10.0.0.1", cold, NULL), 0); /* it is cached by now */
    assert_int_equal(ask_and_free("10.0.0.2", make(&mallory, 1000)), 401);

    now_ns += S / PER_SECOND;
    assert_int_equal(ask_and_free("10.0.0.1", make(&plant, 2)), 0);
    assert_int_equal(ask_and_free("10.0.0.1", make(&mallory, 1001)), 401);
    assert_int_equal(ask_and_free("10.0.0.1", make(&plant, 3)), 429);
    free(cached);
    free(cold);
}

#define HELD "millgate_jwt_refusals_held_back_total"

/* Whatever they are refused for: beyond the rate, answers come late. */
static void test_refusals_beyond_the_rate_are_held_back(void **state)
{
    char *good = make(&plant, 0);

    (void)state;
    for (int i = 0; i < BURST; i++) {
        assert_int_equal(ask("10.0.0.1", "x", NULL), 401);
        assert_false(was_held_back);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(ask("10.0.0.1", "x", NULL), 401);
        assert_true(was_held_back);
    }
    assert_int_equal(metric(HELD), 50);
    assert_int_equal(ask("10.0.0.1", good, NULL), 0); /* a good one is not */
    assert_int_equal(ask("10.0.0.2", "x", NULL), 401);
    assert_false(was_held_back);

    now_ns += S / PER_SECOND; /* what was held back is no debt */
    assert_int_equal(ask("10.0.0.1", "x", NULL), 401);
    assert_false(was_held_back);
    free(good);
}

/* Many clients behind one address, all of them good. */
static void test_good_tokens_cost_no_budget(void **state)
{
    (void)state;
    for (int i = 0; i < 20 * BURST; i++)
        assert_int_equal(ask_and_free("10.0.0.1", make(&plant, i)), 0);
}

/* An issuer that changes its keys may stand in the configuration twice: what one refuses and the
 * other accepts is a good token. */
static void test_two_issuers_of_one_name(void **state)
{
    json_t *issuers = json_object_get(config, "issuers");
    json_t *second = json_deep_copy(json_object_get(issuers, "plant"));

    (void)state;
    gw_jwt.destroy(policy);
    json_object_set_new(second, "jwks_file", json_string(mallory.jwks));
    json_object_set_new(issuers, "plant2", second);
    create();
    for (int i = 0; i < 5 * BURST; i++)
        assert_int_equal(ask_and_free("10.0.0.1", make_with(&mallory, "{\"alg\":\"ES256\"}", i)),
                         0);
    assert_int_equal(metric(BAD), 0);
}

/* What is refused without a verification is nobody's failure. */
static void test_other_refusals_cost_no_budget(void **state)
{
    (void)state;
    for (int i = 0; i < 10 * BURST; i++) {
        char payload[128];
        snprintf(payload, sizeof(payload),
                 "{\"iss\":\"https://plant.example\",\"sub\":\"s\",\"aud\":\"millgate\","
                 "\"exp\":1700000000,\"jti\":\"%d\"}",
                 i);
        assert_int_equal(ask_and_free("10.0.0.1", forge_token(&mallory, NULL, payload)), 401);
    }
    assert_int_equal(metric(BAD), 0);
    assert_int_equal(ask_and_free("10.0.0.1", make(&plant, 1)), 0);
}

#define POLICY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POLICY_TEST(test_one_forged_token_costs_once),
        POLICY_TEST(test_many_forged_tokens_are_budgeted),
        POLICY_TEST(test_refusals_beyond_the_rate_are_held_back),
        POLICY_TEST(test_good_tokens_cost_no_budget),
        POLICY_TEST(test_two_issuers_of_one_name),
        POLICY_TEST(test_other_refusals_cost_no_budget),
    };

    forge_init(&plant, GW_ES256);
    forge_init(&mallory, GW_ES256);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    forge_finish(&plant);
    forge_finish(&mallory);
    return rc;
}
