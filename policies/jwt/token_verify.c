#include "policies/jwt/token_verify.h"

#include <errno.h>
#include <jansson.h>

#include "policies/jwt/claims.h"
#include "policies/jwt/key_set.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/core/scope.h"
#include "server/core/utf8.h"
#include "server/crypto/base64url.h"

#define MAX_TOKEN_BYTES 65536
#define ARENA_BYTES (8u << 20)
#define LEEWAY_S 60

static int read_stream(FILE *file, size_t max_bytes, struct gw_buf *out)
{
    gw_buf_init(out, max_bytes + 4096);
    for (;;) {
        char *room = gw_buf_reserve(out, 4096);
        if (room == NULL)
            return -EFBIG;
        size_t got = fread(room, 1, 4096, file);
        out->len += got;
        if (got == 0)
            return ferror(file) ? -EIO : 0;
    }
}

static int read_jwks(const char *path, struct gw_buf *out)
{
    GW_SCOPED(gw_scope_fclose) FILE *file = fopen(path, "re");

    gw_buf_init(out, 0);
    int rc = file == NULL ? -errno : read_stream(file, GW_JWK_SET_MAX_BYTES, out);
    if (rc != 0)
        fprintf(stderr, "millgate token verify: %s: %s\n", path, strerror(-rc));
    return rc;
}

/* Without the line end that files and pipes have. */
static int read_token(const char *text, FILE *in, struct gw_buf *out)
{
    int rc = 0;

    if (strcmp(text, "-") == 0) {
        rc = read_stream(in, MAX_TOKEN_BYTES, out);
        if (out->len > 0 && out->ptr[out->len - 1] == '\n')
            out->len--;
        if (out->len > 0 && out->ptr[out->len - 1] == '\r')
            out->len--;
        if (rc == -EFBIG)
            rc = 0; /* what was read is too long for a token, and will be called so */
    } else {
        gw_buf_init(out, strlen(text) + 1);
        gw_buf_append_text(out, text);
    }
    return out->has_failed && rc == 0 && out->len == 0 ? -ENOMEM : rc;
}

static int dump(json_t *verdict, FILE *out)
{
    int rc = json_dumpf(verdict, out, JSON_COMPACT | JSON_PRESERVE_ORDER);

    json_decref(verdict);
    fputc('\n', out);
    return rc == 0 && fflush(out) == 0 ? 0 : -EIO;
}

static int print_refusal(const char *reason, FILE *out)
{
    int rc = dump(json_pack("{s:b,s:s}", "valid", 0, "reason", reason), out);

    return rc != 0 ? rc : 1;
}

/* JSON if it is, else text if it is, else null. */
static json_t *readable(struct gw_str payload)
{
    json_t *value = json_loadb(payload.ptr, payload.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    if (value == NULL && gw_utf8_is_valid(payload))
        value = json_stringn(payload.ptr, payload.len);
    return value != NULL ? value : json_null();
}

static int print_valid(const struct jose_token *token, const struct gw_jwk *key, FILE *out)
{
    json_t *kid = key->kid.ptr != NULL ? json_stringn(key->kid.ptr, key->kid.len) : json_null();
    size_t head_len = gw_str_find(token->signed_text, '.') + 1;
    struct gw_str payload = gw_str_tail(token->signed_text, head_len);

    return dump(json_pack("{s:b,s:o,s:o,s:o,s:s%}", "valid", 1, "header", readable(token->header),
                          "payload", readable(token->payload), "kid", kid, "payload_base64url",
                          payload.ptr, payload.len),
                out);
}

static enum jose_verdict check_claims(const struct token_verify_request *request,
                                      struct gw_arena *arena, const struct jose_token *token)
{
    static const struct claims_form form;
    const struct claims_rules rules = {
        .issuer = request->issuer,
        .audiences = &request->audience,
        .audience_count = request->audience.len > 0,
        .needs_expiry = true,
        .leeway_s = LEEWAY_S,
    };
    const struct claims *claims;
    enum jose_verdict verdict = claims_read(arena, token->payload, token->type, &form, &claims);

    if (verdict != JOSE_OK)
        return verdict;
    return claims_check(claims, &rules, (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_SECOND));
}

static int judge(const struct token_verify_request *request, struct gw_arena *arena,
                 const struct gw_jwk_set *set, struct gw_str text, FILE *out)
{
    struct jose_token token;
    const struct gw_jwk *key;
    enum jose_verdict verdict = jose_read(arena, text, MAX_TOKEN_BYTES, &token);

    if (verdict == JOSE_OK && request->algorithms != 0 &&
        (request->algorithms >> token.alg & 1) == 0)
        return print_refusal("the algorithm is not one of those asked for", out);
    if (verdict == JOSE_OK)
        verdict = key_set_verify(set, &token, &key, NULL);
    if (verdict == JOSE_OK && !request->signature_only)
        verdict = check_claims(request, arena, &token);
    if (verdict != JOSE_OK)
        return print_refusal(jose_verdict_text(verdict), out);
    return print_valid(&token, key, out);
}

int token_verify_print(const struct token_verify_request *request, FILE *in, FILE *out)
{
    static const struct gw_jwk_rules rules = {.accepts_secrets = true};
    struct gw_buf jwks, token = {0};
    struct gw_jwk_set *set = NULL;
    struct gw_arena arena;
    struct gw_error why;
    int rc = read_jwks(request->jwks_path, &jwks);

    gw_arena_init(&arena, 65536, ARENA_BYTES);
    if (rc == 0)
        rc = read_token(request->token, in, &token);
    if (rc == 0) {
        rc = gw_jwk_set_create(gw_buf_str(&jwks), &rules, &set, &why);
        rc = rc == 0 ? judge(request, &arena, set, gw_buf_str(&token), out)
                     : print_refusal(why.text, out);
    }
    gw_jwk_set_destroy(set);
    gw_buf_finish(&jwks);
    gw_buf_finish(&token);
    gw_arena_finish(&arena);
    return rc;
}
