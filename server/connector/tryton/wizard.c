#include "server/connector/tryton/functions.h"
#include "server/core/buf.h"

#define MAX_STEPS 32

/* A wizard lives on the server between its steps; whatever becomes of it, it is deleted. */
struct walk {
    const struct gw_value *steps; /* {state, values} each */
    uint32_t count, next;
    struct gw_str expected; /* where it shall stand in the end; "end": nowhere */
    struct gw_str object;   /* "wizard.NAME" */
    const struct gw_value *context;
    struct gw_str active;   /* what it is about, for the context */
    struct gw_value key;    /* of the wizard's session */
    struct gw_value answer; /* of the last step, as on the wire */
    struct gw_connector_failure failure;
};

static void execute(struct tryton_task *task, struct walk *walk);

/* --- the end ---------------------------------------------------------------------------------- */

/* The state that waits for somebody to fill in a form; empty: it has ended. */
static struct gw_str view_state(const struct walk *walk)
{
    const struct gw_value *view = gw_value_member(&walk->answer, GW_STR("view"));
    struct gw_str state = gw_value_member_text(view, GW_STR("state"));

    return view == NULL || view->type != GW_JSON_OBJECT ? GW_STR("") : state;
}

/* {"state": of the form that waits or null, "values": of that form, "actions": [...]} */
static void finish(struct tryton_task *task, const struct walk *walk)
{
    const struct gw_value *view = gw_value_member(&walk->answer, GW_STR("view"));
    const struct gw_value *defaults = gw_value_member(view, GW_STR("defaults"));
    const struct gw_value *actions = gw_value_member(&walk->answer, GW_STR("actions"));
    struct gw_str state = view_state(walk);
    struct gw_value_builder builder = {.arena = task->call->arena};

    if (gw_value_add_member(&builder, GW_STR("state"),
                            state.len > 0 ? gw_value_string(state) : gw_value_null()) != 0 ||
        gw_value_add_member(&builder, GW_STR("values"),
                            defaults != NULL ? *defaults : gw_value_null()) != 0 ||
        gw_value_add_member(&builder, GW_STR("actions"),
                            actions != NULL ? *actions : gw_value_array(NULL, 0)) != 0) {
        tryton_task_fail_memory(task);
        return;
    }
    const struct gw_value whole = gw_value_built_object(&builder);
    tryton_task_done_wire(task, &whole);
}

static void on_deleted(struct tryton_task *task, const struct gw_value *wire,
                       const struct gw_connector_failure *failure)
{
    const struct walk *walk = task->own;
    struct gw_str state = view_state(walk);

    (void)wire;
    (void)failure;              /* what is left behind goes with the user's session */
    task->step.is_write = true; /* what may fail now comes after one */
    if (walk->failure.error != GW_CONNECTOR_OK) {
        tryton_task_fail(task, &walk->failure);
    } else if (!gw_str_equal(state.len > 0 ? state : GW_STR("end"), walk->expected)) {
        struct gw_str reason = gw_arena_printf(task->call->arena, "%.*s stands at \"%.*s\"",
                                               GW_STR_ARG(walk->object), GW_STR_ARG(state));
        tryton_task_fail(task, &(struct gw_connector_failure){
                                   .error = GW_CONNECTOR_CONFLICT,
                                   .code = GW_STR("unexpected-state"),
                                   .reason = reason.ptr == NULL ? GW_STR("") : reason,
                               });
    } else {
        finish(task, walk);
    }
}

/* --- the steps -------------------------------------------------------------------------------- */

/* Runs `method` with the wizard's session, and what is `more`, as parameters. */
static void run(struct tryton_task *task, const struct walk *walk, struct tryton_step step,
                const struct gw_value *more)
{
    const struct gw_value parameters[] = {walk->key, more != NULL ? more[0] : gw_value_null(),
                                          more != NULL ? more[1] : gw_value_null()};

    step.object = walk->object;
    step.context = walk->context;
    step.own_context = walk->active;
    if (tryton_write_parameters(task->call, parameters, more != NULL ? 3 : 1, &step.parameters))
        tryton_task_run(task, &step);
}

static void leave(struct tryton_task *task, const struct walk *walk)
{
    run(task, walk,
        (struct tryton_step){.method = GW_STR("delete"), .is_repeatable = true, .then = on_deleted},
        NULL);
}

static void on_executed(struct tryton_task *task, const struct gw_value *wire,
                        const struct gw_connector_failure *failure)
{
    struct walk *walk = task->own;

    if (failure != NULL) {
        walk->failure = *failure;
        if (walk->next > 0 && failure->error == GW_CONNECTOR_UNAVAILABLE)
            walk->failure.error = GW_CONNECTOR_IN_DOUBT; /* the steps before it were taken */
        leave(task, walk);
        return;
    }
    walk->answer = *wire;
    walk->next++;
    if (walk->next < walk->count)
        execute(task, walk);
    else
        leave(task, walk);
}

static void execute(struct tryton_task *task, struct walk *walk)
{
    const struct gw_value *step = &walk->steps[walk->next];
    const struct gw_value *values = gw_value_member(step, GW_STR("values"));
    const struct gw_value more[] = {values != NULL ? *values : gw_value_object(NULL, 0),
                                    *gw_value_member(step, GW_STR("state"))};

    run(task, walk,
        (struct tryton_step){.method = GW_STR("execute"), .is_write = true, .then = on_executed},
        more);
}

static void on_created(struct tryton_task *task, const struct gw_value *wire,
                       const struct gw_connector_failure *failure)
{
    struct walk *walk = task->own;

    if (failure != NULL) {
        tryton_task_fail(task, failure);
        return;
    }
    if (wire->type != GW_JSON_ARRAY || wire->count != 3) {
        gw_connector_fail_with(task->call, GW_CONNECTOR_RUBBISH, "the wizard has no session");
        return;
    }
    walk->key = wire->items[0];
    execute(task, walk);
}

/* --- the arguments ---------------------------------------------------------------------------- */

/* All of them, before the first is gone. */
static bool are_writable(struct gw_connector_call *call, const struct walk *walk)
{
    struct gw_str unused;
    bool is_right = true;

    for (uint32_t i = 0; is_right && i < walk->count; i++)
        is_right = tryton_write_parameters(call, &walk->steps[i], 1, &unused);
    return is_right;
}

static bool read_steps(struct gw_connector_call *call, struct walk *walk)
{
    const struct gw_value *steps = gw_value_member(&call->arguments, GW_STR("steps"));
    bool is_right = steps->type == GW_JSON_ARRAY && steps->count > 0 && steps->count <= MAX_STEPS;

    for (uint32_t i = 0; is_right && i < steps->count; i++) {
        const struct gw_value *values = gw_value_member(&steps->items[i], GW_STR("values"));
        is_right = gw_value_member_text(&steps->items[i], GW_STR("state")).len > 0 &&
                   (values == NULL || values->type == GW_JSON_OBJECT);
    }
    if (!is_right) {
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG,
                               "`steps` is not a list of 1 to %d {state, values}", MAX_STEPS);
        return false;
    }
    walk->steps = steps->items;
    walk->count = steps->count;
    return are_writable(call, walk);
}

/* ,"active_model":"production","active_id":1,"active_ids":[1] */
static bool write_active(struct gw_connector_call *call, struct walk *walk)
{
    struct gw_str model = gw_value_member_text(&call->arguments, GW_STR("model"));
    struct tryton_ids ids;
    struct gw_buf buf;

    if (gw_value_member(&call->arguments, GW_STR("model")) == NULL)
        return true;
    if (!tryton_read_ids(call, &ids))
        return false;
    gw_buf_init(&buf, (size_t)1 << 20);
    gw_buf_append_text(&buf, ",\"active_model\":\"");
    gw_buf_append_json(&buf, model);
    gw_buf_printf(&buf,
                  "\",\"active_id\":%.*s,\"active_ids\":", GW_STR_ARG(ids.list.items[0].text));
    gw_value_write(&buf, &ids.list);
    walk->active =
        buf.has_failed ? gw_str_from(NULL, 0) : gw_arena_copy(call->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    if (walk->active.ptr == NULL)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "the arguments are too large");
    return walk->active.ptr != NULL;
}

static bool read_walk(struct gw_connector_call *call, struct walk *walk)
{
    struct gw_value expected;

    if (!tryton_read_object(call, "wizard", "wizard", &walk->object) || !read_steps(call, walk) ||
        !tryton_read_context(call, &walk->context) || !write_active(call, walk) ||
        !tryton_read_typed(call, "expect", GW_JSON_STRING, gw_value_string(GW_STR("end")),
                           &expected))
        return false;
    walk->expected = expected.text;
    return true;
}

void tryton_begin_wizard(void *self, struct gw_connector_call *call)
{
    struct walk *walk = gw_arena_calloc(call->arena, 1, sizeof(*walk));

    if (walk == NULL) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
        return;
    }
    if (!read_walk(call, walk))
        return;
    struct tryton_task *task = tryton_task_create(self, call);
    if (task == NULL)
        return;
    task->own = walk;
    tryton_task_run(task, &(struct tryton_step){
                              .object = walk->object,
                              .method = GW_STR("create"),
                              .context = walk->context,
                              .own_context = walk->active,
                              .is_repeatable = true, /* a session that nobody uses harms nobody */
                              .then = on_created,
                          });
}
