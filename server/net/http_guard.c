#include <errno.h>
#include <ifaddrs.h>
#include <string.h>

#include "server/net/http_client_parts.h"

static bool is_unspecified(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ((const struct sockaddr_in *)address)->sin_addr.s_addr == 0;
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static in_port_t port_of(const struct sockaddr *address)
{
    return address->sa_family == AF_INET ? ((const struct sockaddr_in *)address)->sin_port
                                         : ((const struct sockaddr_in6 *)address)->sin6_port;
}

/* An IPv4 address written as IPv6 (::ffff:a.b.c.d) reaches the same listener: compare it as IPv4.
 */
static void unmap(const struct sockaddr *address, struct gw_address *out_address)
{
    memset(out_address, 0, sizeof(*out_address));
    if (address->sa_family == AF_INET) {
        memcpy(&out_address->v4, address, sizeof(out_address->v4));
        return;
    }
    memcpy(&out_address->v6, address, sizeof(out_address->v6));
    if (!IN6_IS_ADDR_V4MAPPED(&out_address->v6.sin6_addr))
        return;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = out_address->v6.sin6_port};

    memcpy(&v4.sin_addr, &out_address->v6.sin6_addr.s6_addr[12], 4);
    memset(out_address, 0, sizeof(*out_address));
    out_address->v4 = v4;
}

bool http_guard_forbids(const struct gw_http_client *client, const struct sockaddr *address)
{
    struct gw_address plain;

    if (gw_address_is_forbidden(address))
        return true;
    unmap(address, &plain);
    for (unsigned at = 0; at < client->forbidden_count; at++) {
        const struct http_forbidden *entry = &client->forbidden[at];

        if (entry->is_any_loopback) {
            if (is_loopback(&plain.any) && port_of(&plain.any) == port_of(&entry->address.any))
                return true;
        } else if (gw_address_equal(&plain.any, &entry->address.any)) {
            return true;
        }
    }
    return false;
}

static int add(struct gw_http_client *client, const struct sockaddr *address, in_port_t port,
               bool is_any_loopback)
{
    struct http_forbidden entry = {.is_any_loopback = is_any_loopback};

    unmap(address, &entry.address);
    if (entry.address.any.sa_family == AF_INET)
        entry.address.v4.sin_port = port;
    else
        entry.address.v6.sin6_port = port;
    if (client->forbidden_count == HTTP_MAX_FORBIDDEN)
        return -ENOSPC;
    client->forbidden[client->forbidden_count++] = entry;
    return 0;
}

int gw_http_client_forbid(struct gw_http_client *client, const struct sockaddr *address)
{
    struct ifaddrs *interfaces;

    if (address->sa_family != AF_INET && address->sa_family != AF_INET6)
        return -EINVAL;
    if (!is_unspecified(address))
        return add(client, address, port_of(address), false);

    int status = add(client, address, port_of(address), true);
    if (getifaddrs(&interfaces) != 0)
        return -errno;
    for (struct ifaddrs *at = interfaces; at != NULL && status == 0; at = at->ifa_next) {
        if (at->ifa_addr != NULL &&
            (at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6))
            status = add(client, at->ifa_addr, port_of(address), false);
    }
    freeifaddrs(interfaces);
    return status;
}
