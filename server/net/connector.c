#include "server/net/connector.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/net/loop.h"
#include "server/net/resolver.h"

#define STAGGER_NS (250 * GW_NS_PER_MS)

struct attempt {
    struct gw_connector *connector;
    struct gw_poll *poll; /* NULL: not under way */
    int fd;
};

struct gw_connector {
    struct gw_loop *loop;
    const struct gw_connector_events *events;
    void *self;
    bool (*is_forbidden)(void *self, const struct sockaddr *address);
    struct gw_lookup lookup;
    struct gw_timer next_timer; /* to try the next address, or to report at once */
    unsigned next, open_count;
    bool is_resolving, is_unresolved;
    uint16_t port;
    struct sockaddr_un unix_address; /* sun_path empty: not used */
    struct gw_address_list addresses;
    struct attempt attempts[GW_RESOLVER_MAX_ADDRESSES];
    struct gw_error error; /* why the last address failed */
};

static void try_next(struct gw_connector *connector);

static void on_next_timer(struct gw_timer *timer)
{
    try_next(GW_CONTAINER_OF(timer, struct gw_connector, next_timer));
}

static void try_soon(struct gw_connector *connector, uint64_t after_ns)
{
    gw_timer_start(connector->loop, &connector->next_timer, after_ns, on_next_timer);
}

static void close_attempt(struct attempt *attempt)
{
    if (attempt->poll == NULL)
        return;
    gw_poll_destroy(attempt->poll);
    attempt->poll = NULL;
    if (attempt->fd >= 0)
        close(attempt->fd);
    attempt->connector->open_count--;
}

static const struct sockaddr *address_at(struct gw_connector *connector, unsigned at,
                                         socklen_t *out_len)
{
    if (connector->unix_address.sun_path[0] != '\0') {
        *out_len = sizeof(connector->unix_address);
        return (const struct sockaddr *)&connector->unix_address;
    }
    *out_len = connector->addresses.items[at].len;
    return &connector->addresses.items[at].any;
}

static void note_failure(struct gw_connector *connector, unsigned at, const char *why)
{
    char text[GW_ADDRESS_TEXT_BYTES];
    socklen_t len;
    const struct sockaddr *address = address_at(connector, at, &len);

    if (address->sa_family == AF_UNIX) {
        gw_error_set(&connector->error, 0, "%s: %s", connector->unix_address.sun_path, why);
        return;
    }
    gw_address_format(address, text);
    gw_error_set(&connector->error, 0, "%s: %s", text, why);
}

static void on_attempt(void *self, int events)
{
    struct attempt *attempt = self;
    struct gw_connector *connector = attempt->connector;
    int code = 0;
    socklen_t len = sizeof(code);

    (void)events;
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
        code = errno;
    if (code != 0) {
        close_attempt(attempt);
        note_failure(connector, (unsigned)(attempt - connector->attempts), strerror(code));
        try_next(connector);
        return;
    }
    int fd = attempt->fd;

    attempt->fd = -1;
    close_attempt(attempt);
    gw_timer_stop(&connector->next_timer);
    connector->events->on_connected(connector->self, fd);
}

/* Returns 0 or a negative errno. A connect that succeeds at once is told by the poll, too. */
static int begin_attempt(struct gw_connector *connector, unsigned at)
{
    struct attempt *attempt = &connector->attempts[at];
    socklen_t len;
    const struct sockaddr *address = address_at(connector, at, &len);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (address->sa_family != AF_UNIX) {
        static const int on = 1;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    if (connect(fd, address, len) != 0 && errno != EINPROGRESS) {
        int code = -errno;

        close(fd);
        return code;
    }
    *attempt = (struct attempt){.connector = connector, .fd = fd};
    int status = gw_poll_create(connector->loop, fd, on_attempt, attempt, &attempt->poll);
    if (status != 0) {
        close(fd);
        return status;
    }
    connector->open_count++;
    gw_poll_set(attempt->poll, GW_POLL_WRITE);
    return 0;
}

static bool is_refused(struct gw_connector *connector, unsigned at)
{
    socklen_t len;
    const struct sockaddr *address = address_at(connector, at, &len);

    if (connector->is_forbidden == NULL || address->sa_family == AF_UNIX)
        return false;
    return connector->is_forbidden(connector->self, address);
}

/* Called from the loop only: it may report. */
static void try_next(struct gw_connector *connector)
{
    gw_timer_stop(&connector->next_timer);
    while (!connector->is_unresolved && connector->next < connector->addresses.count) {
        unsigned at = connector->next++;

        if (is_refused(connector, at)) {
            note_failure(connector, at, "calls to this address are forbidden");
            continue;
        }
        int status = begin_attempt(connector, at);
        if (status == 0) {
            if (connector->next < connector->addresses.count)
                try_soon(connector, STAGGER_NS);
            return;
        }
        note_failure(connector, at, strerror(-status));
    }
    if (connector->open_count == 0)
        connector->events->on_failed(connector->self,
                                     connector->is_unresolved ? GW_STREAM_UNRESOLVED
                                                              : GW_STREAM_UNREACHABLE,
                                     connector->error.text);
}

/* RFC 8305 section 4: families alternate, so that one that is broken costs one wait only. */
static void set_addresses(struct gw_connector *connector, const struct gw_address_list *found)
{
    struct gw_address_list *list = &connector->addresses;
    bool is_taken[GW_RESOLVER_MAX_ADDRESSES] = {false};
    sa_family_t wanted = found->items[0].any.sa_family;

    list->count = 0;
    while (list->count < found->count) {
        unsigned first = found->count, at = 0;

        for (; at < found->count; at++) {
            if (is_taken[at])
                continue;
            if (first == found->count)
                first = at;
            if (found->items[at].any.sa_family == wanted)
                break;
        }
        if (at == found->count)
            at = first;
        is_taken[at] = true;
        struct gw_address *address = &list->items[list->count++];
        *address = found->items[at];
        wanted = address->any.sa_family == AF_INET6 ? AF_INET : AF_INET6;
        if (address->any.sa_family == AF_INET6)
            address->v6.sin6_port = htons(connector->port);
        else
            address->v4.sin_port = htons(connector->port);
    }
}

static void on_looked_up(struct gw_lookup *lookup, const struct gw_address_list *addresses,
                         const char *why)
{
    struct gw_connector *connector = GW_CONTAINER_OF(lookup, struct gw_connector, lookup);

    connector->is_resolving = false;
    if (addresses != NULL) {
        set_addresses(connector, addresses);
    } else {
        connector->is_unresolved = true;
        gw_error_set(&connector->error, 0, "the name does not resolve: %s", why);
    }
    try_next(connector);
}

static int resolve(struct gw_connector *connector, const struct gw_stream_config *config)
{
    struct gw_address_list found;

    connector->lookup.fn = on_looked_up;
    int status = gw_resolver_lookup(config->resolver, config->host, &connector->lookup, &found,
                                    &connector->error);
    if (status == -EINPROGRESS) {
        connector->is_resolving = true;
        return 0;
    }
    if (status == 0)
        set_addresses(connector, &found);
    else
        connector->is_unresolved = true;
    return status == -ENOENT ? 0 : status;
}

static int set_unix_path(struct gw_connector *connector, struct gw_str path)
{
    if (path.len >= sizeof(connector->unix_address.sun_path) ||
        memchr(path.ptr, '\0', path.len) != NULL)
        return -EINVAL;
    connector->unix_address.sun_family = AF_UNIX;
    memcpy(connector->unix_address.sun_path, path.ptr, path.len);
    connector->addresses.count = 1;
    return 0;
}

int gw_connector_start(struct gw_loop *loop, const struct gw_stream_config *config,
                       const struct gw_connector_events *events, void *self,
                       struct gw_connector **out_connector)
{
    struct gw_connector *connector = calloc(1, sizeof(*connector));

    if (connector == NULL)
        return -ENOMEM;
    connector->loop = loop;
    connector->events = events;
    connector->self = self;
    connector->is_forbidden = config->is_forbidden;
    connector->port = config->port;
    int status = config->unix_path.len > 0 ? set_unix_path(connector, config->unix_path)
                                           : resolve(connector, config);
    if (status != 0) {
        free(connector);
        return status;
    }
    /* The first attempt is begun at once; what it leads to is told from the loop. */
    if (!connector->is_resolving && !connector->is_unresolved && !is_refused(connector, 0) &&
        begin_attempt(connector, 0) == 0) {
        connector->next = 1;
        if (connector->addresses.count > 1)
            try_soon(connector, STAGGER_NS);
    } else if (!connector->is_resolving) {
        try_soon(connector, 0);
    }
    *out_connector = connector;
    return 0;
}

void gw_connector_destroy(struct gw_connector *connector)
{
    if (connector == NULL)
        return;
    gw_lookup_cancel(&connector->lookup);
    gw_timer_stop(&connector->next_timer);
    for (unsigned at = 0; at < GW_RESOLVER_MAX_ADDRESSES; at++)
        close_attempt(&connector->attempts[at]);
    free(connector);
}

const char *gw_connector_step(const struct gw_connector *connector)
{
    return connector->is_resolving ? "the name did not resolve in time"
                                   : "the connection was not established in time";
}
