#include "server/upstream/backend.h"

int gw_backend_init(struct gw_backend *backend, struct gw_http_client *client,
                    const struct gw_backend_config *config, struct gw_error *error)
{
    struct gw_http_origin *origin = NULL;
    int rc = gw_http_origin_get(client, &config->origin, &origin, error);

    if (rc != 0)
        return gw_error_prefix(error, rc, "backend %.*s", GW_STR_ARG(config->name));
    *backend = (struct gw_backend){.config = config, .origin = origin};
    return 0;
}

void gw_backend_finish(struct gw_backend *backend)
{
    if (backend->origin != NULL)
        gw_http_origin_put(backend->origin);
    *backend = (struct gw_backend){0};
}
