#include "server/gateway/view.h"

#include <stdlib.h>

#include "server/core/log.h"

struct gw_view *gw_view_create(struct gw_snapshot *snapshot, struct gw_policy_set *policies,
                               void (*end)(struct gw_exchange *ex))
{
    struct gw_view *view = calloc(1, sizeof(*view));

    if (view == NULL)
        return NULL;
    view->backends = calloc(snapshot->backend_count + 1, sizeof(*view->backends));
    if (view->backends == NULL) {
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

bool gw_view_let_go(struct gw_view *view)
{
    if (view->snapshot == NULL || view->exchange_count > view->detached_count)
        return false;
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
    free(view);
}
