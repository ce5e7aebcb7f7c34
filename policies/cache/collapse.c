#include "policies/cache/collapse.h"

#include "server/core/clock.h"

#define MARK_NS (10 * GW_NS_PER_SECOND)

void cache_collapse_init(struct cache_collapse *collapse, struct gw_loop *loop)
{
    memset(collapse, 0, sizeof(*collapse));
    collapse->loop = loop;
    gw_map_init(&collapse->by_key, CACHE_MAX_FLIGHTS);
}

void cache_collapse_leave(struct cache_collapse *collapse)
{
    for (size_t i = 0; i < CACHE_MAX_FLIGHTS; i++)
        gw_timer_stop(&collapse->flights[i].timer);
    collapse->loop = NULL;
}

void cache_collapse_finish(struct cache_collapse *collapse)
{
    gw_map_finish(&collapse->by_key);
}

struct cache_flight *cache_flight_find(struct cache_collapse *collapse, const struct cache_key *key)
{
    return gw_map_get(&collapse->by_key, cache_key_str(key));
}

struct cache_flight *cache_flight_begin(struct cache_collapse *collapse,
                                        const struct cache_key *key)
{
    struct cache_flight *flight = collapse->flights;
    const struct cache_flight *end = flight + CACHE_MAX_FLIGHTS;

    while (flight < end && flight->is_used)
        flight++;
    if (flight == end)
        return NULL;
    *flight = (struct cache_flight){.key = *key, .collapse = collapse};
    gw_list_init(&flight->waiters);
    if (gw_map_add(&collapse->by_key, cache_key_str(&flight->key), flight) != 0)
        return NULL;
    flight->is_used = true;
    return flight;
}

/* --- waiting --- */

static void take_off(struct cache_waiter *waiter)
{
    gw_timer_stop(&waiter->deadline);
    gw_list_remove(&waiter->node);
    waiter->flight->waiter_count--;
    waiter->flight = NULL;
}

void cache_waiter_leave(struct cache_waiter *waiter)
{
    if (waiter->flight != NULL)
        take_off(waiter);
}

static void on_deadline(struct gw_timer *timer)
{
    struct cache_waiter *waiter = GW_CONTAINER_OF(timer, struct cache_waiter, deadline);

    take_off(waiter);
    waiter->wake(waiter, CACHE_WAKE_ALONE, NULL);
}

bool cache_flight_join(struct cache_flight *flight, struct cache_waiter *waiter, uint64_t max_ns)
{
    if (flight->waiter_count == CACHE_MAX_WAITERS || flight->collapse->loop == NULL)
        return false;
    flight->waiter_count++;
    waiter->flight = flight;
    gw_list_append(&flight->waiters, &waiter->node);
    gw_timer_start(flight->collapse->loop, &waiter->deadline, max_ns, on_deadline);
    return true;
}

/* --- the end --- */

static struct cache_waiter *take_waiter(struct cache_flight *flight)
{
    if (gw_list_is_empty(&flight->waiters))
        return NULL;
    struct cache_waiter *waiter = GW_LIST_ITEM(flight->waiters.next, struct cache_waiter, node);
    take_off(waiter);
    return waiter;
}

static void release(struct cache_flight *flight)
{
    if (cache_flight_find(flight->collapse, &flight->key) == flight)
        (void)gw_map_remove(&flight->collapse->by_key, cache_key_str(&flight->key));
    flight->is_used = false;
}

static void on_wake(struct gw_timer *timer)
{
    struct cache_flight *flight = GW_CONTAINER_OF(timer, struct cache_flight, timer);
    struct cache_waiter *waiter = take_waiter(flight);

    if (flight->wake == CACHE_WAKE_LEAD && waiter != NULL) {
        waiter->wake(waiter, CACHE_WAKE_LEAD, flight);
        return;
    }
    for (; waiter != NULL; waiter = take_waiter(flight))
        waiter->wake(waiter, flight->wake, NULL);
    release(flight);
}

void cache_flight_end(struct cache_flight *flight, enum cache_wake wake)
{
    struct cache_collapse *collapse = flight->collapse;

    if (gw_list_is_empty(&flight->waiters) || collapse->loop == NULL) {
        release(flight);
        return;
    }
    flight->wake = wake;
    if (wake != CACHE_WAKE_LEAD) /* who comes from now on does not wait for this one */
        (void)gw_map_remove(&collapse->by_key, cache_key_str(&flight->key));
    gw_timer_start(collapse->loop, &flight->timer, 0, on_wake);
}

/* --- what cannot be kept --- */

static uint64_t short_key(const struct cache_key *key)
{
    uint64_t part;

    memcpy(&part, key->bytes, sizeof(part));
    return part;
}

void cache_collapse_mark(struct cache_collapse *collapse, const struct cache_key *key)
{
    uint64_t part = short_key(key);

    if (collapse->loop != NULL)
        collapse->marks[part % CACHE_PASS_MARKS] =
            (struct cache_pass_mark){part, gw_loop_now_ns(collapse->loop) + MARK_NS};
}

bool cache_collapse_is_marked(const struct cache_collapse *collapse, const struct cache_key *key)
{
    uint64_t part = short_key(key);
    const struct cache_pass_mark *mark = &collapse->marks[part % CACHE_PASS_MARKS];

    return mark->until_ns > 0 && mark->key == part && collapse->loop != NULL &&
           mark->until_ns > gw_loop_now_ns(collapse->loop);
}
