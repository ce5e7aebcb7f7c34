#include "server/gateway/enrichment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/gateway/config.h"
#include "server/gateway/enrichment_call.h"
#include "server/gateway/enrichment_order.h"
#include "server/gateway/worker.h"

#define ARENA_BLOCK_BYTES 4096
#define ARENA_MAX_BYTES ((size_t)4 * 1024 * 1024)

struct gw_enrichment {
    struct gw_telemetry *telemetry;
    struct gw_worker_thread *const *workers;
    size_t worker_count;
    size_t turn; /* the next worker's */
    uint64_t timeout_ns;
    char scopes[GW_ENRICHMENT_SCOPE_BYTES + 1]; /* a lane outlives its snapshot */
    struct gw_list orders;                      /* under way */
    size_t count;
};

void gw_enrichment_order_destroy(struct gw_enrichment_order *order)
{
    gw_buf_finish(&order->answer);
    gw_arena_finish(&order->arena);
    free(order);
}

static void leave(struct gw_enrichment_order *order)
{
    if (order->enrichment == NULL)
        return;
    order->enrichment->count--;
    order->enrichment = NULL;
    gw_list_remove(&order->node);
}

/* --- back from a worker --- */

static void on_reply(struct gw_telemetry_question *reply, struct gw_lane *lane)
{
    struct gw_enrichment_order *order = GW_CONTAINER_OF(reply, struct gw_enrichment_order, reply);
    struct gw_lane_question *question = order->question;

    (void)lane; /* the question knows its own; it was cancelled where that has gone */
    leave(order);
    if (question != NULL) {
        question->state = NULL;
        question->done(question, order->rc, gw_buf_str(&order->answer));
    }
    gw_enrichment_order_destroy(order);
}

/* --- to a worker --- */

static int copy(struct gw_enrichment_order *order, const struct gw_lane_question *question,
                struct gw_str scopes)
{
    struct gw_arena *arena = &order->arena;
    struct gw_value_builder claims = {.arena = arena};
    const struct gw_value plant = gw_value_string(question->plant);
    struct gw_buf text;

    order->operation = gw_arena_copy(arena, question->operation);
    order->traceparent = gw_arena_copy(arena, question->traceparent);
    order->scopes = gw_arena_copy(arena, scopes);
    if (order->operation.ptr == NULL || order->traceparent.ptr == NULL ||
        order->scopes.ptr == NULL ||
        gw_value_copy(arena, &question->parameters, &order->parameters) != 0 ||
        gw_value_add_member(&claims, GW_STR("sub"),
                            gw_value_string(GW_STR(GW_ENRICHMENT_CONSUMER))) != 0 ||
        gw_value_add_member(&claims, GW_STR("plant"), gw_value_array(&plant, 1)) != 0)
        return -ENOMEM;
    const struct gw_value all = gw_value_built_object(&claims);
    gw_buf_init(&text, ARENA_BLOCK_BYTES);
    gw_value_write(&text, &all);
    order->claims =
        text.has_failed ? (struct gw_str){NULL, 0} : gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return order->claims.ptr == NULL ? -ENOMEM : 0;
}

struct gw_enrichment_order *gw_enrichment_order_create(struct gw_lane_question *question,
                                                       struct gw_str scopes, uint64_t timeout_ns)
{
    struct gw_enrichment_order *order = calloc(1, sizeof(*order));

    if (order == NULL)
        return NULL;
    gw_arena_init(&order->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    gw_buf_init(&order->answer, GW_ENRICHMENT_MAX_BYTES);
    if (copy(order, question, scopes) != 0) {
        gw_enrichment_order_destroy(order);
        return NULL;
    }
    order->timeout_ns = timeout_ns;
    order->reply.ask = on_reply;
    order->question = question;
    question->state = order;
    return order;
}

static int ask(void *self, struct gw_lane_question *question)
{
    struct gw_enrichment *enrichment = self;

    if (enrichment->count == GW_ENRICHMENT_MAX)
        return -EAGAIN;
    struct gw_enrichment_order *order =
        gw_enrichment_order_create(question, gw_str_of(enrichment->scopes), enrichment->timeout_ns);
    if (order == NULL)
        return -ENOMEM;
    order->telemetry = enrichment->telemetry;
    order->enrichment = enrichment;
    gw_list_append(&enrichment->orders, &order->node);
    enrichment->count++;
    gw_worker_enrich(enrichment->workers[enrichment->turn++ % enrichment->worker_count], order);
    return 0;
}

static void cancel(void *self, struct gw_lane_question *question)
{
    struct gw_enrichment_order *order = question->state;

    (void)self;
    if (order != NULL)
        order->question = NULL; /* it comes back all the same */
    question->state = NULL;
}

/* --- life --- */

struct gw_enrichment *gw_enrichment_create(struct gw_telemetry *telemetry,
                                           struct gw_worker_thread *const *workers,
                                           size_t worker_count)
{
    struct gw_enrichment *enrichment = calloc(1, sizeof(*enrichment));

    if (enrichment == NULL)
        return NULL;
    enrichment->telemetry = telemetry;
    enrichment->workers = workers;
    enrichment->worker_count = worker_count;
    gw_list_init(&enrichment->orders);
    return enrichment;
}

void gw_enrichment_destroy(struct gw_enrichment *enrichment)
{
    if (enrichment == NULL)
        return;
    while (!gw_list_is_empty(&enrichment->orders))
        leave(GW_LIST_ITEM(enrichment->orders.next, struct gw_enrichment_order, node));
    free(enrichment);
}

struct gw_lane_asker gw_enrichment_asker(struct gw_enrichment *enrichment,
                                         const struct gw_config_iot *config)
{
    enrichment->timeout_ns = config->enrichment_timeout_ns;
    snprintf(enrichment->scopes, sizeof(enrichment->scopes), "%.*s",
             GW_STR_ARG(config->enrichment_scopes));
    return (struct gw_lane_asker){
        .self = enrichment,
        .pause_ns = 2 * enrichment->timeout_ns,
        .ask = config->has_enrichment && enrichment->worker_count > 0 ? ask : NULL,
        .cancel = cancel};
}

size_t gw_enrichment_count(const struct gw_enrichment *enrichment)
{
    return enrichment->count;
}
