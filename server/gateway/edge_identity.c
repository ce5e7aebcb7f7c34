/* Who delivers: an edge's certificate, and whether it has been revoked meanwhile. */
#include <jansson.h>

#include "server/filter/worker.h"
#include "server/gateway/edge_accept_private.h"
#include "server/gateway/snapshot.h"
#include "server/gateway/view.h"
#include "server/store/record_set.h"

const struct gw_config_edge *edge_find(const struct gw_exchange *ex, struct gw_str id)
{
    const struct gw_config *config = ex->view->snapshot->config;

    for (size_t i = 0; i < config->edge_count; i++)
        if (gw_str_equal(config->edges[i].consumer, ex->identity.consumer))
            return gw_str_equal(config->edges[i].id, id) ? &config->edges[i] : NULL;
    return NULL;
}

bool edge_is_disabled(struct gw_exchange *ex, const struct gw_config_edge *edge)
{
    struct gw_str id = gw_arena_printf(&ex->arena, "consumer:%.*s", GW_STR_ARG(edge->consumer));
    const struct gw_record *record;

    if (ex->worker->records == NULL)
        return false;
    if (id.ptr == NULL)
        return true;
    record = gw_record_set_find(ex->worker->records, id);
    if (record == NULL)
        return false;
    json_t *value = json_loadb(gw_record_value(record).ptr, gw_record_value(record).len, 0, NULL);
    bool is_disabled = value == NULL || json_is_true(json_object_get(value, "disabled"));
    json_decref(value);
    return is_disabled;
}
