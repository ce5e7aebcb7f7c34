#include <errno.h>
#include <string.h>

#include "server/connector/tryton/functions.h"
#include "server/core/buf.h"

#define DEFAULT_LIMIT "1000"
#define MAX_LIMIT 10000

/* --- reading ---------------------------------------------------------------------------------- */

static void on_read(struct tryton_task *task, const struct gw_value *wire,
                    const struct gw_connector_failure *failure)
{
    if (failure != NULL)
        tryton_task_fail(task, failure);
    else
        tryton_task_done_wire(task, wire);
}

static bool are_records(const struct gw_value *wire)
{
    bool are_all = wire->type == GW_JSON_ARRAY;

    for (uint32_t i = 0; are_all && i < wire->count; i++)
        are_all = wire->items[i].type == GW_JSON_OBJECT;
    return are_all;
}

/* A flow would take anything else for no records, or for some. */
static void on_records(struct tryton_task *task, const struct gw_value *wire,
                       const struct gw_connector_failure *failure)
{
    static const struct gw_connector_failure rubbish = {
        .error = GW_CONNECTOR_RUBBISH,
        .code = GW_STR_INIT("rubbish"),
        .reason = GW_STR_INIT("the result is no list of records"),
    };

    on_read(task, wire, failure == NULL && !are_records(wire) ? &rubbish : failure);
}

/* Runs a step on `model`. */
static void run_read(void *self, struct gw_connector_call *call, const char *method,
                     const struct gw_value *parameters, size_t count)
{
    bool is_count = strcmp(method, "search_count") == 0;
    struct tryton_step step = {.method = gw_str_of(method),
                               .is_repeatable = true,
                               .then = is_count ? on_read : on_records};

    if (!tryton_read_object(call, "model", "model", &step.object) ||
        !tryton_read_context(call, &step.context) ||
        !tryton_write_parameters(call, parameters, count, &step.parameters))
        return;
    struct tryton_task *task = tryton_task_create(self, call);
    if (task != NULL)
        tryton_task_run(task, &step);
}

static bool is_limit(struct gw_connector_call *call, const struct gw_value *limit)
{
    uint64_t number;
    bool is_right = gw_str_to_u64(limit->text, &number) == 0 && number <= MAX_LIMIT;

    if (!is_right)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "`limit` is not within 0 and %d",
                               MAX_LIMIT);
    return is_right;
}

void tryton_begin_search_read(void *self, struct gw_connector_call *call)
{
    struct gw_value nothing = gw_value_array(NULL, 0);
    struct gw_value parameters[5]; /* domain, offset, limit, order, fields */

    if (tryton_read_typed(call, "domain", GW_JSON_ARRAY, nothing, &parameters[0]) &&
        tryton_read_typed(call, "offset", GW_JSON_NUMBER, gw_value_number(GW_STR("0")),
                          &parameters[1]) &&
        tryton_read_typed(call, "limit", GW_JSON_NUMBER, gw_value_number(GW_STR(DEFAULT_LIMIT)),
                          &parameters[2]) &&
        is_limit(call, &parameters[2]) &&
        tryton_read_typed(call, "order", GW_JSON_ARRAY, gw_value_null(), &parameters[3]) &&
        tryton_read_typed(call, "fields", GW_JSON_ARRAY, nothing, &parameters[4]))
        run_read(self, call, "search_read", parameters, GW_COUNT_OF(parameters));
}

void tryton_begin_count(void *self, struct gw_connector_call *call)
{
    struct gw_value domain;

    if (tryton_read_typed(call, "domain", GW_JSON_ARRAY, gw_value_array(NULL, 0), &domain))
        run_read(self, call, "search_count", &domain, 1);
}

/* --- what is done with records by their ids --------------------------------------------------- */

static void on_ids_answer(struct tryton_task *task, const struct gw_value *wire,
                          const struct gw_connector_failure *failure)
{
    const struct tryton_ids *ids = task->own;

    if (failure != NULL)
        tryton_fail_or_missing(task, failure, ids);
    else if (ids->is_one && wire->type == GW_JSON_ARRAY && wire->count == 1)
        tryton_task_done_wire(task, &wire->items[0]);
    else
        tryton_task_done_wire(task, wire);
}

/* `step` lacks its object, context and parameters: those are `model`, `context`, and the ids with
 * `more` behind them, if it is not NULL. */
static void run_ids(void *self, struct gw_connector_call *call, struct tryton_step *step,
                    const struct tryton_ids *given, const struct gw_value *more)
{
    struct tryton_ids *ids = gw_arena_calloc(call->arena, 1, sizeof(*ids));
    struct gw_value parameters[2] = {given->list, more != NULL ? *more : gw_value_null()};

    if (ids == NULL) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
        return;
    }
    *ids = *given;
    step->then = on_ids_answer;
    if (!tryton_read_object(call, "model", "model", &step->object) ||
        !tryton_read_context(call, &step->context) ||
        !tryton_write_parameters(call, parameters, more != NULL ? 2 : 1, &step->parameters))
        return;
    struct tryton_task *task = tryton_task_create(self, call);
    if (task == NULL)
        return;
    task->own = ids;
    tryton_task_run(task, step);
}

void tryton_begin_read(void *self, struct gw_connector_call *call)
{
    struct tryton_step step = {.method = GW_STR("read"), .is_repeatable = true};
    struct tryton_ids ids;
    struct gw_value fields;

    if (tryton_read_ids(call, &ids) &&
        tryton_read_typed(call, "fields", GW_JSON_ARRAY, gw_value_array(NULL, 0), &fields))
        run_ids(self, call, &step, &ids, &fields);
}

void tryton_begin_delete(void *self, struct gw_connector_call *call)
{
    struct tryton_step step = {.method = GW_STR("delete"), .is_write = true};
    struct tryton_ids ids;

    if (tryton_read_ids(call, &ids))
        run_ids(self, call, &step, &ids, NULL);
}

/* --- write, perhaps under the optimistic lock ------------------------------------------------- */

/* ,"_timestamp":{"production,1":"1795...","production,2":"..."} */
static struct gw_str timestamps_text(struct gw_connector_call *call, const struct tryton_ids *ids,
                                     const struct gw_value *stamps)
{
    struct gw_str model = gw_value_member_text(&call->arguments, GW_STR("model"));
    struct gw_buf buf;

    gw_buf_init(&buf, (size_t)1 << 20);
    gw_buf_append_text(&buf, ",\"_timestamp\":{");
    for (uint32_t i = 0; i < ids->list.count; i++) {
        gw_buf_append_text(&buf, i == 0 ? "\"" : ",\"");
        gw_buf_append_json(&buf, model);
        gw_buf_printf(&buf, ",%.*s\":", GW_STR_ARG(ids->list.items[i].text));
        gw_value_write(&buf, &stamps[i]);
    }
    gw_buf_append_byte(&buf, '}');
    struct gw_str text =
        buf.has_failed ? gw_str_from(NULL, 0) : gw_arena_copy(call->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return text;
}

/* `timestamp` is what was read as "_timestamp": a text for `id`, a list of them for `ids`. */
static bool read_timestamps(struct gw_connector_call *call, const struct tryton_ids *ids,
                            struct gw_str *out_text)
{
    const struct gw_value *given = gw_value_member(&call->arguments, GW_STR("timestamp"));
    const struct gw_value *stamps = given;

    *out_text = GW_STR("");
    if (given == NULL || given->type == GW_JSON_NULL)
        return true;
    bool is_right =
        ids->is_one || (given->type == GW_JSON_ARRAY && given->count == ids->list.count);
    if (is_right && !ids->is_one)
        stamps = given->items;
    for (uint32_t i = 0; is_right && i < ids->list.count; i++)
        is_right = stamps[i].type == GW_JSON_STRING;
    if (is_right)
        *out_text = timestamps_text(call, ids, stamps);
    if (!is_right || out_text->ptr == NULL)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG,
                               "`timestamp` is the text that was read as \"_timestamp\"; with "
                               "`ids`, a list of as many");
    return is_right && out_text->ptr != NULL;
}

void tryton_begin_write(void *self, struct gw_connector_call *call)
{
    struct tryton_step step = {.method = GW_STR("write"), .is_write = true};
    struct tryton_ids ids;
    struct gw_value values;

    if (tryton_read_ids(call, &ids) &&
        tryton_read_typed(call, "values", GW_JSON_OBJECT, gw_value_object(NULL, 0), &values) &&
        read_timestamps(call, &ids, &step.own_context))
        run_ids(self, call, &step, &ids, &values);
}

/* --- create ----------------------------------------------------------------------------------- */

static void on_created(struct tryton_task *task, const struct gw_value *wire,
                       const struct gw_connector_failure *failure)
{
    const struct gw_value *values = gw_value_member(&task->call->arguments, GW_STR("values"));
    bool is_one = values->type == GW_JSON_OBJECT;

    if (failure != NULL)
        tryton_task_fail(task, failure);
    else if (is_one && wire->type == GW_JSON_ARRAY && wire->count == 1)
        tryton_task_done_wire(task, &wire->items[0]);
    else
        tryton_task_done_wire(task, wire);
}

/* Nobody wants to learn of it when something is in doubt. */
static bool is_lookup_right(struct gw_connector_call *call)
{
    struct gw_value lookup;
    struct gw_str unused;

    return tryton_read_typed(call, "lookup", GW_JSON_OBJECT, gw_value_null(), &lookup) &&
           (lookup.type == GW_JSON_NULL || tryton_read_lookup(call, &unused));
}

void tryton_begin_create(void *self, struct gw_connector_call *call)
{
    const struct gw_value *values = gw_value_member(&call->arguments, GW_STR("values"));
    struct tryton_step step = {.method = GW_STR("create"), .is_write = true, .then = on_created};

    if (values->type != GW_JSON_OBJECT && values->type != GW_JSON_ARRAY) {
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG,
                               "`values` is neither an object nor a list of them");
        return;
    }
    bool is_one = values->type == GW_JSON_OBJECT;
    struct gw_value list = is_one ? gw_value_array(values, 1) : *values;
    if (!tryton_read_object(call, "model", "model", &step.object) ||
        !tryton_read_context(call, &step.context) || !is_lookup_right(call) ||
        !tryton_write_parameters(call, &list, 1, &step.parameters))
        return;
    struct tryton_task *task = tryton_task_create(self, call);
    if (task != NULL)
        tryton_task_run(task, &step);
}
