#include "server/store/effect_index.h"

#include <errno.h>

#define NOW                             \
    "local time = redis.call('TIME')\n" \
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"

const struct gw_script gw_effect_list_script = {
    .name = "effect_list",
    .source = GW_STR_INIT(NOW "local found, limit = {}, tonumber(ARGV[1])\n"
                              "local function take(names)\n"
                              "  for _, name in ipairs(names) do\n"
                              "    if #found >= limit then return end\n"
                              "    local had = redis.call('HMGET', name, 'state', 'until', "
                              "'first', 'settle', 'backend',\n"
                              "      'key', 'class', 'fence', 'function', 'flow', 'request')\n"
                              "    if not had[1] then\n"
                              "      redis.call('ZREM', KEYS[1], name)\n"
                              "    elseif ARGV[2] == '' or had[5] == ARGV[2] then\n"
                              "      local rest = had[1] == 'sent' and had[2] + had[4] - now or 0\n"
                              "      had[4] = math.max(0, rest)\n"
                              "      had[12] = redis.call('PTTL', name)\n"
                              "      found[#found + 1] = had\n"
                              "    end\n"
                              "  end\n"
                              "end\n"
                              "take(redis.call('ZREVRANGEBYSCORE', KEYS[1], 0, '-inf'))\n"
                              "take(redis.call('ZRANGEBYSCORE', KEYS[1], 1, now))\n"
                              "return found\n"),
};

const struct gw_script gw_effect_count_script = {
    .name = "effect_count",
    .source = GW_STR_INIT(
        NOW
        "for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 50)) "
        "do\n"
        "  if redis.call('EXISTS', name) == 0 then redis.call('ZREM', KEYS[1], name) end\n"
        "end\n"
        "return {redis.call('ZCOUNT', KEYS[1], 1, now), redis.call('ZCOUNT', KEYS[1], '-inf', "
        "0)}\n"),
};

const struct gw_script gw_effect_resolve_script = {
    .name = "effect_resolve",
    .source = GW_STR_INIT(
        NOW "local had = redis.call('HMGET', KEYS[1], 'state', 'until', 'settle', 'class', 'ttl')\n"
            "if not had[1] then return {1, 0} end\n"
            "if had[1] == 'done' then return {2, 0} end\n"
            "if had[1] ~= 'dead' then\n"
            "  local rest = had[2] - now\n"
            "  if had[1] == 'sent' and ARGV[1] ~= 'executed' then rest = rest + had[3] end\n"
            "  if rest > 0 then return {3, rest} end\n"
            "end\n"
            "redis.call('ZREM', KEYS[2], KEYS[1])\n"
            "if ARGV[1] ~= 'executed' then\n"
            "  redis.call('DEL', KEYS[1])\n"
            "  return {0, 0}\n"
            "end\n"
            "local result = ARGV[2]\n"
            "if result == '' and had[4] == 'D' then result = 'null' end\n"
            "redis.call('HSET', KEYS[1], 'state', 'done', 'owner', '')\n"
            "if result ~= '' then redis.call('HSET', KEYS[1], 'result', result) end\n"
            "redis.call('PEXPIRE', KEYS[1], had[5])\n"
            "return {0, 0}\n"),
};

static void on_answer(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_effect_part *part = self;
    struct gw_effect_sweep *sweep = part->sweep;

    part->call = NULL;
    if (rc == 0 && reply->type != GW_REPLY_ARRAY)
        rc = -EPROTO;
    if (rc == 0)
        sweep->on_part(sweep, reply);
    else
        sweep->rc = rc;
    if (--sweep->pending == 0)
        sweep->on_done(sweep, sweep->rc);
}

int gw_effect_sweep_start(struct gw_effect_sweep *sweep, struct gw_redis *redis)
{
    sweep->pending = 0;
    sweep->rc = 0;
    for (unsigned i = 0; i < GW_EFFECT_INDEXES; i++)
        sweep->parts[i].call = NULL;
    for (unsigned i = 0; i < GW_EFFECT_INDEXES; i++) {
        struct gw_effect_part *part = &sweep->parts[i];
        part->sweep = sweep;
        gw_effect_index_name(i, part->name);
        part->key = gw_str_of(part->name);
        part->eval = (struct gw_redis_eval){.script = sweep->script,
                                            .keys = &part->key,
                                            .key_count = 1,
                                            .args = sweep->args,
                                            .arg_count = sweep->arg_count,
                                            .timeout_ns = sweep->timeout_ns};
        int rc = gw_redis_eval(redis, &part->eval, on_answer, part, &part->call);
        if (rc != 0) {
            part->call = NULL;
            gw_effect_sweep_stop(sweep);
            return rc;
        }
        sweep->pending++;
    }
    return 0;
}

void gw_effect_sweep_stop(struct gw_effect_sweep *sweep)
{
    for (unsigned i = 0; i < GW_EFFECT_INDEXES; i++) {
        if (sweep->parts[i].call != NULL)
            gw_redis_cancel(sweep->parts[i].call);
        sweep->parts[i].call = NULL;
    }
    sweep->pending = 0;
}
