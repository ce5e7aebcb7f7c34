#include "server/gateway/trust.h"

#include <errno.h>
#include <stdio.h>

#include "server/crypto/x509_trust.h"
#include "server/http/tls.h"

struct making {
    struct gw_snapshot *snapshot;
    struct gw_diagnostics *diagnostics;
};

/* "/certificates/1/key" of the listener's TLS is "/listeners/0/tls/certificates/1/key_file". */
static void report(const struct making *making, const char *base,
                   const struct gw_config_tls_server *from, const struct gw_error *error)
{
    struct gw_config *config = making->snapshot->config;
    const char *where = error->where;
    char pointer[320];

    if (!from->is_listed && gw_str_has_prefix(gw_str_of(where), GW_STR("/certificates/0")))
        where += strlen("/certificates/0");
    snprintf(pointer, sizeof(pointer), "%s%s%s", base, where, where[0] == '\0' ? "" : "_file");
    const char *file = gw_config_text_as_written(config, pointer);
    gw_config_report(config, pointer, making->diagnostics, "%s%s%s", file == NULL ? "" : file,
                     file == NULL ? "" : ": ", error->text);
}

static int make_tls(const struct making *making, const char *base,
                    const struct gw_config_tls_server *from, struct gw_server_tls **out_tls)
{
    struct gw_error error = {0};

    if (!from->is_on)
        return 0;
    int rc = gw_server_tls_create(&from->settings, out_tls, &error);
    if (rc == -EINVAL)
        report(making, base, from, &error);
    return rc == -ENOMEM ? rc : 0;
}

static int make_listener(const struct making *making, size_t index)
{
    const struct gw_config_listener *from = &making->snapshot->config->listeners[index];
    struct gw_listener_trust *trust = &making->snapshot->trust[index];
    struct gw_x509_trust *client_cert_trust = NULL;
    struct gw_error error = {0};
    char pointer[96];

    trust->proxies = from->proxies;
    trust->proxy_count = from->proxy_count;
    trust->client_address = from->client_address;
    trust->takes_client_cert = from->takes_client_cert;
    snprintf(pointer, sizeof(pointer), "/listeners/%zu/tls", index);
    int rc = make_tls(making, pointer, &from->tls, &trust->tls);
    if (rc != 0 || from->client_cert_ca_pem.ptr == NULL)
        return rc;
    rc = gw_x509_trust_create(from->client_cert_ca_pem, GW_STR(""), &client_cert_trust, &error);
    trust->client_cert_trust = client_cert_trust;
    if (rc != -EINVAL)
        return rc;
    snprintf(pointer, sizeof(pointer), "/listeners/%zu/client_certificate_header_ca_file", index);
    const char *file = gw_config_text_as_written(making->snapshot->config, pointer);
    gw_config_report(making->snapshot->config, pointer, making->diagnostics, "%s: %s",
                     file == NULL ? "" : file, error.text);
    return 0;
}

int gw_trust_make(struct gw_snapshot *snapshot, struct gw_diagnostics *diagnostics)
{
    const struct gw_config *config = snapshot->config;
    const struct making making = {snapshot, diagnostics};

    if (config->is_faulty) /* members may be missing, and it will not be served */
        return 0;
    snapshot->trust =
        gw_arena_calloc(&snapshot->arena, config->listener_count + 1, sizeof(*snapshot->trust));
    if (snapshot->trust == NULL)
        return -ENOMEM;
    int rc = make_tls(&making, "/admin/tls", &config->admin.tls, &snapshot->admin_trust.tls);
    for (size_t i = 0; rc == 0 && i < config->listener_count; i++)
        rc = make_listener(&making, i);
    return rc;
}

void gw_trust_finish(struct gw_snapshot *snapshot)
{
    gw_server_tls_release(snapshot->admin_trust.tls);
    for (size_t i = 0; snapshot->trust != NULL && i < snapshot->config->listener_count; i++) {
        gw_server_tls_release(snapshot->trust[i].tls);
        gw_x509_trust_destroy(
            (struct gw_x509_trust *)(uintptr_t)snapshot->trust[i].client_cert_trust);
    }
}

static bool is_it(const struct gw_snapshot *snapshot, size_t index, struct gw_str at, bool has_tls)
{
    return index < snapshot->config->listener_count &&
           gw_str_equal(snapshot->config->listeners[index].at.text, at) &&
           (snapshot->trust[index].tls != NULL) == has_tls;
}

const struct gw_listener_trust *gw_trust_find(const struct gw_snapshot *snapshot, size_t index,
                                              struct gw_str at, bool has_tls)
{
    if (is_it(snapshot, index, at, has_tls))
        return &snapshot->trust[index];
    for (size_t i = 0; i < snapshot->config->listener_count; i++) {
        if (is_it(snapshot, i, at, has_tls))
            return &snapshot->trust[i];
    }
    return NULL;
}
