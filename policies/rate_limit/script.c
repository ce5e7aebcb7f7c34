#include "script.h"

/* Counters go to replicas but not to the append-only file: with `appendfsync always`, which records
 * need, each decision would otherwise wait for the disk (milliseconds, not microseconds).
 *
 * Ticks are counted from 2025-10-09: those since 1970 would not fit the 53 bits of a Lua number.
 * They do until 2043. '%.0f' because Lua would write large numbers with an exponent. */
const struct gw_script rate_limit_script = {
    .name = "rate_limit",
    .source = GW_STR_INIT("redis.set_repl(redis.REPL_REPLICA)\n"
                          "local time = redis.call('TIME')\n"
                          "local now = (time[1] - 1760000000) * 16000000 + time[2] * 16\n"
                          "local step, room = tonumber(ARGV[1]), tonumber(ARGV[2])\n"
                          "local full = tonumber(redis.call('GET', KEYS[1]) or 0)\n"
                          "if full < now then full = now end\n"
                          "if full - now > room then full = now + room end\n"
                          "local debt = full + step - now\n"
                          "if debt > room then return room - debt end\n"
                          "redis.call('SET', KEYS[1], string.format('%.0f', full + step),\n"
                          "           'PX', string.format('%.0f', math.ceil(debt / 16000)))\n"
                          "return debt\n"),
};
