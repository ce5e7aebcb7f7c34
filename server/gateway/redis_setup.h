/* From the configuration to a worker's Redis client. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/gateway/config.h"
#include "server/net/tls.h"
#include "server/store/record.h"
#include "server/store/redis.h"

struct gw_loop;
struct gw_private_redis;

/* How this process reaches its Redis; of the main thread, read by workers when they are created. */
struct gw_redis_setup {
    struct gw_redis_config client; /* without resolver and tls, which belong to a loop */
    bool needs_resolver, needs_tls;
    struct gw_tls_config tls;
    unsigned min_replicas; /* of records; then they have a connection of their own */
    uint64_t replica_timeout_ns;
};

/* `private_redis` is NULL when one is configured. */
void gw_redis_setup_init(struct gw_redis_setup *setup, const struct gw_config_redis *config,
                         const struct gw_private_redis *private_redis);

/* A client with what it needs on its loop. */
struct gw_redis_access {
    struct gw_redis *redis;
    struct gw_resolver *resolver;
    struct gw_tls *tls;
};

GW_MUST_CHECK
int gw_redis_access_open(struct gw_redis_access *link, struct gw_loop *loop,
                         const struct gw_redis_setup *setup, struct gw_error *error);
void gw_redis_access_close(struct gw_redis_access *link); /* safe on a zeroed one */

/* A loop's way to write records. */
struct gw_record_access {
    struct gw_record_writer *writer;
    struct gw_redis_access own; /* empty without replicas: the loop's other connection serves */
};

/* `redis` is the loop's connection for short commands; it must outlive this. */
GW_MUST_CHECK
int gw_record_access_open(struct gw_record_access *access, struct gw_loop *loop,
                          const struct gw_redis_setup *setup, struct gw_redis *redis,
                          struct gw_error *error);
void gw_record_access_close(struct gw_record_access *access); /* safe on a zeroed one */
