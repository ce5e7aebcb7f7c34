#include "server/gateway/iot_alarm_update.h"

#include <errno.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/gateway/events.h"
#include "server/iot/alarms.h"
#include "server/iot/signal_cloud.h"

static void leave(void *self)
{
    struct gw_alarm_update *update = self;

    gw_record_write_stop(&update->write);
    gw_event_log_cancel(&update->append);
}

/* --- the event --- */

static void on_appended(struct gw_event_append *append, int rc, struct gw_str place,
                        bool is_repeated)
{
    struct gw_alarm_update *update = append->owner;
    (void)place, (void)is_repeated;

    if (rc != 0) /* again, it is known and the event is told */
        gw_iot_refuse_for(update->request.ex, rc);
    else
        gw_iot_answer(update->request.ex, 200, update->text, true);
}

static int make_event(struct gw_alarm_update *update, const struct gw_reply *row)
{
    struct gw_event *event = &update->event;
    struct gw_arena *arena = &update->request.ex->arena;
    struct gw_str equipment = row->items[GW_ALARM_AT_EQUIPMENT].text, at;
    const char *what;
    char time[GW_CLOCK_TEXT_BYTES];
    uint64_t ms = 0;

    update->has_event = update->tell(update, row, &what, &at);
    if (!update->has_event)
        return 0;
    if (gw_str_to_u64(at, &ms) != 0)
        return -EPROTO;
    gw_clock_text(time, (int64_t)ms);
    *event = (struct gw_event){
        .id = gw_arena_printf(arena, "%.*s-%s-%.*s", GW_STR_ARG(update->id), what, GW_STR_ARG(at)),
        .source = gw_equipment_source(update->plant, equipment, arena),
        .type = gw_arena_printf(arena, "com.millgate.iot.alarm.%s.v1", what),
        .subject = gw_arena_copy(arena, equipment),
        .time = gw_arena_copy(arena, gw_str_of(time)),
        .data = gw_arena_copy(arena, gw_buf_str(update->text)),
    };
    if (event->id.ptr == NULL || event->type.ptr == NULL || event->source.ptr == NULL ||
        event->subject.ptr == NULL || event->time.ptr == NULL || event->data.ptr == NULL)
        return -ENOMEM;
    int rc = gw_event_add_extension(event, GW_STR("plant"), update->plant);
    return rc == 0 ? gw_event_add_extension(event, GW_STR("equipment"), event->subject) : rc;
}

/* --- the record --- */

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct gw_alarm_update *update = GW_CONTAINER_OF(write, struct gw_alarm_update, write);
    struct gw_exchange *ex = update->request.ex;
    int64_t now_ms = (int64_t)(ex->wall_ns / GW_NS_PER_MS);

    if (reply->type == GW_REPLY_STATUS) {
        update->refusal = reply->text.ptr[0];
        return false;
    }
    const struct gw_alarm_row row = {update->plant, update->id, reply, now_ms};
    if (!gw_iot_write_alarm(update->text, &row) || make_event(update, reply) != 0 ||
        gw_iot_add_alarm_etag(ex, reply) != 0)
        update->refusal = '?';
    return true;
}

static bool refuse(struct gw_alarm_update *update)
{
    struct gw_exchange *ex = update->request.ex;

    switch (update->refusal) {
    case 'N':
        gw_iot_refuse(ex, "not-found", "There is no such alarm.");
        return true;
    case 'C':
        gw_iot_refuse(ex, "precondition-failed", "The alarm has changed since it was read.");
        return true;
    case 'F':
        gw_iot_refuse(ex, "refused", "Too many alarms of the plant are shelved already.");
        return true;
    default:
        return false;
    }
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct gw_alarm_update *update = GW_CONTAINER_OF(write, struct gw_alarm_update, write);

    if (rc == 0 && refuse(update))
        return;
    if (rc == 0 && update->refusal != 0)
        rc = -ENOMEM;
    if (rc == 0 && !update->has_event) {
        gw_iot_answer(update->request.ex, 200, update->text, true);
        return;
    }
    update->append =
        (struct gw_event_append){.event = &update->event, .done = on_appended, .owner = update};
    if (rc == 0)
        rc = gw_event_log_append(update->log, &update->append);
    if (rc != 0)
        gw_iot_refuse_for(update->request.ex, rc);
}

/* --- for the changes --- */

struct gw_str gw_alarm_wanted_version(const struct gw_exchange *ex)
{
    const struct gw_str *field = gw_request_field(ex, GW_STR("If-Match"));
    struct gw_str text = field != NULL ? gw_str_trim(*field) : GW_STR("");

    if (text.len == 0 || gw_str_equal(text, GW_STR("*")))
        return GW_STR("");
    if (text.len > 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        return gw_str_from(text.ptr + 1, text.len - 2);
    return GW_STR("none"); /* a weak one, say: it never matches */
}

struct gw_alarm_update *gw_alarm_update_begin(struct gw_exchange *ex)
{
    struct gw_alarm_update *update = gw_arena_calloc(&ex->arena, 1, sizeof(*update));
    char key[GW_ALARM_KEY_BYTES];

    if (update == NULL || gw_arena_defer(&ex->arena, leave, update) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    struct gw_event_service *events = gw_event_service_get(ex);
    if (events == NULL) {
        gw_builtin_end(ex, false);
        return NULL;
    }
    update->log = events->log;
    if (!gw_iot_read_request(ex, &update->request) ||
        !gw_iot_find_alarm(&update->request, &update->keys[0]))
        return NULL;
    update->plant = gw_iot_text(&update->request, "plant");
    update->id = gw_iot_text(&update->request, "id");
    update->keys[1] =
        gw_arena_copy(&ex->arena, gw_alarm_key(update->plant, GW_STR("shelved"), key));
    update->text = gw_iot_make_text(ex);
    return update->text != NULL ? update : NULL;
}

void gw_alarm_update_run(struct gw_alarm_update *update, const struct gw_script *script,
                         size_t arg_count)
{
    struct gw_exchange *ex = update->request.ex;
    int rc = update->keys[1].ptr == NULL ? -ENOMEM : 0;

    for (size_t i = 0; i < arg_count; i++)
        if (update->args[i].ptr == NULL)
            rc = -ENOMEM;
    update->eval = (struct gw_redis_eval){script,       update->keys, 2,
                                          update->args, arg_count,    2 * GW_NS_PER_SECOND};
    update->write.on_reply = on_reply;
    update->write.on_done = on_done;
    if (rc == 0)
        rc = gw_record_write_start(ex->worker->record_writer, &update->write, &update->eval);
    if (rc != 0)
        gw_iot_refuse_for(ex, rc);
    else
        gw_exchange_must_finish(ex);
}
