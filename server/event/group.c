#include "server/event/group.h"

#include <errno.h>
#include <inttypes.h>

#define TIMEOUT_NS (UINT64_C(1000) * 1000 * 1000)

enum { NO_GROUP = -1, TOO_MANY = -2 };

/* KEYS: stream. ARGV: group, reader, count, redelivery (ms), how many may be held, where it begins
 * ('': it is not created), how many groups there may be. Returns {0, how many came again, entries},
 * {-1} or {-2}. */
static const struct gw_script read_script = {
    "event-group-read",
    GW_STR_INIT(
        "local stream, group, reader, count = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])\n"
        "local claimed = redis.pcall('XAUTOCLAIM', stream, group, reader, ARGV[4], '0-0', 'COUNT', "
        "count)\n"
        "if claimed.err then\n"
        "  if not string.find(claimed.err, 'NOGROUP', 1, true) then return claimed end\n"
        "  if ARGV[6] == '' then return {-1} end\n"
        "  local known = redis.pcall('XINFO', 'GROUPS', stream)\n"
        "  if not known.err and #known >= tonumber(ARGV[7]) then return {-2} end\n"
        "  redis.call('XGROUP', 'CREATE', stream, group, ARGV[6], 'MKSTREAM')\n"
        "  claimed = {'0-0', {}}\n"
        "end\n"
        "local given = claimed[2]\n"
        "local again = #given\n"
        "local held = redis.call('XPENDING', stream, group)[1]\n"
        "local room = math.min(count - again, tonumber(ARGV[5]) - held)\n"
        "if room > 0 then\n"
        "  local new = redis.call('XREADGROUP', 'GROUP', group, reader, 'COUNT', room, 'STREAMS', "
        "stream, '>')\n"
        "  if new then for _, entry in ipairs(new[1][2]) do given[#given + 1] = entry end end\n"
        "end\n"
        "return {0, again, given}\n"),
};

/* KEYS: stream. ARGV: group, reader, ids. Returns how many were acknowledged. */
static const struct gw_script acknowledge_script = {
    "event-group-acknowledge",
    GW_STR_INIT("local count = 0\n"
                "for i = 3, #ARGV do\n"
                "  local held = {}\n"
                "  if ARGV[2] ~= '' then\n"
                "    held = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)\n"
                "    if held.err then return -1 end\n"
                "  end\n"
                "  if ARGV[2] == '' or (#held == 1 and held[1][2] == ARGV[2]) then\n"
                "    count = count + redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])\n"
                "  end\n"
                "end\n"
                "return count\n"),
};

/* KEYS: stream. ARGV: group, where it begins ('': it is no longer). Returns how many there were. */
static const struct gw_script set_script = {
    "event-group-set",
    GW_STR_INIT("local was = redis.pcall('XGROUP', 'DESTROY', KEYS[1], ARGV[1])\n"
                "if ARGV[2] ~= '' then\n"
                "  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM')\n"
                "end\n"
                "if type(was) == 'table' then return 0 end\n"
                "return was\n"),
};

static void end(struct gw_event_group_call *call, int rc, const struct gw_reply *entries,
                size_t count)
{
    call->call = NULL;
    call->done(call, rc, entries, count);
}

static void on_read(void *self, int rc, const struct gw_reply *reply)
{
    int64_t code = rc == 0 && reply->type == GW_REPLY_ARRAY ? gw_reply_integer_at(reply, 0) : 1;

    if (rc == 0 && code == NO_GROUP && reply->count == 1)
        rc = -ENOENT;
    else if (rc == 0 && code == TOO_MANY)
        rc = -ENOSPC;
    else if (rc == 0 && (code != 0 || reply->count != 3 || reply->items[2].type != GW_REPLY_ARRAY))
        rc = -EPROTO;
    if (rc == 0)
        end(self, 0, &reply->items[2], (size_t)gw_reply_integer_at(reply, 1));
    else
        end(self, rc, NULL, 0);
}

static void on_count(void *self, int rc, const struct gw_reply *reply)
{
    if (rc == 0 && reply->type != GW_REPLY_INTEGER)
        rc = -EPROTO;
    else if (rc == 0 && reply->integer < 0)
        rc = -ENOENT;
    end(self, rc, NULL, rc == 0 ? (size_t)reply->integer : 0);
}

static int start(struct gw_redis *redis, struct gw_event_group_call *call, unsigned partition,
                 const struct gw_script *script, size_t arg_count)
{
    call->key = gw_event_key(partition, "stream", call->key_text);
    call->eval = (struct gw_redis_eval){script, &call->key, 1, call->args, arg_count, TIMEOUT_NS};
    int rc = gw_redis_eval(redis, &call->eval, script == &read_script ? on_read : on_count, call,
                           &call->call);
    if (rc != 0)
        call->call = NULL;
    return rc;
}

static struct gw_str number(struct gw_event_group_call *call, unsigned at, uint64_t value)
{
    snprintf(call->numbers[at], sizeof(call->numbers[at]), "%" PRIu64, value);
    return gw_str_of(call->numbers[at]);
}

int gw_event_group_read(struct gw_redis *redis, struct gw_event_group_call *call,
                        unsigned partition, const struct gw_event_group_read *read)
{
    size_t count =
        read->count < GW_EVENT_GROUP_MAX_IDS ? read->count : (size_t)GW_EVENT_GROUP_MAX_IDS;

    call->args[0] = read->group;
    call->args[1] = read->reader;
    call->args[2] = number(call, 0, count);
    call->args[3] = number(call, 1, read->redelivery_ms);
    call->args[4] = number(call, 2, read->max_held);
    call->args[5] = !read->creates        ? GW_STR("")
                    : read->start == NULL ? GW_STR("$")
                                          : gw_event_position_print(*read->start, call->ids[0]);
    call->args[6] = number(call, 3, read->max_groups);
    return start(redis, call, partition, &read_script, 7);
}

int gw_event_group_acknowledge(struct gw_redis *redis, struct gw_event_group_call *call,
                               const struct gw_event_place *places, size_t count,
                               struct gw_str group, struct gw_str reader)
{
    if (count == 0 || count > GW_EVENT_GROUP_MAX_IDS)
        return -EINVAL;
    call->args[0] = group;
    call->args[1] = reader;
    for (size_t i = 0; i < count; i++)
        call->args[2 + i] = gw_event_position_print(places[i].at, call->ids[i]);
    return start(redis, call, places[0].partition, &acknowledge_script, 2 + count);
}

int gw_event_group_set(struct gw_redis *redis, struct gw_event_group_call *call, unsigned partition,
                       struct gw_str group, const struct gw_event_position *begin)
{
    call->args[0] = group;
    call->args[1] = begin == NULL ? GW_STR("") : gw_event_position_print(*begin, call->ids[0]);
    return start(redis, call, partition, &set_script, 2);
}

void gw_event_group_cancel(struct gw_event_group_call *call)
{
    if (call->call != NULL)
        gw_redis_cancel(call->call);
    call->call = NULL;
}
