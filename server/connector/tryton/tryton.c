#include "server/connector/tryton/tryton.h"

#include <errno.h>
#include <stdlib.h>

#include "server/connector/tryton/functions.h"

#define MODEL                                                                                  \
    {                                                                                          \
        .name = "model", .type = GW_STRING, .min = 1, .max = 200, .flags = GW_OPTION_REQUIRED, \
        .help = "As Tryton calls it: \"party.party\"."                                         \
    }
#define CONTEXT                                                                         \
    {                                                                                   \
        .name = "context", .type = GW_ANY,                                              \
        .help = "Added to the user's: `{locations: [5], stock_date_end: {$date: ..}}`." \
    }
#define ONE                                                     \
    {                                                           \
        .name = "id", .type = GW_ANY, .help = "One record; or:" \
    }
#define SOME                                                        \
    {                                                               \
        .name = "ids", .type = GW_ANY, .help = "A list of records." \
    }
#define FIELDS                                                                                 \
    {                                                                                          \
        .name = "fields", .type = GW_ANY, .flags = GW_OPTION_REQUIRED,                         \
        .help = "Names; `\"lines.product.code\"` reads through, `\"_timestamp\"` for `write`." \
    }
#define DOMAIN_CLAUSES                                                                        \
    {                                                                                         \
        .name = "domain", .type = GW_ANY,                                                     \
        .help = "Clauses such as `[[\"state\", \"=\", \"draft\"]]`; all records if left out." \
    }

static const struct gw_option search_read_parameters[] = {
    MODEL,
    DOMAIN_CLAUSES,
    FIELDS,
    {.name = "offset", .type = GW_ANY, .help = "So many are left out; 0 if not given."},
    {.name = "limit", .type = GW_ANY, .help = "At most so many: up to 10000; 1000 if not given."},
    {.name = "order", .type = GW_ANY, .help = "`[[\"number\", \"ASC\"]]`."},
    CONTEXT,
    {0},
};
static const struct gw_option count_parameters[] = {MODEL, DOMAIN_CLAUSES, CONTEXT, {0}};
static const struct gw_option read_parameters[] = {MODEL, ONE, SOME, FIELDS, CONTEXT, {0}};
static const struct gw_option create_parameters[] = {
    MODEL,
    {.name = "values",
     .type = GW_ANY,
     .flags = GW_OPTION_REQUIRED,
     .help = "Of one record, or a list of such; the result is its id, or a list."},
    {.name = "lookup",
     .type = GW_ANY,
     .help = "`{domain: ..}` that finds what was created, by the reference that it was given: "
             "asked when an earlier attempt is in doubt."},
    CONTEXT,
    {0},
};
static const struct gw_option write_parameters[] = {
    MODEL,
    ONE,
    SOME,
    {.name = "values", .type = GW_ANY, .flags = GW_OPTION_REQUIRED, .help = "Fields to change."},
    {.name = "timestamp",
     .type = GW_ANY,
     .help = "What was read as `_timestamp`: CONFLICT if the record was changed since. With `ids`, "
             "a list."},
    CONTEXT,
    {0},
};
static const struct gw_option delete_parameters[] = {MODEL, ONE, SOME, CONTEXT, {0}};
static const struct gw_option button_parameters[] = {
    MODEL,
    ONE,
    SOME,
    {.name = "button",
     .type = GW_STRING,
     .min = 1,
     .max = 200,
     .flags = GW_OPTION_REQUIRED,
     .help = "Its method: \"confirm\"."},
    {.name = "expect",
     .type = GW_ANY,
     .help = "The state, or a list of some, in which it is right: looked at afterwards, as Tryton "
             "says nothing when it refuses."},
    {.name = "field",
     .type = GW_STRING,
     .min = 1,
     .max = 200,
     .value = "state",
     .help = "Where the state stands."},
    CONTEXT,
    {0},
};
static const struct gw_option method_parameters[] = {
    MODEL,
    {.name = "method",
     .type = GW_STRING,
     .min = 1,
     .max = 200,
     .flags = GW_OPTION_REQUIRED,
     .help = "One that Tryton lets be called."},
    {.name = "params", .type = GW_ANY, .help = "A list, without the context behind it."},
    CONTEXT,
    {0},
};
static const struct gw_option wizard_parameters[] = {
    {.name = "wizard",
     .type = GW_STRING,
     .min = 1,
     .max = 200,
     .flags = GW_OPTION_REQUIRED,
     .help = "\"stock.shipment.assign\"."},
    {.name = "steps",
     .type = GW_ANY,
     .flags = GW_OPTION_REQUIRED,
     .help = "A list of `{state: \"account\", values: {start: {..}}}`: the buttons pressed, and "
             "what was filled in before."},
    {.name = "model", .type = GW_STRING, .min = 1, .max = 200, .help = "What it is about, with:"},
    ONE,
    SOME,
    {.name = "expect",
     .type = GW_STRING,
     .min = 1,
     .max = 200,
     .value = "end",
     .help = "The form at which it shall stand in the end."},
    CONTEXT,
    {0},
};

static const struct gw_connector_function functions[] = {
    {.name = "search_read",
     .parameters = search_read_parameters,
     .help = "The records that are found, as a list.",
     .begin = tryton_begin_search_read},
    {.name = "count",
     .parameters = count_parameters,
     .help = "How many there are.",
     .begin = tryton_begin_count},
    {.name = "read",
     .parameters = read_parameters,
     .help = "Records by their ids.",
     .begin = tryton_begin_read},
    {.name = "create",
     .parameters = create_parameters,
     .is_write = true,
     .effect = GW_EFFECT_SEARCHABLE,
     .help = "A new record, or some.",
     .effect_with = tryton_effect_of_create,
     .classify = tryton_classify_create,
     .look_up = tryton_look_up_created,
     .begin = tryton_begin_create},
    {.name = "write",
     .parameters = write_parameters,
     .is_write = true,
     .effect = GW_EFFECT_TRANSITION,
     .help = "Changes records.",
     .effect_with = tryton_effect_of_write,
     .classify = tryton_classify_write,
     .begin = tryton_begin_write},
    {.name = "delete",
     .parameters = delete_parameters,
     .is_write = true,
     .effect = GW_EFFECT_TRANSITION,
     .help = "Deletes records.",
     .begin = tryton_begin_delete},
    {.name = "button",
     .parameters = button_parameters,
     .is_write = true,
     .effect = GW_EFFECT_TRANSITION,
     .help = "Presses a button, and looks at the state that it leads to.",
     .effect_with = tryton_effect_of_button,
     .classify = tryton_classify_button,
     .begin = tryton_begin_button},
    {.name = "call",
     .parameters = method_parameters,
     .is_write = true,
     .effect = GW_EFFECT_UNKNOWN,
     .help = "Any method of a model.",
     .begin = tryton_begin_call},
    {.name = "query",
     .parameters = method_parameters,
     .help = "A method that changes nothing.",
     .begin = tryton_begin_query},
    {.name = "wizard",
     .parameters = wizard_parameters,
     .is_write = true,
     .effect = GW_EFFECT_UNKNOWN,
     .help = "Walks through a wizard.",
     .begin = tryton_begin_wizard},
    {0},
};

static int create(const json_t *config, const struct gw_backend *backend, void **out_self,
                  struct gw_error *error)
{
    struct tryton_settings settings;
    int rc = tryton_settings_read(config, &settings, error);
    struct tryton *tryton = rc == 0 ? calloc(1, sizeof(*tryton)) : NULL;

    if (rc != 0)
        return rc;
    if (tryton == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    tryton_session_init(&tryton->session, backend, &settings);
    *out_self = tryton;
    return 0;
}

static void destroy(void *self)
{
    struct tryton *tryton = self;

    if (tryton == NULL)
        return;
    tryton_session_finish(&tryton->session);
    free(tryton);
}

const struct gw_connector_type gw_tryton_connector = {
    .name = "tryton",
    .options = tryton_options,
    .functions = functions,
    .create = create,
    .destroy = destroy,
};
