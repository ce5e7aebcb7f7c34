#include "server/gateway/view.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/log.h"

static size_t count_connectors(void)
{
    size_t count = 0;

    while (gw_connectors[count] != NULL)
        count++;
    return count;
}

struct gw_view *gw_view_create(struct gw_snapshot *snapshot, struct gw_policy_set *policies,
                               void (*end)(struct gw_exchange *ex))
{
    struct gw_view *view = calloc(1, sizeof(*view));

    if (view == NULL)
        return NULL;
    view->backends = calloc(snapshot->backend_count + 1, sizeof(*view->backends));
    view->connectors =
        calloc(snapshot->backend_count * count_connectors() + 1, sizeof(*view->connectors));
    if (view->backends == NULL || view->connectors == NULL) {
        free(view->backends);
        free(view->connectors);
        free(view);
        return NULL;
    }
    view->snapshot = gw_snapshot_retain(snapshot);
    view->policies = *policies;
    *policies = (struct gw_policy_set){0};
    for (size_t i = 0; i < view->policies.count; i++) {
        view->chain.links[i] = (struct gw_chain_link){
            .type = view->policies.policies[i]->type,
            .self = view->policies.policies[i]->self,
        };
    }
    view->chain.count = view->policies.count;
    view->chain.end = end;
    return view;
}

static const struct gw_backend *find_backend(const struct gw_view *view, struct gw_str name)
{
    for (size_t i = 0; i < view->snapshot->backend_count; i++) {
        if (gw_str_equal(view->snapshot->backends[i].name, name))
            return &view->backends[i];
    }
    return NULL;
}

void gw_view_adopt(struct gw_view *view, struct gw_upstreams *upstreams)
{
    for (size_t i = 0; i < view->snapshot->backend_count; i++) {
        struct gw_error error = {0};
        if (gw_backend_init(&view->backends[i], upstreams, &view->snapshot->backends[i], &error) !=
            0)
            gw_log_error("%s", error.text);
    }
    for (size_t i = 0; i < view->snapshot->backend_count; i++)
        view->backends[i].mirror = find_backend(view, view->snapshot->backends[i].mirror.backend);
}

static int create_connector(const struct gw_view *view, size_t index, size_t number, void **out)
{
    const struct gw_connector_type *type = gw_connectors[number];
    const struct gw_backend *backend = &view->backends[index];
    const json_t *options = view->snapshot->config->backends[index].connectors[number];
    struct gw_error error = {0};

    if (type == NULL || options == NULL || backend->upstreams == NULL)
        return -ENOENT;
    int rc = type->create(options, backend, out, &error);
    if (rc != 0)
        gw_log_error("backend %.*s: %s: %s", GW_STR_ARG(backend->config->name), type->name,
                     error.text);
    return rc;
}

int gw_view_get_connector(struct gw_view *view, struct gw_str backend,
                          const struct gw_connector_type *type, void **out_instance,
                          const struct gw_backend **out_backend)
{
    const struct gw_backend *found = find_backend(view, backend);
    size_t count = count_connectors(), number = 0;

    while (gw_connectors[number] != NULL && gw_connectors[number] != type)
        number++;
    if (found == NULL || number == count)
        return -ENOENT;
    size_t index = (size_t)(found - view->backends);
    void **instance = &view->connectors[index * count + number];
    int rc = *instance != NULL ? 0 : create_connector(view, index, number, instance);
    if (rc == 0) {
        *out_instance = *instance;
        *out_backend = found;
    }
    return rc;
}

static void destroy_connectors(struct gw_view *view)
{
    size_t count = count_connectors();

    for (size_t i = 0; i < view->snapshot->backend_count * count; i++) {
        gw_connectors[i % count]->destroy(view->connectors[i]);
        view->connectors[i] = NULL;
    }
}

bool gw_view_let_go(struct gw_view *view)
{
    if (view->snapshot == NULL || view->exchange_count > view->detached_count)
        return false;
    destroy_connectors(view);
    for (size_t i = 0; i < view->snapshot->backend_count; i++)
        gw_backend_finish(&view->backends[i]);
    gw_snapshot_release(view->snapshot);
    view->snapshot = NULL;
    return true;
}

void gw_view_destroy(struct gw_view *view)
{
    if (view == NULL)
        return;
    view->detached_count = view->exchange_count; /* nobody needs it any more */
    (void)gw_view_let_go(view);
    gw_policy_set_release(&view->policies);
    free(view->backends);
    free(view->connectors);
    free(view);
}
