#include "server/iot/members.h"

#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/hash.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define BEAT_NS GW_NS_PER_SECOND
#define FIRST_BEAT_NS (20 * GW_NS_PER_MS) /* until the first has come through */
#define SILENCE_NS (3 * GW_NS_PER_SECOND) /* as in the script */

/* Not for the append-only file: who lived before a restart is of no interest. */
static const struct gw_script beat_script = {
    "iot.members",
    GW_STR_INIT("redis.set_repl(redis.REPL_REPLICA)\n"
                "local time = redis.call('TIME')\n"
                "local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
                "if ARGV[2] == 'leave' then\n"
                "  redis.call('ZREM', KEYS[1], ARGV[1])\n"
                "else\n"
                "  redis.call('ZADD', KEYS[1], now, ARGV[1])\n"
                "end\n"
                "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 3000)\n"
                "redis.call('EXPIRE', KEYS[1], 60)\n"
                "return redis.call('ZRANGE', KEYS[1], 0, 63)\n")};
static const struct gw_str members_key = GW_STR_INIT("millgate:iot:members");

struct gw_iot_members {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_timer timer;
    struct gw_redis_call *call;
    struct gw_redis_eval eval;
    struct gw_str args[2];
    void (*on_change)(void *self);
    void *self;
    uint64_t sent_ns;  /* the beat under way */
    uint64_t heard_ns; /* when the last that was answered was sent */
    char id[GW_IOT_MEMBER_BYTES];
    size_t id_len;
    char texts[GW_IOT_MAX_MEMBERS][GW_IOT_MEMBER_BYTES];
    struct gw_str names[GW_IOT_MAX_MEMBERS]; /* sorted */
    size_t count;
};

/* The same on every instance: no secret key. */
static const struct gw_hash_key rendezvous_key = {UINT64_C(0x6d696c6c67617465),
                                                  UINT64_C(0x72656e64657a7675)};

size_t gw_iot_rendezvous(const struct gw_str *members, size_t count, struct gw_str node)
{
    uint64_t node_hash = gw_hash(&rendezvous_key, node);
    uint64_t best = 0;
    size_t found = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        const struct gw_hash_key key = {rendezvous_key.k0 ^ node_hash, rendezvous_key.k1};
        uint64_t weight = gw_hash(&key, members[i]);
        if (found == SIZE_MAX || weight > best) {
            best = weight;
            found = i;
        }
    }
    return found;
}

static int compare_names(const void *a, const void *b)
{
    return gw_str_compare(*(const struct gw_str *)a, *(const struct gw_str *)b);
}

/* Returns whether they are others than before. */
static bool take(struct gw_iot_members *members, const struct gw_reply *reply)
{
    struct gw_str names[GW_IOT_MAX_MEMBERS] = {0};
    size_t count = 0;

    for (size_t i = 0; i < reply->count && count < GW_IOT_MAX_MEMBERS; i++)
        if (reply->items[i].text.len > 0 && reply->items[i].text.len <= GW_IOT_MEMBER_BYTES)
            names[count++] = reply->items[i].text;
    if (count > 1)
        qsort(names, count, sizeof(names[0]), compare_names);
    bool is_same = count == members->count;
    for (size_t i = 0; i < count && is_same; i++)
        is_same = gw_str_equal(names[i], members->names[i]);
    if (is_same)
        return false;
    for (size_t i = 0; i < count; i++) {
        memcpy(members->texts[i], names[i].ptr, names[i].len);
        members->names[i] = gw_str_from(members->texts[i], names[i].len);
    }
    members->count = count;
    return true;
}

static void forget(struct gw_iot_members *members)
{
    if (members->count == 0)
        return;
    members->count = 0;
    members->on_change(members->self);
}

static void on_answer(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_iot_members *members = self;

    members->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY)
        return;
    members->heard_ns = members->sent_ns;
    if (take(members, reply))
        members->on_change(members->self);
}

static void send_beat(struct gw_iot_members *members, struct gw_str word)
{
    members->args[0] = gw_str_from(members->id, members->id_len);
    members->args[1] = word;
    members->eval =
        (struct gw_redis_eval){&beat_script, &members_key, 1, members->args, 2, BEAT_NS};
    members->sent_ns = gw_loop_now_ns(members->loop);
    if (gw_redis_eval(members->redis, &members->eval, on_answer, members, &members->call) != 0)
        members->call = NULL; /* the next one will tell */
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_iot_members *members = GW_CONTAINER_OF(timer, struct gw_iot_members, timer);

    gw_timer_start(members->loop, timer, members->heard_ns > 0 ? BEAT_NS : FIRST_BEAT_NS, on_timer);
    if (gw_loop_now_ns(members->loop) - members->heard_ns > SILENCE_NS)
        forget(members);
    if (members->call == NULL && gw_redis_is_up(members->redis))
        send_beat(members, GW_STR("beat"));
}

struct gw_iot_members *gw_iot_members_create(struct gw_loop *loop, struct gw_redis *redis,
                                             struct gw_str id, void (*on_change)(void *self),
                                             void *self)
{
    struct gw_iot_members *members = calloc(1, sizeof(*members));

    if (members == NULL)
        return NULL;
    members->loop = loop;
    members->redis = redis;
    members->on_change = on_change;
    members->self = self;
    members->id_len = id.len < GW_IOT_MEMBER_BYTES ? id.len : GW_IOT_MEMBER_BYTES;
    memcpy(members->id, id.ptr, members->id_len);
    gw_timer_start(loop, &members->timer, FIRST_BEAT_NS, on_timer);
    return members;
}

void gw_iot_members_destroy(struct gw_iot_members *members)
{
    if (members == NULL)
        return;
    if (members->call != NULL)
        gw_redis_cancel(members->call);
    if (gw_redis_is_up(members->redis)) {
        send_beat(members, GW_STR("leave"));
        gw_redis_flush(members->redis);
        if (members->call != NULL)
            gw_redis_cancel(members->call);
    }
    gw_timer_stop(&members->timer);
    free(members);
}

size_t gw_iot_members_count(const struct gw_iot_members *members)
{
    return members->count;
}

bool gw_iot_members_is_mine(const struct gw_iot_members *members, struct gw_str node)
{
    size_t at = gw_iot_rendezvous(members->names, members->count, node);

    return at != SIZE_MAX &&
           gw_str_equal(members->names[at], gw_str_from(members->id, members->id_len));
}
