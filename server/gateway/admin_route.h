/* What the admin listener offers: paths with parameters, and bodies of JSON.
 *
 * A route is a row of the table in admin_routes.c. Its handler is called on the main thread, when
 * the caller may do this and the body is there and checked; it responds at once by one of the
 * functions below, or sets ex->cancel and responds later. A change stands in the audit before its
 * handler is called, and with its outcome before the answer leaves (admin_act.h). */
#pragma once

#include <jansson.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/http/exchange.h"
#include "server/json/option.h"

struct gw_server;

struct gw_admin_route {
    enum gw_method method; /* GET serves HEAD, too */
    const char *path;      /* "/keys/{id}": a parameter is one whole segment */
    /* `body` is the checked object, defaults filled in; NULL for a route without `fields`. */
    void (*answer)(struct gw_server *server, struct gw_exchange *ex, const json_t *body);
    const struct gw_option *fields; /* of the JSON object in the body; NULL: a body is not read */
    bool is_open;                   /* needs no token */
    const char *act;                /* in the audit; NULL: a change is called by its path */
};

/* The table: one list of all routes, its end has path NULL. */
extern const struct gw_admin_route gw_admin_routes[];

enum gw_admin_match { GW_ADMIN_NO_PATH, GW_ADMIN_NO_METHOD, GW_ADMIN_FOUND };

/* Finds the route and keeps the parameters, decoded, in ex->path_parameters. For GW_ADMIN_NO_METHOD
 * *out_allow is the Allow field's value, in the arena (ptr NULL without memory). */
GW_MUST_CHECK
enum gw_admin_match gw_admin_route_find(const struct gw_admin_route *routes, struct gw_exchange *ex,
                                        const struct gw_admin_route **out_route,
                                        struct gw_str *out_allow);

/* Collects the body if the route reads one, checks it, and calls the handler; or refuses it (400,
 * 413) with all that is wrong with it. */
void gw_admin_route_run(const struct gw_admin_route *route, struct gw_server *server,
                        struct gw_exchange *ex);

/* --- for handlers --- */

/* The parameter of that number, as its text is meant ("%3A" is ":"). */
struct gw_str gw_admin_parameter(const struct gw_exchange *ex, size_t index);

/* The query's first value of that name, decoded, in the arena; ptr NULL if there is none, or it is
 * not well-formed, or without memory. */
struct gw_str gw_admin_query(struct gw_exchange *ex, struct gw_str name);

/* Who is asking, for the log and the audit: the token's consumer, "socket uid 1000", or the address
 * of one who has shown neither. In the arena. */
struct gw_str gw_admin_who(struct gw_exchange *ex);

/* Responds with the text, which is moved into the response; one that has failed is answered 503. */
void gw_admin_answer(struct gw_exchange *ex, int status, struct gw_str type, struct gw_buf *text);
void gw_admin_answer_json(struct gw_exchange *ex, int status, struct gw_buf *text);
/* Responds with the value, which is given away; NULL is answered 503. */
void gw_admin_answer_value(struct gw_exchange *ex, int status, json_t *value);
/* Responds with a problem (see http/problem.h). */
void gw_admin_refuse(struct gw_exchange *ex, const char *problem, const char *detail);
