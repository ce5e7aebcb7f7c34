/* Several commands to Redis at once, and one answer. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/gateway/iot_private.h"

#define ANSWER_NS (2 * GW_NS_PER_SECOND)

struct gw_iot_ask {
    struct gw_iot_asking *asking;
    struct gw_redis_call *call;
    size_t index;
};

static void leave(void *self)
{
    struct gw_iot_asking *asking = self;

    for (size_t i = 0; i < asking->count; i++) {
        if (asking->asks[i].call != NULL)
            gw_redis_cancel(asking->asks[i].call);
        asking->asks[i].call = NULL;
    }
}

int gw_iot_asking_init(struct gw_iot_asking *asking, struct gw_exchange *ex, size_t max_count)
{
    asking->ex = ex;
    asking->max_count = max_count;
    asking->asks = gw_arena_calloc(&ex->arena, max_count + 1, sizeof(*asking->asks));
    return asking->asks == NULL ? -ENOMEM : gw_arena_defer(&ex->arena, leave, asking);
}

static void end(struct gw_iot_asking *asking)
{
    if (asking->rc != 0)
        gw_iot_refuse_for(asking->ex, asking->rc);
    else
        asking->done(asking);
}

static void on_reply(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_iot_ask *ask = self;
    struct gw_iot_asking *asking = ask->asking;

    ask->call = NULL;
    if (rc == 0 && reply->type == GW_REPLY_ERROR)
        rc = -EPROTO;
    if (rc != 0 && asking->rc == 0)
        asking->rc = rc;
    if (asking->rc == 0 && asking->on_reply != NULL)
        asking->on_reply(asking, ask->index, reply);
    if (--asking->waiting == 0 && asking->is_sent)
        end(asking);
}

static struct gw_iot_ask *next_ask(struct gw_iot_asking *asking)
{
    if (asking->count == asking->max_count && asking->rc == 0)
        asking->rc = -ENOBUFS;
    if (asking->rc != 0)
        return NULL;
    struct gw_iot_ask *ask = &asking->asks[asking->count];
    *ask = (struct gw_iot_ask){asking, NULL, asking->count};
    asking->count++;
    return ask;
}

static void note_sent(struct gw_iot_asking *asking, struct gw_iot_ask *ask, int rc)
{
    if (rc == 0) {
        asking->waiting++;
        return;
    }
    ask->call = NULL;
    asking->rc = rc;
}

void gw_iot_ask(struct gw_iot_asking *asking, const struct gw_str *words, size_t count)
{
    const struct gw_redis_command command = {words, count, ANSWER_NS};
    struct gw_iot_ask *ask = next_ask(asking);

    if (ask != NULL)
        note_sent(asking, ask,
                  gw_redis_send(asking->ex->worker->redis, &command, on_reply, ask, &ask->call));
}

void gw_iot_ask_script(struct gw_iot_asking *asking, const struct gw_redis_eval *eval)
{
    struct gw_iot_ask *ask = next_ask(asking);

    if (ask != NULL)
        note_sent(asking, ask,
                  gw_redis_eval(asking->ex->worker->redis, eval, on_reply, ask, &ask->call));
}

void gw_iot_asked(struct gw_iot_asking *asking)
{
    asking->is_sent = true;
    if (asking->waiting == 0)
        end(asking);
}

struct gw_str gw_iot_key(struct gw_exchange *ex, const struct gw_device_config *device,
                         const char *kind, const struct gw_metric_config *metric)
{
    struct gw_str key =
        gw_arena_printf(&ex->arena, "millgate:iot:{%.*s/%.*s}:%s", GW_STR_ARG(device->group),
                        GW_STR_ARG(device->edge_node), kind);

    if (metric == NULL || key.ptr == NULL)
        return key;
    return gw_arena_printf(&ex->arena, "%.*s%.*s/%.*s", GW_STR_ARG(key), GW_STR_ARG(device->device),
                           GW_STR_ARG(metric->name));
}
