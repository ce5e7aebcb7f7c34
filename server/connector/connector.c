#include "server/connector/connector.h"

#include <assert.h>
#include <stdio.h>

#include "server/connector/count.h"
#include "server/connector/guard.h"
#include "server/connector/key_note.h"
#include "server/core/clock.h"
#include "server/crypto/digest.h"
#include "server/filter/worker.h"
#include "server/http/exchange.h"
#include "server/store/keyed_record.h"
#include "server/upstream/backend.h"

#define ERRORS "https://millgate.dev/errors/"

static const struct gw_connector_error_row rows[GW_CONNECTOR_ERROR_COUNT] = {
    [GW_CONNECTOR_OK] = {"ok", "", 200, NULL, false},
    [GW_CONNECTOR_UNAVAILABLE] = {"unavailable", ERRORS "unavailable", 503, "unavailable", true},
    [GW_CONNECTOR_IN_DOUBT] = {"in-doubt", ERRORS "in-doubt", 502, "effect-in-doubt", false},
    [GW_CONNECTOR_CONFLICT] = {"conflict", ERRORS "conflict", 409, "changed-meanwhile", false},
    [GW_CONNECTOR_REFUSED] = {"refused", ERRORS "refused", 422, "refused", false},
    [GW_CONNECTOR_NOT_FOUND] = {"not-found", ERRORS "not-found", 404, "not-found", false},
    [GW_CONNECTOR_GONE] = {"gone", ERRORS "gone", 410, "gone", false},
    [GW_CONNECTOR_DENIED] = {"denied", ERRORS "denied", 502, "bad-gateway", false},
    [GW_CONNECTOR_RUBBISH] = {"rubbish", ERRORS "rubbish", 502, "bad-gateway", false},
    [GW_CONNECTOR_WRONG] = {"wrong", ERRORS "wrong", 500, "internal-error", false},
};

const struct gw_connector_error_row *gw_connector_error_row(enum gw_connector_error error)
{
    assert(error < GW_CONNECTOR_ERROR_COUNT);
    return &rows[error];
}

/* --- the end of a call --- */

static void end(struct gw_connector_call *call, const struct gw_connector_failure *failure)
{
    void (*done)(struct gw_connector_call *, const struct gw_connector_failure *) = call->done;

    call->done = NULL;
    call->cancel = NULL;
    if (done == NULL)
        return; /* cancelled */
    if (!call->is_part)
        gw_connector_count(call, failure == NULL ? GW_CONNECTOR_OK : failure->error);
    done(call, failure);
}

void gw_connector_done(struct gw_connector_call *call, struct gw_value result)
{
    call->result = result;
    end(call, NULL);
}

void gw_connector_fail(struct gw_connector_call *call, const struct gw_connector_failure *failure)
{
    assert(failure->error != GW_CONNECTOR_OK);
    bool is_stale = failure->error == GW_CONNECTOR_CONFLICT && failure->backend_status == 412;
    if (!call->may_meet_itself || !is_stale) {
        end(call, failure);
        return;
    }
    /* What it was changed by may be the earlier attempt, just now: whoever reads again knows. */
    struct gw_connector_failure doubt = *failure;
    doubt.error = GW_CONNECTOR_IN_DOUBT;
    doubt.retry_ns = GW_NS_PER_SECOND;
    end(call, &doubt);
}

void gw_connector_fail_with(struct gw_connector_call *call, enum gw_connector_error error,
                            const char *format, ...)
{
    char reason[512];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    gw_connector_fail(call,
                      &(struct gw_connector_failure){.error = error, .reason = gw_str_of(reason)});
}

static bool is_plain(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte <= 0x20 || byte >= 0x7f || byte == '"' || byte == '\\')
            return false;
    }
    return true;
}

struct gw_str gw_connector_key_text(struct gw_arena *arena, struct gw_str key)
{
    char digest[2 * GW_DIGEST_MAX_BYTES + 1];

    if (is_plain(key))
        return key;
    gw_digest_hex(GW_SHA256, key, digest);
    return gw_arena_copy(arena, gw_str_of(digest));
}

void gw_connector_cancel(struct gw_connector_call *call)
{
    void (*cancel)(struct gw_connector_call *) = call->cancel;

    call->done = NULL;
    call->cancel = NULL;
    if (cancel != NULL)
        cancel(call);
}

/* --- the start --- */

static const struct gw_option *find_parameter(const struct gw_option *table, struct gw_str name)
{
    for (; table != NULL && table->type != GW_END; table++) {
        if (gw_str_equal(gw_str_of(table->name), name))
            return table;
    }
    return NULL;
}

/* The first argument that nobody knows; empty: there is none. */
static struct gw_str find_unknown(const struct gw_connector_call *call)
{
    for (uint32_t i = 0; i < call->arguments.count; i++) {
        struct gw_str name = call->arguments.members[i].name;
        if (!gw_str_equal(name, GW_STR(GW_CONNECTOR_BACKEND)) &&
            find_parameter(call->function->parameters, name) == NULL)
            return name;
    }
    return GW_STR("");
}

static const char *find_missing(const struct gw_connector_call *call)
{
    const struct gw_option *option = call->function->parameters;

    for (; option != NULL && option->type != GW_END; option++) {
        if ((option->flags & GW_OPTION_REQUIRED) != 0 &&
            gw_value_member(&call->arguments, gw_str_of(option->name)) == NULL)
            return option->name;
    }
    return NULL;
}

static enum gw_effect_class class_of(void *instance, const struct gw_connector_call *call)
{
    const struct gw_connector_function *function = call->function;

    if (function->classify != NULL)
        return function->classify(instance, &call->arguments);
    return function->effect_with != NULL ? function->effect_with(&call->arguments)
                                         : function->effect;
}

static enum gw_effect_class class_at_backend(void *instance, const struct gw_connector_call *call)
{
    const struct gw_connector_function *function = call->function;
    enum gw_effect_class class = class_of(instance, call);

    if (function->sends_key && gw_effect_is_repeatable(&call->backend->config->effect))
        return GW_EFFECT_KEYED;
    if (class == GW_EFFECT_SEARCHABLE && function->look_up == NULL)
        return GW_EFFECT_UNKNOWN;
    return class;
}

static void begin_function(void *instance, struct gw_connector_call *call)
{
    call->function->begin(instance, call);
}

static void begin_searchable(void *instance, struct gw_connector_call *call)
{
    gw_guard_start(instance, call, true);
}

static void begin_once(void *instance, struct gw_connector_call *call)
{
    gw_guard_start(instance, call, false);
}

static void begin_write(void *instance, struct gw_connector_call *call)
{
    enum gw_effect_class class = class_at_backend(instance, call);
    bool is_guarded = call->effect_key.len > 0 && call->worker->record_writer != NULL;
    void (*begin)(void *instance, struct gw_connector_call *call) = begin_function;

    if (is_guarded && class == GW_EFFECT_SEARCHABLE)
        begin = begin_searchable;
    else if (is_guarded && class == GW_EFFECT_UNKNOWN)
        begin = begin_once;
    call->may_meet_itself = class == GW_EFFECT_TRANSITION && gw_key_note_may_meet_itself(call);
    if (gw_key_note_is_due(call, class))
        gw_key_note_start(instance, call, class, begin);
    else
        begin(instance, call);
}

void gw_connector_begin(void *instance, struct gw_connector_call *call)
{
    call->state = NULL;
    call->cancel = NULL;
    call->may_meet_itself = false;
    call->result = gw_value_null();
    if (call->arguments.type != GW_JSON_OBJECT) {
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "the arguments are no object");
        return;
    }
    struct gw_str unknown = find_unknown(call);
    const char *missing = find_missing(call);
    if (unknown.len > 0)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "unknown argument \"%.*s\"",
                               GW_STR_ARG(unknown));
    else if (missing != NULL)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "lacks the argument \"%s\"", missing);
    else if (call->function->is_write)
        begin_write(instance, call);
    else
        begin_function(instance, call);
}
