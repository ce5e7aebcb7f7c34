#include "server/gateway/admin_guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/core/log.h"
#include "server/gateway/security.h"
#include "server/gateway/server_state.h"
#include "server/http/problem.h"

/* Who is calling, and may they: the policies that decide it, in this order. */
static const char *const guarding[GW_ADMIN_GUARD_LINKS] = {"jwt", GW_AUTHORISE_POLICY};

/* --- where from --- */

static struct gw_str without_port(struct gw_str host)
{
    size_t end = host.len;

    while (end > 0 && host.ptr[end - 1] >= '0' && host.ptr[end - 1] <= '9')
        end--;
    if (end > 0 && end < host.len && host.ptr[end - 1] == ':')
        return gw_str_from(host.ptr, end - 1);
    return host;
}

static bool is_known_host(const struct gw_config_admin *config, struct gw_str host)
{
    struct gw_str name = without_port(host);

    if (gw_str_equal_nocase(name, GW_STR("localhost")) || gw_str_equal(name, GW_STR("127.0.0.1")) ||
        gw_str_equal(name, GW_STR("[::1]")) ||
        (config->is_on && gw_str_equal(name, without_port(config->at.text))))
        return true;
    for (size_t i = 0; i < config->host_count; i++) {
        if (gw_str_equal_nocase(name, config->hosts[i]))
            return true;
    }
    return false;
}

/* An Origin is sent by browsers: it must be this very host. */
static bool is_own_origin(const struct gw_exchange *ex, struct gw_str origin)
{
    struct gw_str scheme = ex->request.is_tls ? GW_STR("https://") : GW_STR("http://");

    return gw_str_has_prefix(origin, scheme) &&
           gw_str_equal_nocase(gw_str_tail(origin, scheme.len), ex->request.host);
}

static bool is_change(const struct gw_exchange *ex)
{
    return ex->request.method != GW_METHOD_GET && ex->request.method != GW_METHOD_HEAD &&
           ex->request.method != GW_METHOD_OPTIONS;
}

static bool is_json(const struct gw_exchange *ex)
{
    const struct gw_str *type = gw_request_field(ex, GW_STR("content-type"));
    struct gw_str rest = type == NULL ? GW_STR("") : *type;
    struct gw_str media;

    return gw_str_split(&rest, ';', &media) &&
           gw_str_equal_nocase(gw_str_trim(media), GW_STR("application/json"));
}

bool gw_admin_guard_is_local(const struct gw_exchange *ex)
{
    char own[32];

    snprintf(own, sizeof(own), "unix:%u", (unsigned)geteuid());
    return gw_str_equal(ex->request.peer, gw_str_of(own)) ||
           gw_str_equal(ex->request.peer, GW_STR("unix:0"));
}

const char *gw_admin_guard_check(const struct gw_admin_guard *guard, const struct gw_exchange *ex,
                                 const char **out_detail)
{
    const struct gw_config_admin *config = &guard->server->current->config->admin;
    const struct gw_str *origin = gw_request_field(ex, GW_STR("origin"));
    bool is_unix = gw_str_has_prefix(ex->request.peer, GW_STR("unix:"));

    if (is_unix && !gw_admin_guard_is_local(ex)) {
        *out_detail = "The socket belongs to another user.";
        return "forbidden";
    }
    if (!is_unix && !is_known_host(config, ex->request.host)) {
        *out_detail = "The Host is not one of this listener's; see admin.hosts.";
        return "misdirected-request";
    }
    if (origin != NULL && !is_own_origin(ex, *origin)) {
        *out_detail = "Requests from other origins are not taken.";
        return "forbidden";
    }
    if (is_change(ex) && !is_json(ex)) {
        *out_detail = "Changes must be sent as application/json.";
        return "unsupported-media-type";
    }
    return NULL;
}

/* --- who --- */

static void destroy(struct gw_admin_guard *guard)
{
    for (size_t i = 0; i < guard->chain.count; i++) {
        guard->chain.links[i].type->destroy(guard->chain.links[i].self);
        json_decref(guard->options[i]);
    }
    gw_arena_finish(&guard->arena);
    free(guard);
}

static void let_go(void *self)
{
    struct gw_admin_guard *guard = self;

    if (--guard->users == 0 && guard->is_retired)
        destroy(guard);
}

void gw_admin_guard_retire(struct gw_admin_guard *guard)
{
    if (guard == NULL)
        return;
    guard->is_retired = true;
    if (guard->users == 0)
        destroy(guard);
}

void gw_admin_guard_authorise(struct gw_admin_guard *guard, struct gw_exchange *ex)
{
    if (guard->chain.count == 0) {
        gw_problem_set(ex, "forbidden", "This needs the unix socket: no tokens are configured.");
        gw_exchange_respond(ex);
        return;
    }
    if (gw_arena_defer(&ex->arena, let_go, guard) != 0) {
        gw_problem_set(ex, "overloaded", NULL);
        gw_exchange_respond(ex);
        return;
    }
    guard->users++;
    ex->operation = &guard->operation;
    gw_chain_run(&guard->chain, ex);
}

/* Copies what it keeps: the configuration goes with its snapshot, the guard stays. */
static int make_operation(struct gw_admin_guard *guard, const struct gw_config_admin *config)
{
    struct gw_arena *arena = &guard->arena;
    size_t count = config->issuer_count;
    struct gw_security_scheme *schemes = gw_arena_calloc(arena, count, sizeof(*schemes));
    struct gw_security_alternative *alternatives =
        gw_arena_calloc(arena, count, sizeof(*alternatives));
    struct gw_str *scope = gw_arena_calloc(arena, 1, sizeof(*scope));

    if (schemes == NULL || alternatives == NULL || scope == NULL)
        return -ENOMEM;
    *scope = gw_arena_copy(arena, config->scope);
    for (size_t i = 0; i < count; i++) {
        schemes[i] = (struct gw_security_scheme){
            .kind = GW_SCHEME_TOKEN,
            .name = gw_arena_copy(arena, config->issuers[i]),
            .scopes = scope,
            .scope_count = 1,
        };
        if (schemes[i].name.ptr == NULL || scope->ptr == NULL)
            return -ENOMEM;
        alternatives[i] = (struct gw_security_alternative){&schemes[i], 1};
    }
    guard->operation = (struct gw_operation){
        .id = GW_STR("admin"),
        .route = GW_STR("admin"),
        .security = alternatives,
        .security_count = count,
    };
    return 0;
}

static const struct gw_policy *find_policy(const struct gw_server *server, const char *name)
{
    const struct gw_policy_set *set = &server->sets[0];

    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->policies[i]->type->name, name) == 0)
            return set->policies[i];
    }
    return NULL;
}

/* An instance of its own of each. 0, or -ENOENT if one of them is not in the chain. */
static int make_chain(struct gw_admin_guard *guard, struct gw_error *error)
{
    for (size_t i = 0; i < GW_ADMIN_GUARD_LINKS; i++) {
        if (find_policy(guard->server, guarding[i]) == NULL)
            return -ENOENT;
    }
    for (size_t i = 0; i < GW_ADMIN_GUARD_LINKS; i++) {
        const struct gw_policy *policy = find_policy(guard->server, guarding[i]);
        void *self = NULL;
        int rc = policy->type->create(policy->options, &self, error);
        if (rc != 0)
            return gw_error_prefix(error, rc, "admin");
        guard->options[i] = json_incref(policy->options);
        guard->chain.links[guard->chain.count++] = (struct gw_chain_link){policy->type, self};
    }
    return 0;
}

static struct gw_admin_guard *make_empty(struct gw_server *server,
                                         void (*end)(struct gw_exchange *ex))
{
    struct gw_admin_guard *guard = calloc(1, sizeof(*guard));

    if (guard == NULL)
        return NULL;
    guard->server = server;
    guard->generation = server->generation;
    guard->chain.end = end;
    gw_arena_init(&guard->arena, 1024, 64 * 1024);
    return guard;
}

static int fill(struct gw_admin_guard *guard, struct gw_error *error)
{
    const struct gw_config *config = guard->server->current->config;

    if (config->admin.issuer_count == 0)
        return 0;
    int rc = make_chain(guard, error);
    if (rc == 0 && make_operation(guard, &config->admin) != 0)
        rc = gw_error_set(error, -ENOMEM, "out of memory");
    if (rc != -ENOENT)
        return rc;
    gw_log_warn("admin.token is of no use without the policies jwt and " GW_AUTHORISE_POLICY
                " in `policies`: changes need the unix socket");
    return 0;
}

int gw_admin_guard_create(struct gw_server *server, void (*end)(struct gw_exchange *ex),
                          struct gw_admin_guard **out_guard, struct gw_error *error)
{
    struct gw_admin_guard *guard = make_empty(server, end);
    int rc = guard == NULL ? gw_error_set(error, -ENOMEM, "out of memory") : fill(guard, error);

    if (rc != 0) {
        gw_admin_guard_retire(guard);
        return rc;
    }
    *out_guard = guard;
    return 0;
}

struct gw_admin_guard *gw_admin_guard_create_anyway(struct gw_server *server,
                                                    void (*end)(struct gw_exchange *ex))
{
    struct gw_admin_guard *guard;
    struct gw_error error = {0};

    if (gw_admin_guard_create(server, end, &guard, &error) == 0)
        return guard;
    gw_log_error("%s: changes need the unix socket", error.text);
    return make_empty(server, end);
}
