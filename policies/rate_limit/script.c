#include "script.h"

/* Counters go to replicas but not to the append-only file: with `appendfsync always`, which records
 * need, each decision would otherwise wait for the disk (milliseconds, not microseconds). Only a
 * quota is written there, at each hundredth of it.
 *
 * Times are µs since 2025-10-09; GCRA counts in 1/16 of those: since 1970 they would not fit the
 * 53 bits of a Lua number. They do until 2043.
 *
 * A window is the count that has left it, then for each cell its newest time and the count up to
 * and with it, all doubles. '%.0f' because Lua would write large numbers with an exponent. */
#define CLOCK                                                  \
    "redis.set_repl(redis.REPL_REPLICA)\n"                     \
    "local time = redis.call('TIME')\n"                        \
    "local now = (time[1] - 1760000000) * 1000000 + time[2]\n" \
    "local function text(n) return string.format('%.0f', n) end\n"

#define WINDOWS                                                                                   \
    "local function open(name, s, length)\n"                                                      \
    "  if not s or #s < 24 then return struct.pack('<d', 0), 9, 0, 0, 0 end\n"                    \
    "  local last, sum = struct.unpack('<dd', s, #s - 15)\n"                                      \
    "  if last > now then\n" /* the clock stepped back: all goes back with it */                  \
    "    local back, moved = last - now, {s:sub(1, 8)}\n"                                         \
    "    for at = 9, #s, 16 do\n"                                                                 \
    "      local when, count = struct.unpack('<dd', s, at)\n"                                     \
    "      moved[#moved + 1] = struct.pack('<dd', when - back, count)\n"                          \
    "    end\n"                                                                                   \
    "    s, last = table.concat(moved), now\n"                                                    \
    "    redis.call('HSET', KEYS[1], name, s)\n"                                                  \
    "  end\n"                                                                                     \
    "  local at, base = 9, struct.unpack('<d', s)\n"                                              \
    "  while at < #s do\n"                                                                        \
    "    local when, count = struct.unpack('<dd', s, at)\n"                                       \
    "    if when + length > now then break end\n"                                                 \
    "    at, base = at + 16, count\n"                                                             \
    "  end\n"                                                                                     \
    "  return s, at, base, sum, last\n"                                                           \
    "end\n"                                                                                       \
    "local function put(s, at, base, sum, cell, units)\n"                                         \
    "  local to = #s\n"                                                                           \
    "  if at < to then\n" /* the newest cell takes it, unless it is full */                       \
    "    local before = at < to - 15 and struct.unpack('<d', s, to - 23) or base\n"               \
    "    if sum - before < cell then to = to - 16 end\n"                                          \
    "  end\n"                                                                                     \
    "  return struct.pack('<d', base) .. s:sub(at, to) .. struct.pack('<dd', now, sum + units)\n" \
    "end\n"

/* As calendar.c has it. */
#define CALENDAR                                                                               \
    "local function div(a, b) return math.floor(a / b) end\n"                                  \
    "local function period(unit, offset)\n"                                                    \
    "  local day = div(tonumber(time[1]) + offset, 86400)\n"                                   \
    "  if unit == 0 then return day, (day + 1) * 86400 - offset end\n"                         \
    "  local era = div(day + 719468, 146097)\n"                                                \
    "  local d = day + 719468 - era * 146097\n"                                                \
    "  local y = div(d - div(d, 1460) + div(d, 36524) - div(d, 146096), 365)\n"                \
    "  local m = div(5 * (d - 365 * y - div(y, 4) + div(y, 100)) + 2, 153)\n"                  \
    "  local month = (y + era * 400) * 12 + m - 23638\n"                                       \
    "  local f = month + 23639\n"                                                              \
    "  y, m = div(f, 12), f % 12\n"                                                            \
    "  era = div(y, 400)\n"                                                                    \
    "  y = y - era * 400\n"                                                                    \
    "  local first = era * 146097 + y * 365 + div(y, 4) - div(y, 100) +\n"                     \
    "                div(153 * m + 2, 5) - 719468\n"                                           \
    "  return month, first * 86400 - offset\n"                                                 \
    "end\n"                                                                                    \
    "local function quota(s, unit, offset)\n"                                                  \
    "  local number, ends = period(unit, offset)\n"                                            \
    "  local of, count = string.match(s or '', '^(-?%d+):(%d+)$')\n"                           \
    "  if not of or tonumber(of) < number then of, count = number, 0 end\n"                    \
    "  return tonumber(of), tonumber(count), (ends - tonumber(time[1])) * 1000000 - time[2]\n" \
    "end\n"

/* Writes what is in `new` (pairs for HSET), and sees to it that the key lives for `need` µs: twice
 * as long, so that most times nothing is to be done. A quota's hundredths go to the disk. */
#define SAVE                                                            \
    "local function save(new, x, need, must_keep)\n"                    \
    "  if must_keep then redis.set_repl(redis.REPL_ALL) end\n"          \
    "  local is_short = x < now + need\n"                               \
    "  if is_short or must_keep then\n"                                 \
    "    new[#new + 1], new[#new + 2] = 'x', text(now + 2 * need)\n"    \
    "  end\n"                                                           \
    "  redis.call('HSET', KEYS[1], unpack(new))\n"                      \
    "  if is_short or must_keep then\n"                                 \
    "    redis.call('PEXPIRE', KEYS[1], text(math.ceil(need / 500)))\n" \
    "  end\n"                                                           \
    "end\n"

/* Leases: who, how much, until when; those of others that still live are kept. */
#define LEASES                                                                          \
    "local function leases(s, who)\n"                                                   \
    "  local sum, kept = 0, {}\n"                                                       \
    "  for of, units, ends in string.gmatch(s or '', '(%S+) (%d+) (%d+);') do\n"        \
    "    if of ~= who and tonumber(ends) > now then\n"                                  \
    "      sum = sum + tonumber(units)\n"                                               \
    "      kept[#kept + 1] = of .. ' ' .. units .. ' ' .. ends .. ';'\n"                \
    "    end\n"                                                                         \
    "  end\n"                                                                           \
    "  return sum, table.concat(kept)\n"                                                \
    "end\n"                                                                             \
    "local function lease(kept, who, units)\n"                                          \
    "  if units <= 0 then return kept end\n"                                            \
    "  return kept .. who .. ' ' .. text(units) .. ' ' .. text(now + 1000000) .. ';'\n" \
    "end\n"

static const char take_source[] = CLOCK WINDOWS CALENDAR SAVE LEASES
    "local weight, want, held = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])\n"
    "local names = {'x', 'l'}\n"
    "for i = 7, #ARGV, 4 do names[#names + 1] = ARGV[i] end\n"
    "local old = redis.call('HMGET', KEYS[1], unpack(names))\n"
    "local limits, grant, is_refused = {}, want, false\n"
    "for i = 7, #ARGV, 4 do\n"
    "  local a, b, c = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])\n"
    "  local l = {kind = string.byte(ARGV[i]), name = ARGV[i], a = a, b = b, c = c}\n"
    "  local s = old[#limits + 3]\n"
    "  if l.kind == 119 then\n" /* w: limit, length, what fills a cell */
    "    l.s, l.at, l.base, l.sum, l.last = open(l.name, s, b)\n"
    "    l.room, l.need = a - (l.sum - l.base), b\n"
    "  elseif l.kind == 103 then\n" /* g: step, room */
    "    local full = tonumber(s or 0)\n"
    "    if full < now * 16 then full = now * 16 end\n"
    "    if full > now * 16 + b then full = now * 16 + b end\n"
    "    l.full, l.room, l.need = full, math.floor((b - (full - now * 16)) / a), b / 16\n"
    "  elseif l.kind == 113 then\n" /* q: limit, unit, offset */
    "    l.of, l.count, l.need = quota(s, b, c)\n"
    "    l.room = a - l.count\n"
    "  else\n" /* c: limit, time to live */
    "    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now))\n"
    "    l.room = a - redis.call('ZCARD', KEYS[2])\n"
    "  end\n"
    "  if l.kind == 99 then\n"
    "    l.is_refused = l.room < 1\n"
    "  else\n"
    "    l.is_refused = l.room < weight\n"
    "    if l.room < grant then grant = l.room end\n"
    "  end\n"
    "  is_refused = is_refused or l.is_refused\n"
    "  limits[#limits + 1] = l\n"
    "end\n"
    "local kept\n"
    "if not is_refused and want > weight then\n"
    "  local others\n"
    "  others, kept = leases(old[2], ARGV[3])\n"
    "  local free = tonumber(ARGV[5]) - others - held\n"
    "  if free < 0 then free = 0 end\n"
    "  if grant > weight + free then grant = weight + free end\n"
    "end\n"
    "if is_refused or grant < 0 then grant = 0 end\n"
    "local reply, new, need, must_keep, longest = {grant, now, 0}, {}, 0, false, -1\n"
    "for _, l in ipairs(limits) do\n"
    "  local left, reset = l.room, 0\n"
    "  if l.kind ~= 99 and grant > 0 then\n"
    "    left = l.room - grant\n"
    "    if l.need > need then need = l.need end\n"
    "    new[#new + 1] = l.name\n"
    "  end\n"
    "  if l.kind == 119 then\n"
    "    if l.sum > l.base then reset = l.last + l.b - now end\n"
    "    if grant > 0 then\n"
    "      l.s = put(l.s, l.at, l.base, l.sum, l.c, grant)\n"
    "      l.at, l.sum = 9, l.sum + grant\n"
    "      new[#new + 1] = l.s\n"
    "      reset = l.b\n"
    "    end\n"
    "    local wanted = l.is_refused and weight - l.room or (grant > 0 and left < 1) and 1 or 0\n"
    "    if l.is_refused and weight > l.a then\n"
    "      reset = l.b\n"
    "    elseif wanted > 0 then\n" /* the first cell with which as many will have left */
    "      local low, high = 0, (#l.s - l.at + 1) / 16 - 1\n"
    "      while low < high do\n"
    "        local middle = math.floor((low + high) / 2)\n"
    "        local _, count = struct.unpack('<dd', l.s, l.at + 16 * middle)\n"
    "        if count - l.base >= wanted then high = middle else low = middle + 1 end\n"
    "      end\n"
    "      reset = struct.unpack('<d', l.s, l.at + 16 * low) + l.b - now\n"
    "    end\n"
    "  elseif l.kind == 103 then\n"
    "    local debt = l.full - now * 16 + l.a * grant\n"
    "    reset = debt / 16\n"
    "    if grant > 0 then\n"
    "      new[#new + 1] = text(l.full + l.a * grant)\n"
    "      reset = (left > 0 and debt or l.a - (l.b - debt)) / 16\n"
    "    elseif l.is_refused then\n"
    "      reset = math.min(debt + l.a * weight - l.b, l.b) / 16\n"
    "    end\n"
    "  elseif l.kind == 113 then\n"
    "    if grant > 0 then\n"
    "      new[#new + 1] = text(l.of) .. ':' .. text(l.count + grant)\n"
    "      local part = math.ceil(l.a / 100)\n"
    "      must_keep = must_keep or math.floor((l.count + grant) / part) > math.floor(l.count / "
    "part)\n"
    "    end\n"
    "    reset = l.need\n"
    "  elseif l.is_refused then\n"
    "    reset = 1000000\n"
    "  elseif not is_refused then\n"
    "    left = left - 1\n"
    "    redis.call('ZADD', KEYS[2], text(now + l.b), ARGV[6])\n"
    "    redis.call('PEXPIRE', KEYS[2], text(math.ceil(l.b / 500)))\n"
    "  end\n"
    "  if l.is_refused and reset > longest then\n"
    "    longest, reply[3] = reset, (#reply - 1) / 2\n"
    "  end\n"
    "  reply[#reply + 1] = math.max(left, 0)\n"
    "  reply[#reply + 1] = math.ceil(reset)\n"
    "end\n"
    "if #new > 0 then\n"
    "  if kept then new[#new + 1], new[#new + 2] = 'l', lease(kept, ARGV[3], held + grant - "
    "weight) end\n"
    "  save(new, tonumber(old[1] or 0), need, must_keep)\n"
    "end\n"
    "return reply\n";

static const char add_source[] = CLOCK WINDOWS CALENDAR SAVE LEASES
    "local when = tonumber(ARGV[1])\n"
    "if when == 0 then when = now end\n"
    "local old = redis.call('HMGET', KEYS[1], 'x', 'l')\n"
    "local new, need = {}, 0\n"
    "if ARGV[2] ~= '' and old[2] then\n"
    "  local _, kept = leases(old[2], ARGV[2])\n"
    "  new[1], new[2] = 'l', lease(kept, ARGV[2], tonumber(ARGV[3]))\n"
    "end\n"
    "for i = 4, #ARGV, 5 do\n"
    "  local kind, units = string.byte(ARGV[i]), tonumber(ARGV[i + 4])\n"
    "  local a, b, c = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])\n"
    "  local s = redis.call('HGET', KEYS[1], ARGV[i])\n"
    "  local value\n"
    "  if kind == 119 and units > 0 then\n"
    "    local s, at, base, sum = open(ARGV[i], s, b)\n"
    "    value, need = put(s, at, base, sum, c, units), math.max(need, b)\n"
    "  elseif kind == 119 and when + b > now then\n" /* out of the cell in which it was counted, and
                                                        all later sums */
    "    local s, at, base, sum = open(ARGV[i], s, b)\n"
    "    local parts, before, less = {struct.pack('<d', base)}, base, nil\n"
    "    for j = at, #s - 15, 16 do\n"
    "      local newest, count = struct.unpack('<dd', s, j)\n"
    "      if not less and newest >= when then less = math.min(-units, count - before) end\n"
    "      parts[#parts + 1] = struct.pack('<dd', newest, count - (less or 0))\n"
    "      before = count\n"
    "    end\n"
    "    if less then value, need = table.concat(parts), math.max(need, b) end\n"
    "  elseif kind == 103 and (s or units > 0) then\n"
    "    local full = tonumber(s or 0)\n"
    "    if full < now * 16 then full = now * 16 end\n"
    "    full = math.min(full + a * units, now * 16 + b)\n"
    "    value, need = text(math.max(full, now * 16)), math.max(need, b / 16)\n"
    "  elseif kind == 113 and (s or units > 0) then\n"
    "    local of, count, ends = quota(s, b, c)\n"
    "    value, need = text(of) .. ':' .. text(math.max(count + units, 0)), math.max(need, ends)\n"
    "  end\n"
    "  if value then new[#new + 1], new[#new + 2] = ARGV[i], value end\n"
    "end\n"
    "if #new > 0 then save(new, tonumber(old[1] or 0), math.max(need, 1000000), false) end\n"
    "return 1\n";

static const char slot_source[] =
    CLOCK "if ARGV[2] == '0' then return redis.call('ZREM', KEYS[1], ARGV[1]) end\n"
          "redis.call('ZADD', KEYS[1], text(now + tonumber(ARGV[2])), ARGV[1])\n"
          "redis.call('PEXPIRE', KEYS[1], text(math.ceil(tonumber(ARGV[2]) / 500)))\n"
          "return 1\n";

const struct gw_script rate_limit_take = {"rate_limit_take",
                                          {take_source, sizeof(take_source) - 1}};
const struct gw_script rate_limit_add = {"rate_limit_add", {add_source, sizeof(add_source) - 1}};
const struct gw_script rate_limit_slot = {"rate_limit_slot",
                                          {slot_source, sizeof(slot_source) - 1}};
