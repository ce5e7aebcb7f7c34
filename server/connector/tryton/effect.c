/* What makes a write effective once, by its arguments; and finding what a creation has made. */
#include "server/connector/tryton/functions.h"

#define MAX_FOUND "3" /* more than one is as good as many */

static bool has(const struct gw_value *arguments, const char *name)
{
    const struct gw_value *value = gw_value_member(arguments, gw_str_of(name));

    return value != NULL && value->type != GW_JSON_NULL;
}

/* Of a list nobody could say which of its records were found. */
enum gw_effect_class tryton_effect_of_create(const struct gw_value *arguments)
{
    const struct gw_value *values = gw_value_member(arguments, GW_STR("values"));
    bool is_list = values != NULL && values->type == GW_JSON_ARRAY;

    return has(arguments, "lookup") && !is_list ? GW_EFFECT_SEARCHABLE : GW_EFFECT_UNKNOWN;
}

enum gw_effect_class tryton_effect_of_write(const struct gw_value *arguments)
{
    return has(arguments, "timestamp") ? GW_EFFECT_TRANSITION : GW_EFFECT_UNKNOWN;
}

enum gw_effect_class tryton_effect_of_button(const struct gw_value *arguments)
{
    return has(arguments, "expect") ? GW_EFFECT_TRANSITION : GW_EFFECT_UNKNOWN;
}

enum gw_effect_class tryton_classify_create(void *self, const struct gw_value *arguments)
{
    (void)self;
    return tryton_effect_of_create(arguments);
}

enum gw_effect_class tryton_classify_write(void *self, const struct gw_value *arguments)
{
    (void)self;
    return tryton_effect_of_write(arguments);
}

enum gw_effect_class tryton_classify_button(void *self, const struct gw_value *arguments)
{
    (void)self;
    return tryton_effect_of_button(arguments);
}

/* --- finding ---------------------------------------------------------------------------------- */

bool tryton_read_lookup(struct gw_connector_call *call, struct gw_str *out_parameters)
{
    const struct gw_value *lookup = gw_value_member(&call->arguments, GW_STR("lookup"));
    const struct gw_value *domain = gw_value_member(lookup, GW_STR("domain"));

    if (domain == NULL || domain->type != GW_JSON_ARRAY || domain->count == 0) {
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG,
                               "`lookup` is not {domain: [...]} with at least one clause");
        return false;
    }
    const struct gw_value parameters[] = {
        *domain, gw_value_number(GW_STR("0")), gw_value_number(GW_STR(MAX_FOUND)),
        gw_value_null(), /* in any order */
    };
    return tryton_write_parameters(call, parameters, GW_COUNT_OF(parameters), out_parameters);
}

static void on_found(struct tryton_task *task, const struct gw_value *wire,
                     const struct gw_connector_failure *failure)
{
    if (failure != NULL)
        tryton_task_fail(task, failure);
    else
        tryton_task_done_wire(task, wire);
}

/* The ids, as create gives one. What was deactivated since has been made all the same. */
void tryton_look_up_created(void *self, struct gw_connector_call *call)
{
    struct tryton_step step = {
        .method = GW_STR("search"),
        .own_context = GW_STR(",\"active_test\":false"),
        .is_repeatable = true,
        .then = on_found,
    };

    if (!tryton_read_object(call, "model", "model", &step.object) ||
        !tryton_read_context(call, &step.context) || !tryton_read_lookup(call, &step.parameters))
        return;
    struct tryton_task *task = tryton_task_create(self, call);
    if (task != NULL)
        tryton_task_run(task, &step);
}
