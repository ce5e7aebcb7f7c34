#include "server/store/keyed_record.h"

#include <errno.h>
#include <string.h>

#include "server/core/buf.h"
#include "server/crypto/digest.h"

#define MAX_SCOPE_BYTES ((size_t)64 * 1024)

#define NOW                             \
    "local time = redis.call('TIME')\n" \
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"

/* The first write is the one that memory may be refused for: then nothing was changed. */
const struct gw_script gw_keyed_begin_script = {
    .name = "keyed_begin",
    .source = GW_STR_INIT(
        NOW
        "local had = redis.call('HMGET', KEYS[1], 'state', 'print', 'until', 'fence', 'answer',\n"
        "  'begun')\n"
        "local fence = 1\n"
        "if had[1] then\n"
        "  if had[2] ~= ARGV[1] then return {2} end\n"
        "  if had[1] == 'answered' then return {3, had[5]} end\n"
        "  if had[1] == 'executed' then return {5} end\n"
        "  if had[1] == 'sent' and tonumber(had[3]) > now then\n"
        "    return {1, tonumber(had[3]) - now}\n"
        "  end\n"
        "  if ARGV[5] ~= '1' then return {4} end\n"
        "  fence = tonumber(had[4]) + 1\n"
        "end\n"
        "redis.call('HSET', KEYS[1], 'state', 'sent', 'print', ARGV[1], 'owner', ARGV[2],\n"
        "  'until', string.format('%.0f', now + ARGV[3]), 'fence', fence,\n"
        "  'sent', string.format('%.0f', now), 'consumer', ARGV[6], 'operation', ARGV[7],\n"
        "  'key', ARGV[8], 'backend', ARGV[9])\n"
        "redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
        "return {0, fence, tonumber(had[6] or 0)}\n"),
};

const struct gw_script gw_keyed_note_script = {
    .name = "keyed_note",
    .source = GW_STR_INIT("local had = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'state')\n"
                          "if had[1] ~= ARGV[1] or had[2] ~= ARGV[2] or had[3] ~= 'sent' then\n"
                          "  return 0\n"
                          "end\n"
                          "redis.call('HINCRBY', KEYS[1], 'begun', 1)\n"
                          "return 1\n"),
};

const struct gw_script gw_keyed_end_script = {
    .name = "keyed_end",
    .source = GW_STR_INIT("local had = redis.call('HMGET', KEYS[1], 'owner', 'fence', 'state')\n"
                          "local what = ARGV[3]\n"
                          "if had[1] ~= ARGV[1] then return 0 end\n"
                          "if ARGV[2] ~= '' and had[2] ~= ARGV[2] then return 0 end\n"
                          "if had[3] ~= 'sent' and had[3] ~= 'unknown' then\n"
                          "  return had[3] == what and 2 or 0\n"
                          "end\n"
                          "if what == 'released' then\n"
                          "  if had[2] == '1' then redis.call('DEL', KEYS[1]) return 1 end\n"
                          "  what = 'unknown'\n"
                          "end\n"
                          "if what == 'answered' then\n"
                          "  redis.call('HSET', KEYS[1], 'state', what, 'answer', ARGV[5])\n"
                          "else\n"
                          "  redis.call('HSET', KEYS[1], 'state', what)\n"
                          "end\n"
                          "redis.call('PEXPIRE', KEYS[1], ARGV[4])\n"
                          "return 1\n"),
};

const struct gw_script gw_keyed_look_script = {
    .name = "keyed_look",
    .source = GW_STR_INIT(
        NOW "local had = redis.call('HMGET', KEYS[1], 'state', 'owner', 'fence', 'until', 'sent',\n"
            "  'backend', 'print')\n"
            "if not had[1] then return nil end\n"
            "had[8] = tostring(redis.call('PTTL', KEYS[1]))\n"
            "had[9] = string.format('%.0f', now)\n"
            "return had\n"),
};

const struct gw_script gw_keyed_resolve_script = {
    .name = "keyed_resolve",
    .source = GW_STR_INIT(NOW "local had = redis.call('HMGET', KEYS[1], 'state', 'until')\n"
                              "if not had[1] then return 1 end\n"
                              "local is_over = had[1] == 'sent' and tonumber(had[2]) <= now\n"
                              "if had[1] ~= 'unknown' and not is_over then return 2 end\n"
                              "if ARGV[1] == 'executed' then\n"
                              "  redis.call('HSET', KEYS[1], 'state', 'executed')\n"
                              "  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then\n"
                              "    redis.call('PEXPIRE', KEYS[1], ARGV[2])\n"
                              "  end\n"
                              "else\n"
                              "  redis.call('DEL', KEYS[1])\n"
                              "end\n"
                              "return 0\n"),
};

int gw_keyed_digest(const struct gw_keyed_scope *scope, uint8_t out[GW_KEYED_DIGEST_BYTES])
{
    const struct gw_str parts[] = {scope->consumer, scope->operation, scope->key};
    struct gw_buf text;

    gw_buf_init(&text, MAX_SCOPE_BYTES);
    for (size_t i = 0; i < GW_COUNT_OF(parts); i++) { /* lengths keep the parts apart */
        gw_buf_printf(&text, "%zu:", parts[i].len);
        gw_buf_append_str(&text, parts[i]);
    }
    int rc = text.has_failed ? -ENOMEM : 0;
    if (rc == 0)
        gw_digest_compute(GW_SHA256, gw_buf_str(&text), out);
    gw_buf_finish(&text);
    return rc;
}

void gw_keyed_name(const uint8_t digest[GW_KEYED_DIGEST_BYTES], char out[GW_KEYED_NAME_BYTES])
{
    static const char prefix[] = "millgate:idem:{", hex[] = "0123456789abcdef";
    char *at = out + sizeof(prefix) - 1;

    memcpy(out, prefix, sizeof(prefix) - 1);
    for (size_t i = 0; i < GW_KEYED_DIGEST_BYTES; i++) {
        *at++ = hex[digest[i] >> 4];
        *at++ = hex[digest[i] & 15];
    }
    *at++ = '}';
    *at = '\0';
}
