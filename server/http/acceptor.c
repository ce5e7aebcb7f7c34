#include "server/http/acceptor.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/core/log.h"
#include "server/http/connection.h"
#include "server/http/http_metrics.h"
#include "server/http/proxy_header.h"
#include "server/net/cidr.h"

#define TURN_ACCEPTS 32 /* so that a crowd at the door does not keep those inside waiting */
#define DRAIN_ACCEPTS 1000

struct arrival {
    struct gw_listener *listener;
    struct gw_list node;
    struct gw_poll *poll; /* NULL until its header has to be waited for */
    struct gw_timer deadline;
    struct gw_address proxy;
    int fd;
    size_t len;
    char bytes[GW_PROXY_HEADER_MAX_BYTES];
};

static void count(struct gw_listener *listener, const struct gw_metric *metric)
{
    if (listener->config.count != NULL)
        listener->config.count(listener->config.worker, metric);
}

/* The socket is the caller's again. */
static int end_arrival(struct arrival *arrival)
{
    struct gw_acceptor *acceptor = &arrival->listener->acceptor;
    int fd = arrival->fd;

    gw_poll_destroy(arrival->poll);
    gw_timer_stop(&arrival->deadline);
    gw_list_remove(&arrival->node);
    acceptor->arrival_count--;
    free(arrival);
    return fd;
}

/* `reason` is NULL for one that left without a word: balancers probe like that. */
static void turn_away(struct arrival *arrival, const struct gw_metric *reason)
{
    struct gw_listener *listener = arrival->listener;

    if (reason != NULL)
        count(listener, reason);
    close(end_arrival(arrival));
    gw_acceptor_mind(listener);
}

static void let_in(struct arrival *arrival, const struct gw_proxy_header *header)
{
    struct gw_listener *listener = arrival->listener;
    struct gw_address proxy = arrival->proxy;
    int fd = end_arrival(arrival);

    /* The library is told the socket's own address: what a proxy says counts by that one. */
    listener->acceptor.told = header->has_source ? &header->source.any : NULL;
    if (MHD_add_connection(listener->daemon, fd, &proxy.any, proxy.len) != MHD_YES)
        gw_log_debug("a connection was refused by the library, which has closed it");
    listener->acceptor.told = NULL;
    listener->must_run = true;
}

/* --- the header --- */

/* What is taken is what belongs to the header: the rest stays in the socket. */
static bool take(struct arrival *arrival, size_t len)
{
    ssize_t got = recv(arrival->fd, arrival->bytes + arrival->len, len, MSG_DONTWAIT);

    if (got < 0 || (size_t)got != len) /* it was there when we looked */
        return false;
    arrival->len += len;
    return true;
}

/* Returns whether there may be more to read at once; otherwise the arrival waits, or is gone. */
static bool read_some(struct arrival *arrival)
{
    struct gw_proxy_header header;
    ssize_t there = recv(arrival->fd, arrival->bytes + arrival->len,
                         sizeof(arrival->bytes) - arrival->len, MSG_PEEK | MSG_DONTWAIT);

    if (there < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (there < 0 && errno == EINTR)
        return true;
    if (there <= 0) {
        turn_away(arrival, arrival->len > 0 ? &gw_http_bad_proxy_headers : NULL);
        return false;
    }
    size_t all = arrival->len + (size_t)there;
    int rc = gw_proxy_header_read(gw_str_from(arrival->bytes, all), &header);
    if (rc < 0 || !take(arrival, (rc == 0 ? all : (size_t)rc) - arrival->len)) {
        turn_away(arrival, &gw_http_bad_proxy_headers);
        return false;
    }
    if (rc > 0)
        let_in(arrival, &header);
    return rc == 0;
}

static void on_readable(void *self, int events)
{
    (void)events;
    while (read_some(self))
        continue;
}

static void on_deadline(struct gw_timer *timer)
{
    turn_away(GW_CONTAINER_OF(timer, struct arrival, deadline), &gw_http_slow_proxy_headers);
}

/* --- the door --- */

static void admit(struct gw_listener *listener, int fd, const struct gw_address *proxy)
{
    struct gw_acceptor *acceptor = &listener->acceptor;

    if (!gw_cidr_any_has(acceptor->proxies, acceptor->proxy_count, &proxy->any)) {
        count(listener, &gw_http_untrusted_peers);
        close(fd);
        return;
    }
    struct arrival *arrival = calloc(1, sizeof(*arrival));
    if (arrival == NULL) {
        close(fd);
        return;
    }
    arrival->listener = listener;
    arrival->fd = fd;
    arrival->proxy = *proxy;
    gw_list_append(&acceptor->arrivals, &arrival->node);
    acceptor->arrival_count++;
    if (gw_poll_create(listener->config.loop, fd, on_readable, arrival, &arrival->poll) != 0) {
        turn_away(arrival, NULL);
        return;
    }
    gw_poll_set(arrival->poll, GW_POLL_READ);
    gw_timer_start(listener->config.loop, &arrival->deadline, listener->config.head_timeout_ns,
                   on_deadline);
    on_readable(arrival, GW_POLL_READ); /* it mostly comes with the connection */
}

static bool has_room(const struct gw_listener *listener)
{
    return listener->connection_count + listener->acceptor.arrival_count <
           listener->config.max_connections;
}

static void pause_accepting(struct gw_acceptor *acceptor)
{
    acceptor->is_paused = true;
    gw_poll_set(acceptor->poll, 0);
}

/* Returns whether there may be another. */
static bool accept_one(struct gw_listener *listener)
{
    struct gw_address proxy = {.len = sizeof(proxy) - offsetof(struct gw_address, any)};
    int fd = accept4(listener->config.fd, &proxy.any, &proxy.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        admit(listener, fd, &proxy);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        gw_log_warn("a connection waits to be accepted: %m");
        pause_accepting(&listener->acceptor); /* the next sweep tries again */
        return false;
    }
    return errno != EAGAIN && errno != EWOULDBLOCK; /* others are that one connection's */
}

static void on_queued(void *self, int events)
{
    struct gw_listener *listener = self;

    (void)events;
    for (unsigned i = 0; i < TURN_ACCEPTS; i++) {
        if (!has_room(listener)) {
            pause_accepting(&listener->acceptor);
            return;
        }
        if (!accept_one(listener))
            return;
    }
}

/* --- life --- */

int gw_acceptor_init(struct gw_listener *listener)
{
    struct gw_acceptor *acceptor = &listener->acceptor;

    gw_list_init(&acceptor->arrivals);
    int rc = gw_acceptor_follow_trust(listener);
    if (rc == 0)
        rc = gw_poll_create(listener->config.loop, listener->config.fd, on_queued, listener,
                            &acceptor->poll);
    if (rc == 0)
        gw_poll_set(acceptor->poll, GW_POLL_READ);
    return rc;
}

int gw_acceptor_follow_trust(struct gw_listener *listener)
{
    struct gw_acceptor *acceptor = &listener->acceptor;
    const struct gw_listener_trust *trust = &listener->trust;

    if (trust->proxy_count == 0)
        return 0;
    struct gw_cidr *copy = calloc(trust->proxy_count, sizeof(*copy));
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, trust->proxies, trust->proxy_count * sizeof(*copy));
    free(acceptor->proxies);
    acceptor->proxies = copy;
    acceptor->proxy_count = trust->proxy_count;
    return 0;
}

void gw_acceptor_mind(struct gw_listener *listener)
{
    struct gw_acceptor *acceptor = &listener->acceptor;

    if (!acceptor->is_paused || acceptor->poll == NULL || !has_room(listener))
        return;
    acceptor->is_paused = false;
    gw_poll_set(acceptor->poll, GW_POLL_READ);
}

static void close_door(struct gw_listener *listener)
{
    gw_poll_destroy(listener->acceptor.poll);
    listener->acceptor.poll = NULL;
    close(listener->config.fd);
    listener->config.fd = -1;
}

void gw_acceptor_drain(struct gw_listener *listener, uint64_t grace_ns)
{
    struct gw_acceptor *acceptor = &listener->acceptor;

    for (unsigned i = 0; i < DRAIN_ACCEPTS && has_room(listener) && accept_one(listener); i++)
        continue;
    close_door(listener);
    for (struct gw_list *node = acceptor->arrivals.next; node != &acceptor->arrivals;
         node = node->next)
        gw_timer_start(listener->config.loop, &GW_LIST_ITEM(node, struct arrival, node)->deadline,
                       grace_ns, on_deadline);
}

void gw_acceptor_finish(struct gw_listener *listener)
{
    struct gw_acceptor *acceptor = &listener->acceptor;

    if (!listener->config.needs_proxy_header)
        return;
    if (listener->config.fd >= 0)
        close_door(listener);
    while (acceptor->arrivals.next != NULL && !gw_list_is_empty(&acceptor->arrivals))
        close(end_arrival(GW_LIST_ITEM(acceptor->arrivals.next, struct arrival, node)));
    free(acceptor->proxies);
}
