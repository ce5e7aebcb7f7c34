/* Request bodies (OpenAPI: "Request Body Object"). */
#include "loading.h"

<<<<<<< HEAD
#include "server/contract/media.h"

static bool has_range(const struct gw_media_type *types, size_t count, struct gw_str range)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal(types[i].range, range))
            return true;
    }
    return false;
}

static void read_media_type(struct contract_loading *loading, const struct gw_place *entry,
                            struct gw_operation *operation, struct gw_media_type *types)
{
    struct gw_media_type type = {.schema = GW_NO_SCHEMA};
    struct gw_place media;

    if (!contract_read_media_range(loading, entry, &type.range) ||
        gw_reference_resolver_follow(&loading->resolver, entry, &media) != 0 ||
        !contract_check_object(loading, &media, CONTRACT_MEDIA_TYPE))
        return;
    if (has_range(types, operation->media_type_count, type.range)) {
        contract_warn(loading, entry,
                      "\"%.*s\" is there already: parameters of a media type do "
                      "not tell bodies apart",
                      GW_STR_ARG(type.range));
        return;
    }
    struct gw_place schema = gw_place_member(&media, "schema");
    if (gw_media_is_json(type.range))
        type.schema = contract_add_schema(loading, &schema);
    types[operation->media_type_count++] = type;
}

=======
>>>>>>> schema
void contract_read_body(struct contract_loading *loading, const struct gw_place *place,
                        struct gw_operation *operation)
{
    struct gw_place body;

    if (!json_is_object(place->value))
        return; /* absent, or said */
    if (operation->method == GW_METHOD_GET || operation->method == GW_METHOD_HEAD) {
        gw_place_report_key(&loading->resolver, place, GW_SEVERITY_ERROR,
                            "%s has no request body (RFC 9110, section 9.3)",
                            gw_method_name(operation->method).ptr);
        return;
    }
    if (gw_reference_resolver_follow(&loading->resolver, place, &body) != 0 ||
        !contract_check_object(loading, &body, CONTRACT_REQUEST_BODY))
        return;
    operation->has_body = true;
    operation->is_body_required = contract_flag(&body, "required", false);

    struct gw_place content = gw_place_member(&body, "content");
    if (json_is_object(content.value) && json_object_size(content.value) == 0)
        contract_warn(loading, &content, "no media type: every body will be refused");
<<<<<<< HEAD
    json_t *object = (json_t *)(uintptr_t)content.value;
    json_object_foreach(object, key, value)
    {
        struct gw_place entry = gw_place_member(&content, key);
        read_media_type(loading, &entry, operation, types);
    }
    operation->media_types = types;
}

/* --- responses ----------------------------------------------------------------------------------
 */

/* "200", "4XX", "default" */
static bool is_status_key(const char *key)
{
    if (strcmp(key, "default") == 0)
        return true;
    bool is_range = key[0] != '\0' && strcmp(key + 1, "XX") == 0;
    bool is_code =
        strlen(key) == 3 && key[1] >= '0' && key[1] <= '9' && key[2] >= '0' && key[2] <= '9';
    return key[0] >= '1' && key[0] <= '5' && (is_range || is_code);
}

static void check_response(struct contract_loading *loading, const struct gw_place *entry)
{
    struct gw_place response;
    const char *key;
    json_t *value;

    if (!is_status_key(entry->key)) {
        gw_place_report_key(&loading->resolver, entry, GW_SEVERITY_ERROR,
                            "\"%.80s\" is no status: 100 to 599, \"1XX\" to \"5XX\", \"default\"",
                            entry->key);
        return;
    }
    if (gw_reference_resolver_follow(&loading->resolver, entry, &response) != 0 ||
        !contract_check_object(loading, &response, CONTRACT_RESPONSE))
        return;
    struct gw_place content = gw_place_member(&response, "content");
    json_t *object = (json_t *)(uintptr_t)content.value;
    if (!json_is_object(object))
        return;
    json_object_foreach(object, key, value)
    {
        struct gw_place media_entry = gw_place_member(&content, key);
        struct gw_str range;
        struct gw_place media;
        if (contract_read_media_range(loading, &media_entry, &range) &&
            gw_reference_resolver_follow(&loading->resolver, &media_entry, &media) == 0)
            (void)contract_check_object(loading, &media, CONTRACT_MEDIA_TYPE);
    }
}

void contract_check_responses(struct contract_loading *loading, const struct gw_place *place)
{
    const char *key;
    json_t *value;
    size_t count = 0;

    if (!json_is_object(place->value))
        return; /* absent, or said */
    json_t *object = (json_t *)(uintptr_t)place->value;
    json_object_foreach(object, key, value)
    {
        struct gw_place entry = gw_place_member(place, key);
        if (strncmp(key, "x-", 2) == 0)
            continue;
        count++;
        check_response(loading, &entry);
    }
    if (count == 0)
        contract_warn(loading, place, "an operation has at least one response");
=======
    operation->media_types =
        contract_read_media_types(loading, &content, &operation->media_type_count);
>>>>>>> schema
}
