/* What `use` offers by name. Each is checked once, aloud: the first time that it is named, or at
 * the end if nobody names it; its faults are not told again wherever else it is used. */
#include "server/flow/loading.h"

struct flow_seen {
    struct flow_seen *next;
    const struct gw_value *value;
};

static bool was_seen(const struct flow_loading *loading, const struct gw_value *value)
{
    for (const struct flow_seen *each = loading->seen; each != NULL; each = each->next)
        if (each->value == value)
            return true;
    return false;
}

bool flow_is_seen(struct flow_loading *loading, const struct gw_value *value)
{
    if (was_seen(loading, value))
        return true;
    struct flow_seen *seen = flow_alloc(loading, 1, sizeof(*seen));
    if (seen != NULL) {
        *seen = (struct flow_seen){loading->seen, value};
        loading->seen = seen;
    }
    return false;
}

void flow_quiet_begin(struct flow_loading *loading, struct flow_quiet *quiet, bool is_quiet)
{
    gw_diagnostics_init(&quiet->ignored);
    quiet->outer = loading->diagnostics;
    if (is_quiet)
        loading->diagnostics = &quiet->ignored;
}

void flow_quiet_end(struct flow_loading *loading, struct flow_quiet *quiet)
{
    loading->diagnostics = quiet->outer;
    gw_diagnostics_finish(&quiet->ignored);
}

struct flow_place flow_compile_use(struct flow_loading *loading, const struct flow_place *name,
                                   const char *kind, const char *what)
{
    struct flow_place all = flow_member_of_type(loading, &loading->use, kind, GW_JSON_OBJECT);
    struct flow_place found = flow_named_member(loading, &all, flow_text(name));

    if (found.value == NULL) {
        struct gw_str near = flow_nearest(all.value, flow_text(name));
        flow_error(loading, name, "use.%s has no %s \"%.*s\"%s%.*s%s", kind, what,
                   GW_STR_ARG(flow_text(name)), FLOW_DID_YOU_MEAN(near));
    }
    return found;
}

/* --- functions ----------------------------------------------------------------------------------
 */

struct caller {
    struct gw_str pointer;
    size_t function_len;
    const struct flow_variables *variables;
};

/* The function's task, as one of `pointer`; it sees no variable of its caller. */
static void compile_body(struct flow_loading *loading, const struct flow_place *definition,
                         struct gw_str pointer, const struct flow_list *list)
{
    const struct caller outer = {loading->call_pointer, loading->function_pointer_len,
                                 loading->variables};
    struct flow_quiet quiet;

    flow_quiet_begin(loading, &quiet, flow_is_seen(loading, definition->value));
    loading->function_depth++;
    loading->variables = NULL;
    loading->call_pointer = pointer;
    loading->function_pointer_len = definition->pointer.len;
    flow_compile_task(loading, definition, &list->tasks[0]);
    flow_compile_thens(loading, definition, list, 0);
    loading->function_depth--;
    loading->call_pointer = outer.pointer;
    loading->function_pointer_len = outer.function_len;
    loading->variables = outer.variables;
    flow_quiet_end(loading, &quiet);
}

void flow_compile_function(struct flow_loading *loading, const struct flow_place *call,
                           const struct flow_place *with, struct flow_task *task)
{
    struct flow_place functions = flow_member(loading, &loading->use, "functions");
    struct flow_place definition = flow_named_member(loading, &functions, call->value->text);

    task->kind = FLOW_TASK_FUNCTION;
    flow_compile_value(loading, with, &task->function.with);
    if (loading->function_depth == FLOW_MAX_FUNCTION_DEPTH) {
        if (!loading->is_too_deep)
            flow_error_aloud(loading, call, "functions call each other more than %d deep",
                             FLOW_MAX_FUNCTION_DEPTH);
        loading->is_too_deep = true;
        return;
    }
    struct flow_task *body = flow_alloc(loading, 1, sizeof(*body));
    if (body == NULL)
        return;
    body->name = call->value->text;
    task->function.list = (struct flow_list){body, 1};
    compile_body(loading, &definition, task->pointer, &task->function.list);
}

/* --- what nobody names --------------------------------------------------------------------------
 */

static void check_function(struct flow_loading *loading, const struct flow_place *place)
{
    struct flow_task *task = flow_alloc(loading, 1, sizeof(*task));
    uint32_t task_count = loading->flow->task_count;
    const struct flow_list list = {task, 1};

    if (task != NULL)
        compile_body(loading, place, place->pointer, &list);
    loading->flow->task_count = task_count;
}

static void check_retry(struct flow_loading *loading, const struct flow_place *place)
{
    struct flow_place policy;

    (void)flow_compile_retry(loading, place, &policy);
}

static void check_timeout(struct flow_loading *loading, const struct flow_place *place)
{
    (void)flow_compile_timeout(loading, place);
}

static void check_authentication(struct flow_loading *loading, const struct flow_place *place)
{
    (void)flow_check_object(loading, place, FLOW_AUTHENTICATION);
}

void flow_check_unused(struct flow_loading *loading)
{
    static const struct {
        const char *kind;
        void (*check)(struct flow_loading *loading, const struct flow_place *place);
    } kinds[] = {{"functions", check_function},
                 {"errors", flow_check_error},
                 {"retries", check_retry},
                 {"timeouts", check_timeout},
                 {"authentications", check_authentication}};

    for (size_t i = 0; i < GW_COUNT_OF(kinds); i++) {
        struct flow_place all =
            flow_member_of_type(loading, &loading->use, kinds[i].kind, GW_JSON_OBJECT);
        for (uint32_t k = 0; all.value != NULL && k < all.value->count; k++) {
            struct flow_place place = flow_member_at(loading, &all, k);
            if (place.value->type != GW_JSON_OBJECT)
                flow_error(loading, &place, "must be an object");
            else if (!was_seen(loading, place.value))
                kinds[i].check(loading, &place);
        }
    }
}
