/* One who reads: catching up by ranges, at a bounded rate, until it is where the hub is. */
#include <inttypes.h>
#include <stdio.h>

#include "server/core/clock.h"
#include "server/event/event_metrics.h"
#include "server/event/hub_private.h"
#include "server/observe/metrics.h"
#include "server/store/redis.h"

#define RANGE_COUNT 50 /* of GW_EVENT_MAX_BYTES at most: well below what one reply may have */
#define AFTER_FAILURE_NS (500 * GW_NS_PER_MS)

static void on_progress(struct gw_soon *soon)
{
    struct gw_event_reader *reader = GW_CONTAINER_OF(soon, struct gw_event_reader, progress);

    reader->on_progress(reader);
}

static void tell_progress(struct gw_event_reader *reader)
{
    gw_loop_soon(reader->hub->loop, &reader->progress, on_progress);
}

void gw_event_reader_offer(struct gw_event_reader *reader, const struct gw_event_place *place,
                           const struct gw_event *event, struct gw_str json)
{
    struct gw_event_position *position = &reader->positions[place->partition];
    struct gw_event_position before = *position;

    if (reader->is_full || gw_event_position_compare(before, place->at) >= 0)
        return;
    *position = place->at;
    if (event != NULL && gw_event_filter_matches(&reader->filter, event)) {
        if (!reader->take(reader, place, json)) {
            *position = before;
            reader->is_full = true;
            return;
        }
        gw_metrics_add(reader->hub->metrics, &gw_event_delivered, 1);
    }
    tell_progress(reader);
}

/* --- catching up --- */

static void on_pause(struct gw_timer *timer)
{
    gw_event_reader_pump(GW_CONTAINER_OF(timer, struct gw_event_reader, pause));
}

static void pause_reading(struct gw_event_reader *reader, uint64_t after_ns)
{
    gw_timer_start(reader->hub->loop, &reader->pause, after_ns, on_pause);
}

/* Returns how many it had room for. */
static size_t take_range(struct gw_event_reader *reader, const struct gw_reply *reply)
{
    struct gw_event_hub *hub = reader->hub;
    size_t i = 0;

    for (; i < reply->count && !reader->is_full; i++) {
        struct gw_event_place place = {.partition = reader->partition};
        struct gw_event event;
        struct gw_error error;
        struct gw_str json;
        if (!gw_event_entry_read(&reply->items[i], &place.at, &json))
            continue;
        bool is_event = gw_event_parse(json, &hub->scratch, &event, &error) == 0;
        gw_event_reader_offer(reader, &place, is_event ? &event : NULL, json);
        gw_arena_reset(&hub->scratch);
    }
    return reader->is_full ? i - 1 : i;
}

static void on_range(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_event_reader *reader = self;
    struct gw_event_position *position = &reader->positions[reader->partition];

    reader->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY) {
        pause_reading(reader, AFTER_FAILURE_NS);
        return;
    }
    size_t taken = take_range(reader, reply);
    /* There were no more: what the newest was then has been read, or is no longer there. */
    if (!reader->is_full && reply->count < reader->asked &&
        gw_event_position_compare(*position, reader->until) < 0)
        *position = reader->until;
    if (reader->rate > 0)
        reader->allowed -= taken * 1000 < reader->allowed ? taken * 1000 : reader->allowed;
    reader->span = reader->is_full                  ? taken + 1
                   : reader->span < RANGE_COUNT / 2 ? reader->span * 2
                                                    : RANGE_COUNT;
    if (!reader->is_full)
        reader->partition = (reader->partition + 1) % reader->hub->partitions;
    tell_progress(reader);
    gw_event_reader_pump(reader);
}

static void ask(struct gw_event_reader *reader, unsigned partition)
{
    struct gw_event_hub *hub = reader->hub;
    struct gw_event_position from = reader->positions[partition];
    char after[GW_EVENT_PLACE_BYTES + 1], count[24];
    int len = snprintf(after, sizeof(after), "(%" PRIu64 "-%" PRIu64, from.ms, from.seq);
    reader->asked = reader->span;
    if (reader->rate > 0 && reader->allowed / 1000 < reader->asked)
        reader->asked = reader->allowed / 1000;
    snprintf(count, sizeof(count), "%zu", reader->asked);
    const struct gw_str words[] = {
        GW_STR("XRANGE"), hub->keys[partition], gw_str_from(after, (size_t)len),
        GW_STR("+"),      GW_STR("COUNT"),      gw_str_of(count)};
    const struct gw_redis_command command = {words, GW_COUNT_OF(words), GW_EVENT_ANSWER_NS};

    reader->partition = partition;
    reader->until = hub->tails[partition];
    if (gw_redis_send(hub->redis, &command, on_range, reader, &reader->call) != 0) {
        reader->call = NULL;
        pause_reading(reader, AFTER_FAILURE_NS);
    }
}

/* Says whether one more may be read now; else for how long not. */
static bool is_allowed(struct gw_event_reader *reader, uint64_t *out_wait_ns)
{
    uint64_t now_ns = gw_loop_now_ns(reader->hub->loop), most = reader->rate * 1000;

    if (reader->rate == 0)
        return true;
    uint64_t passed_ns = now_ns - reader->refilled_ns;
    uint64_t gained = passed_ns > GW_NS_PER_SECOND ? most : passed_ns / 1000 * reader->rate / 1000;
    if (gained > 0) {
        reader->allowed = reader->allowed + gained > most ? most : reader->allowed + gained;
        reader->refilled_ns = now_ns;
    }
    *out_wait_ns = GW_NS_PER_SECOND / reader->rate + GW_NS_PER_MS;
    return reader->allowed >= 1000;
}

void gw_event_reader_pump(struct gw_event_reader *reader)
{
    struct gw_event_hub *hub = reader->hub;
    uint64_t wait_ns = 0;

    if (!hub->is_known)
        return;
    if (reader->begins_now && !hub->is_deaf) {
        memcpy(reader->positions, hub->tails, sizeof(reader->positions));
        reader->begins_now = false;
        tell_progress(reader);
    }
    if (reader->begins_now || reader->call != NULL || reader->is_full || reader->pause.due_ms != 0)
        return;
    bool was_settled = reader->is_settled;
    reader->is_settled = gw_event_reader_is_current(reader);
    if (reader->is_settled && !was_settled)
        tell_progress(reader);
    for (unsigned i = 0; i < hub->partitions; i++) {
        unsigned partition = (reader->partition + i) % hub->partitions;
        if (gw_event_position_compare(reader->positions[partition], hub->tails[partition]) >= 0)
            continue;
        if (is_allowed(reader, &wait_ns))
            ask(reader, partition);
        else
            pause_reading(reader, wait_ns);
        return;
    }
}

/* --- life --- */

void gw_event_reader_start(struct gw_event_hub *hub, struct gw_event_reader *reader)
{
    reader->hub = hub;
    reader->call = NULL;
    reader->is_full = reader->is_settled = false;
    reader->partition = 0;
    reader->span = RANGE_COUNT;
    reader->allowed = reader->rate * 1000;
    reader->refilled_ns = gw_loop_now_ns(hub->loop);
    gw_list_append(&hub->readers, &reader->node);
    hub->reader_count++;
    gw_event_hub_wake(hub);
    gw_event_reader_pump(reader);
}

void gw_event_reader_stop(struct gw_event_reader *reader)
{
    if (reader->hub == NULL)
        return;
    if (reader->call != NULL)
        gw_redis_cancel(reader->call);
    reader->call = NULL;
    gw_timer_stop(&reader->pause);
    gw_soon_stop(&reader->progress);
    gw_list_remove(&reader->node);
    reader->hub->reader_count--;
    reader->hub = NULL;
}

void gw_event_reader_resume(struct gw_event_reader *reader)
{
    if (reader->hub == NULL || !reader->is_full)
        return;
    reader->is_full = false;
    gw_event_reader_pump(reader);
}

bool gw_event_reader_is_current(const struct gw_event_reader *reader)
{
    const struct gw_event_hub *hub = reader->hub;

    if (hub == NULL || !hub->is_known || hub->is_deaf || reader->begins_now)
        return false;
    for (unsigned i = 0; i < hub->partitions; i++) {
        if (gw_event_position_compare(reader->positions[i], hub->tails[i]) < 0)
            return false;
    }
    return true;
}
