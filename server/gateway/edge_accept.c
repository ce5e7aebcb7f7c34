#include "server/gateway/edge_accept.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/contract/parameter_values.h"
#include "server/core/clock.h"
#include "server/event/spool_line.h"
#include "server/filter/filter.h"
#include "server/filter/worker.h"
#include "server/gateway/edge_accept_private.h"
#include "server/gateway/events_private.h"
#include "server/observe/metrics.h"

#define MAX_BODY_BYTES ((size_t)4 << 20)
#define MAX_LINES_BYTES ((size_t)4 << 20)   /* unpacked */
#define MAX_ARENA_BYTES ((size_t)128 << 20) /* what lines of nothing but numbers need */
#define MAX_ANSWER_BYTES ((size_t)256 << 10)
#define MAX_TOLD 100 /* refused events */
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)
#define RETRY_NS GW_NS_PER_SECOND
#define EPOCH_KEPT_S "7776000" /* 90 days behind its last batch */

#define NAME "millgate_edge_events_total"
#define HELP "Events that edges delivered, by result."
static const struct gw_metric taken = {NAME, HELP, "result=\"appended\"", false};
static const struct gw_metric repeated = {NAME, HELP, "result=\"repeated\"", false};
static const struct gw_metric refused = {NAME, HELP, "result=\"refused\"", false};
static const struct gw_metric dropped = {NAME, HELP, "result=\"dropped_at_edge\"", false};
static const struct gw_metric gaps = {"millgate_edge_gaps_total",
                                      "Batches that did not follow the last one.", NULL, false};

/* KEYS: the epoch's last sequence. ARGV: first, last, how long it is kept (s). */
static const struct gw_script commit_script = {
    "edge.commit", GW_STR_INIT("local last = tonumber(redis.call('GET', KEYS[1]) or '0')\n"
                               "if tonumber(ARGV[1]) > last + 1 then return {1, last} end\n"
                               "if tonumber(ARGV[2]) > last then last = tonumber(ARGV[2]) end\n"
                               "redis.call('SET', KEYS[1], string.format('%.0f', last), 'EX', "
                               "ARGV[3])\n"
                               "return {0, last}\n")};

static void leave(void *self)
{
    struct edge_batch *batch = self;

    edge_batch_enrich_leave(batch);
    for (size_t i = 0; i < batch->count; i++)
        gw_event_log_cancel(&batch->items[i].append);
    if (batch->question != NULL)
        gw_redis_cancel(batch->question);
    gw_record_write_stop(&batch->commit);
    gw_buf_finish(&batch->lines);
    gw_arena_finish(&batch->arena);
}

/* --- answers --- */

static void refuse_gap(struct edge_batch *batch, uint64_t known)
{
    struct gw_exchange *ex = batch->ex;
    struct gw_str members = gw_arena_printf(&ex->arena, "\"expected\":%" PRIu64, known + 1);

    gw_metrics_add(ex->worker->metrics, &gaps, 1);
    gw_problem_set_with(ex, "sequence-gap", "The batch does not follow the last one.",
                        members.ptr != NULL ? members : GW_STR(""));
    gw_builtin_end(ex, false);
}

static void print_refused(struct gw_buf *text, const struct edge_batch *batch)
{
    size_t told = 0;

    for (size_t i = 0; i < batch->count && told < MAX_TOLD; i++) {
        const struct edge_item *item = &batch->items[i];
        if (item->problem == NULL || item->sequence <= batch->known)
            continue;
        gw_buf_printf(text,
                      "%s{\"sequence\":%" PRIu64 ",\"problem\":\"/problems/%s\",\"detail\":\"",
                      told++ > 0 ? "," : "", item->sequence, item->problem);
        gw_buf_append_json(text, item->detail);
        gw_buf_append_text(text, "\"}");
    }
}

static void answer(struct edge_batch *batch, uint64_t acknowledged)
{
    struct gw_buf *text = gw_events_make_text(batch->ex, MAX_ANSWER_BYTES);

    if (text != NULL) {
        gw_buf_printf(text, "{\"acknowledged\":%" PRIu64 ",\"refused\":[", acknowledged);
        print_refused(text, batch);
        gw_buf_append_text(text, "]}");
    }
    gw_events_answer(batch->ex, 200, text, true);
}

static void count(const struct edge_batch *batch)
{
    struct gw_metrics_shard *metrics = batch->ex->worker->metrics;
    uint64_t appended = 0, is_refused = 0, old = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct edge_item *item = &batch->items[i];
        if (item->sequence <= batch->known)
            old++;
        else if (item->problem != NULL)
            is_refused++;
        else
            appended++;
    }
    gw_metrics_add(metrics, &taken, appended);
    gw_metrics_add(metrics, &repeated, old);
    gw_metrics_add(metrics, &refused, is_refused);
    if (batch->first > batch->known)
        gw_metrics_add(metrics, &dropped, batch->dropped);
}

/* --- committing --- */

static bool on_commit_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct edge_batch *batch = GW_CONTAINER_OF(write, struct edge_batch, commit);
    int64_t result = reply->type == GW_REPLY_ARRAY ? gw_reply_integer_at(reply, 0) : -1;

    batch->committed = result < 0 ? 0 : (uint64_t)gw_reply_integer_at(reply, 1);
    batch->rc = result == 0 ? 0 : result == 1 ? -EILSEQ : -EPROTO;
    return result == 0;
}

static void on_commit(struct gw_record_write *write, int rc)
{
    struct edge_batch *batch = GW_CONTAINER_OF(write, struct edge_batch, commit);

    if (rc == 0)
        rc = batch->rc;
    if (rc == -EILSEQ) {
        refuse_gap(batch, batch->committed);
    } else if (rc != 0) {
        gw_events_refuse_for(batch->ex, rc);
    } else {
        count(batch);
        answer(batch, batch->committed);
    }
}

static void commit(struct edge_batch *batch)
{
    struct gw_arena *arena = &batch->ex->arena;
    const struct gw_redis_eval eval = {&commit_script, &batch->key, 1, batch->args, 3, TIMEOUT_NS};

    if (edge_is_disabled(batch->ex, batch->edge)) {
        gw_events_refuse(batch->ex, "forbidden", EDGE_REVOKED);
        return;
    }
    batch->args[0] = gw_arena_printf(arena, "%" PRIu64, batch->first);
    batch->args[1] = gw_arena_printf(arena, "%" PRIu64, batch->last);
    batch->args[2] = GW_STR(EPOCH_KEPT_S);
    batch->commit.on_reply = on_commit_reply;
    batch->commit.on_done = on_commit;
    int rc = batch->args[0].ptr == NULL || batch->args[1].ptr == NULL ? -ENOMEM : 0;
    if (rc == 0)
        rc = gw_record_write_start(batch->ex->worker->record_writer, &batch->commit, &eval);
    if (rc != 0)
        gw_events_refuse_for(batch->ex, rc);
}

/* --- appending --- */

static void start_append(struct edge_item *item);

static void end_appends(struct edge_batch *batch)
{
    if (batch->waiting > 0)
        return;
    if (batch->rc == -EACCES)
        gw_events_refuse(batch->ex, "forbidden", EDGE_REVOKED);
    else if (batch->rc != 0)
        gw_events_refuse_for(batch->ex, batch->rc);
    else
        commit(batch);
}

static void on_appended(struct gw_event_append *append, int rc, struct gw_str place,
                        bool is_repeated)
{
    struct edge_item *item = GW_CONTAINER_OF(append, struct edge_item, append);
    struct edge_batch *batch = item->batch;
    (void)place, (void)is_repeated;

    batch->waiting--;
    if (rc != 0 && batch->rc == 0)
        batch->rc = rc;
    if (rc == 0 && item->next != NULL && batch->rc == 0)
        start_append(item->next);
    end_appends(batch);
}

static void start_append(struct edge_item *item)
{
    struct edge_batch *batch = item->batch;

    item->append = (struct gw_event_append){.event = item->event, .done = on_appended};
    int rc = edge_is_disabled(batch->ex, batch->edge)
                 ? -EACCES
                 : gw_event_log_append(batch->log, &item->append);
    if (rc == 0)
        batch->waiting++;
    else if (batch->rc == 0)
        batch->rc = rc;
}

/* One subject's are appended one behind the other: of a batch that fails in its midst, what comes
 * again keeps its order. */
static void link_subjects(struct edge_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct edge_item *item = &batch->items[i];
        if (item->event == NULL || item->sequence <= batch->known)
            continue;
        for (size_t k = i + 1; k < batch->count && item->next == NULL; k++) {
            struct edge_item *other = &batch->items[k];
            if (other->event != NULL && gw_str_equal(other->event->subject, item->event->subject))
                item->next = other;
        }
        if (item->next != NULL)
            item->next->is_headed = true;
    }
}

static void append_all(struct edge_batch *batch)
{
    batch->waiting++; /* ours */
    link_subjects(batch);
    for (size_t i = 0; i < batch->count && batch->rc == 0; i++) {
        struct edge_item *item = &batch->items[i];
        if (item->event != NULL && item->sequence > batch->known && !item->is_headed)
            start_append(item);
    }
    batch->waiting--;
    end_appends(batch);
}

/* --- what is known --- */

static void on_known(void *self, int rc, const struct gw_reply *reply)
{
    struct edge_batch *batch = self;

    batch->question = NULL;
    if (rc == 0 && reply->type == GW_REPLY_STRING)
        rc = gw_str_to_u64(reply->text, &batch->known);
    else if (rc == 0 && reply->type != GW_REPLY_NIL)
        rc = -EPROTO;
    if (rc != 0) {
        gw_events_refuse_for(batch->ex, rc);
    } else if (batch->first > batch->known + 1) {
        refuse_gap(batch, batch->known);
    } else if (batch->last <= batch->known) {
        count(batch);
        answer(batch, batch->known);
    } else {
        edge_batch_enrich(batch, append_all);
    }
}

static void ask_known(struct edge_batch *batch)
{
    struct gw_exchange *ex = batch->ex;
    const struct gw_str args[] = {GW_STR("GET"), batch->key};
    const struct gw_redis_command command = {args, 2, TIMEOUT_NS};
    int rc = gw_redis_send(ex->worker->redis, &command, on_known, batch, &batch->question);

    if (rc != 0)
        gw_events_refuse_for(ex, rc);
    else
        gw_exchange_must_finish(ex);
}

/* --- the request --- */

static bool is_epoch(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') && byte != '.')
            return false;
    }
    return text.len > 0 && text.len <= 64;
}

/* NULL, or the problem. */
static const char *read_request(struct edge_batch *batch, const char **out_detail)
{
    struct gw_exchange *ex = batch->ex;
    struct gw_value parameters;

    *out_detail = NULL;
    if (gw_parameters_read(ex, &ex->arena, &parameters) != 0)
        return "overloaded";
    batch->edge = edge_find(ex, gw_value_member_text(&parameters, GW_STR("edge")));
    *out_detail = "The certificate is not this edge's.";
    if (batch->edge == NULL)
        return "forbidden";
    batch->epoch = gw_value_member_text(&parameters, GW_STR("epoch"));
    batch->first = gw_events_number(&parameters, GW_STR("first"), 0);
    *out_detail = "`epoch` is of a-z, 0-9 and \".\", `first` from 1.";
    if (!is_epoch(batch->epoch) || batch->first == 0 || batch->first > GW_SPOOL_MAX_SEQUENCE)
        return "invalid-parameter";
    batch->key = gw_arena_printf(&ex->arena, "millgate:edge:{%.*s}:%.*s",
                                 GW_STR_ARG(batch->edge->id), GW_STR_ARG(batch->epoch));
    return batch->key.ptr != NULL ? NULL : "overloaded";
}

static void start(struct gw_exchange *ex)
{
    struct gw_event_service *service = gw_event_service_get(ex);
    struct edge_batch *batch = gw_arena_calloc(&ex->arena, 1, sizeof(*batch));
    const char *detail;
    struct gw_str why;

    if (service == NULL) {
        gw_builtin_end(ex, false);
        return;
    }
    if (batch == NULL || gw_arena_defer(&ex->arena, leave, batch) != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
        return;
    }
    batch->ex = ex;
    batch->log = service->log;
    gw_buf_init(&batch->lines, MAX_LINES_BYTES);
    gw_arena_init(&batch->arena, 64 << 10, MAX_ARENA_BYTES);
    const char *problem = read_request(batch, &detail);
    if (problem != NULL) {
        gw_events_refuse(ex, problem, detail);
        return;
    }
    problem = edge_batch_read(batch, &why);
    if (problem != NULL)
        gw_events_refuse(ex, problem, why.len > 0 ? why.ptr : NULL);
    else
        ask_known(batch);
}

const struct gw_builtin gw_edge_accept = {
    .name = "edge.accept",
    .section = "edges",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = start,
};
