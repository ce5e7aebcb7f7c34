#include "server/http/client_address.h"

#include <arpa/inet.h>

#include "server/http/forwarded.h"
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

/* --- the list --- */

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

static enum gw_client_scheme scheme_of(struct gw_str text)
{
    if (gw_str_equal_nocase(text, GW_STR("https")) || gw_str_equal_nocase(text, GW_STR("wss")))
        return GW_CLIENT_SCHEME_HTTPS;
    if (gw_str_equal_nocase(text, GW_STR("http")) || gw_str_equal_nocase(text, GW_STR("ws")))
        return GW_CLIENT_SCHEME_HTTP;
    return GW_CLIENT_SCHEME_UNTOLD;
}

struct walk {
    const struct gw_cidr *proxies;
    size_t proxy_count;
    enum gw_client_address_field field;
    struct gw_address client; /* the last that a trusted one has told */
    bool has_client;
    enum gw_client_scheme scheme;
    unsigned hops;
};

/* Returns whether the walk goes on: the one told of is a proxy, too. */
static bool step(struct walk *walk, struct gw_str element)
{
    struct gw_str node = element;
    struct gw_address address;

    if (++walk->hops > MAX_HOPS)
        return false;
    if (walk->field == GW_CLIENT_ADDRESS_FORWARDED) {
        node = gw_forwarded_get(element, GW_STR("for"));
        walk->scheme = scheme_of(gw_forwarded_get(element, GW_STR("proto")));
    }
    if (!read_node(node, &address))
        return false;
    walk->client = address;
    walk->has_client = true;
    return gw_cidr_any_has(walk->proxies, walk->proxy_count, &address.any);
}

static void walk_fields(struct walk *walk, const struct gw_request *request)
{
    bool is_standard = walk->field == GW_CLIENT_ADDRESS_FORWARDED;
    struct gw_str name = is_standard ? GW_STR("Forwarded") : GW_STR("X-Forwarded-For");

    for (size_t i = request->field_count; i-- > 0;) {
        struct gw_str rest = request->fields[i].value;
        struct gw_str element;
        if (!gw_str_equal_nocase(request->fields[i].name, name))
            continue;
        while (is_standard ? gw_forwarded_take_last(&rest, &element) : take_last(&rest, &element)) {
            if (element.len > 0 && !step(walk, element))
                return;
        }
    }
}

/* X-Forwarded-Proto, walked as far as the addresses were. */
static void walk_schemes(struct walk *walk, const struct gw_request *request)
{
    unsigned left = walk->hops > 0 ? walk->hops : 1;

    for (size_t i = request->field_count; i-- > 0 && left > 0;) {
        struct gw_str rest = request->fields[i].value;
        struct gw_str element;
        if (!gw_str_equal_nocase(request->fields[i].name, GW_STR("X-Forwarded-Proto")))
            continue;
        for (; left > 0 && take_last(&rest, &element); left--)
            walk->scheme = scheme_of(element);
    }
}

static void print_address(const struct gw_address *client, char out[GW_CLIENT_ADDRESS_BYTES])
{
    int family = client->any.sa_family;
    const void *bytes = family == AF_INET ? (const void *)&client->v4.sin_addr
                                          : (const void *)&client->v6.sin6_addr;

    if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&client->v6.sin6_addr)) {
        family = AF_INET;
        bytes = &client->v6.sin6_addr.s6_addr[12];
    }
    if (inet_ntop(family, bytes, out, GW_CLIENT_ADDRESS_BYTES) == NULL)
        out[0] = '\0';
}

void gw_client_address_find(const struct gw_request *request, enum gw_client_address_field field,
                            const struct gw_cidr *proxies, size_t proxy_count,
                            struct gw_client_told *out)
{
    struct walk walk = {.proxies = proxies, .proxy_count = proxy_count, .field = field};

    *out = (struct gw_client_told){.scheme = GW_CLIENT_SCHEME_UNTOLD};
    if (field == GW_CLIENT_ADDRESS_PEER)
        return;
    walk_fields(&walk, request);
    if (field == GW_CLIENT_ADDRESS_X_FORWARDED_FOR)
        walk_schemes(&walk, request);
    out->scheme = walk.scheme;
    if (walk.has_client)
        print_address(&walk.client, out->address);
}
