#include "server/upstream/late_write.h"

#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/filter/worker_share.h"
#include "server/observe/metrics.h"
#include "server/store/record.h"

#define MAX_COUNT 1000
#define MAX_BYTES ((size_t)32 * 1024 * 1024)
#define PERIOD_NS GW_NS_PER_SECOND
#define FIRST_NS (1 * GW_NS_PER_MS)
#define LONGEST_NS (600 * GW_NS_PER_SECOND)
#define DOUBTFUL_TIMES 5

static const struct gw_metric metric_waiting = {
    "millgate_late_writes", "Ends of claims that wait until Redis takes them.", NULL, true};
static const struct gw_metric metric_lost = {
    "millgate_lost_writes_total",
    "Ends of claims that Redis never took: the outcome stays unknown.", NULL, false};

static const struct gw_metric metric_forgotten = {
    "millgate_forgotten_claims_total",
    "Claims that Redis has lost although it had acknowledged them: writes may have been made "
    "twice.",
    NULL, false};

struct late_list {
    struct gw_worker_share share; /* first */
    struct gw_list writes;
    struct gw_timer timer;
    size_t count, bytes;
    bool is_held; /* a user of the share is the list itself, so that it stays */
};

struct late_write {
    struct gw_list node;
    struct late_list *list;
    struct gw_record_write write;
    struct gw_redis_eval eval;
    struct gw_str keys[GW_MAX_LATE_WRITE_KEYS];
    struct gw_str args[GW_MAX_LATE_WRITE_ARGS];
    uint64_t until_ns;
    size_t bytes;
    unsigned times_left;
    char text[]; /* of keys and args */
};

static struct gw_metrics_shard *metrics_of(const struct late_list *list)
{
    return list->share.worker->metrics;
}

static void drop(struct late_write *late)
{
    struct late_list *list = late->list;

    gw_record_write_stop(&late->write);
    gw_list_remove(&late->node);
    list->count--;
    list->bytes -= late->bytes;
    gw_metrics_set(metrics_of(list), &metric_waiting, list->count);
    free(late);
}

static void note_forgotten(const struct late_list *list, const struct gw_redis_eval *eval)
{
    gw_metrics_add(metrics_of(list), &metric_forgotten, 1);
    gw_log_error("%s: Redis has forgotten %.*s, which it had acknowledged: a write may have been "
                 "made twice; see redis.problems of /readyz",
                 eval->script->name, GW_STR_ARG(eval->keys[0]));
}

void gw_late_write_note_forgotten(struct gw_worker_share *share, const struct gw_redis_eval *eval)
{
    if (share != NULL && share->worker != NULL)
        note_forgotten(GW_CONTAINER_OF(share, struct late_list, share), eval);
}

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    const struct late_write *late = GW_CONTAINER_OF(write, struct late_write, write);

    if (reply->type == GW_REPLY_INTEGER && reply->integer < 0)
        note_forgotten(late->list, &late->eval);
    return reply->type == GW_REPLY_INTEGER && reply->integer != 0;
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct late_write *late = GW_CONTAINER_OF(write, struct late_write, write);

    if (rc == 0 && --late->times_left == 0)
        drop(late);
}

static void try_one(struct late_write *late)
{
    struct gw_record_writer *writer = late->list->share.worker->record_writer;

    late->write = (struct gw_record_write){.on_reply = on_reply, .on_done = on_done};
    if (gw_record_write_start(writer, &late->write, &late->eval) != 0)
        late->write = (struct gw_record_write){.on_reply = on_reply, .on_done = on_done};
}

static void let_go(struct late_list *list)
{
    list->is_held = false;
    gw_worker_share_close(&list->share);
}

static void on_timer(struct gw_timer *timer)
{
    struct late_list *list = GW_CONTAINER_OF(timer, struct late_list, timer);
    struct gw_loop *loop = list->share.worker->loop;
    uint64_t now_ns = gw_loop_now_ns(loop);
    struct gw_list *next;

    for (struct gw_list *node = list->writes.next; node != &list->writes; node = next) {
        struct late_write *late = GW_LIST_ITEM(node, struct late_write, node);
        next = node->next;
        if (late->write.writer != NULL)
            continue;
        if (now_ns < late->until_ns) {
            try_one(late);
            continue;
        }
        gw_log_warn("%s: the end of a claim could not be written: its outcome is unknown",
                    late->eval.script->name);
        gw_metrics_add(metrics_of(list), &metric_lost, 1);
        drop(late);
    }
    if (list->count > 0)
        gw_timer_start(loop, timer, PERIOD_NS, on_timer);
    else
        let_go(list);
}

static size_t length_of(const struct gw_str *texts, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += texts[i].len;
    return bytes;
}

static void copy_texts(char **at, const struct gw_str *texts, size_t count, struct gw_str *out)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = gw_str_from(*at, texts[i].len);
        if (texts[i].len > 0)
            memcpy(*at, texts[i].ptr, texts[i].len);
        *at += texts[i].len;
    }
}

static struct late_write *make(const struct late_list *list, const struct gw_redis_eval *eval)
{
    size_t bytes = sizeof(struct late_write) + length_of(eval->keys, eval->key_count) +
                   length_of(eval->args, eval->arg_count);

    if (list->count >= MAX_COUNT || list->bytes + bytes > MAX_BYTES ||
        eval->key_count > GW_MAX_LATE_WRITE_KEYS || eval->arg_count > GW_MAX_LATE_WRITE_ARGS)
        return NULL;
    struct late_write *late = calloc(1, bytes);
    if (late == NULL)
        return NULL;
    char *at = late->text;
    late->bytes = bytes;
    copy_texts(&at, eval->keys, eval->key_count, late->keys);
    copy_texts(&at, eval->args, eval->arg_count, late->args);
    late->eval = (struct gw_redis_eval){.script = eval->script,
                                        .keys = late->keys,
                                        .key_count = eval->key_count,
                                        .args = late->args,
                                        .arg_count = eval->arg_count};
    return late;
}

void gw_late_write_add(struct gw_worker_share *share, const struct gw_redis_eval *eval,
                       bool is_doubtful)
{
    if (share == NULL || share->worker == NULL)
        return; /* the worker has ended */
    struct late_list *list = GW_CONTAINER_OF(share, struct late_list, share);
    struct late_write *late = make(list, eval);
    if (late == NULL) {
        gw_metrics_add(metrics_of(list), &metric_lost, 1);
        return;
    }
    late->list = list;
    late->times_left = is_doubtful ? DOUBTFUL_TIMES : 1;
    late->until_ns = gw_loop_now_ns(share->worker->loop) + LONGEST_NS;
    gw_list_append(&list->writes, &late->node);
    list->bytes += late->bytes;
    list->count++;
    if (!list->is_held) {
        list->is_held = true;
        share->users++;
        gw_timer_start(share->worker->loop, &list->timer, FIRST_NS, on_timer);
    }
    gw_metrics_set(metrics_of(list), &metric_waiting, list->count);
}

/* --- life --- */

static bool is_equal(const struct gw_worker_share *share, const void *config)
{
    (void)share;
    (void)config;
    return true;
}

static struct gw_worker_share *create(const void *config, struct gw_worker *worker)
{
    struct late_list *list = calloc(1, sizeof(*list));

    (void)config;
    (void)worker;
    if (list == NULL)
        return NULL;
    gw_list_init(&list->writes);
    return &list->share;
}

/* Nobody waits for the answers any more, but most of them would be good. */
static void send_all(struct late_list *list)
{
    for (struct gw_list *node = list->writes.next; node != &list->writes; node = node->next) {
        struct late_write *late = GW_LIST_ITEM(node, struct late_write, node);
        if (late->write.writer == NULL)
            try_one(late);
    }
}

static void leave(struct gw_worker_share *share)
{
    struct late_list *list = GW_CONTAINER_OF(share, struct late_list, share);

    gw_timer_stop(&list->timer);
    if (list->count > 0) {
        gw_log_warn("%zu ends of claims are sent without waiting: the worker ends", list->count);
        send_all(list);
        gw_record_writer_flush(share->worker->record_writer);
    }
    share->users -= list->is_held;
    list->is_held = false;
    while (!gw_list_is_empty(&list->writes))
        drop(GW_LIST_ITEM(list->writes.next, struct late_write, node));
}

static void destroy(struct gw_worker_share *share)
{
    free(GW_CONTAINER_OF(share, struct late_list, share));
}

struct gw_worker_share *gw_late_write_open(struct gw_worker *worker)
{
    static const struct gw_worker_share_type type = {
        .is_equal = is_equal, .create = create, .leave = leave, .destroy = destroy};

    return gw_worker_share_open(&type, NULL, worker);
}
