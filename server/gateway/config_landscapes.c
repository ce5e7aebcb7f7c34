/* The section `landscapes`. */
#include <errno.h>
#include <stdio.h>

#include "server/core/clock.h"
#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"
#include "server/gateway/landscape.h"

#define MS ((int64_t)GW_NS_PER_MS)
#define MINUTE (60 * (int64_t)GW_NS_PER_SECOND)

static const struct gw_option system_options[] = {
    {.name = "backend",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "Where calls of its flows go that name no backend."},
    {.name = "flows",
     .type = GW_STRING,
     .min = 1,
     .max = 32,
     .flags = GW_OPTION_REQUIRED,
     .help = "What tells its flows: of an operation with `flow: erp/list` it runs "
             "`erp-<flows>/list`, or `erp/list` where there is none."},
    {0},
};

const struct gw_option gw_config_landscape_options[] = {
    {.name = "key",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .value = "plant",
     .help = "The parameter of the path or the query, or else the member of the body, that says "
             "whose record is meant."},
    {.name = "all",
     .type = GW_STRING,
     .min = 1,
     .max = GW_MAX_LANDSCAPE_KEY_BYTES,
     .value = "-",
     .help = "The key that asks all systems, of lists; no key at all does the same."},
    {.name = "part_timeout",
     .type = GW_DURATION,
     .min = MS,
     .max = MINUTE,
     .value = "10s",
     .help = "How long one system may take where all are asked; never longer than the caller "
             "waits."},
    {.name = "shadow_ignore",
     .type = GW_LIST,
     .max = 100,
     .value = "[record]",
     .help = "Members that may differ where shadow reads are compared, wherever they stand."},
    {.name = "systems",
     .type = GW_MAP,
     .min = 1,
     .max = GW_MAX_LANDSCAPE_SYSTEMS,
     .fields = system_options,
     .flags = GW_OPTION_REQUIRED,
     .help = "The systems, by name."},
    {.name = "keys",
     .type = GW_MAP,
     .min = 1,
     .max = GW_MAX_LANDSCAPE_RULES,
     .flags = GW_OPTION_REQUIRED,
     .help = "Whose record which system keeps: a key (\"1010\"), a beginning (\"2*\") or a range "
             "of numbers (\"3000-3999\"), and the system's name. No two may overlap."},
    {0},
};

static bool is_name(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        bool is_inner = byte == '-' && i > 0 && i + 1 < text.len;
        if (!is_inner && !(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9'))
            return false;
    }
    return text.len > 0 && text.len <= 32;
}

static int fill_systems(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                        struct gw_landscape *landscape)
{
    struct gw_landscape_system *systems =
        gw_arena_calloc(&loader->config->arena, json_object_size(checked) + 1, sizeof(*systems));
    const char *name;
    const json_t *value;
    char at[400];

    if (systems == NULL)
        return -ENOMEM;
    json_object_foreach((json_t *)checked, name, value)
    {
        struct gw_landscape_system *system = &systems[landscape->system_count++];
        *system = (struct gw_landscape_system){gw_str_of(name), gw_config_text(value, "backend"),
                                               gw_config_text(value, "flows")};
        snprintf(at, sizeof(at), "%.150s/systems/%.64s", pointer, name);
        if (!is_name(system->name) || (system->flows.ptr != NULL && !is_name(system->flows)))
            gw_config_fail(loader, at,
                           "the name and `flows` of a system are a-z, 0-9 and inner hyphens, at "
                           "most 32");
        if (system->backend.ptr != NULL &&
            gw_config_backend_find(loader->config, system->backend) == NULL)
            gw_config_fail(loader, at, "there is no backend \"%.*s\"", GW_STR_ARG(system->backend));
    }
    landscape->systems = systems;
    return 0;
}

static void check_rule(struct gw_config_loader *loader, const char *pointer,
                       const struct gw_landscape *landscape, const struct gw_key_rule *rule)
{
    if (gw_key_rule_matches(rule, landscape->all))
        gw_config_fail(loader, pointer, "this is the key that asks all systems");
    for (size_t i = 0; i < landscape->rule_count; i++) {
        if (gw_key_rules_overlap(&landscape->rules[i], rule))
            gw_config_fail(loader, pointer, "overlaps with \"%.*s\": a key has one system",
                           GW_STR_ARG(landscape->rules[i].text));
    }
}

static int fill_rules(struct gw_config_loader *loader, const char *pointer, const json_t *checked,
                      struct gw_landscape *landscape)
{
    struct gw_key_rule *rules =
        gw_arena_calloc(&loader->config->arena, json_object_size(checked) + 1, sizeof(*rules));
    const char *text;
    const json_t *value;
    char at[400];

    if (rules == NULL)
        return -ENOMEM;
    landscape->rules = rules;
    json_object_foreach((json_t *)checked, text, value)
    {
        struct gw_key_rule *rule = &rules[landscape->rule_count];
        struct gw_str system = gw_str_from(json_string_value(value), json_string_length(value));
        snprintf(at, sizeof(at), "%.150s/keys/%.64s", pointer, text);
        if (!gw_key_rule_parse(gw_str_of(text), rule)) {
            gw_config_fail(loader, at,
                           "neither a key (\"1010\"), a beginning (\"2*\") nor a range of numbers "
                           "of equal length (\"3000-3999\")");
            continue;
        }
        rule->system = gw_landscape_find_system(landscape, system);
        if (rule->system == SIZE_MAX)
            gw_config_fail(loader, at, "the landscape has no system \"%.*s\"", GW_STR_ARG(system));
        check_rule(loader, at, landscape, rule);
        landscape->rule_count++;
    }
    return 0;
}

static int fill_landscape(struct gw_config_loader *loader, const char *name, const json_t *checked,
                          struct gw_landscape *landscape)
{
    char pointer[200];

    snprintf(pointer, sizeof(pointer), "/landscapes/%.64s", name);
    landscape->name = gw_str_of(name);
    landscape->key = gw_config_text(checked, "key");
    landscape->all = gw_config_text(checked, "all");
    landscape->part_timeout_ns = gw_config_number(checked, "part_timeout");
    if (!is_name(landscape->name))
        gw_config_fail(loader, pointer,
                       "the name of a landscape is a-z, 0-9 and inner hyphens, at most 32");
    int rc = gw_config_texts(loader->config, json_object_get(checked, "shadow_ignore"),
                             &landscape->ignored, &landscape->ignored_count);
    if (rc == 0)
        rc = fill_systems(loader, pointer, json_object_get(checked, "systems"), landscape);
    return rc == 0 ? fill_rules(loader, pointer, json_object_get(checked, "keys"), landscape) : rc;
}

int gw_config_fill_landscapes(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    const json_t *checked = json_object_get(config->checked, "landscapes");
    struct gw_landscape *landscapes =
        gw_arena_calloc(&config->arena, json_object_size(checked) + 1, sizeof(*landscapes));
    const char *name;
    const json_t *value;
    int rc = 0;

    if (landscapes == NULL)
        return -ENOMEM;
    config->landscapes = landscapes;
    json_object_foreach((json_t *)checked, name, value)
    {
        if (rc == 0 && json_is_object(value))
            rc = fill_landscape(loader, name, value, &landscapes[config->landscape_count++]);
    }
    return rc;
}
