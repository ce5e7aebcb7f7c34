#include "server/store/effect_record.h"

#include <errno.h>
#include <string.h>

#include "server/core/buf.h"
#include "server/crypto/digest.h"

#define MAX_NAME_BYTES ((size_t)64 * 1024)

#define NOW                             \
    "local time = redis.call('TIME')\n" \
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"

const struct gw_script gw_effect_begin_script = {
    .name = "effect_begin",
    .source = GW_STR_INIT(
        NOW "local had = redis.call('HMGET', KEYS[1], 'state', 'until', 'fence', 'result')\n"
            "local state, what, fence = 'sent', 0, 1\n"
            "if had[1] then\n"
            "  if had[1] == 'done' then return {3, had[4]} end\n"
            "  if had[1] == 'dead' then return {5} end\n"
            "  local rest = tonumber(had[2]) - now\n"
            "  if had[1] == 'sent' then\n"
            "    if ARGV[5] == '1' then rest = rest + ARGV[3]\n"
            "    elseif rest <= 0 then return {4} end\n"
            "  end\n"
            "  if rest > 0 then return {1, rest} end\n"
            "  state, what, fence = 'looking', 2, tonumber(had[3]) + 1\n"
            "end\n"
            "redis.call('HSET', KEYS[1], 'state', state, 'owner', ARGV[1], 'fence', fence,\n"
            "  'until', string.format('%.0f', now + ARGV[2]), 'backend', ARGV[6], 'key', ARGV[7])\n"
            "redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
            "return {what, fence}\n"),
};

const struct gw_script gw_effect_end_script = {
    .name = "effect_end",
    .source = GW_STR_INIT(
        NOW
        "local had = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'state')\n"
        "local what = ARGV[3]\n"
        "if had[1] ~= ARGV[1] or ARGV[2] ~= '' and had[2] ~= ARGV[2] then return 0 end\n"
        "if had[3] ~= 'sent' and had[3] ~= 'looking' then return had[3] == what and 1 or 0 end\n"
        "if what == 'abandoned' then what = had[3] == 'sent' and 'released' or 'unknown' end\n"
        "if what == 'released' then\n"
        "  redis.call('DEL', KEYS[1])\n"
        "  return 1\n"
        "end\n"
        "if what == 'done' then\n"
        "  redis.call('HSET', KEYS[1], 'state', 'done')\n"
        "  if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'result', ARGV[6]) end\n"
        "elseif what == 'dead' then\n"
        "  redis.call('HSET', KEYS[1], 'state', 'dead')\n"
        "elseif what == 'unknown' then\n"
        "  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now))\n"
        "elseif what == 'send' then\n"
        "  redis.call('HSET', KEYS[1], 'state', 'sent', 'until',\n"
        "    string.format('%.0f', now + ARGV[5]))\n"
        "end\n"
        "redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
        "return 1\n"),
};

int gw_effect_record_name(struct gw_str backend, struct gw_str key, char out[GW_EFFECT_NAME_BYTES])
{
    static const char prefix[] = "millgate:effect:{";
    struct gw_buf text;

    gw_buf_init(&text, MAX_NAME_BYTES);
    gw_buf_printf(&text, "%zu:", backend.len); /* the length keeps the two apart */
    gw_buf_append_str(&text, backend);
    gw_buf_append_str(&text, key);
    int rc = text.has_failed ? -ENOMEM : 0;
    if (rc == 0) {
        memcpy(out, prefix, sizeof(prefix) - 1);
        gw_digest_hex(GW_SHA256, gw_buf_str(&text), out + sizeof(prefix) - 1);
        memcpy(out + GW_EFFECT_NAME_BYTES - 2, "}", 2);
    }
    gw_buf_finish(&text);
    return rc;
}
