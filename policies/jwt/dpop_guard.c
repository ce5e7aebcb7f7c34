#include "policies/jwt/dpop_guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policies/jwt/htu.h"
#include "server/core/clock.h"
#include "server/crypto/signature.h"
#include "server/filter/worker_share.h"

#define SECOND ((int64_t)GW_NS_PER_SECOND)
#define MS ((int64_t)GW_NS_PER_MS)
#define MIN_SECRET_BYTES 32
#define MIN_RSA_BITS 2048

const struct gw_option jwt_dpop_options[] = {
    {"replay", GW_ENUM, 0, 0, "strict",
     "Where proofs are remembered, so that none serves twice: strict is Redis, and 503 while it is "
     "away; local is each worker's memory, which says nothing of other workers and gateways.",
     .words = "strict local"},
    {"redis_timeout", GW_DURATION, MS, SECOND, "20ms", "How long Redis may take."},
    {"local_entries", GW_INT, 1000, 1 << 24, "100000",
     "With local, the proofs that a worker remembers, 48 bytes each; full of ones that still "
     "count, "
     "it answers 503."},
    {"max_age", GW_DURATION, SECOND, 600 * SECOND, "60s", "The oldest proof that passes."},
    {"leeway", GW_DURATION, 0, 60 * SECOND, "5s", "How far the caller's clock may be ahead."},
    {"origins", GW_LIST, 0, DPOP_MAX_ORIGINS, "[]",
     "How callers see the gateway, such as https://api.example, with the path that a balancer "
     "takes "
     "off, if any; a proof must name one of these. If empty: the scheme of the listener and the "
     "request's Host."},
    {"algorithms", GW_LIST, 1, 10, "[ES256, ES384, ES512, PS256, PS384, PS512, RS256, EdDSA]",
     "The signature algorithms of proofs; none with a shared secret."},
    {"nonce_secret", GW_SECRET, MIN_SECRET_BYTES, 1024, NULL,
     "Makes callers put a nonce of ours into their proofs (section 9): the same for all gateways "
     "that callers may meet."},
    {"nonce_life", GW_DURATION, 10 * SECOND, 3600 * SECOND, "5m", "How long a nonce serves."},
    {0},
};

/* --- configuration ---------------------------------------------------------------------------- */

static int64_t get_seconds(const json_t *config, const char *name)
{
    return json_integer_value(json_object_get(config, name)) / SECOND;
}

static struct gw_str get_string(const json_t *config, const char *name)
{
    const json_t *value = json_object_get(config, name);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

static int read_algorithms(struct dpop_guard *guard, const json_t *list, struct gw_error *error)
{
    size_t len = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        struct gw_str name = gw_str_of(json_string_value(json_array_get(list, i)));
        enum gw_signature_alg alg;
        if (gw_signature_alg_parse(name, &alg) != 0 || alg == GW_HS256 || alg == GW_HS384 ||
            alg == GW_HS512)
            return gw_error_set_at(error, -EINVAL, "/dpop/algorithms",
                                   "\"%.*s\" is not one of the algorithms with a key pair",
                                   GW_STR_ARG(name));
        if ((guard->rules.algorithms >> alg & 1) != 0)
            continue;
        guard->rules.algorithms |= 1u << alg;
        len += (size_t)snprintf(guard->algorithms + len, sizeof(guard->algorithms) - len, "%s%s",
                                len > 0 ? " " : "", gw_signature_alg_name(alg));
    }
    return 0;
}

static int read_origins(struct dpop_guard *guard, const json_t *list, struct gw_error *error)
{
    struct gw_arena arena;
    int rc = 0;

    gw_arena_init(&arena, 4096, 1 << 20);
    for (size_t i = 0; i < json_array_size(list) && i < DPOP_MAX_ORIGINS && rc == 0; i++) {
        struct gw_str origin = gw_str_of(json_string_value(json_array_get(list, i)));
        struct gw_str normal;
        rc = htu_normalize(&arena, origin, &normal);
        if (rc == 0 &&
            (gw_str_find(origin, '?') < origin.len || gw_str_find(origin, '#') < origin.len))
            rc = -EINVAL;
        if (gw_str_has_suffix(origin, GW_STR("/")))
            origin.len--;
        guard->origins[guard->origin_count++] = origin;
    }
    gw_arena_finish(&arena);
    if (rc == -EINVAL)
        return gw_error_set_at(error, rc, "/dpop/origins",
                               "an origin is http:// or https://, a host, and perhaps a path");
    return rc == 0 ? 0 : gw_error_set(error, rc, "no memory");
}

int dpop_guard_init(struct dpop_guard *guard, const json_t *config, struct gw_error *error)
{
    bool is_local = gw_str_equal(get_string(config, "replay"), GW_STR("local"));

    *guard = (struct dpop_guard){
        .rules = {.min_rsa_bits = MIN_RSA_BITS,
                  .max_age_s = get_seconds(config, "max_age"),
                  .leeway_s = get_seconds(config, "leeway")},
        .nonces = {.secret = get_string(config, "nonce_secret"),
                   .life_s = get_seconds(config, "nonce_life")},
        .replay = {.timeout_ns =
                       (uint64_t)json_integer_value(json_object_get(config, "redis_timeout"))},
    };
    if (is_local)
        guard->memory_entries =
            (uint32_t)json_integer_value(json_object_get(config, "local_entries"));
    if (guard->nonces.secret.len > 0)
        guard->rules.nonces = &guard->nonces;
    int rc = read_algorithms(guard, json_object_get(config, "algorithms"), error);
    return rc != 0 ? rc : read_origins(guard, json_object_get(config, "origins"), error);
}

/* --- proofs seen, kept over reloads ----------------------------------------------------------- */

struct shared_memory {
    struct gw_worker_share share;
    uint32_t entries;
    struct dpop_memory *memory;
};

static bool is_equal(const struct gw_worker_share *share, const void *entries)
{
    return GW_CONTAINER_OF(share, const struct shared_memory, share)->entries ==
           *(const uint32_t *)entries;
}

static void destroy(struct gw_worker_share *share)
{
    struct shared_memory *shared = GW_CONTAINER_OF(share, struct shared_memory, share);

    dpop_memory_destroy(shared->memory);
    free(shared);
}

static struct gw_worker_share *create(const void *entries, struct gw_worker *worker)
{
    struct shared_memory *shared = calloc(1, sizeof(*shared));

    (void)worker;
    if (shared == NULL)
        return NULL;
    shared->entries = *(const uint32_t *)entries;
    shared->memory = dpop_memory_create(shared->entries);
    if (shared->memory != NULL)
        return &shared->share;
    free(shared);
    return NULL;
}

static const struct gw_worker_share_type share_type = {
    .is_equal = is_equal, .create = create, .destroy = destroy};

int dpop_guard_settle(struct dpop_guard *guard, struct gw_worker *worker)
{
    if (guard->memory_entries == 0 || guard->memory != NULL || worker == NULL)
        return 0;
    guard->memory = gw_worker_share_open(&share_type, &guard->memory_entries, worker);
    if (guard->memory == NULL)
        return -ENOMEM;
    guard->replay.memory = GW_CONTAINER_OF(guard->memory, struct shared_memory, share)->memory;
    return 0;
}

void dpop_guard_finish(struct dpop_guard *guard)
{
    gw_worker_share_close(guard->memory);
    *guard = (struct dpop_guard){0};
}

/* --- judging ---------------------------------------------------------------------------------- */

static struct gw_str make_uri(const struct dpop_guard *guard, struct gw_exchange *ex, size_t index)
{
    struct gw_str text, normal;

    if (guard->origin_count == 0)
        text = gw_arena_printf(&ex->arena, "%s://%.*s%.*s", ex->request.is_tls ? "https" : "http",
                               GW_STR_ARG(ex->request.host), GW_STR_ARG(ex->request.path));
    else
        text = gw_arena_printf(&ex->arena, "%.*s%.*s", GW_STR_ARG(guard->origins[index]),
                               GW_STR_ARG(ex->request.path));
    if (text.ptr == NULL || htu_normalize(&ex->arena, text, &normal) != 0)
        return GW_STR(""); /* equals no URI */
    return normal;
}

/* Ends in NULL when there is not exactly one. */
static const struct gw_str *find_proof(const struct gw_exchange *ex)
{
    const struct gw_str *found = NULL;

    for (size_t i = 0; i < ex->request.field_count; i++) {
        if (!gw_str_equal_nocase(ex->request.fields[i].name, GW_STR("DPoP")))
            continue;
        if (found != NULL)
            return NULL;
        found = &ex->request.fields[i].value;
    }
    return found;
}

enum dpop_verdict dpop_guard_judge(const struct dpop_guard *guard, struct gw_exchange *ex,
                                   struct gw_str token, struct gw_str confirmation,
                                   struct dpop_proof *out_proof)
{
    const struct gw_str *text = find_proof(ex);
    size_t uri_count = guard->origin_count == 0 ? 1 : guard->origin_count;
    struct gw_str uris[DPOP_MAX_ORIGINS];
    struct dpop_proof proof;

    if (text == NULL)
        return DPOP_MALFORMED;
    for (size_t i = 0; i < uri_count; i++)
        uris[i] = make_uri(guard, ex, i);
    const struct dpop_request request = {
        .method = ex->request.method_name,
        .uris = uris,
        .uri_count = uri_count,
        .token = token,
        .now_s = (int64_t)(ex->wall_ns / GW_NS_PER_SECOND),
    };
    enum dpop_verdict verdict =
        dpop_judge(&ex->arena, gw_str_trim(*text), &guard->rules, &request, &proof);
    if (verdict == DPOP_OK)
        verdict = dpop_check_binding(&ex->arena, confirmation, proof.thumbprint);
    if (verdict == DPOP_OK)
        *out_proof = proof;
    return verdict;
}

/* --- refusing --------------------------------------------------------------------------------- */

static void add_field(struct gw_exchange *ex, const char *name, struct gw_str value)
{
    if (value.ptr == NULL || gw_response_add_field(ex, gw_str_of(name), value) != 0)
        ex->must_close = true; /* the refusal stands without it, too */
}

void dpop_guard_challenge(const struct dpop_guard *guard, struct gw_exchange *ex,
                          struct gw_str realm)
{
    add_field(ex, "WWW-Authenticate",
              gw_arena_printf(&ex->arena, "DPoP realm=\"%.*s\", algs=\"%s\"", GW_STR_ARG(realm),
                              guard->algorithms));
}

static void add_nonce(const struct dpop_guard *guard, struct gw_exchange *ex)
{
    char nonce[DPOP_NONCE_LEN + 1];

    if (dpop_nonce_make(&guard->nonces, (int64_t)(ex->wall_ns / GW_NS_PER_SECOND), nonce) == 0)
        add_field(ex, "DPoP-Nonce", gw_arena_copy(&ex->arena, gw_str_of(nonce)));
}

static enum gw_verdict refuse(const struct dpop_guard *guard, struct gw_exchange *ex,
                              struct gw_str realm, const char *error, const char *description)
{
    enum gw_verdict verdict = gw_exchange_reject(ex, "unauthorized", description, 0);

    ex->record.detail = gw_arena_printf(&ex->arena, "jwt: %s", description);
    add_field(ex, "WWW-Authenticate",
              gw_arena_printf(&ex->arena,
                              "DPoP realm=\"%.*s\", error=\"%s\", error_description=\"%s\", "
                              "algs=\"%s\"",
                              GW_STR_ARG(realm), error, description, guard->algorithms));
    return verdict;
}

enum gw_verdict dpop_guard_refuse(const struct dpop_guard *guard, struct gw_exchange *ex,
                                  struct gw_str realm, enum dpop_verdict verdict)
{
    const char *error = verdict == DPOP_BINDING ? "invalid_token" : "invalid_dpop_proof";

    if (verdict == DPOP_NO_MEMORY)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    if (verdict == DPOP_NONCE)
        error = "use_dpop_nonce";
    (void)refuse(guard, ex, realm, error, dpop_verdict_text(verdict));
    if (verdict == DPOP_NONCE)
        add_nonce(guard, ex);
    return GW_STOP;
}

enum gw_verdict dpop_guard_refuse_bearer(const struct dpop_guard *guard, struct gw_exchange *ex,
                                         struct gw_str realm)
{
    return refuse(guard, ex, realm, "invalid_token",
                  "the token may only be used with a DPoP proof");
}
