/* events.get: one event by its place; events.types: which events there are. */
#include "server/contract/event_types.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/event/log_keys.h"
#include "server/filter/worker.h"
#include "server/gateway/events_private.h"
#include "server/store/redis.h"

#define ANSWER_NS GW_NS_PER_SECOND
#define MAX_TEXT_BYTES ((size_t)4 * GW_EVENT_MAX_BYTES)
#define MAX_TYPES_BYTES ((size_t)4 * 1024 * 1024)

struct getting {
    struct gw_exchange *ex;
    struct gw_event_filter permission;
    struct gw_event_place place;
    struct gw_redis_call *call;
};

static void leave(void *self)
{
    struct getting *getting = self;

    if (getting->call != NULL)
        gw_redis_cancel(getting->call);
    getting->call = NULL;
}

/* One that the caller may not see is not there for it. */
static bool may_see(const struct getting *getting, struct gw_str json)
{
    struct gw_event event;
    struct gw_error error;

    return gw_event_parse(json, &getting->ex->arena, &event, &error) == 0 &&
           gw_event_filter_allows(&getting->permission, &event);
}

static void on_entry(void *self, int rc, const struct gw_reply *reply)
{
    struct getting *getting = self;
    struct gw_exchange *ex = getting->ex;

    getting->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY) {
        gw_events_refuse_for(ex, rc);
        return;
    }
    const struct gw_reply *entry = reply->count == 1 ? &reply->items[0] : NULL;
    struct gw_buf *text = gw_events_make_text(ex, MAX_TEXT_BYTES);
    if (entry == NULL || entry->count != 2 || entry->items[1].count < 2 ||
        !may_see(getting, entry->items[1].items[1].text)) {
        gw_events_refuse(ex, "not-found", "There is no such event, or no longer.");
        return;
    }
    if (text != NULL)
        gw_events_write_item(text, &getting->place, entry->items[1].items[1].text);
    gw_events_answer(ex, 200, text, false);
}

static void ask(struct getting *getting)
{
    char key[GW_EVENT_KEY_BYTES], id[GW_EVENT_PLACE_BYTES];
    struct gw_str at = gw_event_position_print(getting->place.at, id);
    const struct gw_str words[] = {GW_STR("XRANGE"),
                                   gw_event_key(getting->place.partition, "stream", key), at, at};
    const struct gw_redis_command command = {words, GW_COUNT_OF(words), ANSWER_NS};

    int rc = gw_redis_send(getting->ex->worker->redis, &command, on_entry, getting, &getting->call);
    if (rc != 0) {
        getting->call = NULL;
        gw_events_refuse_for(getting->ex, rc);
    }
}

static void get(struct gw_exchange *ex)
{
    struct getting *getting = gw_arena_calloc(&ex->arena, 1, sizeof(*getting));
    struct gw_events_request request;

    if (getting == NULL || gw_arena_defer(&ex->arena, leave, getting) != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
        return;
    }
    if (!gw_events_read_request(ex, ex->view->snapshot->config->events.partitions, &request)) {
        gw_builtin_end(ex, false);
        return;
    }
    getting->ex = ex;
    getting->permission = request.filter;
    struct gw_str place = gw_value_member_text(&request.parameters, GW_STR("place"));
    if (gw_event_place_parse(place, &getting->place) == 0)
        ask(getting);
    else
        gw_events_refuse(ex, "not-found", "There is no such event.");
}

const struct gw_builtin gw_events_get = {.name = "events.get", .section = "events", .start = get};

static void list_types(struct gw_exchange *ex)
{
    const struct gw_event_types *types = ex->view->snapshot->event_types;
    struct gw_buf *text = gw_events_make_text(ex, MAX_TYPES_BYTES);

    if (text == NULL) {
        gw_events_refuse(ex, "overloaded", NULL);
        return;
    }
    gw_buf_append_text(text, "{\"items\":[");
    for (size_t i = 0; types != NULL && i < gw_event_types_count(types); i++) {
        const struct gw_event_type *type = gw_event_types_at(types, i);
        gw_buf_append_text(text, i > 0 ? ",{\"type\":\"" : "{\"type\":\"");
        gw_buf_append_json(text, type->name);
        gw_buf_append_text(text, "\",\"title\":\"");
        gw_buf_append_json(text, type->title);
        gw_buf_append_text(text, "\"}");
    }
    gw_buf_append_text(text, "]}");
    gw_events_answer(ex, 200, text, false);
}

const struct gw_builtin gw_events_types = {
    .name = "events.types", .section = "events", .start = list_types};
