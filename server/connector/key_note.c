#include "server/connector/key_note.h"

#include "server/connector/connector.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/http/exchange.h"
#include "server/store/keyed_record.h"
#include "server/store/record.h"
#include "server/store/reply.h"

/* So often a transition that has met another state is asked for once more. */
#define MAX_DOUBTS 2

struct key_note {
    struct gw_connector_call *call;
    void *instance;
    void (*begin)(void *instance, struct gw_connector_call *call);
    struct gw_keyed_claim *claim;
    enum gw_effect_class class;
    struct gw_record_write write;
    struct gw_str args[GW_KEYED_NOTE_ARGS];
    bool is_ours; /* the claim still is */
};

bool gw_key_note_is_due(const struct gw_connector_call *call, enum gw_effect_class class)
{
    const struct gw_exchange *cause = call->cause;
    const struct gw_connector_function *function = call->function;

    if (function->reads_with != NULL && function->reads_with(&call->arguments))
        return false;
    if (cause == NULL || cause->claim == NULL || cause->claim->has_begun ||
        call->worker->record_writer == NULL)
        return false;
    return class == GW_EFFECT_TRANSITION || gw_request_field(cause, GW_STR("If-Match")) != NULL;
}

bool gw_key_note_may_meet_itself(const struct gw_connector_call *call)
{
    const struct gw_keyed_claim *claim = call->cause != NULL ? call->cause->claim : NULL;

    return claim != NULL && claim->begun_before > 0 && claim->begun_before <= MAX_DOUBTS;
}

static void fail(struct gw_connector_call *call, const char *reason)
{
    const struct gw_connector_failure failure = {.error = GW_CONNECTOR_UNAVAILABLE,
                                                 .reason = gw_str_of(reason),
                                                 .retry_ns = GW_NS_PER_SECOND};

    gw_connector_fail(call, &failure);
}

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct key_note *note = GW_CONTAINER_OF(write, struct key_note, write);

    note->is_ours = reply->type == GW_REPLY_INTEGER && reply->integer == 1;
    return note->is_ours;
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct key_note *note = GW_CONTAINER_OF(write, struct key_note, write);
    struct gw_connector_call *call = note->call;

    call->state = NULL;
    call->cancel = NULL;
    if (rc != 0) {
        fail(call, "the write could not be noted at its key now: nothing was sent");
    } else if (!note->is_ours) {
        fail(call, "the request's key is claimed by another by now: nothing was sent");
    } else {
        note->claim->has_begun = true;
        note->claim->may_have_left = note->class == GW_EFFECT_KEYED;
        note->begin(note->instance, call);
    }
}

static void on_cancel(struct gw_connector_call *call)
{
    struct key_note *note = call->state;

    gw_record_write_stop(&note->write);
}

void gw_key_note_start(void *instance, struct gw_connector_call *call, enum gw_effect_class class,
                       void (*begin)(void *instance, struct gw_connector_call *call))
{
    struct key_note *note = gw_arena_calloc(call->arena, 1, sizeof(*note));

    if (note == NULL) {
        fail(call, "out of memory: nothing was sent");
        return;
    }
    note->call = call;
    note->instance = instance;
    note->begin = begin;
    note->claim = call->cause->claim;
    note->class = class;
    note->args[0] = note->claim->owner;
    note->args[1] = note->claim->fence;
    note->write = (struct gw_record_write){.on_reply = on_reply, .on_done = on_done};
    call->state = note;
    call->cancel = on_cancel;
    const struct gw_redis_eval eval = {.script = &gw_keyed_note_script,
                                       .keys = &note->claim->name,
                                       .key_count = 1,
                                       .args = note->args,
                                       .arg_count = GW_KEYED_NOTE_ARGS};
    int rc = gw_record_write_start(call->worker->record_writer, &note->write, &eval);
    if (rc != 0)
        on_done(&note->write, rc);
}
