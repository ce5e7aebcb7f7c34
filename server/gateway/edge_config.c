#include "server/gateway/edge_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/gateway/config_private.h"
#include "server/gateway/edge_allow.h"
#include "server/gateway/edge_config_table.h"
#include "server/iot/registry.h"

#define ARENA_BLOCK_BYTES (16u << 10)
#define ARENA_MAX_BYTES (64u << 20)

struct edge_loading {
    struct gw_edge_config *edge;
    struct gw_config_loader loader;
};

/* --- targets --- */

static void fill_target(struct edge_loading *loading, const char *pointer, const json_t *checked,
                        bool must_be_tls, struct gw_edge_target *target)
{
    struct gw_config_url url;
    struct gw_error error;

    target->url = gw_config_text(checked, "url");
    target->ca_pem = gw_config_text(checked, "ca_file");
    target->certificate_pem = gw_config_text(checked, "certificate_file");
    target->key_pem = gw_config_text(checked, "key_file");
    if (target->url.ptr == NULL)
        return;
    if (gw_config_url_parse(target->url, &url, &error) != 0) {
        gw_config_fail(&loading->loader, pointer, "the url %s", error.text);
        return;
    }
    target->is_tls = gw_str_equal(url.scheme, GW_STR("https"));
    if (!target->is_tls && (must_be_tls || !gw_str_equal(url.scheme, GW_STR("http"))))
        gw_config_fail(&loading->loader, pointer, "the url begins with https://%s",
                       must_be_tls ? "" : " or http://");
    target->host = url.host;
    target->authority = url.authority;
    target->port = url.port != 0 ? url.port : target->is_tls ? 443 : 80;
    target->base_path = url.path;
    while (gw_str_has_suffix(target->base_path, GW_STR("/")))
        target->base_path.len--;
}

static void fill_centre(struct edge_loading *loading, const json_t *checked)
{
    struct gw_edge_config *edge = loading->edge;

    edge->has_centre = checked != NULL;
    if (checked == NULL)
        return;
    fill_target(loading, "/edge/centre/url", checked, true, &edge->centre);
    edge->centre_timeout_ns = gw_config_number(checked, "timeout");
    edge->retry_max_ns = gw_config_number(checked, "retry_max");
    edge->batch_events = gw_config_number(checked, "batch_events");
    edge->batch_bytes = gw_config_number(checked, "batch_bytes");
}

/* --- the rest of the section --- */

static int fill_spool(struct edge_loading *loading, const json_t *checked)
{
    struct gw_edge_config *edge = loading->edge;
    struct gw_str drop = gw_config_text(checked, "drop");
    struct gw_str path = gw_config_path(&loading->loader, gw_config_text(checked, "path"));

    if (path.ptr == NULL)
        return -ENOMEM;
    edge->database = gw_arena_copy(&edge->base->arena, path);
    edge->spool = (struct gw_spool_config){
        .max_bytes = gw_config_number(checked, "max_bytes"),
        .max_events = gw_config_number(checked, "max_events"),
        .drop = gw_str_equal(drop, GW_STR("newest"))   ? GW_SPOOL_DROP_NEWEST
                : gw_str_equal(drop, GW_STR("refuse")) ? GW_SPOOL_REFUSE
                                                       : GW_SPOOL_DROP_OLDEST};
    edge->max_journal_bytes = gw_config_number(checked, "max_journal_bytes");
    return edge->database.ptr != NULL ? 0 : -ENOMEM;
}

static void fill_samples(struct gw_edge_config *edge, const json_t *checked)
{
    edge->keeps_samples = checked != NULL;
    if (checked != NULL)
        edge->max_sample_bytes = gw_config_number(checked, "max_bytes");
}

static void fill_local(struct edge_loading *loading, const json_t *checked)
{
    struct gw_edge_config *edge = loading->edge;
    const char *name;
    const json_t *value;

    if (checked == NULL)
        return;
    edge->allow = gw_config_text(checked, "allow_file");
    edge->signature = gw_config_text(checked, "signature_file");
    edge->public_key = gw_config_text(checked, "key_file");
    edge->max_age_ms = gw_config_number(checked, "max_age") / GW_NS_PER_MS;
    json_object_foreach(json_object_get(checked, "backends"), name, value)
    {
        struct gw_edge_target *target = &edge->backends[edge->backend_count];
        if (edge->backend_count == GW_EDGE_MAX_BACKENDS)
            return; /* the table has said so */
        edge->backend_count++;
        target->name = gw_str_of(name);
        fill_target(loading, "/edge/local/backends", value, false, target);
    }
}

static void check_allow(struct edge_loading *loading)
{
    const struct gw_edge_config *edge = loading->edge;
    const struct gw_edge_allow_source source = {.text = edge->allow,
                                                .signature = edge->signature,
                                                .public_key = edge->public_key,
                                                .edge = edge->id};
    struct gw_edge_allow *allow = NULL;
    struct gw_error error;

    if (edge->allow.len == 0)
        return;
    if (gw_edge_allow_load(&source, &allow, &error) != 0)
        gw_config_fail(&loading->loader, "/edge/local/allow_file", "%s", error.text);
    gw_edge_allow_destroy(allow);
}

static int fill_status(struct edge_loading *loading, struct gw_str status)
{
    struct gw_edge_config *edge = loading->edge;

    if (status.len == 0)
        return 0;
    if (gw_str_has_prefix(status, GW_STR("unix:"))) {
        struct gw_str path = gw_config_path(&loading->loader, gw_str_tail(status, 5));
        edge->status_socket = gw_arena_copy(&edge->base->arena, path);
        return edge->status_socket.ptr != NULL ? 0 : -ENOMEM;
    }
    gw_config_fill_address(&loading->loader, "/edge/status", status, &edge->status);
    if (edge->status.address_len != 0 && !edge->status.is_loopback)
        gw_config_fail(&loading->loader, "/edge/status",
                       "the status is without a password: a loopback address or unix:PATH");
    return 0;
}

static int fill(struct edge_loading *loading)
{
    struct gw_config *base = loading->edge->base;
    const json_t *checked = json_object_get(base->checked, "edge");
    const char *level = json_string_value(json_object_get(base->checked, "log_level"));

    base->log_level = GW_LOG_INFO;
    if (level != NULL && gw_log_level_parse(level, &base->log_level) != 0)
        gw_config_fail(&loading->loader, "/log_level", "log_level is unknown");
    loading->edge->id = gw_config_text(checked, "id");
    loading->edge->plant = gw_config_text(checked, "plant");
    if (checked != NULL && !gw_config_is_plain_name(loading->edge->id))
        gw_config_fail(&loading->loader, "/edge/id", "an id is of letters, digits, - _ and .");
    base->events.is_on = true; /* the spool takes them */
    int rc = gw_config_fill_iot(&loading->loader);
    if (rc == 0)
        rc = fill_status(loading, gw_config_text(checked, "status"));
    if (rc == 0)
        rc = fill_spool(loading, json_object_get(checked, "spool"));
    if (rc != 0)
        return rc;
    fill_centre(loading, json_object_get(checked, "centre"));
    fill_samples(loading->edge, json_object_get(checked, "samples"));
    fill_local(loading, json_object_get(checked, "local"));
    check_allow(loading);
    return 0;
}

/* --- documents --- */

static void check_plants(struct edge_loading *loading)
{
    const struct gw_edge_config *edge = loading->edge;
    const struct gw_registry *registry = edge->documents.registry;

    for (size_t i = 0; registry != NULL && i < gw_registry_device_count(registry); i++) {
        const struct gw_device_config *device = gw_registry_device(registry, i);
        if (gw_str_equal(device->plant, edge->plant))
            continue;
        gw_config_fail(&loading->loader, "/edge/plant",
                       "the device %.*s is of the plant \"%.*s\"; the centre takes events of the "
                       "edge's own alone",
                       GW_STR_ARG(device->id), GW_STR_ARG(device->plant));
        return;
    }
}

static void take_folder(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');

    snprintf(out, size, "%.*s", slash != NULL ? (int)(slash - path) : 1,
             slash != NULL ? path : ".");
    if (out[0] == '\0')
        snprintf(out, size, "/");
}

static int load(struct edge_loading *loading, const char *path,
                const struct gw_edge_config *previous, struct gw_diagnostics *diagnostics)
{
    const struct gw_option root = {.type = GW_OBJECT, .fields = gw_edge_config_options};
    struct gw_config *base = loading->edge->base;
    int rc = gw_document_load_file(path, diagnostics, &base->document);

    if (rc != 0)
        return rc;
    take_folder(path, loading->loader.folder, sizeof(loading->loader.folder));
    loading->loader.source = (struct gw_option_source){
        .document = base->document, .diagnostics = diagnostics, .folder = loading->loader.folder};
    rc = gw_option_check_partly(&loading->loader.source, base->document->root, "", &root,
                                &base->checked);
    if (rc != 0)
        return rc;
    rc = fill(loading);
    if (rc == 0 && !gw_diagnostics_has_errors(diagnostics))
        rc = gw_iot_documents_load(base, &base->arena,
                                   previous != NULL ? &previous->documents : NULL, diagnostics,
                                   &loading->edge->documents);
    if (rc == 0)
        check_plants(loading);
    return rc;
}

int gw_edge_config_load(const char *path, const struct gw_edge_config *previous,
                        struct gw_diagnostics *diagnostics, struct gw_edge_config **out_config)
{
    struct edge_loading loading = {.edge = calloc(1, sizeof(*loading.edge))};
    struct gw_config *base = calloc(1, sizeof(*base));

    if (loading.edge == NULL || base == NULL) {
        free(loading.edge);
        free(base);
        return -ENOMEM;
    }
    gw_arena_init(&base->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    loading.edge->base = base;
    loading.loader.config = base;
    loading.loader.diagnostics = diagnostics;
    int rc = load(&loading, path, previous, diagnostics);
    if (rc == 0 && gw_diagnostics_has_errors(diagnostics))
        rc = -EINVAL;
    if (rc != 0) {
        gw_edge_config_destroy(loading.edge);
        return rc;
    }
    *out_config = loading.edge;
    return 0;
}

void gw_edge_config_destroy(struct gw_edge_config *config)
{
    if (config == NULL)
        return;
    gw_iot_documents_release(&config->documents);
    gw_config_destroy(config->base);
    free(config);
}

void gw_edge_config_reference_print(FILE *out)
{
    fprintf(out, "# The configuration of an edge\n\n");
    gw_option_reference_print(out, "", gw_edge_config_options);
}
