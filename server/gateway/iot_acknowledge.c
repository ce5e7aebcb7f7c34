/* iot.acknowledge: somebody has seen an alarm. Kept with it, and an event of its own. */
#include "server/core/clock.h"
#include "server/gateway/iot_alarm_update.h"

#define MAX_BODY_BYTES 8192

/* KEYS: the alarm, what is shelved. ARGV: its id, the version that is wanted or "", when, who,
 * comment. What was acknowledged before stays so. */
static const struct gw_script acknowledge_script = {
    "iot.acknowledge",
    GW_STR_INIT("local was = redis.call('HMGET', KEYS[1], 'version', 'acknowledged')\n"
                "if not was[1] then return redis.status_reply('NONE') end\n"
                "if not was[2] then\n"
                "  if ARGV[2] ~= '' and ARGV[2] ~= was[1] then\n"
                "    return redis.status_reply('CHANGED')\n"
                "  end\n"
                "  redis.call('HSET', KEYS[1], 'acknowledged', ARGV[3], 'by', ARGV[4],\n"
                "             'comment', ARGV[5], 'version', was[1] + 1)\n"
                "end\n" GW_ALARM_READ("KEYS[1]", "KEYS[2]", "ARGV[1]") "return row\n")};

static bool tell(const struct gw_alarm_update *update, const struct gw_reply *row,
                 const char **out_what, struct gw_str *out_at)
{
    (void)update;
    *out_what = "acknowledged";
    *out_at = row->items[GW_ALARM_AT_ACKNOWLEDGED].text;
    return true;
}

static bool read_comment(struct gw_exchange *ex, struct gw_str *out_comment)
{
    struct gw_value body = gw_value_null();
    struct gw_json_error why;

    *out_comment = GW_STR("");
    if (ex->request.body.len == 0)
        return true;
    if (gw_value_read(&ex->arena, ex->request.body, NULL, &body, &why) != 0)
        return false;
    struct gw_str comment = gw_value_member_text(&body, GW_STR("comment"));
    if (comment.ptr != NULL)
        *out_comment = comment;
    return true;
}

static void acknowledge(struct gw_exchange *ex)
{
    struct gw_alarm_update *update = gw_alarm_update_begin(ex);
    struct gw_str comment;

    if (update == NULL)
        return;
    if (!read_comment(ex, &comment)) {
        gw_iot_refuse(ex, "invalid-body", NULL);
        return;
    }
    update->args[0] = update->id;
    update->args[1] = gw_alarm_wanted_version(ex);
    update->args[2] =
        gw_arena_printf(&ex->arena, "%llu", (unsigned long long)(ex->wall_ns / GW_NS_PER_MS));
    update->args[3] = ex->identity.subject;
    update->args[4] = comment;
    update->tell = tell;
    gw_alarm_update_run(update, &acknowledge_script, 5);
}

const struct gw_builtin gw_iot_acknowledge_alarm = {
    .name = "iot.acknowledge",
    .section = "iot",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = acknowledge,
};
