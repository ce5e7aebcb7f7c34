#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/net/http_client_parts.h"
#include "server/net/resolver.h"
#include "server/net/tls.h"

#define DEFAULT_CONNECTIONS 1024
#define DEFAULT_WAITING 1024
#define DEFAULT_UPGRADED 256
#define DEFAULT_IDLE_NS (30 * GW_NS_PER_SECOND)
#define DEFAULT_CONNECT_NS (5 * GW_NS_PER_SECOND)

static struct gw_http_origin_config with_defaults(const struct gw_http_origin_config *config)
{
    struct gw_http_origin_config full = *config;

    if (full.max_connections == 0)
        full.max_connections = DEFAULT_CONNECTIONS;
    if (full.max_waiting == 0)
        full.max_waiting = DEFAULT_WAITING;
    if (full.max_upgraded == 0)
        full.max_upgraded = DEFAULT_UPGRADED;
    if (full.idle_ns == 0)
        full.idle_ns = DEFAULT_IDLE_NS;
    if (full.connect_ns == 0)
        full.connect_ns = DEFAULT_CONNECT_NS;
    return full;
}

static bool is_same(const struct gw_http_origin_config *a, const struct gw_http_origin_config *b)
{
    return gw_str_equal(a->unix_path, b->unix_path) && gw_str_equal(a->host, b->host) &&
           a->port == b->port && a->is_tls == b->is_tls && gw_str_equal(a->ca_pem, b->ca_pem) &&
           gw_str_equal(a->client_cert_pem, b->client_cert_pem) &&
           gw_str_equal(a->client_key_pem, b->client_key_pem) &&
           gw_str_equal(a->server_name, b->server_name) &&
           a->max_connections == b->max_connections && a->max_waiting == b->max_waiting &&
           a->max_upgraded == b->max_upgraded && a->idle_ns == b->idle_ns &&
           a->connect_ns == b->connect_ns;
}

/* In place: on return the string is owned, or empty without memory. */
static bool own(struct gw_str *text)
{
    char *copy = NULL;

    if (text->len > 0 && (copy = malloc(text->len)) != NULL)
        memcpy(copy, text->ptr, text->len);
    bool is_done = text->len == 0 || copy != NULL;
    *text = gw_str_from(copy, copy != NULL ? text->len : 0);
    return is_done;
}

static bool own_strings(struct gw_http_origin_config *config)
{
    bool is_done = own(&config->host);

    is_done &= own(&config->unix_path);
    is_done &= own(&config->ca_pem);
    is_done &= own(&config->client_cert_pem);
    is_done &= own(&config->client_key_pem);
    is_done &= own(&config->server_name);
    return is_done;
}

static void free_origin(struct gw_http_origin *origin)
{
    struct gw_http_origin_config *config = &origin->config;

    gw_timer_stop(&origin->idle_timer);
    gw_list_remove(&origin->node);
    gw_tls_destroy(origin->tls);
    free((char *)(uintptr_t)config->host.ptr);
    free((char *)(uintptr_t)config->unix_path.ptr);
    free((char *)(uintptr_t)config->ca_pem.ptr);
    free((char *)(uintptr_t)config->client_cert_pem.ptr);
    free((char *)(uintptr_t)config->client_key_pem.ptr);
    free((char *)(uintptr_t)config->server_name.ptr);
    free((char *)(uintptr_t)origin->authority.ptr);
    free(origin);
}

void http_origin_reap(struct gw_http_origin *origin)
{
    if (origin->references == 0 && origin->call_count == 0 && origin->connection_count == 0)
        free_origin(origin);
}

/* RFC 9110 section 4.2: brackets around an IPv6 address, no port if it is the scheme's own. */
static int set_authority(struct gw_http_origin *origin)
{
    const struct gw_http_origin_config *config = &origin->config;
    bool is_v6 = gw_str_find(config->host, ':') < config->host.len;
    char *text = NULL;
    int len = config->port == (config->is_tls ? 443 : 80)
                  ? asprintf(&text, is_v6 ? "[%.*s]" : "%.*s", GW_STR_ARG(config->host))
                  : asprintf(&text, is_v6 ? "[%.*s]:%u" : "%.*s:%u", GW_STR_ARG(config->host),
                             config->port);

    if (len < 0)
        return -ENOMEM;
    origin->authority = gw_str_from(text, (size_t)len);
    return 0;
}

static int set_up_tls(struct gw_http_origin *origin, struct gw_error *error)
{
    const struct gw_http_origin_config *config = &origin->config;
    const struct gw_tls_config tls = {.ca_pem = config->ca_pem,
                                      .client_cert_pem = config->client_cert_pem,
                                      .client_key_pem = config->client_key_pem};

    return config->is_tls ? gw_tls_create(&tls, &origin->tls, error) : 0;
}

static bool is_name(struct gw_str name)
{
    for (size_t at = 0; at < name.len; at++) {
        char byte = name.ptr[at];

        if (byte <= ' ' || byte == 0x7f || strchr("/?#@[]\\\",", byte) != NULL)
            return false;
    }
    return name.len <= GW_RESOLVER_MAX_NAME_BYTES;
}

static int check(const struct gw_http_origin_config *config, struct gw_error *error)
{
    if (config->host.len == 0 || !is_name(config->host))
        return gw_error_set(error, -EINVAL, "not a host name or address");
    if (!is_name(config->server_name))
        return gw_error_set(error, -EINVAL, "not a server name");
    if (config->port == 0)
        return gw_error_set(error, -EINVAL, "the port is not between 1 and 65535");
    return 0;
}

int gw_http_origin_get(struct gw_http_client *client, const struct gw_http_origin_config *config,
                       struct gw_http_origin **out_origin, struct gw_error *error)
{
    struct gw_http_origin_config full = with_defaults(config);

    for (struct gw_list *node = client->origins.next; node != &client->origins; node = node->next) {
        struct gw_http_origin *known = GW_LIST_ITEM(node, struct gw_http_origin, node);

        if (is_same(&known->config, &full)) {
            known->references++;
            *out_origin = known;
            return 0;
        }
    }
    int status = check(&full, error);
    if (status != 0)
        return status;
    struct gw_http_origin *origin = calloc(1, sizeof(*origin));
    if (origin == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for an origin");
    origin->client = client;
    origin->config = full;
    gw_list_init(&origin->idle);
    gw_list_init(&origin->busy);
    gw_list_init(&origin->waiting);
    if (!own_strings(&origin->config) || set_authority(origin) != 0)
        status = gw_error_set(error, -ENOMEM, "no memory for an origin");
    else
        status = set_up_tls(origin, error);
    if (status != 0) {
        free_origin(origin);
        return status;
    }
    origin->references = 1;
    gw_list_append(&client->origins, &origin->node);
    *out_origin = origin;
    return 0;
}

void gw_http_origin_put(struct gw_http_origin *origin)
{
    if (origin == NULL || --origin->references > 0)
        return;
    origin->call_count++; /* keeps it while its connections go */
    http_pool_close_idle(origin);
    origin->call_count--;
    http_origin_reap(origin);
}

void gw_http_origin_get_stats(const struct gw_http_origin *origin,
                              struct gw_http_origin_stats *out_stats)
{
    *out_stats = origin->stats;
    out_stats->connections = origin->connection_count;
    out_stats->idle = origin->idle_count;
    out_stats->waiting = origin->waiting_count;
}
