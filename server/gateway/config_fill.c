/* From the checked tree to the typed configuration, and what no table can check: addresses, and
 * keys that must fit each other. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/gateway/config_private.h"

#define MAX_WORKERS 64

struct gw_str gw_config_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

uint64_t gw_config_number(const json_t *object, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(object, key)); /* bounds were checked */
}

int gw_config_texts(struct gw_config *config, const json_t *list, const struct gw_str **out_texts,
                    size_t *out_count)
{
    struct gw_str *texts =
        gw_arena_calloc(&config->arena, json_array_size(list) + 1, sizeof(*texts));
    size_t count = 0;
    size_t index;
    json_t *item;

    if (texts == NULL)
        return -ENOMEM;
    json_array_foreach(list, index, item)
    {
        if (json_is_string(item))
            texts[count++] = gw_str_from(json_string_value(item), json_string_length(item));
    }
    *out_texts = texts;
    *out_count = count;
    return 0;
}

struct gw_str gw_config_path(struct gw_config_loader *loader, struct gw_str path)
{
    if (path.len == 0 || path.ptr[0] == '/' || strcmp(loader->folder, ".") == 0)
        return path;
    return gw_arena_printf(&loader->config->arena, "%s/%.*s", loader->folder, GW_STR_ARG(path));
}

static void fill_tls(const json_t *checked, struct gw_config_tls_server *tls)
{
    tls->is_on = json_is_object(checked);
    tls->certificate_pem = gw_config_text(checked, "certificate_file");
    tls->key_pem = gw_config_text(checked, "key_file");
}

static void fill_address(struct gw_config_loader *loader, const char *pointer, struct gw_str text,
                         struct gw_config_address *address)
{
    if (text.ptr == NULL || gw_config_address_parse(text, address) == 0)
        return;
    gw_config_fail(loader, pointer,
                   "address must be an IP literal and a port, such as 127.0.0.1:8080, [::1]:8080 "
                   "or *:8080");
}

/* --- listeners and admin ---------------------------------------------------------------------- */

static void fill_listener(struct gw_config_loader *loader, size_t index, const json_t *checked)
{
    struct gw_config_listener *listener = &loader->config->listeners[index];
    char pointer[64];

    snprintf(pointer, sizeof(pointer), "/listeners/%zu/address", index);
    fill_address(loader, pointer, gw_config_text(checked, "address"), &listener->at);
    fill_tls(json_object_get(checked, "tls"), &listener->tls);
    listener->head_timeout_ns = gw_config_number(checked, "head_timeout");
    listener->idle_timeout_ns = gw_config_number(checked, "idle_timeout");
    listener->write_timeout_ns = gw_config_number(checked, "write_timeout");
    listener->body_min_rate_bytes = gw_config_number(checked, "body_min_rate");
    listener->max_connections = (size_t)gw_config_number(checked, "max_connections");
    listener->pool_bytes = (size_t)gw_config_number(checked, "pool_bytes");
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

static void check_address_is_free(struct gw_config_loader *loader, const char *pointer,
                                  const struct gw_config_address *address, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (is_same_address(&loader->config->listeners[i].at, address))
            gw_config_fail(loader, pointer, "address %.*s is that of listeners/%zu already",
                           GW_STR_ARG(address->text), i);
}

static int fill_listeners(struct gw_config_loader *loader)
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
        fill_listener(loader, index, item);
        check_address_is_free(loader, pointer, &config->listeners[index].at, index);
    }
    return 0;
}

void gw_config_check_names(struct gw_config_loader *loader, const char *pointer,
                           const char *section, const struct gw_str *names, size_t count)
{
    const json_t *known = json_object_get(loader->config->checked, section);

    for (size_t i = 0; i < count; i++)
        if (json_object_getn(known, names[i].ptr, names[i].len) == NULL)
            gw_config_fail(loader, pointer, "\"%.*s\" is not in the section \"%s\"",
                           GW_STR_ARG(names[i]), section);
}

static int fill_admin(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    struct gw_config_admin *admin = &config->admin;
    const json_t *checked = json_object_get(config->checked, "admin");
    const json_t *token = json_object_get(checked, "token");
    struct gw_str address = gw_config_text(checked, "address");
    struct gw_str socket = gw_config_text(checked, "socket");

    admin->is_on = address.len > 0;
    if (admin->is_on)
        fill_address(loader, "/admin/address", address, &admin->at);
    check_address_is_free(loader, "/admin/address", &admin->at, config->listener_count);
    fill_tls(json_object_get(checked, "tls"), &admin->tls);
    if (admin->at.address_len != 0 && !admin->at.is_loopback && !admin->tls.is_on)
        gw_config_fail(loader, "/admin/address",
                       "an admin address that is not loopback needs admin.tls");
    admin->scope = gw_config_text(token, "scope");
    admin->socket = gw_config_path(loader, socket);
    if (socket.ptr != NULL && admin->socket.ptr == NULL)
        return -ENOMEM;

    int rc = gw_config_texts(config, json_object_get(checked, "hosts"), &admin->hosts,
                             &admin->host_count);
    if (rc == 0)
        rc = gw_config_texts(config, json_object_get(token, "issuers"), &admin->issuers,
                             &admin->issuer_count);
    if (rc == 0)
        gw_config_check_names(loader, "/admin/token/issuers", "issuers", admin->issuers,
                              admin->issuer_count);
    return rc;
}

/* --- the process ------------------------------------------------------------------------------ */

static unsigned count_cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count < 1 ? 1 : count > MAX_WORKERS ? MAX_WORKERS : (unsigned)count;
}

/* Where state lies if the file does not say: the XDG base directories for a developer. */
static struct gw_str default_state_dir(struct gw_config_loader *loader)
{
    struct gw_arena *arena = &loader->config->arena;
    const char *state_home = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    if (geteuid() == 0)
        return GW_STR("/var/lib/millgate");
    if (state_home != NULL && state_home[0] == '/')
        return gw_arena_printf(arena, "%s/millgate", state_home);
    if (home != NULL && home[0] == '/')
        return gw_arena_printf(arena, "%s/.local/state/millgate", home);
    gw_config_fail(loader, "", "state_dir must be given: neither XDG_STATE_HOME nor HOME is set");
    return GW_STR("");
}

static int fill_process(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    const json_t *checked = config->checked;
    const char *level = json_string_value(json_object_get(checked, "log_level"));
    struct gw_str state_dir = gw_config_text(checked, "state_dir");
    struct gw_str access_log = gw_config_text(checked, "access_log");

    config->workers = (unsigned)gw_config_number(checked, "workers");
    if (config->workers == 0)
        config->workers = count_cores();
    config->drain_timeout_ns = gw_config_number(checked, "drain_timeout");
    config->drain_delay_ns = gw_config_number(checked, "drain_delay");
    if (level != NULL && gw_log_level_parse(level, &config->log_level) != 0)
        gw_config_fail(loader, "/log_level", "log_level is unknown");
    config->state_dir =
        state_dir.ptr != NULL ? gw_config_path(loader, state_dir) : default_state_dir(loader);
    config->access_log = access_log;
    if (access_log.len > 0 && !gw_str_equal(access_log, GW_STR("-")))
        config->access_log = gw_config_path(loader, access_log);
    else if (access_log.len == 0)
        config->access_log = (struct gw_str){0};
    return config->state_dir.ptr != NULL ? 0 : -ENOMEM;
}

static int fill_contracts(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    const json_t *list = json_object_get(config->checked, "contracts");
    struct gw_str *paths =
        gw_arena_calloc(&config->arena, json_array_size(list) + 1, sizeof(*paths));
    size_t index;
    json_t *item;

    if (paths == NULL)
        return -ENOMEM;
    json_array_foreach(list, index, item)
    {
        struct gw_str path = gw_str_from(json_string_value(item), json_string_length(item));
        char pointer[64];

        snprintf(pointer, sizeof(pointer), "/contracts/%zu", index);
        if (json_is_string(item) && path.len == 0)
            gw_config_fail(loader, pointer, "a contract's path must not be empty");
        if (path.len == 0)
            continue;
        path = gw_config_path(loader, path);
        if (path.ptr == NULL)
            return -ENOMEM;
        if (access(path.ptr, R_OK) != 0)
            gw_config_fail(loader, pointer, "cannot read %.*s: %s", GW_STR_ARG(path),
                           strerror(errno));
        paths[config->contract_count++] = path;
    }
    config->contracts = paths;
    return 0;
}

int gw_config_fill(struct gw_config_loader *loader)
{
    int (*const parts[])(struct gw_config_loader * loader) = {
        fill_listeners,          fill_admin,           fill_process,
        fill_contracts,          gw_config_fill_floor, gw_config_fill_redis,
        gw_config_fill_backends,
    };
    int rc = 0;

    for (size_t i = 0; i < GW_COUNT_OF(parts) && rc == 0; i++)
        rc = parts[i](loader);
    return rc;
}
