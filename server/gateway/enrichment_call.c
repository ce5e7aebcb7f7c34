#include "server/gateway/enrichment_call.h"

#include <errno.h>

#include "server/contract/media.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/gateway/enrichment.h"
#include "server/gateway/enrichment_order.h"
#include "server/gateway/flows.h"
#include "server/gateway/operation_request.h"
#include "server/gateway/request.h"
#include "server/http/inner.h"

#define MAX_RESPONSE_BYTES ((size_t)256 * 1024)
/* What serves the operation knows the deadline and answers by then; whoever does not is cut off. */
#define GRACE_NS (500 * GW_NS_PER_MS)

/* --- the end --- */

/* The order is telemetry's from here on. */
static void give_back(struct gw_enrichment_order *order, int rc)
{
    gw_timer_stop(&order->deadline);
    gw_list_remove(&order->running);
    order->ex = NULL;
    order->rc = rc;
    if (order->telemetry == NULL)
        order->reply.ask(&order->reply, NULL);
    else if (!gw_telemetry_ask(order->telemetry, &order->reply))
        gw_enrichment_order_destroy(order); /* it has ended, and waits for nothing */
}

static int read_json(struct gw_enrichment_order *order, const struct gw_exchange *ex)
{
    const struct gw_str *type = gw_response_field(ex, GW_STR("Content-Type"));
    struct gw_json_error error;
    struct gw_value value;
    struct gw_str range;

    if (ex->response.body.len == 0)
        return 0;
    if (type == NULL || !gw_media_parse(*type, &range) || !gw_media_is_json(range))
        return -EINVAL;
    if (gw_value_read(&order->arena, ex->response.body, NULL, &value, &error) != 0)
        return -EINVAL;
    gw_value_write(&order->answer, &value);
    return order->answer.has_failed ? -EMSGSIZE : 0;
}

/* That there is nothing is an answer. */
static int read_answer(struct gw_enrichment_order *order, const struct gw_exchange *ex)
{
    int status = ex->response.status;

    if (status >= 200 && status < 300)
        return read_json(order, ex);
    if (status == 404)
        return 0;
    return status >= 500 || status == 429 || status == 408 ? -EAGAIN : -EACCES;
}

static void on_done(void *self, struct gw_exchange *ex)
{
    struct gw_enrichment_order *order = self;

    give_back(order, read_answer(order, ex));
}

static void cut_off(struct gw_enrichment_order *order)
{
    gw_inner_cancel(order->ex);
    give_back(order, -EAGAIN);
}

static void on_deadline(struct gw_timer *timer)
{
    cut_off(GW_CONTAINER_OF(timer, struct gw_enrichment_order, deadline));
}

/* --- who is calling --- */

static bool has_credential(const struct gw_exchange *ex, struct gw_str scheme)
{
    for (size_t i = 0; i < ex->credential_count; i++)
        if (gw_str_equal(ex->credentials[i].issuer, scheme))
            return true;
    return false;
}

/* Telemetry has proved itself to all schemes by being the gateway; what it may is for the policies
 * to say, by its scopes and claims. The texts go with the exchange, which outlives the order. */
static void add_credential(struct gw_exchange *ex, struct gw_str scheme,
                           const struct gw_identity *of)
{
    if (scheme.len == 0 || has_credential(ex, scheme))
        return;
    struct gw_identity *credential = gw_exchange_add_credential(ex);
    if (credential == NULL)
        return;
    *credential = *of;
    credential->issuer = gw_arena_copy(&ex->arena, scheme);
}

static void prepare(void *self, struct gw_exchange *ex)
{
    const struct gw_enrichment_order *order = self;
    const struct gw_operation *operation = order->called;
    const struct gw_identity identity = {
        .consumer = GW_STR(GW_ENRICHMENT_CONSUMER),
        .subject = GW_STR(GW_ENRICHMENT_CONSUMER),
        .scopes = gw_arena_copy(&ex->arena, order->scopes),
        .claims = gw_arena_copy(&ex->arena, order->claims),
    };

    ex->depth = 1;
    ex->request.peer = GW_STR("127.0.0.1");
    if (identity.scopes.ptr == NULL || identity.claims.ptr == NULL)
        return; /* nobody: it will be refused */
    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        for (size_t k = 0; k < alternative->scheme_count; k++)
            add_credential(ex, alternative->schemes[k].name, &identity);
    }
}

/* --- the start --- */

static int write_request(struct gw_enrichment_order *order, const struct gw_snapshot *snapshot,
                         struct gw_operation_request *request)
{
    bool is_one_of_several;

    order->called = gw_flows_find_operation(snapshot, order->operation, &is_one_of_several);
    if (order->called == NULL || gw_operation_is_write(order->called))
        return -ENOENT;
    request->operation = order->called;
    request->arena = &order->arena;
    request->parameters = order->parameters;
    int rc = gw_operation_request_make(request);
    if (rc != 0 || order->traceparent.len == 0)
        return rc;
    if (request->field_count == GW_OPERATION_MAX_FIELDS)
        return -EINVAL;
    request->fields[request->field_count++] =
        (struct gw_field){GW_STR("traceparent"), order->traceparent};
    return 0;
}

static int start(struct gw_enrichment_order *order, struct gw_request_owner *owner)
{
    struct gw_operation_request *written = gw_arena_calloc(&order->arena, 1, sizeof(*written));

    if (owner->view == NULL || written == NULL)
        return -EAGAIN;
    int rc = write_request(order, owner->view->snapshot, written);
    if (rc != 0)
        return rc;
    const struct gw_inner_place place = {.pool = &owner->inner,
                                         .worker = &owner->worker,
                                         .loop = owner->worker.loop,
                                         .handler = &gw_request_handler,
                                         .handler_self = owner};
    const struct gw_inner_request request = {.method = gw_method_name(order->called->method),
                                             .target = written->target,
                                             .fields = written->fields,
                                             .field_count = written->field_count,
                                             .deadline_ns =
                                                 gw_clock_monotonic_ns() + order->timeout_ns,
                                             .max_response_bytes = MAX_RESPONSE_BYTES,
                                             .prepare = prepare,
                                             .done = on_done,
                                             .self = order};
    order->ex = gw_inner_start(&place, &request);
    return order->ex == NULL ? -EAGAIN : 0;
}

void gw_enrichment_do(struct gw_enrichment_order *list, struct gw_request_owner *owner)
{
    struct gw_enrichment_order *first = NULL, *next;

    for (; list != NULL; list = next) {
        next = list->next;
        first = gw_enrichment_put(list, first);
    }
    for (; first != NULL; first = next) {
        next = first->next;
        int rc = start(first, owner);
        if (rc != 0) {
            give_back(first, rc);
            continue;
        }
        gw_list_append(&owner->enrichments, &first->running);
        gw_timer_start(owner->worker.loop, &first->deadline, first->timeout_ns + GRACE_NS,
                       on_deadline);
    }
}

struct gw_enrichment_order *gw_enrichment_put(struct gw_enrichment_order *order,
                                              struct gw_enrichment_order *list)
{
    order->next = list;
    return order;
}

void gw_enrichment_leave(struct gw_request_owner *owner)
{
    while (!gw_list_is_empty(&owner->enrichments))
        cut_off(GW_LIST_ITEM(owner->enrichments.next, struct gw_enrichment_order, running));
}

void gw_enrichment_drop(struct gw_enrichment_order *list)
{
    struct gw_enrichment_order *next;

    for (; list != NULL; list = next) {
        next = list->next;
        give_back(list, -EAGAIN);
    }
}
