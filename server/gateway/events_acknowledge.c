/* events.acknowledge, events.rewind, events.forget: what a named consumer says of itself. */
#include <errno.h>

#include "server/core/buf.h"
#include "server/filter/worker.h"
#include "server/gateway/events_consumer.h"

#define MAX_BODY_BYTES ((size_t)128 * 1024)
#define MAX_PLACES 1000

/* Commands to the partitions, one after the other. */
struct changing {
    struct gw_exchange *ex;
    struct gw_event_group_call call;
    struct gw_str group;
    unsigned partitions, partition; /* the next */
    size_t count;                   /* of what was done */
    struct gw_event_place *places;  /* to acknowledge, in the order of their partitions */
    size_t place_count, place_at;
    bool has_start;
    struct gw_event_position start[GW_EVENT_MAX_PARTITIONS];
};

static void leave(void *self)
{
    struct changing *changing = self;

    gw_event_group_cancel(&changing->call);
}

static struct changing *make(struct gw_exchange *ex, struct gw_value *out_body)
{
    struct changing *changing = gw_arena_calloc(&ex->arena, 1, sizeof(*changing));
    struct gw_events_request request;
    struct gw_json_error error;

    if (changing == NULL || gw_arena_defer(&ex->arena, leave, changing) != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    changing->ex = ex;
    changing->call.owner = changing;
    changing->partitions = ex->view->snapshot->config->events.partitions;
    if (!gw_events_read_request(ex, changing->partitions, &request)) {
        gw_builtin_end(ex, false);
        return NULL;
    }
    bool has_body = ex->request.body.len == 0 ||
                    gw_value_read(&ex->arena, ex->request.body, NULL, out_body, &error) == 0;
    if (has_body && gw_events_group_name(ex, &request.parameters, &changing->group))
        return changing;
    gw_events_refuse(ex, has_body ? "overloaded" : "invalid-body", NULL);
    return NULL;
}

/* --- acknowledging --- */

static void acknowledge_next(struct changing *changing);

static void on_acknowledged(struct gw_event_group_call *call, int rc,
                            const struct gw_reply *entries, size_t count)
{
    struct changing *changing = call->owner;

    (void)entries;
    if (rc == -ENOENT)
        gw_events_refuse(changing->ex, "not-found", "There is no such consumer.");
    else if (rc != 0)
        gw_events_refuse_for(changing->ex, rc);
    changing->count += count;
    if (rc == 0)
        acknowledge_next(changing);
}

static void acknowledge_next(struct changing *changing)
{
    struct gw_exchange *ex = changing->ex;
    const struct gw_event_place *places = changing->places + changing->place_at;
    size_t left = changing->place_count - changing->place_at, count = 0;

    while (count < left && count < GW_EVENT_GROUP_MAX_IDS &&
           places[count].partition == places[0].partition)
        count++;
    changing->place_at += count;
    if (count == 0) {
        struct gw_buf *text = gw_events_make_text(ex, 128);
        if (text != NULL)
            gw_buf_printf(text, "{\"acknowledged\":%zu}", changing->count);
        gw_events_answer(ex, 200, text, true);
        return;
    }
    changing->call.done = on_acknowledged;
    int rc = gw_event_group_acknowledge(ex->worker->redis, &changing->call, places, count,
                                        changing->group, GW_STR(""));
    if (rc != 0)
        gw_events_refuse_for(ex, rc);
}

/* Sorted by partition: a handful of them, so each place is put behind the last of its own. */
static bool read_places(struct changing *changing, const struct gw_value *list)
{
    size_t count = list != NULL && list->type == GW_JSON_ARRAY ? list->count : 0;

    changing->places = gw_arena_calloc(&changing->ex->arena, count + 1, sizeof(*changing->places));
    if (changing->places == NULL || count == 0 || count > MAX_PLACES)
        return false;
    for (unsigned partition = 0; partition < changing->partitions; partition++) {
        for (size_t i = 0; i < count; i++) {
            struct gw_event_place place;
            if (list->items[i].type != GW_JSON_STRING ||
                gw_event_place_parse(list->items[i].text, &place) != 0 ||
                place.partition >= changing->partitions)
                return false;
            if (place.partition == partition)
                changing->places[changing->place_count++] = place;
        }
    }
    return true;
}

static void acknowledge(struct gw_exchange *ex)
{
    struct gw_value body = gw_value_null();
    struct changing *changing = make(ex, &body);

    if (changing == NULL)
        return;
    if (read_places(changing, gw_value_member(&body, GW_STR("places"))))
        acknowledge_next(changing);
    else
        gw_events_refuse(ex, "invalid-body", "`places` are 1 to 1000 places of events.");
}

const struct gw_builtin gw_events_acknowledge = {
    .name = "events.acknowledge",
    .section = "events",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = acknowledge,
};

/* --- beginning anew, and no more --- */

static void set_next(struct changing *changing);

static void on_set(struct gw_event_group_call *call, int rc, const struct gw_reply *entries,
                   size_t count)
{
    struct changing *changing = call->owner;

    (void)entries;
    changing->count += count;
    if (rc != 0)
        gw_events_refuse_for(changing->ex, rc);
    else
        set_next(changing);
}

static void set_next(struct changing *changing)
{
    struct gw_exchange *ex = changing->ex;
    unsigned partition = changing->partition++;

    if (partition == changing->partitions) {
        ex->response.status = 204;
        gw_builtin_end(ex, true);
        return;
    }
    changing->call.done = on_set;
    int rc = gw_event_group_set(ex->worker->redis, &changing->call, partition, changing->group,
                                changing->has_start ? &changing->start[partition] : NULL);
    if (rc != 0)
        gw_events_refuse_for(ex, rc);
}

static void rewind_to(struct gw_exchange *ex)
{
    struct gw_value body = gw_value_null();
    struct changing *changing = make(ex, &body);

    if (changing == NULL)
        return;
    changing->has_start = true;
    if (gw_events_read_from(gw_value_member_text(&body, GW_STR("from")), changing->partitions,
                            changing->start))
        set_next(changing);
    else
        gw_events_refuse(ex, "invalid-body",
                         "`from` is a moment (RFC 3339) or the place of an event.");
}

const struct gw_builtin gw_events_rewind = {
    .name = "events.rewind",
    .section = "events",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = rewind_to,
};

static void forget(struct gw_exchange *ex)
{
    struct gw_value body = gw_value_null();
    struct changing *changing = make(ex, &body);

    if (changing != NULL)
        set_next(changing);
}

const struct gw_builtin gw_events_forget = {
    .name = "events.forget",
    .section = "events",
    .is_write = true,
    .start = forget,
};
