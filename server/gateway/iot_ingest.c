/* iot.ingest: samples over HTTP. Into the inbox of their edge node's owner (iot/inbox.h), durably,
 * before the answer. */
#include "server/gateway/iot_ingest.h"

#include <errno.h>

#include "server/core/clock.h"
#include "server/filter/filter.h"
#include "server/filter/worker.h"
#include "server/iot/inbox.h"
#include "server/iot/quarantine_board.h"

#define MAX_BODY_BYTES ((size_t)4 * 1024 * 1024)
#define MAX_QUARANTINED 20 /* names of one request */
#define RETRY_NS GW_NS_PER_SECOND

static const struct gw_script put_script = {
    "iot.ingest",
    GW_STR_INIT("if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end\n"
                "redis.call('XADD', KEYS[1], '*', 'b', ARGV[1])\n"
                "return 1\n")};

static void leave(void *self)
{
    struct gw_ingest *ingest = self;

    for (size_t i = 0; i < ingest->node_count; i++)
        gw_record_write_stop(&ingest->nodes[i].write);
}

/* --- the answer --- */

static void write_errors(struct gw_buf *out, const struct gw_ingest *ingest)
{
    size_t told = ingest->refused < GW_INGEST_MAX_ERRORS ? ingest->refused : GW_INGEST_MAX_ERRORS;

    gw_buf_append_text(out, "\"errors\":[");
    for (size_t i = 0; i < told; i++) {
        const struct gw_ingest_error *error = &ingest->errors[i];
        gw_buf_append_text(out, i > 0 ? ",{" : "{");
        gw_iot_write_number(out, "line", (int64_t)error->line);
        gw_iot_write_text(out, "reason", gw_str_of(error->reason));
        gw_iot_write_text(out, "detail", error->detail);
        gw_buf_append_byte(out, '}');
    }
    gw_buf_append_byte(out, ']');
}

static void answer(struct gw_ingest *ingest)
{
    struct gw_exchange *ex = ingest->request.ex;
    struct gw_buf *text = gw_iot_make_text(ex);

    if (text == NULL)
        return;
    if (ingest->accepted == 0 && ingest->refused > 0) {
        write_errors(text, ingest);
        gw_problem_set_with(ex, "invalid-body", "None of the samples can be taken.",
                            text->has_failed ? GW_STR("") : gw_buf_str(text));
        gw_builtin_end(ex, false);
        return;
    }
    gw_buf_append_byte(text, '{');
    gw_iot_write_number(text, "accepted", (int64_t)ingest->accepted);
    gw_iot_write_number(text, "refused", (int64_t)ingest->refused);
    gw_buf_append_byte(text, ',');
    write_errors(text, ingest);
    gw_buf_append_byte(text, '}');
    gw_iot_answer(ex, 202, text, true);
}

/* Some may stand: the whole can be sent again, a sample that is there twice counts once. */
static void end(struct gw_ingest *ingest)
{
    struct gw_exchange *ex = ingest->request.ex;

    for (size_t i = 0; i < ingest->node_count; i++) {
        if (ingest->nodes[i].rc == 0 && !ingest->nodes[i].is_full)
            continue;
        (void)gw_exchange_reject(ex, "unavailable",
                                 ingest->nodes[i].is_full
                                     ? "Too many samples wait for their edge node's owner."
                                     : "The samples could not be kept. Send all again.",
                                 RETRY_NS);
        gw_builtin_end(ex, true);
        return;
    }
    answer(ingest);
}

/* --- keeping --- */

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct gw_ingest_node *node = GW_CONTAINER_OF(write, struct gw_ingest_node, write);

    node->is_full = reply->integer != 1;
    return !node->is_full;
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct gw_ingest_node *node = GW_CONTAINER_OF(write, struct gw_ingest_node, write);

    node->rc = rc;
    if (--node->ingest->waiting == 0 && node->ingest->is_sent)
        end(node->ingest);
}

static void put(struct gw_ingest *ingest, struct gw_ingest_node *node)
{
    struct gw_exchange *ex = ingest->request.ex;

    node->key =
        gw_arena_printf(&ex->arena, "millgate:iot:{%.*s}:inbox", GW_STR_ARG(node->config->id));
    node->args[0] = gw_buf_str(&node->samples);
    node->args[1] = gw_arena_printf(&ex->arena, "%d", GW_INBOX_MAX);
    node->eval =
        (struct gw_redis_eval){&put_script, &node->key, 1, node->args, 2, 2 * GW_NS_PER_SECOND};
    node->write.on_reply = on_reply;
    node->write.on_done = on_done;
    node->rc = -ENOMEM;
    if (node->key.ptr != NULL && node->args[1].ptr != NULL)
        node->rc = gw_record_write_start(ex->worker->record_writer, &node->write, &node->eval);
    ingest->waiting += node->rc == 0;
}

/* Seen by who looks after devices; not waited for. */
static void quarantine(struct gw_ingest *ingest)
{
    struct gw_exchange *ex = ingest->request.ex;
    struct gw_redis_eval *eval = gw_arena_calloc(&ex->arena, 1, sizeof(*eval));
    struct gw_iot_asking *asking = gw_arena_calloc(&ex->arena, 1, sizeof(*asking));
    struct gw_str *args = gw_arena_calloc(&ex->arena, 5 * MAX_QUARANTINED + 1, sizeof(*args));
    struct gw_str *key = gw_arena_calloc(&ex->arena, 1, sizeof(*key));
    size_t count = 0;

    if (eval == NULL || args == NULL || key == NULL || asking == NULL ||
        gw_iot_asking_init(asking, ex, 1) != 0)
        return;
    struct gw_str now = gw_arena_printf(&ex->arena, "%lld", (long long)ingest->now_ms);
    args[count++] = gw_arena_printf(&ex->arena, "%d", GW_QUARANTINE_MAX);
    for (size_t i = 0; i < ingest->refused && i < GW_INGEST_MAX_ERRORS; i++) {
        const struct gw_ingest_error *error = &ingest->errors[i];
        if (gw_str_has_prefix(gw_str_of(error->reason), GW_STR("unknown-")) &&
            error->detail.len <= 512 && count + 5 <= 5 * MAX_QUARANTINED + 1) {
            args[count++] =
                gw_arena_printf(&ex->arena, "%s %.*s", error->reason, GW_STR_ARG(error->detail));
            args[count++] = now;
            args[count++] = now;
            args[count++] = GW_STR("1");
            args[count++] = gw_arena_printf(&ex->arena, "over HTTP, by %.*s",
                                            GW_STR_ARG(ex->identity.consumer));
        }
    }
    for (size_t i = 0; i < count; i++)
        if (args[i].ptr == NULL)
            return;
    *key = GW_STR(GW_QUARANTINE_KEY);
    *eval = (struct gw_redis_eval){&gw_quarantine_add_script, key, 1, args, count, 0};
    if (count > 1)
        gw_iot_ask_script(asking, eval); /* its answer ends nothing: that were all is not said */
}

static void start(struct gw_exchange *ex)
{
    struct gw_ingest *ingest = gw_arena_calloc(&ex->arena, 1, sizeof(*ingest));
    struct gw_error *error = gw_arena_calloc(&ex->arena, 1, sizeof(*error));

    if (ingest == NULL || error == NULL || gw_arena_defer(&ex->arena, leave, ingest) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return;
    }
    if (!gw_iot_read_request(ex, &ingest->request))
        return;
    ingest->now_ms = (int64_t)(ex->wall_ns / GW_NS_PER_MS);
    ingest->max_future_ms = ex->view->snapshot->config->iot.host_limits.max_future_ms;
    int rc = gw_ingest_read(ingest, error);
    if (rc == -ENOMEM) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return;
    }
    if (rc != 0) {
        gw_iot_refuse(ex, rc == -E2BIG ? "body-too-large" : "invalid-body", error->text);
        return;
    }
    if (ingest->refused > 0)
        quarantine(ingest);
    for (size_t i = 0; i < ingest->node_count; i++)
        put(ingest, &ingest->nodes[i]);
    ingest->is_sent = true;
    if (ingest->waiting > 0)
        gw_exchange_must_finish(ex);
    else
        end(ingest);
}

const struct gw_builtin gw_iot_ingest = {
    .name = "iot.ingest",
    .section = "iot",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = start,
};
