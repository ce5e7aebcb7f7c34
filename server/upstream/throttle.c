#include "server/upstream/throttle.h"

#include <stdio.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/filter/worker.h"
#include "server/store/redis.h"
#include "server/upstream/retry_after.h"
#include "server/upstream/upstreams.h"

#define POLL_NS (1 * GW_NS_PER_SECOND)
#define REDIS_NS (500 * GW_NS_PER_MS) /* nobody waits for it */

/* One hash for all backends, with the end of each time in Redis' own milliseconds: one slot, one
 * question. It is worth nothing after a restart of Redis: it goes to replicas, but to no file. */
static const struct gw_str key = GW_STR_INIT("millgate:throttled");

#define NOW                                \
    "redis.set_repl(redis.REPL_REPLICA)\n" \
    "local time = redis.call('TIME')\n"    \
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"

static const struct gw_script tell_script = {
    .name = "throttle_tell",
    .source =
        GW_STR_INIT(NOW "local till = now + tonumber(ARGV[2])\n"
                        "local old = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0)\n"
                        "if old < till then\n"
                        "  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', till))\n"
                        "end\n"
                        "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then\n"
                        "  redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
                        "end\n"
                        "return 1\n"),
};

static const struct gw_script ask_script = {
    .name = "throttle_ask",
    .source = GW_STR_INIT(NOW "local all = redis.call('HGETALL', KEYS[1])\n"
                              "local held = {}\n"
                              "for i = 1, #all, 2 do\n"
                              "  local left = tonumber(all[i + 1]) - now\n"
                              "  if left > 0 then\n"
                              "    held[#held + 1] = all[i]\n"
                              "    held[#held + 1] = left\n"
                              "  else\n"
                              "    redis.call('HDEL', KEYS[1], all[i])\n"
                              "  end\n"
                              "end\n"
                              "return held\n"),
};

/* --- hearing it ------------------------------------------------------------------------------- */

static void hold(struct gw_backend_state *state, uint64_t wait_ns)
{
    struct gw_throttle *throttle = &state->throttle;
    uint64_t now_ns = gw_loop_now_ns(state->upstreams->loop);

    if (wait_ns > throttle->max_ns)
        wait_ns = throttle->max_ns;
    if (now_ns + wait_ns <= throttle->until_ns)
        return;
    if (throttle->until_ns <= now_ns)
        gw_log_warn("backend %s asks not to be called for %llu ms", state->name,
                    (unsigned long long)(wait_ns / GW_NS_PER_MS));
    throttle->until_ns = now_ns + wait_ns;
}

static void on_told(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_throttle *throttle = self;

    (void)rc; /* without Redis each worker hears it for itself */
    (void)reply;
    throttle->call = NULL;
}

static void tell(struct gw_backend_state *state, uint64_t wait_ns)
{
    struct gw_throttle *throttle = &state->throttle;
    struct gw_redis *redis = state->upstreams->worker->redis;

    if (redis == NULL || throttle->call != NULL)
        return;
    int len = snprintf(throttle->wait_ms, sizeof(throttle->wait_ms), "%llu",
                       (unsigned long long)(wait_ns / GW_NS_PER_MS));
    throttle->args[0] = gw_str_of(state->name);
    throttle->args[1] = gw_str_from(throttle->wait_ms, (size_t)len);
    throttle->eval = (struct gw_redis_eval){.script = &tell_script,
                                            .keys = &key,
                                            .key_count = 1,
                                            .args = throttle->args,
                                            .arg_count = 2,
                                            .timeout_ns = REDIS_NS};
    if (gw_redis_eval(redis, &throttle->eval, on_told, throttle, &throttle->call) != 0)
        throttle->call = NULL;
}

void gw_throttle_note(struct gw_backend_state *state, const struct gw_throttle_rule *rule,
                      int status, struct gw_str retry_after, uint64_t now_s)
{
    uint64_t wait_s;
    bool is_obeyed = (status == 429 && rule->obeys_429) || (status == 503 && rule->obeys_503);

    if (!is_obeyed || gw_retry_after_parse(retry_after, now_s, &wait_s) != 0 || wait_s == 0)
        return;
    uint64_t most_s = rule->max_ns / GW_NS_PER_SECOND;
    uint64_t wait_ns = wait_s > most_s ? rule->max_ns : wait_s * GW_NS_PER_SECOND;
    state->throttle.max_ns = rule->max_ns;
    hold(state, wait_ns);
    tell(state, wait_ns);
}

void gw_throttle_finish(struct gw_throttle *throttle)
{
    if (throttle->call != NULL)
        gw_redis_cancel(throttle->call);
    throttle->call = NULL;
}

/* --- hearing of it ---------------------------------------------------------------------------- */

static void on_answer(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_upstreams *upstreams = self;

    upstreams->throttle_poll.call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY)
        return;
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        struct gw_backend_state *state = gw_backend_state_find(upstreams, reply->items[i].text);
        int64_t left_ms = gw_reply_integer_at(reply, i + 1);
        if (state != NULL && state->throttle.is_obeyed && left_ms > 0)
            hold(state, (uint64_t)left_ms * GW_NS_PER_MS);
    }
}

static const struct gw_redis_eval ask = {
    .script = &ask_script, .keys = &key, .key_count = 1, .timeout_ns = REDIS_NS};

static void on_poll(struct gw_timer *timer)
{
    struct gw_upstreams *upstreams =
        GW_CONTAINER_OF(timer, struct gw_upstreams, throttle_poll.timer);

    gw_timer_start(upstreams->loop, timer, POLL_NS, on_poll);
    if (upstreams->worker->redis == NULL || upstreams->throttle_poll.call != NULL)
        return;
    if (gw_redis_eval(upstreams->worker->redis, &ask, on_answer, upstreams,
                      &upstreams->throttle_poll.call) != 0)
        upstreams->throttle_poll.call = NULL;
}

void gw_throttle_poll_start(struct gw_upstreams *upstreams)
{
    if (upstreams->throttle_poll.timer.due_ms == 0)
        gw_timer_start(upstreams->loop, &upstreams->throttle_poll.timer, 0, on_poll);
}

void gw_throttle_poll_stop(struct gw_upstreams *upstreams)
{
    gw_timer_stop(&upstreams->throttle_poll.timer);
    if (upstreams->throttle_poll.call != NULL)
        gw_redis_cancel(upstreams->throttle_poll.call);
    upstreams->throttle_poll.call = NULL;
}
