/* events.poll: what has happened behind a cursor, or the next that does; a long poll. */
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/gateway/events_private.h"

#define USUAL_LIMIT 100
#define SEARCH_NS \
    (5 * GW_NS_PER_SECOND) /* without a wait: for what there is to be looked through */
#define FULL_BYTES ((size_t)512 * 1024)
#define MAX_TEXT_BYTES (FULL_BYTES + (size_t)4 * GW_EVENT_MAX_BYTES)

struct polling {
    struct gw_exchange *ex;
    struct gw_event_service *service;
    struct gw_event_reader reader;
    struct gw_timer timer;
    struct gw_buf *text;
    size_t count, limit;
    bool waits; /* for an event, if there is none yet */
};

static void leave(void *self)
{
    struct polling *polling = self;

    gw_timer_stop(&polling->timer);
    gw_event_reader_stop(&polling->reader);
}

static void end(struct polling *polling)
{
    struct gw_exchange *ex = polling->ex;
    const struct gw_event_service *service = polling->service;
    char cursor[GW_EVENT_CURSOR_BYTES];
    bool is_current = gw_event_reader_is_current(&polling->reader);
    bool is_live = gw_event_hub_is_live(service->hub) && !polling->reader.begins_now;

    leave(polling);
    if (polling->count == 0 && !is_live) { /* there may be some that nobody hears of */
        gw_events_refuse_for(ex, 0);
        return;
    }
    gw_buf_printf(polling->text, "],\"cursor\":\"%.*s\",\"more\":%s}",
                  GW_STR_ARG(gw_event_cursor_print(polling->reader.positions,
                                                   gw_event_hub_partitions(service->hub), cursor)),
                  is_current ? "false" : "true");
    gw_events_answer(ex, 200, polling->text, false);
}

static bool take(struct gw_event_reader *reader, const struct gw_event_place *place,
                 struct gw_str json)
{
    struct polling *polling = GW_CONTAINER_OF(reader, struct polling, reader);

    if (polling->count == polling->limit || polling->text->len >= FULL_BYTES)
        return false;
    if (polling->count++ > 0)
        gw_buf_append_byte(polling->text, ',');
    gw_events_write_item(polling->text, place, json);
    return true;
}

static void on_progress(struct gw_event_reader *reader)
{
    struct polling *polling = GW_CONTAINER_OF(reader, struct polling, reader);
    bool is_full = polling->count == polling->limit || polling->text->len >= FULL_BYTES;
    bool is_enough = polling->count > 0 || !polling->waits;

    if (is_full || (is_enough && gw_event_reader_is_current(reader)))
        end(polling);
}

static void on_timer(struct gw_timer *timer)
{
    end(GW_CONTAINER_OF(timer, struct polling, timer));
}

static void begin(struct polling *polling, const struct gw_events_request *request,
                  uint64_t wait_ns)
{
    struct gw_exchange *ex = polling->ex;
    struct gw_event_reader *reader = &polling->reader;

    polling->limit = (size_t)gw_events_number(&request->parameters, GW_STR("limit"), USUAL_LIMIT);
    polling->waits = wait_ns > 0;
    gw_buf_append_text(polling->text, "{\"items\":[");
    reader->filter = request->filter;
    reader->begins_now = !request->has_start;
    memcpy(reader->positions, request->start, sizeof(reader->positions));
    reader->rate = ex->view->snapshot->config->events.replay_rate;
    reader->take = take;
    reader->on_progress = on_progress;
    gw_timer_start(ex->worker->loop, &polling->timer, wait_ns > 0 ? wait_ns : SEARCH_NS, on_timer);
    gw_event_reader_start(polling->service->hub, reader);
}

static void start(struct gw_exchange *ex)
{
    struct gw_event_service *service = gw_event_service_get(ex);
    struct polling *polling = gw_arena_calloc(&ex->arena, 1, sizeof(*polling));
    struct gw_events_request request;
    uint64_t wait_ns;

    if (service == NULL || !gw_events_admit(ex, service) ||
        !gw_events_read_request(ex, gw_event_hub_partitions(service->hub), &request)) {
        gw_builtin_end(ex, false);
        return;
    }
    struct gw_buf *text = gw_events_make_text(ex, MAX_TEXT_BYTES);
    if (gw_event_hub_is_deaf(service->hub)) {
        gw_events_refuse_for(ex, 0);
        return;
    }
    if (polling == NULL || text == NULL || gw_arena_defer(&ex->arena, leave, polling) != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
        return;
    }
    polling->ex = ex;
    polling->service = service;
    polling->text = text;
    if (gw_events_read_wait(ex, &request.parameters, &wait_ns))
        begin(polling, &request, wait_ns);
    else
        gw_events_refuse(ex, "invalid-parameter", "`wait` is at most PT60S.");
}

const struct gw_builtin gw_events_poll = {
    .name = "events.poll", .section = "events", .start = start};
