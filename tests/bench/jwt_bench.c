/* What a token costs: the bare signature beside a whole cold token, by algorithm, and a token that
 * is in the cache. Compare the first column with `openssl speed rsa2048 ecdsap256 ...`. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policies/jwt/jwt.h"
#include "policies/jwt/token_cache.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/crypto/base64url.h"
#include "server/crypto/jwk.h"
#include "server/crypto/keypair.h"

#define NOW_S 1800000000
#define MIN_NS (GW_NS_PER_SECOND / 2)
#define MANY 1000

static const char payload[] =
    "{\"iss\":\"https://plant.example/realms/factory\",\"sub\":\"f2a1c7d0-line-7-station-%04d\","
    "\"aud\":[\"millgate\",\"account\"],\"exp\":1800003600,\"iat\":1800000000,"
    "\"scope\":\"stock.read orders.read orders.write\",\"azp\":\"plant-client\"}";

/* As `openssl speed` counts: what else runs on the machine takes time, but not from us. */
static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * GW_NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "jwt_bench: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

static void append_encoded(struct gw_buf *out, const char *bytes, size_t len)
{
    size_t text_len = gw_base64url_encoded_len(len);
    char *room = gw_buf_reserve(out, text_len);

    check(room != NULL, "no memory");
    gw_base64url_encode((const uint8_t *)bytes, len, room);
    out->len += text_len;
}

/* "Bearer <token>" in `out`. */
static void make_token(struct gw_keypair *pair, enum gw_signature_alg alg, int number,
                       struct gw_buf *out)
{
    char text[512], kid[GW_KID_LEN + 1];
    struct gw_buf signature;

    gw_buf_init(out, 8192);
    gw_buf_init(&signature, 4096);
    check(gw_keypair_kid(pair, kid) == 0, "kid");
    gw_buf_append_text(out, "Bearer ");
    snprintf(text, sizeof(text), "{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
             gw_signature_alg_name(alg), kid);
    append_encoded(out, text, strlen(text));
    gw_buf_append_byte(out, '.');
    int len = snprintf(text, sizeof(text), payload, number);
    append_encoded(out, text, (size_t)len);
    check(gw_keypair_sign(pair, gw_str_tail(gw_buf_str(out), 7), &signature) == 0, "sign");
    gw_buf_append_byte(out, '.');
    append_encoded(out, signature.ptr, signature.len);
    gw_buf_finish(&signature);
}

static void *create_policy(const char *jwks, enum gw_signature_alg alg)
{
    json_t *config = json_pack(
        "{s:{s:{s:s,s:s,s:[s],s:[s],s:s,s:I,s:b,s:[],s:i,s:i}},s:s,s:i,s:i}", "issuers", "plant",
        "issuer", "https://plant.example/realms/factory", "jwks_file", jwks, "audiences",
        "millgate", "algorithms", gw_signature_alg_name(alg), "typ", "any", "leeway",
        (json_int_t)60000000000, "needs_expiry", 1, "required_claims", "max_token_bytes", 8192,
        "min_rsa_bits", 2048, "realm", "millgate", "cache_bytes", 32 << 20, "cache_entries", 65536);
    struct gw_error why;
    void *policy;

    check(gw_jwt.create(config, &policy, &why) == 0, why.text);
    return policy; /* the configuration stays with it, until the end */
}

static const struct gw_str scopes[] = {GW_STR_INIT("orders.write")};
static const struct gw_security_scheme schemes[] = {
    {GW_SCHEME_TOKEN, GW_STR_INIT("plant"), scopes, 1}};
static const struct gw_security_alternative security[] = {{schemes, 1}};
static const struct gw_operation operation = {.security = security, .security_count = 1};

/* One request through the policy; the arena is recycled, as in a worker. */
static void ask(void *policy, struct gw_exchange *ex, struct gw_str value)
{
    struct gw_field field = {GW_STR("Authorization"), value};

    ex->request.fields = &field;
    ex->request.field_count = 1;
    check(gw_jwt.on_request(policy, ex) == GW_NEXT, "refused");
    gw_arena_reset(&ex->arena);
    ex->credential_count = 0;
}

/* ns per request with `count` tokens in rotation. */
static double measure_requests(void *policy, const struct gw_buf *tokens, size_t count)
{
    static struct gw_exchange ex;
    uint64_t turns = 0, start_ns, now_ns;

    ex.operation = &operation;
    ex.wall_ns = NOW_S * GW_NS_PER_SECOND;
    gw_arena_init(&ex.arena, 16384, 1 << 20);
    for (size_t i = 0; i < count; i++)
        ask(policy, &ex, gw_buf_str(&tokens[i]));
    start_ns = cpu_ns();
    do {
        for (size_t i = 0; i < MANY; i++)
            ask(policy, &ex, gw_buf_str(&tokens[i % count]));
        turns += MANY;
        now_ns = cpu_ns();
    } while (now_ns - start_ns < MIN_NS);
    gw_arena_finish(&ex.arena);
    return (double)(now_ns - start_ns) / (double)turns;
}

/* ns per request when no token was seen before: a new policy (and cache) for each turn over all. */
static double measure_cold(const char *jwks, enum gw_signature_alg alg, const struct gw_buf *tokens)
{
    static struct gw_exchange ex;
    uint64_t spent_ns = 0, turns = 0;

    ex.operation = &operation;
    ex.wall_ns = NOW_S * GW_NS_PER_SECOND;
    gw_arena_init(&ex.arena, 16384, 1 << 20);
    while (spent_ns < MIN_NS) {
        void *policy = create_policy(jwks, alg);
        ask(policy, &ex, gw_buf_str(&tokens[0]));
        uint64_t start_ns = cpu_ns();
        for (size_t i = 1; i < MANY; i++)
            ask(policy, &ex, gw_buf_str(&tokens[i]));
        spent_ns += cpu_ns() - start_ns;
        turns += MANY - 1;
        gw_jwt.destroy(policy);
    }
    gw_arena_finish(&ex.arena);
    return (double)spent_ns / (double)turns;
}

/* ns per signature verified. */
static double measure_signature(const char *jwks, enum gw_signature_alg alg, struct gw_str text)
{
    const struct gw_jwk_rules rules = {0};
    struct gw_jwk_set *set;
    struct gw_error why;
    uint8_t bytes[2048];
    uint64_t turns = 0, start_ns, now_ns;
    const char *dot = memrchr(text.ptr, '.', text.len);
    struct gw_str signature = gw_str_tail(text, (size_t)(dot - text.ptr) + 1);
    struct gw_str message = gw_str_from(text.ptr, (size_t)(dot - text.ptr));

    check(gw_jwk_set_create(gw_str_of(jwks), &rules, &set, &why) == 0, why.text);
    check(gw_base64url_decode(signature, bytes) == 0, "signature");
    signature = gw_str_from((const char *)bytes, gw_base64url_decoded_bytes(signature.len));
    start_ns = cpu_ns();
    do {
        for (int i = 0; i < 50; i++)
            check(gw_signature_verify(set->keys[0].key, alg, message, signature) == 0, "verify");
        turns += 50;
        now_ns = cpu_ns();
    } while (now_ns - start_ns < MIN_NS);
    gw_jwk_set_destroy(set);
    return (double)(now_ns - start_ns) / (double)turns;
}

static void run(enum gw_signature_alg alg)
{
    static struct gw_buf tokens[MANY];
    struct gw_keypair *pair;
    struct gw_buf jwk;
    char jwks[4096];

    check(gw_keypair_generate(alg, &pair) == 0, "key");
    gw_buf_init(&jwk, sizeof(jwks));
    check(gw_keypair_to_jwk(pair, &jwk) == 0, "jwk");
    snprintf(jwks, sizeof(jwks), "%.*s", GW_STR_ARG(gw_buf_str(&jwk)));
    gw_buf_finish(&jwk);
    for (int i = 0; i < MANY; i++)
        make_token(pair, alg, i, &tokens[i]);

    double bare_ns = measure_signature(jwks, alg, gw_str_tail(gw_buf_str(&tokens[0]), 7));
    double cold_ns = measure_cold(jwks, alg, tokens);
    void *policy = create_policy(jwks, alg);
    double one_ns = measure_requests(policy, tokens, 1);
    double many_ns = measure_requests(policy, tokens, MANY);
    printf("%-6s %5zu %12.2f %12.2f %12.0f %12.0f\n", gw_signature_alg_name(alg), tokens[0].len - 7,
           bare_ns / 1000, cold_ns / 1000, one_ns, many_ns);
    gw_jwt.destroy(policy);
    for (int i = 0; i < MANY; i++)
        gw_buf_finish(&tokens[i]);
    gw_keypair_destroy(pair);
}

/* bench.jwt [ALG...]: all, if none is named */
int main(int argc, char **argv)
{
    static const enum gw_signature_alg all[] = {GW_RS256, GW_PS256, GW_ES256,
                                                GW_ES384, GW_ES512, GW_EDDSA};

    printf("%-6s %5s %12s %12s %12s %12s\n", "alg", "bytes", "signature us", "cold us", "hit ns",
           "hit/1000 ns");
    for (size_t i = 0; argc == 1 && i < GW_COUNT_OF(all); i++)
        run(all[i]);
    for (int i = 1; i < argc; i++) {
        enum gw_signature_alg alg;
        check(gw_signature_alg_parse(gw_str_of(argv[i]), &alg) == 0, argv[i]);
        run(alg);
    }
    return EXIT_SUCCESS;
}
