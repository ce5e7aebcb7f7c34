#include "server/event/trim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/event/archive.h"
#include "server/event/event_metrics.h"
#include "server/event/group.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"
#include "server/store/redis.h"

#define FIRST_NS (2 * GW_NS_PER_SECOND)
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)
#define LOCK_MS "60000"
#define READ_COUNT "50" /* of GW_EVENT_MAX_BYTES at most: well below what one reply may have */

/* KEYS: stream, lock. ARGV: who asks, lock (ms), age (s), how many may stay, how many are given; or
 * 'trim': then they go at once. Returns {length, age of the oldest in s, how many went, those that
 * are to go}; the last two only for who holds the lock. What is gone leaves no memory of who read
 * it: XAUTOCLAIM forgets it by itself. */
static const struct gw_script look_script = {
    "event-trim-look",
    GW_STR_INIT(
        "local now = redis.call('TIME')\n"
        "local length = redis.call('XLEN', KEYS[1])\n"
        "local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]\n"
        "local age = first and now[1] - math.floor(string.match(first[1], '^%d+') / 1000) or 0\n"
        "local holder = redis.call('GET', KEYS[2])\n"
        "if holder and holder ~= ARGV[1] then return {length, age, 0, {}} end\n"
        "redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])\n"
        "local oldest = string.format('%.0f', math.max(0, (now[1] - ARGV[3]) * 1000 + "
        "math.floor(now[2] / 1000)))\n"
        "local over = length - tonumber(ARGV[4])\n"
        "if ARGV[5] == 'trim' then\n"
        "  local gone = redis.call('XTRIM', KEYS[1], 'MINID', '=', oldest)\n"
        "  if over > gone then gone = gone + redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', ARGV[4]) "
        "end\n"
        "  return {length, age, gone, {}}\n"
        "end\n"
        "local given = redis.call('XRANGE', KEYS[1], '-', '(' .. oldest .. '-0', 'COUNT', "
        "ARGV[5])\n"
        "if over > #given and #given < tonumber(ARGV[5]) then\n"
        "  given = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.min(over, ARGV[5]))\n"
        "end\n"
        "return {length, age, 0, given}\n"),
};

enum { KEY_COUNT = 2, ARG_COUNT = 5 };

struct gw_event_trimmer {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_metrics_shard *metrics;
    struct gw_event_log_config log;
    uint64_t every_ns;
    char instance[64], keep[24], max_events[24];
    struct gw_timer timer;
    struct gw_redis_call *call;
    struct gw_redis_eval eval;
    char key_texts[KEY_COUNT][GW_EVENT_KEY_BYTES];
    struct gw_str keys[KEY_COUNT], args[ARG_COUNT];
    unsigned partition;        /* that is looked at */
    uint64_t stored, oldest_s; /* of this round */

    /* --- what the other thread writes --- */
    struct gw_event_archive archive;
    bool is_writing;
    int written;
    struct gw_error error;
    bool has_told; /* that it cannot be written */
};

static void look(struct gw_event_trimmer *trimmer);

static void on_timer(struct gw_timer *timer)
{
    struct gw_event_trimmer *trimmer = GW_CONTAINER_OF(timer, struct gw_event_trimmer, timer);

    trimmer->partition = 0;
    trimmer->stored = trimmer->oldest_s = 0;
    look(trimmer);
}

static void end_round(struct gw_event_trimmer *trimmer)
{
    gw_timer_start(trimmer->loop, &trimmer->timer, trimmer->every_ns, on_timer);
}

static void look_at_next(struct gw_event_trimmer *trimmer)
{
    if (++trimmer->partition < trimmer->log.partitions) {
        look(trimmer);
        return;
    }
    gw_metrics_set(trimmer->metrics, &gw_event_stored, trimmer->stored);
    gw_metrics_set(trimmer->metrics, &gw_event_oldest_s, trimmer->oldest_s);
    end_round(trimmer);
}

/* --- the archive --- */

static void on_trimmed(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_event_trimmer *trimmer = self;

    trimmer->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_INTEGER) { /* it stands in the archive twice then */
        end_round(trimmer);
        return;
    }
    gw_metrics_add(trimmer->metrics, &gw_event_trimmed, (uint64_t)reply->integer);
    look(trimmer); /* there may be more */
}

/* What is on the disk may go, whoever holds the lock by now. */
static void trim(struct gw_event_trimmer *trimmer)
{
    struct gw_event_position behind = trimmer->archive.last;
    char id[GW_EVENT_PLACE_BYTES];

    behind = behind.seq == UINT64_MAX ? (struct gw_event_position){behind.ms + 1, 0}
                                      : (struct gw_event_position){behind.ms, behind.seq + 1};
    const struct gw_str words[] = {GW_STR("XTRIM"), trimmer->keys[0], GW_STR("MINID"), GW_STR("="),
                                   gw_event_position_print(behind, id)};
    const struct gw_redis_command command = {words, GW_COUNT_OF(words), TIMEOUT_NS};
    if (gw_redis_send(trimmer->redis, &command, on_trimmed, trimmer, &trimmer->call) != 0) {
        trimmer->call = NULL;
        end_round(trimmer);
    }
}

static void write_archive(void *self)
{
    struct gw_event_trimmer *trimmer = self;

    trimmer->written =
        gw_event_archive_write(&trimmer->archive, trimmer->log.archive, &trimmer->error);
}

static void on_written(void *self)
{
    struct gw_event_trimmer *trimmer = self;

    trimmer->is_writing = false;
    gw_event_archive_finish(&trimmer->archive);
    if (trimmer->written != 0) {
        gw_metrics_add(trimmer->metrics, &gw_event_archive_failed, 1);
        if (!trimmer->has_told)
            gw_log_error("events: %s; nothing is trimmed", trimmer->error.text);
        trimmer->has_told = true;
        end_round(trimmer);
        return;
    }
    trimmer->has_told = false;
    gw_metrics_add(trimmer->metrics, &gw_event_archived, trimmer->archive.count);
    trim(trimmer);
}

static void archive(struct gw_event_trimmer *trimmer, const struct gw_reply *entries)
{
    struct gw_event_position at;
    struct gw_str json;

    gw_event_archive_init(&trimmer->archive, trimmer->partition);
    for (size_t i = 0; i < entries->count; i++) {
        if (gw_event_entry_read(&entries->items[i], &at, &json) &&
            !gw_event_archive_add(&trimmer->archive, at, json))
            break;
    }
    trimmer->is_writing = trimmer->archive.count > 0 &&
                          gw_loop_offload(trimmer->loop, write_archive, on_written, trimmer) == 0;
    if (!trimmer->is_writing) {
        gw_event_archive_finish(&trimmer->archive);
        end_round(trimmer);
    }
}

/* --- one partition --- */

static void on_look(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_event_trimmer *trimmer = self;

    trimmer->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY || reply->count != 4) {
        end_round(trimmer);
        return;
    }
    if (reply->items[3].count > 0) {
        archive(trimmer, &reply->items[3]);
        return;
    }
    int64_t length = gw_reply_integer_at(reply, 0), age_s = gw_reply_integer_at(reply, 1);
    int64_t gone = gw_reply_integer_at(reply, 2);
    trimmer->stored += length > gone ? (uint64_t)(length - gone) : 0;
    if (age_s > 0 && (uint64_t)age_s > trimmer->oldest_s)
        trimmer->oldest_s = (uint64_t)age_s;
    if (gone > 0)
        gw_metrics_add(trimmer->metrics, &gw_event_trimmed, (uint64_t)gone);
    look_at_next(trimmer);
}

static void look(struct gw_event_trimmer *trimmer)
{
    trimmer->keys[0] = gw_event_key(trimmer->partition, "stream", trimmer->key_texts[0]);
    trimmer->keys[1] = gw_event_key(trimmer->partition, "trimmer", trimmer->key_texts[1]);
    trimmer->args[0] = gw_str_of(trimmer->instance);
    trimmer->args[1] = GW_STR(LOCK_MS);
    trimmer->args[2] = gw_str_of(trimmer->keep);
    trimmer->args[3] = gw_str_of(trimmer->max_events);
    trimmer->args[4] = trimmer->log.archive != NULL ? GW_STR(READ_COUNT) : GW_STR("trim");
    trimmer->eval = (struct gw_redis_eval){&look_script,  trimmer->keys, KEY_COUNT,
                                           trimmer->args, ARG_COUNT,     TIMEOUT_NS};
    if (gw_redis_eval(trimmer->redis, &trimmer->eval, on_look, trimmer, &trimmer->call) != 0) {
        trimmer->call = NULL;
        end_round(trimmer);
    }
}

/* --- life --- */

struct gw_event_trimmer *gw_event_trimmer_create(struct gw_loop *loop, struct gw_redis *redis,
                                                 const struct gw_event_trimmer_config *config,
                                                 struct gw_metrics_shard *metrics)
{
    struct gw_event_trimmer *trimmer = calloc(1, sizeof(*trimmer));
    char *folder = NULL;

    if (trimmer == NULL)
        return NULL;
    if (config->log.archive != NULL) {
        folder = gw_str_duplicate(gw_str_of(config->log.archive));
        if (folder == NULL) {
            free(trimmer);
            return NULL;
        }
    }
    trimmer->loop = loop;
    trimmer->redis = redis;
    trimmer->metrics = metrics;
    trimmer->log = config->log;
    trimmer->log.archive = folder;
    trimmer->every_ns = config->every_ns;
    snprintf(trimmer->instance, sizeof(trimmer->instance), "%.*s", GW_STR_ARG(config->instance));
    snprintf(trimmer->keep, sizeof(trimmer->keep), "%" PRIu64, config->log.keep_s);
    snprintf(trimmer->max_events, sizeof(trimmer->max_events), "%" PRIu64, config->log.max_events);
    gw_timer_start(loop, &trimmer->timer, FIRST_NS < config->every_ns ? FIRST_NS : config->every_ns,
                   on_timer);
    return trimmer;
}

void gw_event_trimmer_destroy(struct gw_event_trimmer *trimmer)
{
    if (trimmer == NULL)
        return;
    while (trimmer->is_writing)
        gw_loop_turn(trimmer->loop, 50);
    gw_timer_stop(&trimmer->timer);
    if (trimmer->call != NULL)
        gw_redis_cancel(trimmer->call);
    gw_event_archive_finish(&trimmer->archive);
    free((char *)(uintptr_t)trimmer->log.archive);
    free(trimmer);
}
