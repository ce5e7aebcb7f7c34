#include "server/store/effect_record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/core/buf.h"
#include "server/crypto/digest.h"

#define MAX_NAME_BYTES ((size_t)64 * 1024)

#define NOW                             \
    "local time = redis.call('TIME')\n" \
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"

/* The index is for eyes only: at its bound the oldest goes, first of those in doubt. A record is
 * forgotten a ttl after it was last asked for, so that it outlives the caller's own record, which
 * is renewed by the same request. */
const struct gw_script gw_effect_begin_script = {
    .name = "effect_begin",
    .source = GW_STR_INIT(
        NOW
        "local had = redis.call('HMGET', KEYS[1], 'state', 'until', 'fence', 'result', 'first')\n"
        "local state, what, fence, age = 'sent', 0, 1, 0\n"
        "if had[1] then\n"
        "  redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
        "  if had[1] == 'done' then return {3, had[4]} end\n"
        "  if had[1] == 'dead' then return {5} end\n"
        "  local rest = tonumber(had[2]) - now\n"
        "  if had[1] == 'sent' then\n"
        "    if ARGV[5] == '1' then rest = rest + ARGV[3]\n"
        "    elseif rest <= 0 then return {4} end\n"
        "  end\n"
        "  if rest > 0 then return {1, rest} end\n"
        "  state, what, fence = 'looking', 2, tonumber(had[3]) + 1\n"
        "  age = now - tonumber(had[5])\n"
        "else\n"
        "  redis.call('HSET', KEYS[1], 'first', string.format('%.0f', now))\n"
        "end\n"
        "local ends = string.format('%.0f', now + ARGV[2])\n"
        "redis.call('HSET', KEYS[1], 'state', state, 'owner', ARGV[1], 'fence', fence,\n"
        "  'until', ends, 'settle', ARGV[3], 'ttl', ARGV[4], 'class', ARGV[5] == '1' and 'C' "
        "or 'D',\n"
        "  'backend', ARGV[6], 'key', ARGV[7], 'function', ARGV[8], 'flow', ARGV[9],\n"
        "  'request', ARGV[10])\n"
        "redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
        "if redis.call('ZCARD', KEYS[2]) >= 10000 then\n"
        "  local old = redis.call('ZRANGEBYSCORE', KEYS[2], 1, now, 'LIMIT', 0, 1)[1]\n"
        "    or redis.call('ZREVRANGEBYSCORE', KEYS[2], 0, '-inf', 'LIMIT', 0, 1)[1]\n"
        "  if old then redis.call('ZREM', KEYS[2], old) end\n"
        "end\n"
        "redis.call('ZADD', KEYS[2], ends, KEYS[1])\n"
        "return {what, fence, age}\n"),
};

/* A record that is not there was lost with what Redis had acknowledged: what was done is said
 * again, so that nobody who comes later sends it. */
const struct gw_script gw_effect_end_script = {
    .name = "effect_end",
    .source = GW_STR_INIT(
        NOW
        "local had = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'state')\n"
        "local what = ARGV[3]\n"
        "if not had[3] then\n"
        "  if what == 'abandoned' or what == 'released' then return 0 end\n"
        "  if what == 'done' then\n"
        "    redis.call('HSET', KEYS[1], 'state', 'done', 'result', ARGV[6])\n"
        "    redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
        "  end\n"
        "  return -1\n"
        "end\n"
        "if had[1] ~= ARGV[1] or ARGV[2] ~= '' and had[2] ~= ARGV[2] then return 0 end\n"
        "if had[3] ~= 'sent' and had[3] ~= 'looking' then return had[3] == what and 1 or 0 end\n"
        "if what == 'abandoned' then what = had[3] == 'sent' and 'released' or 'unknown' end\n"
        "if what == 'released' then\n"
        "  redis.call('DEL', KEYS[1])\n"
        "  redis.call('ZREM', KEYS[2], KEYS[1])\n"
        "  return 1\n"
        "end\n"
        "local at\n"
        "if what == 'done' then\n"
        "  redis.call('HSET', KEYS[1], 'state', 'done')\n"
        "  if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'result', ARGV[6]) end\n"
        "elseif what == 'dead' then\n"
        "  redis.call('HSET', KEYS[1], 'state', 'dead', 'until', string.format('%.0f', now))\n"
        "  at = string.format('%.0f', -now)\n"
        "elseif what == 'unknown' then\n"
        "  at = string.format('%.0f', now)\n"
        "  redis.call('HSET', KEYS[1], 'until', at)\n"
        "elseif what == 'send' then\n"
        "  at = string.format('%.0f', now + ARGV[5])\n"
        "  redis.call('HSET', KEYS[1], 'state', 'sent', 'until', at)\n"
        "end\n"
        "if at then redis.call('ZADD', KEYS[2], at, KEYS[1])\n"
        "else redis.call('ZREM', KEYS[2], KEYS[1]) end\n"
        "redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
        "return 1\n"),
};

void gw_effect_index_name(unsigned number, char out[GW_EFFECT_INDEX_BYTES])
{
    snprintf(out, GW_EFFECT_INDEX_BYTES, "millgate:effects:{e%x}", number % GW_EFFECT_INDEXES);
}

static unsigned number_of(char digit)
{
    return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

int gw_effect_names_make(struct gw_str backend, struct gw_str key, struct gw_effect_names *out)
{
    char digest[2 * GW_DIGEST_MAX_BYTES + 1];
    struct gw_buf text;

    gw_buf_init(&text, MAX_NAME_BYTES);
    gw_buf_printf(&text, "%zu:", backend.len); /* the length keeps the two apart */
    gw_buf_append_str(&text, backend);
    gw_buf_append_str(&text, key);
    int rc = text.has_failed ? -ENOMEM : 0;
    if (rc == 0) {
        gw_digest_hex(GW_SHA256, gw_buf_str(&text), digest);
        snprintf(out->record, sizeof(out->record), "millgate:effect:{e%c}:%.64s", digest[0],
                 digest);
        gw_effect_index_name(number_of(digest[0]), out->index);
    }
    gw_buf_finish(&text);
    return rc;
}
