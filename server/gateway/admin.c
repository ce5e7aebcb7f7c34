#include "server/gateway/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/gateway/admin_act.h"
#include "server/gateway/admin_guard.h"
#include "server/gateway/admin_route.h"
#include "server/gateway/listen_socket.h"
#include "server/gateway/server_state.h"
#include "server/http/listener.h"
#include "server/http/problem.h"
#include "server/observe/audit.h"

#define MAX_CONNECTIONS 256
#define POOL_BYTES (16 * 1024)

struct gw_admin {
    struct gw_server *server;
    struct gw_exchange_pool pool;
    struct gw_listener *listeners[2]; /* TCP, unix socket */
    struct gw_admin_guard *guard;     /* NULL: there was no memory for a new one */
    char *socket_path;                /* as bound: a reload may name another */
};

static struct gw_admin *admin_of(const struct gw_exchange *ex)
{
    return GW_CONTAINER_OF(ex->worker, struct gw_server, main_worker)->admin;
}

/* --- requests --- */

static void not_allowed(struct gw_exchange *ex, struct gw_str allow)
{
    gw_problem_set(ex, "method-not-allowed", NULL);
    if (allow.ptr == NULL || gw_response_add_field(ex, GW_STR("Allow"), allow) != 0)
        gw_problem_set(ex, "overloaded", NULL);
    gw_exchange_respond(ex);
}

/* The end of the guard's chain: the caller's token was accepted. */
static void on_authorised(struct gw_exchange *ex)
{
    struct gw_admin *admin = admin_of(ex);
    const struct gw_admin_route *route = NULL;
    struct gw_str allow;

    if (gw_admin_route_find(gw_admin_routes, ex, &route, &allow) == GW_ADMIN_FOUND)
        gw_admin_route_run(route, admin->server, ex);
    else
        gw_admin_refuse(ex, "not-found", NULL);
}

static void route(struct gw_admin *admin, struct gw_exchange *ex)
{
    const struct gw_admin_route *found = NULL;
    struct gw_str allow;

    switch (gw_admin_route_find(gw_admin_routes, ex, &found, &allow)) {
    case GW_ADMIN_NO_PATH:
        gw_admin_refuse(ex, "not-found", NULL);
        break;
    case GW_ADMIN_NO_METHOD:
        not_allowed(ex, allow);
        break;
    case GW_ADMIN_FOUND:
        if (found->is_open || gw_admin_guard_is_local(ex))
            gw_admin_route_run(found, admin->server, ex);
        else
            gw_admin_guard_authorise(admin->guard, ex);
        break;
    }
}

static void begin(void *self, struct gw_exchange *ex)
{
    struct gw_admin *admin = self;
    const char *detail = NULL;

    /* Whoever is on the old one's way goes on there: nobody can keep a new one from coming. */
    if (admin->guard == NULL || admin->guard->generation != admin->server->generation) {
        gw_admin_guard_retire(admin->guard);
        admin->guard = gw_admin_guard_create_anyway(admin->server, on_authorised);
    }
    if (admin->guard == NULL) {
        gw_admin_refuse(ex, "overloaded", NULL);
        return;
    }
    const char *problem = gw_admin_guard_check(admin->guard, ex, &detail);

    if (problem != NULL)
        gw_admin_refuse(ex, problem, detail);
    else
        route(admin, ex);
}

static void finish(void *self, struct gw_exchange *ex)
{
    struct gw_admin *admin = self;
    int status = ex->response.status;

    /* The client left before it was answered. */
    (void)gw_admin_act_end(gw_admin_act_take(ex), "unknown");
    if (status == 401 || status == 403 || status == 421)
        gw_audit_refused(admin->server->audit, gw_admin_who(ex),
                         gw_arena_printf(&ex->arena, "%.*s %.*s: %d",
                                         GW_STR_ARG(ex->request.method_name),
                                         GW_STR_ARG(ex->request.path), status),
                         gw_loop_now_ns(admin->server->loop));
    if (!gw_str_equal(ex->request.method_name, GW_STR("GET")))
        gw_log_info("admin: %.*s %.*s by %.*s: %d", GW_STR_ARG(ex->request.method_name),
                    GW_STR_ARG(ex->request.path), GW_STR_ARG(gw_admin_who(ex)),
                    ex->response.status);
}

static const struct gw_exchange_handler admin_handler = {.begin = begin, .finish = finish};

/* --- life --- */

static int listen_on(struct gw_admin *admin, int fd, const struct gw_listener_trust *trust,
                     struct gw_listener **out_listener, struct gw_error *error)
{
    struct gw_server *server = admin->server;
    const struct gw_listener_config listener = {
        .fd = fd,
        .worker = &server->main_worker,
        .loop = server->loop,
        .pool = &admin->pool,
        .handler = &admin_handler,
        .handler_self = admin,
        .trust = trust,
        .max_connections = MAX_CONNECTIONS,
        .pool_bytes = POOL_BYTES,
        .head_timeout_ns = 10 * GW_NS_PER_SECOND,
        .idle_timeout_ns = 60 * GW_NS_PER_SECOND,
        .write_timeout_ns = 30 * GW_NS_PER_SECOND,
    };
    return gw_listener_create(&listener, out_listener, error);
}

static int open_listeners(struct gw_admin *admin, struct gw_error *error)
{
    const struct gw_config_admin *config = &admin->server->current->config->admin;
    int fd;
    int rc = 0;

    if (config->is_on) {
        char url[96];
        rc = gw_listen_sockets(&config->at, 1, &fd, error);
        if (rc == 0)
            rc = listen_on(admin, fd, &admin->server->current->admin_trust, &admin->listeners[0],
                           error);
        if (rc == 0) {
            gw_listen_url(fd, config->tls.is_on, url, sizeof(url));
            fprintf(stderr, "admin on %s\n", url);
        }
    }
    if (rc == 0 && config->socket.ptr != NULL) {
        fd = gw_listen_unix(config->socket.ptr, error);
        rc = fd < 0 ? fd : listen_on(admin, fd, NULL, &admin->listeners[1], error);
        admin->socket_path = rc == 0 ? strdup(config->socket.ptr) : NULL;
        if (rc == 0)
            fprintf(stderr, "admin on unix:%s\n", config->socket.ptr);
    }
    return rc;
}

int gw_admin_create(struct gw_server *server, struct gw_admin **out_admin, struct gw_error *error)
{
    struct gw_admin *admin = calloc(1, sizeof(*admin));

    if (admin == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    admin->server = server;
    gw_exchange_pool_init(&admin->pool, 2 * MAX_CONNECTIONS, 1024 * 1024);
    int rc = gw_admin_guard_create(server, on_authorised, &admin->guard, error);
    if (rc == 0)
        rc = open_listeners(admin, error);
    if (rc != 0) {
        gw_admin_destroy(admin);
        return rc;
    }
    *out_admin = admin;
    return 0;
}

void gw_admin_adopt(struct gw_admin *admin)
{
    struct gw_listener *listener = admin->listeners[0];
    const struct gw_listener_trust *trust = &admin->server->current->admin_trust;

    if (listener == NULL)
        return;
    bool fits = gw_listener_has_tls(listener) == (trust->tls != NULL);
    gw_listener_set_trust(listener, fits ? trust : NULL);
}

void gw_admin_destroy(struct gw_admin *admin)
{
    if (admin == NULL)
        return;
    for (size_t i = 0; i < GW_COUNT_OF(admin->listeners); i++)
        gw_listener_destroy(admin->listeners[i]);
    if (admin->socket_path != NULL)
        unlink(admin->socket_path);
    free(admin->socket_path);
    gw_admin_guard_retire(admin->guard);
    gw_exchange_pool_finish(&admin->pool);
    free(admin);
}
