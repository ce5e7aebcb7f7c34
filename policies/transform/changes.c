#include "policies/transform/changes.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/transform/query.h"
#include "server/net/http_parser.h"

#define MAX_CHANGES 64

const struct gw_option changes_options[] = {
    {.name = "rename",
     .type = GW_MAP,
     .max = MAX_CHANGES,
     .value = "{}",
     .help = "Old name, and new name."},
    {.name = "remove", .type = GW_LIST, .max = MAX_CHANGES, .value = "[]", .help = "Names."},
    {.name = "set",
     .type = GW_MAP,
     .max = MAX_CHANGES,
     .value = "{}",
     .help = "Name, and the value that it has then, whatever there was: text with {places}."},
    {.name = "add",
     .type = GW_MAP,
     .max = MAX_CHANGES,
     .value = "{}",
     .help = "Name, and one more value."},
    {0},
};

/* Fields that frame a message, belong to one hop, or say who is calling: not for rules to touch. */
static bool is_own_field(struct gw_str name, enum changes_kind kind)
{
    static const struct gw_str of_both[] = {
        GW_STR_INIT("Connection"),
        GW_STR_INIT("Content-Length"),
        GW_STR_INIT("Keep-Alive"),
        GW_STR_INIT("Proxy-Connection"),
        GW_STR_INIT("TE"),
        GW_STR_INIT("Trailer"),
        GW_STR_INIT("Transfer-Encoding"),
        GW_STR_INIT("Upgrade"),
    };
    static const struct gw_str of_requests[] = {
        GW_STR_INIT("Host"),          GW_STR_INIT("Expect"),    GW_STR_INIT("Via"),
        GW_STR_INIT("Authorization"), GW_STR_INIT("Forwarded"), GW_STR_INIT("Proxy-Authorization"),
        GW_STR_INIT("traceparent"),
    };

    for (size_t i = 0; i < GW_COUNT_OF(of_both); i++) {
        if (gw_str_equal_nocase(of_both[i], name))
            return true;
    }
    for (size_t i = 0; kind == CHANGES_OF_REQUEST_FIELDS && i < GW_COUNT_OF(of_requests); i++) {
        if (gw_str_equal_nocase(of_requests[i], name))
            return true;
    }
    return false;
}

static int check_name(const struct changes *changes, const char *key, struct gw_str name,
                      struct gw_error *error)
{
    char where[32];

    snprintf(where, sizeof(where), "/%s", key);
    if (changes->kind == CHANGES_OF_QUERY)
        return name.len > 0 ? 0 : gw_error_set_at(error, -EINVAL, where, "a name is empty");
    if (!gw_http_is_token(name))
        return gw_error_set_at(error, -EINVAL, where, "\"%.*s\" is no field name",
                               GW_STR_ARG(name));
    if (is_own_field(name, changes->kind))
        return gw_error_set_at(error, -EINVAL, where, "the field %.*s is the gateway's own",
                               GW_STR_ARG(name));
    return 0;
}

static int read_names(struct changes *changes, const json_t *names, struct gw_error *error)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(names); i++) {
        struct gw_str name = gw_str_of(json_string_value(json_array_get(names, i)));
        changes->removals[changes->removal_count++] = (struct change){.name = name};
        rc = check_name(changes, "remove", name, error);
    }
    return rc;
}

static int read_renames(struct changes *changes, const json_t *map, struct gw_error *error)
{
    const char *key;
    json_t *value;
    int rc = 0;

    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        struct change change = {.name = gw_str_of(key),
                                .new_name = gw_str_of(json_string_value(value))};
        changes->renames[changes->rename_count++] = change;
        rc = check_name(changes, "rename", change.name, error);
        if (rc == 0)
            rc = check_name(changes, "rename", change.new_name, error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int read_values(struct changes *changes, const char *of, const json_t *map,
                       struct change *list, size_t *count, struct gw_error *error)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        struct change *change = &list[(*count)++];
        struct gw_error why;
        change->name = gw_str_of(key);
        int rc = check_name(changes, of, change->name, error);
        if (rc != 0)
            return rc;
        rc = template_create(gw_str_from(json_string_value(value), json_string_length(value)),
                             &change->template, &why);
        if (rc != 0) {
            char where[96];
            snprintf(where, sizeof(where), "/%s/%.64s", of, key);
            return gw_error_set_at(error, rc, where, "%s", why.text);
        }
    }
    return 0;
}

int changes_init(struct changes *changes, enum changes_kind kind, const json_t *config,
                 struct gw_error *error)
{
    const json_t *rename = json_object_get(config, "rename");
    const json_t *remove = json_object_get(config, "remove");
    const json_t *set = json_object_get(config, "set");
    const json_t *add = json_object_get(config, "add");

    *changes = (struct changes){.kind = kind};
    if (config == NULL)
        return 0;
    changes->renames = calloc(json_object_size(rename) + 1, sizeof(struct change));
    changes->removals = calloc(json_array_size(remove) + 1, sizeof(struct change));
    changes->settings = calloc(json_object_size(set) + 1, sizeof(struct change));
    changes->additions = calloc(json_object_size(add) + 1, sizeof(struct change));
    if (changes->renames == NULL || changes->removals == NULL || changes->settings == NULL ||
        changes->additions == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    int rc = read_renames(changes, rename, error);
    if (rc == 0)
        rc = read_names(changes, remove, error);
    if (rc == 0)
        rc = read_values(changes, "set", set, changes->settings, &changes->setting_count, error);
    if (rc == 0)
        rc = read_values(changes, "add", add, changes->additions, &changes->addition_count, error);
    return rc;
}

void changes_finish(struct changes *changes)
{
    for (size_t i = 0; i < changes->setting_count; i++)
        template_destroy(changes->settings[i].template);
    for (size_t i = 0; i < changes->addition_count; i++)
        template_destroy(changes->additions[i].template);
    free(changes->renames);
    free(changes->removals);
    free(changes->settings);
    free(changes->additions);
    *changes = (struct changes){0};
}

/* --- making the changes --- */

static int rename_one(const struct changes *changes, struct gw_exchange *ex,
                      const struct change *change)
{
    bool is_request = changes->kind == CHANGES_OF_REQUEST_FIELDS;
    struct gw_field *fields = is_request ? ex->request.fields : ex->response.fields;
    size_t count = is_request ? ex->request.field_count : ex->response.field_count;

    if (changes->kind == CHANGES_OF_QUERY)
        return query_rename(ex->request.query, change->name, change->new_name, &ex->arena,
                            &ex->request.query);
    struct gw_str new_name = gw_arena_copy(&ex->arena, change->new_name);
    if (new_name.ptr == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal_nocase(fields[i].name, change->name))
            fields[i].name = new_name;
    }
    return 0;
}

static int remove_one(const struct changes *changes, struct gw_exchange *ex, struct gw_str name)
{
    switch (changes->kind) {
    case CHANGES_OF_QUERY:
        return query_remove(ex->request.query, name, &ex->arena, &ex->request.query);
    case CHANGES_OF_REQUEST_FIELDS:
        gw_request_remove_field(ex, name);
        return 0;
    case CHANGES_OF_RESPONSE_FIELDS:
        gw_response_remove_field(ex, name);
        return 0;
    }
    return 0;
}

static int add_one(const struct changes *changes, struct gw_exchange *ex, struct gw_str name,
                   struct gw_str value)
{
    if (changes->kind == CHANGES_OF_QUERY)
        return query_add(ex->request.query, name, value, &ex->arena, &ex->request.query);
    struct gw_str own_name = gw_arena_copy(&ex->arena, name); /* the policy may go before */
    if (own_name.ptr == NULL)
        return -ENOMEM;
    return changes->kind == CHANGES_OF_REQUEST_FIELDS ? gw_request_add_field(ex, own_name, value)
                                                      : gw_response_add_field(ex, own_name, value);
}

static int give_value(const struct changes *changes, struct gw_exchange *ex,
                      const struct change *change, bool replaces)
{
    struct gw_str value;
    int rc = template_fill(change->template, ex, &value);

    if (rc == -ENOENT)
        return 0;
    if (rc == 0 && replaces)
        rc = remove_one(changes, ex, change->name);
    return rc == 0 ? add_one(changes, ex, change->name, value) : rc;
}

int changes_make(const struct changes *changes, struct gw_exchange *ex)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < changes->rename_count; i++)
        rc = rename_one(changes, ex, &changes->renames[i]);
    for (size_t i = 0; rc == 0 && i < changes->removal_count; i++)
        rc = remove_one(changes, ex, changes->removals[i].name);
    for (size_t i = 0; rc == 0 && i < changes->setting_count; i++)
        rc = give_value(changes, ex, &changes->settings[i], true);
    for (size_t i = 0; rc == 0 && i < changes->addition_count; i++)
        rc = give_value(changes, ex, &changes->additions[i], false);
    return rc;
}
