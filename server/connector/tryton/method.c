#include "server/connector/tryton/functions.h"

/* --- any method ------------------------------------------------------------------------------- */

static void on_result(struct tryton_task *task, const struct gw_value *wire,
                      const struct gw_connector_failure *failure)
{
    if (failure != NULL)
        tryton_task_fail(task, failure);
    else
        tryton_task_done_wire(task, wire);
}

static void run_method(void *self, struct gw_connector_call *call, bool is_write)
{
    struct tryton_step step = {.is_write = is_write, .is_repeatable = !is_write, .then = on_result};
    struct gw_value parameters;

    if (!tryton_read_object(call, "model", "model", &step.object) ||
        !tryton_read_method(call, "method", &step.method) ||
        !tryton_read_typed(call, "params", GW_JSON_ARRAY, gw_value_array(NULL, 0), &parameters) ||
        !tryton_read_context(call, &step.context) ||
        !tryton_write_parameters(call, parameters.items, parameters.count, &step.parameters))
        return;
    struct tryton_task *task = tryton_task_create(self, call);
    if (task != NULL)
        tryton_task_run(task, &step);
}

void tryton_begin_call(void *self, struct gw_connector_call *call)
{
    run_method(self, call, true);
}

void tryton_begin_query(void *self, struct gw_connector_call *call)
{
    run_method(self, call, false);
}

/* --- buttons: pressed, then looked what came of it -------------------------------------------- */

/* Tryton answers null to a transition that it does not make, and says nothing. */
struct press {
    struct tryton_ids ids;
    struct gw_str button;
    struct gw_str field;                 /* "state" */
    struct gw_value expected;            /* a list of texts; of none: nothing is looked at */
    struct gw_value result;              /* of the button, as on the wire */
    struct gw_connector_failure failure; /* of a press whose outcome is not known */
};

static bool is_expected(const struct press *press, const struct gw_value *record)
{
    struct gw_str state = gw_value_member_text(record, press->field);

    for (uint32_t i = 0; i < press->expected.count; i++) {
        if (state.ptr != NULL && gw_str_equal(state, press->expected.items[i].text))
            return true;
    }
    return false;
}

/* The first record that is not where it should be, or NULL. */
static const struct gw_value *find_unexpected(const struct press *press,
                                              const struct gw_value *records)
{
    for (uint32_t i = 0; i < records->count; i++) {
        if (!is_expected(press, &records->items[i]))
            return &records->items[i];
    }
    return NULL;
}

static void finish_press(struct tryton_task *task, const struct press *press,
                         const struct gw_value *records)
{
    struct gw_value_builder builder = {.arena = task->call->arena};

    if (gw_value_add_member(&builder, GW_STR("result"), press->result) != 0 ||
        (records != NULL && gw_value_add_member(&builder, GW_STR("records"), *records) != 0)) {
        tryton_task_fail_memory(task);
        return;
    }
    const struct gw_value whole = gw_value_built_object(&builder);
    tryton_task_done_wire(task, &whole);
}

static void fail_transition(struct tryton_task *task, const struct press *press,
                            const struct gw_value *record)
{
    struct gw_str state = gw_value_member_text(record, press->field);
    const struct gw_value *id = gw_value_member(record, GW_STR("id"));
    struct gw_str reason = gw_arena_printf(
        task->call->arena, "%.*s %.*s is %.*s after %.*s", GW_STR_ARG(task->step.object),
        GW_STR_ARG(id != NULL && id->type == GW_JSON_NUMBER ? id->text : GW_STR("?")),
        GW_STR_ARG(state), GW_STR_ARG(press->button));
    const struct gw_connector_failure failure = {
        .error = GW_CONNECTOR_CONFLICT,
        .code = GW_STR("illegal-transition"),
        .reason = reason.ptr == NULL ? GW_STR("") : reason,
    };

    tryton_task_fail(task, &failure);
}

/* The press was made, and what came of it is not known: never "nothing has happened". */
static void fail_look(struct tryton_task *task, const struct gw_connector_failure *failure)
{
    struct gw_connector_failure told = {.reason = GW_STR("no state was answered")};

    if (failure != NULL)
        told = *failure;
    told.error = GW_CONNECTOR_IN_DOUBT;
    told.code = GW_STR("state-unknown");
    tryton_task_fail(task, &told);
}

static void on_states(struct tryton_task *task, const struct gw_value *wire,
                      const struct gw_connector_failure *failure)
{
    const struct press *press = task->own;
    bool is_in_doubt = press->failure.error != GW_CONNECTOR_OK;
    bool is_answered = wire != NULL && wire->type == GW_JSON_ARRAY && wire->count > 0;
    const struct gw_value *unexpected = is_answered ? find_unexpected(press, wire) : NULL;

    if (is_answered && unexpected == NULL)
        finish_press(task, press, wire); /* whoever has brought it there */
    else if (is_in_doubt)
        tryton_task_fail(task, &press->failure); /* it may still come */
    else if (unexpected != NULL)
        fail_transition(task, press, unexpected);
    else
        fail_look(task, failure);
}

static void look(struct tryton_task *task, const struct press *press)
{
    struct gw_value field = gw_value_string(press->field);
    const struct gw_value parameters[] = {press->ids.list, gw_value_array(&field, 1)};
    struct tryton_step step = {
        .object = task->step.object,
        .method = GW_STR("read"),
        .context = task->step.context,
        .is_repeatable = true,
        .then = on_states,
    };

    if (tryton_write_parameters(task->call, parameters, 2, &step.parameters))
        tryton_task_run(task, &step);
}

static void on_pressed(struct tryton_task *task, const struct gw_value *wire,
                       const struct gw_connector_failure *failure)
{
    const struct press *pressed = task->own;
    bool is_in_doubt = failure != NULL && failure->error == GW_CONNECTOR_IN_DOUBT;

    if (failure != NULL && (!is_in_doubt || pressed->expected.count == 0)) {
        tryton_fail_or_missing(task, failure, &pressed->ids);
        return;
    }
    struct press *press = gw_arena_alloc(task->call->arena, sizeof(*press));
    if (press == NULL) {
        tryton_task_fail_memory(task);
        return;
    }
    *press = *pressed;
    press->result = wire != NULL ? *wire : gw_value_null();
    if (failure != NULL)
        press->failure = *failure;
    task->own = press;
    if (press->expected.count > 0)
        look(task, press);
    else
        finish_press(task, press, NULL);
}

/* A text, or a list of some. */
static bool read_expected(struct gw_connector_call *call, struct gw_value *out_list)
{
    const struct gw_value *expect = gw_value_member(&call->arguments, GW_STR("expect"));

    *out_list = gw_value_array(NULL, 0);
    if (expect == NULL || expect->type == GW_JSON_NULL)
        return true;
    *out_list = expect->type == GW_JSON_ARRAY ? *expect : gw_value_array(expect, 1);
    bool is_right = out_list->count > 0;
    for (uint32_t i = 0; is_right && i < out_list->count; i++)
        is_right = out_list->items[i].type == GW_JSON_STRING;
    if (!is_right)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG,
                               "`expect` is neither a state nor a list of some");
    return is_right;
}

static bool read_press(struct gw_connector_call *call, struct press *press)
{
    struct gw_value field;

    if (!tryton_read_ids(call, &press->ids) || !read_expected(call, &press->expected) ||
        !tryton_read_method(call, "button", &press->button) ||
        !tryton_read_typed(call, "field", GW_JSON_STRING, gw_value_string(GW_STR("state")), &field))
        return false;
    press->field = field.text;
    return true;
}

void tryton_begin_button(void *self, struct gw_connector_call *call)
{
    struct press *press = gw_arena_calloc(call->arena, 1, sizeof(*press));
    struct tryton_step step = {.is_write = true, .then = on_pressed};

    if (press == NULL) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
        return;
    }
    if (!read_press(call, press) || !tryton_read_object(call, "model", "model", &step.object) ||
        !tryton_read_context(call, &step.context) ||
        !tryton_write_parameters(call, &press->ids.list, 1, &step.parameters))
        return;
    step.method = press->button;
    struct tryton_task *task = tryton_task_create(self, call);
    if (task == NULL)
        return;
    task->own = press;
    tryton_task_run(task, &step);
}
