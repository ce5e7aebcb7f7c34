#include "server/event/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "server/core/list.h"
#include "server/event/event_metrics.h"
#include "server/event/log_keys.h"
#include "server/observe/metrics.h"
#include "server/store/record.h"

#define MAX_APPENDS 4096 /* under way */
#define TIMEOUT_NS (UINT64_C(1000) * 1000 * 1000)

enum { APPENDED, REPEATED, FULL, MISMATCH };

/* KEYS: stream, guard, of. ARGV: event, partitions, guard (s), how many are too many. */
static const struct gw_script append_script = {
    "event-append",
    GW_STR_INIT("local of = redis.call('GET', KEYS[3])\n"
                "if not of then redis.call('SET', KEYS[3], ARGV[2])\n"
                "elseif of ~= ARGV[2] then return {3, of} end\n"
                "local at = redis.call('GET', KEYS[2])\n"
                "if at then return {1, at} end\n"
                "if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[4]) then return {2, ''} end\n"
                "local id = redis.call('XADD', KEYS[1], '*', 'e', ARGV[1])\n"
                "redis.call('SET', KEYS[2], id, 'EX', ARGV[3])\n"
                "return {0, id}\n"),
};

enum { KEY_STREAM, KEY_GUARD, KEY_OF, KEY_COUNT };
enum { ARG_EVENT, ARG_PARTITIONS, ARG_GUARD, ARG_FULL, ARG_COUNT };

/* One append under way, in the log's list. */
struct appending {
    struct gw_record_write write;
    struct gw_list node;
    struct gw_event_log *log;
    struct gw_event_append *append; /* NULL: nobody waits for it */
    struct gw_event_place place;
    int64_t result;
    char guard[24], full[24]; /* of the configuration when it came */
    char key_texts[KEY_COUNT][GW_EVENT_KEY_BYTES];
    struct gw_str keys[KEY_COUNT], args[ARG_COUNT];
    struct gw_buf text;
};

struct gw_event_log {
    struct gw_event_log_config config;
    struct gw_record_writer *writer;
    struct gw_record_writer *own_writer; /* if none was given */
    struct gw_metrics_shard *metrics;
    struct gw_list appends;
    size_t append_count;
    char partitions[16];
};

struct gw_event_log *gw_event_log_create(struct gw_redis *redis, struct gw_record_writer *writer,
                                         const struct gw_event_log_config *config,
                                         struct gw_metrics_shard *metrics)
{
    const struct gw_record_writer_config own = {.redis = redis};
    struct gw_event_log *log = calloc(1, sizeof(*log));

    if (log == NULL)
        return NULL;
    gw_list_init(&log->appends);
    log->config = *config;
    log->metrics = metrics;
    if (writer == NULL)
        writer = log->own_writer = gw_record_writer_create(&own);
    if (writer == NULL) {
        free(log);
        return NULL;
    }
    log->writer = writer;
    snprintf(log->partitions, sizeof(log->partitions), "%u", config->partitions);
    return log;
}

static void release(struct appending *appending)
{
    gw_list_remove(&appending->node);
    appending->log->append_count--;
    if (appending->append != NULL)
        appending->append->state = NULL;
    gw_buf_finish(&appending->text);
    free(appending);
}

void gw_event_log_destroy(struct gw_event_log *log)
{
    if (log == NULL)
        return;
    while (!gw_list_is_empty(&log->appends)) {
        struct appending *appending = GW_LIST_ITEM(log->appends.next, struct appending, node);
        gw_record_write_stop(&appending->write);
        release(appending);
    }
    gw_record_writer_destroy(log->own_writer);
    free(log);
}

void gw_event_log_change(struct gw_event_log *log, const struct gw_event_log_config *config)
{
    assert(config->partitions == log->config.partitions);
    log->config = *config;
}

const struct gw_event_log_config *gw_event_log_get_config(const struct gw_event_log *log)
{
    return &log->config;
}

/* --- one append --- */

/* A repeated one is waited for as well: whoever appended it first may have heard of no replica. */
static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct appending *appending = GW_CONTAINER_OF(write, struct appending, write);

    appending->result = -1;
    if (reply->type != GW_REPLY_ARRAY || reply->count != 2)
        return false;
    appending->result = gw_reply_integer_at(reply, 0);
    bool is_there = appending->result == APPENDED || appending->result == REPEATED;
    if (is_there && gw_event_position_parse(reply->items[1].text, &appending->place.at) != 0)
        appending->result = -1;
    return is_there;
}

static int code_of(int64_t result)
{
    switch (result) {
    case APPENDED:
    case REPEATED:
        return 0;
    case FULL:
        return -ENOSPC;
    case MISMATCH:
        return -EEXIST;
    default:
        return -EPROTO;
    }
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct appending *appending = GW_CONTAINER_OF(write, struct appending, write);
    struct gw_event_append *append = appending->append;
    bool is_repeated = appending->result == REPEATED;
    char text[GW_EVENT_PLACE_BYTES];

    if (rc == 0)
        rc = code_of(appending->result);
    gw_metrics_add(appending->log->metrics,
                   rc != 0       ? &gw_event_failed
                   : is_repeated ? &gw_event_repeated
                                 : &gw_event_appended,
                   1);
    struct gw_str place = rc == 0 ? gw_event_place_print(&appending->place, text) : GW_STR("");
    release(appending);
    if (append != NULL)
        append->done(append, rc, place, is_repeated);
}

static void name_keys(struct appending *appending, const struct gw_event *event)
{
    unsigned partition = appending->place.partition;

    appending->keys[KEY_STREAM] =
        gw_event_key(partition, "stream", appending->key_texts[KEY_STREAM]);
    appending->keys[KEY_GUARD] =
        gw_event_guard_key(partition, event, appending->key_texts[KEY_GUARD]);
    appending->keys[KEY_OF] = gw_event_key(partition, "of", appending->key_texts[KEY_OF]);
}

static int start(struct appending *appending)
{
    struct gw_event_log *log = appending->log;
    const struct gw_redis_eval eval = {&append_script,  appending->keys, KEY_COUNT,
                                       appending->args, ARG_COUNT,       TIMEOUT_NS};

    appending->args[ARG_EVENT] = gw_buf_str(&appending->text);
    appending->args[ARG_PARTITIONS] = gw_str_of(log->partitions);
    appending->args[ARG_GUARD] = gw_str_of(appending->guard);
    appending->args[ARG_FULL] = gw_str_of(appending->full);
    appending->write.on_reply = on_reply;
    appending->write.on_done = on_done;
    return gw_record_write_start(log->writer, &appending->write, &eval);
}

int gw_event_log_append(struct gw_event_log *log, struct gw_event_append *append)
{
    struct gw_error error;
    struct appending *appending;

    append->state = NULL;
    if (gw_event_check(append->event, &error) != 0)
        return -EINVAL;
    if (log->append_count == MAX_APPENDS)
        return -ENOBUFS;
    appending = calloc(1, sizeof(*appending));
    if (appending == NULL)
        return -ENOMEM;
    appending->log = log;
    appending->append = append;
    appending->place.partition = gw_event_partition(append->event, log->config.partitions);
    snprintf(appending->guard, sizeof(appending->guard), "%" PRIu64, log->config.guard_s);
    snprintf(appending->full, sizeof(appending->full), "%" PRIu64, gw_event_log_full(&log->config));
    gw_list_append(&log->appends, &appending->node);
    log->append_count++;
    gw_buf_init(&appending->text, (size_t)2 * GW_EVENT_MAX_BYTES);
    gw_event_write(append->event, &appending->text);
    name_keys(appending, append->event);
    int rc = appending->text.has_failed ? -ENOMEM : start(appending);
    if (rc != 0)
        release(appending);
    else
        append->state = appending;
    return rc;
}

void gw_event_log_cancel(struct gw_event_append *append)
{
    struct appending *appending = append->state;

    if (appending != NULL)
        appending->append = NULL;
    append->state = NULL;
}
