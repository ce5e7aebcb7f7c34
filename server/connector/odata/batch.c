/* odata.batch. */
#include "server/connector/odata/batch.h"

#include <errno.h>

#include "server/connector/odata/functions.h"
#include "server/connector/odata/run.h"
#include "server/core/arena.h"
#include "server/core/buf.h"

#define MAX_BATCH_BYTES (32u << 20)

struct batch_run {
    struct odata_batch batch;
    struct odata_request request;
    bool reports; /* failures of members are the result, not the call's */
};

/* --- the end ---------------------------------------------------------------------------------- */

static void fail_by_member(struct odata_run *run, const struct odata_member *culprit)
{
    const struct gw_str parts[] = {culprit->id, GW_STR(": "), culprit->refusal.message};
    struct odata_reply reply = {
        .error = culprit->error,
        .status = culprit->status,
        .refusal = culprit->refusal,
    };

    reply.refusal.message = gw_arena_join(run->call->arena, parts, GW_COUNT_OF(parts));
    if (reply.refusal.message.ptr == NULL)
        odata_run_fail_memory(run);
    else
        odata_run_refuse(run, &reply);
}

static void conclude(struct odata_run *run)
{
    struct batch_run *state = run->state;
    const struct odata_member *culprit = odata_batch_culprit(&state->batch);
    struct gw_value result;

    if (culprit != NULL && !state->reports)
        fail_by_member(run, culprit);
    else if (odata_batch_make_result(run->call->arena, &state->batch, &result) != 0)
        odata_run_fail_memory(run);
    else
        odata_run_done(run, result);
}

/* Nothing is known of writes whose answer cannot be read. */
static void fail_unreadable(struct odata_run *run, int status, const char *why)
{
    const struct batch_run *state = run->state;
    bool is_lost = state->batch.has_writes && !run->is_repeatable;

    odata_run_fail(run, is_lost ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_RUBBISH, status, why);
}

static void on_answer(struct odata_run *run, const struct odata_reply *reply)
{
    struct batch_run *state = run->state;
    const struct odata_settings *settings = &run->odata->settings;
    struct gw_arena *arena = run->call->arena;
    struct gw_error error;
    int rc;

    if (reply->error != GW_CONNECTOR_OK) {
        odata_run_refuse(run, reply);
        return;
    }
    rc = settings->batches_json
             ? odata_batch_take_json(arena, settings, reply->body, &state->batch, &error)
             : odata_batch_take_multipart(reply->content_type, reply->body, &state->batch, &error);
    if (rc == -EBADMSG) {
        fail_unreadable(run, reply->status, error.text);
        return;
    }
    if (rc == 0)
        rc = odata_batch_settle(arena, settings,
                                run->is_repeatable ? ODATA_WRITING_ONCE : ODATA_WRITING,
                                &state->batch);
    if (rc != 0)
        odata_run_fail_memory(run);
    else
        conclude(run);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static int write_body(struct odata_run *run, struct gw_str *out_body)
{
    const struct odata_settings *settings = &run->odata->settings;
    const struct batch_run *state = run->state;
    struct gw_buf buf;

    gw_buf_init(&buf, MAX_BATCH_BYTES);
    if (settings->batches_json)
        odata_batch_write_json(&buf, settings, &state->batch);
    else
        odata_batch_write_multipart(&buf, &state->batch);
    struct gw_str body = gw_str_from(NULL, 0);
    if (!buf.has_failed)
        body = gw_arena_copy(run->call->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    *out_body = body;
    return body.ptr != NULL ? 0 : -ENOMEM;
}

static int read_arguments(struct odata_run *run, struct gw_error *error)
{
    struct batch_run *state = run->state;
    const struct odata_builder builder = {
        .arena = run->call->arena,
        .settings = &run->odata->settings,
        .arguments = &run->call->arguments,
        .error = error,
    };
    struct gw_str partial;
    int rc = odata_argument_text(&builder, "partial", &partial);

    if (rc == 0)
        rc = odata_batch_read(&builder, &state->batch);
    if (rc != 0)
        return rc;
    state->reports = gw_str_equal(partial, GW_STR("report"));
    if (state->batch.can_be_partial && !state->reports)
        return gw_error_set(error, -EINVAL,
                            "the batch can succeed in part: put all into one group, or say "
                            "\"partial: report\" and look at each answer");
    return 0;
}

void odata_batch_begin(void *self, struct gw_connector_call *call)
{
    struct odata_run *run = odata_run_create(self, call, sizeof(struct batch_run));
    struct gw_error error;

    if (run == NULL)
        return;
    struct batch_run *state = run->state;
    int rc = read_arguments(run, &error);
    if (rc == -EINVAL) {
        odata_run_fail(run, GW_CONNECTOR_WRONG, 0, error.text);
        return;
    }
    state->request = (struct odata_request){
        .method = "POST",
        .path = GW_STR("/$batch"),
        .is_write = state->batch.has_writes,
    };
    run->content_type = run->odata->settings.batches_json
                            ? GW_STR("application/json")
                            : GW_STR("multipart/mixed; boundary=" ODATA_BATCH_BOUNDARY);
    if (rc != 0 || write_body(run, &state->request.body) != 0)
        odata_run_fail_memory(run);
    else
        odata_run_send(run, &state->request, on_answer);
}
