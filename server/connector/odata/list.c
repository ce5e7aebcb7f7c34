/* odata.list: one page, or as many as the server has within the bounds. */
#include <errno.h>

#include "server/connector/odata/answer.h"
#include "server/connector/odata/functions.h"
#include "server/connector/odata/run.h"

struct list {
    struct odata_request request;
    struct gw_value_builder items;
    struct gw_value count; /* as the first page has told it */
    uint32_t pages, max_pages, max_items;
};

/* A bound of the arguments cannot exceed the operator's. */
static bool take_bound(struct odata_run *run, const char *name, uint32_t ceiling,
                       uint32_t *out_bound)
{
    struct gw_error error;
    const struct odata_builder builder = {.arguments = &run->call->arguments, .error = &error};
    int64_t given;

    if (odata_argument_count(&builder, name, &given) != 0) {
        odata_run_fail(run, GW_CONNECTOR_WRONG, 0, error.text);
        return false;
    }
    *out_bound = given > 0 && given < ceiling ? (uint32_t)given : ceiling;
    return true;
}

static bool take_bounds(struct odata_run *run, struct list *list)
{
    const struct odata_settings *settings = &run->odata->settings;
    struct gw_error error;
    const struct odata_builder builder = {.arguments = &run->call->arguments, .error = &error};
    bool follows;

    if (odata_argument_flag(&builder, "follow", &follows) != 0) {
        odata_run_fail(run, GW_CONNECTOR_WRONG, 0, error.text);
        return false;
    }
    return take_bound(run, "maxPages", follows ? settings->max_pages : 1, &list->max_pages) &&
           take_bound(run, "maxItems", settings->max_items, &list->max_items);
}

static void finish(struct odata_run *run, struct list *list, struct gw_str next)
{
    const struct odata_answer whole = {
        .value = gw_value_built_array(&list->items),
        .count = list->count,
        .next = next,
    };
    struct gw_value result;

    if (odata_answer_make_list(run->call->arena, &whole, &result) != 0)
        odata_run_fail_memory(run);
    else
        odata_run_done(run, result);
}

static int add_page(struct list *list, const struct odata_answer *page)
{
    int rc = 0;

    if (list->pages++ == 0)
        list->count = page->count;
    for (uint32_t i = 0; i < page->value.count && rc == 0; i++)
        rc = gw_value_add_item(&list->items, page->value.items[i]);
    return rc;
}

static void on_page(struct odata_run *run, const struct odata_reply *reply);

static void take_page(struct odata_run *run, int status, const struct odata_answer *page)
{
    struct list *list = run->state;

    if (list->items.count + page->value.count > list->max_items) {
        if (list->pages > 0) /* the page that is too much is the caller's next */
            finish(run, list, list->request.query);
        else
            odata_run_fail(run, GW_CONNECTOR_RUBBISH, status,
                           "the answer has more items than maxItems");
    } else if (page->next.len > 0 && gw_str_equal(page->next, list->request.query)) {
        odata_run_fail(run, GW_CONNECTOR_RUBBISH, status, "a page's next is itself");
    } else if (add_page(list, page) != 0) {
        odata_run_fail_memory(run);
    } else if (page->next.len == 0 || list->pages >= list->max_pages) {
        finish(run, list, page->next);
    } else {
        list->request.query = page->next;
        odata_run_send(run, &list->request, on_page);
    }
}

static void on_page(struct odata_run *run, const struct odata_reply *reply)
{
    struct list *list = run->state;
    struct odata_answer page;
    struct gw_error error;

    if (reply->error != GW_CONNECTOR_OK) {
        odata_run_refuse(run, reply);
        return;
    }
    int rc = odata_run_read(run, &list->request, gw_str_from(NULL, 0), reply, &page, &error);
    if (rc == -ENOMEM)
        odata_run_fail_memory(run);
    else if (rc != 0)
        odata_run_fail(run, GW_CONNECTOR_RUBBISH, reply->status, error.text);
    else
        take_page(run, reply->status, &page);
}

void odata_list_begin(void *self, struct gw_connector_call *call)
{
    struct odata_run *run = odata_run_create(self, call, sizeof(struct list));

    if (run == NULL)
        return;
    struct list *list = run->state;
    list->items.arena = call->arena;
    if (take_bounds(run, list) && odata_run_build(run, "list", &list->request))
        odata_run_send(run, &list->request, on_page);
}
