/* Router: from method and path to what serves it.
 *
 * Built once from all routes, immutable then: any thread may match. A trie by segment whose edges
 * lie in one hash table, so that the cost of a match depends on the path, not on how many routes
 * there are; matching allocates nothing.
 *
 * Which route wins, segment by segment from the left: literal text before a template, among
 * templates more literal text before less. The path decides first, the method then: a path whose
 * best route lacks the method is 405, even if a more general one had it.
 *
 * Paths are compared in the normal form of path_template.h. Per RFC 3986 an empty segment is a
 * segment like any other: "/a//b" and "/a/" are not "/a/b" and "/a", and a parameter is never
 * empty. Paths with dot segments are refused, not resolved: no client that follows RFC 3986 sends
 * them, and resolving would let a prefix check and a backend disagree. */
#pragma once

#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/http/exchange.h"

#define GW_ROUTER_MAX_ROUTES 200000
#define GW_ROUTER_MAX_VISITS                                            \
    1024 /* of the trie's nodes, by one match: checked when it is built \
          */

struct gw_router;

struct gw_route {
    enum gw_method method; /* not GW_METHOD_OTHER */
    struct gw_str path;    /* template, from the root: "/system/erp/v1/orders/{id}" */
    struct gw_str origin;  /* who defines it, for messages: a file's name */
    const void *value;     /* not NULL; what a match gives */
};

/* Copies what it keeps, but for the values. Refuses (-EINVAL) a bad template, two routes of one
 * method whose templates match the same paths (naming both origins), and a set in which one path
 * could visit more than GW_ROUTER_MAX_VISITS nodes; -ENOMEM. */
GW_MUST_CHECK
int gw_router_create(const struct gw_route *routes, size_t count, struct gw_router **out_router,
                     struct gw_error *error);
void gw_router_destroy(struct gw_router *router); /* NULL is safe */

enum gw_route_result {
    GW_ROUTE_FOUND,
    GW_ROUTE_NOT_FOUND,  /* 404 */
    GW_ROUTE_BAD_METHOD, /* 405: `allow` is set */
    GW_ROUTE_OPTIONS,    /* OPTIONS that no route serves: 204 with `allow` */
    GW_ROUTE_BAD_PATH,   /* 400: see gw_path_normalize() */
};

struct gw_route_match {
    const void *value;   /* of GW_ROUTE_FOUND */
    bool is_head_by_get; /* HEAD, served by the GET route */
    struct gw_str allow; /* "GET, HEAD, OPTIONS"; lives as long as the router */
    struct gw_str parameters[GW_MAX_PATH_PARAMETERS]; /* parts of `path`, still encoded */
    size_t parameter_count;                           /* in the template's order */
};

/* `path` is the request's path as received, without the query. A parameter whose value is "." or
 * ".." in any spelling makes it a bad path. */
GW_MUST_CHECK
enum gw_route_result gw_router_match(const struct gw_router *router, enum gw_method method,
                                     struct gw_str path, struct gw_route_match *out_match);

size_t gw_router_bytes(const struct gw_router *router); /* memory it holds */
