/* A real Redis Cluster: three primaries, each with a replica, on ports of 127.0.0.1. */
#pragma once

#include "redis_node.h"
#include "server/store/redis.h"

#define REDIS_SHARDS 3

struct redis_shards {
    struct redis_node nodes[2 * REDIS_SHARDS]; /* at first the first three are primaries */
    uint16_t bus_ports[2 * REDIS_SHARDS];
    struct gw_redis_address addresses[2 * REDIS_SHARDS];
};

/* Starts it and waits until all slots are served and every primary has its replica. */
void redis_shards_start(struct redis_shards *shards);
void redis_shards_stop(struct redis_shards *shards);

/* The index of the node that serves the key, as the others say; fails the test if nobody does. */
size_t redis_shards_owner(const struct redis_shards *shards, const char *key);
/* The index of a replica of that node. */
size_t redis_shards_replica(const struct redis_shards *shards, size_t node);
/* The node's id, 40 letters. */
void redis_shards_id(const struct redis_shards *shards, size_t node, char out[48]);
