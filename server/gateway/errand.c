#include "server/gateway/errand.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/gateway/admin_route.h"
#include "server/gateway/server_state.h"

#define DEADLINE_NS (5 * GW_NS_PER_SECOND)
#define MAX_ERRANDS 16
#define MAX_PART_BYTES ((size_t)16 * 1024 * 1024)

/* One worker's: its alone until is_over. */
struct gw_errand_part {
    struct gw_errand_part *next;
    struct gw_errand *errand;
    struct gw_buf said; /* a JSON array without its end */
    size_t acted;
    atomic_bool is_over;
};

struct gw_errand {
    struct gw_list node; /* in the server's errands */
    atomic_size_t references;
    struct gw_server *server;
    struct gw_exchange *ex; /* NULL: its client has left */
    struct gw_timer deadline;
    void (*then)(struct gw_server *server, struct gw_exchange *ex,
                 const struct gw_errand_report *report);
    const char *kind;
    char *name, *act; /* "": see the order */
    size_t part_count;
    struct gw_errand_part parts[];
};

static void release(struct gw_errand *errand)
{
    if (atomic_fetch_sub_explicit(&errand->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < errand->part_count; i++)
        gw_buf_finish(&errand->parts[i].said);
    free(errand->name);
    free(errand->act);
    free(errand);
}

/* --- in a worker --- */

static void print(struct gw_errand_part *part, const struct gw_worker_tenant *tenant,
                  const struct gw_worker *worker)
{
    gw_buf_append_text(&part->said, part->said.len == 0 ? "[{\"name\":\"" : ",{\"name\":\"");
    gw_buf_append_json(&part->said, tenant->exhibit->name(tenant));
    if (worker->count > 0)
        gw_buf_printf(&part->said, "\",\"worker\":%u,\"state\":", worker->index);
    else
        gw_buf_append_text(&part->said, "\",\"worker\":\"admin\",\"state\":");
    tenant->exhibit->print(tenant, &part->said);
    gw_buf_append_byte(&part->said, '}');
}

static void do_part(struct gw_errand_part *part, struct gw_worker *worker)
{
    const struct gw_errand *errand = part->errand;
    struct gw_str name = gw_str_of(errand->name);
    struct gw_list *next;

    for (struct gw_list *node = worker->tenants.next; node != &worker->tenants; node = next) {
        struct gw_worker_tenant *tenant = GW_LIST_ITEM(node, struct gw_worker_tenant, node);
        const struct gw_worker_exhibit *exhibit = tenant->exhibit;
        next = node->next;
        if (exhibit == NULL || strcmp(exhibit->kind, errand->kind) != 0 ||
            (name.len > 0 && !gw_str_equal(exhibit->name(tenant), name)))
            continue;
        if (errand->act[0] == '\0')
            print(part, tenant, worker);
        else
            part->acted += exhibit->act(tenant, gw_str_of(errand->act));
    }
}

struct gw_errand_part *gw_errand_put(struct gw_errand_part *part, struct gw_errand_part *list)
{
    part->next = list;
    return part;
}

void gw_errand_do(struct gw_errand_part *list, struct gw_worker *worker)
{
    struct gw_errand_part *first = NULL, *next;

    for (struct gw_errand_part *part = list; part != NULL; part = next) {
        next = part->next;
        first = gw_errand_put(part, first);
    }
    for (struct gw_errand_part *part = first; part != NULL; part = next) {
        next = part->next;
        do_part(part, worker);
        atomic_store_explicit(&part->is_over, true, memory_order_release);
        release(part->errand);
    }
}

void gw_errand_drop(struct gw_errand_part *list)
{
    struct gw_errand_part *next;

    for (struct gw_errand_part *part = list; part != NULL; part = next) {
        next = part->next;
        release(part->errand);
    }
}

/* --- on the main thread --- */

static size_t count_missing(struct gw_errand *errand)
{
    size_t missing = 0;

    for (size_t i = 0; i < errand->part_count; i++)
        missing += !atomic_load_explicit(&errand->parts[i].is_over, memory_order_acquire);
    return missing;
}

static void add_found(json_t *found, struct gw_errand_part *part)
{
    if (part->said.len == 0)
        return;
    gw_buf_append_byte(&part->said, ']');
    json_t *list =
        part->said.has_failed ? NULL : json_loadb(part->said.ptr, part->said.len, 0, NULL);
    (void)json_array_extend(found, list); /* without memory: fewer are told */
    json_decref(list);
}

static void report(struct gw_errand *errand)
{
    struct gw_errand_report report = {.found = json_array(), .missing = count_missing(errand)};
    struct gw_exchange *ex = errand->ex;

    report.workers = errand->part_count - report.missing;
    for (size_t i = 0; i < errand->part_count; i++) {
        struct gw_errand_part *part = &errand->parts[i];
        if (!atomic_load_explicit(&part->is_over, memory_order_acquire))
            continue;
        report.acted += part->acted;
        add_found(report.found, part);
    }
    ex->cancel = NULL;
    errand->then(errand->server, ex, &report);
    json_decref(report.found);
}

static void end(struct gw_errand *errand)
{
    gw_timer_stop(&errand->deadline);
    gw_list_remove(&errand->node);
    errand->server->errand_count--;
    if (errand->ex != NULL)
        report(errand);
    release(errand);
}

static void on_deadline(struct gw_timer *timer)
{
    end(GW_CONTAINER_OF(timer, struct gw_errand, deadline));
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    struct gw_errand *errand = self;

    (void)ex;
    errand->ex = NULL;
}

void gw_errands_progress(struct gw_server *server)
{
    struct gw_list *next;

    for (struct gw_list *node = server->errands.next; node != &server->errands; node = next) {
        struct gw_errand *errand = GW_LIST_ITEM(node, struct gw_errand, node);
        next = node->next;
        if (count_missing(errand) == 0)
            end(errand);
    }
}

void gw_errands_finish(struct gw_server *server)
{
    while (!gw_list_is_empty(&server->errands)) {
        struct gw_errand *errand = GW_LIST_ITEM(server->errands.next, struct gw_errand, node);
        errand->ex = NULL;
        end(errand);
    }
}

static struct gw_errand *create(struct gw_server *server, const struct gw_errand_order *order)
{
    size_t part_count = server->worker_count + 1;
    struct gw_errand *errand = calloc(1, sizeof(*errand) + part_count * sizeof(errand->parts[0]));

    if (errand == NULL)
        return NULL;
    errand->kind = order->kind;
    errand->name = gw_str_duplicate(order->name);
    errand->act = gw_str_duplicate(order->act);
    errand->server = server;
    errand->part_count = part_count;
    atomic_init(&errand->references, 1);
    if (errand->name == NULL || errand->act == NULL) {
        release(errand);
        return NULL;
    }
    for (size_t i = 0; i < part_count; i++) {
        errand->parts[i].errand = errand;
        gw_buf_init(&errand->parts[i].said, MAX_PART_BYTES);
    }
    atomic_init(&errand->references, 1 + part_count);
    return errand;
}

void gw_errand_start(struct gw_server *server, const struct gw_errand_order *order,
                     struct gw_exchange *ex,
                     void (*then)(struct gw_server *server, struct gw_exchange *ex,
                                  const struct gw_errand_report *report))
{
    struct gw_errand *errand = server->errand_count >= MAX_ERRANDS ? NULL : create(server, order);

    if (errand == NULL) {
        gw_admin_refuse(ex, "overloaded", NULL);
        return;
    }
    errand->then = then;
    errand->ex = ex;
    ex->cancel = on_client_left;
    ex->cancel_self = errand;
    gw_list_append(&server->errands, &errand->node);
    server->errand_count++;
    gw_timer_start(server->loop, &errand->deadline, DEADLINE_NS, on_deadline);
    for (size_t i = 0; i < server->worker_count; i++)
        gw_worker_give(server->workers[i], &errand->parts[i]);
    gw_errand_do(gw_errand_put(&errand->parts[server->worker_count], NULL), &server->main_worker);
    gw_errands_progress(server); /* without workers that was all */
}
