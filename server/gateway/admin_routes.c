/* The table of all that the admin listener offers, and the answers that need no file of their own.
 */
#include "server/gateway/admin_cache.h"
#include "server/gateway/admin_issuers.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/admin_route.h"
#include "server/gateway/certificates.h"
#include "server/gateway/readiness.h"
#include "server/gateway/server_state.h"
#include "server/observe/audit.h"
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

static void answer_audit(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_admin_answer_value(ex, 200,
                          json_pack("{s:s?,s:I,s:s}", "file",
                                    server->current->config->audit_file.ptr, "seq",
                                    (json_int_t)gw_audit_get_seq(server->audit), "head",
                                    gw_audit_get_head(server->audit)));
}

static void answer_reload(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    (void)body;
    gw_server_reload(server, ex);
}

const struct gw_admin_route gw_admin_routes[] = {
    {GW_METHOD_GET, "/healthz", answer_health, NULL, true, NULL},
    {GW_METHOD_GET, "/readyz", answer_ready, NULL, true, NULL},
    {GW_METHOD_GET, "/metrics", answer_metrics, NULL, true, NULL},
    {GW_METHOD_GET, "/config", answer_config, NULL, false, NULL},
    {GW_METHOD_GET, "/audit", answer_audit, NULL, false, NULL},
    {GW_METHOD_POST, "/reload", answer_reload, NULL, false, "reload"},

    {GW_METHOD_GET, "/issuers", gw_admin_issuers_answer, NULL, false, NULL},
    {GW_METHOD_POST, "/issuers/{name}/flush", gw_admin_issuers_flush, NULL, false, "issuer.flush"},

    {GW_METHOD_POST, "/cache/purge", gw_admin_cache_purge, gw_admin_cache_purge_fields, false,
     "cache.purge"},

    {GW_METHOD_GET, "/keys", gw_admin_key_list, NULL, false, NULL},
    {GW_METHOD_POST, "/keys", gw_admin_key_create, gw_admin_key_fields, false, "key.create"},
    {GW_METHOD_GET, "/keys/{id}", gw_admin_key_show, NULL, false, NULL},
    {GW_METHOD_DELETE, "/keys/{id}", gw_admin_key_revoke, NULL, false, "key.revoke"},

    {GW_METHOD_GET, "/revocations", gw_admin_revocation_list, NULL, false, NULL},
    {GW_METHOD_POST, "/revocations", gw_admin_revocation_create, gw_admin_revocation_fields, false,
     "token.revoke"},
    {GW_METHOD_GET, "/revocations/{id}", gw_admin_revocation_show, NULL, false, NULL},
    {GW_METHOD_DELETE, "/revocations/{id}", gw_admin_revocation_remove, NULL, false,
     "token.unrevoke"},

    {GW_METHOD_GET, "/consumers", gw_admin_consumer_list, NULL, false, NULL},
    {GW_METHOD_POST, "/consumers/{name}", gw_admin_consumer_put, gw_admin_consumer_fields, false,
     "consumer.set"},
    {GW_METHOD_GET, "/consumers/{name}", gw_admin_consumer_show, NULL, false, NULL},
    {GW_METHOD_DELETE, "/consumers/{name}", gw_admin_consumer_remove, NULL, false,
     "consumer.remove"},

    {GW_METHOD_GET, "/landscapes", gw_admin_landscape_list, NULL, false, NULL},
    {GW_METHOD_POST, "/landscapes/{name}/keys/{key}", gw_admin_landscape_move,
     gw_admin_landscape_fields, false, "landscape.move"},
    {GW_METHOD_GET, "/landscapes/{name}/ids/{kind}", gw_admin_ids_export, NULL, false, NULL},
    {GW_METHOD_POST, "/landscapes/{name}/ids/{kind}", gw_admin_ids_import, gw_admin_ids_fields,
     false, "landscape.ids"},

    {GW_METHOD_GET, "/idempotency", gw_admin_keyed_show, NULL, false, NULL},
    {GW_METHOD_POST, "/idempotency/resolve", gw_admin_keyed_resolve, gw_admin_keyed_fields, false,
     "idempotency.resolve"},
    {GW_METHOD_GET, "/effects", gw_admin_effects_list, NULL, false, NULL},
    {GW_METHOD_POST, "/effects/resolve", gw_admin_effects_resolve, gw_admin_effects_fields, false,
     "effect.resolve"},
    {0},
};
