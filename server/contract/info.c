/* What stands at the document's root: the version, info, servers. */
#include "loading.h"

/* "2.1.0", "v3", "1.0-rc1": the digits in front. Empty if there are none. */
static struct gw_str major_of(struct gw_str version)
{
    struct gw_str text = version;
    size_t len = 0;

    if (text.len > 0 && text.ptr[0] == 'v')
        text = gw_str_tail(text, 1);
    while (len < text.len && text.ptr[len] >= '0' && text.ptr[len] <= '9')
        len++;
    bool ends_well = len == text.len || strchr(".-+", text.ptr[len]) != NULL;
    bool is_number = len > 0 && len <= 6 && (len == 1 || text.ptr[0] != '0');
    return gw_str_from(text.ptr, ends_well && is_number ? len : 0);
}

/* The path in "https://host/path" or "/path"; an empty one is "/". */
static struct gw_str url_path(struct gw_str url)
{
    struct gw_str path = url;
    const char *authority = memmem(url.ptr, url.len, "://", 3);

    if (authority != NULL) {
        path = gw_str_tail(url, (size_t)(authority - url.ptr) + 3);
        path = gw_str_tail(path, gw_str_find(path, '/'));
    }
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

static void check_servers(struct contract_loading *loading, const struct gw_place *servers)
{
    if (!json_is_array(servers->value))
        return;
    for (size_t i = 0; i < json_array_size(servers->value); i++) {
        struct gw_place server = gw_place_item(servers, i);
        struct gw_place url = gw_place_member(&server, "url");
        if (!contract_check_object(loading, &server, CONTRACT_SERVER) ||
            !json_is_string(url.value) || loading->rules->is_standalone)
            continue;
        struct gw_str text = gw_str_of(json_string_value(url.value));
        if (memchr(text.ptr, '{', text.len) == NULL &&
            !gw_str_equal(url_path(text), loading->api->base))
            contract_warn(loading, &url, "servers are not used: this API is served at %.*s",
                          GW_STR_ARG(loading->api->base));
    }
}

static void set_base(struct contract_loading *loading, const struct gw_place *info)
{
    struct gw_api *api = loading->api;
    struct gw_str major = major_of(api->version);

    if (major.len == 0 && api->version.len > 0) {
        struct gw_place version = gw_place_member(info, "version");
        contract_error_unless_standalone(
            loading, &version,
            "the version must begin with its major number, as in \"1.0.0\": it is in the path");
    }
    api->base = gw_arena_printf(loading->arena, "%.*s/v%.*s", GW_STR_ARG(api->namespace),
                                GW_STR_ARG(major.len > 0 ? major : GW_STR("0")));
    if (api->base.ptr == NULL)
        loading->has_no_memory = true;
}

void contract_read_info(struct contract_loading *loading)
{
    struct gw_place info = gw_place_member(&loading->root, "info");
    struct gw_place servers = gw_place_member(&loading->root, "servers");
    struct gw_place components = gw_place_member(&loading->root, "components");

    if (json_is_object(info.value))
        (void)contract_check_object(loading, &info, CONTRACT_INFO);
    if (json_is_object(components.value))
        (void)contract_check_object(loading, &components, CONTRACT_COMPONENTS);
    loading->api->title = contract_text(loading, &info, "title");
    loading->api->version = contract_text(loading, &info, "version");
    set_base(loading, &info);
    check_servers(loading, &servers);
}
