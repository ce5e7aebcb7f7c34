#include "server/http/client_address.h"

#include <arpa/inet.h>

#include "server/net/address.h"
#include "server/net/cidr.h"

#define MAX_HOPS 32 /* more than that nobody has */

/* --- one place of the list --- */

/* "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711". */
static bool read_node(struct gw_str text, struct gw_address *out)
{
    struct gw_str literal = text;

    if (gw_str_has_prefix(text, GW_STR("["))) {
        literal = gw_str_tail(text, 1);
        size_t end = gw_str_find(literal, ']');
        if (end == literal.len)
            return false;
        literal = gw_str_from(literal.ptr, end);
        return gw_address_parse(literal, out) == 0 && out->any.sa_family == AF_INET6;
    }
    size_t colon = gw_str_find(text, ':');
    bool is_v6 =
        colon < text.len && gw_str_find(gw_str_tail(text, colon + 1), ':') < text.len - colon - 1;
    if (!is_v6)
        literal = gw_str_from(text.ptr, colon);
    return gw_address_parse(literal, out) == 0;
}

/* The value of `for` in one element of Forwarded, without its quotes; empty if there is none. */
static struct gw_str read_for(struct gw_str element)
{
    struct gw_str pair;

    while (gw_str_split(&element, ';', &pair)) {
        pair = gw_str_trim(pair);
        if (!gw_str_has_prefix_nocase(pair, GW_STR("for=")))
            continue;
        struct gw_str value = gw_str_tail(pair, 4);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = gw_str_from(value.ptr + 1, value.len - 2);
        return value;
    }
    return GW_STR("");
}

/* --- the list --- */

/* Takes the last element off. An element of Forwarded that hides a comma in quotes is cut in two,
 * neither of which is an address: the walk ends there, as it would at any other name. */
static bool take_last(struct gw_str *rest, struct gw_str *out)
{
    size_t at = rest->len;

    if (rest->len == 0)
        return false;
    while (at > 0 && rest->ptr[at - 1] != ',')
        at--;
    *out = gw_str_trim(gw_str_tail(*rest, at));
    *rest = gw_str_from(rest->ptr, at > 0 ? at - 1 : 0);
    return true;
}

struct walk {
    const struct gw_cidr *proxies;
    size_t proxy_count;
    enum gw_client_address_field field;
    struct gw_address client; /* the last that a trusted one has told */
    bool has_client;
    unsigned hops;
};

/* Returns whether the walk goes on: the one told of is a proxy, too. */
static bool step(struct walk *walk, struct gw_str element)
{
    struct gw_address address;

    if (walk->field == GW_CLIENT_ADDRESS_FORWARDED)
        element = read_for(element);
    if (++walk->hops > MAX_HOPS || !read_node(element, &address))
        return false;
    walk->client = address;
    walk->has_client = true;
    return gw_cidr_any_has(walk->proxies, walk->proxy_count, &address.any);
}

static void walk_fields(struct walk *walk, const struct gw_request *request)
{
    struct gw_str name = walk->field == GW_CLIENT_ADDRESS_FORWARDED ? GW_STR("Forwarded")
                                                                    : GW_STR("X-Forwarded-For");

    for (size_t i = request->field_count; i-- > 0;) {
        struct gw_str rest = request->fields[i].value;
        struct gw_str element;
        if (!gw_str_equal_nocase(request->fields[i].name, name))
            continue;
        while (take_last(&rest, &element)) {
            if (element.len > 0 && !step(walk, element))
                return;
        }
    }
}

bool gw_client_address_find(const struct gw_request *request, enum gw_client_address_field field,
                            const struct gw_cidr *proxies, size_t proxy_count,
                            char out[GW_CLIENT_ADDRESS_BYTES])
{
    struct walk walk = {.proxies = proxies, .proxy_count = proxy_count, .field = field};

    if (field == GW_CLIENT_ADDRESS_PEER)
        return false;
    walk_fields(&walk, request);
    if (!walk.has_client)
        return false;
    const struct gw_address *client = &walk.client;
    if (client->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&client->v6.sin6_addr))
        return inet_ntop(AF_INET, &client->v6.sin6_addr.s6_addr[12], out,
                         GW_CLIENT_ADDRESS_BYTES) != NULL;
    const void *bytes = client->any.sa_family == AF_INET ? (const void *)&client->v4.sin_addr
                                                         : (const void *)&client->v6.sin6_addr;
    return inet_ntop(client->any.sa_family, bytes, out, GW_CLIENT_ADDRESS_BYTES) != NULL;
}
