/* iot.maintenance, iot.maintenance.set, iot.maintenance.end: when an equipment's alarms are not
 * raised. */
#include "server/iot/maintenance.h"

#include <errno.h>

#include "server/core/clock.h"
#include "server/core/instant.h"
#include "server/filter/worker.h"
#include "server/gateway/iot_private.h"

#define MAX_BODY_BYTES 8192
#define MAX_AHEAD_MS (INT64_C(366) * 24 * 3600 * 1000)

/* ARGV: now, how many at most, field, text. What is over makes room. */
static const struct gw_script set_script = {
    "iot.maintain",
    GW_STR_INIT("if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then\n"
                "  local all = redis.call('HGETALL', KEYS[1])\n"
                "  for i = 1, #all, 2 do\n"
                "    local until_ms = string.match(all[i + 1], '^%d+ (%d+)')\n"
                "    if not until_ms or tonumber(until_ms) < tonumber(ARGV[1]) then\n"
                "      redis.call('HDEL', KEYS[1], all[i])\n"
                "    end\n"
                "  end\n"
                "  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end\n"
                "end\n"
                "redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])\n"
                "return 1\n")};
static const struct gw_str the_key = GW_STR_INIT(GW_MAINTENANCE_KEY);

struct maintaining {
    struct gw_iot_asking asking;
    struct gw_iot_request request;
    struct gw_buf *text;
    struct gw_str field, args[4], words[3];
    struct gw_redis_eval eval;
    int64_t from_ms, until_ms;
    size_t count;
    bool is_full;
};

static struct maintaining *make(struct gw_exchange *ex)
{
    struct maintaining *maintaining = gw_arena_calloc(&ex->arena, 1, sizeof(*maintaining));

    if (maintaining == NULL || gw_iot_asking_init(&maintaining->asking, ex, 1) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    maintaining->asking.owner = maintaining;
    return gw_iot_read_request(ex, &maintaining->request) ? maintaining : NULL;
}

/* Some device must stand there. */
static bool find_equipment(struct maintaining *maintaining)
{
    const struct gw_registry *registry = maintaining->request.registry;
    struct gw_str plant = gw_iot_text(&maintaining->request, "plant");
    struct gw_str equipment = gw_iot_text(&maintaining->request, "equipment");
    struct gw_exchange *ex = maintaining->request.ex;
    bool is_there = false;

    for (size_t i = 0; i < gw_registry_device_count(registry) && !is_there; i++) {
        const struct gw_device_config *device = gw_registry_device(registry, i);
        is_there = gw_str_equal(device->plant, plant) && gw_str_equal(device->equipment, equipment);
    }
    if (!is_there || !gw_iot_may_see(&maintaining->request, plant)) {
        gw_iot_refuse(ex, "not-found", "No device stands at that equipment.");
        return false;
    }
    maintaining->field =
        gw_arena_printf(&ex->arena, "%.*s/%.*s", GW_STR_ARG(plant), GW_STR_ARG(equipment));
    if (maintaining->field.ptr == NULL)
        gw_iot_refuse(ex, "overloaded", NULL);
    return maintaining->field.ptr != NULL;
}

/* --- list --- */

static void write_window(struct maintaining *maintaining, struct gw_str field, struct gw_str text)
{
    int64_t now_ms = (int64_t)(maintaining->request.ex->wall_ns / GW_NS_PER_MS);
    struct gw_str plant, from, until, who;
    uint64_t from_ms, until_ms;

    if (!gw_str_split(&field, '/', &plant) || !gw_iot_may_see(&maintaining->request, plant) ||
        !gw_str_split(&text, ' ', &from) || !gw_str_split(&text, ' ', &until) ||
        !gw_str_split(&text, ' ', &who) || gw_str_to_u64(from, &from_ms) != 0 ||
        gw_str_to_u64(until, &until_ms) != 0 || (int64_t)until_ms <= now_ms)
        return;
    gw_buf_append_text(maintaining->text, maintaining->count++ > 0 ? ",{" : "{");
    gw_iot_write_text(maintaining->text, "plantId", plant);
    gw_iot_write_text(maintaining->text, "equipmentId", field);
    gw_iot_write_moment(maintaining->text, "from", (int64_t)from_ms);
    gw_iot_write_moment(maintaining->text, "until", (int64_t)until_ms);
    gw_iot_write_text(maintaining->text, "by", who);
    gw_iot_write_text(maintaining->text, "reason", text);
    gw_buf_append_byte(maintaining->text, '}');
}

static void on_windows(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct maintaining *maintaining = asking->owner;
    (void)index;

    for (size_t i = 0; i + 1 < reply->count; i += 2)
        write_window(maintaining, reply->items[i].text, reply->items[i + 1].text);
}

static void on_listed(struct gw_iot_asking *asking)
{
    struct maintaining *maintaining = asking->owner;

    gw_buf_append_text(maintaining->text, "]}");
    gw_iot_answer(asking->ex, 200, maintaining->text, false);
}

static void list(struct gw_exchange *ex)
{
    struct maintaining *maintaining = make(ex);

    if (maintaining == NULL)
        return;
    maintaining->text = gw_iot_make_text(ex);
    if (maintaining->text == NULL)
        return;
    gw_buf_append_text(maintaining->text, "{\"items\":[");
    maintaining->words[0] = GW_STR("HGETALL");
    maintaining->words[1] = the_key;
    maintaining->asking.on_reply = on_windows;
    maintaining->asking.done = on_listed;
    gw_iot_ask(&maintaining->asking, maintaining->words, 2);
    gw_iot_asked(&maintaining->asking);
}

const struct gw_builtin gw_iot_list_maintenance = {
    .name = "iot.maintenance", .section = "iot", .start = list};

/* --- changes --- */

static void on_changed(struct gw_iot_asking *asking)
{
    const struct maintaining *maintaining = asking->owner;

    if (maintaining->is_full) {
        gw_iot_refuse(asking->ex, "refused", "Too many are in maintenance already.");
        return;
    }
    asking->ex->response.status = 204;
    gw_builtin_end(asking->ex, true);
}

static void on_set(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct maintaining *maintaining = asking->owner;
    (void)index;

    maintaining->is_full = reply->integer != 1;
}

static bool read_times(struct maintaining *maintaining, const struct gw_value *body)
{
    struct gw_exchange *ex = maintaining->request.ex;
    struct gw_str from = gw_value_member_text(body, GW_STR("from"));
    int64_t now_ms = (int64_t)(ex->wall_ns / GW_NS_PER_MS);

    maintaining->from_ms = now_ms;
    if ((from.len > 0 && gw_instant_read(from, &maintaining->from_ms) != 0) ||
        gw_instant_read(gw_value_member_text(body, GW_STR("until")), &maintaining->until_ms) != 0 ||
        maintaining->until_ms <= maintaining->from_ms || maintaining->until_ms <= now_ms ||
        maintaining->until_ms > now_ms + MAX_AHEAD_MS) {
        gw_iot_refuse(ex, "invalid-body",
                      "`until` is a moment after `from` and now, within a year.");
        return false;
    }
    return true;
}

static void set(struct gw_exchange *ex)
{
    struct maintaining *maintaining = make(ex);
    struct gw_value body = gw_value_null();
    struct gw_json_error why;

    if (maintaining == NULL || !find_equipment(maintaining))
        return;
    if (gw_value_read(&ex->arena, ex->request.body, NULL, &body, &why) != 0) {
        gw_iot_refuse(ex, "invalid-body", NULL);
        return;
    }
    if (!read_times(maintaining, &body))
        return;
    struct gw_str reason = gw_value_member_text(&body, GW_STR("reason"));
    struct gw_str who = gw_iot_caller(ex);
    maintaining->args[0] =
        gw_arena_printf(&ex->arena, "%llu", (unsigned long long)(ex->wall_ns / GW_NS_PER_MS));
    maintaining->args[1] = gw_arena_printf(&ex->arena, "%d", GW_MAINTENANCE_MAX);
    maintaining->args[2] = maintaining->field;
    maintaining->args[3] =
        gw_arena_printf(&ex->arena, "%lld %lld %.*s %.*s", (long long)maintaining->from_ms,
                        (long long)maintaining->until_ms, GW_STR_ARG(who), (int)reason.len,
                        reason.ptr != NULL ? reason.ptr : "");
    for (size_t i = 0; i < 4; i++)
        if (maintaining->args[i].ptr == NULL)
            maintaining->asking.rc = -ENOMEM;
    maintaining->eval =
        (struct gw_redis_eval){&set_script, &the_key, 1, maintaining->args, 4, GW_NS_PER_SECOND};
    maintaining->asking.on_reply = on_set;
    maintaining->asking.done = on_changed;
    gw_iot_ask_script(&maintaining->asking, &maintaining->eval);
    gw_iot_asked(&maintaining->asking);
}

const struct gw_builtin gw_iot_set_maintenance = {
    .name = "iot.maintenance.set",
    .section = "iot",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = set,
};

static void end(struct gw_exchange *ex)
{
    struct maintaining *maintaining = make(ex);

    if (maintaining == NULL || !find_equipment(maintaining))
        return;
    maintaining->words[0] = GW_STR("HDEL");
    maintaining->words[1] = the_key;
    maintaining->words[2] = maintaining->field;
    maintaining->asking.done = on_changed;
    gw_iot_ask(&maintaining->asking, maintaining->words, 3);
    gw_iot_asked(&maintaining->asking);
}

const struct gw_builtin gw_iot_end_maintenance = {
    .name = "iot.maintenance.end", .section = "iot", .is_write = true, .start = end};
