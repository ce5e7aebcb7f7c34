#include "policies/jwt/claims.h"

#include <errno.h>

#include "server/json/reader.h"

#define MAX_DEPTH 32
#define MAX_SUBJECT_BYTES 512
#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

/* The block while it is filled. The payload's length bounds all that can be taken from it. */
struct writer {
    const struct gw_json_tape *tape;
    struct claims *claims;
    uint32_t used;
};

static void put(struct writer *writer, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(writer->claims->bytes + writer->used, bytes, len);
    writer->used += (uint32_t)len;
}

static struct claims_span put_str(struct writer *writer, struct gw_str text)
{
    struct claims_span span = {writer->used, (uint32_t)text.len};

    put(writer, text.ptr, text.len);
    return span;
}

/* Scopes (RFC 6749, section 3.3) are taken apart at spaces and joined by one. One with a character
 * that no scope can have is dropped: nothing can ask for it. */
static bool is_scope(struct gw_str scope)
{
    for (size_t i = 0; i < scope.len; i++) {
        char c = scope.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
            return false;
    }
    return scope.len > 0;
}

static void put_scopes(struct writer *writer, struct gw_str text)
{
    struct gw_str scope;

    while (gw_str_split(&text, ' ', &scope)) {
        if (!is_scope(scope))
            continue;
        if (writer->used > writer->claims->scopes.at)
            put(writer, " ", 1);
        put(writer, scope.ptr, scope.len);
    }
}

/* A string, or an array of strings. */
static enum jose_verdict read_scopes(struct writer *writer, const struct claims_form *form)
{
    const struct gw_json_tape *tape = writer->tape;
    uint32_t at = gw_json_get(tape, 0, form->scope_claim);

    if (form->scope_claim.len == 0) {
        at = gw_json_get(tape, 0, GW_STR("scope"));
        if (at == GW_JSON_NONE)
            at = gw_json_get(tape, 0, GW_STR("scp"));
    }
    writer->claims->scopes.at = writer->used;
    if (at == GW_JSON_NONE)
        return JOSE_OK;
    if (gw_json_type(tape, at) == GW_JSON_STRING) {
        put_scopes(writer, gw_json_string(tape, at));
    } else if (gw_json_type(tape, at) == GW_JSON_ARRAY) {
        struct gw_json_cursor cursor = gw_json_begin(tape, at);
        while (gw_json_step(tape, &cursor)) {
            if (gw_json_type(tape, cursor.value) != GW_JSON_STRING)
                return JOSE_CLAIMS_MALFORMED;
            put_scopes(writer, gw_json_string(tape, cursor.value));
        }
    } else {
        return JOSE_CLAIMS_MALFORMED;
    }
    writer->claims->scopes.len = writer->used - writer->claims->scopes.at;
    return JOSE_OK;
}

static void put_audience(struct writer *writer, struct gw_str audience)
{
    uint32_t len = (uint32_t)audience.len;

    put(writer, &len, sizeof(len));
    put(writer, audience.ptr, audience.len);
}

static enum jose_verdict read_audiences(struct writer *writer)
{
    const struct gw_json_tape *tape = writer->tape;
    uint32_t at = gw_json_get(tape, 0, GW_STR("aud"));

    writer->claims->audiences.at = writer->used;
    if (at == GW_JSON_NONE)
        return JOSE_OK;
    if (gw_json_type(tape, at) == GW_JSON_STRING) {
        put_audience(writer, gw_json_string(tape, at));
    } else if (gw_json_type(tape, at) == GW_JSON_ARRAY) {
        struct gw_json_cursor cursor = gw_json_begin(tape, at);
        while (gw_json_step(tape, &cursor)) {
            if (gw_json_type(tape, cursor.value) != GW_JSON_STRING)
                return JOSE_CLAIMS_MALFORMED;
            put_audience(writer, gw_json_string(tape, cursor.value));
        }
    } else {
        return JOSE_CLAIMS_MALFORMED;
    }
    writer->claims->audiences.len = writer->used - writer->claims->audiences.at;
    return JOSE_OK;
}

/* A NumericDate (RFC 7519, section 2) as literals write it: digits, perhaps a fraction. Whole
 * seconds, and whether there is more behind them. An exponent is legal JSON, but no issuer's dates
 * have one, so it is refused. */
static bool parse_date(struct gw_str literal, int64_t *out_s, bool *out_has_fraction)
{
    struct gw_str rest = literal, whole;
    uint64_t seconds;

    (void)gw_str_split(&rest, '.', &whole);
    if (gw_str_to_u64(whole, &seconds) != 0 || seconds > (uint64_t)LAST_SECOND)
        return false;
    *out_has_fraction = false;
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] < '0' || rest.ptr[i] > '9')
            return false;
        *out_has_fraction |= rest.ptr[i] != '0';
    }
    *out_s = (int64_t)seconds;
    return true;
}

/* `round_up`: a moment from which on is rounded up, one until which is rounded down. */
static enum jose_verdict read_date(const struct gw_json_tape *tape, struct gw_str name,
                                   bool round_up, int64_t *out_s)
{
    uint32_t at = gw_json_get(tape, 0, name);
    bool has_fraction;

    *out_s = CLAIMS_NO_TIME;
    if (at == GW_JSON_NONE)
        return JOSE_OK;
    if (gw_json_type(tape, at) != GW_JSON_NUMBER ||
        !parse_date(gw_json_number(tape, at), out_s, &has_fraction))
        return JOSE_CLAIMS_MALFORMED;
    *out_s += round_up && has_fraction;
    return JOSE_OK;
}

static enum jose_verdict read_dates(const struct gw_json_tape *tape, struct claims *claims)
{
    enum jose_verdict verdict = read_date(tape, GW_STR("exp"), false, &claims->expires_s);

    if (verdict == JOSE_OK)
        verdict = read_date(tape, GW_STR("nbf"), true, &claims->not_before_s);
    if (verdict == JOSE_OK)
        verdict = read_date(tape, GW_STR("iat"), true, &claims->issued_s);
    return verdict;
}

/* A subject becomes a name in logs, keys and header fields: no control characters. */
static bool is_subject(struct gw_str subject)
{
    for (size_t i = 0; i < subject.len; i++) {
        if ((unsigned char)subject.ptr[i] < 0x20 || subject.ptr[i] == 0x7f)
            return false;
    }
    return subject.len > 0 && subject.len <= MAX_SUBJECT_BYTES;
}

static enum jose_verdict read_names(struct writer *writer, const struct claims_form *form)
{
    const struct gw_json_tape *tape = writer->tape;
    uint32_t issuer = gw_json_get(tape, 0, GW_STR("iss"));
    uint32_t subject = gw_json_get(tape, 0, GW_STR("sub"));
    uint32_t id = gw_json_get(tape, 0, GW_STR("jti"));

    if (subject == GW_JSON_NONE && form->client_is_subject)
        subject = gw_json_get(tape, 0, GW_STR("client_id"));

    if (issuer != GW_JSON_NONE) {
        if (gw_json_type(tape, issuer) != GW_JSON_STRING)
            return JOSE_CLAIMS_MALFORMED;
        writer->claims->issuer = put_str(writer, gw_json_string(tape, issuer));
    }
    if (subject != GW_JSON_NONE) {
        if (gw_json_type(tape, subject) != GW_JSON_STRING ||
            !is_subject(gw_json_string(tape, subject)))
            return JOSE_CLAIMS_MALFORMED;
        writer->claims->subject = put_str(writer, gw_json_string(tape, subject));
    }
    if (id != GW_JSON_NONE) {
        if (gw_json_type(tape, id) != GW_JSON_STRING)
            return JOSE_CLAIMS_MALFORMED;
        writer->claims->id = put_str(writer, gw_json_string(tape, id));
    }
    return JOSE_OK;
}

/* Where the object that begins `text` ends. What stands there was read as JSON already. */
static size_t object_len(struct gw_str text)
{
    bool is_inside_string = false;
    size_t depth = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_inside_string && c == '\\')
            i++;
        else if (c == '"')
            is_inside_string = !is_inside_string;
        else if (!is_inside_string && c == '{')
            depth++;
        else if (!is_inside_string && c == '}' && --depth == 0)
            return i + 1;
    }
    return text.len;
}

/* The payload lies at the block's beginning, so the tape's offsets are the block's, too. */
static enum jose_verdict read_confirmation(struct writer *writer)
{
    const struct gw_json_tape *tape = writer->tape;
    uint32_t at = gw_json_get(tape, 0, GW_STR("cnf"));

    if (at == GW_JSON_NONE)
        return JOSE_OK;
    if (gw_json_type(tape, at) != GW_JSON_OBJECT)
        return JOSE_CLAIMS_MALFORMED;
    size_t offset = gw_json_offset(tape, at);
    size_t len = object_len(gw_str_tail(tape->text, offset));
    writer->claims->confirmation = (struct claims_span){(uint32_t)offset, (uint32_t)len};
    return JOSE_OK;
}

static enum jose_verdict fill(struct writer *writer, const struct claims_form *form)
{
    for (size_t i = 0; i < form->required_count; i++) {
        uint32_t at = gw_json_get(writer->tape, 0, form->required[i]);
        if (at == GW_JSON_NONE || gw_json_type(writer->tape, at) == GW_JSON_NULL)
            return JOSE_CLAIM_MISSING;
    }

    enum jose_verdict verdict = read_names(writer, form);
    if (verdict == JOSE_OK)
        verdict = read_audiences(writer);
    if (verdict == JOSE_OK)
        verdict = read_scopes(writer, form);
    if (verdict == JOSE_OK)
        verdict = read_dates(writer->tape, writer->claims);
    if (verdict == JOSE_OK)
        verdict = read_confirmation(writer);
    return verdict;
}

enum jose_verdict claims_read(struct gw_arena *arena, struct gw_str payload, enum jose_type type,
                              const struct claims_form *form, const struct claims **out_claims)
{
    const struct gw_json_limits limits = {GW_JSON_LIMITS_DEFAULT.max_bytes, MAX_DEPTH};
    struct gw_json_error why;
    struct gw_json_tape tape;
    int rc = gw_json_read(arena, payload, &limits, &tape, &why);

    if (rc == -ENOMEM)
        return JOSE_NO_MEMORY;
    if (rc != 0 || gw_json_type(&tape, 0) != GW_JSON_OBJECT)
        return JOSE_CLAIMS_MALFORMED;
    if (tape.has_duplicates)
        return JOSE_DUPLICATE_NAME;

    /* The payload itself, and at most once more what it says: a string is never longer than its
     * literal, and an audience's length takes no more room than two quotes, a comma and a byte. The
     * exception is the empty audience, which three characters write. */
    size_t room = payload.len + payload.len * 2 + sizeof(uint32_t);
    struct claims *claims = gw_arena_calloc(arena, 1, sizeof(*claims) + room);
    if (claims == NULL)
        return JOSE_NO_MEMORY;
    struct writer writer = {.tape = &tape, .claims = claims};
    claims->type = type;
    claims->payload = put_str(&writer, payload);
    enum jose_verdict verdict = fill(&writer, form);
    if (verdict != JOSE_OK)
        return verdict;
    claims->size = sizeof(*claims) + writer.used;
    *out_claims = claims;
    return JOSE_OK;
}

static bool has_audience(const struct claims *claims, const struct claims_rules *rules)
{
    struct gw_str rest = claims_text(claims, claims->audiences);
    uint32_t len;

    while (rest.len > 0) {
        memcpy(&len, rest.ptr, sizeof(len));
        struct gw_str audience = gw_str_from(rest.ptr + sizeof(len), len);
        for (size_t i = 0; i < rules->audience_count; i++) {
            if (gw_str_equal(audience, rules->audiences[i]))
                return true;
        }
        rest = gw_str_tail(rest, sizeof(len) + len);
    }
    return false;
}

enum jose_verdict claims_check(const struct claims *claims, const struct claims_rules *rules,
                               int64_t now_s)
{
    if (rules->issuer.len > 0 && !gw_str_equal(claims_text(claims, claims->issuer), rules->issuer))
        return JOSE_ISSUER;
    if (rules->type != JOSE_TYPE_NONE && claims->type != rules->type)
        return JOSE_TYPE;
    if (claims->expires_s == CLAIMS_NO_TIME && rules->needs_expiry)
        return JOSE_CLAIM_MISSING;
    if (claims->expires_s != CLAIMS_NO_TIME && now_s - rules->leeway_s >= claims->expires_s)
        return JOSE_EXPIRED;
    if (claims->not_before_s != CLAIMS_NO_TIME && now_s + rules->leeway_s < claims->not_before_s)
        return JOSE_NOT_YET;
    if (claims->issued_s != CLAIMS_NO_TIME && now_s + rules->leeway_s < claims->issued_s)
        return JOSE_NOT_YET;
    if (rules->audience_count > 0 && !has_audience(claims, rules))
        return JOSE_AUDIENCE;
    return JOSE_OK;
}
