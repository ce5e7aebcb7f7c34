#include "server/gateway/admin.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/filter/chain.h"
#include "server/gateway/admin_guard.h"
#include "server/gateway/listen_socket.h"
#include "server/gateway/readiness.h"
#include "server/gateway/server_state.h"
#include "server/http/listener.h"
#include "server/http/problem.h"

#define MAX_CONNECTIONS 256
#define POOL_BYTES (16 * 1024)
#define MAX_ANSWER_BYTES ((size_t)64 * 1024 * 1024)

struct gw_admin {
    struct gw_server *server;
    struct gw_exchange_pool pool;
    struct gw_listener *listeners[2]; /* TCP, unix socket */
    struct gw_admin_guard guard;
    char *socket_path; /* as bound: a reload may name another */
};

struct endpoint {
    struct gw_str path;
    enum gw_method method;
    bool is_open; /* needs no token */
    void (*answer)(struct gw_admin *admin, struct gw_exchange *ex);
};

static struct gw_admin *admin_of(const struct gw_exchange *ex)
{
    return GW_CONTAINER_OF(ex->worker, struct gw_server, main_worker)->admin;
}

/* --- answers --- */

/* Moves the text into the response and responds. */
static void answer_text(struct gw_exchange *ex, int status, struct gw_str type, struct gw_buf *text)
{
    char *body = text->has_failed ? NULL : text->ptr;

    /* The buffer may be large: it is handed to the exchange, not copied. */
    if (body != NULL && gw_arena_defer(&ex->arena, free, body) == 0) {
        ex->response.body = gw_buf_str(text);
        ex->response.status = status;
        *text = (struct gw_buf){0};
        if (gw_response_add_field(ex, GW_STR("Content-Type"), type) != 0 ||
            gw_response_add_field(ex, GW_STR("Cache-Control"), GW_STR("no-store")) != 0)
            gw_problem_set(ex, "overloaded", NULL);
    } else {
        gw_problem_set(ex, "overloaded", NULL);
    }
    gw_buf_finish(text);
    gw_exchange_respond(ex);
}

static void answer_health(struct gw_admin *admin, struct gw_exchange *ex)
{
    struct gw_buf text;

    (void)admin;
    gw_buf_init(&text, MAX_ANSWER_BYTES);
    gw_buf_append_text(&text, "{\"status\":\"alive\",\"version\":\"" MILLGATE_VERSION "\"}\n");
    answer_text(ex, 200, GW_STR("application/json"), &text);
}

static void answer_ready(struct gw_admin *admin, struct gw_exchange *ex)
{
    struct gw_buf text;

    gw_buf_init(&text, MAX_ANSWER_BYTES);
    bool is_ready = gw_readiness_print(admin->server->readiness, &text);
    answer_text(ex, is_ready ? 200 : 503, GW_STR("application/json"), &text);
}

static void answer_metrics(struct gw_admin *admin, struct gw_exchange *ex)
{
    struct gw_buf text;

    gw_buf_init(&text, MAX_ANSWER_BYTES);
    gw_metrics_print(admin->server->metrics, &text);
    answer_text(ex, 200, GW_STR("text/plain; version=0.0.4; charset=utf-8"), &text);
}

static void answer_config(struct gw_admin *admin, struct gw_exchange *ex)
{
    json_t *masked = gw_config_masked(admin->server->current->config);
    char *dumped = masked == NULL ? NULL : json_dumps(masked, JSON_INDENT(2));
    struct gw_buf text;

    gw_buf_init(&text, MAX_ANSWER_BYTES);
    if (dumped == NULL)
        text.has_failed = true;
    else
        gw_buf_append_text(&text, dumped);
    gw_buf_append_byte(&text, '\n');
    free(dumped);
    json_decref(masked);
    answer_text(ex, 200, GW_STR("application/json"), &text);
}

static void answer_reload(struct gw_admin *admin, struct gw_exchange *ex)
{
    gw_server_reload(admin->server, ex);
}

static const struct endpoint endpoints[] = {
    {GW_STR_INIT("/healthz"), GW_METHOD_GET, true, answer_health},
    {GW_STR_INIT("/readyz"), GW_METHOD_GET, true, answer_ready},
    {GW_STR_INIT("/metrics"), GW_METHOD_GET, true, answer_metrics},
    {GW_STR_INIT("/config"), GW_METHOD_GET, false, answer_config},
    {GW_STR_INIT("/reload"), GW_METHOD_POST, false, answer_reload},
};

/* --- requests --- */

static const struct endpoint *find_endpoint(struct gw_str path)
{
    for (size_t i = 0; i < GW_COUNT_OF(endpoints); i++) {
        if (gw_str_equal(endpoints[i].path, path))
            return &endpoints[i];
    }
    return NULL;
}

static void refuse(struct gw_exchange *ex, const char *problem, const char *detail)
{
    gw_problem_set(ex, problem, detail);
    gw_exchange_respond(ex);
}

/* The end of the guard's chain: the caller's token was accepted. */
static void on_authorised(struct gw_exchange *ex)
{
    find_endpoint(ex->request.path)->answer(admin_of(ex), ex);
}

static bool is_method_of(const struct endpoint *endpoint, enum gw_method method)
{
    return method == endpoint->method ||
           (method == GW_METHOD_HEAD && endpoint->method == GW_METHOD_GET);
}

static void begin(void *self, struct gw_exchange *ex)
{
    struct gw_admin *admin = self;
    const struct endpoint *endpoint = find_endpoint(ex->request.path);
    const char *detail = NULL;

    if (admin->pool.live_count == 1) /* just this one */
        gw_admin_guard_refresh(&admin->guard);
    const char *problem = gw_admin_guard_check(&admin->guard, ex, &detail);

    if (problem != NULL) {
        refuse(ex, problem, detail);
    } else if (endpoint == NULL) {
        refuse(ex, "not-found", NULL);
    } else if (!is_method_of(endpoint, ex->request.method)) {
        gw_problem_set(ex, "method-not-allowed", NULL);
        if (gw_response_add_field(ex, GW_STR("Allow"),
                                  endpoint->method == GW_METHOD_GET ? GW_STR("GET, HEAD")
                                                                    : GW_STR("POST")) != 0)
            gw_problem_set(ex, "overloaded", NULL);
        gw_exchange_respond(ex);
    } else if (endpoint->is_open || gw_admin_guard_is_local(ex)) {
        endpoint->answer(admin, ex);
    } else {
        gw_admin_guard_authorise(&admin->guard, ex);
    }
}

static void finish(void *self, struct gw_exchange *ex)
{
    (void)self;
    if (!gw_str_equal(ex->request.method_name, GW_STR("GET")))
        gw_log_info("admin: %.*s %.*s by %.*s%s%.*s: %d", GW_STR_ARG(ex->request.method_name),
                    GW_STR_ARG(ex->request.path), GW_STR_ARG(ex->request.peer),
                    ex->identity.consumer.len > 0 ? ", " : "", GW_STR_ARG(ex->identity.consumer),
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
    int rc = gw_admin_guard_init(&admin->guard, server, on_authorised, error);
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
    gw_admin_guard_finish(&admin->guard);
    gw_exchange_pool_finish(&admin->pool);
    free(admin);
}
