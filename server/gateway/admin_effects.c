/* Effects over the admin listener: those in doubt or dead, and what an operator knows of one. See
 * store/effect_index.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/gateway/admin_act.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/server_state.h"
#include "server/store/effect_index.h"
#include "server/store/record.h"
#include "server/store/reply.h"

#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)
#define MAX_ITEMS 1000
#define DEFAULT_ITEMS "100"
#define MAX_RESULT_BYTES ((size_t)64 * 1024)

const struct gw_option gw_admin_effects_fields[] = {
    {.name = "backend", .type = GW_STRING, .min = 1, .max = 255, .flags = GW_OPTION_REQUIRED},
    {.name = "key", .type = GW_STRING, .min = 1, .max = 1024, .flags = GW_OPTION_REQUIRED},
    {.name = "outcome",
     .type = GW_ENUM,
     .words = "executed not-executed",
     .flags = GW_OPTION_REQUIRED},
    {.name = "result", .type = GW_ANY},
    {0},
};

struct pending { /* one request under way */
    struct gw_list node;
    struct gw_exchange *ex; /* NULL: the client has left */

    /* a list */
    struct gw_effect_sweep sweep;
    struct gw_str list_args[GW_EFFECT_LIST_ARGS];
    json_t *items;
    uint64_t limit;
    char limit_text[24];

    /* a resolution */
    struct gw_record_write write;
    struct gw_admin_act *act;
    struct gw_effect_names names;
    struct gw_str keys[GW_EFFECT_KEYS];
    struct gw_str resolve_args[GW_EFFECT_RESOLVE_ARGS];
    char *result_text;
    int64_t result, rest_ms;
    char backend[]; /* whose effects are listed */
};

static void free_pending(struct pending *pending)
{
    gw_effect_sweep_stop(&pending->sweep);
    gw_record_write_stop(&pending->write);
    gw_list_remove(&pending->node);
    json_decref(pending->items);
    free(pending->result_text);
    free(pending);
}

static struct pending *make_pending(struct gw_server *server, struct gw_exchange *ex, size_t bytes)
{
    struct pending *pending = calloc(1, sizeof(*pending) + bytes);

    if (pending == NULL) {
        gw_admin_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    pending->ex = ex;
    gw_list_append(&server->effects_pending, &pending->node);
    return pending;
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    struct pending *pending = self;

    (void)ex;
    pending->ex = NULL;
}

static void wait_for(struct pending *pending)
{
    pending->ex->cancel = on_client_left;
    pending->ex->cancel_self = pending;
}

/* --- listing --- */

static uint64_t number_at(const struct gw_reply *item, size_t index)
{
    uint64_t number = 0;
    const struct gw_reply *part = &item->items[index];

    if (part->type == GW_REPLY_INTEGER)
        return part->integer > 0 ? (uint64_t)part->integer : 0;
    return part->type == GW_REPLY_STRING && gw_str_to_u64(part->text, &number) == 0 ? number : 0;
}

static void set_time(json_t *object, const char *name, uint64_t unix_ms)
{
    json_t *seconds = json_integer((json_int_t)(unix_ms / 1000));

    gw_admin_set_time(object, name, seconds);
    json_decref(seconds);
}

static json_t *show(const struct gw_reply *item)
{
    static const struct {
        const char *name;
        enum gw_effect_list_item index;
    } texts[] = {
        {"backend", GW_EFFECT_ITEM_BACKEND}, {"key", GW_EFFECT_ITEM_KEY},
        {"class", GW_EFFECT_ITEM_CLASS},     {"function", GW_EFFECT_ITEM_FUNCTION},
        {"flow", GW_EFFECT_ITEM_FLOW},       {"request_id", GW_EFFECT_ITEM_REQUEST},
    };
    json_t *shown = json_object();

    if (shown == NULL)
        return NULL;
    bool is_dead = gw_str_equal(item->items[GW_EFFECT_ITEM_STATE].text, GW_STR("dead"));
    gw_admin_set_text(shown, "state", is_dead ? GW_STR("dead") : GW_STR("in-doubt"));
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
        gw_admin_set_text(shown, texts[i].name, item->items[texts[i].index].text);
    json_object_set_new(shown, "attempts",
                        json_integer((json_int_t)number_at(item, GW_EFFECT_ITEM_FENCE)));
    set_time(shown, "first", number_at(item, GW_EFFECT_ITEM_FIRST));
    set_time(shown, "since", number_at(item, GW_EFFECT_ITEM_SINCE));
    json_object_set_new(
        shown, "settled_in_s",
        json_integer((json_int_t)((number_at(item, GW_EFFECT_ITEM_SETTLED) + 999) / 1000)));
    json_object_set_new(shown, "forgotten_in_s",
                        json_integer((json_int_t)(number_at(item, GW_EFFECT_ITEM_TTL) / 1000)));
    return shown;
}

static void on_part(struct gw_effect_sweep *sweep, const struct gw_reply *reply)
{
    struct pending *pending = GW_CONTAINER_OF(sweep, struct pending, sweep);

    for (size_t i = 0; i < reply->count; i++) {
        const struct gw_reply *item = &reply->items[i];
        if (item->type == GW_REPLY_ARRAY && item->count == GW_EFFECT_LIST_ITEMS)
            json_array_append_new(pending->items, show(item));
    }
}

static int compare(const void *left, const void *right)
{
    const json_t *const *a = left, *const *b = right;
    const char *first = json_string_value(json_object_get(*a, "since"));
    const char *second = json_string_value(json_object_get(*b, "since"));

    return strcmp(first != NULL ? first : "", second != NULL ? second : "");
}

/* The oldest first; what is beyond the limit is cut off. NULL without memory. */
static json_t *sorted(const json_t *items, size_t limit)
{
    size_t count = json_array_size(items);
    json_t **order = calloc(count + 1, sizeof(json_t *));
    json_t *list = json_array();

    for (size_t i = 0; order != NULL && i < count; i++)
        order[i] = json_array_get(items, i);
    if (order != NULL)
        qsort(order, count, sizeof(json_t *), compare);
    for (size_t i = 0; order != NULL && i < count && i < limit; i++)
        json_array_append(list, order[i]);
    if (order == NULL) {
        json_decref(list);
        list = NULL;
    }
    free(order);
    return list;
}

static void on_listed(struct gw_effect_sweep *sweep, int rc)
{
    struct pending *pending = GW_CONTAINER_OF(sweep, struct pending, sweep);
    struct gw_exchange *ex = pending->ex;
    json_t *list = rc == 0 ? sorted(pending->items, (size_t)pending->limit) : NULL;

    if (ex != NULL) {
        ex->cancel = NULL;
        if (rc != 0)
            gw_admin_refuse(ex, "unavailable", "Records cannot be read now.");
        else
            gw_admin_answer_value(
                ex, 200,
                json_pack("{s:O?,s:b}", "items", list, "more",
                          json_array_size(pending->items) > json_array_size(list)));
    }
    json_decref(list);
    free_pending(pending);
}

void gw_admin_effects_list(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct gw_str backend = gw_admin_query(ex, GW_STR("backend"));
    struct gw_str wanted = gw_admin_query(ex, GW_STR("limit"));
    uint64_t limit;

    (void)body;
    if (wanted.ptr == NULL)
        wanted = GW_STR(DEFAULT_ITEMS);
    if (gw_str_to_u64(wanted, &limit) != 0 || limit == 0 || limit > MAX_ITEMS) {
        gw_admin_refuse(ex, "invalid-parameter", "limit must be a number from 1 to 1000.");
        return;
    }
    struct pending *pending = make_pending(server, ex, backend.len);
    if (pending == NULL)
        return;
    pending->limit = limit;
    /* One more than is shown, to know whether there is more. */
    snprintf(pending->limit_text, sizeof(pending->limit_text), "%u", (unsigned)limit + 1);
    if (backend.len > 0)
        memcpy(pending->backend, backend.ptr, backend.len);
    pending->list_args[0] = gw_str_of(pending->limit_text);
    pending->list_args[1] = gw_str_from(pending->backend, backend.len);
    pending->items = json_array();
    pending->sweep.script = &gw_effect_list_script;
    pending->sweep.args = pending->list_args;
    pending->sweep.arg_count = GW_EFFECT_LIST_ARGS;
    pending->sweep.timeout_ns = TIMEOUT_NS;
    pending->sweep.on_part = on_part;
    pending->sweep.on_done = on_listed;
    if (gw_effect_sweep_start(&pending->sweep, server->main_worker.redis) != 0) {
        gw_admin_refuse(ex, "unavailable", "Records cannot be read now.");
        free_pending(pending);
        return;
    }
    wait_for(pending);
}

/* --- resolving --- */

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct pending *pending = GW_CONTAINER_OF(write, struct pending, write);

    pending->result = reply->type == GW_REPLY_ARRAY ? gw_reply_integer_at(reply, 0) : -1;
    pending->rest_ms = reply->type == GW_REPLY_ARRAY ? gw_reply_integer_at(reply, 1) : 0;
    return pending->result == GW_EFFECT_RESOLVED;
}

static void answer_resolved(struct gw_exchange *ex, const struct pending *pending, int rc)
{
    if (rc != 0 || pending->result < 0) {
        gw_admin_refuse(ex, "unavailable", "It is not known whether this was done: look first.");
    } else if (pending->result == GW_EFFECT_RESOLVED) {
        ex->response.status = 204;
        gw_admin_respond(ex);
    } else if (pending->result == GW_EFFECT_ABSENT) {
        gw_admin_refuse(ex, "not-found", "Nothing is known of this effect.");
    } else if (pending->result == GW_EFFECT_KNOWN) {
        gw_admin_refuse(ex, "conflict", "Its outcome is known: it was executed.");
    } else {
        struct gw_str detail = gw_arena_printf(
            &ex->arena, "It may still be under way at the backend: come again in %lld s.",
            (long long)(pending->rest_ms + 999) / 1000);
        gw_admin_refuse(ex, "conflict", detail.ptr);
    }
}

static void on_resolved(struct gw_record_write *write, int rc)
{
    struct pending *pending = GW_CONTAINER_OF(write, struct pending, write);
    struct gw_exchange *ex = pending->ex;
    const char *outcome = rc == -ENOTCONN || rc == -EPROTO        ? "failed"
                          : rc != 0 || pending->result < 0        ? "unknown"
                          : pending->result == GW_EFFECT_RESOLVED ? "done"
                                                                  : "refused";
    bool is_recorded = gw_admin_act_end(pending->act, outcome) == 0;

    if (ex != NULL) {
        ex->cancel = NULL;
        if (is_recorded)
            answer_resolved(ex, pending, rc);
        else
            gw_admin_refuse(ex, "unavailable", "What came of it could not be recorded.");
    }
    free_pending(pending);
}

/* The result's text, or a refusal: NULL, and it was answered. An absent one is "". */
static char *result_text(struct gw_exchange *ex, const json_t *body, bool is_executed)
{
    const json_t *result = json_object_get(body, "result");
    char *text;

    if (result != NULL && !is_executed) {
        gw_admin_refuse(ex, "invalid-parameter", "What was not executed has no result.");
        return NULL;
    }
    text = result == NULL ? calloc(1, 1) : json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL) {
        gw_admin_refuse(ex, "overloaded", NULL);
    } else if (strlen(text) > MAX_RESULT_BYTES) {
        gw_admin_refuse(ex, "invalid-parameter", "The result is larger than 64 KiB.");
        free(text);
        text = NULL;
    }
    return text;
}

void gw_admin_effects_resolve(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct gw_str outcome = gw_admin_text(body, "outcome");
    bool is_executed = gw_str_equal(outcome, GW_STR("executed"));
    char *text = result_text(ex, body, is_executed);
    struct pending *pending = text != NULL ? make_pending(server, ex, 0) : NULL;

    if (pending == NULL) {
        free(text);
        return;
    }
    pending->result_text = text;
    pending->result = -1;
    if (gw_effect_names_make(gw_admin_text(body, "backend"), gw_admin_text(body, "key"),
                             &pending->names) != 0) {
        gw_admin_refuse(ex, "overloaded", NULL);
        free_pending(pending);
        return;
    }
    pending->act = gw_admin_act_take(ex);
    pending->keys[0] = gw_str_of(pending->names.record);
    pending->keys[1] = gw_str_of(pending->names.index);
    pending->resolve_args[0] = is_executed ? GW_STR("executed") : GW_STR("not-executed");
    pending->resolve_args[1] = gw_str_of(text);
    pending->write = (struct gw_record_write){.on_reply = on_reply, .on_done = on_resolved};
    const struct gw_redis_eval eval = {
        .script = &gw_effect_resolve_script,
        .keys = pending->keys,
        .key_count = GW_EFFECT_KEYS,
        .args = pending->resolve_args,
        .arg_count = GW_EFFECT_RESOLVE_ARGS,
        .timeout_ns = TIMEOUT_NS,
    };
    wait_for(pending);
    if (gw_record_write_start(server->main_worker.record_writer, &pending->write, &eval) != 0)
        on_resolved(&pending->write, -ENOTCONN);
}

void gw_admin_effects_drop(struct gw_server *server)
{
    while (!gw_list_is_empty(&server->effects_pending)) {
        struct pending *pending = GW_LIST_ITEM(server->effects_pending.next, struct pending, node);
        /* There is nobody left to tell if this fails. */
        if (pending->act != NULL)
            (void)gw_admin_act_end(pending->act, "unknown");
        free_pending(pending);
    }
}
