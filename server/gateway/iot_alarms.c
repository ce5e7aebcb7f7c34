/* iot.alarms, iot.alarm: how alarms stand. */
#include "server/iot/alarms.h"

#include <errno.h>

#include "server/core/clock.h"
#include "server/gateway/iot_alarms.h"

#define USUAL_COUNT 100
#define MAX_PLANTS 500

/* ARGV: at most so many; state, severity, equipment, acknowledged, shelved ("" / "true" / "false");
 * now. */
static const struct gw_script list_script = {
    "iot.alarms",
    GW_STR_INIT("local out = {}\n"
                "local function fits(value, wanted) return wanted == '' or value == wanted end\n"
                "local function is_shelved(text)\n"
                "  local till = text and string.match(text, '^%d+ (%d+)')\n"
                "  return till and tonumber(till) > tonumber(ARGV[7]) and 'true' or 'false'\n"
                "end\n"
                "local shelved, all = {}, redis.call('HGETALL', KEYS[1] .. ':shelved')\n"
                "for i = 1, #all, 2 do shelved[all[i]] = all[i + 1] end\n"
                "for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do\n"
                "  local row = redis.call('HMGET', KEYS[1] .. ':' .. id, " GW_ALARM_FIELDS ")\n"
                "  row[#row + 1] = shelved[id] or false\n"
                "  if row[1] and fits(row[1], ARGV[2]) and fits(row[5], ARGV[3]) and\n"
                "     fits(row[3], ARGV[4]) and\n"
                "     fits(row[8] and 'true' or 'false', ARGV[5]) and\n"
                "     fits(is_shelved(shelved[id]), ARGV[6]) then\n"
                "    if #out == 2 * tonumber(ARGV[1]) then\n"
                "      out[#out + 1] = 'more'\n"
                "      break\n"
                "    end\n"
                "    out[#out + 1] = id\n"
                "    out[#out + 1] = row\n"
                "  end\n"
                "end\n"
                "return out\n")};
static const struct gw_script get_script = {
    "iot.alarm.get", GW_STR_INIT(GW_ALARM_READ("KEYS[1]", "KEYS[2]", "ARGV[1]") "return row\n")};

struct alarms_reading {
    struct gw_iot_asking asking;
    struct gw_iot_request request;
    struct gw_buf *text;
    struct gw_str plants[MAX_PLANTS], keys[MAX_PLANTS], args[7];
    struct gw_redis_eval evals[MAX_PLANTS];
    size_t plant_count, count;
    bool has_more;
    struct gw_str id; /* of one */
};

/* --- the answer --- */

static struct gw_str text_at(const struct gw_reply *row, size_t at)
{
    return row->items[at].type == GW_REPLY_STRING ? row->items[at].text : GW_STR("");
}

static int64_t number_at(const struct gw_reply *row, size_t at)
{
    uint64_t number;

    return gw_str_to_u64(text_at(row, at), &number) == 0 && number < INT64_MAX ? (int64_t)number
                                                                               : 0;
}

static bool is_row(const struct gw_reply *row)
{
    return row->type == GW_REPLY_ARRAY && row->count == GW_ALARM_AT_COUNT &&
           text_at(row, GW_ALARM_AT_STATE).len > 0;
}

/* Nothing where it is over. */
static void write_shelving(struct gw_buf *out, struct gw_str text, int64_t now_ms)
{
    struct gw_str since, until, who;
    uint64_t since_ms, until_ms;

    if (!gw_str_split(&text, ' ', &since) || !gw_str_split(&text, ' ', &until) ||
        !gw_str_split(&text, ' ', &who) || gw_str_to_u64(since, &since_ms) != 0 ||
        gw_str_to_u64(until, &until_ms) != 0 || until_ms > INT64_MAX || (int64_t)until_ms <= now_ms)
        return;
    gw_buf_append_text(out, ",\"shelving\":{");
    gw_iot_write_moment(out, "since", (int64_t)since_ms);
    gw_iot_write_moment(out, "until", (int64_t)until_ms);
    gw_iot_write_text(out, "by", who);
    gw_iot_write_text(out, "reason", text);
    gw_buf_append_byte(out, '}');
}

bool gw_iot_write_alarm(struct gw_buf *out, const struct gw_alarm_row *alarm)
{
    const struct gw_reply *row = alarm->row;

    if (!is_row(row))
        return false;
    gw_buf_append_byte(out, '{');
    gw_iot_write_text(out, "id", alarm->id);
    gw_iot_write_text(out, "plantId", alarm->plant);
    gw_iot_write_text(out, "deviceId", text_at(row, GW_ALARM_AT_DEVICE));
    gw_iot_write_text(out, "equipmentId", text_at(row, GW_ALARM_AT_EQUIPMENT));
    gw_iot_write_text(out, "signal", text_at(row, GW_ALARM_AT_SIGNAL));
    gw_iot_write_text(out, "severity", text_at(row, GW_ALARM_AT_SEVERITY));
    gw_iot_write_text(out, "state", text_at(row, GW_ALARM_AT_STATE));
    gw_iot_write_moment(out, "raised", number_at(row, GW_ALARM_AT_RAISED));
    gw_iot_write_moment(out, "cleared", number_at(row, GW_ALARM_AT_CLEARED));
    gw_iot_write_number(out, "times", number_at(row, GW_ALARM_AT_TIMES));
    gw_iot_write_number(out, "version", number_at(row, GW_ALARM_AT_VERSION));
    if (text_at(row, GW_ALARM_AT_ACKNOWLEDGED).len > 0) {
        gw_buf_append_text(out, ",\"acknowledged\":{");
        gw_iot_write_moment(out, "time", number_at(row, GW_ALARM_AT_ACKNOWLEDGED));
        gw_iot_write_text(out, "by", text_at(row, GW_ALARM_AT_BY));
        gw_iot_write_text(out, "comment", text_at(row, GW_ALARM_AT_COMMENT));
        gw_buf_append_byte(out, '}');
    }
    write_shelving(out, text_at(row, GW_ALARM_AT_SHELVED), alarm->now_ms);
    if (text_at(row, GW_ALARM_AT_DATA).len > 0)
        gw_buf_printf(out, ",\"data\":%.*s", GW_STR_ARG(text_at(row, GW_ALARM_AT_DATA)));
    gw_buf_append_byte(out, '}');
    return true;
}

int gw_iot_add_alarm_etag(struct gw_exchange *ex, const struct gw_reply *row)
{
    struct gw_str etag =
        gw_arena_printf(&ex->arena, "\"%lld\"", (long long)number_at(row, GW_ALARM_AT_VERSION));

    return etag.ptr == NULL ? -ENOMEM : gw_response_add_field(ex, GW_STR("ETag"), etag);
}

/* --- lists --- */

static int64_t now_of(const struct gw_iot_asking *asking)
{
    return (int64_t)(asking->ex->wall_ns / GW_NS_PER_MS);
}

static void on_rows(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct alarms_reading *reading = asking->owner;
    uint64_t max = gw_iot_number(&reading->request, "limit", USUAL_COUNT);

    for (size_t i = 0; i < reply->count; i += 2) {
        if (i + 1 == reply->count || reading->count == max) {
            reading->has_more = true;
            return;
        }
        size_t before = reading->text->len;
        if (reading->count > 0)
            gw_buf_append_byte(reading->text, ',');
        const struct gw_alarm_row row = {reading->plants[index], reply->items[i].text,
                                         &reply->items[i + 1], now_of(asking)};
        if (gw_iot_write_alarm(reading->text, &row))
            reading->count++;
        else
            reading->text->len = before;
    }
}

static void on_all(struct gw_iot_asking *asking)
{
    struct alarms_reading *reading = asking->owner;

    gw_buf_printf(reading->text, "],\"more\":%s}", reading->has_more ? "true" : "false");
    gw_iot_answer(asking->ex, 200, reading->text, false);
}

static void add_plant(struct alarms_reading *reading, struct gw_str plant)
{
    struct gw_str wanted = gw_iot_text(&reading->request, "plant");

    if ((wanted.len > 0 && !gw_str_equal(wanted, plant)) ||
        !gw_iot_may_see(&reading->request, plant) || reading->plant_count == MAX_PLANTS)
        return;
    for (size_t i = reading->plant_count; i > 0; i--) /* mostly the one before */
        if (gw_str_equal(reading->plants[i - 1], plant))
            return;
    reading->plants[reading->plant_count++] = plant;
}

static void ask_plants(struct alarms_reading *reading)
{
    struct gw_exchange *ex = reading->request.ex;
    char key[GW_ALARM_KEY_BYTES];

    for (size_t i = 0; i < reading->plant_count; i++) {
        reading->keys[i] =
            gw_arena_copy(&ex->arena, gw_alarm_key(reading->plants[i], GW_STR(""), key));
        if (reading->keys[i].ptr == NULL)
            reading->asking.rc = -ENOMEM;
        reading->evals[i] = (struct gw_redis_eval){
            &list_script, &reading->keys[i], 1, reading->args, 7, 2 * GW_NS_PER_SECOND};
        gw_iot_ask_script(&reading->asking, &reading->evals[i]);
    }
    gw_iot_asked(&reading->asking);
}

static struct alarms_reading *make(struct gw_exchange *ex)
{
    struct alarms_reading *reading = gw_arena_calloc(&ex->arena, 1, sizeof(*reading));

    if (reading == NULL || gw_iot_asking_init(&reading->asking, ex, MAX_PLANTS) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    reading->asking.owner = reading;
    if (!gw_iot_read_request(ex, &reading->request))
        return NULL;
    reading->text = gw_iot_make_text(ex);
    return reading->text == NULL ? NULL : reading;
}

static struct gw_str wish(const struct alarms_reading *reading, struct gw_str name)
{
    const struct gw_value *value = gw_value_member(&reading->request.parameters, name);

    return value == NULL                 ? GW_STR("")
           : value->type == GW_JSON_TRUE ? GW_STR("true")
                                         : GW_STR("false");
}

static void list_alarms(struct gw_exchange *ex)
{
    struct alarms_reading *reading = make(ex);

    if (reading == NULL)
        return;
    const struct gw_registry *registry = reading->request.registry;
    for (size_t i = 0; i < gw_registry_node_count(registry); i++)
        add_plant(reading, gw_registry_node(registry, i)->plant);
    reading->args[0] =
        gw_arena_printf(&ex->arena, "%llu",
                        (unsigned long long)gw_iot_number(&reading->request, "limit", USUAL_COUNT));
    reading->args[1] = gw_iot_text(&reading->request, "state");
    reading->args[2] = gw_iot_text(&reading->request, "severity");
    reading->args[3] = gw_iot_text(&reading->request, "equipment");
    reading->args[4] = wish(reading, GW_STR("acknowledged"));
    reading->args[5] = wish(reading, GW_STR("shelved"));
    reading->args[6] = gw_arena_printf(&ex->arena, "%lld", (long long)now_of(&reading->asking));
    for (size_t i = 0; i < 7; i++)
        if (reading->args[i].ptr == NULL)
            reading->args[i] = GW_STR("");
    reading->asking.on_reply = on_rows;
    reading->asking.done = on_all;
    gw_buf_append_text(reading->text, "{\"items\":[");
    ask_plants(reading);
}

const struct gw_builtin gw_iot_list_alarms = {
    .name = "iot.alarms", .section = "iot", .start = list_alarms};

/* --- one --- */

static void on_row(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct alarms_reading *reading = asking->owner;
    const struct gw_alarm_row row = {reading->plants[0], reading->id, reply, now_of(asking)};
    (void)index;

    if (gw_iot_write_alarm(reading->text, &row) && gw_iot_add_alarm_etag(asking->ex, reply) != 0)
        asking->rc = -ENOMEM;
}

static void on_one(struct gw_iot_asking *asking)
{
    struct alarms_reading *reading = asking->owner;

    if (reading->text->len > 0)
        gw_iot_answer(asking->ex, 200, reading->text, false);
    else
        gw_iot_refuse(asking->ex, "not-found", "There is no such alarm.");
}

bool gw_iot_find_alarm(const struct gw_iot_request *request, struct gw_str *out_key)
{
    struct gw_str plant = gw_iot_text(request, "plant"), id = gw_iot_text(request, "id");
    char key[GW_ALARM_KEY_BYTES];

    if (!gw_iot_may_see(request, plant)) {
        gw_iot_refuse(request->ex, "not-found", "There is no such alarm.");
        return false;
    }
    *out_key = gw_arena_copy(&request->ex->arena, gw_alarm_key(plant, id, key));
    if (out_key->ptr == NULL)
        gw_iot_refuse(request->ex, "overloaded", NULL);
    return out_key->ptr != NULL;
}

static void get_alarm(struct gw_exchange *ex)
{
    struct alarms_reading *reading = make(ex);
    char key[GW_ALARM_KEY_BYTES];

    if (reading == NULL || !gw_iot_find_alarm(&reading->request, &reading->keys[0]))
        return;
    reading->plants[0] = gw_iot_text(&reading->request, "plant");
    reading->id = gw_iot_text(&reading->request, "id");
    reading->keys[1] =
        gw_arena_copy(&ex->arena, gw_alarm_key(reading->plants[0], GW_STR("shelved"), key));
    if (reading->keys[1].ptr == NULL)
        reading->asking.rc = -ENOMEM;
    reading->evals[0] = (struct gw_redis_eval){&get_script, reading->keys,       2, &reading->id,
                                               1,           2 * GW_NS_PER_SECOND};
    reading->asking.on_reply = on_row;
    reading->asking.done = on_one;
    gw_iot_ask_script(&reading->asking, &reading->evals[0]);
    gw_iot_asked(&reading->asking);
}

const struct gw_builtin gw_iot_get_alarm = {
    .name = "iot.alarm", .section = "iot", .start = get_alarm};
