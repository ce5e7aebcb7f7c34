/* What an event asks of an API before it goes out: twice at most, a few of a node's at a time, and
 * never for long. An event without its answer says so; no answer keeps events back for good.
 * Whoever has not answered twice is left alone for a while, so that a system that hangs does not
 * slow down all that a node says. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/lane_private.h"
#include "server/iot/signal_cloud.h"

#define MAX_TRIES 2
#define RETRY_NS (200 * GW_NS_PER_MS)
/* Of a node, from the first that waits on: a whole outage's events need not ask one by one. */
#define MAX_AHEAD 4
#define TELL_NS (60 * GW_NS_PER_SECOND)

static uint64_t now_of(const struct gw_lane_emission *emission)
{
    return gw_loop_now_ns(emission->owner->lane->loop);
}

/* --- the end --- */

static void do_without(struct gw_lane_emission *emission)
{
    emission->asking = GW_LANE_COMPLETE;
    emission->owner->lane->stats.unenriched++;
    if (gw_signal_cloud_lacks(&emission->event) != 0)
        gw_log_error("iot: an event has no room for an extension");
}

static void tell_refusal(struct gw_lane_emission *emission)
{
    struct gw_lane *lane = emission->owner->lane;
    uint64_t now_ns = now_of(emission);

    if (lane->refusal_told_ns != 0 && now_ns - lane->refusal_told_ns < TELL_NS)
        return;
    lane->refusal_told_ns = now_ns;
    gw_log_warn("iot: %.*s is refused to events of %.*s, which go out without it",
                GW_STR_ARG(emission->question.operation), GW_STR_ARG(emission->owner->config->id));
}

static void give_up(struct gw_lane_emission *emission, int rc)
{
    struct gw_lane_node *node = emission->owner;

    do_without(emission);
    if (rc != -EAGAIN) {
        tell_refusal(emission);
        return;
    }
    gw_log_warn("iot: %.*s does not answer: events of %.*s go out without it",
                GW_STR_ARG(emission->question.operation), GW_STR_ARG(node->config->id));
    node->unasked_until_ns = now_of(emission) + node->lane->config.asker.pause_ns;
}

static void take_answer(struct gw_lane_emission *emission, struct gw_str answer)
{
    if (answer.len > 0 &&
        gw_signal_cloud_enrich(&emission->event, &emission->arena, emission->member, answer) != 0) {
        give_up(emission, -EINVAL);
        return;
    }
    emission->asking = GW_LANE_COMPLETE;
    emission->owner->lane->stats.enriched++;
}

static void on_answer(struct gw_lane_question *question, int rc, struct gw_str answer)
{
    struct gw_lane_emission *emission = question->owner;

    emission->asking = GW_LANE_UNASKED;
    if (rc == 0)
        take_answer(emission, answer);
    else if (rc != -EAGAIN || emission->tries >= MAX_TRIES)
        give_up(emission, rc);
    else
        emission->ask_at_ns = now_of(emission) + RETRY_NS;
    gw_lane_emit_next(emission->owner);
}

/* --- asking --- */

void gw_lane_enrich_begin(struct gw_lane_emission *emission, const struct gw_signal_event *event)
{
    const struct gw_lane *lane = emission->owner->lane;
    const struct gw_str *traceparent = gw_event_extension(&emission->event, GW_STR("traceparent"));

    if (event->enrich_operation.len == 0 || lane->config.asker.ask == NULL)
        return;
    emission->asking = GW_LANE_UNASKED;
    emission->member = event->enrich_member;
    emission->question = (struct gw_lane_question){
        .operation = event->enrich_operation,
        .plant = event->device->plant,
        .traceparent = traceparent != NULL ? *traceparent : GW_STR(""),
        .done = on_answer,
        .owner = emission,
    };
    if (gw_value_copy(&emission->arena, &event->enrich_parameters,
                      &emission->question.parameters) != 0)
        do_without(emission);
}

static void ask(struct gw_lane_emission *emission, uint64_t now_ns)
{
    const struct gw_lane_asker *asker = &emission->owner->lane->config.asker;

    if (emission->asking != GW_LANE_UNASKED || now_ns < emission->ask_at_ns)
        return;
    if (now_ns < emission->owner->unasked_until_ns || asker->ask == NULL) {
        do_without(emission);
        return;
    }
    int rc = asker->ask(asker->self, &emission->question);
    if (rc == 0) {
        emission->asking = GW_LANE_ASKED;
        emission->tries++;
    } else if (rc != -EAGAIN) {
        do_without(emission);
    }
}

void gw_lane_enrich_next(struct gw_lane_node *node)
{
    uint64_t now_ns = gw_loop_now_ns(node->lane->loop);
    size_t place = 0;

    for (struct gw_list *item = node->emissions.next; item != &node->emissions && place < MAX_AHEAD;
         item = item->next, place++)
        ask(GW_LIST_ITEM(item, struct gw_lane_emission, node), now_ns);
}

void gw_lane_enrich_cancel(struct gw_lane_emission *emission)
{
    const struct gw_lane_asker *asker = &emission->owner->lane->config.asker;

    if (emission->asking == GW_LANE_ASKED)
        asker->cancel(asker->self, &emission->question);
    emission->asking = GW_LANE_COMPLETE;
}
