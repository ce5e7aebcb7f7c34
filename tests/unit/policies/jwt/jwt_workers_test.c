/* Workers share nothing: each has a policy of its own, and they verify at the same time. For the
 * thread sanitizer above all. */
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/jwt/jwt.h"
#include "server/contract/operation.h"
#include "tests/unit/support/forge.h"

#define WORKERS 4
#define TURNS 50

struct worker {
    pthread_t thread;
    void *policy;
    char **tokens; /* one of each forge; ends with NULL */
    int passed;
};

static void *work(void *self)
{
    static const struct gw_security_scheme schemes[] = {
        {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), NULL, 0}};
    static const struct gw_security_alternative security[] = {{schemes, 1}};
    static const struct gw_operation operation = {.security = security, .security_count = 1};
    struct worker *worker = self;

    for (int turn = 0; turn < TURNS; turn++) {
        for (char **token = worker->tokens; *token != NULL; token++) {
            struct gw_exchange ex = {.operation = &operation,
                                     .wall_ns = UINT64_C(1800000000) * 1000000000};
            gw_arena_init(&ex.arena, 4096, 1 << 20);
            struct gw_str value = gw_arena_printf(&ex.arena, "Bearer %s", *token);
            if (gw_request_add_field(&ex, GW_STR("Authorization"), value) == 0 &&
                gw_jwt.on_request(worker->policy, &ex) == GW_NEXT)
                worker->passed++;
            gw_arena_finish(&ex.arena);
        }
    }
    return NULL;
}

/* Too small a cache for the three tokens, so that they are verified again and again. */
static json_t *make_config(const char *jwks)
{
    return json_pack("{s:{s:{s:s,s:s,s:[s],s:[sss],s:s,s:I,s:b,s:[],s:i,s:i}},s:s,s:i,s:i}",
                     "issuers", "plant", "issuer", "https://plant.example", "jwks_file", jwks,
                     "audiences", "millgate", "algorithms", "PS256", "ES256", "EdDSA", "typ", "any",
                     "leeway", (json_int_t)0, "needs_expiry", 1, "required_claims",
                     "max_token_bytes", 8192, "min_rsa_bits", 2048, "realm", "millgate",
                     "cache_bytes", 65536, "cache_entries", 2);
}

static void test_workers(void **state)
{
    static const enum gw_signature_alg algs[] = {GW_PS256, GW_ES256, GW_EDDSA};
    enum { ALGS = GW_COUNT_OF(algs) };
    struct forge forges[ALGS];
    struct worker workers[WORKERS] = {{0}};
    char *tokens[ALGS + 1] = {NULL}, jwks[8192] = "{\"keys\":[";
    size_t len = strlen(jwks);

    (void)state;
    for (size_t i = 0; i < ALGS; i++) {
        forge_init(&forges[i], algs[i]);
        tokens[i] = forge_token(&forges[i], NULL,
                                "{\"iss\":\"https://plant.example\",\"sub\":\"s\","
                                "\"aud\":\"millgate\",\"exp\":1800000100}");
        /* the one key of the forge's set: without {"keys":[ and ]} */
        len += (size_t)snprintf(jwks + len, sizeof(jwks) - len, "%s%.*s", i > 0 ? "," : "",
                                (int)strlen(forges[i].jwks) - 11, forges[i].jwks + 9);
    }
    snprintf(jwks + len, sizeof(jwks) - len, "]}");
    json_t *config = make_config(jwks);

    for (int i = 0; i < WORKERS; i++) {
        struct gw_error why;
        if (gw_jwt.create(config, &workers[i].policy, &why) != 0)
            fail_msg("%s: %s", why.where, why.text);
        workers[i].tokens = tokens;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].passed, TURNS * ALGS);
        gw_jwt.destroy(workers[i].policy);
    }
    json_decref(config);
    for (size_t i = 0; i < ALGS; i++) {
        free(tokens[i]);
        forge_finish(&forges[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_workers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
