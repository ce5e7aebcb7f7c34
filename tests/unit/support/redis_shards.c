#include "redis_shards.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT (2 * REDIS_SHARDS)

void redis_shards_start(struct redis_shards *shards)
{
    char command[512] = "redis-cli --cluster create";
    char lines[256];

    memset(shards, 0, sizeof(*shards));
    for (size_t i = 0; i < COUNT; i++) {
        struct redis_node bus;
        redis_node_prepare(&shards->nodes[i]);
        redis_node_prepare(&bus); /* for its port */
        shards->bus_ports[i] = bus.port;
        redis_node_finish(&bus);
        shards->addresses[i] =
            (struct gw_redis_address){GW_STR("127.0.0.1"), shards->nodes[i].port};
        snprintf(lines, sizeof(lines),
                 "cluster-enabled yes\ncluster-port %u\ncluster-node-timeout 1000\n"
                 "cluster-allow-replica-migration no\nrepl-diskless-sync-delay 0\nsave \"\"",
                 shards->bus_ports[i]);
        redis_node_start(&shards->nodes[i], lines, 0);
        size_t len = strlen(command);
        snprintf(command + len, sizeof(command) - len, " 127.0.0.1:%u", shards->nodes[i].port);
    }
    size_t len = strlen(command);
    snprintf(command + len, sizeof(command) - len,
             " --cluster-replicas 1 --cluster-yes >/dev/null");
    assert_int_equal(system(command), 0);
    for (size_t i = 0; i < COUNT; i++) {
        redis_node_await(&shards->nodes[i], "CLUSTER INFO", "cluster_state:ok");
        redis_node_await(&shards->nodes[i], "INFO replication",
                         i < REDIS_SHARDS ? "connected_slaves:1" : "master_link_status:up");
    }
}

void redis_shards_stop(struct redis_shards *shards)
{
    for (size_t i = 0; i < COUNT; i++)
        redis_node_finish(&shards->nodes[i]);
}

size_t redis_shards_owner(const struct redis_shards *shards, const char *key)
{
    char line[256], out[64];

    snprintf(line, sizeof(line), "GET %s", key);
    for (size_t i = 0; i < COUNT; i++) {
        if (shards->nodes[i].pid == 0)
            continue;
        redis_node_ask(&shards->nodes[i], line, out, sizeof(out));
        if (out[0] == '$')
            return i;
    }
    fail_msg("no node serves %s", key);
    return 0;
}

void redis_shards_id(const struct redis_shards *shards, size_t node, char out[48])
{
    char answer[128];

    redis_node_ask(&shards->nodes[node], "CLUSTER MYID", answer, sizeof(answer));
    const char *id = strchr(answer, '\n');
    assert_non_null(id);
    snprintf(out, 48, "%.40s", id + 1);
}

size_t redis_shards_replica(const struct redis_shards *shards, size_t node)
{
    char part[32], out[4096];

    snprintf(part, sizeof(part), "master_port:%u\r", shards->nodes[node].port);
    for (size_t i = 0; i < COUNT; i++) {
        if (shards->nodes[i].pid == 0)
            continue;
        redis_node_ask(&shards->nodes[i], "INFO replication", out, sizeof(out));
        if (strstr(out, part) != NULL)
            return i;
    }
    fail_msg("node %zu has no replica", node);
    return 0;
}
