#include "policies/jwt/revocation.h"

#include "server/json/reader.h"

#define KIND 'r' /* of "revocation:" */

/* -1 if it is not there. */
static int64_t number_of(const struct gw_json_tape *tape, const char *name)
{
    uint32_t at = gw_json_get(tape, 0, gw_str_of(name));
    uint64_t number;

    if (at == GW_JSON_NONE || gw_json_type(tape, at) != GW_JSON_NUMBER ||
        gw_str_to_u64(gw_json_number(tape, at), &number) != 0 || number > INT64_MAX)
        return -1;
    return (int64_t)number;
}

struct question {
    const struct gw_record_set *records;
    const struct claims *claims;
    int64_t now_s;
    struct gw_arena *arena;
};

/* A record that cannot be read counts: what it was meant to stop must not pass. */
static enum jose_verdict judge_by(const struct question *question, struct gw_str id)
{
    const struct gw_record *record;
    struct gw_json_error why;
    struct gw_json_tape tape;

    if (id.ptr == NULL)
        return JOSE_NO_MEMORY;
    record = gw_record_set_find(question->records, id);
    if (record == NULL)
        return JOSE_OK;
    if (gw_json_read(question->arena, gw_record_value(record), NULL, &tape, &why) != 0)
        return JOSE_REVOKED;
    int64_t not_after_s = number_of(&tape, "not_after");
    int64_t issued_before_s = number_of(&tape, "issued_before");
    if (not_after_s >= 0 && question->now_s >= not_after_s)
        return JOSE_OK;
    if (issued_before_s < 0 || question->claims->issued_s == CLAIMS_NO_TIME)
        return JOSE_REVOKED;
    return question->claims->issued_s <= issued_before_s ? JOSE_REVOKED : JOSE_OK;
}

enum jose_verdict revocation_judge(const struct gw_record_set *records, struct gw_str issuer,
                                   const struct claims *claims, int64_t now_s,
                                   struct gw_arena *arena)
{
    const struct question question = {records, claims, now_s, arena};
    struct gw_str jti = claims_text(claims, claims->id);
    struct gw_str subject = claims_text(claims, claims->subject);
    enum jose_verdict verdict = JOSE_OK;

    if (records == NULL || gw_record_set_count(records, KIND) == 0)
        return JOSE_OK;
    if (jti.len > 0) {
        const struct gw_str parts[] = {GW_STR("revocation:jti:"), issuer, GW_STR(":"), jti};
        verdict = judge_by(&question, gw_arena_join(arena, parts, GW_COUNT_OF(parts)));
    }
    if (verdict == JOSE_OK)
        verdict = judge_by(&question, gw_arena_printf(arena, "revocation:subject:%.*s:%.*s",
                                                      GW_STR_ARG(issuer), GW_STR_ARG(subject)));
    if (verdict == JOSE_OK)
        verdict = judge_by(&question,
                           gw_arena_printf(arena, "revocation:issuer:%.*s", GW_STR_ARG(issuer)));
    return verdict;
}
