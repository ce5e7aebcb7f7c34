/* The section `edges`. */
#include <errno.h>
#include <stdio.h>

#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"

const struct gw_option gw_config_edge_options[] = {
    {.name = "plant",
     .type = GW_STRING,
     .min = 1,
     .max = 128,
     .flags = GW_OPTION_REQUIRED,
     .help = "The one plant whose events it may deliver."},
    {.name = "consumer",
     .type = GW_STRING,
     .min = 3,
     .max = 600,
     .flags = GW_OPTION_REQUIRED,
     .help = "Whom its certificate proves, as `client_certificates` map it: `<scheme>:<subject>`. "
             "Disabled (`millgate consumer set NAME --disable`), it is out within two seconds."},
    {0},
};

static void check(struct gw_config_loader *loader, const struct gw_config_edge *edges, size_t at)
{
    char pointer[160];

    snprintf(pointer, sizeof(pointer), "/edges/%.*s", GW_STR_ARG(edges[at].id));
    if (!gw_config_is_plain_name(edges[at].id) || edges[at].id.len > 64)
        gw_config_fail(loader, pointer, "an id is of letters, digits, - _ and . (at most 64)");
    if (gw_str_find(edges[at].consumer, ':') == edges[at].consumer.len)
        gw_config_fail(loader, pointer, "a consumer is <scheme>:<subject>");
    for (size_t i = 0; i < at; i++)
        if (gw_str_equal(edges[i].consumer, edges[at].consumer))
            gw_config_fail(loader, pointer, "%.*s has the same consumer", GW_STR_ARG(edges[i].id));
}

int gw_config_fill_edges(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    const json_t *checked = json_object_get(config->checked, "edges");
    struct gw_config_edge *edges =
        gw_arena_calloc(&config->arena, json_object_size(checked) + 1, sizeof(*edges));
    const char *name;
    const json_t *value;

    if (edges == NULL)
        return -ENOMEM;
    json_object_foreach((json_t *)(uintptr_t)checked, name, value)
    {
        struct gw_config_edge *edge = &edges[config->edge_count++];
        edge->id = gw_str_of(name);
        edge->plant = gw_config_text(value, "plant");
        edge->consumer = gw_config_text(value, "consumer");
        check(loader, edges, config->edge_count - 1);
    }
    config->edges = edges;
    if (config->edge_count > 0 && !config->events.is_on)
        gw_config_fail(loader, "/edges",
                       "what edges deliver goes to the event log: it needs "
                       "`events`");
    return 0;
}
