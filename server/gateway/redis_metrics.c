#include "server/gateway/redis_metrics.h"

#include <stdio.h>
#include <string.h>

#include "server/observe/metrics.h"
#include "server/store/redis.h"

static const struct gw_metric node_up = {
    "millgate_redis_node_up", "Workers whose connection to that server is up.", NULL, true};
static const struct gw_metric node_commands = {"millgate_redis_node_commands_total",
                                               "Commands sent to that server.", NULL, false};

static struct gw_redis_metrics_node *find_node(struct gw_redis_metrics *metrics,
                                               const char *address, struct gw_metrics_shard *shard)
{
    char labels[sizeof(metrics->nodes[0].address) + 16];

    for (size_t i = 0; i < metrics->count; i++) {
        if (strcmp(metrics->nodes[i].address, address) == 0)
            return &metrics->nodes[i];
    }
    if (metrics->count == GW_REDIS_METRICS_MAX || strpbrk(address, "\"\\\n") != NULL ||
        strlen(address) >= sizeof(metrics->nodes[0].address))
        return NULL;
    struct gw_redis_metrics_node *node = &metrics->nodes[metrics->count++];
    snprintf(node->address, sizeof(node->address), "%s", address);
    snprintf(labels, sizeof(labels), "node=\"%s\"", address);
    node->up = gw_metrics_labelled(shard, &node_up, labels);
    node->commands = gw_metrics_labelled(shard, &node_commands, labels);
    return node;
}

void gw_redis_metrics_publish(struct gw_redis_metrics *metrics, struct gw_redis *redis,
                              struct gw_metrics_shard *shard)
{
    for (size_t i = 0; i < metrics->count; i++)
        metrics->nodes[i].is_there = false;
    for (size_t i = 0; i < gw_redis_count_nodes(redis); i++) {
        const struct gw_redis *server = gw_redis_get_node(redis, i);
        struct gw_redis_stats stats;
        struct gw_redis_metrics_node *node =
            server != NULL ? find_node(metrics, gw_redis_get_address(server), shard) : NULL;
        if (node == NULL)
            continue;
        node->is_there = true;
        gw_redis_get_stats(server, &stats);
        gw_metrics_set(shard, node->up, gw_redis_is_up(server));
        gw_metrics_set(shard, node->commands, stats.commands);
    }
    for (size_t i = 0; i < metrics->count; i++) {
        if (!metrics->nodes[i].is_there)
            gw_metrics_set(shard, metrics->nodes[i].up, 0);
    }
}
