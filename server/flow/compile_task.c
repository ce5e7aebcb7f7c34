/* Tasks of the document: what all have in common, and which kind each is. */
#include "server/flow/loading.h"

struct task_kind {
    const char *key; /* its presence says what the task is */
    enum flow_object object;
    enum flow_task_kind kind;
    void (*compile)(struct flow_loading *loading, const struct flow_place *place,
                    struct flow_task *task); /* NULL: not offered */
};

static void compile_do(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task)
{
    struct flow_place list = flow_member(loading, place, "do");

    flow_compile_list(loading, &list, &task->list);
}

static void compile_set(struct flow_loading *loading, const struct flow_place *place,
                        struct flow_task *task)
{
    struct flow_place value = flow_member(loading, place, "set");
    struct gw_str inner;

    if (flow_is(&value, GW_JSON_STRING) && !flow_is_expression(value.value->text, &inner))
        flow_error(loading, &value, "\"set\" is an object, or one expression ${ ... }");
    flow_compile_value(loading, &value, &task->set);
}

/* `for` stands before `do`, which it has, too. */
static const struct task_kind kinds[] = {
    {"for", FLOW_FOR, FLOW_TASK_FOR, flow_compile_for},
    {"try", FLOW_TRY, FLOW_TASK_TRY, flow_compile_try},
    {"set", FLOW_SET, FLOW_TASK_SET, compile_set},
    {"call", FLOW_CALL, FLOW_TASK_CONNECTOR, flow_compile_call},
    {"switch", FLOW_SWITCH, FLOW_TASK_SWITCH, flow_compile_switch},
    {"fork", FLOW_FORK, FLOW_TASK_FORK, flow_compile_fork},
    {"raise", FLOW_RAISE, FLOW_TASK_RAISE, flow_compile_raise},
    {"wait", FLOW_WAIT, FLOW_TASK_WAIT, flow_compile_wait},
    {"emit", FLOW_OBJECT_COUNT, FLOW_TASK_DO, NULL},
    {"listen", FLOW_OBJECT_COUNT, FLOW_TASK_DO, NULL},
    {"run", FLOW_OBJECT_COUNT, FLOW_TASK_DO, NULL},
    {"do", FLOW_DO, FLOW_TASK_DO, compile_do},
};

#define OFFERED "call, do, for, fork, raise, set, switch, try or wait"

static void tell_no_kind(struct flow_loading *loading, const struct flow_place *place)
{
    if (place->value->count == 1) {
        struct gw_similar similar;
        gw_similar_init(&similar, place->value->members[0].name);
        for (size_t i = 0; i < GW_COUNT_OF(kinds); i++)
            gw_similar_offer(&similar, gw_str_of(kinds[i].key));
        if (similar.best.ptr != NULL) {
            flow_error(loading, place, "\"%.*s\" is no kind of task; did you mean \"%.*s\"?",
                       GW_STR_ARG(place->value->members[0].name), GW_STR_ARG(similar.best));
            return;
        }
    }
    flow_error(loading, place, "a task is one of " OFFERED);
}

static const struct task_kind *kind_of(struct flow_loading *loading, const struct flow_place *place)
{
    for (size_t i = 0; i < GW_COUNT_OF(kinds); i++) {
        struct flow_place key = flow_member(loading, place, kinds[i].key);
        if (key.value == NULL)
            continue;
        if (kinds[i].compile != NULL)
            return &kinds[i];
        flow_error_at_key(loading, &key, "\"%s\" is not supported: a task is one of " OFFERED,
                          kinds[i].key);
        return NULL;
    }
    tell_no_kind(loading, place);
    return NULL;
}

static void compile_filter(struct flow_loading *loading, const struct flow_place *place,
                           const char *name, struct flow_filter *out)
{
    struct flow_place filter = flow_member(loading, place, name);
    bool is_input = strcmp(name, "input") == 0;

    out->schema = FLOW_NONE;
    if (!flow_is(&filter, GW_JSON_OBJECT) ||
        !flow_check_object(loading, &filter, is_input ? FLOW_INPUT : FLOW_OUTPUT))
        return;
    struct flow_place by = flow_member(loading, &filter, is_input ? "from" : "as");
    struct flow_place schema = flow_member(loading, &filter, "schema");
    flow_compile_filter(loading, &by, &out->by);
    out->schema = flow_compile_schema(loading, &schema);
}

static void compile_filters(struct flow_loading *loading, const struct flow_place *place,
                            struct flow_task *task)
{
    compile_filter(loading, place, "input", &task->input);
    compile_filter(loading, place, "output", &task->output);
    compile_filter(loading, place, "export", &task->export);
}

/* A function's tasks stand below the task that calls it: so no two have one pointer, and no two
 * writes one key. */
static struct gw_str task_pointer(struct flow_loading *loading, const struct flow_place *place)
{
    if (loading->call_pointer.ptr == NULL)
        return place->pointer;
    struct gw_str pointer =
        gw_arena_join(loading->arena,
                      (struct gw_str[]){loading->call_pointer, GW_STR("/call"),
                                        gw_str_tail(place->pointer, loading->function_pointer_len)},
                      3);
    loading->has_no_memory |= pointer.ptr == NULL;
    return pointer;
}

void flow_compile_task(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_task *task)
{
    task->pointer = task_pointer(loading, place);
    task->input.schema = task->output.schema = task->export.schema = FLOW_NONE;
    if (++loading->flow->task_count > GW_MAX_FLOW_TASKS) {
        if (loading->flow->task_count == GW_MAX_FLOW_TASKS + 1)
            flow_error(loading, place, "more than %d tasks", GW_MAX_FLOW_TASKS);
        return;
    }
    if (!flow_is(place, GW_JSON_OBJECT)) {
        flow_error(loading, place, "a task is an object: one of " OFFERED);
        return;
    }
    const struct task_kind *kind = kind_of(loading, place);
    if (kind == NULL || loading->has_no_memory || !flow_check_object(loading, place, kind->object))
        return;
    task->kind = kind->kind;
    task->definition = *place->value;
    struct flow_place condition = flow_member(loading, place, "if");
    struct flow_place timeout = flow_member(loading, place, "timeout");
    flow_compile_expression(loading, &condition, &task->condition);
    task->timeout_ns = flow_compile_timeout(loading, &timeout);
    compile_filters(loading, place, task);
    kind->compile(loading, place, task);
}

void flow_compile_then(struct flow_loading *loading, const struct flow_place *place,
                       const struct flow_list *list, struct flow_directive *out)
{
    static const struct {
        struct gw_str word;
        enum flow_directive_kind kind;
    } words[] = {{GW_STR_INIT("continue"), FLOW_CONTINUE},
                 {GW_STR_INIT("exit"), FLOW_EXIT},
                 {GW_STR_INIT("end"), FLOW_END}};
    struct gw_str text = flow_text(place);
    struct gw_similar similar;

    if (!flow_is(place, GW_JSON_STRING))
        return; /* not given, or told */
    gw_similar_init(&similar, text);
    for (size_t i = 0; i < GW_COUNT_OF(words); i++) {
        gw_similar_offer(&similar, words[i].word);
        if (!gw_str_equal(text, words[i].word))
            continue;
        out->kind = words[i].kind;
        return;
    }
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        gw_similar_offer(&similar, list->tasks[i].name);
        if (!gw_str_equal(text, list->tasks[i].name))
            continue;
        *out = (struct flow_directive){FLOW_GO, i};
        return;
    }
    flow_error(loading, place, "\"%.*s\" is no task of the same list%s%.*s%s", GW_STR_ARG(text),
               FLOW_DID_YOU_MEAN(similar.best));
}

/* The one member of an item: the task's name and itself. */
static bool name_task(struct flow_loading *loading, const struct flow_place *item,
                      struct flow_list *list, uint32_t at)
{
    if (!flow_is(item, GW_JSON_OBJECT) || item->value->count != 1) {
        flow_error(loading, item,
                   "an item of a list of tasks is an object of one member: the "
                   "task's name, and the task");
        return false;
    }
    struct gw_str name = item->value->members[0].name;
    list->tasks[at].name = name;
    for (uint32_t i = 0; i < at; i++)
        if (gw_str_equal(list->tasks[i].name, name))
            flow_error(loading, item, "\"%.*s\" is the name of two tasks of this list",
                       GW_STR_ARG(name));
    if (gw_str_equal(name, GW_STR("continue")) || gw_str_equal(name, GW_STR("exit")) ||
        gw_str_equal(name, GW_STR("end")))
        flow_error(loading, item, "\"%.*s\" is a word of `then`, and no name of a task",
                   GW_STR_ARG(name));
    return true;
}

static void compile_thens(struct flow_loading *loading, const struct flow_place *place,
                          const struct flow_list *list, uint32_t at)
{
    struct flow_task *task = &list->tasks[at];
    struct flow_place then = flow_member(loading, place, "then");

    flow_compile_then(loading, &then, list, &task->then);
    if (task->kind != FLOW_TASK_SWITCH)
        return;
    struct flow_place cases = flow_member(loading, place, "switch");
    for (uint32_t i = 0; i < task->choice.count; i++) {
        struct flow_place item = flow_item(loading, &cases, i);
        struct flow_place choice = flow_named_member(loading, &item, item.value->members[0].name);
        then = flow_member(loading, &choice, "then");
        flow_compile_then(loading, &then, list,
                          (struct flow_directive *)&task->choice.cases[i].then);
    }
}

void flow_compile_list(struct flow_loading *loading, const struct flow_place *place,
                       struct flow_list *out)
{
    if (!flow_is(place, GW_JSON_ARRAY))
        return; /* told */
    uint32_t count = place->value->count;
    out->tasks = flow_alloc(loading, count, sizeof(*out->tasks));
    if (out->tasks == NULL)
        return;
    out->count = count;
    bool is_named = true;
    for (uint32_t i = 0; i < count; i++) {
        struct flow_place item = flow_item(loading, place, i);
        is_named = name_task(loading, &item, out, i) && is_named;
    }
    for (uint32_t i = 0; is_named && i < count && !loading->has_no_memory; i++) {
        struct flow_place item = flow_item(loading, place, i);
        struct flow_place task = flow_named_member(loading, &item, out->tasks[i].name);
        flow_compile_task(loading, &task, &out->tasks[i]);
        compile_thens(loading, &task, out, i);
    }
}

void flow_compile_workflow(struct flow_loading *loading, const struct flow_place *root)
{
    struct flow_task *task = &loading->flow->root;
    struct flow_place timeout = flow_member(loading, root, "timeout");

    task->kind = FLOW_TASK_DO;
    task->name =
        gw_value_member_text(gw_value_member(root->value, GW_STR("document")), GW_STR("name"));
    task->pointer = GW_STR("");
    task->definition = *root->value;
    task->timeout_ns = flow_compile_timeout(loading, &timeout);
    compile_filters(loading, root, task);
    compile_do(loading, root, task);
    if (task->list.count == 0 &&
        flow_is(&(struct flow_place){gw_value_member(root->value, GW_STR("do")), root->pointer},
                GW_JSON_ARRAY))
        flow_error(loading, root, "\"do\" has no task");
}
