/* events.stream: server-sent events (HTML standard, 9.2), each with a cursor as its id. */
#include <errno.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/filter/chain.h"
#include "server/filter/worker.h"
#include "server/gateway/events_private.h"

#define FULL_BYTES ((size_t)128 * 1024)
#define LOW_BYTES ((size_t)32 * 1024)
#define MAX_TEXT_BYTES (FULL_BYTES + (size_t)4 * GW_EVENT_MAX_BYTES)
#define BEAT_NS (15 * GW_NS_PER_SECOND)

/* One stream; lives with its exchange, and needs nothing of the snapshot. */
struct streaming {
    struct gw_exchange *ex;
    struct gw_list node; /* in the service's */
    struct gw_event_reader reader;
    struct gw_timer beat;
    struct gw_buf *text; /* to be sent, from `sent` on */
    size_t sent;
    unsigned partitions;
    bool is_ending;
    bool has_moved; /* since its last id was sent */
};

static void leave(void *self)
{
    struct streaming *streaming = self;

    gw_timer_stop(&streaming->beat);
    gw_event_reader_stop(&streaming->reader);
    gw_list_remove(&streaming->node);
}

static size_t waiting(const struct streaming *streaming)
{
    return streaming->text->len - streaming->sent;
}

static void append_id(struct streaming *streaming)
{
    char cursor[GW_EVENT_CURSOR_BYTES];

    gw_buf_printf(streaming->text, "id: %.*s\n",
                  GW_STR_ARG(gw_event_cursor_print(streaming->reader.positions,
                                                   streaming->partitions, cursor)));
    streaming->has_moved = false;
}

static ssize_t read_stream(void *self, char *out, size_t capacity)
{
    struct streaming *streaming = self;
    size_t len = waiting(streaming) < capacity ? waiting(streaming) : capacity;

    if (streaming->text->has_failed)
        return -ENOMEM;
    if (len == 0)
        return streaming->is_ending ? 0 : -EAGAIN;
    memcpy(out, streaming->text->ptr + streaming->sent, len);
    streaming->sent += len;
    gw_chain_tap_response(streaming->ex, gw_str_from(out, len));
    if (waiting(streaming) == 0) {
        gw_buf_clear(streaming->text);
        streaming->sent = 0;
    }
    if (waiting(streaming) < LOW_BYTES)
        gw_event_reader_resume(&streaming->reader);
    return (ssize_t)len;
}

static const struct gw_body_source stream_source = {.read = read_stream};

static bool take(struct gw_event_reader *reader, const struct gw_event_place *place,
                 struct gw_str json)
{
    struct streaming *streaming = GW_CONTAINER_OF(reader, struct streaming, reader);

    (void)place;
    if (waiting(streaming) >= FULL_BYTES)
        return false;
    gw_buf_consume(streaming->text, streaming->sent);
    streaming->sent = 0;
    append_id(streaming);
    gw_buf_append_text(streaming->text, "data: ");
    gw_buf_append_str(streaming->text, json);
    gw_buf_append_text(streaming->text, "\n\n");
    return true;
}

static void on_progress(struct gw_event_reader *reader)
{
    struct streaming *streaming = GW_CONTAINER_OF(reader, struct streaming, reader);

    if (waiting(streaming) > 0)
        gw_exchange_source_ready(streaming->ex);
    else
        streaming->has_moved = true;
}

/* An id without data is none that the client's program sees, but where it goes on from (9.2.6). */
static void on_beat(struct gw_timer *timer)
{
    struct streaming *streaming = GW_CONTAINER_OF(timer, struct streaming, beat);

    gw_timer_start(streaming->ex->worker->loop, timer, BEAT_NS, on_beat);
    if (waiting(streaming) > 0)
        return;
    if (streaming->has_moved && !streaming->reader.begins_now)
        append_id(streaming);
    else
        gw_buf_append_byte(streaming->text, ':');
    gw_buf_append_text(streaming->text, "\n\n");
    gw_exchange_source_ready(streaming->ex);
}

/* The first answer tells where the stream begins, so that a client that is cut off before the first
 * event misses none. */
static void on_begun(struct gw_event_reader *reader)
{
    struct streaming *streaming = GW_CONTAINER_OF(reader, struct streaming, reader);

    reader->on_progress = on_progress;
    append_id(streaming);
    gw_buf_append_byte(streaming->text, '\n');
    on_progress(reader);
}

void gw_event_streams_end(struct gw_event_service *service)
{
    for (struct gw_list *node = service->streams.next; node != &service->streams;
         node = node->next) {
        struct streaming *streaming = GW_LIST_ITEM(node, struct streaming, node);
        streaming->is_ending = true;
        gw_exchange_source_ready(streaming->ex);
    }
}

static int set_response(struct streaming *streaming)
{
    struct gw_exchange *ex = streaming->ex;

    ex->response.status = 200;
    ex->response.source = &stream_source;
    ex->response.source_self = streaming;
    ex->response.body_bytes = -1;
    ex->response.lasts = true;
    if (gw_response_add_field(ex, GW_STR("Content-Type"), GW_STR("text/event-stream")) != 0)
        return -ENOMEM;
    return gw_response_add_field(ex, GW_STR("Cache-Control"), GW_STR("no-store"));
}

static void begin(struct streaming *streaming, const struct gw_events_request *request,
                  struct gw_event_service *service)
{
    struct gw_exchange *ex = streaming->ex;
    struct gw_event_reader *reader = &streaming->reader;

    streaming->partitions = gw_event_hub_partitions(service->hub);
    reader->filter = request->filter;
    reader->begins_now = !request->has_start;
    memcpy(reader->positions, request->start, sizeof(reader->positions));
    reader->rate = ex->view->snapshot->config->events.replay_rate;
    reader->take = take;
    reader->on_progress = request->has_start ? on_progress : on_begun;
    gw_buf_append_text(streaming->text, "retry: 2000\n");
    if (request->has_start)
        append_id(streaming);
    gw_buf_append_byte(streaming->text, '\n');
    gw_list_append(&service->streams, &streaming->node);
    gw_timer_start(ex->worker->loop, &streaming->beat, BEAT_NS, on_beat);
    gw_event_reader_start(service->hub, reader);
    gw_builtin_end(ex, false);
}

static void start(struct gw_exchange *ex)
{
    struct gw_event_service *service = gw_event_service_get(ex);
    struct streaming *streaming = gw_arena_calloc(&ex->arena, 1, sizeof(*streaming));
    struct gw_events_request request;

    if (service == NULL || !gw_events_admit(ex, service) ||
        !gw_events_read_request(ex, gw_event_hub_partitions(service->hub), &request)) {
        gw_builtin_end(ex, false);
        return;
    }
    if (ex->is_inner) { /* a flow waits for the end of an answer, and this has none */
        gw_events_refuse(ex, "refused", "A flow cannot read a stream.");
        return;
    }
    struct gw_buf *text = gw_events_make_text(ex, MAX_TEXT_BYTES);
    if (streaming == NULL || text == NULL || gw_arena_defer(&ex->arena, leave, streaming) != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
        return;
    }
    streaming->ex = ex;
    streaming->text = text;
    if (set_response(streaming) == 0)
        begin(streaming, &request, service);
    else
        gw_events_refuse(ex, "overloaded", NULL);
}

const struct gw_builtin gw_events_stream = {
    .name = "events.stream", .section = "events", .start = start};
