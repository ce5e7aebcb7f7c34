#include "server/http/detached.h"

#include "server/core/clock.h"
#include "server/http/connection.h"

/* The backend's own deadlines are shorter; one that has none must not hold an exchange for ever. */
#define LONGEST_NS (300 * GW_NS_PER_SECOND)

struct detached { /* in the exchange's arena */
    struct gw_list node;
    struct gw_timer timer;
    struct gw_listener *listener;
    struct gw_exchange *ex;
};

static void end(struct detached *detached)
{
    struct gw_listener *listener = detached->listener;
    struct gw_exchange *ex = detached->ex;

    gw_list_remove(&detached->node);
    gw_timer_stop(&detached->timer);
    gw_exchange_abandon(ex);
    listener->config.handler->finish(listener->config.handler_self, ex);
    listener->exchange_count--;
    gw_exchange_give_back(listener->config.pool, ex);
}

static void on_timer(struct gw_timer *timer)
{
    end(GW_CONTAINER_OF(timer, struct detached, timer));
}

/* Whoever wakes us still uses the exchange: it ends with a later turn. */
static void on_wake(struct gw_exchange *ex)
{
    struct detached *detached = ex->io_self;

    if (ex->state != GW_EXCHANGE_DECIDING)
        gw_timer_start(detached->listener->config.loop, &detached->timer, 0, on_timer);
}

static const struct gw_exchange_io detached_io = {.wake = on_wake};

bool gw_detached_take(struct gw_listener *listener, struct gw_exchange *ex)
{
    if (!gw_detached_is_wanted(ex))
        return false;
    struct gw_str peer = gw_arena_copy(&ex->arena, ex->request.peer);
    struct detached *detached = gw_arena_calloc(&ex->arena, 1, sizeof(*detached));
    if (peer.ptr == NULL || detached == NULL)
        return false;
    ex->request.peer = peer; /* this and the certificate are the connection's */
    ex->request.client_certificate = GW_STR("");
    *detached = (struct detached){.listener = listener, .ex = ex};
    ex->io = &detached_io;
    ex->io_self = detached;
    gw_list_append(&listener->detached, &detached->node);
    gw_timer_start(listener->config.loop, &detached->timer, LONGEST_NS, on_timer);
    return true;
}

void gw_detached_finish(struct gw_listener *listener)
{
    while (!gw_list_is_empty(&listener->detached))
        end(GW_LIST_ITEM(listener->detached.next, struct detached, node));
}
