/* Listeners as the configuration has them: addresses, limits, and what they show and believe. */
#include <errno.h>

#include "server/gateway/config_private.h"
#include "server/net/cidr.h"

/* --- TLS -------------------------------------------------------------------------------------- */

/* One certificate stands in certificate_file and key_file, several in a list of such. */
static int fill_pairs(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                      struct gw_config_tls_server *tls)
{
    const json_t *list = json_object_get(checked, "certificates");
    struct gw_str certificate = gw_config_text(checked, "certificate_file");
    struct gw_str key = gw_config_text(checked, "key_file");
    size_t count = json_is_array(list) ? json_array_size(list) : 1;
    struct gw_server_tls_pair *pairs =
        gw_arena_calloc(&loader->config->arena, count, sizeof(*pairs));

    if (pairs == NULL)
        return -ENOMEM;
    tls->is_listed = json_is_array(list);
    if (tls->is_listed && (certificate.ptr != NULL || key.ptr != NULL))
        gw_config_fail(loader, pointer,
                       "certificates stands instead of certificate_file and key_file");
    else if (!tls->is_listed && (certificate.ptr == NULL || key.ptr == NULL))
        gw_config_fail(loader, pointer, "tls needs certificate_file and key_file, or certificates");
    pairs[0] = (struct gw_server_tls_pair){certificate, key};
    for (size_t i = 0; tls->is_listed && i < count; i++) {
        const json_t *item = json_array_get(list, i);
        pairs[i] = (struct gw_server_tls_pair){gw_config_text(item, "certificate_file"),
                                               gw_config_text(item, "key_file")};
    }
    tls->settings.pairs = pairs;
    tls->settings.pair_count = count;
    return 0;
}

static enum gw_client_certificates read_mode(struct gw_str word)
{
    if (gw_str_equal(word, GW_STR("required")))
        return GW_CLIENT_CERTIFICATES_REQUIRED;
    return gw_str_equal(word, GW_STR("optional")) ? GW_CLIENT_CERTIFICATES_OPTIONAL
                                                  : GW_CLIENT_CERTIFICATES_NONE;
}

int gw_config_fill_tls(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                       struct gw_config_tls_server *tls)
{
    struct gw_server_tls_config *settings = &tls->settings;

    tls->is_on = json_is_object(checked);
    if (!tls->is_on)
        return 0;
    settings->min_version = gw_str_equal(gw_config_text(checked, "min_version"), GW_STR("TLSv1.3"))
                                ? GW_TLS_1_3
                                : GW_TLS_1_2;
    settings->client_certificates = read_mode(gw_config_text(checked, "client_certificates"));
    settings->client_ca_pem = gw_config_text(checked, "client_ca_file");
    settings->client_crl_pem = gw_config_text(checked, "client_crl_file");
    bool asks = settings->client_certificates != GW_CLIENT_CERTIFICATES_NONE;
    if (asks && settings->client_ca_pem.ptr == NULL)
        gw_config_fail(loader, pointer, "client_certificates needs client_ca_file");
    if (!asks && (settings->client_ca_pem.ptr != NULL || settings->client_crl_pem.ptr != NULL))
        gw_config_fail(loader, pointer,
                       "client_ca_file and client_crl_file have no use while client_certificates "
                       "is none");
    return fill_pairs(loader, pointer, checked, tls);
}

/* --- proxies ---------------------------------------------------------------------------------- */

static int fill_proxies(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                        struct gw_config_listener *listener)
{
    const json_t *list = json_object_get(checked, "trusted_proxies");
    struct gw_cidr *proxies =
        gw_arena_calloc(&loader->config->arena, json_array_size(list) + 1, sizeof(*proxies));
    size_t index;
    json_t *item;

    if (proxies == NULL)
        return -ENOMEM;
    json_array_foreach(list, index, item)
    {
        struct gw_str text = gw_str_from(json_string_value(item), json_string_length(item));
        char where[160];

        snprintf(where, sizeof(where), "%s/trusted_proxies/%zu", pointer, index);
        if (json_is_string(item) && gw_cidr_parse(text, &proxies[listener->proxy_count]) == 0)
            listener->proxy_count++;
        else if (json_is_string(item))
            gw_config_fail(loader, where,
                           "must be an IP address or a network, such as 10.0.0.0/8, with no bits "
                           "set behind the prefix");
    }
    listener->proxies = proxies;
    struct gw_str where_from = gw_config_text(checked, "client_address");
    listener->client_address =
        gw_str_equal(where_from, GW_STR("forwarded"))         ? GW_CLIENT_ADDRESS_FORWARDED
        : gw_str_equal(where_from, GW_STR("x-forwarded-for")) ? GW_CLIENT_ADDRESS_X_FORWARDED_FOR
                                                              : GW_CLIENT_ADDRESS_PEER;
    if (listener->client_address != GW_CLIENT_ADDRESS_PEER && json_array_size(list) == 0)
        gw_config_fail(loader, pointer, "client_address needs trusted_proxies");
    listener->takes_client_cert =
        json_is_true(json_object_get(checked, "client_certificate_header"));
    listener->needs_proxy_header =
        gw_str_equal(gw_config_text(checked, "proxy_protocol"), GW_STR("v1_v2"));
    listener->client_cert_ca_pem = gw_config_text(checked, "client_certificate_header_ca_file");
    if (listener->needs_proxy_header && json_array_size(list) == 0)
        gw_config_fail(loader, pointer, "proxy_protocol needs trusted_proxies");
    if (listener->takes_client_cert && json_array_size(list) == 0)
        gw_config_fail(loader, pointer, "client_certificate_header needs trusted_proxies");
    if (!listener->takes_client_cert && listener->client_cert_ca_pem.ptr != NULL)
        gw_config_fail(loader, pointer,
                       "client_certificate_header_ca_file has no use without "
                       "client_certificate_header");
    return 0;
}

/* --- listeners -------------------------------------------------------------------------------- */

void gw_config_fill_address(struct gw_config_loader *loader, const char *pointer,
                            struct gw_str text, struct gw_config_address *address)
{
    if (text.ptr == NULL || gw_config_address_parse(text, address) == 0)
        return;
    gw_config_fail(loader, pointer,
                   "address must be an IP literal and a port, such as 127.0.0.1:8080, [::1]:8080 "
                   "or *:8080");
}

static int fill_listener(struct gw_config_loader *loader, size_t index, const json_t *checked)
{
    struct gw_config_listener *listener = &loader->config->listeners[index];
    char pointer[64];

    snprintf(pointer, sizeof(pointer), "/listeners/%zu/address", index);
    gw_config_fill_address(loader, pointer, gw_config_text(checked, "address"), &listener->at);
    listener->head_timeout_ns = gw_config_number(checked, "head_timeout");
    listener->idle_timeout_ns = gw_config_number(checked, "idle_timeout");
    listener->write_timeout_ns = gw_config_number(checked, "write_timeout");
    listener->body_min_rate_bytes = gw_config_number(checked, "body_min_rate");
    listener->max_connections = (size_t)gw_config_number(checked, "max_connections");
    listener->pool_bytes = (size_t)gw_config_number(checked, "pool_bytes");

    snprintf(pointer, sizeof(pointer), "/listeners/%zu/tls", index);
    int rc = gw_config_fill_tls(loader, pointer, json_object_get(checked, "tls"), &listener->tls);
    snprintf(pointer, sizeof(pointer), "/listeners/%zu", index);
    return rc != 0 ? rc : fill_proxies(loader, pointer, checked, listener);
}

static uint16_t port_of(const struct gw_config_address *address)
{
    /* Of both families the port stands at the same place. */
    uint16_t port;

    memcpy(&port, (const char *)&address->address + sizeof(sa_family_t), sizeof(port));
    return port;
}

/* SO_REUSEPORT would let two listeners of one address share its connections at random. */
static bool is_same_address(const struct gw_config_address *a, const struct gw_config_address *b)
{
    return a->address_len != 0 && a->address_len == b->address_len && port_of(a) != 0 &&
           memcmp(&a->address, &b->address, a->address_len) == 0;
}

void gw_config_check_address(struct gw_config_loader *loader, const char *pointer,
                             const struct gw_config_address *address, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (is_same_address(&loader->config->listeners[i].at, address))
            gw_config_fail(loader, pointer, "address %.*s is that of listeners/%zu already",
                           GW_STR_ARG(address->text), i);
}

int gw_config_fill_listeners(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    const json_t *list = json_object_get(config->checked, "listeners");
    size_t index;
    json_t *item;

    config->listeners =
        gw_arena_calloc(&config->arena, json_array_size(list) + 1, sizeof(*config->listeners));
    if (config->listeners == NULL)
        return -ENOMEM;
    config->listener_count = json_array_size(list);
    json_array_foreach(list, index, item)
    {
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/listeners/%zu/address", index);
        int rc = fill_listener(loader, index, item);
        if (rc != 0)
            return rc;
        gw_config_check_address(loader, pointer, &config->listeners[index].at, index);
    }
    return 0;
}
