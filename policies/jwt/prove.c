#include "policies/jwt/prove.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/jwt/binding.h"
#include "policies/jwt/key_set.h"
#include "policies/jwt/opaque.h"
#include "policies/jwt/revocation.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"

#define CACHED_WITHOUT_EXPIRY_S 300 /* for tokens that never expire */

struct attempt {
    struct prover *prover;
    struct proof *proof;
    struct token_key key;
    uint64_t from;     /* the address, as a number */
    unsigned failures; /* verifications that came to nothing */
};

static const struct jwt_issuer *find_issuer(const struct prover *prover,
                                            const struct gw_security_scheme *scheme)
{
    return scheme->kind == GW_SCHEME_TOKEN ? gw_map_get(&prover->by_name, scheme->name) : NULL;
}

static bool has_issuer(const struct prover *prover, const struct gw_operation *operation,
                       bool with_dpop)
{
    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        for (size_t k = 0; k < alternative->scheme_count; k++) {
            const struct jwt_issuer *issuer = find_issuer(prover, &alternative->schemes[k]);
            if (issuer != NULL && (!with_dpop || issuer->dpop != JWT_DPOP_OFF))
                return true;
        }
    }
    return false;
}

bool prover_is_asked(const struct prover *prover, const struct gw_operation *operation)
{
    return has_issuer(prover, operation, false);
}

bool prover_accepts_dpop(const struct prover *prover, const struct gw_operation *operation)
{
    return has_issuer(prover, operation, true);
}

/* Calls `prove` with each issuer that the operation accepts, once, until one says JOSE_OK. Of
 * several refusals, the last counts that is about more than the issuer's name. */
static enum jose_verdict for_each_issuer(
    struct attempt *attempt,
    enum jose_verdict (*prove)(struct attempt *attempt, const struct jwt_issuer *issuer))
{
    const struct gw_operation *operation = attempt->proof->operation;
    enum jose_verdict refusal = JOSE_ISSUER;
    uint64_t tried = 0;

    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        for (size_t k = 0; k < alternative->scheme_count; k++) {
            const struct jwt_issuer *issuer =
                find_issuer(attempt->prover, &alternative->schemes[k]);
            if (issuer == NULL || (tried & issuer->bit) != 0)
                continue;
            tried |= issuer->bit;
            enum jose_verdict verdict = prove(attempt, issuer);
            if (verdict == JOSE_OK)
                return JOSE_OK;
            if (verdict != JOSE_ISSUER)
                refusal = verdict;
        }
    }
    return refusal;
}

/* What is asked anew on every request, whether the signature was verified now or before. */
static enum jose_verdict judge_by(struct attempt *attempt, const struct jwt_issuer *issuer,
                                  const struct claims_rules *rules, const struct claims *claims)
{
    if (claims->subject.len == 0)
        return JOSE_CLAIM_MISSING;
    enum jose_verdict verdict = claims_check(claims, rules, attempt->proof->now_s);
    if (verdict == JOSE_OK)
        verdict = binding_check(attempt->proof->arena, claims, attempt->proof->client_certificate,
                                issuer->needs_certificate);
    if (verdict == JOSE_OK)
        verdict = revocation_judge(attempt->prover->records, issuer->name, claims,
                                   attempt->proof->now_s, attempt->proof->arena);
    if (verdict != JOSE_OK)
        return verdict;
    attempt->proof->issuer = issuer;
    attempt->proof->claims = claims;
    return JOSE_OK;
}

static enum jose_verdict judge(struct attempt *attempt, const struct jwt_issuer *issuer,
                               const struct claims *claims)
{
    return judge_by(attempt, issuer, &issuer->rules, claims);
}

/* By what the issuer says of the token alone. */
static enum jose_verdict prove_by_asking(struct attempt *attempt, const struct jwt_issuer *issuer)
{
    const struct claims *claims = NULL;
    enum jose_verdict verdict = opaque_look_up(attempt->proof, &attempt->key, issuer, &claims);

    if (verdict != JOSE_OK)
        return verdict;
    const struct claims_rules rules = opaque_rules(issuer, claims);
    return judge_by(attempt, issuer, &rules, claims);
}

/* JOSE_ISSUER stands for "not in the cache", too. */
static enum jose_verdict prove_from_cache(struct attempt *attempt, const struct jwt_issuer *issuer)
{
    uint8_t thumbprint[GW_SHA256_BYTES];

    attempt->key.generation = jwt_issuer_verdicts(issuer);
    const struct claims *claims =
        token_cache_find(attempt->prover->memory->cache, &attempt->key, attempt->proof->now_s,
                         attempt->proof->arena, thumbprint);
    if (claims == NULL)
        return JOSE_ISSUER;
    const struct gw_jwk_set *keys = jwt_issuer_keys(issuer);
    if (keys == NULL)
        return JOSE_ISSUER;
    if (!key_set_has(keys, thumbprint)) {
        token_cache_remove(attempt->prover->memory->cache, &attempt->key);
        return JOSE_ISSUER;
    }
    enum jose_verdict verdict = judge(attempt, issuer, claims);
    return verdict == JOSE_OK ? opaque_confirm(attempt->proof, &attempt->key, issuer) : verdict;
}

static void remember(struct attempt *attempt, const struct jwt_issuer *issuer,
                     const struct gw_jwk *jwk, const struct claims *claims)
{
    int64_t expires_s = claims->expires_s;

    if (expires_s == CLAIMS_NO_TIME)
        expires_s = attempt->proof->now_s + CACHED_WITHOUT_EXPIRY_S;
    if (expires_s <= attempt->proof->now_s)
        return;
    attempt->key.generation = jwt_issuer_verdicts(issuer);
    token_cache_add(attempt->prover->memory->cache, &attempt->key, jwk->thumbprint, claims,
                    expires_s);
}

/* Asked before the token is even read: what is thrown at us must cost little. */
static enum jose_verdict ask_denied(struct attempt *attempt, const struct jwt_issuer *issuer)
{
    const struct prover *prover = attempt->prover;
    struct proof *proof = attempt->proof;

    attempt->key.generation = jwt_issuer_verdicts(issuer);
    if (denied_table_has(prover->memory->denied, attempt->from, &attempt->key,
                         jwt_issuer_set_id(issuer), proof->now_ns)) {
        proof->was_denied = true;
        return JOSE_BAD_SIGNATURE;
    }
    proof->wait_ns = denied_table_wait_ns(prover->memory->denied, attempt->from,
                                          &prover->denied_rules, proof->now_ns);
    return proof->wait_ns > 0 ? JOSE_TOO_MANY_FAILURES : JOSE_OK;
}

/* Where the price is. */
static enum jose_verdict verify(struct attempt *attempt, const struct jwt_issuer *issuer,
                                const struct jose_token *token, const struct claims *claims)
{
    const struct prover *prover = attempt->prover;
    struct proof *proof = attempt->proof;
    const struct gw_jwk_set *keys = jwt_issuer_keys(issuer);
    const struct gw_jwk *jwk;
    unsigned tries;
    enum jose_verdict verdict =
        keys == NULL ? JOSE_KEYS_ABSENT : key_set_verify(keys, token, &jwk, &tries);

    if ((verdict == JOSE_KEYS_ABSENT || verdict == JOSE_KEY_UNKNOWN) && issuer->source != NULL)
        proof->lacking = issuer;
    if (verdict == JOSE_BAD_SIGNATURE) {
        attempt->key.generation = jwt_issuer_verdicts(issuer);
        denied_table_add(prover->memory->denied, attempt->from, &attempt->key,
                         jwt_issuer_set_id(issuer), &prover->denied_rules, proof->now_ns);
        attempt->failures += tries;
    }
    if (verdict == JOSE_OK)
        remember(attempt, issuer, jwk, claims);
    return verdict;
}

static enum jose_verdict prove_by_signature(struct attempt *attempt,
                                            const struct jwt_issuer *issuer)
{
    struct gw_arena *arena = attempt->proof->arena;
    struct jose_token token;
    const struct claims *claims;
    enum jose_verdict verdict = ask_denied(attempt, issuer);

    if (verdict == JOSE_OK)
        verdict = jose_read(arena, attempt->proof->token, issuer->max_token_bytes, &token);
    if (opaque_may_be(verdict) && issuer->has_introspection)
        return prove_by_asking(attempt, issuer);
    if (verdict == JOSE_OK)
        verdict = claims_read(arena, token.payload, token.type, &issuer->form, &claims);
    if (verdict != JOSE_OK)
        return verdict;
    /* Not trusted yet: only a choice among the issuers that the operation accepts. */
    if (!gw_str_equal(claims_text(claims, claims->issuer), issuer->rules.issuer))
        return JOSE_ISSUER;
    if (!issuer->has_keys)
        return prove_by_asking(attempt, issuer);
    if (!jwt_issuer_allows(issuer, token.alg))
        return JOSE_ALG_NOT_ALLOWED;
    /* Judged first: what would be refused anyway must not buy the price of a verification. */
    verdict = judge(attempt, issuer, claims);
    if (verdict == JOSE_OK)
        verdict = verify(attempt, issuer, &token, claims);
    return verdict == JOSE_OK ? opaque_confirm(attempt->proof, &attempt->key, issuer) : verdict;
}

struct token_key prover_key(const struct prover *prover, struct gw_str token)
{
    return token_key_of(prover->memory->cache, token, 0);
}

uint64_t prover_delay_ns(const struct prover *prover, const struct proof *proof)
{
    return denied_table_delay_ns(prover->memory->denied, denied_source_of(proof->peer),
                                 &prover->denied_rules, proof->now_ns);
}

enum jose_verdict prover_prove(struct prover *prover, struct proof *proof)
{
    struct attempt attempt = {.prover = prover, .proof = proof};

    if (proof->token.len > prover->max_token_bytes)
        return JOSE_TOO_LONG;
    attempt.key = token_key_of(prover->memory->cache, proof->token, 0);
    enum jose_verdict verdict = for_each_issuer(&attempt, prove_from_cache);
    proof->was_cached = verdict == JOSE_OK;
    if (verdict == JOSE_OK || verdict == JOSE_INACTIVE || verdict == JOSE_NOT_ASKED)
        return verdict; /* whose it is is known */
    /* Refused by one issuer's rules, it may still be good for another of the same name. */
    attempt.from = denied_source_of(proof->peer);
    verdict = for_each_issuer(&attempt, prove_by_signature);
    proof->has_failed = verdict != JOSE_OK && attempt.failures > 0;
    if (proof->has_failed) /* what one issuer's keys refuse and another's accept is no failure */
        denied_table_charge(prover->memory->denied, attempt.from, attempt.failures,
                            &prover->denied_rules, proof->now_ns);
    return verdict;
}

static int add_issuer(struct prover *prover, const char *name, const json_t *config,
                      struct gw_error *error)
{
    struct jwt_issuer *issuer = &prover->issuers[prover->issuer_count++];
    struct gw_error why;
    int rc = jwt_issuer_init(issuer, gw_str_of(name), config, &why);

    if (rc != 0) {
        char where[sizeof(error->where)];
        snprintf(where, sizeof(where), "/issuers/%.100s%.100s", name, why.where);
        return gw_error_set_at(error, rc, where, "%s", why.text);
    }
    issuer->bit = UINT64_C(1) << (issuer - prover->issuers);
    if (issuer->max_token_bytes > prover->max_token_bytes)
        prover->max_token_bytes = issuer->max_token_bytes;
    if (gw_map_add(&prover->by_name, issuer->name, issuer) != 0)
        return gw_error_set(error, -ENOMEM, "no memory");
    return 0;
}

static int add_issuers(struct prover *prover, json_t *issuers, struct gw_error *error)
{
    const char *name;
    json_t *config;
    size_t issuer_count = json_object_size(issuers);

    if (issuer_count > PROVE_MAX_ISSUERS)
        return gw_error_set_at(error, -EINVAL, "/issuers", "there are more than %d",
                               PROVE_MAX_ISSUERS);
    prover->issuers = calloc(issuer_count + 1, sizeof(*prover->issuers));
    if (prover->issuers == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    json_object_foreach(issuers, name, config)
    {
        int rc = add_issuer(prover, name, config, error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static uint64_t get_integer(const json_t *config, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(config, name));
}

int prover_init(struct prover *prover, const json_t *config, struct gw_error *error)
{
    memset(prover, 0, sizeof(*prover));
    gw_map_init(&prover->by_name, PROVE_MAX_ISSUERS);
    prover->memory_config = (struct token_memory_config){
        .cache_bytes = (size_t)get_integer(config, "cache_bytes"),
        .cache_entries = (size_t)get_integer(config, "cache_entries"),
    };
    uint64_t per_second = get_integer(config, "bad_signatures_per_second");
    prover->denied_rules = (struct denied_rules){
        .memory_ns = get_integer(config, "bad_token_memory"),
        .regain_ns = per_second == 0 ? 0 : GW_NS_PER_SECOND / per_second,
        .burst = 2 * per_second,
    };
    return add_issuers(prover, json_object_get(config, "issuers"), error);
}

int prover_settle(struct prover *prover, struct gw_worker *worker)
{
    prover->records = worker == NULL ? NULL : worker->records;
    if (prover->memory == NULL)
        prover->memory = token_memory_open(&prover->memory_config, worker);
    if (prover->memory == NULL)
        return -ENOMEM;
    for (size_t i = 0; worker != NULL && i < prover->issuer_count; i++) {
        int rc = jwt_issuer_settle(&prover->issuers[i], worker);
        if (rc != 0)
            return rc;
    }
    return 0;
}

void prover_finish(struct prover *prover)
{
    for (size_t i = 0; i < prover->issuer_count; i++)
        jwt_issuer_finish(&prover->issuers[i]);
    gw_map_finish(&prover->by_name);
    token_memory_close(prover->memory);
    free(prover->issuers);
    memset(prover, 0, sizeof(*prover));
}
