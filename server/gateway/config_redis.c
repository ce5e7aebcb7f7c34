/* The section `redis`: which Redis, and how it is reached. */
#include <errno.h>
#include <stdio.h>

#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"
#include "server/store/redis.h"
#include "server/store/sentinel.h"

#define MS INT64_C(1000000)
#define SECOND (INT64_C(1000) * MS)

const struct gw_option gw_config_redis_options[] = {
    {.name = "url",
     .type = GW_STRING,
     .min = 1,
     .max = 512,
     .help = "One server: redis://host:port/database, rediss:// for TLS, or unix:/path."},
    {.name = "sentinels",
     .type = GW_LIST,
     .min = 1,
     .max = GW_SENTINEL_MAX,
     .help = "host:port of the Redis Sentinels that know where the primary is, instead of `url`."},
    {.name = "master",
     .type = GW_STRING,
     .min = 1,
     .max = 128,
     .help = "The primary's name at the Sentinels."},
    {.name = "sentinel_username",
     .type = GW_STRING,
     .min = 1,
     .max = 256,
     .help = "The ACL user at the Sentinels."},
    {.name = "sentinel_password",
     .type = GW_SECRET,
     .min = 1,
     .max = 1024,
     .help = "Its password."},
    {.name = "cluster",
     .type = GW_LIST,
     .min = 1,
     .max = 64,
     .help = "host:port of some nodes of a Redis Cluster, instead of `url`; they tell of the "
             "others."},
    {.name = "database",
     .type = GW_INT,
     .min = 0,
     .max = 65535,
     .value = "0",
     .help = "With `sentinels`; with `url` it stands there."},
    {.name = "tls",
     .type = GW_BOOL,
     .value = "false",
     .help = "TLS to all Sentinels, servers and nodes; with `url`, rediss:// says it."},
    {.name = "username", .type = GW_STRING, .min = 1, .max = 256, .help = "The ACL user."},
    {.name = "password", .type = GW_SECRET, .min = 1, .max = 1024, .help = "Its password."},
    {.name = "ca_file",
     .type = GW_FILE,
     .help = "Trusted for TLS instead of the system's authorities, PEM."},
    {.name = "client_certificate_file",
     .type = GW_FILE,
     .help = "Shown to a Redis that asks for one, PEM."},
    {.name = "client_key_file", .type = GW_FILE, .help = "Its private key, PEM."},
    {.name = "connect_timeout",
     .type = GW_DURATION,
     .min = 10 * MS,
     .max = 60 * SECOND,
     .value = "2s",
     .help = "The longest time for connection, TLS and login together."},
    {.name = "command_timeout",
     .type = GW_DURATION,
     .min = MS,
     .max = 10 * SECOND,
     .value = "20ms",
     .help = "The deadline of one command on the request path."},
    {.name = "append_only",
     .type = GW_BOOL,
     .value = "true",
     .help = "Not ready while that Redis keeps no append-only file, or acknowledges what is not on "
             "the disk (`appendfsync`; with `min_replicas` that is only told). false accepts that "
             "its restart loses keys, revocations and all other records, and that a write may be "
             "made twice."},
    {.name = "min_replicas",
     .type = GW_INT,
     .min = 0,
     .max = 16,
     .value = "0",
     .help = "Replicas that must confirm each record (WAIT) before it counts; with fewer connected "
             "the gateway is not ready."},
    {.name = "replica_timeout",
     .type = GW_DURATION,
     .min = 10 * MS,
     .max = 5 * SECOND,
     .value = "500ms",
     .help = "How long they may take."},
    {0},
};

/* --- which one --- */

static void fill_redis_url(struct gw_config_loader *loader, struct gw_str text)
{
    struct gw_config_redis *redis = &loader->config->redis;
    struct gw_config_url url;
    struct gw_error error;
    uint64_t database = 0;

    if (gw_str_has_prefix(text, GW_STR("unix:"))) {
        redis->kind = GW_REDIS_UNIX;
        redis->path = gw_config_path(loader, gw_str_tail(text, 5));
        if (redis->path.len == 0 || redis->path.len > 107) /* sun_path, with its NUL */
            gw_config_fail(loader, "/redis/url", "url must name a socket by 1 to 107 bytes");
        return;
    }
    if (gw_config_url_parse(text, &url, &error) != 0) {
        gw_config_fail(loader, "/redis/url", "url %s", error.text);
        return;
    }
    bool is_tls = gw_str_equal(url.scheme, GW_STR("rediss"));
    struct gw_str number = gw_str_tail(url.path, url.path.len > 0 ? 1 : 0);
    if (!is_tls && !gw_str_equal(url.scheme, GW_STR("redis")))
        gw_config_fail(loader, "/redis/url", "url must begin with redis://, rediss:// or unix:");
    if (number.len > 0 && (gw_str_to_u64(number, &database) != 0 || database > 65535))
        gw_config_fail(loader, "/redis/url", "url may only have a database's number as its path");
    redis->kind = is_tls ? GW_REDIS_TLS : GW_REDIS_TCP;
    redis->is_tls = is_tls;
    redis->host = url.host;
    redis->port = url.port != 0 ? url.port : 6379;
    redis->database = (unsigned)database;
}

/* A list of host:port, of sentinels or of a cluster's nodes. */
static int fill_nodes(struct gw_config_loader *loader, const char *key, const json_t *list)
{
    struct gw_config_redis *redis = &loader->config->redis;
    size_t count = json_array_size(list);
    struct gw_redis_address *nodes =
        gw_arena_calloc(&loader->config->arena, count + 1, sizeof(*nodes));

    if (nodes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        struct gw_str text = gw_str_from(json_string_value(item), json_string_length(item));
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/redis/%s/%zu", key, i);
        if (!json_is_string(item) ||
            gw_config_peer_parse(text, &nodes[i].host, &nodes[i].port) != 0)
            gw_config_fail(loader, pointer, "must be host:port");
    }
    redis->nodes = nodes;
    redis->node_count = count;
    return 0;
}

static int fill_sentinels(struct gw_config_loader *loader, const json_t *checked)
{
    struct gw_config_redis *redis = &loader->config->redis;

    redis->kind = GW_REDIS_SENTINEL;
    redis->primary_name = gw_config_text(checked, "master");
    redis->sentinel_username = gw_config_text(checked, "sentinel_username");
    redis->sentinel_password = gw_config_text(checked, "sentinel_password");
    redis->database = (unsigned)gw_config_number(checked, "database");
    if (redis->primary_name.ptr == NULL)
        gw_config_fail(loader, "/redis", "sentinels need master, the name of the primary");
    if (redis->sentinel_username.ptr != NULL && redis->sentinel_password.ptr == NULL)
        gw_config_fail(loader, "/redis/sentinel_username", "a username needs a password");
    return fill_nodes(loader, "sentinels", json_object_get(checked, "sentinels"));
}

static void check_tls(struct gw_config_loader *loader)
{
    const struct gw_config_redis *redis = &loader->config->redis;

    if (redis->ca_pem.ptr != NULL && !redis->is_tls)
        gw_config_fail(loader, "/redis/ca_file", "ca_file has no use without TLS");
    if (redis->client_certificate_pem.ptr != NULL && !redis->is_tls)
        gw_config_fail(loader, "/redis/client_certificate_file", "has no use without TLS");
    if ((redis->client_certificate_pem.ptr == NULL) != (redis->client_key_pem.ptr == NULL))
        gw_config_fail(loader, "/redis",
                       "client_certificate_file and client_key_file need each other");
}

static int fill_kind(struct gw_config_loader *loader, const json_t *checked)
{
    struct gw_config_redis *redis = &loader->config->redis;
    struct gw_str url = gw_config_text(checked, "url");
    const json_t *cluster = json_object_get(checked, "cluster");
    bool has_sentinels = json_object_get(checked, "sentinels") != NULL;

    if ((url.ptr != NULL) + has_sentinels + (cluster != NULL) != 1)
        gw_config_fail(loader, "/redis", "needs one of url, sentinels and cluster");
    if (!has_sentinels && gw_config_text(checked, "master").ptr != NULL)
        gw_config_fail(loader, "/redis/master", "master has no use without sentinels");
    redis->is_tls = json_is_true(json_object_get(checked, "tls"));
    if (url.ptr != NULL)
        fill_redis_url(loader, url);
    if (has_sentinels)
        return fill_sentinels(loader, checked);
    if (cluster == NULL)
        return 0;
    redis->kind = GW_REDIS_CLUSTER;
    if (gw_config_number(checked, "database") != 0)
        gw_config_fail(loader, "/redis/database", "a cluster has database 0 only");
    return fill_nodes(loader, "cluster", cluster);
}

int gw_config_fill_redis(struct gw_config_loader *loader)
{
    struct gw_config_redis *redis = &loader->config->redis;
    const json_t *checked = json_object_get(loader->config->checked, "redis");

    redis->connect_timeout_ns = 2 * SECOND; /* of the private one */
    redis->command_timeout_ns = 20 * MS;
    redis->must_append = true;
    if (!json_is_object(checked))
        return 0;
    int rc = fill_kind(loader, checked);
    redis->username = gw_config_text(checked, "username");
    redis->password = gw_config_text(checked, "password");
    redis->ca_pem = gw_config_text(checked, "ca_file");
    redis->client_certificate_pem = gw_config_text(checked, "client_certificate_file");
    redis->client_key_pem = gw_config_text(checked, "client_key_file");
    redis->connect_timeout_ns = gw_config_number(checked, "connect_timeout");
    redis->command_timeout_ns = gw_config_number(checked, "command_timeout");
    redis->must_append = !json_is_false(json_object_get(checked, "append_only"));
    redis->min_replicas = (unsigned)gw_config_number(checked, "min_replicas");
    redis->replica_timeout_ns = gw_config_number(checked, "replica_timeout");
    if (redis->username.ptr != NULL && redis->password.ptr == NULL)
        gw_config_fail(loader, "/redis/username", "a username needs a password");
    check_tls(loader);
    return rc;
}
