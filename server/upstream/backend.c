#include "server/upstream/backend.h"

#include "server/filter/worker.h"

int gw_backend_init(struct gw_backend *backend, struct gw_worker *worker,
                    const struct gw_backend_config *config, struct gw_error *error)
{
    const struct gw_credentials_config *credentials_config = &config->credentials;
    bool has_credentials = credentials_config->is_fetched || credentials_config->fixed.len > 0;
    struct gw_credentials *credentials = NULL;
    struct gw_http_origin *origin = NULL;
    int rc = gw_http_origin_get(worker->http, &config->origin, &origin, error);

    if (rc != 0)
        return gw_error_prefix(error, rc, "backend %.*s", GW_STR_ARG(config->name));
    if (has_credentials)
        rc = gw_credentials_open(credentials_config, config->name, worker, &credentials, error);
    if (rc != 0) {
        gw_http_origin_put(origin);
        return gw_error_prefix(error, rc, "backend %.*s: credentials", GW_STR_ARG(config->name));
    }
    *backend = (struct gw_backend){.config = config, .origin = origin, .credentials = credentials};
    return 0;
}

void gw_backend_finish(struct gw_backend *backend)
{
    if (backend->origin != NULL)
        gw_http_origin_put(backend->origin);
    gw_credentials_close(backend->credentials);
    *backend = (struct gw_backend){0};
}
