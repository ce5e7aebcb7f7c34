#include "policies/jwt/introspect_answer.h"

#include <errno.h>

#include "server/json/reader.h"

#define MAX_DEPTH 32

bool introspect_is_token(struct gw_str token)
{
    size_t end = token.len;

    while (end > 0 && token.ptr[end - 1] == '=')
        end--;
    for (size_t i = 0; i < end; i++) {
        char byte = token.ptr[i];
        bool is_alnum = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= '0' && byte <= '9');
        if (!is_alnum && (byte == '\0' || strchr("-._~+/", byte) == NULL))
            return false;
    }
    return end > 0;
}

static int refuse_status(int status, struct gw_error *error)
{
    if (status == 401 || status == 403)
        return gw_error_set(error, -EINVAL,
                            "the introspection endpoint answered with status %d: are our "
                            "credentials there right?",
                            status);
    return gw_error_set(error, -EINVAL, "the introspection endpoint answered with status %d",
                        status);
}

/* Section 2.2 leaves it out where it likes; a refresh token says something else here, or nothing.
 */
static bool is_for_use(const struct gw_json_tape *tape)
{
    uint32_t at = gw_json_get(tape, 0, GW_STR("token_type"));

    if (at == GW_JSON_NONE || gw_json_type(tape, at) == GW_JSON_NULL)
        return true;
    if (gw_json_type(tape, at) != GW_JSON_STRING)
        return false;
    struct gw_str type = gw_json_string(tape, at);
    if (gw_str_equal_nocase(type, GW_STR("Bearer")))
        return true;
    /* A DPoP token that is bound to no key would pass as a bearer's. */
    return gw_str_equal_nocase(type, GW_STR("DPoP")) &&
           gw_json_get(tape, gw_json_get(tape, 0, GW_STR("cnf")), GW_STR("jkt")) != GW_JSON_NONE;
}

int introspect_answer_read(struct gw_arena *arena, int status, struct gw_str text,
                           const struct claims_form *form, const struct claims **out_claims,
                           struct gw_error *error)
{
    const struct gw_json_limits limits = {GW_JSON_LIMITS_DEFAULT.max_bytes, MAX_DEPTH};
    struct gw_json_error why;
    struct gw_json_tape tape;

    if (status != 200)
        return refuse_status(status, error);
    int rc = gw_json_read(arena, text, &limits, &tape, &why);
    if (rc == -ENOMEM)
        return gw_error_set(error, rc, "no memory");
    if (rc != 0 || gw_json_type(&tape, 0) != GW_JSON_OBJECT || tape.has_duplicates)
        return gw_error_set(error, -EINVAL,
                            "the introspection endpoint's answer is no JSON object");
    uint32_t active = gw_json_get(&tape, 0, GW_STR("active"));
    if (active == GW_JSON_NONE || (gw_json_type(&tape, active) != GW_JSON_TRUE &&
                                   gw_json_type(&tape, active) != GW_JSON_FALSE))
        return gw_error_set(error, -EINVAL,
                            "the introspection endpoint's answer does not say whether the token "
                            "is active");
    *out_claims = NULL;
    error->text[0] = '\0';
    if (gw_json_type(&tape, active) == GW_JSON_FALSE)
        return 0;
    if (!is_for_use(&tape)) {
        (void)gw_error_set(error, 0, "it is active, but of a type that is not for use here");
        return 0;
    }
    enum jose_verdict verdict = claims_read(arena, text, JOSE_TYPE_NONE, form, out_claims);
    if (verdict == JOSE_NO_MEMORY)
        return gw_error_set(error, -ENOMEM, "no memory");
    if (verdict != JOSE_OK) {
        *out_claims = NULL;
        (void)gw_error_set(error, 0, "it is active, but: %s", jose_verdict_text(verdict));
    }
    return 0;
}
