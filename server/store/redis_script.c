#include "server/store/redis_link.h"

#include <errno.h>
#include <string.h>

#include "server/store/cluster.h"
#include "server/store/resp.h"

static struct gw_redis_script *find_script(struct gw_redis *redis, const struct gw_script *script)
{
    for (size_t i = 0; i < redis->script_count; i++) {
        if (redis->scripts[i].script == script)
            return &redis->scripts[i];
    }
    if (redis->script_count == GW_REDIS_MAX_SCRIPTS)
        return NULL;
    struct gw_redis_script *entry = &redis->scripts[redis->script_count++];
    *entry = (struct gw_redis_script){.redis = redis, .script = script};
    return entry;
}

static void on_script_loaded(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_redis_script *entry = self;

    entry->is_loading = false;
    if (rc == 0 && reply->type == GW_REPLY_STRING && reply->text.len == GW_REDIS_SHA_BYTES) {
        memcpy(entry->sha, reply->text.ptr, GW_REDIS_SHA_BYTES);
        entry->has_sha = true;
    }
}

/* EVAL would leave the script in Redis too, but newer servers forget those first. */
static void load_script(struct gw_redis *redis, struct gw_redis_script *entry)
{
    struct gw_str words[] = {GW_STR("SCRIPT"), GW_STR("LOAD"), entry->script->source};

    if (entry->is_loading || redis->state != GW_REDIS_UP)
        return;
    entry->is_loading = gw_redis_send_own(redis, words, 3, on_script_loaded, entry) == 0;
    redis->stats.script_loads += entry->is_loading;
}

static void append_eval(struct gw_buf *buf, const struct gw_redis_eval *eval, const char *sha)
{
    gw_resp_append_head(buf, 3 + eval->key_count + eval->arg_count);
    gw_resp_append_word(buf, sha != NULL ? GW_STR("EVALSHA") : GW_STR("EVAL"));
    gw_resp_append_word(buf,
                        sha != NULL ? gw_str_from(sha, GW_REDIS_SHA_BYTES) : eval->script->source);
    gw_resp_append_number(buf, eval->key_count);
    for (size_t i = 0; i < eval->key_count; i++)
        gw_resp_append_word(buf, eval->keys[i]);
    for (size_t i = 0; i < eval->arg_count; i++)
        gw_resp_append_word(buf, eval->args[i]);
}

/* The caller sets fn and self of the call. `sha` is NULL: with the source. */
static int send_eval(struct gw_redis *redis, const struct gw_redis_eval *eval, const char *sha,
                     struct gw_redis_call **out_call)
{
    struct gw_redis_draft draft;
    int rc = gw_redis_begin(redis, &draft);

    if (rc == 0) {
        draft.call->eval = sha != NULL ? eval : NULL;
        append_eval(draft.buf, eval, sha);
        rc = gw_redis_commit(redis, &draft, eval->timeout_ns);
    }
    if (rc != 0)
        redis->stats.refused++;
    else
        *out_call = draft.call;
    return rc;
}

int gw_redis_eval(struct gw_redis *redis, const struct gw_redis_eval *eval, gw_redis_fn *fn,
                  void *self, struct gw_redis_call **out_call)
{
    struct gw_redis_script *entry;
    struct gw_redis_call *call;

    if (redis->cluster != NULL)
        return gw_cluster_eval(redis->cluster, eval, fn, self, out_call);
    entry = find_script(redis, eval->script);
    bool has_sha = entry != NULL && entry->has_sha;
    if (entry != NULL && !has_sha)
        load_script(redis, entry);
    int rc = send_eval(redis, eval, has_sha ? entry->sha : NULL, &call);
    if (rc != 0)
        return rc;
    call->fn = fn;
    call->self = self;
    if (out_call != NULL)
        *out_call = call;
    return 0;
}

int gw_redis_eval_source(struct gw_redis *redis, const struct gw_redis_eval *eval, gw_redis_fn *fn,
                         void *self, struct gw_redis_call **out_call)
{
    int rc = send_eval(redis, eval, NULL, out_call);

    if (rc == 0) {
        (*out_call)->fn = fn;
        (*out_call)->self = self;
    }
    return rc;
}

bool gw_redis_send_source(struct gw_redis *redis, struct gw_redis_call *call)
{
    struct gw_redis_script *entry = find_script(redis, call->eval->script);
    size_t before;

    if (entry != NULL)
        load_script(redis, entry);
    before = redis->out.len;
    append_eval(&redis->out, call->eval, NULL);
    if (redis->out.has_failed) {
        redis->out.len = before;
        redis->out.has_failed = false;
        return false;
    }
    call->eval = NULL;
    gw_redis_put_sent(redis, call, redis->out.len - before);
    return true;
}
