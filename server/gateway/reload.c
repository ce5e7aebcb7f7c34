/* Reloading: a new snapshot is loaded beside the old one, checked whole, and then handed to all
 * workers; or nothing changes and the reasons are told. */
#include <errno.h>
#include <stdlib.h>

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/filter/chain.h"
#include "server/flow/flow.h"
#include "server/gateway/admin.h"
#include "server/gateway/admin_act.h"
#include "server/gateway/backend_metrics.h"
#include "server/gateway/certificates.h"
#include "server/gateway/flow_metrics.h"
#include "server/gateway/landscape_shadow.h"
#include "server/gateway/request.h"
#include "server/gateway/server_metrics.h"
#include "server/gateway/server_state.h"
#include "server/gateway/telemetry.h"
#include "server/http/problem.h"
#include "server/net/http_client.h"
#include "server/upstream/upstreams.h"

#define DAY_NS (UINT64_C(86400) * GW_NS_PER_SECOND)

static struct gw_metrics_shard *main_shard(struct gw_server *server)
{
    return server->main_worker.metrics;
}

/* --- the list of snapshots --- */

static size_t sweep_snapshots(struct gw_server *server)
{
    size_t live = 0;

    for (size_t i = 0; i < GW_MAX_SNAPSHOTS; i++) {
        struct gw_snapshot *snapshot = server->snapshots[i];
        if (snapshot == NULL)
            continue;
        if (gw_snapshot_is_used(snapshot)) {
            live++;
        } else {
            gw_snapshot_destroy(snapshot);
            server->snapshots[i] = NULL;
        }
    }
    return live;
}

/* The server holds a reference to its current snapshot; the list itself holds none. */
static void make_current(struct gw_server *server, struct gw_snapshot *snapshot)
{
    for (size_t i = 0; i < GW_MAX_SNAPSHOTS; i++) {
        if (server->snapshots[i] == NULL) {
            server->snapshots[i] = snapshot;
            break;
        }
    }
    gw_snapshot_release(server->current);
    server->current = gw_snapshot_retain(snapshot);
    snapshot->generation = ++server->generation;
    gw_metrics_set(main_shard(server), &gw_server_generation, server->generation);
}

/* --- making views --- */

/* A backend whose TLS material cannot be used must be found before a worker has the snapshot. */
static bool check_backends(struct gw_server *server, const struct gw_snapshot *snapshot,
                           struct gw_diagnostics *diagnostics)
{
    struct gw_upstreams upstreams;
    bool is_good = true;

    gw_upstreams_init(&upstreams, &server->main_worker);
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        struct gw_backend backend = {0};
        struct gw_error error = {0};
        if (gw_backend_init(&backend, &upstreams, &snapshot->backends[i], &error) != 0) {
            is_good = false;
            gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, server->options.config_path, 0, 0,
                               "%s", error.text);
        }
        gw_backend_finish(&backend);
    }
    gw_upstreams_finish(&upstreams);
    return is_good;
}

static void name_metrics(struct gw_server *server, struct gw_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->backend_count; i++) {
        struct gw_backend_config *backend = &snapshot->backends[i];
        snapshot->backend_metrics[i] = gw_backend_board_get(&server->backend_board, backend->name);
        for (size_t at = 0; at < backend->target_count; at++)
            backend->targets[at].mark = gw_backend_board_get_mark(
                &server->backend_board, backend->name, backend->targets[at].url);
    }

    for (size_t i = 0; i < snapshot->flow_count; i++)
        snapshot->flows[i].metrics =
            gw_flow_metrics_make(main_shard(server), gw_flow_name(snapshot->flows[i].flow));
    for (size_t i = 0; i < snapshot->service_count; i++) {
        struct gw_service *service = &snapshot->services[i];
        gw_landscape_shadow_name(main_shard(server), service);
        service->metric =
            gw_metrics_route(server->metrics, gw_method_name(service->operation->method).ptr,
                             service->operation->route);
    }
}

static int make_sets(struct gw_server *server, struct gw_snapshot *snapshot,
                     struct gw_policy_set *sets, struct gw_diagnostics *diagnostics)
{
    size_t count = snapshot->config->workers;

    if (server->worker_count > 0)
        count = server->worker_count;
    for (size_t i = 0; i < count; i++) {
        int rc = gw_policy_set_make(snapshot->config, &server->sets[i], &sets[i], diagnostics);
        while (rc != 0 && i > 0)
            gw_policy_set_release(&sets[--i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static struct gw_view *make_view(struct gw_snapshot *snapshot, const struct gw_policy_set *set)
{
    struct gw_policy_set copy = gw_policy_set_retain(set);
    struct gw_view *view = gw_view_create(snapshot, &copy, gw_request_forward);

    if (view == NULL)
        gw_policy_set_release(&copy);
    return view;
}

static void on_certificate_day(struct gw_timer *timer)
{
    gw_server_watch_certificates(GW_CONTAINER_OF(timer, struct gw_server, certificates));
}

void gw_server_watch_certificates(struct gw_server *server)
{
    gw_certificates_warn(server->current, (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_SECOND));
    gw_timer_start(server->loop, &server->certificates, DAY_NS, on_certificate_day);
}

/* All or nothing: views for all workers are made before the first is handed over. */
static int publish(struct gw_server *server, struct gw_snapshot *snapshot,
                   struct gw_diagnostics *diagnostics)
{
    struct gw_policy_set sets[GW_MAX_WORKERS] = {0};
    struct gw_view *views[GW_MAX_WORKERS] = {0};

    if (!check_backends(server, snapshot, diagnostics))
        return -EINVAL;
    int rc = make_sets(server, snapshot, sets, diagnostics);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < server->worker_count && rc == 0; i++) {
        views[i] = make_view(snapshot, &sets[i]);
        rc = views[i] == NULL ? -ENOMEM : 0;
    }
    if (rc != 0) {
        for (size_t i = 0; i < GW_MAX_WORKERS; i++) {
            gw_view_destroy(views[i]);
            gw_policy_set_release(&sets[i]);
        }
        return rc;
    }
    name_metrics(server, snapshot);
    make_current(server, snapshot);
    if (server->admin != NULL) /* the first snapshot comes before it */
        gw_admin_adopt(server->admin);
    if (server->telemetry != NULL)
        gw_telemetry_adopt(server->telemetry, snapshot);
    for (size_t i = 0; i < GW_MAX_WORKERS; i++) {
        gw_policy_set_release(&server->sets[i]);
        server->sets[i] = sets[i];
        if (views[i] != NULL)
            gw_worker_hand_over(server->workers[i], views[i]);
    }
    gw_server_watch_certificates(server);
    return 0;
}

int gw_server_hand_first(struct gw_server *server, struct gw_worker_thread *worker, size_t index)
{
    struct gw_view *view = make_view(server->current, &server->sets[index]);

    if (view == NULL)
        return -ENOMEM;
    gw_worker_hand_over(worker, view);
    return 0;
}

/* --- loading --- */

/* A shard for each worker, one for the main thread and one for telemetry: a shard of many routes is
 * not small. */
static int make_metrics(struct gw_server *server, size_t worker_count)
{
    server->metrics = gw_metrics_create(worker_count + 2);
    if (server->metrics == NULL)
        return -ENOMEM;
    server->main_worker.metrics = gw_metrics_get_shard(server->metrics, worker_count);
    return 0;
}

int gw_server_load_first(struct gw_server *server)
{
    struct gw_diagnostics *diagnostics = &server->reload.diagnostics;
    struct gw_snapshot *snapshot = NULL;

    gw_diagnostics_init(diagnostics);
    int rc = gw_snapshot_load(server->options.config_path, server->options.filters, NULL,
                              diagnostics, &snapshot);
    if (rc == 0) {
        rc = make_metrics(server, snapshot->config->workers);
        if (rc == 0)
            rc = publish(server, snapshot, diagnostics);
        if (rc != 0)
            gw_snapshot_destroy(snapshot);
    }
    gw_diagnostics_print(diagnostics, stderr);
    gw_diagnostics_finish(diagnostics);
    return rc;
}

/* On a thread of the pool. The current snapshot stays while a reload runs. */
static void load(void *self)
{
    struct gw_server *server = self;
    struct gw_reload *reload = &server->reload;

    reload->rc = gw_snapshot_load(server->options.config_path, server->options.filters,
                                  server->current, &reload->diagnostics, &reload->next);
}

static struct gw_str findings_as_json(struct gw_exchange *ex, struct gw_diagnostics *diagnostics)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 256 * 1024);
    gw_diagnostics_sort(diagnostics);
    gw_buf_append_text(&buf, "\"errors\":[");
    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct gw_finding *finding = &diagnostics->findings[i];
        gw_buf_printf(&buf, "%s{\"file\":\"", i == 0 ? "" : ",");
        gw_buf_append_json(&buf, gw_str_of(finding->file));
        gw_buf_printf(&buf, "\",\"line\":%u,\"column\":%u,\"severity\":\"%s\",\"text\":\"",
                      finding->line, finding->column,
                      finding->severity == GW_SEVERITY_ERROR ? "error" : "warning");
        gw_buf_append_json(&buf, gw_str_of(finding->text));
        gw_buf_append_text(&buf, "\"}");
    }
    gw_buf_append_byte(&buf, ']');
    struct gw_str text =
        buf.has_failed ? GW_STR("\"errors\":[]") : gw_arena_copy(&ex->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return text;
}

static void answer_waiting(struct gw_server *server, int rc, bool is_recorded)
{
    struct gw_exchange *ex = server->reload.waiting;

    if (ex == NULL)
        return;
    gw_server_forget_waiting(server);
    ex->cancel = NULL;
    if (rc != 0) {
        gw_problem_set_with(ex, "invalid-configuration", "The old configuration stays in force.",
                            findings_as_json(ex, &server->reload.diagnostics));
    } else {
        ex->response.status = 200;
        ex->response.body = gw_arena_printf(
            &ex->arena, "{\"generation\":%llu,\"contracts\":%zu,\"operations\":%zu}\n",
            (unsigned long long)server->generation, server->current->contract_count,
            server->current->service_count);
        if (gw_response_add_field(ex, GW_STR("Content-Type"), GW_STR("application/json")) != 0)
            gw_problem_set(ex, "overloaded", NULL);
    }
    if (!is_recorded)
        gw_problem_set(ex, "unavailable", "What came of it could not be recorded.");
    gw_exchange_respond(ex);
}

/* Another was asked for while one ran, or while too many snapshots lived. */
static void reload_if_wanted(struct gw_server *server)
{
    if (!server->reload.is_wanted_again || server->phase != GW_SERVER_SERVING ||
        server->reload.is_loading || server->reload.is_adopting ||
        sweep_snapshots(server) >= GW_MAX_SNAPSHOTS)
        return;
    server->reload.is_wanted_again = false;
    gw_server_reload(server, NULL);
}

static void end_reload(struct gw_server *server, int rc)
{
    struct gw_reload *reload = &server->reload;

    reload->is_loading = reload->is_adopting = false;
    if (rc == 0) {
        gw_log_info("reloaded: generation %llu, %zu contracts, %zu operations",
                    (unsigned long long)server->generation, server->current->contract_count,
                    server->current->service_count);
        gw_metrics_add(main_shard(server), &gw_server_reloads, 1);
    } else {
        gw_log_error("reload refused, the old configuration stays in force:");
        gw_diagnostics_print(&reload->diagnostics, stderr);
        gw_metrics_add(main_shard(server), &gw_server_reloads_refused, 1);
    }
    bool is_recorded = gw_admin_act_end(reload->act, rc == 0 ? "done" : "refused") == 0;
    reload->act = NULL;
    answer_waiting(server, rc, is_recorded);
    gw_diagnostics_finish(&reload->diagnostics);
    reload_if_wanted(server);
}

/* What workers and the trimmer take from it when they begin. */
static bool is_same_log(const struct gw_config_events *next, const struct gw_config_events *now)
{
    return next->is_on == now->is_on && next->partitions == now->partitions &&
           next->keep_s == now->keep_s && next->guard_s == now->guard_s &&
           next->max_events == now->max_events && next->trim_ns == now->trim_ns &&
           gw_str_equal(next->archive, now->archive);
}

static void warn_of_restart(struct gw_server *server, const struct gw_config *next)
{
    const struct gw_config *now = server->current->config;
    bool is_same = next->listener_count == now->listener_count && next->workers == now->workers &&
                   gw_str_equal(next->state_dir, now->state_dir) &&
                   gw_str_equal(next->audit_file, now->audit_file) &&
                   gw_str_equal(next->audit_key, now->audit_key) &&
                   gw_str_equal(next->admin.at.text, now->admin.at.text) &&
                   next->admin.tls.is_on == now->admin.tls.is_on &&
                   next->redis.kind == now->redis.kind;

    is_same = is_same && is_same_log(&next->events, &now->events);
    for (size_t i = 0; is_same && i < next->listener_count; i++)
        is_same = gw_str_equal(next->listeners[i].at.text, now->listeners[i].at.text) &&
                  next->listeners[i].tls.is_on == now->listeners[i].tls.is_on &&
                  next->listeners[i].needs_proxy_header == now->listeners[i].needs_proxy_header;
    if (!is_same)
        gw_log_warn(
            "listeners, admin, workers, redis, audit, state_dir or the event log have changed: "
            "that takes effect with a restart");
}

static void on_loaded(void *self)
{
    struct gw_server *server = self;
    struct gw_reload *reload = &server->reload;
    struct gw_snapshot *next = reload->next;
    int rc = reload->rc;

    reload->next = NULL;
    if (server->phase != GW_SERVER_SERVING) { /* too late for it: the workers are ending */
        gw_snapshot_destroy(next);
        end_reload(server, -ECANCELED);
        return;
    }
    if (rc == 0) {
        warn_of_restart(server, next->config);
        rc = publish(server, next, &reload->diagnostics);
        if (rc != 0)
            gw_snapshot_destroy(next);
        else
            gw_log_set_level(next->config->log_level);
    }
    if (rc != 0) {
        end_reload(server, rc);
        return;
    }
    reload->is_loading = false;
    reload->is_adopting = true;
    gw_server_reload_progress(server);
}

void gw_server_reload_progress(struct gw_server *server)
{
    bool is_adopted = true;

    for (size_t i = 0; i < server->worker_count; i++)
        is_adopted = is_adopted && gw_worker_has_adopted(server->workers[i]);
    sweep_snapshots(server);
    if (is_adopted && server->reload.is_adopting)
        end_reload(server, 0);
    else
        reload_if_wanted(server);
}

void gw_server_reload_finish(struct gw_server *server)
{
    server->phase = GW_SERVER_DRAINING;
    while (server->reload.is_loading)
        gw_loop_turn(server->loop, 100);
    if (server->reload.is_adopting)
        gw_diagnostics_finish(&server->reload.diagnostics);
    (void)gw_admin_act_end(server->reload.act,
                           "unknown"); /* the process ends in the middle of it */
    server->reload.act = NULL;
}

static void on_waiting_left(void *self, struct gw_exchange *ex)
{
    struct gw_server *server = self;

    (void)ex;
    gw_server_forget_waiting(server);
}

void gw_server_forget_waiting(struct gw_server *server)
{
    server->reload.waiting = NULL;
}

void gw_server_reload(struct gw_server *server, struct gw_exchange *waiting)
{
    struct gw_reload *reload = &server->reload;
    bool is_running = reload->is_loading || reload->is_adopting;

    if (is_running && waiting == NULL) {
        reload->is_wanted_again = true;
        return;
    }
    if (is_running || sweep_snapshots(server) >= GW_MAX_SNAPSHOTS ||
        server->phase != GW_SERVER_SERVING) {
        if (waiting != NULL) {
            gw_problem_set(waiting, "unavailable",
                           is_running ? "Another reload is running."
                                      : "Requests still run on older configurations.");
            gw_admin_respond(waiting);
        } else {
            gw_log_warn("reload put off: requests still run on %d older configurations",
                        GW_MAX_SNAPSHOTS);
            reload->is_wanted_again = true;
        }
        return;
    }
    struct gw_admin_act *act = waiting != NULL ? gw_admin_act_take(waiting) : NULL;
    if (waiting == NULL && gw_admin_act_begin(server, "reload", GW_STR("signal SIGHUP"),
                                              gw_str_of(server->options.config_path), &act) != 0) {
        gw_log_error("reload refused: the audit cannot be written");
        return;
    }
    *reload = (struct gw_reload){.is_loading = true, .waiting = waiting, .act = act};
    gw_diagnostics_init(&reload->diagnostics);
    if (waiting != NULL) {
        waiting->cancel = on_waiting_left;
        waiting->cancel_self = server;
    }
    if (gw_loop_offload(server->loop, load, on_loaded, server) != 0) {
        gw_diagnostics_add(&reload->diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0, "out of memory");
        end_reload(server, -ENOMEM);
    }
}
