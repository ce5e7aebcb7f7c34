/* events.consume: what a named consumer has to do next; a long poll. Its name is the caller's own:
 * another's of the same name is another consumer. */
#include <errno.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/crypto/digest.h"
#include "server/event/event_metrics.h"
#include "server/filter/worker.h"
#include "server/gateway/events_consumer.h"
#include "server/observe/metrics.h"

#define USUAL_LIMIT 20
#define LOOK_NS (2 * GW_NS_PER_SECOND) /* for what comes again, while nothing new does */
#define FULL_BYTES ((size_t)512 * 1024)
#define MAX_TEXT_BYTES ((size_t)16 * 1024 * 1024)
#define READER "api" /* all who ask by one name are one reader to Redis */

struct consuming {
    struct gw_exchange *ex;
    struct gw_event_service *service;
    struct gw_events_request request;
    struct gw_str group;
    struct gw_event_group_call call;
    struct gw_event_reader bell; /* rings when there is something new */
    struct gw_timer deadline, look;
    struct gw_buf *text;
    size_t count, limit;
    unsigned first, asked; /* of the partitions: with which a round begins, and how many it asked */
    bool waits, is_asking, has_rung;
    struct gw_event_place passed[GW_EVENT_GROUP_MAX_IDS]; /* not what it wants, or may see */
    size_t passed_count;
};

bool gw_events_group_name(struct gw_exchange *ex, const struct gw_value *parameters,
                          struct gw_str *out_group)
{
    struct gw_str name = gw_value_member_text(parameters, GW_STR("name"));
    const struct gw_str parts[] = {ex->identity.consumer, GW_STR_INIT("\0"), name};
    struct gw_str text = gw_arena_join(&ex->arena, parts, GW_COUNT_OF(parts));
    char hex[2 * GW_SHA256_BYTES + 1];

    if (text.ptr == NULL)
        return false;
    gw_digest_hex(GW_SHA256, text, hex);
    *out_group = gw_arena_printf(&ex->arena, "api:%.32s", hex);
    return out_group->ptr != NULL;
}

static void leave(void *self)
{
    struct consuming *consuming = self;

    gw_event_group_cancel(&consuming->call);
    gw_event_reader_stop(&consuming->bell);
    gw_timer_stop(&consuming->deadline);
    gw_timer_stop(&consuming->look);
}

static void end(struct consuming *consuming)
{
    leave(consuming);
    gw_buf_append_text(consuming->text, "]}");
    gw_events_answer(consuming->ex, 200, consuming->text, false);
}

static void fail(struct consuming *consuming, int rc)
{
    struct gw_exchange *ex = consuming->ex;

    if (consuming->count > 0) { /* they are held for this caller: it gets them */
        end(consuming);
        return;
    }
    leave(consuming);
    if (rc == -ENOSPC)
        gw_events_refuse(ex, "overloaded", "There are too many consumers of the log.");
    else
        gw_events_refuse_for(ex, rc);
}

/* --- a round over the partitions --- */

static void ask_next(struct consuming *consuming);

static void on_look(struct gw_timer *timer)
{
    struct consuming *consuming = GW_CONTAINER_OF(timer, struct consuming, look);

    consuming->asked = 0;
    ask_next(consuming);
}

static void end_round(struct consuming *consuming)
{
    consuming->is_asking = false;
    if (consuming->count > 0 || !consuming->waits) {
        end(consuming);
        return;
    }
    gw_timer_start(consuming->ex->worker->loop, &consuming->look, consuming->has_rung ? 0 : LOOK_NS,
                   on_look);
    consuming->has_rung = false;
}

static void on_passed(struct gw_event_group_call *call, int rc, const struct gw_reply *entries,
                      size_t count)
{
    (void)rc, (void)entries, (void)count; /* else they come again, and are passed over again */
    ask_next(call->owner);
}

static void take(struct consuming *consuming, const struct gw_reply *entry, bool is_again)
{
    struct gw_exchange *ex = consuming->ex;
    struct gw_event_place place = {.partition = (consuming->first + consuming->asked - 1) %
                                                gw_event_hub_partitions(consuming->service->hub)};
    struct gw_arena scratch;
    struct gw_event event;
    struct gw_error error;
    struct gw_str json;

    if (!gw_event_entry_read(entry, &place.at, &json))
        return;
    gw_arena_init(&scratch, 16 * 1024, 4 * 1024 * 1024);
    bool is_wanted = gw_event_parse(json, &scratch, &event, &error) == 0 &&
                     gw_event_filter_matches(&consuming->request.filter, &event);
    gw_arena_finish(&scratch);
    if (!is_wanted) {
        consuming->passed[consuming->passed_count++] = place;
        return;
    }
    if (consuming->count++ > 0)
        gw_buf_append_byte(consuming->text, ',');
    gw_events_write_item(consuming->text, &place, json);
    gw_metrics_add(ex->worker->metrics, is_again ? &gw_event_redelivered : &gw_event_delivered, 1);
}

static void on_given(struct gw_event_group_call *call, int rc, const struct gw_reply *entries,
                     size_t again)
{
    struct consuming *consuming = call->owner;

    if (rc != 0) {
        fail(consuming, rc);
        return;
    }
    consuming->passed_count = 0;
    for (size_t i = 0; i < entries->count && i < GW_EVENT_GROUP_MAX_IDS; i++)
        take(consuming, &entries->items[i], i < again);
    if (consuming->passed_count > 0) {
        /* More may lie behind them. */
        consuming->has_rung = true;
        call->done = on_passed;
        if (gw_event_group_acknowledge(consuming->ex->worker->redis, call, consuming->passed,
                                       consuming->passed_count, consuming->group,
                                       GW_STR(READER)) == 0)
            return;
    }
    ask_next(consuming);
}

static void ask_next(struct consuming *consuming)
{
    struct gw_exchange *ex = consuming->ex;
    const struct gw_config_events *events = &ex->view->snapshot->config->events;
    unsigned partitions = gw_event_hub_partitions(consuming->service->hub);

    if (consuming->asked == partitions || consuming->count >= consuming->limit ||
        consuming->text->len >= FULL_BYTES) {
        end_round(consuming);
        return;
    }
    unsigned partition = (consuming->first + consuming->asked++) % partitions;
    const struct gw_event_group_read read = {
        .group = consuming->group,
        .reader = GW_STR(READER),
        .count = consuming->limit - consuming->count,
        .redelivery_ms = events->redelivery_ms,
        .max_held = events->max_unacknowledged,
        .creates = true,
        .start = consuming->request.has_start ? &consuming->request.start[partition] : NULL,
        .max_groups = events->max_consumers,
    };
    consuming->is_asking = true;
    consuming->call.done = on_given;
    int rc = gw_event_group_read(ex->worker->redis, &consuming->call, partition, &read);
    if (rc != 0)
        fail(consuming, rc);
}

/* --- waiting --- */

static bool on_news(struct gw_event_reader *bell, const struct gw_event_place *place,
                    struct gw_str json)
{
    (void)place, (void)json;
    GW_CONTAINER_OF(bell, struct consuming, bell)->has_rung = true;
    return true;
}

static void on_bell(struct gw_event_reader *bell)
{
    struct consuming *consuming = GW_CONTAINER_OF(bell, struct consuming, bell);

    if (!consuming->has_rung || consuming->is_asking)
        return;
    gw_timer_stop(&consuming->look);
    consuming->has_rung = false;
    consuming->asked = 0;
    ask_next(consuming);
}

static void on_deadline(struct gw_timer *timer)
{
    struct consuming *consuming = GW_CONTAINER_OF(timer, struct consuming, deadline);

    if (consuming->is_asking) /* what is given now is this caller's */
        consuming->waits = false;
    else
        end(consuming);
}

static void begin(struct consuming *consuming, uint64_t wait_ns)
{
    struct gw_exchange *ex = consuming->ex;

    consuming->limit =
        (size_t)gw_events_number(&consuming->request.parameters, GW_STR("limit"), USUAL_LIMIT);
    consuming->first = (unsigned)ex->now_ns % gw_event_hub_partitions(consuming->service->hub);
    consuming->waits = wait_ns > 0;
    consuming->call.owner = consuming;
    gw_buf_append_text(consuming->text, "{\"items\":[");
    if (wait_ns > 0) {
        consuming->bell.filter.sees_all_plants = true;
        consuming->bell.begins_now = true;
        consuming->bell.take = on_news;
        consuming->bell.on_progress = on_bell;
        gw_timer_start(ex->worker->loop, &consuming->deadline, wait_ns, on_deadline);
        gw_event_reader_start(consuming->service->hub, &consuming->bell);
    }
    ask_next(consuming);
}

static void start(struct gw_exchange *ex)
{
    struct gw_event_service *service = gw_event_service_get(ex);
    struct consuming *consuming = gw_arena_calloc(&ex->arena, 1, sizeof(*consuming));
    struct gw_buf *text = gw_events_make_text(ex, MAX_TEXT_BYTES);
    uint64_t wait_ns;

    if (service == NULL || !gw_events_admit(ex, service)) {
        gw_builtin_end(ex, false);
        return;
    }
    if (consuming == NULL || text == NULL || gw_arena_defer(&ex->arena, leave, consuming) != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
        return;
    }
    consuming->ex = ex;
    consuming->service = service;
    consuming->text = text;
    if (!gw_events_read_request(ex, gw_event_hub_partitions(service->hub), &consuming->request)) {
        gw_builtin_end(ex, false);
        return;
    }
    if (!gw_events_read_wait(ex, &consuming->request.parameters, &wait_ns))
        gw_events_refuse(ex, "invalid-parameter", "`wait` is at most PT60S.");
    else if (!gw_events_group_name(ex, &consuming->request.parameters, &consuming->group))
        gw_events_refuse(ex, "overloaded", NULL);
    else
        begin(consuming, wait_ns);
}

const struct gw_builtin gw_events_consume = {
    .name = "events.consume", .section = "events", .start = start};
