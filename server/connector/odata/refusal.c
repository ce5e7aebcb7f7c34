#include "server/connector/odata/refusal.h"

#include <errno.h>

#include "server/connector/answer.h"
#include "server/core/arena.h"

#define MAX_DEPTH 32
#define MAX_TEXT_BYTES 400 /* of what an operator reads */

/* --- bodies ----------------------------------------------------------------------------------- */

/* "a text", or V2's {"lang": "en", "value": "a text"}. */
static struct gw_str message_of(const struct gw_value *error)
{
    const struct gw_value *message = gw_value_member(error, GW_STR("message"));

    if (message != NULL && message->type == GW_JSON_OBJECT)
        return gw_value_member_text(message, GW_STR("value"));
    return gw_value_member_text(error, GW_STR("message"));
}

/* The first of the details, which says more than "Multiple errors occurred". */
static const struct gw_value *detail_of(const struct gw_value *error)
{
    const struct gw_value *inner = gw_value_member(error, GW_STR("innererror"));
    const struct gw_value *list = gw_value_member(error, GW_STR("details"));

    if (list == NULL)
        list = gw_value_member(inner, GW_STR("errordetails"));
    return list != NULL && list->type == GW_JSON_ARRAY && list->count > 0 ? &list->items[0] : NULL;
}

static struct gw_str shortened(struct gw_str text)
{
    size_t len = text.len < MAX_TEXT_BYTES ? text.len : MAX_TEXT_BYTES;

    while (len > 0 && len < text.len && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--;
    return gw_str_from(text.ptr, len);
}

int odata_refusal_take(struct gw_arena *arena, const struct gw_value *body,
                       struct odata_refusal *out)
{
    const struct gw_value *error = gw_value_member(body, GW_STR("error"));
    const struct gw_value *detail = detail_of(error);
    struct gw_str message = shortened(message_of(error));
    struct gw_str target = gw_value_member_text(error, GW_STR("target"));
    struct gw_str more = shortened(message_of(detail));

    *out = (struct odata_refusal){.code = gw_value_member_text(error, GW_STR("code"))};
    out->code = shortened(out->code);
    if (gw_str_equal(more, message))
        more = gw_str_from(NULL, 0);
    if (target.len == 0 || gw_str_equal(target, GW_STR("/#TRANSIENT#")))
        target = gw_value_member_text(detail, GW_STR("target"));
    if (message.len == 0)
        return 0;
    const struct gw_str parts[] = {
        message,
        more.len > 0 ? GW_STR(": ") : gw_str_from(NULL, 0),
        more,
        target.len > 0 ? GW_STR(" (at ") : gw_str_from(NULL, 0),
        shortened(target),
        target.len > 0 ? GW_STR(")") : gw_str_from(NULL, 0),
    };
    out->message = gw_arena_join(arena, parts, GW_COUNT_OF(parts));
    return out->message.ptr != NULL ? 0 : -ENOMEM;
}

int odata_refusal_read(struct gw_arena *arena, struct gw_str body, struct odata_refusal *out)
{
    const struct gw_json_limits limits = {.max_bytes = 1u << 20, .max_depth = MAX_DEPTH};
    struct gw_json_error flaw;
    struct gw_value value;
    int rc = gw_value_read(arena, body, &limits, &value, &flaw);

    *out = (struct odata_refusal){0};
    if (rc == 0)
        return odata_refusal_take(arena, &value, out);
    return rc == -ENOMEM ? rc : 0;
}

/* --- classes ---------------------------------------------------------------------------------- */

static bool has_word(struct gw_str text, const char *word)
{
    struct gw_str wanted = gw_str_of(word);

    for (size_t i = 0; i + wanted.len <= text.len; i++)
        if (gw_str_equal_nocase(gw_str_from(text.ptr + i, wanted.len), wanted))
            return true;
    return false;
}

static bool says_one_of(const struct odata_refusal *refusal, const char *const *words)
{
    for (; *words != NULL; words++)
        if (has_word(refusal->code, *words) || has_word(refusal->message, *words))
            return true;
    return false;
}

/* Databases speak through a service that has not asked them before: their words, so far as they
 * are known (SQLite, PostgreSQL, HANA, and CAP's and SAP Gateway's own). */
static const char *const duplicate_words[] = {
    "CONSTRAINT_PRIMARYKEY",
    "CONSTRAINT_UNIQUE",
    "UNIQUE_CONSTRAINT",
    "unique constraint",
    "ALREADY_EXISTS",
    "already exists",
    "duplicate key",
    "23505",
    NULL,
};
static const char *const busy_words[] = {
    "SQLITE_BUSY", "SQLITE_LOCKED",  "database is locked", "deadlock", "40001",
    "40P01",       "locked by user", "lock wait timeout",  NULL,
};
static const char *const rule_words[] = {"CONSTRAINT", "NOT NULL", NULL};

static enum gw_connector_error class_of_5xx(int status, const struct odata_refusal *refusal,
                                            enum odata_ask ask)
{
    if (status == 501)
        return GW_CONNECTOR_WRONG;
    if (status == 503 || says_one_of(refusal, busy_words))
        return GW_CONNECTOR_UNAVAILABLE;
    if (says_one_of(refusal, duplicate_words))
        return GW_CONNECTOR_CONFLICT;
    if (says_one_of(refusal, rule_words))
        return GW_CONNECTOR_REFUSED;
    if (ask == ODATA_WRITING)
        return GW_CONNECTOR_IN_DOUBT;
    if (status == 500 && refusal->message.len == 0)
        return GW_CONNECTOR_RUBBISH;
    return GW_CONNECTOR_UNAVAILABLE;
}

enum gw_connector_error odata_refusal_class(int status, const struct odata_refusal *refusal,
                                            enum odata_ask ask)
{
    if (status == 423) /* somebody holds a lock on it */
        return GW_CONNECTOR_UNAVAILABLE;
    if ((status == 400 || status == 422) && says_one_of(refusal, duplicate_words))
        return GW_CONNECTOR_CONFLICT;
    if (status >= 500)
        return class_of_5xx(status, refusal, ask);
    return gw_connector_judge_status(status, ask == ODATA_WRITING);
}
