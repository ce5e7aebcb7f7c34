#include "server/store/record_script.h"

const struct gw_str gw_record_keys[GW_RECORD_KEYS] = {
    GW_STR_INIT("{millgate:records}"),
    GW_STR_INIT("{millgate:records}:log"),
    GW_STR_INIT("{millgate:records}:expiry"),
};

/* The result's numbers are those of enum gw_record_result. */
const struct gw_script gw_record_script = {
    .name = "record",
    .source = GW_STR_INIT(
        "local hash, log, expiry = KEYS[1], KEYS[2], KEYS[3]\n"
        "local act, id, value, till = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])\n"
        "local function remove(name)\n"
        "  redis.call('ZREM', expiry, name)\n"
        "  if redis.call('HDEL', hash, name) == 0 then return false end\n"
        "  redis.call('XADD', log, 'MAXLEN', '~', 10000, '*', 'i', name)\n"
        "  return true\n"
        "end\n"
        "local now = redis.call('TIME')[1]\n"
        "local over = redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, 50)\n"
        "for _, name in ipairs(over) do remove(name) end\n"
        "if act == 'tidy' then return 0 end\n"
        "if act == 'remove' then return remove(id) and 0 or 2 end\n"
        "local exists = redis.call('HEXISTS', hash, id) == 1\n"
        "if exists and act == 'add' then return 1 end\n"
        "if not exists and redis.call('HLEN', hash) >= tonumber(ARGV[5]) then return 3 end\n"
        "redis.call('HSET', hash, id, value)\n"
        "redis.call('XADD', log, 'MAXLEN', '~', 10000, '*', 'i', id, 'v', value)\n"
        "redis.call('ZREM', expiry, id)\n"
        "if till > 0 then redis.call('ZADD', expiry, till, id) end\n"
        "return 0\n"),
};
