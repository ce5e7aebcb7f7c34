#include "server/store/redis_link.h"

#include <errno.h>
#include <string.h>

#include "server/store/cluster.h"
#include "server/store/resp.h"

#define CALLS_PER_BLOCK 32
#define OWN_CALLS 8 /* beyond max_calls: the greeting's */

/* --- calls --- */

static struct gw_redis_call *take_call(struct gw_redis *redis, size_t max_calls)
{
    if (gw_list_is_empty(&redis->free)) {
        if (redis->call_count >= max_calls)
            return NULL;
        struct gw_redis_call *block =
            gw_arena_calloc(&redis->memory, CALLS_PER_BLOCK, sizeof(*block));
        for (size_t i = 0; block != NULL && i < CALLS_PER_BLOCK; i++) {
            block[i].redis = redis;
            gw_list_append(&redis->free, &block[i].node);
        }
        redis->call_count += block != NULL ? CALLS_PER_BLOCK : 0;
    }
    struct gw_list *node = gw_list_take(&redis->free);
    return node != NULL ? GW_LIST_ITEM(node, struct gw_redis_call, node) : NULL;
}

static void give_back(struct gw_redis_call *call)
{
    gw_list_remove(&call->node);
    gw_timer_stop(&call->deadline);
    call->serial++;
    call->fn = NULL;
    call->eval = NULL;
    call->is_own = false;
    gw_list_prepend(&call->redis->free, &call->node);
}

static void finish_call(struct gw_redis_call *call, int rc, const struct gw_reply *reply)
{
    struct gw_redis *redis = call->redis;
    gw_redis_fn *fn = call->fn;
    void *self = call->self;

    if (!call->is_own && rc == 0) {
        redis->stats.replies++;
        redis->stats.errors += reply->type == GW_REPLY_ERROR;
    }
    redis->stats.lost += !call->is_own && rc != 0;
    give_back(call);
    fn(self, rc, reply);
}

/* Its place in the order stays: the reply is still to come. */
static void abandon(struct gw_redis_call *call)
{
    gw_timer_stop(&call->deadline);
    call->fn = NULL;
    call->eval = NULL;
}

void gw_redis_cancel(struct gw_redis_call *call)
{
    if (call->redis->cluster != NULL) {
        gw_cluster_cancel(call);
        return;
    }
    call->redis->stats.cancelled++;
    abandon(call);
}

static void on_deadline(struct gw_timer *timer)
{
    struct gw_redis_call *call = GW_CONTAINER_OF(timer, struct gw_redis_call, deadline);
    struct gw_redis *redis = call->redis;
    uint64_t serial = call->serial;

    /* After a turn of ours that was long, the reply may lie in the socket. */
    if (redis->drained_ns != gw_loop_now_ns(redis->loop)) {
        redis->drained_ns = gw_loop_now_ns(redis->loop);
        gw_redis_link_read(redis);
        if (call->serial != serial || call->fn == NULL)
            return;
    }
    gw_redis_fn *fn = call->fn;
    abandon(call);
    redis->stats.timeouts++;
    fn(call->self, -ETIMEDOUT, NULL);
}

void gw_redis_put_sent(struct gw_redis *redis, struct gw_redis_call *call, size_t bytes)
{
    call->offset = redis->appended_bytes;
    call->sent_ns = gw_loop_now_ns(redis->loop);
    redis->appended_bytes += bytes;
    redis->sent_count++;
    gw_list_append(&redis->sent, &call->node);
    gw_redis_link_watch(redis);
}

/* --- commands --- */

/* Calls that nobody waits for any more are taken out of the line, with their bytes. */
static void drop_abandoned(struct gw_redis *redis)
{
    char *bytes = redis->waiting_bytes.ptr;
    struct gw_list *next;
    size_t from = 0;
    size_t to = 0;

    for (struct gw_list *node = redis->waiting.next; node != &redis->waiting; node = next) {
        struct gw_redis_call *call = GW_LIST_ITEM(node, struct gw_redis_call, node);
        size_t len = call->bytes;

        next = node->next;
        if (call->fn == NULL) {
            give_back(call);
            redis->waiting_count--;
        } else {
            memmove(bytes + to, bytes + from, len);
            to += len;
        }
        from += len;
    }
    redis->waiting_bytes.len = to;
}

int gw_redis_begin(struct gw_redis *redis, struct gw_redis_draft *draft)
{
    const struct gw_redis_config *config = &redis->config;

    if (redis->state == GW_REDIS_DOWN || redis->is_broken)
        return -ENOTCONN;
    if (redis->state == GW_REDIS_CONNECTING && redis->waiting_count >= config->max_waiting_calls) {
        drop_abandoned(redis);
        if (redis->waiting_count >= config->max_waiting_calls)
            return -ENOTCONN;
    }
    if (redis->sent_count + redis->waiting_count >= config->max_calls)
        return -ENOBUFS;
    draft->call = take_call(redis, config->max_calls);
    if (draft->call == NULL)
        return -ENOMEM;
    draft->buf = redis->state == GW_REDIS_UP ? &redis->out : &redis->waiting_bytes;
    draft->before = draft->buf->len;
    return 0;
}

int gw_redis_commit(struct gw_redis *redis, struct gw_redis_draft *draft, uint64_t timeout_ns)
{
    struct gw_redis_call *call = draft->call;
    size_t bytes = draft->buf->len - draft->before;

    if (draft->buf->has_failed) {
        draft->buf->len = draft->before;
        draft->buf->has_failed = false;
        give_back(call);
        return -ENOBUFS;
    }
    redis->stats.commands++;
    gw_timer_start(redis->loop, &call->deadline,
                   timeout_ns > 0 ? timeout_ns : redis->config.timeout_ns, on_deadline);
    if (draft->buf == &redis->out) {
        gw_redis_put_sent(redis, call, bytes);
    } else {
        call->bytes = bytes;
        redis->waiting_count++;
        gw_list_append(&redis->waiting, &call->node);
    }
    return 0;
}

int gw_redis_send(struct gw_redis *redis, const struct gw_redis_command *command, gw_redis_fn *fn,
                  void *self, struct gw_redis_call **out_call)
{
    struct gw_redis_draft draft;
    int rc;

    if (redis->cluster != NULL)
        return gw_cluster_send(redis->cluster, command, fn, self, out_call);
    rc = gw_redis_begin(redis, &draft);
    if (rc == 0) {
        draft.call->fn = fn;
        draft.call->self = self;
        gw_resp_append_command(draft.buf, command->args, command->count);
        rc = gw_redis_commit(redis, &draft, command->timeout_ns);
    }
    if (rc != 0)
        redis->stats.refused++;
    else if (out_call != NULL)
        *out_call = draft.call;
    return rc;
}

int gw_redis_send_bytes(struct gw_redis *redis, const struct gw_redis_bytes *bytes, gw_redis_fn *fn,
                        void *self, struct gw_redis_call **out_call)
{
    struct gw_redis_draft draft;
    int rc = gw_redis_begin(redis, &draft);

    if (rc == 0) {
        draft.call->fn = fn;
        draft.call->self = self;
        gw_buf_append_str(draft.buf, bytes->text);
        rc = gw_redis_commit(redis, &draft, bytes->timeout_ns);
    }
    if (rc != 0)
        redis->stats.refused++;
    else
        *out_call = draft.call;
    return rc;
}

int gw_redis_send_own(struct gw_redis *redis, const struct gw_str *words, size_t count,
                      gw_redis_fn *fn, void *self)
{
    struct gw_redis_call *call = take_call(redis, redis->config.max_calls + OWN_CALLS);
    size_t before = redis->out.len;

    if (call == NULL)
        return -ENOMEM;
    gw_resp_append_command(&redis->out, words, count);
    if (redis->out.has_failed) {
        redis->out.len = before;
        redis->out.has_failed = false;
        give_back(call);
        return -ENOMEM;
    }
    call->fn = fn;
    call->self = self;
    call->is_own = true;
    gw_redis_put_sent(redis, call, redis->out.len - before);
    return 0;
}

/* --- what the connection tells --- */

bool gw_redis_take_reply(struct gw_redis *redis, const struct gw_reply *reply)
{
    struct gw_list *node = gw_list_take(&redis->sent);

    if (node == NULL)
        return false;
    struct gw_redis_call *call = GW_LIST_ITEM(node, struct gw_redis_call, node);
    redis->sent_count--;
    if (call->fn == NULL) {
        redis->stats.late++;
        give_back(call);
    } else if (call->eval == NULL || reply->type != GW_REPLY_ERROR ||
               !gw_str_has_prefix(reply->text, GW_STR("NOSCRIPT")) ||
               !gw_redis_send_source(redis, call)) {
        bool is_demoted = redis->sentinel != NULL && reply->type == GW_REPLY_ERROR &&
                          gw_str_has_prefix(reply->text, GW_STR("READONLY"));
        finish_call(call, 0, reply);
        if (is_demoted)
            gw_redis_link_break(redis, "it is not a primary any more");
    }
    return true;
}

void gw_redis_send_waiting(struct gw_redis *redis)
{
    struct gw_list *node;

    drop_abandoned(redis);
    gw_buf_append(&redis->out, redis->waiting_bytes.ptr, redis->waiting_bytes.len);
    if (redis->out.has_failed) {
        gw_redis_link_break(redis, "no memory for the commands that waited");
        return;
    }
    gw_buf_clear(&redis->waiting_bytes);
    while ((node = gw_list_take(&redis->waiting)) != NULL) {
        struct gw_redis_call *call = GW_LIST_ITEM(node, struct gw_redis_call, node);
        redis->waiting_count--;
        gw_redis_put_sent(redis, call, call->bytes);
    }
}

static void fail_list(struct gw_redis *redis, struct gw_list *list, bool is_sent)
{
    struct gw_list *node;

    while ((node = gw_list_take(list)) != NULL) {
        struct gw_redis_call *call = GW_LIST_ITEM(node, struct gw_redis_call, node);

        if (call->fn == NULL)
            give_back(call);
        else
            finish_call(call,
                        is_sent && call->offset < redis->written_bytes ? -ECONNRESET : -ENOTCONN,
                        NULL);
    }
}

void gw_redis_fail_calls(struct gw_redis *redis)
{
    redis->sent_count = redis->waiting_count = 0;
    fail_list(redis, &redis->sent, true);
    fail_list(redis, &redis->waiting, false);
}
