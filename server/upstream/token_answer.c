#include "server/upstream/token_answer.h"

#include <errno.h>

#include "server/json/reader.h"

#define MAX_DEPTH 16
#define UNSAID_LIFETIME_S 300
#define LONGEST_LIFETIME_S 86400

static struct gw_str get_string(const struct gw_json_tape *tape, struct gw_str name)
{
    uint32_t at = gw_json_get(tape, 0, name);

    if (at == GW_JSON_NONE || gw_json_type(tape, at) != GW_JSON_STRING)
        return GW_STR("");
    return gw_json_string(tape, at);
}

/* Visible ASCII (RFC 6749, appendix A.12), which is what a field can hold. */
static bool is_token(struct gw_str token)
{
    for (size_t i = 0; i < token.len; i++) {
        if (token.ptr[i] <= 0x20 || token.ptr[i] >= 0x7f)
            return false;
    }
    return token.len > 0 && token.len <= GW_TOKEN_ANSWER_MAX_TOKEN_BYTES;
}

/* The registered error codes are words like invalid_client: nothing else is repeated. */
static bool is_word(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((text.ptr[i] < 'a' || text.ptr[i] > 'z') && text.ptr[i] != '_')
            return false;
    }
    return text.len > 0 && text.len <= 40;
}

static int refuse_status(const struct gw_json_tape *tape, int status, struct gw_error *error)
{
    struct gw_str code = tape == NULL ? GW_STR("") : get_string(tape, GW_STR("error"));

    if (!is_word(code))
        return gw_error_set(error, -EINVAL, "the token endpoint answered with status %d", status);
    return gw_error_set(error, -EINVAL, "the token endpoint answered with status %d, %.*s", status,
                        GW_STR_ARG(code));
}

static int read_lifetime(const struct gw_json_tape *tape, uint64_t *out_s, struct gw_error *error)
{
    uint32_t at = gw_json_get(tape, 0, GW_STR("expires_in"));
    int64_t seconds = UNSAID_LIFETIME_S;

    if (at != GW_JSON_NONE && gw_json_type(tape, at) != GW_JSON_NULL &&
        (!gw_json_to_i64(tape, at, &seconds) || seconds < 1))
        return gw_error_set(error, -EINVAL, "the token's expires_in is not a positive integer");
    *out_s = seconds < LONGEST_LIFETIME_S ? (uint64_t)seconds : LONGEST_LIFETIME_S;
    return 0;
}

int gw_token_answer_read(struct gw_arena *arena, int status, struct gw_str text,
                         struct gw_token_answer *out_answer, struct gw_error *error)
{
    const struct gw_json_limits limits = {GW_JSON_LIMITS_DEFAULT.max_bytes, MAX_DEPTH};
    struct gw_token_answer answer;
    struct gw_json_error why;
    struct gw_json_tape tape;
    int rc = gw_json_read(arena, text, &limits, &tape, &why);

    if (rc == -ENOMEM)
        return gw_error_set(error, rc, "no memory");
    bool is_object = rc == 0 && gw_json_type(&tape, 0) == GW_JSON_OBJECT;
    if (status != 200)
        return refuse_status(is_object ? &tape : NULL, status, error);
    if (!is_object || tape.has_duplicates)
        return gw_error_set(error, -EINVAL, "the token endpoint's answer is not a JSON object");
    answer.token = get_string(&tape, GW_STR("access_token"));
    if (!is_token(answer.token))
        return gw_error_set(error, -EINVAL, "the token endpoint's answer has no usable token");
    if (!gw_str_equal_nocase(get_string(&tape, GW_STR("token_type")), GW_STR("Bearer")))
        return gw_error_set(error, -EINVAL, "the token's type is not Bearer");
    rc = read_lifetime(&tape, &answer.lifetime_s, error);
    if (rc == 0)
        *out_answer = answer;
    return rc;
}
