/* The router over paths from outside: any bytes, against a fixed set of routes. */
#include <stdint.h>
#include <stdlib.h>

#include "server/http/path_template.h"
#include "server/http/router.h"

static const char *const templates[] = {
    "/",
    "/a",
    "/a/",
    "/a/{x}",
    "/a/{x}/b/{y}",
    "/a/mine",
    "/{p}/z",
    "/f/{i}.json",
    "/f/{i}",
    "/f/{y}-{m}-{d}",
    "/o/A('{k}')",
    "/o/{s}",
    "/s/{a}F",
    "/t/{a}2{b}",
    "/o/A(k={k},l={l})",
    "/{p}/{q}/{r}",
    "/a/%2F{x}",
    "/caf\xc3\xa9/{x}",
};

static struct gw_router *create(void)
{
    struct gw_route routes[GW_COUNT_OF(templates)];
    struct gw_router *router;
    struct gw_error error;

    for (size_t i = 0; i < GW_COUNT_OF(templates); i++)
        routes[i] =
            (struct gw_route){GW_METHOD_GET, gw_str_of(templates[i]), GW_STR("fuzz"), templates[i]};
    if (gw_router_create(routes, GW_COUNT_OF(templates), &router, &error) != 0)
        abort();
    return router;
}

/* Values are parts of the path, in order, not empty, and no dots. */
static void check(struct gw_str path, const struct gw_route_match *match)
{
    const char *at = path.ptr;

    for (size_t i = 0; i < match->parameter_count; i++) {
        struct gw_str value = match->parameters[i];
        if (value.len == 0 || value.ptr < at || value.ptr + value.len > path.ptr + path.len ||
            memchr(value.ptr, '/', value.len) != NULL || gw_str_equal(value, GW_STR("..")))
            abort();
        at = value.ptr + value.len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct gw_router *router;
    struct gw_str path = gw_str_from((const char *)bytes, len);
    struct gw_route_match match;

    if (router == NULL)
        router = create();
    if (gw_router_match(router, GW_METHOD_GET, path, &match) == GW_ROUTE_FOUND)
        check(path, &match);

    /* The same bytes as a template. */
    struct gw_arena arena;
    struct gw_path_template template;
    struct gw_error error;
    gw_arena_init(&arena, 4096, 1 << 20);
    (void)!gw_path_template_parse(&arena, path, &template, &error);
    gw_arena_finish(&arena);
    return 0;
}
