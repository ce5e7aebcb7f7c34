#include "server/connector/tryton/functions.h"
#include "server/core/buf.h"

struct search {
    struct gw_connector_failure failure;
    uint32_t count;
};

static void on_counted(struct tryton_task *task, const struct gw_value *wire,
                       const struct gw_connector_failure *failure)
{
    const struct search *search = task->own;
    struct gw_connector_failure told = search->failure;
    uint64_t count;

    (void)failure; /* then nobody knows better than the first one */
    if (wire != NULL && wire->type == GW_JSON_NUMBER && gw_str_to_u64(wire->text, &count) == 0 &&
        count < search->count) {
        told.error = GW_CONNECTOR_NOT_FOUND;
        told.code = GW_STR("missing");
    }
    tryton_task_fail(task, &told);
}

/* [["id","in",[...]]], */
static struct gw_str domain_of(struct gw_arena *arena, const struct tryton_ids *ids)
{
    struct gw_buf buf;

    gw_buf_init(&buf, (size_t)1 << 20);
    gw_buf_append_text(&buf, "[[\"id\",\"in\",");
    gw_value_write(&buf, &ids->list);
    gw_buf_append_text(&buf, "]],");
    struct gw_str text =
        buf.has_failed ? gw_str_from(NULL, 0) : gw_arena_copy(arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return text;
}

void tryton_fail_or_missing(struct tryton_task *task, const struct gw_connector_failure *failure,
                            const struct tryton_ids *ids)
{
    bool is_worth_it =
        failure->error == GW_CONNECTOR_REFUSED && gw_str_equal(failure->code, GW_STR("UserError"));
    struct search *search =
        is_worth_it ? gw_arena_calloc(task->call->arena, 1, sizeof(*search)) : NULL;
    struct gw_str domain =
        search != NULL ? domain_of(task->call->arena, ids) : gw_str_from(NULL, 0);

    if (domain.ptr == NULL) {
        tryton_task_fail(task, failure);
        return;
    }
    *search = (struct search){*failure, ids->list.count};
    task->own = search;
    tryton_task_run(task, &(struct tryton_step){
                              .object = task->step.object,
                              .method = GW_STR("search_count"),
                              .parameters = domain,
                              .context = task->step.context,
                              .own_context = GW_STR(",\"active_test\":false"),
                              .is_repeatable = true,
                              .then = on_counted,
                          });
}
