#include "server/gateway/redis_setup.h"

#include <errno.h>

#include "server/core/clock.h"
#include "server/net/resolver.h"
#include "server/store/private_redis.h"

void gw_redis_setup_init(struct gw_redis_setup *setup, const struct gw_config_redis *config,
                         const struct gw_private_redis *private_redis)
{
    *setup = (struct gw_redis_setup){0};
    if (private_redis != NULL) {
        gw_private_redis_get_config(private_redis, &setup->client);
    } else {
        setup->client = (struct gw_redis_config){
            .unix_path = config->path,
            .host = config->host,
            .port = config->port,
            .nodes = config->nodes,
            .node_count = config->node_count,
            .primary_name = config->primary_name,
            .sentinel_user = config->sentinel_username,
            .sentinel_password = config->sentinel_password,
            .user = config->username,
            .password = config->password,
            .database = config->database,
        };
        setup->needs_resolver = config->kind != GW_REDIS_UNIX;
        setup->needs_tls = config->is_tls;
        setup->tls = (struct gw_tls_config){
            .ca_pem = config->ca_pem,
            .client_cert_pem = config->client_certificate_pem,
            .client_key_pem = config->client_key_pem,
        };
        setup->min_replicas = config->min_replicas;
        setup->replica_timeout_ns = config->replica_timeout_ns;
    }
    setup->client.client_name = GW_STR("millgate");
    setup->client.timeout_ns = config->command_timeout_ns;
    setup->client.connect_timeout_ns = config->connect_timeout_ns;
}

int gw_redis_access_open(struct gw_redis_access *link, struct gw_loop *loop,
                         const struct gw_redis_setup *setup, struct gw_error *error)
{
    struct gw_redis_config config = setup->client;
    int rc = 0;

    if (setup->needs_resolver)
        rc = gw_resolver_create(loop, &link->resolver);
    if (rc != 0)
        gw_error_set(error, rc, "cannot resolve names: out of memory");
    if (rc == 0 && setup->needs_tls)
        rc = gw_tls_create(&setup->tls, &link->tls, error);
    config.resolver = link->resolver;
    config.tls = link->tls;
    if (rc == 0)
        rc = gw_redis_create(loop, &config, &link->redis, error);
    if (rc != 0)
        gw_redis_access_close(link);
    return rc;
}

void gw_redis_access_close(struct gw_redis_access *link)
{
    gw_redis_destroy(link->redis);
    gw_tls_destroy(link->tls);
    gw_resolver_destroy(link->resolver);
    *link = (struct gw_redis_access){0};
}

int gw_record_access_open(struct gw_record_access *access, struct gw_loop *loop,
                          const struct gw_redis_setup *setup, struct gw_redis *redis,
                          struct gw_error *error)
{
    struct gw_record_writer_config config = {.redis = redis,
                                             .min_replicas = setup->min_replicas,
                                             .replica_ns = setup->replica_timeout_ns};
    int rc = 0;

    if (setup->min_replicas > 0) {
        struct gw_redis_setup own = *setup;
        own.client.client_name = GW_STR("millgate-records");
        /* An answer behind a WAIT is no sign of a dead connection. */
        own.client.stall_ns = 2 * setup->replica_timeout_ns + 2 * GW_NS_PER_SECOND;
        rc = gw_redis_access_open(&access->own, loop, &own, error);
        config.redis = access->own.redis;
    }
    if (rc != 0)
        return rc;
    access->writer = gw_record_writer_create(&config);
    if (access->writer != NULL)
        return 0;
    gw_record_access_close(access);
    return gw_error_set(error, -ENOMEM, "out of memory");
}

void gw_record_access_close(struct gw_record_access *access)
{
    gw_record_writer_destroy(access->writer);
    gw_redis_access_close(&access->own);
    *access = (struct gw_record_access){0};
}
