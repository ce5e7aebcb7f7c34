#include "server/filter/worker_share.h"

#include "server/core/clock.h"

#define LINGER_NS (60 * GW_NS_PER_SECOND)

static void on_worker_end(struct gw_worker_tenant *tenant)
{
    struct gw_worker_share *share = GW_CONTAINER_OF(tenant, struct gw_worker_share, tenant);

    if (share->type->leave != NULL)
        share->type->leave(share);
    gw_timer_stop(&share->linger);
    gw_list_remove(&share->tenant.node);
    share->worker = NULL;
    if (share->users == 0)
        share->type->destroy(share);
}

static void on_lingered(struct gw_timer *timer)
{
    on_worker_end(&GW_CONTAINER_OF(timer, struct gw_worker_share, linger)->tenant);
}

static struct gw_worker_share *find(const struct gw_worker_share_type *type, const void *config,
                                    struct gw_worker *worker)
{
    for (struct gw_list *node = worker->tenants.next; node != &worker->tenants; node = node->next) {
        struct gw_worker_tenant *tenant = GW_LIST_ITEM(node, struct gw_worker_tenant, node);
        struct gw_worker_share *share = GW_CONTAINER_OF(tenant, struct gw_worker_share, tenant);
        if (tenant->leave == on_worker_end && share->type == type && type->is_equal(share, config))
            return share;
    }
    return NULL;
}

struct gw_worker_share *gw_worker_share_open(const struct gw_worker_share_type *type,
                                             const void *config, struct gw_worker *worker)
{
    struct gw_worker_share *share = find(type, config, worker);

    if (share == NULL) {
        share = type->create(config, worker);
        if (share == NULL)
            return NULL;
        *share = (struct gw_worker_share){
            .tenant = {.leave = on_worker_end, .exhibit = type->exhibit},
            .type = type,
            .worker = worker,
        };
        gw_list_append(&worker->tenants, &share->tenant.node);
    }
    gw_timer_stop(&share->linger);
    share->users++;
    return share;
}

void gw_worker_share_close(struct gw_worker_share *share)
{
    if (share == NULL || --share->users > 0)
        return;
    if (share->worker == NULL)
        share->type->destroy(share);
    else
        gw_timer_start(share->worker->loop, &share->linger, LINGER_NS, on_lingered);
}
