/* Tasks that decide what is done: switch, for, fork, raise, wait. */
#include "server/flow/loading.h"

/* A case is an item of one member: its name, and {when, then}. */
static bool compile_case(struct flow_loading *loading, const struct flow_place *item,
                         struct flow_case *out)
{
    if (!flow_is(item, GW_JSON_OBJECT) || item->value->count != 1) {
        flow_error(loading, item, "a case is an object of one member: its name, and {when, then}");
        return false;
    }
    struct flow_place choice = flow_named_member(loading, item, item->value->members[0].name);
    if (!flow_check_object(loading, &choice, FLOW_CASE))
        return false;
    struct flow_place when = flow_member(loading, &choice, "when");
    flow_compile_expression(loading, &when, &out->when);
    return true;
}

void flow_compile_switch(struct flow_loading *loading, const struct flow_place *place,
                         struct flow_task *task)
{
    struct flow_place list = flow_member(loading, place, "switch");

    if (!flow_is(&list, GW_JSON_ARRAY))
        return; /* told */
    uint32_t count = list.value->count;
    struct flow_case *cases = flow_alloc(loading, count, sizeof(*cases));
    if (count == 0)
        flow_error(loading, &list, "a switch has at least one case");
    bool is_right = cases != NULL;
    bool has_default = false;
    for (uint32_t i = 0; cases != NULL && i < count; i++) {
        struct flow_place item = flow_item(loading, &list, i);
        is_right = compile_case(loading, &item, &cases[i]) && is_right;
        if (has_default)
            flow_error(loading, &item, "is behind a case without `when`, and never reached");
        has_default = cases[i].when.root == NULL && is_right;
    }
    task->choice = (struct flow_switch){cases, is_right ? count : 0};
}

static struct gw_str variable_name(struct flow_loading *loading, const struct flow_place *place,
                                   const char *name)
{
    static const char *const taken[] = {"context",  "input",   "output",        "task",
                                        "workflow", "runtime", "authorization", "secrets"};
    struct gw_str text = flow_text(place);

    if (!flow_is(place, GW_JSON_STRING))
        return gw_str_of(name);
    bool is_name = text.len > 0 && text.len <= 64;
    for (size_t i = 0; is_name && i < text.len; i++) {
        char byte = text.ptr[i];
        is_name = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
                  (i > 0 && byte >= '0' && byte <= '9');
    }
    if (!is_name)
        flow_error(loading, place, "the name of a variable has letters, digits and _");
    for (size_t i = 0; i < GW_COUNT_OF(taken); i++)
        if (gw_str_equal(text, gw_str_of(taken[i])))
            flow_error(loading, place, "$%s has a meaning of its own", taken[i]);
    return text;
}

void flow_compile_for(struct flow_loading *loading, const struct flow_place *place,
                      struct flow_task *task)
{
    struct flow_place what = flow_member_of_type(loading, place, "for", GW_JSON_OBJECT);
    struct flow_place condition = flow_member(loading, place, "while");
    struct flow_place list = flow_member(loading, place, "do");

    if (!flow_check_object(loading, &what, FLOW_FOR_WHAT))
        return;
    struct flow_place each = flow_member(loading, &what, "each");
    struct flow_place at = flow_member(loading, &what, "at");
    struct flow_place in = flow_member(loading, &what, "in");
    task->loop.each = variable_name(loading, &each, "item");
    task->loop.at = variable_name(loading, &at, "index");
    if (gw_str_equal(task->loop.each, task->loop.at))
        flow_error(loading, &what, "`each` and `at` are two variables, and have two names");
    flow_compile_expression(loading, &in, &task->loop.in);
    flow_compile_expression(loading, &condition, &task->loop.condition);
    flow_compile_list(loading, &list, &task->loop.list);
}

/* Nobody stands beside a branch: it can only end. */
static void check_branches(struct flow_loading *loading, const struct flow_place *list,
                           const struct flow_list *branches)
{
    for (uint32_t i = 0; i < branches->count; i++) {
        const struct flow_task *task = &branches->tasks[i];
        bool goes = task->then.kind == FLOW_GO;
        for (uint32_t k = 0; task->kind == FLOW_TASK_SWITCH && k < task->choice.count; k++)
            goes |= task->choice.cases[k].then.kind == FLOW_GO;
        struct flow_place item = flow_item(loading, list, i);
        if (goes)
            flow_error(loading, &item, "a branch cannot go to another one");
    }
}

void flow_compile_fork(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task)
{
    struct flow_place what = flow_member_of_type(loading, place, "fork", GW_JSON_OBJECT);

    if (!flow_check_object(loading, &what, FLOW_FORK_WHAT))
        return;
    struct flow_place branches = flow_member(loading, &what, "branches");
    struct flow_place compete = flow_member(loading, &what, "compete");
    task->fork.competes = flow_is(&compete, GW_JSON_TRUE);
    flow_compile_list(loading, &branches, &task->fork.branches);
    if (flow_is(&branches, GW_JSON_ARRAY) && branches.value->count == 0)
        flow_error(loading, &branches, "a fork has at least one branch");
    check_branches(loading, &branches, &task->fork.branches);
}

static void check_status(struct flow_loading *loading, const struct flow_place *error)
{
    struct flow_place status = flow_member(loading, error, "status");
    struct gw_str inner;
    int64_t number;

    if (flow_is(&status, GW_JSON_STRING) && !flow_is_expression(status.value->text, &inner))
        flow_error(loading, &status, "a status is a number, or an expression ${ ... }");
    if (flow_is(&status, GW_JSON_NUMBER) &&
        (flow_integer_of(status.value, &number) != 0 || number < 400 || number > 599))
        flow_error(loading, &status, "the status of an error is 400 to 599");
}

void flow_compile_raise(struct flow_loading *loading, const struct flow_place *place,
                        struct flow_task *task)
{
    struct flow_place what = flow_member_of_type(loading, place, "raise", GW_JSON_OBJECT);

    if (!flow_check_object(loading, &what, FLOW_RAISE_WHAT))
        return;
    struct flow_place error = flow_member(loading, &what, "error");
    if (flow_is(&error, GW_JSON_STRING))
        error = flow_compile_use(loading, &error, "errors", "error");
    if (!flow_is(&error, GW_JSON_OBJECT) || !flow_check_object(loading, &error, FLOW_ERROR))
        return;
    check_status(loading, &error);
    flow_compile_value(loading, &error, &task->raise);
}

void flow_compile_wait(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task)
{
    struct flow_place wait = flow_member(loading, place, "wait");
    struct flow_template_builder builder;
    struct gw_value number;
    struct gw_str inner;

    if (flow_is_expression(flow_text(&wait), &inner)) {
        flow_compile_expression(loading, &wait, &task->wait);
        return;
    }
    uint64_t ns = flow_compile_duration(loading, &wait);
    if (gw_value_integer(loading->arena, (int64_t)ns, &number) != 0) {
        loading->has_no_memory = true;
        return;
    }
    flow_template_begin(&builder, loading);
    flow_template_end(&builder, flow_literal_node(number), &task->wait);
}
