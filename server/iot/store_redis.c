#include "server/iot/store_redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/iot/registry.h"
#include "server/store/record.h"
#include "server/store/redis.h"

#define KEY_BYTES (2 * GW_MAX_DEVICE_NAME + 40)
#define MAX_ARGS 4
#define PIECE_BYTES (64u << 10) /* of a checkpoint */
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)

#define CHECK_EPOCH                                                                               \
    "if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return redis.status_reply('STALE') " \
    "end\n"

static const struct gw_script claim_script = {
    "iot.claim", GW_STR_INIT("local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)\n"
                             "redis.call('HSET', KEYS[1], 'instance', ARGV[1])\n"
                             "redis.call('HDEL', KEYS[1], 'sequence', 'appended')\n"
                             "return {epoch, redis.call('HGET', KEYS[1], 'checkpoint') or '', "
                             "redis.call('GET', KEYS[2]) or ''}\n")};
static const struct gw_script release_script = {
    "iot.release", GW_STR_INIT(CHECK_EPOCH "redis.call('HDEL', KEYS[1], 'instance')\n"
                                           "return 1\n")};
/* An append whose answer was lost is not appended again: it has its number. */
static const struct gw_script append_script = {
    "iot.append",
    GW_STR_INIT(CHECK_EPOCH "local last = redis.call('HMGET', KEYS[1], 'sequence', 'appended', "
                            "'checkpoint')\n"
                            "if last[1] == ARGV[3] then return last[2] end\n"
                            "local at = redis.call('XADD', KEYS[2], '*', 'b', ARGV[2])\n"
                            "redis.call('HSET', KEYS[1], 'sequence', ARGV[3], 'appended', at)\n"
                            "if last[3] then\n"
                            "  redis.call('XTRIM', KEYS[2], 'MINID', '~', last[3], 'LIMIT', 100)\n"
                            "end\n"
                            "return at\n")};
/* A checkpoint of some megabytes comes in pieces, and what the journal keeps before it goes with
 * the next appends: Redis does one thing at a time, and others wait for it. Where a piece stands is
 * said, not "behind the last one": one whose answer was lost may come twice. */
static const struct gw_script piece_script = {
    "iot.checkpoint.piece",
    GW_STR_INIT(CHECK_EPOCH "if ARGV[2] == '0' then redis.call('SET', KEYS[2], ARGV[3])\n"
                            "else redis.call('SETRANGE', KEYS[2], ARGV[2], ARGV[3]) end\n"
                            "return 1\n")};
static const struct gw_script checkpoint_script = {
    "iot.checkpoint",
    GW_STR_INIT(CHECK_EPOCH "if ARGV[4] == '0' then redis.call('SET', KEYS[2], ARGV[3])\n"
                            "else redis.call('SETRANGE', KEYS[2], ARGV[4], ARGV[3]) end\n"
                            "redis.call('RENAME', KEYS[2], KEYS[3])\n"
                            "redis.call('HSET', KEYS[1], 'checkpoint', ARGV[2])\n"
                            "return 1\n")};

struct redis_store {
    struct gw_iot_store store; /* first */
    struct gw_redis *redis;
    struct gw_record_writer *writer;
    struct gw_event_log *log;
    char *instance;
    struct gw_list calls; /* struct redis_call */
};

struct redis_call {
    struct gw_list node;
    struct redis_store *store;
    struct gw_store_call *call;
    struct gw_record_write write;
    struct gw_redis_call *command; /* of a read */
    bool is_stale, is_claim, is_piece;
    size_t written; /* bytes of a checkpoint */
    char keys[3][KEY_BYTES];
    struct gw_str key_texts[3], args[MAX_ARGS];
    char epoch[24], sequence[24], offset[24];
    char from[GW_JOURNAL_POSITION_BYTES + 1];
    char appended_at[GW_JOURNAL_POSITION_BYTES];
    char *checkpoint; /* of a claim: both texts of the answer */
    size_t at_len, state_len;
};

static struct redis_call *begin(struct gw_iot_store *store, struct gw_store_call *call,
                                const char *const *kinds, size_t count)
{
    struct redis_call *own = calloc(1, sizeof(*own));

    if (own == NULL)
        return NULL;
    own->store = (struct redis_store *)store;
    own->call = call;
    for (size_t i = 0; i < count; i++) {
        int len = snprintf(own->keys[i], KEY_BYTES, "millgate:iot:{%.*s}:%s",
                           GW_STR_ARG(call->node), kinds[i]);
        own->key_texts[i] = gw_str_from(own->keys[i], (size_t)len);
    }
    snprintf(own->epoch, sizeof(own->epoch), "%llu", (unsigned long long)call->epoch);
    own->args[0] = gw_str_of(own->epoch);
    gw_list_append(&own->store->calls, &own->node);
    call->state = own;
    return own;
}

static void end(struct redis_call *own)
{
    gw_list_remove(&own->node);
    own->call->state = NULL;
    free(own->checkpoint);
    free(own);
}

/* --- writes --- */

static bool keep_claim(struct redis_call *own, const struct gw_reply *reply)
{
    if (reply->type != GW_REPLY_ARRAY || reply->count != 3)
        return false;
    struct gw_str at = reply->items[1].text;
    struct gw_str state = reply->items[2].text;
    own->call->new_epoch = (uint64_t)reply->items[0].integer;
    own->checkpoint = malloc(at.len + state.len + 1);
    if (own->checkpoint == NULL)
        return true;
    if (at.len > 0)
        memcpy(own->checkpoint, at.ptr, at.len);
    if (state.len > 0)
        memcpy(own->checkpoint + at.len, state.ptr, state.len);
    own->at_len = at.len;
    own->state_len = state.len;
    return true;
}

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct redis_call *own = GW_CONTAINER_OF(write, struct redis_call, write);

    if (own->is_claim)
        return keep_claim(own, reply);
    if (reply->type == GW_REPLY_STATUS && gw_str_equal(reply->text, GW_STR("STALE"))) {
        own->is_stale = true;
        return false;
    }
    if (reply->type == GW_REPLY_STRING && reply->text.len < sizeof(own->appended_at))
        memcpy(own->appended_at, reply->text.ptr, reply->text.len);
    return true;
}

static int start_piece(struct redis_call *own);

static void on_done(struct gw_record_write *write, int rc)
{
    struct redis_call *own = GW_CONTAINER_OF(write, struct redis_call, write);
    struct gw_store_call *call = own->call;

    if (rc == 0 && own->is_stale)
        rc = -ESTALE;
    if (rc == 0 && own->is_piece) {
        rc = start_piece(own);
        if (rc == 0)
            return;
    }
    if (rc == 0 && own->is_claim && own->checkpoint == NULL)
        rc = -ENOMEM;
    if (rc == 0 && own->is_claim) {
        call->checkpoint_at = gw_str_from(own->checkpoint, own->at_len);
        call->checkpoint = gw_str_from(own->checkpoint + own->at_len, own->state_len);
    }
    call->appended_at = gw_str_of(own->appended_at);
    gw_list_remove(&own->node);
    gw_list_init(&own->node);
    call->state = NULL;
    call->done(call, rc); /* the call may be gone afterwards, but not the answer's texts before */
    free(own->checkpoint);
    free(own);
}

static int start(struct redis_call *own, const struct gw_script *script, size_t key_count,
                 size_t arg_count)
{
    const struct gw_redis_eval eval = {script,    own->key_texts, key_count,
                                       own->args, arg_count,      TIMEOUT_NS};

    own->write.on_reply = on_reply;
    own->write.on_done = on_done;
    return gw_record_write_start(own->store->writer, &own->write, &eval);
}

static int or_end(struct redis_call *own, int rc)
{
    if (rc != 0)
        end(own);
    return rc;
}

static int claim(struct gw_iot_store *store, struct gw_store_call *call)
{
    static const char *const kinds[] = {"owner", "checkpoint"};
    struct redis_call *own = begin(store, call, kinds, 2);

    if (own == NULL)
        return -ENOMEM;
    own->is_claim = true;
    own->args[0] = gw_str_of(own->store->instance);
    return or_end(own, start(own, &claim_script, 2, 1));
}

static int release(struct gw_iot_store *store, struct gw_store_call *call)
{
    static const char *const kinds[] = {"owner"};
    struct redis_call *own = begin(store, call, kinds, 1);

    return own == NULL ? -ENOMEM : or_end(own, start(own, &release_script, 1, 1));
}

static int append(struct gw_iot_store *store, struct gw_store_call *call)
{
    static const char *const kinds[] = {"owner", "journal"};
    struct redis_call *own = begin(store, call, kinds, 2);

    if (own == NULL)
        return -ENOMEM;
    snprintf(own->sequence, sizeof(own->sequence), "%llu", (unsigned long long)call->sequence);
    own->args[1] = call->bytes;
    own->args[2] = gw_str_of(own->sequence);
    return or_end(own, start(own, &append_script, 2, 3));
}

/* The next piece; the last one makes it the checkpoint. */
static int start_piece(struct redis_call *own)
{
    struct gw_str rest = gw_str_tail(own->call->bytes, own->written);
    bool is_last = rest.len <= PIECE_BYTES;
    struct gw_str piece = gw_str_from(rest.ptr, is_last ? rest.len : PIECE_BYTES);

    snprintf(own->offset, sizeof(own->offset), "%zu", own->written);
    own->written += piece.len;
    own->is_piece = !is_last;
    own->args[1] = is_last ? own->call->position : gw_str_of(own->offset);
    own->args[2] = piece;
    own->args[3] = gw_str_of(own->offset);
    return is_last ? start(own, &checkpoint_script, 3, 4) : start(own, &piece_script, 2, 3);
}

static int checkpoint(struct gw_iot_store *store, struct gw_store_call *call)
{
    static const char *const kinds[] = {"owner", "checkpoint:next", "checkpoint"};
    struct redis_call *own = begin(store, call, kinds, 3);

    return own == NULL ? -ENOMEM : or_end(own, start_piece(own));
}

/* --- reads --- */

static bool read_entry(const struct gw_reply *reply, struct gw_journal_entry *entry)
{
    if (reply->type != GW_REPLY_ARRAY || reply->count != 2 || reply->items[1].count != 2)
        return false;
    entry->position = reply->items[0].text;
    entry->bytes = reply->items[1].items[1].text;
    return true;
}

static void on_read(void *self, int rc, const struct gw_reply *reply)
{
    struct redis_call *own = self;
    struct gw_store_call *call = own->call;
    struct gw_journal_entry entries[GW_JOURNAL_READ_MAX];

    call->entries = entries;
    call->entry_count = 0;
    if (rc == 0 && reply->type != GW_REPLY_ARRAY)
        rc = -EPROTO;
    for (size_t i = 0; rc == 0 && i < reply->count && i < GW_JOURNAL_READ_MAX; i++) {
        if (read_entry(&reply->items[i], &entries[i]))
            call->entry_count++;
        else
            rc = -EPROTO;
    }
    end(own);
    call->done(call, rc);
}

static int read_journal(struct gw_iot_store *store, struct gw_store_call *call)
{
    static const char *const kinds[] = {"journal"};
    struct redis_call *own = begin(store, call, kinds, 1);

    if (own == NULL)
        return -ENOMEM;
    snprintf(own->from, sizeof(own->from), "%s%.*s", call->position.len > 0 ? "(" : "-",
             GW_STR_ARG(call->position));
    const struct gw_str args[] = {GW_STR("XRANGE"), own->key_texts[0], gw_str_of(own->from),
                                  GW_STR("+"),      GW_STR("COUNT"),   GW_STR("8")};
    const struct gw_redis_command command = {args, 6, TIMEOUT_NS};
    int rc = gw_redis_send(own->store->redis, &command, on_read, own, &own->command);
    if (rc != 0)
        end(own);
    return rc;
}

/* --- the rest --- */

static void cancel(struct gw_iot_store *store, struct gw_store_call *call)
{
    struct redis_call *own = call->state;
    (void)store;

    if (own == NULL)
        return;
    gw_record_write_stop(&own->write);
    if (own->command != NULL)
        gw_redis_cancel(own->command);
    end(own);
}

static int emit(struct gw_iot_store *store, struct gw_event_append *append_call)
{
    return gw_event_log_append(((struct redis_store *)store)->log, append_call);
}

static void cancel_emit(struct gw_iot_store *store, struct gw_event_append *append_call)
{
    (void)store;
    gw_event_log_cancel(append_call);
}

static void destroy(struct gw_iot_store *self)
{
    struct redis_store *store = (struct redis_store *)self;

    while (!gw_list_is_empty(&store->calls))
        cancel(self, GW_LIST_ITEM(store->calls.next, struct redis_call, node)->call);
    free(store->instance);
    free(store);
}

static const struct gw_iot_store_ops redis_ops = {
    .claim = claim,
    .release = release,
    .append = append,
    .read = read_journal,
    .checkpoint = checkpoint,
    .cancel = cancel,
    .emit = emit,
    .cancel_emit = cancel_emit,
    .destroy = destroy,
};

struct gw_iot_store *gw_iot_redis_create(const struct gw_iot_redis_config *config)
{
    struct redis_store *store = calloc(1, sizeof(*store));
    char *instance = gw_str_duplicate(config->instance);

    if (store == NULL || instance == NULL) {
        free(store);
        free(instance);
        return NULL;
    }
    *store = (struct redis_store){.store = {&redis_ops},
                                  .redis = config->redis,
                                  .writer = config->writer,
                                  .log = config->log,
                                  .instance = instance};
    gw_list_init(&store->calls);
    return &store->store;
}
