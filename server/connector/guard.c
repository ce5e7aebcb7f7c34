#include "server/connector/guard.h"

#include <errno.h>
#include <stdbool.h>

#include "server/connector/connector.h"
#include "server/connector/effect_claim.h"
#include "server/connector/effect_note.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/filter/worker_share.h"
#include "server/store/effect_record.h"
#include "server/store/record.h"
#include "server/store/reply.h"
#include "server/upstream/backend.h"
#include "server/upstream/late_write.h"

#define MAX_RESULT_BYTES ((size_t)64 * 1024)
#define SEVERAL "it was found more than once: a person must decide"

struct guard {
    struct gw_connector_call *outer;
    void *instance;
    struct gw_connector_call inner;
    struct gw_worker_share *late;
    struct gw_record_write write;
    struct effect_claim claim;
    enum gw_effect_begin result;
    int64_t number; /* that came with it */
    int64_t age_ms; /* since the first attempt, of which something is to be found */
    struct gw_str kept;
    bool has_result;
    bool can_be_found;
    bool is_inner;   /* a call of the function is under way */
    bool is_sending; /* and it is not one that looks */
    bool is_claimed;
    bool is_ours;  /* the last end was accepted */
    bool is_known; /* found again, only to say what it was */
    struct gw_connector_failure failure;
    bool has_failed;
};

static void close(struct guard *guard)
{
    gw_worker_share_close(guard->late);
    guard->late = NULL;
    guard->outer->cancel = NULL;
}

static void fail(struct guard *guard, const struct gw_connector_failure *failure)
{
    close(guard);
    gw_connector_fail(guard->outer, failure);
}

static void fail_with(struct guard *guard, enum gw_connector_error error, const char *reason,
                      uint64_t retry_ns)
{
    const struct gw_connector_failure failure = {
        .error = error, .reason = gw_str_of(reason), .retry_ns = retry_ns};

    fail(guard, &failure);
}

/* It was done, and what the flow would go on with is not known: it must not go on without. */
static void fail_without_result(struct guard *guard, const char *reason)
{
    const struct gw_connector_failure failure = {.error = GW_CONNECTOR_IN_DOUBT,
                                                 .reason = gw_str_of(reason),
                                                 .code = GW_STR("result-not-kept")};

    fail(guard, &failure);
}

/* --- the claim's end --- */

static void end_later(struct guard *guard, bool is_doubtful)
{
    const struct gw_redis_eval eval = effect_claim_end(&guard->claim);

    gw_late_write_add(guard->late, &eval, is_doubtful);
}

static void report(struct guard *guard)
{
    if (guard->has_failed) {
        fail(guard, &guard->failure);
        return;
    }
    close(guard);
    gw_connector_done(guard->outer, guard->outer->result);
}

static bool on_end_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct guard *guard = GW_CONTAINER_OF(write, struct guard, write);
    int64_t answer = reply->type == GW_REPLY_INTEGER ? reply->integer : 0;

    if (answer < 0)
        gw_late_write_note_forgotten(guard->late, &write->eval);
    guard->is_ours = answer == 1;
    return answer != 0;
}

static void on_end_done(struct gw_record_write *write, int rc)
{
    struct guard *guard = GW_CONTAINER_OF(write, struct guard, write);

    if (rc != 0)
        end_later(guard, false);
    report(guard);
}

static void write_end(struct guard *guard, void (*on_done)(struct gw_record_write *write, int rc))
{
    const struct gw_redis_eval eval = effect_claim_end(&guard->claim);

    guard->is_ours = false;
    guard->write = (struct gw_record_write){.on_reply = on_end_reply, .on_done = on_done};
    int rc = gw_record_write_start(guard->outer->worker->record_writer, &guard->write, &eval);
    if (rc != 0)
        on_done(&guard->write, rc);
}

static void finish(struct guard *guard, const char *what, struct gw_str result)
{
    effect_claim_set_end(&guard->claim, what, result);
    write_end(guard, on_end_done);
}

static void keep_failure(struct guard *guard, const struct gw_connector_failure *failure)
{
    struct gw_arena *arena = guard->outer->arena;

    guard->has_failed = true;
    guard->failure = *failure;
    guard->failure.reason = gw_arena_copy(arena, failure->reason);
    guard->failure.code = gw_arena_copy(arena, failure->code);
}

/* It had its effect, and this is what came of it. */
static void finish_done(struct guard *guard, struct gw_value result)
{
    struct gw_buf text;
    struct gw_str kept = GW_STR("");

    guard->outer->result = result;
    gw_buf_init(&text, MAX_RESULT_BYTES);
    gw_value_write(&text, &result);
    if (!text.has_failed)
        kept = gw_arena_copy(guard->outer->arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    finish(guard, "done", kept.ptr == NULL ? GW_STR("") : kept);
}

/* --- the function --- */

static bool leaves_doubt(enum gw_connector_error error)
{
    return error == GW_CONNECTOR_IN_DOUBT || error == GW_CONNECTOR_RUBBISH;
}

static void on_sent(struct gw_connector_call *inner, const struct gw_connector_failure *failure);

static void begin_inner(struct guard *guard,
                        void (*begin)(void *self, struct gw_connector_call *call),
                        void (*done)(struct gw_connector_call *call,
                                     const struct gw_connector_failure *failure))
{
    guard->inner = *guard->outer;
    guard->inner.done = done;
    guard->inner.owner = guard;
    guard->inner.is_part = true;
    guard->inner.state = NULL;
    guard->inner.cancel = NULL;
    guard->is_inner = true;
    guard->is_sending = done == on_sent;
    begin(guard->instance, &guard->inner);
}

static void on_sent(struct gw_connector_call *inner, const struct gw_connector_failure *failure)
{
    struct guard *guard = inner->owner;

    guard->is_inner = false;
    if (failure == NULL) {
        finish_done(guard, inner->result);
        return;
    }
    keep_failure(guard, failure);
    if (leaves_doubt(failure->error)) {
        guard->failure.error = GW_CONNECTOR_IN_DOUBT;
        guard->failure.retry_ns = guard->can_be_found ? guard->claim.settle_ns : 0;
        gw_effect_note(guard->outer, GW_EFFECT_NOTE_IN_DOUBT, guard->failure.reason);
        finish(guard, "unknown", GW_STR(""));
    } else {
        finish(guard, "released", GW_STR(""));
    }
}

static void send(struct guard *guard)
{
    if (gw_clock_monotonic_ns() >= guard->outer->deadline_ns) {
        const struct gw_connector_failure late = {.error = GW_CONNECTOR_UNAVAILABLE,
                                                  .reason = GW_STR("no time was left to send it")};
        keep_failure(guard, &late);
        finish(guard, "released", GW_STR(""));
        return;
    }
    begin_inner(guard, guard->outer->function->begin, on_sent);
}

/* --- looking --- */

static void note_looked(const struct guard *guard, enum gw_effect_note note, const char *what)
{
    struct gw_str text =
        gw_arena_printf(guard->outer->arena, "%s %.3f s after the first attempt (settle %.3f s)",
                        what, (double)guard->age_ms / 1e3, (double)guard->claim.settle_ns / 1e9);

    gw_effect_note(guard->outer, note, text.ptr != NULL ? text : gw_str_of(what));
}

static void on_renewed(struct gw_record_write *write, int rc)
{
    struct guard *guard = GW_CONTAINER_OF(write, struct guard, write);

    if (rc == 0 && guard->is_ours) {
        note_looked(guard, GW_EFFECT_NOTE_RESENT, "it was not found");
        send(guard);
        return;
    }
    effect_claim_set_end(&guard->claim, "unknown",
                         GW_STR("")); /* nothing was sent; whoever comes next looks again */
    end_later(guard, rc != 0);
    fail_with(guard, GW_CONNECTOR_UNAVAILABLE, "the effect's claim could not be renewed",
              GW_NS_PER_SECOND);
}

/* That it was done is known, only not what came of it. */
static void on_known_looked(struct guard *guard, const struct gw_value *found,
                            const struct gw_connector_failure *failure)
{
    if (failure != NULL) {
        fail(guard, failure);
    } else if (found->type != GW_JSON_ARRAY || found->count != 1) {
        fail_without_result(guard, "it was done, and what came of it cannot be found");
    } else {
        guard->outer->result = found->items[0];
        report(guard);
    }
}

static void on_looked(struct gw_connector_call *inner, const struct gw_connector_failure *failure)
{
    struct guard *guard = inner->owner;
    const struct gw_value *found = &inner->result;

    guard->is_inner = false;
    if (guard->is_known) {
        on_known_looked(guard, found, failure);
        return;
    }
    if (failure != NULL || found->type != GW_JSON_ARRAY) {
        const struct gw_connector_failure rubbish = {.error = GW_CONNECTOR_RUBBISH};
        keep_failure(guard, failure == NULL ? &rubbish : failure);
        guard->failure.error = GW_CONNECTOR_IN_DOUBT; /* whatever kept us from looking */
        guard->failure.retry_ns = GW_NS_PER_SECOND;
        finish(guard, "unknown", GW_STR(""));
    } else if (found->count == 0) {
        effect_claim_set_end(&guard->claim, "send", GW_STR(""));
        write_end(guard, on_renewed);
    } else if (found->count == 1) {
        note_looked(guard, GW_EFFECT_NOTE_ADOPTED, "it was found");
        finish_done(guard, found->items[0]);
    } else {
        const struct gw_connector_failure several = {.error = GW_CONNECTOR_IN_DOUBT,
                                                     .reason = GW_STR(SEVERAL),
                                                     .code = GW_STR(GW_CONNECTOR_UNKNOWN_FOR_GOOD)};
        keep_failure(guard, &several);
        gw_effect_note(guard->outer, GW_EFFECT_NOTE_DEAD, several.reason);
        finish(guard, "dead", GW_STR(""));
    }
}

static void look(struct guard *guard)
{
    begin_inner(guard, guard->outer->function->look_up, on_looked);
}

/* --- the claim --- */

static void answer_kept(struct guard *guard)
{
    struct gw_json_error error;

    gw_effect_note(guard->outer, GW_EFFECT_NOTE_REPLAYED, GW_STR(""));
    if (guard->kept.len == 0 && guard->can_be_found) { /* what it was, was too much to keep */
        guard->is_known = true;
        look(guard);
        return;
    }
    if (guard->kept.len == 0 ||
        gw_value_read(guard->outer->arena, guard->kept, NULL, &guard->outer->result, &error) != 0) {
        fail_without_result(guard, "it was done, and what came of it was too much to be kept");
        return;
    }
    report(guard);
}

/* The operator finds the effect by its key, in the log and in the list. */
static void fail_in_doubt(struct guard *guard, const char *reason, const char *code,
                          uint64_t retry_ns)
{
    struct gw_str text = gw_arena_printf(guard->outer->arena, "%s (effect %.*s)", reason,
                                         GW_STR_ARG(guard->outer->effect_key));
    const struct gw_connector_failure failure = {.error = GW_CONNECTOR_IN_DOUBT,
                                                 .reason =
                                                     text.ptr != NULL ? text : gw_str_of(reason),
                                                 .code = gw_str_of(code),
                                                 .retry_ns = retry_ns};

    fail(guard, &failure);
}

static void decide(struct guard *guard)
{
    switch (guard->result) {
    case GW_EFFECT_SEND:
        send(guard);
        break;
    case GW_EFFECT_LOOK:
        look(guard);
        break;
    case GW_EFFECT_DONE:
        answer_kept(guard);
        break;
    case GW_EFFECT_BUSY:
        fail_in_doubt(guard, "an earlier attempt is under way, or has not settled yet", "",
                      (uint64_t)guard->number * GW_NS_PER_MS);
        break;
    case GW_EFFECT_LOST:
        fail_in_doubt(guard, "an earlier attempt was sent, and its outcome is unknown",
                      GW_CONNECTOR_UNKNOWN_FOR_GOOD, 0);
        break;
    case GW_EFFECT_SEVERAL:
        fail_in_doubt(guard, SEVERAL, GW_CONNECTOR_UNKNOWN_FOR_GOOD, 0);
        break;
    }
}

static bool on_begin_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct guard *guard = GW_CONTAINER_OF(write, struct guard, write);
    int64_t result = reply->type == GW_REPLY_ARRAY ? gw_reply_integer_at(reply, 0) : -1;

    if (result < GW_EFFECT_SEND || result > GW_EFFECT_SEVERAL)
        return false;
    guard->result = (enum gw_effect_begin)result;
    guard->has_result = true;
    guard->is_claimed = result == GW_EFFECT_SEND || result == GW_EFFECT_LOOK;
    if (guard->is_claimed || result == GW_EFFECT_BUSY)
        guard->number = gw_reply_integer_at(reply, 1);
    if (guard->is_claimed)
        effect_claim_set_fence(&guard->claim, guard->number);
    if (result == GW_EFFECT_LOOK)
        guard->age_ms = gw_reply_integer_at(reply, 2);
    else if (result == GW_EFFECT_DONE && reply->count > 1)
        guard->kept = gw_arena_copy(guard->outer->arena, reply->items[1].text);
    return guard->is_claimed;
}

static void on_begin_done(struct gw_record_write *write, int rc)
{
    struct guard *guard = GW_CONTAINER_OF(write, struct guard, write);

    if (rc == 0 && guard->has_result) {
        decide(guard);
        return;
    }
    if (guard->is_claimed || (!guard->has_result && rc != -EPROTO && rc != -ENOTCONN)) {
        effect_claim_set_end(&guard->claim, "abandoned", GW_STR(""));
        end_later(guard, !guard->has_result);
    }
    fail_with(guard, GW_CONNECTOR_UNAVAILABLE,
              "the effect could not be recorded now: nothing was sent", GW_NS_PER_SECOND);
}

static void on_cancel(struct gw_connector_call *call)
{
    struct guard *guard = call->state;

    if (guard->is_inner) {
        gw_connector_cancel(&guard->inner);
        effect_claim_set_end(&guard->claim, "unknown", GW_STR(""));
        if (guard->is_sending)
            gw_effect_note(call, GW_EFFECT_NOTE_IN_DOUBT, GW_STR("nobody waited for its end"));
        if (!guard->is_known)
            end_later(guard, false);
    } else {
        bool is_ending = guard->claim.end_args[0].ptr != NULL;
        gw_record_write_stop(&guard->write);
        if (!is_ending)
            effect_claim_set_end(&guard->claim, "abandoned", GW_STR(""));
        else if (gw_str_equal(guard->claim.end_args[2], GW_STR("send")))
            effect_claim_set_end(&guard->claim, "unknown", GW_STR(""));
        end_later(guard, true);
    }
    close(guard);
}

static int start(struct guard *guard)
{
    const struct gw_redis_eval eval = effect_claim_begin(&guard->claim);

    guard->outer->state = guard;
    guard->outer->cancel = on_cancel;
    guard->write = (struct gw_record_write){.on_reply = on_begin_reply, .on_done = on_begin_done};
    return gw_record_write_start(guard->outer->worker->record_writer, &guard->write, &eval);
}

void gw_guard_start(void *instance, struct gw_connector_call *call, bool can_be_found)
{
    struct guard *guard = gw_arena_calloc(call->arena, 1, sizeof(*guard));
    const struct gw_connector_failure failure = {
        .error = GW_CONNECTOR_UNAVAILABLE,
        .reason = GW_STR("the effect could not be recorded now: nothing was sent"),
        .retry_ns = GW_NS_PER_SECOND};

    if (guard == NULL) {
        gw_connector_fail(call, &failure);
        return;
    }
    guard->outer = call;
    guard->instance = instance;
    guard->can_be_found = can_be_found;
    guard->late = gw_late_write_open(call->worker);
    if (guard->late == NULL || effect_claim_make(&guard->claim, call, can_be_found) != 0 ||
        start(guard) != 0)
        fail(guard, &failure);
}
