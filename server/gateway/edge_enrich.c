/* What signals ask for events that edges have computed: asked here, where the APIs are, before they
 * stand in the log (docs/signals.md, `enrich`).
 *
 * By this gateway's own signals, for devices of its own registry: what an edge may have asked, and
 * with whose rights, is not for the edge to say. A few at a time, twice at most each, and not for
 * long: whoever does not answer keeps nothing back. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/core/instant.h"
#include "server/core/log.h"
#include "server/filter/worker.h"
#include "server/gateway/edge_accept_private.h"
#include "server/gateway/enrichment_call.h"
#include "server/gateway/enrichment_order.h"
#include "server/gateway/events_private.h"
#include "server/gateway/request.h"
#include "server/gateway/snapshot.h"
#include "server/iot/lane.h"
#include "server/iot/signal_cloud.h"
#include "server/observe/metrics.h"

#define MAX_AHEAD 4
#define MAX_TRIES 2
#define BATCH_NS (10 * GW_NS_PER_SECOND) /* the edge waits for its answer */

#define NAME "millgate_edge_enrichments_total"
#define HELP "Events of edges for which an API was asked, by result."
static const struct gw_metric answered = {NAME, HELP, "result=\"answered\"", false};
static const struct gw_metric unavailable = {NAME, HELP, "result=\"unavailable\"", false};

struct edge_question {
    struct gw_lane_question base;
    struct edge_batch *batch;
    struct edge_item *item;
    struct gw_str member;
    unsigned tries;
};

static void go_on(struct edge_batch *batch);

static const struct gw_config_iot *config_of(const struct edge_batch *batch)
{
    return &batch->ex->view->snapshot->config->iot;
}

/* --- the end of one --- */

static void do_without(struct edge_question *question)
{
    struct edge_item *item = question->item;

    item->question = NULL;
    gw_metrics_add(question->batch->ex->worker->metrics, &unavailable, 1);
    if (gw_signal_cloud_lacks(item->event) != 0)
        gw_log_error("edge: an event has no room for an extension");
}

static void take_answer(struct edge_question *question, struct gw_str answer)
{
    struct edge_batch *batch = question->batch;

    if (answer.len > 0 && gw_signal_cloud_enrich(question->item->event, &batch->arena,
                                                 question->member, answer) != 0) {
        do_without(question);
        return;
    }
    question->item->question = NULL;
    gw_metrics_add(batch->ex->worker->metrics, &answered, 1);
}

static void ask(struct edge_question *question);

static void on_answer(struct gw_lane_question *base, int rc, struct gw_str answer)
{
    struct edge_question *question = GW_CONTAINER_OF(base, struct edge_question, base);
    struct edge_batch *batch = question->batch;
    uint64_t now_ns = gw_loop_now_ns(batch->ex->worker->loop);
    bool was_busy = batch->asking.is_busy; /* it is answered within ask() */

    batch->asking.is_busy = true;
    batch->asking.waiting--;
    if (rc == 0) {
        take_answer(question, answer);
    } else if (rc == -EAGAIN && question->tries < MAX_TRIES && now_ns < batch->asking.until_ns) {
        ask(question);
    } else {
        struct gw_event_service *service = gw_event_service_get(batch->ex);
        if (rc == -EAGAIN && service != NULL) {
            gw_log_warn("edge: %.*s does not answer: events of %.*s go into the log without it",
                        GW_STR_ARG(base->operation), GW_STR_ARG(batch->edge->id));
            service->unasked_until_ns = now_ns + 2 * config_of(batch)->enrichment_timeout_ns;
        }
        do_without(question);
    }
    batch->asking.is_busy = was_busy;
    go_on(batch);
}

/* --- asking --- */

static void ask(struct edge_question *question)
{
    struct edge_batch *batch = question->batch;
    const struct gw_config_iot *config = config_of(batch);
    struct gw_request_owner *owner =
        GW_CONTAINER_OF(batch->ex->worker, struct gw_request_owner, worker);
    struct gw_enrichment_order *order = gw_enrichment_order_create(
        &question->base, config->enrichment_scopes, config->enrichment_timeout_ns);

    if (order == NULL) {
        do_without(question);
        return;
    }
    question->tries++;
    batch->asking.waiting++;
    gw_enrichment_do(gw_enrichment_put(order, NULL), owner); /* perhaps it has its answer now */
}

static int64_t instant_of(const struct gw_value *object, struct gw_str name)
{
    int64_t ms = 0;

    return gw_instant_read(gw_value_member_text(object, name), &ms) == 0 ? ms : 0;
}

/* The device as this gateway knows it. False: it knows none, or one of another plant. */
static bool read_event(const struct edge_batch *batch, const struct edge_item *item,
                       struct gw_arena *arena, struct gw_signal_event *out_event)
{
    const struct gw_snapshot *snapshot = batch->ex->view->snapshot;
    const struct gw_str *signal = gw_event_extension(item->event, GW_STR("signal"));
    struct gw_json_error why;
    struct gw_value data;

    if (signal == NULL || gw_value_read(arena, item->event->data, NULL, &data, &why) != 0 ||
        data.type != GW_JSON_OBJECT)
        return false;
    const struct gw_device_config *device =
        gw_registry_find_id(snapshot->registry, gw_value_member_text(&data, GW_STR("device")));
    if (device == NULL || !gw_str_equal(device->plant, batch->edge->plant))
        return false;
    const struct gw_value *lineage = gw_value_member(&data, GW_STR("lineage"));
    *out_event = (struct gw_signal_event){.signal = *signal, .device = device};
    if (lineage != NULL && lineage->type == GW_JSON_OBJECT) {
        out_event->from_ms = instant_of(lineage, GW_STR("from"));
        out_event->to_ms = instant_of(lineage, GW_STR("to"));
    }
    return true;
}

static void look_at(struct edge_batch *batch, struct edge_item *item)
{
    const struct gw_event_service *service = gw_event_service_get(batch->ex);
    const struct gw_str *traceparent;
    struct edge_question *question;
    struct gw_signal_event event;
    uint64_t now_ns = gw_loop_now_ns(batch->ex->worker->loop);

    if (item->event == NULL || item->sequence <= batch->known ||
        !read_event(batch, item, &batch->arena, &event) ||
        !gw_signals_ask(batch->ex->view->snapshot->signals, &batch->arena, &event))
        return;
    question = gw_arena_calloc(&batch->arena, 1, sizeof(*question));
    if (question == NULL)
        return;
    traceparent = gw_event_extension(item->event, GW_STR("traceparent"));
    *question = (struct edge_question){
        .base = {.operation = event.enrich_operation,
                 .parameters = event.enrich_parameters,
                 .plant = batch->edge->plant,
                 .traceparent = traceparent != NULL ? *traceparent : GW_STR(""),
                 .done = on_answer},
        .batch = batch,
        .item = item,
        .member = event.enrich_member};
    item->question = question;
    if (now_ns >= batch->asking.until_ns || (service != NULL && now_ns < service->unasked_until_ns))
        do_without(question);
    else
        ask(question);
}

static void go_on(struct edge_batch *batch)
{
    struct edge_asking *asking = &batch->asking;

    if (asking->is_busy)
        return;
    asking->is_busy = true;
    while (asking->next < batch->count && asking->waiting < MAX_AHEAD)
        look_at(batch, &batch->items[asking->next++]);
    asking->is_busy = false;
    if (asking->next == batch->count && asking->waiting == 0)
        asking->then(batch);
}

void edge_batch_enrich(struct edge_batch *batch, void (*then)(struct edge_batch *batch))
{
    const struct gw_snapshot *snapshot = batch->ex->view->snapshot;

    if (!snapshot->config->iot.has_enrichment || snapshot->registry == NULL ||
        snapshot->signals == NULL) {
        then(batch);
        return;
    }
    batch->asking.then = then;
    batch->asking.until_ns = gw_loop_now_ns(batch->ex->worker->loop) + BATCH_NS;
    go_on(batch);
}

void edge_batch_enrich_leave(struct edge_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct edge_question *question = batch->items[i].question;
        struct gw_enrichment_order *order = question != NULL ? question->base.state : NULL;
        if (order != NULL)
            order->question = NULL; /* it comes back all the same */
    }
}
