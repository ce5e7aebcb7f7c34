#include "server/store/redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/store/cluster.h"
#include "server/store/redis_link.h"

#define BLOCK_BYTES (16 * 1024)
#define MAX_CONFIG_BYTES (64 * 1024)

static void on_turn_end(void *self)
{
    gw_redis_link_flush(self);
}

void gw_redis_flush(struct gw_redis *redis)
{
    if (redis->cluster != NULL)
        gw_cluster_flush(redis->cluster);
    else
        gw_redis_link_flush(redis);
}

static void set_defaults(struct gw_redis_config *config)
{
    config->port = config->port > 0 ? config->port : 6379;
    if (config->timeout_ns == 0)
        config->timeout_ns = 20 * GW_NS_PER_MS;
    if (config->connect_timeout_ns == 0)
        config->connect_timeout_ns = 2 * GW_NS_PER_SECOND;
    if (config->stall_ns == 0)
        config->stall_ns = GW_NS_PER_SECOND;
    if (config->max_calls == 0)
        config->max_calls = 16384;
    if (config->max_waiting_calls == 0)
        config->max_waiting_calls = 256;
    if (config->max_queued_bytes == 0)
        config->max_queued_bytes = 8 * 1024 * 1024;
    if (config->max_reply_bytes == 0)
        config->max_reply_bytes = 16 * 1024 * 1024;
}

static int copy_strings(struct gw_redis *redis)
{
    struct gw_redis_config *config = &redis->config;
    struct gw_str *strings[] = {
        &config->unix_path,    &config->host,          &config->server_name,
        &config->user,         &config->password,      &config->client_name,
        &config->primary_name, &config->sentinel_user, &config->sentinel_password,
    };
    size_t count = config->node_count > 0 ? config->node_count : 1;
    struct gw_redis_address *nodes = gw_arena_calloc(&redis->memory, count, sizeof(*nodes));

    for (size_t i = 0; i < GW_COUNT_OF(strings); i++) {
        *strings[i] = gw_arena_copy(&redis->memory, *strings[i]);
        if (strings[i]->ptr == NULL)
            return -ENOMEM;
    }
    for (size_t i = 0; nodes != NULL && i < config->node_count; i++) {
        nodes[i].port = config->nodes[i].port;
        nodes[i].host = gw_arena_copy(&redis->memory, config->nodes[i].host);
        if (nodes[i].host.ptr == NULL)
            return -ENOMEM;
    }
    config->nodes = nodes;
    return nodes != NULL ? 0 : -ENOMEM;
}

#define LABEL "redis "

void gw_redis_set_label(struct gw_redis *redis)
{
    const struct gw_redis_config *config = &redis->config;
    char *out = redis->label;
    size_t capacity = sizeof(redis->label);

    if (config->unix_path.len > 0)
        snprintf(out, capacity, LABEL "%.*s", GW_STR_ARG(config->unix_path));
    else if (config->node_count > 0 && config->primary_name.len == 0)
        snprintf(out, capacity, LABEL "cluster");
    else if (config->host.len > 0)
        snprintf(out, capacity, LABEL "%.*s:%u", GW_STR_ARG(config->host), config->port);
    else
        snprintf(out, capacity, LABEL "%.*s (by Sentinel)", GW_STR_ARG(config->primary_name));
}

int gw_redis_create(struct gw_loop *loop, const struct gw_redis_config *config,
                    struct gw_redis **out_redis, struct gw_error *error)
{
    struct gw_redis *redis = calloc(1, sizeof(*redis));
    int rc;

    if (redis == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for a Redis client");
    redis->loop = loop;
    redis->config = *config;
    set_defaults(&redis->config);
    gw_list_init(&redis->sent);
    gw_list_init(&redis->waiting);
    gw_list_init(&redis->free);
    gw_buf_init(&redis->out, redis->config.max_queued_bytes);
    gw_buf_init(&redis->waiting_bytes, redis->config.max_queued_bytes / 2);
    gw_arena_init(&redis->memory, BLOCK_BYTES,
                  MAX_CONFIG_BYTES + 2 * redis->config.max_calls * sizeof(struct gw_redis_call));

    rc = copy_strings(redis);
    if (rc == 0)
        rc = gw_check_create(loop, on_turn_end, redis, &redis->check);
    if (rc != 0) {
        gw_redis_destroy(redis);
        return gw_error_set(error, rc, "no memory for a Redis client");
    }
    gw_redis_set_label(redis);
    if (config->node_count > 0 && config->primary_name.len == 0)
        rc = gw_cluster_create(redis, &redis->cluster, error);
    else if (config->primary_name.len > 0)
        rc = gw_sentinel_create(redis, &redis->sentinel, error);
    else
        gw_redis_link_open(redis);
    if (rc != 0) {
        gw_redis_destroy(redis);
        return rc;
    }
    *out_redis = redis;
    return 0;
}

static void stop_deadlines(struct gw_list *list)
{
    for (struct gw_list *node = list->next; node != list; node = node->next)
        gw_timer_stop(&GW_LIST_ITEM(node, struct gw_redis_call, node)->deadline);
}

void gw_redis_destroy(struct gw_redis *redis)
{
    if (redis == NULL)
        return;
    gw_sentinel_destroy(redis->sentinel);
    gw_cluster_destroy(redis->cluster);
    stop_deadlines(&redis->sent);
    stop_deadlines(&redis->waiting);
    gw_timer_stop(&redis->retry);
    gw_timer_stop(&redis->connect);
    gw_timer_stop(&redis->stall);
    gw_check_destroy(redis->check);
    gw_stream_close(redis->stream);
    gw_reply_reader_finish(&redis->reader);
    gw_buf_finish(&redis->out);
    gw_buf_finish(&redis->waiting_bytes);
    gw_arena_finish(&redis->memory);
    free(redis);
}

enum gw_redis_state gw_redis_get_state(const struct gw_redis *redis)
{
    return redis->cluster != NULL ? gw_cluster_get_state(redis->cluster) : redis->state;
}

void gw_redis_get_stats(const struct gw_redis *redis, struct gw_redis_stats *out_stats)
{
    *out_stats = redis->stats;
    out_stats->pending = redis->sent_count + redis->waiting_count;
    out_stats->queued_bytes = redis->out.len + redis->waiting_bytes.len;
    if (redis->cluster != NULL)
        gw_cluster_add_stats(redis->cluster, out_stats);
}

const char *gw_redis_get_reason(const struct gw_redis *redis)
{
    if (redis->cluster != NULL)
        gw_cluster_explain(redis->cluster);
    return redis->reason;
}

size_t gw_redis_count_nodes(const struct gw_redis *redis)
{
    return redis->cluster != NULL ? GW_CLUSTER_MAX_NODES : 1;
}

struct gw_redis *gw_redis_get_node(struct gw_redis *redis, size_t index)
{
    if (redis->cluster == NULL)
        return redis;
    return redis->cluster->nodes[index].is_owner ? redis->cluster->nodes[index].client : NULL;
}

bool gw_redis_is_cluster(const struct gw_redis *redis)
{
    return redis->cluster != NULL;
}

struct gw_redis *gw_redis_get_answering(struct gw_redis *redis)
{
    return redis->cluster != NULL ? redis->cluster->answering : redis;
}

const char *gw_redis_get_label(const struct gw_redis *redis)
{
    return redis->label;
}

const char *gw_redis_get_address(const struct gw_redis *redis)
{
    return redis->label + strlen(LABEL);
}
