#include "server/connector/tryton/answer.h"

#include <errno.h>

#include "server/connector/answer.h"
#include "server/core/buf.h"

#define MAX_REASON_BYTES 512

/* --- failures --------------------------------------------------------------------------------- */

static enum gw_connector_error fail(struct gw_connector_failure *out_failure,
                                    enum gw_connector_error error, const char *code,
                                    struct gw_str reason)
{
    out_failure->error = error;
    out_failure->code = gw_str_of(code);
    out_failure->reason = reason;
    return error;
}

/* Nothing can be said of a write whose answer is none. */
static enum gw_connector_error fail_rubbish(struct gw_connector_failure *out_failure, bool is_write,
                                            const char *reason)
{
    return fail(out_failure, is_write ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_RUBBISH, "rubbish",
                gw_str_of(reason));
}

static enum gw_connector_error fail_memory(struct gw_connector_failure *out_failure, bool is_write)
{
    return fail_rubbish(out_failure, is_write, "the answer is too large");
}

/* --- error: [name, details] ------------------------------------------------------------------- */

static const struct {
    struct gw_str name;
    enum gw_connector_error error;
} exceptions[] = {
    {GW_STR_INIT("UserError"), GW_CONNECTOR_REFUSED},
    {GW_STR_INIT("UserWarning"), GW_CONNECTOR_REFUSED},
    {GW_STR_INIT("ConcurrencyException"), GW_CONNECTOR_CONFLICT},
    {GW_STR_INIT("LoginException"), GW_CONNECTOR_DENIED},
};

/* What databases say when others were first; Tryton has tried it several times and undone it. */
static const char *const busy[] = {
    "database is locked", "database table is locked", "could not serialize access",
    "deadlock detected",  "could not obtain lock",    "canceling statement due to lock timeout",
};

/* A session of this user that has come to its end is deleted by every call that sees it: of two at
 * once, the second one fails over it. Tryton looks at it before a call and, which is worse, once
 * more when the call's transaction is done. */
static bool is_about_session(const struct gw_value *details)
{
    static const char name[] = "\"Session\"";
    struct gw_str text = details->type == GW_JSON_ARRAY && details->count > 0 &&
                                 details->items[0].type == GW_JSON_STRING
                             ? details->items[0].text
                             : GW_STR("");

    return memmem(text.ptr, text.len, name, sizeof(name) - 1) != NULL;
}

static bool is_busy(struct gw_str text)
{
    for (size_t i = 0; i < GW_COUNT_OF(busy); i++) {
        if (memmem(text.ptr, text.len, busy[i], strlen(busy[i])) != NULL)
            return true;
    }
    return false;
}

/* All texts in `value`, one behind the other: a message, and what explains it. */
static void append_texts(struct gw_buf *out, const struct gw_value *value)
{
    if (value->type == GW_JSON_STRING && value->text.len > 0) {
        if (out->len > 0)
            gw_buf_append_text(out, ": ");
        gw_buf_append_str(out, value->text);
    }
    for (uint32_t i = 0; value->type == GW_JSON_ARRAY && i < value->count; i++) {
        if (value->items[i].type == GW_JSON_STRING)
            append_texts(out, &value->items[i]);
    }
}

/* At most so many bytes: the first are enough for an operator. */
static struct gw_str reason_of(struct gw_arena *arena, const struct gw_value *details)
{
    struct gw_buf buf;

    gw_buf_init(&buf, (size_t)64 << 10);
    append_texts(&buf, details);
    struct gw_str text = gw_buf_str(&buf);
    if (text.len > MAX_REASON_BYTES)
        text.len = MAX_REASON_BYTES;
    text = gw_arena_copy(arena, text);
    gw_buf_finish(&buf);
    return text.ptr == NULL ? GW_STR("") : text;
}

static enum gw_connector_error read_error(struct gw_arena *arena, const struct gw_value *error,
                                          bool is_write, struct gw_connector_failure *out_failure)
{
    static const struct gw_value nothing = {.type = GW_JSON_NULL};
    const struct gw_value *name =
        error->type == GW_JSON_ARRAY && error->count > 0 ? &error->items[0] : &nothing;
    const struct gw_value *details =
        error->type == GW_JSON_ARRAY && error->count > 1 ? &error->items[1] : error;

    if (name->type != GW_JSON_STRING)
        return fail(out_failure, GW_CONNECTOR_WRONG, "error", GW_STR("an error without a name"));
    if (gw_str_equal(name->text, GW_STR("UserError")) && is_about_session(details))
        return fail(out_failure, is_write ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_UNAVAILABLE,
                    TRYTON_CODE_SESSION_END, reason_of(arena, details));
    for (size_t i = 0; i < GW_COUNT_OF(exceptions); i++) {
        if (gw_str_equal(name->text, exceptions[i].name))
            return fail(out_failure, exceptions[i].error, exceptions[i].name.ptr,
                        reason_of(arena, details));
    }
    if (is_busy(name->text))
        return fail(out_failure, GW_CONNECTOR_UNAVAILABLE, "busy", reason_of(arena, error));
    return fail(out_failure, GW_CONNECTOR_WRONG, "error", reason_of(arena, error));
}

/* --- the body --------------------------------------------------------------------------------- */

static int read_json(struct gw_arena *arena, const struct gw_call_answer *answer,
                     struct gw_value *out_value)
{
    const struct gw_value *ahead = gw_call_take_json(answer, arena);
    struct gw_json_error error;

    if (ahead != NULL) {
        *out_value = *ahead;
        return 0;
    }
    struct gw_str text = gw_arena_copy(arena, answer->body);
    return text.ptr == NULL
               ? -ENOMEM
               : gw_value_read(arena, text, &GW_JSON_LIMITS_DEFAULT, out_value, &error);
}

static enum gw_connector_error read_body(struct gw_arena *arena,
                                         const struct gw_call_answer *answer, bool is_write,
                                         struct gw_value *out_result,
                                         struct gw_connector_failure *out_failure)
{
    struct gw_value whole;
    int rc = read_json(arena, answer, &whole);

    if (rc == -ENOMEM)
        return fail_memory(out_failure, is_write);
    if (rc != 0)
        return fail_rubbish(out_failure, is_write, "the answer is no JSON");
    const struct gw_value *error = gw_value_member(&whole, GW_STR("error"));
    const struct gw_value *result = gw_value_member(&whole, GW_STR("result"));
    if (error != NULL)
        return read_error(arena, error, is_write, out_failure);
    if (result == NULL)
        return fail_rubbish(out_failure, is_write, "the answer has neither result nor error");
    *out_result = *result;
    return GW_CONNECTOR_OK;
}

/* The statuses that mean something else here than elsewhere. */
static enum gw_connector_error read_status(int status, struct gw_connector_failure *out_failure)
{
    switch (status) {
    case 401:
        return fail(out_failure, GW_CONNECTOR_DENIED, TRYTON_CODE_SESSION,
                    GW_STR("Tryton knows no such session, or no such user and password"));
    case 403:
        return fail(out_failure, GW_CONNECTOR_DENIED, "method",
                    GW_STR("Tryton does not let us call this method"));
    case 400:
    case 404:
    case 413:
        return fail(out_failure, GW_CONNECTOR_WRONG, "request",
                    GW_STR("Tryton knows no such database, or does not take the request"));
    default:
        return GW_CONNECTOR_OK;
    }
}

enum gw_connector_error tryton_answer_read(struct gw_arena *arena,
                                           const struct gw_call_answer *answer, bool is_write,
                                           struct gw_value *out_result,
                                           struct gw_connector_failure *out_failure)
{
    *out_failure = (struct gw_connector_failure){.backend_status = answer->backend_status};
    enum gw_connector_error error = read_status(answer->backend_status, out_failure);
    if (error != GW_CONNECTOR_OK)
        return error;
    error = gw_connector_judge(answer, is_write, out_failure);
    if (error != GW_CONNECTOR_OK) {
        struct gw_str reason = gw_arena_copy(arena, out_failure->reason);
        out_failure->reason = reason.ptr == NULL ? GW_STR("") : reason;
        return error;
    }
    return read_body(arena, answer, is_write, out_result, out_failure);
}
