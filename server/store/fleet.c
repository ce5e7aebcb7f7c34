#include "server/store/fleet.h"

#include <stdlib.h>

#include "server/core/clock.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define BEAT_NS (2 * GW_NS_PER_SECOND)
#define FIRST_BEAT_NS (50 * GW_NS_PER_MS) /* until the first has come through */
#define SPAN_NS (10 * GW_NS_PER_SECOND)
#define MAX_ID_BYTES 64

/* Not for the append-only file: who lived before a restart is of no interest. */
static const struct gw_script beat_script = {
    "fleet", GW_STR_INIT("redis.set_repl(redis.REPL_REPLICA)\n"
                         "local time = redis.call('TIME')\n"
                         "local now = tonumber(time[1])\n"
                         "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 10)\n"
                         "redis.call('ZADD', KEYS[1], now, ARGV[1])\n"
                         "redis.call('EXPIRE', KEYS[1], 60)\n"
                         "return redis.call('ZCARD', KEYS[1])\n")};
static const struct gw_str fleet_key = GW_STR_INIT("millgate:fleet");

struct gw_fleet {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_timer timer;
    struct gw_redis_call *call;
    struct gw_redis_eval eval;
    struct gw_fleet_peak peak;
    uint64_t heard_ns; /* Redis, last: what was known then, holds while it is away */
    struct gw_str id;
    char id_text[MAX_ID_BYTES];
};

/* --- the peak --- */

void gw_fleet_peak_note(struct gw_fleet_peak *peak, unsigned count, uint64_t now_ns)
{
    uint64_t span = now_ns / SPAN_NS + 1;
    size_t place = span % GW_FLEET_SPANS;

    if (peak->span[place] != span || peak->count[place] < count)
        peak->count[place] = count;
    peak->span[place] = span;
}

unsigned gw_fleet_peak_get(const struct gw_fleet_peak *peak, uint64_t now_ns)
{
    uint64_t span = now_ns / SPAN_NS + 1;
    unsigned count = 0;

    for (size_t i = 0; i < GW_FLEET_SPANS; i++) {
        if (peak->span[i] + GW_FLEET_SPANS > span && peak->count[i] > count)
            count = peak->count[i];
    }
    return count;
}

/* --- the heart --- */

static void on_timer(struct gw_timer *timer);

static void on_answer(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_fleet *fleet = self;

    fleet->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_INTEGER || reply->integer <= 0)
        return;
    fleet->heard_ns = gw_loop_now_ns(fleet->loop);
    gw_fleet_peak_note(&fleet->peak, (unsigned)reply->integer, fleet->heard_ns);
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_fleet *fleet = GW_CONTAINER_OF(timer, struct gw_fleet, timer);

    gw_timer_start(fleet->loop, timer, fleet->heard_ns > 0 ? BEAT_NS : FIRST_BEAT_NS, on_timer);
    if (fleet->call != NULL || !gw_redis_is_up(fleet->redis))
        return;
    fleet->eval = (struct gw_redis_eval){&beat_script, &fleet_key, 1, &fleet->id, 1, BEAT_NS};
    if (gw_redis_eval(fleet->redis, &fleet->eval, on_answer, fleet, &fleet->call) != 0)
        fleet->call = NULL; /* the next one will tell */
}

struct gw_fleet *gw_fleet_create(struct gw_loop *loop, struct gw_redis *redis, struct gw_str id)
{
    struct gw_fleet *fleet = calloc(1, sizeof(*fleet));

    if (fleet == NULL)
        return NULL;
    fleet->loop = loop;
    fleet->redis = redis;
    if (id.len > MAX_ID_BYTES)
        id.len = MAX_ID_BYTES;
    memcpy(fleet->id_text, id.ptr, id.len);
    fleet->id = gw_str_from(fleet->id_text, id.len);
    gw_timer_start(loop, &fleet->timer, FIRST_BEAT_NS, on_timer);
    return fleet;
}

void gw_fleet_destroy(struct gw_fleet *fleet)
{
    if (fleet == NULL)
        return;
    if (fleet->call != NULL)
        gw_redis_cancel(fleet->call);
    gw_timer_stop(&fleet->timer);
    free(fleet);
}

unsigned gw_fleet_get_size(const struct gw_fleet *fleet)
{
    unsigned size = fleet != NULL ? gw_fleet_peak_get(&fleet->peak, fleet->heard_ns) : 0;

    return size > 0 ? size : 1;
}
