#include "server/net/resolver.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "server/core/clock.h"
#include "server/core/map.h"
#include "server/net/loop.h"
#include "server/net/loop_uv.h"

#define MAX_NAMES 256
#define POSITIVE_NS (30 * GW_NS_PER_SECOND)
#define NEGATIVE_NS (1 * GW_NS_PER_SECOND)

struct name {
    struct gw_list node;          /* in the resolver's list, least recently asked first */
    struct gw_resolver *resolver; /* NULL: destroyed while the look-up was under way */
    struct gw_list lookups;       /* who waits for it */
    uv_getaddrinfo_t request;
    bool is_under_way;
    uint64_t fresh_until_ns;
    int status; /* of the last look-up: 0 or one of libuv's UV_EAI_ codes */
    struct gw_address_list addresses;
    char text[GW_RESOLVER_MAX_NAME_BYTES + 1];
};

struct gw_resolver {
    struct gw_loop *loop;
    struct gw_map names;
    struct gw_list by_age;
};

int gw_resolver_create(struct gw_loop *loop, struct gw_resolver **out_resolver)
{
    struct gw_resolver *resolver = calloc(1, sizeof(*resolver));

    if (resolver == NULL)
        return -ENOMEM;
    resolver->loop = loop;
    gw_map_init(&resolver->names, MAX_NAMES);
    gw_list_init(&resolver->by_age);
    *out_resolver = resolver;
    return 0;
}

static void drop_name(struct name *name)
{
    gw_map_remove(&name->resolver->names, gw_str_of(name->text));
    gw_list_remove(&name->node);
    name->resolver = NULL;
    if (!name->is_under_way)
        free(name);
}

void gw_resolver_destroy(struct gw_resolver *resolver)
{
    if (resolver == NULL)
        return;
    while (!gw_list_is_empty(&resolver->by_age)) {
        struct name *name = GW_LIST_ITEM(resolver->by_age.next, struct name, node);

        while (gw_list_take(&name->lookups) != NULL)
            continue;
        drop_name(name);
    }
    gw_map_finish(&resolver->names);
    free(resolver);
}

static void keep_addresses(struct gw_address_list *list, const struct addrinfo *found)
{
    list->count = 0;
    for (; found != NULL && list->count < GW_RESOLVER_MAX_ADDRESSES; found = found->ai_next) {
        struct gw_address *address = &list->items[list->count];

        if ((found->ai_family != AF_INET && found->ai_family != AF_INET6) ||
            found->ai_addrlen > sizeof(address->v6))
            continue;
        memcpy(&address->any, found->ai_addr, found->ai_addrlen);
        address->len = found->ai_addrlen;
        list->count++;
    }
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct name *name = request->data;
    struct gw_list *node;

    gw_loop_request_ends(request->loop->data);
    name->is_under_way = false;
    if (name->resolver == NULL) {
        uv_freeaddrinfo(found);
        free(name);
        return;
    }
    keep_addresses(&name->addresses, found);
    uv_freeaddrinfo(found);
    name->status = status == 0 && name->addresses.count == 0 ? UV_EAI_NODATA : status;
    name->fresh_until_ns =
        gw_loop_now_ns(name->resolver->loop) + (name->status == 0 ? POSITIVE_NS : NEGATIVE_NS);

    /* Any of them may ask again, cancel others or destroy the resolver, so each works on a copy. */
    struct gw_address_list addresses = name->addresses;
    int final_status = name->status;
    struct gw_list lookups;

    gw_list_init(&lookups);
    while ((node = gw_list_take(&name->lookups)) != NULL)
        gw_list_append(&lookups, node);
    while ((node = gw_list_take(&lookups)) != NULL) {
        struct gw_lookup *lookup = GW_LIST_ITEM(node, struct gw_lookup, node);

        lookup->fn(lookup, final_status == 0 ? &addresses : NULL,
                   final_status == 0 ? NULL : uv_strerror(final_status));
    }
}

/* The least recently asked name that nobody waits for makes room. */
static void make_room(struct gw_resolver *resolver)
{
    struct gw_list *node = resolver->by_age.next;

    if (resolver->names.count < MAX_NAMES)
        return;
    for (; node != &resolver->by_age; node = node->next) {
        struct name *name = GW_LIST_ITEM(node, struct name, node);

        if (gw_list_is_empty(&name->lookups)) {
            drop_name(name);
            return;
        }
    }
}

static int find_or_add(struct gw_resolver *resolver, struct gw_str host, struct name **out_name)
{
    struct name *name = gw_map_get(&resolver->names, host);

    if (name != NULL) {
        gw_list_remove(&name->node);
        gw_list_append(&resolver->by_age, &name->node);
        *out_name = name;
        return 0;
    }
    make_room(resolver);
    name = calloc(1, sizeof(*name));
    if (name == NULL)
        return -ENOMEM;
    memcpy(name->text, host.ptr, host.len);
    name->request.data = name;
    gw_list_init(&name->lookups);
    int status = gw_map_add(&resolver->names, gw_str_of(name->text), name);
    if (status != 0) {
        free(name);
        return status;
    }
    name->resolver = resolver;
    gw_list_append(&resolver->by_age, &name->node);
    *out_name = name;
    return 0;
}

static int begin(struct name *name)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct gw_loop *loop = name->resolver->loop;

    int status =
        uv_getaddrinfo(gw_loop_uv(loop), &name->request, on_resolved, name->text, NULL, &hints);
    if (status != 0)
        return status;
    gw_loop_request_begins(loop);
    name->is_under_way = true;
    return 0;
}

int gw_resolver_lookup(struct gw_resolver *resolver, struct gw_str host, struct gw_lookup *lookup,
                       struct gw_address_list *out_addresses, struct gw_error *error)
{
    struct name *name;

    if (gw_address_parse(host, &out_addresses->items[0]) == 0) {
        out_addresses->count = 1;
        return 0;
    }
    if (host.len == 0 || host.len > GW_RESOLVER_MAX_NAME_BYTES ||
        memchr(host.ptr, '\0', host.len) != NULL)
        return gw_error_set(error, -EINVAL, "not a host name: %zu bytes", host.len);
    if (resolver == NULL)
        return gw_error_set(error, -EINVAL, "not an address: %.*s", GW_STR_ARG(host));

    int status = find_or_add(resolver, host, &name);
    if (status != 0)
        return gw_error_set(error, status, "no room to look up %.*s", GW_STR_ARG(host));
    if (!name->is_under_way && gw_loop_now_ns(resolver->loop) < name->fresh_until_ns) {
        if (name->status != 0)
            return gw_error_set(error, -ENOENT, "%.*s: %s", GW_STR_ARG(host),
                                uv_strerror(name->status));
        *out_addresses = name->addresses;
        return 0;
    }
    if (!name->is_under_way && (status = begin(name)) != 0) {
        drop_name(name);
        return gw_error_set(error, -EINVAL, "%.*s: %s", GW_STR_ARG(host), uv_strerror(status));
    }
    gw_list_append(&name->lookups, &lookup->node);
    return -EINPROGRESS;
}

void gw_lookup_cancel(struct gw_lookup *lookup)
{
    gw_list_remove(&lookup->node);
}
