/* The systems that the gateway calls. */
#include <errno.h>

#include "server/connector/connector.h"
#include "server/gateway/config_private.h"

#define MAX_NAME_BYTES 64
#define POINTER_BYTES 160

static bool is_token_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

bool gw_config_is_plain_name(struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_token_byte(name.ptr[i]))
            return false;
    return name.len > 0 && name.len <= MAX_NAME_BYTES;
}

/* Fields that belong to the gateway or to the connection (RFC 9110, section 7.6.1). */
static bool is_reserved_field(struct gw_str name)
{
    static const struct gw_str reserved[] = {
        GW_STR_INIT("host"),       GW_STR_INIT("content-length"),
        GW_STR_INIT("connection"), GW_STR_INIT("transfer-encoding"),
        GW_STR_INIT("te"),         GW_STR_INIT("trailer"),
        GW_STR_INIT("upgrade"),    GW_STR_INIT("keep-alive"),
        GW_STR_INIT("expect"),     GW_STR_INIT("proxy-connection"),
        GW_STR_INIT("via"),        GW_STR_INIT("forwarded"),
    };

    for (size_t i = 0; i < GW_COUNT_OF(reserved); i++)
        if (gw_str_equal_nocase(reserved[i], name))
            return true;
    return false;
}

/* RFC 9110, section 5.5, and no white space at the ends. */
bool gw_config_is_field_value(struct gw_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7F)
            return false;
    return gw_str_trim(value).len == value.len;
}

static int fill_headers(struct gw_config_loader *loader, const char *pointer, const json_t *given,
                        struct gw_config_backend *backend)
{
    struct gw_config_header *headers =
        gw_arena_calloc(&loader->config->arena, json_object_size(given) + 1, sizeof(*headers));
    char inner[POINTER_BYTES * 2];
    const char *name;
    json_t *value;

    if (headers == NULL)
        return -ENOMEM;
    json_object_foreach((json_t *)given, name, value)
    {
        struct gw_config_header *header = &headers[backend->header_count++];
        header->name = gw_str_of(name);
        header->value = gw_str_from(json_string_value(value), json_string_length(value));
        snprintf(inner, sizeof(inner), "%s/headers/%.64s", pointer, name);
        if (!gw_config_is_plain_name(header->name))
            gw_config_fail(loader, inner, "\"%.64s\" is no name of a field", name);
        else if (is_reserved_field(header->name))
            gw_config_fail(loader, inner, "the field %s is the gateway's own", name);
        if (!gw_config_is_field_value(header->value))
            gw_config_fail(loader, inner,
                           "the value of %.64s holds a control character, or white space at an end "
                           "(does its file end in several lines?)",
                           name);
    }
    backend->headers = headers;
    return 0;
}

static void fill_backend_tls(struct gw_config_loader *loader, const char *pointer,
                             const json_t *checked, struct gw_config_backend *backend)
{
    struct gw_config_tls_client *tls = &backend->tls;
    char inner[POINTER_BYTES + 8];

    if (!json_is_object(checked))
        return;
    snprintf(inner, sizeof(inner), "%s/tls", pointer);
    tls->ca_pem = gw_config_text(checked, "ca_file");
    tls->client_certificate_pem = gw_config_text(checked, "client_certificate_file");
    tls->client_key_pem = gw_config_text(checked, "client_key_file");
    tls->server_name = gw_config_text(checked, "server_name");
    bool is_used = backend->target_count == 0 || backend->targets[0].host.ptr == NULL;
    for (size_t i = 0; i < backend->target_count; i++)
        is_used |= backend->targets[i].is_tls;
    if (!is_used)
        gw_config_fail(loader, inner, "tls has no use with an http:// url");
    if ((tls->client_certificate_pem.ptr == NULL) != (tls->client_key_pem.ptr == NULL))
        gw_config_fail(loader, inner,
                       "client_certificate_file and client_key_file need each other");
}

static int fill_grants(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                       struct gw_config_backend *backend)
{
    int rc = gw_config_texts(loader->config, checked, &backend->grants, &backend->grant_count);

    for (size_t i = 0; rc == 0 && i < backend->grant_count; i++) {
        char inner[POINTER_BYTES + 32];
        snprintf(inner, sizeof(inner), "%s/grants/%zu", pointer, i);
        if (!gw_config_pattern_is_valid(backend->grants[i]))
            gw_config_fail(loader, inner, "must be /layer/name, /layer/* or *");
    }
    return rc;
}

static int fill_connectors(struct gw_config_loader *loader, const json_t *checked,
                           struct gw_config_backend *backend)
{
    size_t count = 0;

    while (gw_connectors[count] != NULL)
        count++;
    backend->connectors =
        gw_arena_calloc(&loader->config->arena, count + 1, sizeof(*backend->connectors));
    if (backend->connectors == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const json_t *options = json_object_get(checked, gw_connectors[i]->name);
        backend->connectors[i] = json_is_object(options) ? options : NULL;
    }
    return 0;
}

static int fill_backend(struct gw_config_loader *loader, const char *name, const json_t *checked,
                        struct gw_config_backend *backend)
{
    char pointer[POINTER_BYTES];

    snprintf(pointer, sizeof(pointer), "/backends/%.100s", name);
    backend->name = gw_str_of(name);
    if (!gw_config_is_plain_name(backend->name))
        gw_config_fail(loader, pointer,
                       "a backend's name has 1 to 64 letters, digits, \"-\" and \"_\"");
    int rc = gw_config_fill_targets(loader, pointer, checked, backend);
    if (rc != 0)
        return rc;
    fill_backend_tls(loader, pointer, json_object_get(checked, "tls"), backend);
    backend->connect_timeout_ns = gw_config_number(checked, "connect_timeout");
    backend->first_byte_timeout_ns = gw_config_number(checked, "first_byte_timeout");
    backend->total_timeout_ns = gw_config_number(checked, "total_timeout");
    backend->idle_timeout_ns = gw_config_number(checked, "idle_timeout");
    backend->max_connections = (unsigned)gw_config_number(checked, "max_connections");
    backend->max_waiting = (unsigned)gw_config_number(checked, "max_waiting");
    backend->send_bearer = json_is_true(json_object_get(checked, "send_bearer"));
    gw_config_fill_streams(checked, backend);
    rc = gw_config_fill_resilience(loader, pointer, checked, backend);
    if (rc == 0)
        rc = fill_grants(loader, pointer, json_object_get(checked, "grants"), backend);
    if (rc == 0)
        rc = fill_connectors(loader, checked, backend);
    if (rc == 0)
        rc = fill_headers(loader, pointer, json_object_get(checked, "headers"), backend);
    if (rc == 0)
        rc = gw_config_fill_credentials(loader, pointer, json_object_get(checked, "credentials"),
                                        backend);
    if (rc == 0)
        gw_config_check_settle(loader, pointer, backend);
    return rc;
}

int gw_config_fill_backends(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    json_t *checked = json_object_get(config->checked, "backends");
    const char *name;
    json_t *item;
    int rc = 0;

    config->backends =
        gw_arena_calloc(&config->arena, json_object_size(checked) + 1, sizeof(*config->backends));
    if (config->backends == NULL)
        return -ENOMEM;
    json_object_foreach(checked, name, item)
    {
        if (rc == 0)
            rc = fill_backend(loader, name, item, &config->backends[config->backend_count++]);
    }
    return rc;
}
