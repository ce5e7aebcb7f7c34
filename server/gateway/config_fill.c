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

/* --- admin ------------------------------------------------------------------------------------ */

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
        gw_config_fill_address(loader, "/admin/address", address, &admin->at);
    gw_config_check_address(loader, "/admin/address", &admin->at, config->listener_count);
    if (admin->at.address_len != 0 && !admin->at.is_loopback &&
        !json_is_object(json_object_get(checked, "tls")))
        gw_config_fail(loader, "/admin/address",
                       "an admin address that is not loopback needs admin.tls");
    if (gw_config_fill_tls(loader, "/admin/tls", json_object_get(checked, "tls"), &admin->tls) != 0)
        return -ENOMEM;
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

static int fill_audit(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    const json_t *checked = json_object_get(config->checked, "audit");
    struct gw_str file = gw_config_text(checked, "file");

    config->audit_key = gw_config_text(checked, "key");
    config->audit_max_bytes = (size_t)gw_config_number(checked, "max_bytes");
    if (file.ptr != NULL && file.len == 0)
        return 0;
    config->audit_file = file.ptr != NULL ? gw_config_path(loader, file)
                                          : gw_arena_printf(&config->arena, "%.*s/audit.log",
                                                            GW_STR_ARG(config->state_dir));
    return config->audit_file.ptr != NULL ? 0 : -ENOMEM;
}

/* A list of files and folders. */
int gw_config_fill_paths(struct gw_config_loader *loader, const char *pointer, const json_t *list,
                         const struct gw_str **out_paths, size_t *out_count)
{
    struct gw_config *config = loader->config;
    struct gw_str *paths =
        gw_arena_calloc(&config->arena, json_array_size(list) + 1, sizeof(*paths));
    size_t index;
    json_t *item;

    if (paths == NULL)
        return -ENOMEM;
    *out_paths = paths;
    json_array_foreach(list, index, item)
    {
        struct gw_str path = gw_str_from(json_string_value(item), json_string_length(item));
        char at[128];

        snprintf(at, sizeof(at), "%.100s/%zu", pointer, index);
        if (json_is_string(item) && path.len == 0)
            gw_config_fail(loader, at, "a path must not be empty");
        if (path.len == 0)
            continue;
        path = gw_config_path(loader, path);
        if (path.ptr == NULL)
            return -ENOMEM;
        if (access(path.ptr, R_OK) != 0)
            gw_config_fail(loader, at, "cannot read %.*s: %s", GW_STR_ARG(path), strerror(errno));
        paths[(*out_count)++] = path;
    }
    return 0;
}

static int fill_contracts(struct gw_config_loader *loader)
{
    const json_t *list = json_object_get(loader->config->checked, "contracts");

    return gw_config_fill_paths(loader, "/contracts", list, &loader->config->contracts,
                                &loader->config->contract_count);
}

static int fill_flows(struct gw_config_loader *loader)
{
    const json_t *list = json_object_get(loader->config->checked, "flows");

    return gw_config_fill_paths(loader, "/flows", list, &loader->config->flows,
                                &loader->config->flow_count);
}

int gw_config_fill(struct gw_config_loader *loader)
{
    int (*const parts[])(struct gw_config_loader * loader) = {
        gw_config_fill_listeners,
        fill_admin,
        fill_process,
        fill_audit,
        fill_contracts,
        fill_flows,
        gw_config_fill_floor,
        gw_config_fill_redis,
        gw_config_fill_backends,
        gw_config_fill_landscapes,
        gw_config_fill_events,
        gw_config_fill_iot,
        gw_config_fill_edges,
    };
    int rc = 0;

    for (size_t i = 0; i < GW_COUNT_OF(parts) && rc == 0; i++)
        rc = parts[i](loader);
    return rc;
}
