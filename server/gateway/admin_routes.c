/* The table of all that the admin listener offers, and the answers that need no file of their own.
 */
#include "server/gateway/admin_issuers.h"
#include "server/gateway/admin_route.h"
#include "server/gateway/certificates.h"
#include "server/gateway/readiness.h"
#include "server/gateway/server_state.h"
#include "server/observe/metrics.h"

#define MAX_ANSWER_BYTES ((size_t)64 * 1024 * 1024)

static void answer_health(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct gw_buf text;

    (void)server;
    (void)body;
    gw_buf_init(&text, MAX_ANSWER_BYTES);
    gw_buf_append_text(&text, "{\"status\":\"alive\",\"version\":\"" MILLGATE_VERSION "\"}\n");
    gw_admin_answer_json(ex, 200, &text);
}

static void answer_ready(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct gw_buf text;

    (void)body;
    gw_buf_init(&text, MAX_ANSWER_BYTES);
    bool is_ready = gw_readiness_print(server->readiness, &text);
    gw_admin_answer_json(ex, is_ready ? 200 : 503, &text);
}

static void answer_metrics(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct gw_buf text;

    (void)body;
    gw_buf_init(&text, MAX_ANSWER_BYTES);
    gw_metrics_print(server->metrics, &text);
    gw_certificates_print_metrics(server->current, &text);
    gw_admin_answer(ex, 200, GW_STR("text/plain; version=0.0.4; charset=utf-8"), &text);
}

static void answer_config(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_answer_value(ex, 200, gw_config_masked(server->current->config));
}

static void answer_reload(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_server_reload(server, ex);
}

const struct gw_admin_route gw_admin_routes[] = {
    {GW_METHOD_GET, "/healthz", answer_health, NULL, true},
    {GW_METHOD_GET, "/readyz", answer_ready, NULL, true},
    {GW_METHOD_GET, "/metrics", answer_metrics, NULL, true},
    {GW_METHOD_GET, "/config", answer_config, NULL, false},
    {GW_METHOD_POST, "/reload", answer_reload, NULL, false},
    {GW_METHOD_GET, "/issuers", gw_admin_issuers_answer, NULL, false},
    {GW_METHOD_POST, "/issuers/{name}/flush", gw_admin_issuers_flush, NULL, false},
    {0},
};
