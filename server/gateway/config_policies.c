/* The chain of policies, and the sections that they bring to the file. */
#include <assert.h>
#include <errno.h>

#include "server/connector/connector.h"
#include "server/core/similar.h"
#include "server/filter/filter.h"
#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"

static const struct gw_option no_options[] = {{0}};

static const struct gw_option *options_of(const struct gw_filter_type *type)
{
    return type->options != NULL ? type->options : no_options;
}

static size_t count_options(const struct gw_option *table)
{
    size_t count = 0;

    while (table[count].type != GW_END)
        count++;
    return count;
}

/* A section as the top level sees it: an ordinary key. Only policies in the chain may require it.
 */
static struct gw_option as_ordinary(const struct gw_option *section)
{
    struct gw_option option = *section;

    option.type = (section->flags & GW_OPTION_SINGLE) != 0 ? GW_OBJECT : GW_MAP;
    option.flags &= ~(unsigned)GW_OPTION_REQUIRED;
    return option;
}

/* A policy may read a section that another one describes. */
static bool is_described(const struct gw_option *section)
{
    return section->fields != NULL;
}

/* Adds the sections of one policy that are not there yet; returns the new count. */
static size_t add_sections(struct gw_option *table, size_t count, const struct gw_option *options)
{
    for (; options->type != GW_END; options++) {
        size_t i = 0;

        if (options->type != GW_SECTION || !is_described(options))
            continue;
        while (i < count && strcmp(table[i].name, options->name) != 0)
            i++;
        /* Two policies may share a section, but only one table can describe it. */
        assert(i == count || table[i].fields == options->fields);
        if (i < count)
            continue;
        table[count++] = as_ordinary(options);
    }
    return count;
}

/* Each connector brings a key of its own to the options of a backend. */
static const struct gw_option *build_backend_table(struct gw_arena *arena)
{
    size_t count = count_options(gw_config_backend_options);
    size_t room = count;

    for (const struct gw_connector_type *const *type = gw_connectors; *type != NULL; type++)
        room++;
    struct gw_option *table = gw_arena_calloc(arena, room + 1, sizeof(*table));
    if (table == NULL)
        return NULL;
    memcpy(table, gw_config_backend_options, count * sizeof(*table));
    for (const struct gw_connector_type *const *type = gw_connectors; *type != NULL; type++) {
        if ((*type)->needs_no_backend)
            continue;
        table[count++] = (struct gw_option){
            .name = (*type)->name,
            .type = GW_OBJECT,
            .fields = (*type)->options,
            .value = (*type)->is_implied ? "{}" : NULL,
            .help = "What the connector of that name must know; without it flows cannot call it "
                    "here.",
        };
    }
    return table;
}

const struct gw_option *gw_config_table_build(struct gw_arena *arena,
                                              const struct gw_filter_type *const *filters)
{
    size_t count = count_options(gw_config_options);
    size_t room = count;

    for (const struct gw_filter_type *const *filter = filters; *filter != NULL; filter++)
        room += count_options(options_of(*filter));
    struct gw_option *table = gw_arena_calloc(arena, room + 1, sizeof(*table));
    if (table == NULL)
        return NULL;
    memcpy(table, gw_config_options, count * sizeof(*table));
    for (size_t i = 0; i < count; i++) {
        if (table[i].fields == gw_config_backend_options)
            table[i].fields = build_backend_table(arena);
        if (table[i].type == GW_MAP && table[i].fields == NULL)
            return NULL;
    }
    for (; *filters != NULL; filters++)
        count = add_sections(table, count, options_of(*filters));
    return table;
}

static const struct gw_filter_type *find_filter(const struct gw_filter_type *const *filters,
                                                const char *name)
{
    for (; *filters != NULL; filters++)
        if (strcmp((*filters)->name, name) == 0)
            return *filters;
    return NULL;
}

static void report_unknown(struct gw_config_loader *loader, const char *pointer, const char *name)
{
    const struct gw_filter_type *const *filter = loader->config->filters;
    struct gw_similar similar;

    gw_similar_init(&similar, gw_str_of(name));
    for (; *filter != NULL; filter++)
        gw_similar_offer(&similar, gw_str_of((*filter)->name));
    if (similar.best.ptr != NULL)
        gw_config_fail(loader, pointer, "unknown policy \"%.64s\"; did you mean \"%.*s\"?", name,
                       GW_STR_ARG(similar.best));
    else
        gw_config_fail(loader, pointer, "unknown policy \"%.64s\"", name);
}

/* The sections that a policy names become keys of its own options. */
static int add_section_values(struct gw_config_loader *loader,
                              const struct gw_config_policy *policy, json_t *options)
{
    const struct gw_option *option = options_of(policy->type);

    for (; option->type != GW_END; option++) {
        json_t *section = json_object_get(loader->config->checked, option->name);

        if (option->type != GW_SECTION)
            continue;
        if (section == NULL && (option->flags & GW_OPTION_REQUIRED) != 0)
            gw_config_fail(loader, policy->pointer,
                           "the policy %s needs the top-level section \"%s\"", policy->type->name,
                           option->name);
        if (section != NULL && json_object_set(options, option->name, section) != 0)
            return -ENOMEM;
    }
    return 0;
}

/* Keeps the options twice: as written, in the tree that /config shows; and with their sections. */
static int keep_options(struct gw_config_loader *loader, struct gw_config_policy *policy,
                        json_t *options)
{
    json_t *shown = json_object_get(loader->config->checked, "policies");
    json_t *full = json_copy(options);
    json_t *item = json_pack("{s:O}", policy->type->name, options);
    int rc = full != NULL ? add_section_values(loader, policy, full) : -ENOMEM;

    policy->options = full;
    if (item == NULL || json_array_append_new(shown, item) != 0)
        rc = -ENOMEM;
    if (full == NULL || json_array_append_new(loader->config->chain, full) != 0)
        rc = -ENOMEM;
    return rc;
}

/* Would create() get what the tables promise? What is wrong was told already: not once more. */
static bool are_sections_right(struct gw_config_loader *loader, const struct gw_filter_type *type)
{
    const struct gw_option *option = options_of(type);
    struct gw_option_source quiet = loader->source;
    struct gw_diagnostics untold;
    bool is_right = true;

    gw_diagnostics_init(&untold);
    quiet.diagnostics = &untold;
    for (; option->type != GW_END && is_right; option++) {
        const json_t *given = gw_config_section_as_written(loader->config, option->name);
        const struct gw_option section = as_ordinary(option);
        json_t *checked = NULL;

        if (option->type != GW_SECTION || !is_described(option))
            continue;
        is_right = given != NULL || (option->flags & GW_OPTION_REQUIRED) == 0;
        if (given != NULL)
            is_right = gw_option_check_value(&quiet, given, "", &section, &checked) == 0;
        json_decref(checked);
    }
    gw_diagnostics_finish(&untold);
    return is_right;
}

static int add_policy(struct gw_config_loader *loader, const char *pointer, const char *name,
                      const json_t *given)
{
    struct gw_config *config = loader->config;
    struct gw_config_policy *policy = &config->policies[config->policy_count];
    const struct gw_filter_type *type = find_filter(config->filters, name);
    json_t *options = NULL;

    if (type == NULL) {
        report_unknown(loader, pointer, name);
        return 0;
    }
    for (size_t i = 0; i < config->policy_count; i++)
        if (config->policies[i].type == type) {
            gw_config_fail(loader, pointer, "the policy %s is in the chain already", name);
            return 0;
        }
    policy->type = type;
    snprintf(policy->pointer, sizeof(policy->pointer), "%s", pointer);
    int rc = gw_option_check(&loader->source, given, pointer, options_of(type), &options);
    if (rc != 0)
        return rc == -ENOMEM ? rc : 0; /* the findings are there: go on */
    rc = keep_options(loader, policy, options);
    json_decref(options);
    if (loader->diagnostics->error_count == 0 || are_sections_right(loader, type))
        config->policy_count++;
    return rc;
}

/* One item of the list: `name`, or `name: {options}`. */
static int add_item(struct gw_config_loader *loader, size_t index, const json_t *item)
{
    char pointer[sizeof(loader->config->policies->pointer)];
    const char *name = json_string_value(item);
    void *pair = json_object_iter((json_t *)item);

    snprintf(pointer, sizeof(pointer), "/policies/%zu", index);
    if (name != NULL)
        return add_policy(loader, pointer, name, NULL);
    if (json_object_size(item) != 1) {
        gw_config_fail(loader, pointer, "must be the name of a policy, or one name: {options}");
        return 0;
    }
    name = json_object_iter_key(pair);
    if (strlen(name) < 24) /* longer ones are unknown anyway */
        snprintf(pointer, sizeof(pointer), "/policies/%zu/%s", index, name);
    return add_policy(loader, pointer, name, json_object_iter_value(pair));
}

/* All that there are, in the table's order: one that is not configured does nothing. */
static int add_default_chain(struct gw_config_loader *loader)
{
    const struct gw_filter_type *const *type = loader->config->filters;
    int rc = 0;

    for (; *type != NULL && rc == 0; type++)
        rc = add_policy(loader, "", (*type)->name, NULL);
    return rc;
}

int gw_config_fill_policies(struct gw_config_loader *loader, const json_t *given)
{
    struct gw_config *config = loader->config;
    size_t room = json_array_size(given) + 64;
    size_t index;
    json_t *item;
    int rc = 0;

    config->policies = gw_arena_calloc(&config->arena, room, sizeof(*config->policies));
    config->chain = json_array();
    if (config->policies == NULL || config->chain == NULL ||
        json_object_set_new(config->checked, "policies", json_array()) != 0)
        return -ENOMEM;
    if (given == NULL)
        return add_default_chain(loader);
    if (!json_is_array(given)) {
        gw_config_fail(loader, "/policies", "policies must be a list");
        return 0;
    }
    json_array_foreach(given, index, item)
    {
        if (rc == 0)
            rc = add_item(loader, index, item);
    }
    return rc;
}
