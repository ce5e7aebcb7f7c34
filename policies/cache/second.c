#include "policies/cache/second.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "policies/cache/wire.h"
#include "server/core/clock.h"

#define MAX_PUTS 64
#define BREAKER_FAILURES 5
#define NAME_BYTES 48

/* Neither replicas nor the append-only file need it: it can be fetched again. */
static const struct gw_script put_script = {
    .name = "cache_put",
    .source = GW_STR_INIT("redis.set_repl(redis.REPL_NONE)\n"
                          "return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])\n"),
};

struct put {
    struct gw_list node;
    struct cache_second *second;
    struct gw_redis_call *call;
    struct gw_redis_eval eval;
    struct gw_str key, args[2];
    char name[NAME_BYTES], expiry[24];
    struct gw_buf value;
};

static void free_put(struct put *put)
{
    gw_list_remove(&put->node);
    put->second->put_count--;
    gw_buf_finish(&put->value);
    free(put);
}

void cache_second_init(struct cache_second *second, const struct cache_second_config *config,
                       struct gw_loop *loop, struct gw_redis *redis)
{
    *second = (struct cache_second){
        .config = *config,
        .loop = loop,
        .redis = config->max_bytes == 0 ? NULL : redis,
        .breaker = {.max_failures = BREAKER_FAILURES, .pause_ns = GW_NS_PER_SECOND},
    };
    gw_list_init(&second->puts);
}

void cache_second_leave(struct cache_second *second)
{
    while (!gw_list_is_empty(&second->puts)) {
        struct put *put = GW_LIST_ITEM(second->puts.next, struct put, node);
        gw_redis_cancel(put->call);
        free_put(put);
    }
    second->redis = NULL;
}

/* The place that the key falls on. */
static struct gw_str make_name(const struct cache_second *second, const struct cache_key *key,
                               char out[NAME_BYTES])
{
    uint64_t places = second->config.max_bytes / second->config.max_object_bytes;
    uint64_t number;

    memcpy(&number, key->bytes, sizeof(number));
    int len =
        snprintf(out, NAME_BYTES, "millgate:cache:%" PRIu64, number % (places == 0 ? 1 : places));
    return gw_str_from(out, (size_t)len);
}

static uint64_t now_of(const struct cache_second *second)
{
    return gw_loop_now_ns(second->loop);
}

bool cache_second_ask(struct cache_second *second, const struct cache_key *key, gw_redis_fn *fn,
                      void *self, struct gw_redis_call **out_call)
{
    char name[NAME_BYTES];

    if (second->redis == NULL || !gw_breaker_allows(&second->breaker, now_of(second)))
        return false;
    const struct gw_str words[] = {GW_STR("GET"), make_name(second, key, name)};
    const struct gw_redis_command command = {
        .args = words, .count = 2, .timeout_ns = second->config.timeout_ns};
    if (gw_redis_send(second->redis, &command, fn, self, out_call) == 0)
        return true;
    gw_breaker_failure(&second->breaker, now_of(second));
    return false;
}

bool cache_second_heard(struct cache_second *second, int rc, const struct gw_reply *reply)
{
    bool is_answer = rc == 0 && reply->type != GW_REPLY_ERROR;

    if (is_answer)
        gw_breaker_success(&second->breaker);
    else
        gw_breaker_failure(&second->breaker, now_of(second));
    return is_answer && reply->type == GW_REPLY_STRING;
}

void cache_second_cancel(struct cache_second *second, struct gw_redis_call *call)
{
    gw_redis_cancel(call);
    gw_breaker_cancel(&second->breaker);
}

/* --- putting --- */

static void on_put(void *self, int rc, const struct gw_reply *reply)
{
    (void)rc; /* the next question will tell how Redis is */
    (void)reply;
    free_put(self);
}

static int64_t ms_to_live(const struct cache_entry *entry, int64_t now_ns)
{
    const struct cache_terms *terms = &entry->terms;
    int64_t stale_s = terms->stale_while_revalidate_s > terms->stale_if_error_s
                          ? terms->stale_while_revalidate_s
                          : terms->stale_if_error_s;

    return (terms->lifetime_s + stale_s - cache_entry_age_s(entry, now_ns)) * 1000;
}

void cache_second_put(struct cache_second *second, const struct cache_entry *entry, int64_t wall_ns)
{
    struct put *put;

    if (second->redis == NULL || second->put_count == MAX_PUTS || second->breaker.is_open ||
        entry->bytes > second->config.max_object_bytes)
        return;
    int64_t now_ns = (int64_t)now_of(second);
    int64_t live_ms = ms_to_live(entry, now_ns);
    if (live_ms <= 0 || (put = calloc(1, sizeof(*put))) == NULL)
        return;
    put->second = second;
    second->put_count++;
    gw_list_append(&second->puts, &put->node);
    gw_buf_init(&put->value, second->config.max_object_bytes);
    cache_wire_write(entry, now_ns, wall_ns, &put->value);
    put->key = make_name(second, &entry->key, put->name);
    int len = snprintf(put->expiry, sizeof(put->expiry), "%" PRId64, live_ms);
    put->args[0] = gw_buf_str(&put->value);
    put->args[1] = gw_str_from(put->expiry, (size_t)len);
    put->eval = (struct gw_redis_eval){
        .script = &put_script,
        .keys = &put->key,
        .key_count = 1,
        .args = put->args,
        .arg_count = 2,
        .timeout_ns = GW_NS_PER_SECOND,
    };
    if (put->value.has_failed ||
        gw_redis_eval(second->redis, &put->eval, on_put, put, &put->call) != 0)
        free_put(put);
}
