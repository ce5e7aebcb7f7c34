/* iot.shelve, iot.unshelve: an alarm that is known is left out of what people look at, for a time
 * and with a reason (ISA-18.2, "shelving"). What it does meanwhile is kept all the same. */
#include "server/core/clock.h"
#include "server/core/instant.h"
#include "server/gateway/iot_alarm_update.h"
#include "server/iot/shelved.h"

#define MAX_BODY_BYTES 8192
#define MAX_AHEAD_MS (INT64_C(31) * 24 * 3600 * 1000)

/* KEYS: the alarm, what is shelved. ARGV: its id, the version that is wanted or "", now, until,
 * "<who> <reason>", how many at most. What is over makes room. The same once more changes nothing,
 * so that its event is the same. */
static const struct gw_script shelve_script = {
    "iot.shelve",
    GW_STR_INIT(
        "local version = redis.call('HGET', KEYS[1], 'version')\n"
        "if not version then return redis.status_reply('NONE') end\n"
        "local old = redis.call('HGET', KEYS[2], ARGV[1])\n"
        "if not old or string.match(old, '^%d+ (.*)$') ~= ARGV[4] .. ' ' .. ARGV[5] then\n"
        "  if ARGV[2] ~= '' and ARGV[2] ~= version then return redis.status_reply('CHANGED') end\n"
        "  if not old and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[6]) then\n"
        "    local all = redis.call('HGETALL', KEYS[2])\n"
        "    for i = 1, #all, 2 do\n"
        "      local over = string.match(all[i + 1], '^%d+ (%d+)')\n"
        "      if not over or tonumber(over) < tonumber(ARGV[3]) then\n"
        "        redis.call('HDEL', KEYS[2], all[i])\n"
        "      end\n"
        "    end\n"
        "    if redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[6]) then\n"
        "      return redis.status_reply('FULL')\n"
        "    end\n"
        "  end\n"
        "  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])\n"
        "  redis.call('HINCRBY', KEYS[1], 'version', 1)\n"
        "end\n" GW_ALARM_READ("KEYS[1]", "KEYS[2]", "ARGV[1]") "return row\n")};
/* ARGV: its id, the version that is wanted or "". */
static const struct gw_script unshelve_script = {
    "iot.unshelve",
    GW_STR_INIT(
        "local version = redis.call('HGET', KEYS[1], 'version')\n"
        "if not version then return redis.status_reply('NONE') end\n"
        "if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then\n"
        "  if ARGV[2] ~= '' and ARGV[2] ~= version then return redis.status_reply('CHANGED') end\n"
        "  redis.call('HDEL', KEYS[2], ARGV[1])\n"
        "  redis.call('HINCRBY', KEYS[1], 'version', 1)\n"
        "  redis.call('HSET', KEYS[1], 'unshelved', ARGV[3])\n"
        "end\n" GW_ALARM_READ("KEYS[1]", "KEYS[2]", "ARGV[1]") "return row\n")};

static bool tell_shelved(const struct gw_alarm_update *update, const struct gw_reply *row,
                         const char **out_what, struct gw_str *out_at)
{
    struct gw_str rest = row->items[GW_ALARM_AT_SHELVED].text;
    (void)update;

    *out_what = "shelved";
    return gw_str_split(&rest, ' ', out_at);
}

static bool tell_unshelved(const struct gw_alarm_update *update, const struct gw_reply *row,
                           const char **out_what, struct gw_str *out_at)
{
    (void)update;
    *out_what = "unshelved";
    *out_at = row->items[GW_ALARM_AT_UNSHELVED].text;
    return out_at->len > 0;
}

static bool read_body(struct gw_exchange *ex, int64_t *out_until_ms, struct gw_str *out_reason)
{
    int64_t now_ms = (int64_t)(ex->wall_ns / GW_NS_PER_MS);
    struct gw_value body = gw_value_null();
    struct gw_json_error why;

    if (gw_value_read(&ex->arena, ex->request.body, NULL, &body, &why) != 0 ||
        gw_instant_read(gw_value_member_text(&body, GW_STR("until")), out_until_ms) != 0 ||
        *out_until_ms <= now_ms || *out_until_ms > now_ms + MAX_AHEAD_MS) {
        gw_iot_refuse(ex, "invalid-body", "`until` is a moment after now, within 31 days.");
        return false;
    }
    *out_reason = gw_value_member_text(&body, GW_STR("reason"));
    if (out_reason->len == 0)
        gw_iot_refuse(ex, "invalid-body", "`reason` is missing.");
    return out_reason->len > 0;
}

static void shelve(struct gw_exchange *ex)
{
    struct gw_alarm_update *update = gw_alarm_update_begin(ex);
    struct gw_str reason;
    int64_t until_ms;

    if (update == NULL || !read_body(ex, &until_ms, &reason))
        return;
    update->args[0] = update->id;
    update->args[1] = gw_alarm_wanted_version(ex);
    update->args[2] =
        gw_arena_printf(&ex->arena, "%llu", (unsigned long long)(ex->wall_ns / GW_NS_PER_MS));
    update->args[3] = gw_arena_printf(&ex->arena, "%lld", (long long)until_ms);
    update->args[4] =
        gw_arena_printf(&ex->arena, "%.*s %.*s", GW_STR_ARG(gw_iot_caller(ex)), GW_STR_ARG(reason));
    update->args[5] = gw_arena_printf(&ex->arena, "%d", GW_SHELVED_MAX);
    update->tell = tell_shelved;
    gw_alarm_update_run(update, &shelve_script, 6);
}

static void unshelve(struct gw_exchange *ex)
{
    struct gw_alarm_update *update = gw_alarm_update_begin(ex);

    if (update == NULL)
        return;
    update->args[0] = update->id;
    update->args[1] = gw_alarm_wanted_version(ex);
    update->args[2] =
        gw_arena_printf(&ex->arena, "%llu", (unsigned long long)(ex->wall_ns / GW_NS_PER_MS));
    update->tell = tell_unshelved;
    gw_alarm_update_run(update, &unshelve_script, 3);
}

const struct gw_builtin gw_iot_shelve_alarm = {
    .name = "iot.shelve",
    .section = "iot",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = shelve,
};
const struct gw_builtin gw_iot_unshelve_alarm = {
    .name = "iot.unshelve", .section = "iot", .is_write = true, .start = unshelve};
