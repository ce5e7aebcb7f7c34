#include "server/gateway/admin_cache.h"

#include "server/gateway/server_state.h"
#include "server/store/purge.h"

const struct gw_option gw_admin_cache_purge_fields[] = {
    {.name = "tags", .type = GW_LIST, .max = GW_PURGE_MAX_TAGS, .value = "[]"},
    {.name = "all", .type = GW_BOOL, .value = "false"},
    {0},
};

struct purge {
    struct gw_purge_write write;
    struct gw_exchange *ex;
};

static void on_done(struct gw_purge_write *write, int rc)
{
    struct gw_exchange *ex = GW_CONTAINER_OF(write, struct purge, write)->ex;

    ex->cancel = NULL;
    if (rc == 0)
        gw_admin_answer_value(ex, 202, json_pack("{s:s}", "status", "purging"));
    else
        gw_admin_refuse(ex, "unavailable", "It is not known whether this was done: do it again.");
}

/* With the exchange, answered or not. */
static void forget(void *self)
{
    struct purge *purge = self;
    gw_purge_write_cancel(&purge->write);
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    (void)ex;
    forget(self);
}

void gw_admin_cache_purge(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    const json_t *tags = json_object_get(body, "tags");
    bool is_all = json_is_true(json_object_get(body, "all"));
    struct purge *purge = gw_arena_calloc(&ex->arena, 1, sizeof(*purge));
    uint64_t hashes[GW_PURGE_MAX_TAGS];
    size_t count = json_array_size(tags);

    if (is_all == (count > 0)) {
        gw_admin_refuse(ex, "invalid-body", "Give tags, or all.");
        return;
    }
    for (size_t i = 0; i < count; i++)
        hashes[i] = gw_purge_hash(gw_str_of(json_string_value(json_array_get(tags, i))));
    if (purge == NULL || gw_arena_defer(&ex->arena, forget, purge) != 0) {
        gw_admin_refuse(ex, "overloaded", NULL);
        return;
    }
    purge->ex = ex;
    purge->write.on_done = on_done;
    if (gw_purge_write_start(server->redis.redis, &purge->write, hashes, count) != 0) {
        gw_admin_refuse(ex, "unavailable", "Nothing was purged.");
        return;
    }
    ex->cancel = on_client_left;
    ex->cancel_self = purge;
}
