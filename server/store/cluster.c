#include "server/store/cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"

#define PERIOD_NS (5 * GW_NS_PER_SECOND)
#define SOON_NS (200 * GW_NS_PER_MS)
#define FIRST_NS (20 * GW_NS_PER_MS)
#define LEAST_NS (50 * GW_NS_PER_MS) /* between two questions */
#define ANSWER_NS GW_NS_PER_SECOND
/* A lower epoch is believed when nothing better was heard for so long: the cluster is a new one. */
#define FORGET_NS (15 * GW_NS_PER_SECOND)
#define BLOCK_BYTES (16 * 1024)

/* --- nodes --- */

static uint8_t add_node(struct gw_cluster *cluster, struct gw_str host, uint16_t port)
{
    struct gw_redis_config config = cluster->front->config;
    struct gw_error error;
    uint8_t index = 0;

    while (index < GW_CLUSTER_MAX_NODES && cluster->nodes[index].client != NULL)
        index++;
    if (index == GW_CLUSTER_MAX_NODES) {
        gw_log_warn("redis: more than %d nodes", GW_CLUSTER_MAX_NODES);
        return GW_CLUSTER_NOBODY;
    }
    struct gw_cluster_node *node = &cluster->nodes[index];
    *node = (struct gw_cluster_node){.port = port};
    snprintf(node->host, sizeof(node->host), "%.*s", GW_STR_ARG(host));
    config.host = gw_str_of(node->host);
    config.port = port;
    config.nodes = NULL;
    config.node_count = 0;
    config.database = 0;
    if (gw_redis_create(cluster->front->loop, &config, &node->client, &error) == 0)
        return index;
    gw_log_error("%s", error.text);
    node->client = NULL;
    return GW_CLUSTER_NOBODY;
}

uint8_t gw_cluster_find_node(struct gw_cluster *cluster, const struct gw_redis_address *address,
                             uint8_t teller)
{
    struct gw_str host = address->host;

    if (host.len == 0)
        host = gw_str_of(cluster->nodes[teller].host);
    for (uint8_t i = 0; i < GW_CLUSTER_MAX_NODES; i++) {
        const struct gw_cluster_node *node = &cluster->nodes[i];
        if (node->client != NULL && node->port == address->port &&
            gw_str_equal(gw_str_of(node->host), host))
            return i;
    }
    return add_node(cluster, host, address->port);
}

static void add_seeds(struct gw_cluster *cluster)
{
    const struct gw_redis_config *config = &cluster->front->config;

    for (size_t i = 0; i < config->node_count; i++)
        gw_cluster_find_node(cluster, &config->nodes[i], 0);
}

static bool is_up(const struct gw_cluster_node *node)
{
    return node->client != NULL && gw_redis_is_up(node->client);
}

static void add(struct gw_redis_stats *sum, const struct gw_redis_stats *stats)
{
    sum->commands += stats->commands;
    sum->replies += stats->replies;
    sum->errors += stats->errors;
    sum->timeouts += stats->timeouts;
    sum->late += stats->late;
    sum->lost += stats->lost;
    sum->refused += stats->refused;
    sum->cancelled += stats->cancelled;
    sum->writes += stats->writes;
    sum->connects += stats->connects;
    sum->disconnects += stats->disconnects;
    sum->failed_connects += stats->failed_connects;
    sum->script_loads += stats->script_loads;
    sum->pending += stats->pending;
    sum->queued_bytes += stats->queued_bytes;
}

void gw_cluster_add_stats(const struct gw_cluster *cluster, struct gw_redis_stats *sum)
{
    add(sum, &cluster->retired);
    sum->redirections += cluster->redirections;
    for (size_t i = 0; i < GW_CLUSTER_MAX_NODES; i++) {
        struct gw_redis_stats stats;
        if (cluster->nodes[i].client == NULL)
            continue;
        gw_redis_get_stats(cluster->nodes[i].client, &stats);
        add(sum, &stats);
    }
}

/* Nodes without slots are given up once nothing is under way there: replicas, seeds that are called
 * otherwise in the map, those that have left. While none of the others is up, they may know more.
 */
static void retire_nodes(struct gw_cluster *cluster)
{
    bool has_owner = false;

    for (size_t i = 0; i < GW_CLUSTER_MAX_NODES; i++)
        has_owner |= cluster->nodes[i].is_owner && is_up(&cluster->nodes[i]);
    for (size_t i = 0; has_owner && i < GW_CLUSTER_MAX_NODES; i++) {
        struct gw_cluster_node *node = &cluster->nodes[i];
        struct gw_redis_stats stats;
        if (node->client == NULL || node->is_owner)
            continue;
        gw_redis_get_stats(node->client, &stats);
        if (stats.pending > 0)
            continue;
        stats.queued_bytes = 0; /* what is gone is not there now */
        add(&cluster->retired, &stats);
        gw_redis_destroy(node->client);
        node->client = NULL;
    }
}

/* --- the map --- */

static void on_timer(struct gw_timer *timer);

static void ask_later(struct gw_cluster *cluster)
{
    uint64_t delay_ns = !cluster->has_map                              ? FIRST_NS
                        : gw_cluster_get_state(cluster) == GW_REDIS_UP ? PERIOD_NS
                                                                       : SOON_NS;
    cluster->is_asking = false;
    gw_timer_start(cluster->front->loop, &cluster->timer, delay_ns, on_timer);
}

void gw_cluster_hurry(struct gw_cluster *cluster)
{
    uint64_t since_ns = gw_loop_now_ns(cluster->front->loop) - cluster->asked_ns;

    if (!cluster->is_asking)
        gw_timer_start(cluster->front->loop, &cluster->timer,
                       since_ns < LEAST_NS ? LEAST_NS - since_ns : 0, on_timer);
}

static int take_map(struct gw_cluster *cluster, const struct gw_reply *reply)
{
    uint8_t owners[GW_CLUSTER_SLOTS];

    memset(owners, GW_CLUSTER_NOBODY, sizeof(owners));
    for (size_t i = 0; i < reply->count; i++) {
        struct gw_cluster_range range;
        if (gw_cluster_read_range(reply, i, &range) != 0)
            return -EPROTO;
        uint8_t node = gw_cluster_find_node(cluster, &range.at, cluster->asked);
        memset(owners + range.first, node, (size_t)(range.last - range.first) + 1);
    }
    for (size_t i = 0; i < GW_CLUSTER_MAX_NODES; i++)
        cluster->nodes[i].is_owner = false;
    for (size_t i = 0; i < GW_CLUSTER_SLOTS; i++) {
        if (owners[i] != GW_CLUSTER_NOBODY)
            cluster->nodes[owners[i]].is_owner = true;
    }
    memcpy(cluster->owners, owners, sizeof(owners));
    cluster->has_map = true;
    cluster->epoch = cluster->told.epoch;
    cluster->accepted_ns = cluster->asked_ns;
    return 0;
}

static void on_slots(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_cluster *cluster = self;
    bool is_newer = !cluster->has_map || cluster->told.epoch >= cluster->epoch ||
                    cluster->asked_ns > cluster->accepted_ns + FORGET_NS;

    if (rc == 0 && reply->type == GW_REPLY_ARRAY && reply->count > 0 && cluster->is_told &&
        is_newer && take_map(cluster, reply) != 0)
        gw_log_warn("%s: its map of the cluster cannot be read",
                    gw_redis_get_label(cluster->nodes[cluster->asked].client));
    ask_later(cluster);
}

static void on_state(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_cluster *cluster = self;

    cluster->is_told = rc == 0 && gw_cluster_read_state(reply, &cluster->told) == 0;
    if (rc == 0 && reply->type == GW_REPLY_ERROR) /* "cluster support disabled", or an ACL */
        snprintf(cluster->front->reason, sizeof(cluster->front->reason), "%.*s",
                 GW_STR_ARG(reply->text));
}

/* The next node that is up, in turn: one that hangs or knows nothing does not hold us up for long.
 */
static bool choose_node(struct gw_cluster *cluster)
{
    for (size_t i = 1; i <= GW_CLUSTER_MAX_NODES; i++) {
        size_t index = (cluster->asked + i) % GW_CLUSTER_MAX_NODES;
        if (is_up(&cluster->nodes[index])) {
            cluster->asked = (uint8_t)index;
            return true;
        }
    }
    return false;
}

static void on_timer(struct gw_timer *timer)
{
    struct gw_cluster *cluster = GW_CONTAINER_OF(timer, struct gw_cluster, timer);
    const struct gw_str state[] = {GW_STR("CLUSTER"), GW_STR("INFO")};
    const struct gw_str slots[] = {GW_STR("CLUSTER"), GW_STR("SLOTS")};
    const struct gw_redis_command questions[] = {{state, 2, ANSWER_NS}, {slots, 2, ANSWER_NS}};

    retire_nodes(cluster);
    if (!choose_node(cluster)) {
        add_seeds(cluster);
        ask_later(cluster);
        return;
    }
    struct gw_redis *client = cluster->nodes[cluster->asked].client;
    cluster->asked_ns = gw_loop_now_ns(cluster->front->loop);
    cluster->is_asking = gw_redis_send(client, &questions[0], on_state, cluster, NULL) == 0 &&
                         gw_redis_send(client, &questions[1], on_slots, cluster, NULL) == 0;
    if (!cluster->is_asking)
        ask_later(cluster);
}

/* --- telling --- */

static size_t find_uncovered(const struct gw_cluster *cluster)
{
    const uint8_t *nobody = memchr(cluster->owners, GW_CLUSTER_NOBODY, GW_CLUSTER_SLOTS);
    return nobody != NULL ? (size_t)(nobody - cluster->owners) : GW_CLUSTER_SLOTS;
}

enum gw_redis_state gw_cluster_get_state(const struct gw_cluster *cluster)
{
    if (!cluster->has_map)
        return GW_REDIS_CONNECTING;
    for (size_t i = 0; i < GW_CLUSTER_MAX_NODES; i++) {
        if (cluster->nodes[i].is_owner && !is_up(&cluster->nodes[i]))
            return GW_REDIS_DOWN;
    }
    return find_uncovered(cluster) == GW_CLUSTER_SLOTS ? GW_REDIS_UP : GW_REDIS_DOWN;
}

void gw_cluster_explain(const struct gw_cluster *cluster)
{
    char *out = cluster->front->reason;
    size_t capacity = sizeof(cluster->front->reason);
    size_t uncovered = find_uncovered(cluster);

    for (size_t i = 0; i < GW_CLUSTER_MAX_NODES; i++) {
        const struct gw_cluster_node *node = &cluster->nodes[i];
        if (node->client == NULL || is_up(node) || (cluster->has_map && !node->is_owner))
            continue;
        const char *reason = gw_redis_get_reason(node->client);
        snprintf(out, capacity, "%s: %s", gw_redis_get_label(node->client),
                 reason[0] != '\0' ? reason : "not connected yet");
        return;
    }
    if (cluster->has_map && uncovered < GW_CLUSTER_SLOTS)
        snprintf(out, capacity, "no node keeps slot %zu", uncovered);
}

void gw_cluster_flush(struct gw_cluster *cluster)
{
    for (size_t i = 0; i < GW_CLUSTER_MAX_NODES; i++) {
        if (cluster->nodes[i].client != NULL)
            gw_redis_flush(cluster->nodes[i].client);
    }
}

/* --- life --- */

int gw_cluster_create(struct gw_redis *front, struct gw_cluster **out_cluster,
                      struct gw_error *error)
{
    struct gw_cluster *cluster = calloc(1, sizeof(*cluster));

    if (cluster == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for a Redis client");
    cluster->front = front;
    memset(cluster->owners, GW_CLUSTER_NOBODY, sizeof(cluster->owners));
    gw_list_init(&cluster->active);
    gw_list_init(&cluster->free);
    gw_arena_init(&cluster->memory, BLOCK_BYTES, 512 * front->config.max_calls);
    add_seeds(cluster);
    gw_timer_start(front->loop, &cluster->timer, FIRST_NS, on_timer);
    *out_cluster = cluster;
    return 0;
}

void gw_cluster_destroy(struct gw_cluster *cluster)
{
    if (cluster == NULL)
        return;
    gw_timer_stop(&cluster->timer);
    gw_cluster_finish_calls(cluster);
    for (size_t i = 0; i < GW_CLUSTER_MAX_NODES; i++)
        gw_redis_destroy(cluster->nodes[i].client);
    gw_arena_finish(&cluster->memory);
    free(cluster);
}
