#include "server/connector/odata/odata.h"

#include <errno.h>
#include <stdlib.h>

#include "server/connector/odata/functions.h"
#include "server/connector/odata/run.h"

/* --- parameters ------------------------------------------------------------------------------- */

#define ENTITY                                                                                  \
    {                                                                                           \
        .name = "entity", .type = GW_STRING, .min = 1, .max = 128, .flags = GW_OPTION_REQUIRED, \
        .help = "The name of the entity set."                                                   \
    }
#define BOUND_ENTITY                                                          \
    {                                                                         \
        .name = "entity", .type = GW_STRING, .min = 1, .max = 128,            \
        .help = "Of a bound one: the entity set of what it is bound to (V4)." \
    }
#define KEY                                                          \
    {                                                                \
        .name = "key", .type = GW_ANY,                               \
        .help = "A text, a number, or an object of the key's parts." \
    }
#define REQUIRED_KEY                                                 \
    {                                                                \
        .name = "key", .type = GW_ANY, .flags = GW_OPTION_REQUIRED,  \
        .help = "A text, a number, or an object of the key's parts." \
    }
#define NAVIGATION                                                     \
    {                                                                  \
        .name = "navigation", .type = GW_STRING, .min = 1, .max = 128, \
        .help = "A navigation property of the entity with that key."   \
    }
#define SELECT                                                                            \
    {                                                                                     \
        .name = "select", .type = GW_ANY, .help = "Names: a list, or a text with commas." \
    }
#define EXPAND                                                         \
    {                                                                  \
        .name = "expand", .type = GW_ANY,                              \
        .help = "Names or paths: a list; or a text as $expand has it." \
    }
#define ETAG                                                                              \
    {                                                                                     \
        .name = "etag", .type = GW_STRING, .max = 512,                                    \
        .help = "Only if it is unchanged since (If-Match); \"*\": if it is there at all." \
    }
#define BODY                                                         \
    {                                                                \
        .name = "body", .type = GW_ANY, .flags = GW_OPTION_REQUIRED, \
        .help = "The properties: an object."                         \
    }
#define OPERATION                                                                             \
    {                                                                                         \
        .name = "name", .type = GW_STRING, .min = 1, .max = 256, .flags = GW_OPTION_REQUIRED, \
        .help = "Its name; of a bound one with its namespace."                                \
    }
#define PARAMETERS                                                                     \
    {                                                                                  \
        .name = "parameters", .type = GW_ANY, .help = "An object of names and values." \
    }

static const struct gw_option list_parameters[] = {
    ENTITY,
    KEY,
    NAVIGATION,
    {.name = "filter",
     .type = GW_ANY,
     .help = "An object of properties and values, or a text as $filter has it."},
    SELECT,
    EXPAND,
    {.name = "orderby",
     .type = GW_ANY,
     .help = "Names, each with asc or desc behind it: a list, or a text with commas."},
    {.name = "top", .type = GW_INT, .max = INT32_MAX, .help = "So many at most."},
    {.name = "skip", .type = GW_INT, .max = INT32_MAX, .help = "Without the first so many."},
    {.name = "count", .type = GW_BOOL, .help = "Whether the number of all is asked for."},
    {.name = "next",
     .type = GW_STRING,
     .max = 4096,
     .help = "`next` of an earlier result: the page behind it; the other options are in it."},
    {.name = "follow",
     .type = GW_BOOL,
     .help = "Whether the server's further pages are fetched, too."},
    {.name = "maxPages", .type = GW_INT, .min = 1, .max = 1000, .help = "So many of them at most."},
    {.name = "maxItems",
     .type = GW_INT,
     .min = 1,
     .max = 100000,
     .help = "No page is added that would make it more."},
    {0},
};

static const struct gw_option read_parameters[] = {
    ENTITY, REQUIRED_KEY, NAVIGATION, SELECT, EXPAND, {0},
};

static const struct gw_option function_parameters[] = {
    OPERATION, BOUND_ENTITY, KEY, PARAMETERS, {0},
};

static const struct gw_option create_adopt[] = {
    {.name = "field",
     .type = GW_STRING,
     .min = 1,
     .max = 128,
     .flags = GW_OPTION_REQUIRED,
     .help = "A property that the service keeps unique; where the body lacks it, it is made of the "
             "effect's key."},
    {.name = "length",
     .type = GW_INT,
     .min = 10,
     .max = 50,
     .value = "20",
     .help = "How long such a value is."},
    {.name = "prefix", .type = GW_STRING, .max = 16, .help = "What it begins with."},
    {0},
};

static const struct gw_option create_lookup[] = {
    {.name = "filter",
     .type = GW_ANY,
     .flags = GW_OPTION_REQUIRED,
     .help = "What finds it: a reference of ours that the body carries."},
    {.name = "entity",
     .type = GW_STRING,
     .min = 1,
     .max = 128,
     .help = "Where to look, if not where it is created."},
    {0},
};

static const struct gw_option create_parameters[] = {
    ENTITY,
    KEY,
    NAVIGATION,
    BODY,
    {.name = "adopt",
     .type = GW_OBJECT,
     .fields = create_adopt,
     .help = "A duplicate is read and taken for ours: makes it effective once."},
    {.name = "lookup",
     .type = GW_OBJECT,
     .fields = create_lookup,
     .help = "What an earlier attempt has left is looked for before anything is sent."},
    {0},
};

static const struct gw_option update_parameters[] = {
    ENTITY, REQUIRED_KEY, NAVIGATION, BODY, ETAG, {0},
};

static const struct gw_option delete_parameters[] = {
    ENTITY, REQUIRED_KEY, NAVIGATION, ETAG, {0},
};

static const struct gw_option action_parameters[] = {
    OPERATION, BOUND_ENTITY, KEY, PARAMETERS, ETAG, {0},
};

static const struct gw_option batch_parameters[] = {
    {.name = "requests",
     .type = GW_ANY,
     .flags = GW_OPTION_REQUIRED,
     .help = "A list of {id, function, group, dependsOn} with the function's own arguments."},
    {.name = "partial",
     .type = GW_ENUM,
     .words = "fail report",
     .value = "fail",
     .help = "Whether a request that fails is the call's failure, or told in its result."},
    {0},
};

/* --- effects ---------------------------------------------------------------------------------- */

/* One that turns out to be null is refused when it does. */
static bool has(const struct gw_value *arguments, struct gw_str name)
{
    return gw_value_member(arguments, name) != NULL;
}

static enum gw_effect_class create_effect(const struct gw_value *arguments)
{
    if (has(arguments, GW_STR("adopt")))
        return GW_EFFECT_KEYED;
    return has(arguments, GW_STR("lookup")) ? GW_EFFECT_SEARCHABLE : GW_EFFECT_UNKNOWN;
}

static enum gw_effect_class change_effect(const struct gw_value *arguments)
{
    return has(arguments, GW_STR("etag")) ? GW_EFFECT_TRANSITION : GW_EFFECT_UNKNOWN;
}

static bool batch_reads(const struct gw_value *arguments)
{
    const struct gw_value *requests = gw_value_member(arguments, GW_STR("requests"));

    if (requests == NULL || requests->type != GW_JSON_ARRAY)
        return false;
    for (uint32_t i = 0; i < requests->count; i++) {
        struct gw_str name = gw_value_member_text(&requests->items[i], GW_STR("function"));
        if (!gw_str_equal(name, GW_STR("list")) && !gw_str_equal(name, GW_STR("read")) &&
            !gw_str_equal(name, GW_STR("function")))
            return false;
    }
    return true;
}

/* --- the type --------------------------------------------------------------------------------- */

static const struct gw_connector_function functions[] = {
    {.name = "list",
     .parameters = list_parameters,
     .help = "Entities of a set, with the server's paging.",
     .begin = odata_list_begin},
    {.name = "read",
     .parameters = read_parameters,
     .help = "One entity.",
     .begin = odata_read_begin},
    {.name = "function",
     .parameters = function_parameters,
     .help = "What a function returns; in V2 a function import by GET.",
     .begin = odata_function_begin},
    {.name = "create",
     .parameters = create_parameters,
     .is_write = true,
     .sends_key = true,
     .effect = GW_EFFECT_UNKNOWN,
     .effect_with = create_effect,
     .help = "A new entity.",
     .begin = odata_create_begin,
     .look_up = odata_create_look_up},
    {.name = "update",
     .parameters = update_parameters,
     .is_write = true,
     .sends_key = true,
     .effect = GW_EFFECT_UNKNOWN,
     .effect_with = change_effect,
     .help = "Some properties of an entity (PATCH; MERGE in V2).",
     .begin = odata_update_begin},
    {.name = "delete",
     .parameters = delete_parameters,
     .is_write = true,
     .sends_key = true,
     .effect = GW_EFFECT_UNKNOWN,
     .effect_with = change_effect,
     .help = "Removes an entity.",
     .begin = odata_delete_begin},
    {.name = "action",
     .parameters = action_parameters,
     .is_write = true,
     .sends_key = true,
     .effect = GW_EFFECT_UNKNOWN,
     .effect_with = change_effect,
     .help = "An action, bound or not; in V2 a function import by POST.",
     .begin = odata_action_begin},
    {.name = "batch",
     .parameters = batch_parameters,
     .is_write = true,
     .reads_with = batch_reads,
     .sends_key = true,
     .effect = GW_EFFECT_UNKNOWN,
     .help = "Several of these in one request, in groups that hold or fail as one.",
     .begin = odata_batch_begin},
    {0},
};

static int create(const json_t *config, const struct gw_backend *backend, void **out_self,
                  struct gw_error *error)
{
    struct odata *odata = calloc(1, sizeof(*odata));

    if (odata == NULL)
        return gw_error_set(error, -ENOMEM, "not enough memory for an OData backend");
    odata->backend = backend;
    int rc = odata_settings_init(&odata->settings, config, error);
    if (rc != 0) {
        free(odata);
        return rc;
    }
    *out_self = odata;
    return 0;
}

static void destroy(void *self)
{
    struct odata *odata = self;

    if (odata == NULL)
        return;
    odata_settings_finish(&odata->settings);
    free(odata);
}

const struct gw_connector_type gw_odata_connector = {
    .name = "odata",
    .options = odata_options,
    .functions = functions,
    .create = create,
    .destroy = destroy,
};
