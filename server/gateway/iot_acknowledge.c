/* iot.acknowledge: somebody has seen an alarm. Kept with it, and an event of its own. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/gateway/events.h"
#include "server/gateway/iot_alarms.h"
#include "server/iot/alarms.h"
#include "server/iot/signal_cloud.h"
#include "server/store/record.h"

#define MAX_BODY_BYTES 8192
#define EVENT_TYPE "com.millgate.iot.alarm.acknowledged.v1"

/* ARGV: the version that is wanted or "", when, who, comment. What was acknowledged before stays
 * so. */
static const struct gw_script acknowledge_script = {
    "iot.acknowledge",
    GW_STR_INIT("local was = redis.call('HMGET', KEYS[1], 'version', 'acknowledged')\n"
                "if not was[1] then return redis.status_reply('NONE') end\n"
                "if not was[2] then\n"
                "  if ARGV[1] ~= '' and ARGV[1] ~= was[1] then\n"
                "    return redis.status_reply('CHANGED')\n"
                "  end\n"
                "  redis.call('HSET', KEYS[1], 'acknowledged', ARGV[2], 'by', ARGV[3],\n"
                "             'comment', ARGV[4], 'version', was[1] + 1)\n"
                "end\n"
                "return redis.call('HMGET', KEYS[1], " GW_ALARM_FIELDS ")\n")};

struct acknowledging {
    struct gw_iot_request request;
    struct gw_record_write write;
    struct gw_redis_eval eval;
    struct gw_event_append append;
    struct gw_event event;
    struct gw_event_log *log;
    struct gw_str key, args[4], plant, id;
    struct gw_buf *text;
    char refusal; /* of the script: its answer's first letter, 0: none */
};

static void leave(void *self)
{
    struct acknowledging *acknowledging = self;

    gw_record_write_stop(&acknowledging->write);
    gw_event_log_cancel(&acknowledging->append);
}

/* --- the event --- */

static void on_appended(struct gw_event_append *append, int rc, struct gw_str place,
                        bool is_repeated)
{
    struct acknowledging *acknowledging = append->owner;
    struct gw_exchange *ex = acknowledging->request.ex;
    (void)place, (void)is_repeated;

    if (rc != 0) /* again, it is known and the event is told */
        gw_iot_refuse_for(ex, rc);
    else
        gw_iot_answer(ex, 200, acknowledging->text, true);
}

static int make_event(struct acknowledging *acknowledging, const struct gw_reply *row)
{
    struct gw_exchange *ex = acknowledging->request.ex;
    struct gw_event *event = &acknowledging->event;
    struct gw_arena *arena = &ex->arena;
    struct gw_str equipment = row->items[2].text, at;
    char time[GW_CLOCK_TEXT_BYTES];
    uint64_t ms = 0;

    at = row->items[7].text;
    if (gw_str_to_u64(at, &ms) != 0)
        return -EPROTO;
    gw_clock_text(time, (int64_t)ms);
    *event = (struct gw_event){
        .id = gw_arena_printf(arena, "%.*s-%.*s", GW_STR_ARG(acknowledging->id), GW_STR_ARG(at)),
        .source = gw_equipment_source(acknowledging->plant, equipment, arena),
        .type = GW_STR(EVENT_TYPE),
        .subject = gw_arena_copy(arena, equipment),
        .time = gw_arena_copy(arena, gw_str_of(time)),
        .data = gw_arena_copy(arena, gw_buf_str(acknowledging->text)),
    };
    if (event->id.ptr == NULL || event->source.ptr == NULL || event->subject.ptr == NULL ||
        event->time.ptr == NULL || event->data.ptr == NULL)
        return -ENOMEM;
    int rc = gw_event_add_extension(event, GW_STR("plant"), acknowledging->plant);
    return rc == 0 ? gw_event_add_extension(event, GW_STR("equipment"), event->subject) : rc;
}

/* --- the record --- */

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct acknowledging *acknowledging = GW_CONTAINER_OF(write, struct acknowledging, write);
    struct gw_exchange *ex = acknowledging->request.ex;

    if (reply->type == GW_REPLY_STATUS) {
        acknowledging->refusal = reply->text.ptr[0];
        return false;
    }
    if (!gw_iot_write_alarm(acknowledging->text, acknowledging->plant, acknowledging->id, reply) ||
        make_event(acknowledging, reply) != 0 || gw_iot_add_alarm_etag(ex, reply) != 0)
        acknowledging->refusal = '?';
    return true;
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct acknowledging *acknowledging = GW_CONTAINER_OF(write, struct acknowledging, write);
    struct gw_exchange *ex = acknowledging->request.ex;

    if (rc == 0 && acknowledging->refusal == 'N') {
        gw_iot_refuse(ex, "not-found", "There is no such alarm.");
        return;
    }
    if (rc == 0 && acknowledging->refusal == 'C') {
        gw_iot_refuse(ex, "precondition-failed", "The alarm has changed since it was read.");
        return;
    }
    if (rc == 0 && acknowledging->refusal != 0)
        rc = -ENOMEM;
    acknowledging->append = (struct gw_event_append){
        .event = &acknowledging->event, .done = on_appended, .owner = acknowledging};
    if (rc == 0)
        rc = gw_event_log_append(acknowledging->log, &acknowledging->append);
    if (rc != 0)
        gw_iot_refuse_for(ex, rc);
}

/* If-Match: "3". Empty: none, or any. */
static struct gw_str wanted_version(const struct gw_exchange *ex)
{
    const struct gw_str *field = gw_request_field(ex, GW_STR("If-Match"));
    struct gw_str text = field != NULL ? gw_str_trim(*field) : GW_STR("");

    if (text.len == 0 || gw_str_equal(text, GW_STR("*")))
        return GW_STR("");
    if (text.len > 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        return gw_str_from(text.ptr + 1, text.len - 2);
    return GW_STR("none"); /* a weak one, say: it never matches */
}

static struct acknowledging *make(struct gw_exchange *ex)
{
    struct acknowledging *acknowledging = gw_arena_calloc(&ex->arena, 1, sizeof(*acknowledging));

    if (acknowledging == NULL || gw_arena_defer(&ex->arena, leave, acknowledging) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    struct gw_event_service *events = gw_event_service_get(ex);
    if (events == NULL) {
        gw_builtin_end(ex, false);
        return NULL;
    }
    acknowledging->log = events->log;
    if (!gw_iot_read_request(ex, &acknowledging->request) ||
        !gw_iot_find_alarm(&acknowledging->request, &acknowledging->key))
        return NULL;
    acknowledging->plant = gw_iot_text(&acknowledging->request, "plant");
    acknowledging->id = gw_iot_text(&acknowledging->request, "id");
    acknowledging->text = gw_iot_make_text(ex);
    return acknowledging->text != NULL ? acknowledging : NULL;
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
    struct acknowledging *acknowledging = make(ex);
    struct gw_str comment;

    if (acknowledging == NULL)
        return;
    if (!read_comment(ex, &comment)) {
        gw_iot_refuse(ex, "invalid-body", NULL);
        return;
    }
    acknowledging->args[0] = wanted_version(ex);
    acknowledging->args[1] =
        gw_arena_printf(&ex->arena, "%llu", (unsigned long long)(ex->wall_ns / GW_NS_PER_MS));
    acknowledging->args[2] = ex->identity.subject;
    acknowledging->args[3] = comment;
    acknowledging->eval = (struct gw_redis_eval){
        &acknowledge_script, &acknowledging->key, 1, acknowledging->args, 4, 2 * GW_NS_PER_SECOND};
    acknowledging->write.on_reply = on_reply;
    acknowledging->write.on_done = on_done;
    int rc = acknowledging->args[1].ptr == NULL
                 ? -ENOMEM
                 : gw_record_write_start(ex->worker->record_writer, &acknowledging->write,
                                         &acknowledging->eval);
    if (rc != 0)
        gw_iot_refuse_for(ex, rc);
    else
        gw_exchange_must_finish(ex);
}

const struct gw_builtin gw_iot_acknowledge_alarm = {
    .name = "iot.acknowledge",
    .section = "iot",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = acknowledge,
};
