#include "server/gateway/effects_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"
#include "server/store/effect_index.h"

#define FIRST_NS (200 * GW_NS_PER_MS)
#define PERIOD_NS (10 * GW_NS_PER_SECOND)
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)

static const struct gw_metric in_doubt = {"millgate_effects_unsettled",
                                          "Effects whose outcome nobody knows.",
                                          "state=\"in-doubt\"", true};
static const struct gw_metric dead = {
    "millgate_effects_unsettled", "Effects whose outcome nobody knows.", "state=\"dead\"", true};

struct gw_effects_watch {
    struct gw_worker *worker;
    struct gw_timer timer;
    struct gw_effect_sweep sweep;
    int64_t in_doubt, dead; /* of the sweep under way */
};

static void on_part(struct gw_effect_sweep *sweep, const struct gw_reply *reply)
{
    struct gw_effects_watch *watch = GW_CONTAINER_OF(sweep, struct gw_effects_watch, sweep);

    if (reply->count != 2)
        return;
    watch->in_doubt += gw_reply_integer_at(reply, 0);
    watch->dead += gw_reply_integer_at(reply, 1);
}

static void on_timer(struct gw_timer *timer);

/* What could not be asked stays as it was. */
static void on_done(struct gw_effect_sweep *sweep, int rc)
{
    struct gw_effects_watch *watch = GW_CONTAINER_OF(sweep, struct gw_effects_watch, sweep);

    if (rc == 0) {
        gw_metrics_set(watch->worker->metrics, &in_doubt, (uint64_t)watch->in_doubt);
        gw_metrics_set(watch->worker->metrics, &dead, (uint64_t)watch->dead);
    }
    gw_timer_start(watch->worker->loop, &watch->timer, PERIOD_NS, on_timer);
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_effects_watch *watch = GW_CONTAINER_OF(timer, struct gw_effects_watch, timer);

    watch->in_doubt = 0;
    watch->dead = 0;
    if (gw_effect_sweep_start(&watch->sweep, watch->worker->redis) != 0)
        gw_timer_start(watch->worker->loop, &watch->timer, PERIOD_NS, on_timer);
}

int gw_effects_watch_create(struct gw_worker *worker, struct gw_effects_watch **out_watch,
                            struct gw_error *error)
{
    struct gw_effects_watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return gw_error_set(error, -ENOMEM, "no memory to watch effects");
    watch->worker = worker;
    watch->sweep.script = &gw_effect_count_script;
    watch->sweep.timeout_ns = TIMEOUT_NS;
    watch->sweep.on_part = on_part;
    watch->sweep.on_done = on_done;
    gw_timer_start(worker->loop, &watch->timer, FIRST_NS, on_timer);
    *out_watch = watch;
    return 0;
}

void gw_effects_watch_destroy(struct gw_effects_watch *watch)
{
    if (watch == NULL)
        return;
    gw_timer_stop(&watch->timer);
    gw_effect_sweep_stop(&watch->sweep);
    free(watch);
}
