#include "server/store/sentinel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/store/redis_link.h"

#define PERIOD_NS GW_NS_PER_SECOND
#define SOON_NS (200 * GW_NS_PER_MS)
#define ANSWER_NS (500 * GW_NS_PER_MS)

struct peer {
    struct gw_sentinel *sentinel;
    struct gw_redis *client;
    uint64_t epoch;
    bool has_epoch;
};

struct gw_sentinel {
    struct gw_redis *redis;
    struct peer peers[GW_SENTINEL_MAX];
    size_t peer_count;
    struct gw_timer timer;
    unsigned pending; /* questions of this round; 0: it is over */
    bool is_unknown;  /* one of them does not know the name */

    /* --- the best answer of this round --- */
    bool is_found;
    uint64_t epoch;
    char host[GW_REDIS_HOST_BYTES];
    uint16_t port;
};

/* --- reading answers --- */

int gw_sentinel_read_epoch(const struct gw_reply *reply, uint64_t *out_epoch)
{
    if (reply->type != GW_REPLY_ARRAY)
        return -EPROTO;
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        if (gw_str_equal(reply->items[i].text, GW_STR("config-epoch")))
            return gw_str_to_u64(reply->items[i + 1].text, out_epoch) == 0 ? 0 : -EPROTO;
    }
    return -EPROTO;
}

int gw_sentinel_read_address(const struct gw_reply *reply, struct gw_str *out_host,
                             uint16_t *out_port)
{
    uint64_t port;

    if (reply->type != GW_REPLY_ARRAY || reply->count != 2 ||
        reply->items[0].type != GW_REPLY_STRING || reply->items[1].type != GW_REPLY_STRING)
        return -EPROTO;
    struct gw_str host = reply->items[0].text;
    if (host.len == 0 || host.len >= GW_REDIS_HOST_BYTES ||
        gw_str_to_u64(reply->items[1].text, &port) != 0 || port == 0 || port > UINT16_MAX)
        return -EPROTO;
    *out_host = host;
    *out_port = (uint16_t)port;
    return 0;
}

/* --- a round --- */

static void begin_round(struct gw_timer *timer);

static void end_round(struct gw_sentinel *sentinel)
{
    struct gw_redis *redis = sentinel->redis;

    if (sentinel->is_found)
        gw_redis_link_move(redis, gw_str_of(sentinel->host), sentinel->port);
    else if (redis->config.host.len == 0)
        snprintf(redis->reason, sizeof(redis->reason), "%s",
                 sentinel->is_unknown ? "no Sentinel knows a primary of that name"
                                      : "no Sentinel answers");
    gw_timer_start(redis->loop, &sentinel->timer, gw_redis_is_up(redis) ? PERIOD_NS : SOON_NS,
                   begin_round);
}

static void is_answered(struct gw_sentinel *sentinel)
{
    if (--sentinel->pending == 0)
        end_round(sentinel);
}

static void on_master(void *self, int rc, const struct gw_reply *reply)
{
    struct peer *peer = self;

    peer->has_epoch = rc == 0 && gw_sentinel_read_epoch(reply, &peer->epoch) == 0;
    is_answered(peer->sentinel);
}

static void on_address(void *self, int rc, const struct gw_reply *reply)
{
    struct peer *peer = self;
    struct gw_sentinel *sentinel = peer->sentinel;
    struct gw_str host;
    uint16_t port;

    sentinel->is_unknown |= rc == 0 && reply->type == GW_REPLY_NIL;
    if (rc == 0 && peer->has_epoch && (!sentinel->is_found || peer->epoch > sentinel->epoch) &&
        gw_sentinel_read_address(reply, &host, &port) == 0) {
        sentinel->is_found = true;
        sentinel->epoch = peer->epoch;
        sentinel->port = port;
        snprintf(sentinel->host, sizeof(sentinel->host), "%.*s", GW_STR_ARG(host));
    }
    is_answered(sentinel);
}

/* MASTER tells the epoch, and for a while during a fail-over the old address; the other one knows
 * better. */
static void ask(struct peer *peer)
{
    struct gw_sentinel *sentinel = peer->sentinel;
    struct gw_str name = sentinel->redis->config.primary_name;
    const struct gw_str master[] = {GW_STR("SENTINEL"), GW_STR("MASTER"), name};
    const struct gw_str address[] = {GW_STR("SENTINEL"), GW_STR("GET-MASTER-ADDR-BY-NAME"), name};
    const struct gw_redis_command questions[] = {{.args = master, 3, .timeout_ns = ANSWER_NS},
                                                 {.args = address, 3, .timeout_ns = ANSWER_NS}};

    peer->has_epoch = false;
    if (!gw_redis_is_up(peer->client))
        return;
    sentinel->pending += gw_redis_send(peer->client, &questions[0], on_master, peer, NULL) == 0;
    sentinel->pending += gw_redis_send(peer->client, &questions[1], on_address, peer, NULL) == 0;
}

static void begin_round(struct gw_timer *timer)
{
    struct gw_sentinel *sentinel = GW_CONTAINER_OF(timer, struct gw_sentinel, timer);

    sentinel->is_found = sentinel->is_unknown = false;
    for (size_t i = 0; i < sentinel->peer_count; i++)
        ask(&sentinel->peers[i]);
    if (sentinel->pending == 0)
        end_round(sentinel);
}

void gw_sentinel_hurry(struct gw_sentinel *sentinel)
{
    if (sentinel->pending == 0)
        gw_timer_start(sentinel->redis->loop, &sentinel->timer, SOON_NS / 4, begin_round);
}

/* --- life --- */

int gw_sentinel_create(struct gw_redis *redis, struct gw_sentinel **out_sentinel,
                       struct gw_error *error)
{
    const struct gw_redis_config *config = &redis->config;
    struct gw_sentinel *sentinel = calloc(1, sizeof(*sentinel));
    int rc = 0;

    if (sentinel == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for a Redis client");
    sentinel->redis = redis;
    for (size_t i = 0; rc == 0 && i < config->node_count && i < GW_SENTINEL_MAX; i++) {
        struct gw_redis_config own = {
            .host = config->nodes[i].host,
            .port = config->nodes[i].port,
            .resolver = config->resolver,
            .tls = config->tls,
            .user = config->sentinel_user,
            .password = config->sentinel_password,
            .client_name = config->client_name,
            .connect_timeout_ns = config->connect_timeout_ns,
            .max_calls = 32,
        };
        struct peer *peer = &sentinel->peers[i];
        peer->sentinel = sentinel;
        rc = gw_redis_create(redis->loop, &own, &peer->client, error);
        sentinel->peer_count += rc == 0;
    }
    if (rc != 0) {
        gw_sentinel_destroy(sentinel);
        return rc;
    }
    gw_timer_start(redis->loop, &sentinel->timer, SOON_NS / 10, begin_round);
    *out_sentinel = sentinel;
    return 0;
}

void gw_sentinel_destroy(struct gw_sentinel *sentinel)
{
    if (sentinel == NULL)
        return;
    gw_timer_stop(&sentinel->timer);
    for (size_t i = 0; i < sentinel->peer_count; i++)
        gw_redis_destroy(sentinel->peers[i].client);
    free(sentinel);
}
