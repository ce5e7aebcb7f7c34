/* Keyed requests over the admin listener: what is known of one, and what an operator knows of its
 * outcome. The record is found by the consumer, the operation and the key; see
 * store/keyed_record.h. */
#include <errno.h>
#include <stdlib.h>

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/gateway/admin_act.h"
#include "server/gateway/admin_record.h"
#include "server/gateway/server_state.h"
#include "server/store/keyed_record.h"
#include "server/store/record.h"
#include "server/store/reply.h"

#define TIMEOUT_NS GW_NS_PER_SECOND
#define RESOLVED_TTL "86400000" /* ms: what an operator has said is known for a day */

const struct gw_option gw_admin_keyed_fields[] = {
    {.name = "consumer", .type = GW_STRING, .max = 600, .value = "\"\""},
    {.name = "operation", .type = GW_STRING, .min = 1, .max = 2048, .flags = GW_OPTION_REQUIRED},
    {.name = "key", .type = GW_STRING, .min = 1, .max = 255, .flags = GW_OPTION_REQUIRED},
    {.name = "outcome",
     .type = GW_ENUM,
     .words = "executed not-executed",
     .flags = GW_OPTION_REQUIRED},
    {0},
};

struct pending { /* one script under way */
    struct gw_list node;
    struct gw_record_write write;
    struct gw_exchange *ex; /* NULL: the client has left */
    struct gw_admin_act *act;
    struct gw_str name;
    struct gw_str args[GW_KEYED_RESOLVE_ARGS];
    json_t *shown;
    int64_t result; /* of a resolution */
    char name_text[GW_KEYED_NAME_BYTES];
};

static void free_pending(struct pending *pending)
{
    gw_list_remove(&pending->node);
    json_decref(pending->shown);
    free(pending);
}

/* --- which record --- */

/* "create-order", or "POST /system/erp/v1/orders". ptr NULL: there is none, or more than one. */
static struct gw_str find_operation(struct gw_server *server, struct gw_exchange *ex,
                                    struct gw_str text)
{
    const struct gw_snapshot *snapshot = server->current;
    const struct gw_operation *found = NULL;

    if (gw_str_find(text, '/') < text.len && gw_str_find(text, ' ') < text.len)
        return text;
    for (size_t i = 0; i < snapshot->service_count; i++) {
        const struct gw_operation *operation = snapshot->services[i].operation;
        if (!gw_str_equal(operation->id, text))
            continue;
        if (found != NULL)
            return gw_str_from(NULL, 0);
        found = operation;
    }
    if (found == NULL)
        return gw_str_from(NULL, 0);
    struct gw_str method = gw_method_name(found->method);
    return gw_arena_printf(&ex->arena, "%.*s %.*s", GW_STR_ARG(method), GW_STR_ARG(found->route));
}

static struct pending *make_pending(struct gw_server *server, struct gw_exchange *ex,
                                    struct gw_keyed_scope scope)
{
    uint8_t digest[GW_KEYED_DIGEST_BYTES];

    scope.operation = find_operation(server, ex, scope.operation);
    if (scope.operation.ptr == NULL) {
        gw_admin_refuse(ex, "invalid-parameter",
                        "operation must be the operationId of one operation, or its method and "
                        "path, such as \"POST /system/erp/v1/orders\".");
        return NULL;
    }
    struct pending *pending = calloc(1, sizeof(*pending));
    if (pending == NULL || gw_keyed_digest(&scope, digest) != 0) {
        free(pending);
        gw_admin_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    gw_keyed_name(digest, pending->name_text);
    pending->name = gw_str_of(pending->name_text);
    pending->ex = ex;
    gw_list_append(&server->keyed_pending, &pending->node);
    return pending;
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    struct pending *pending = self;

    (void)ex;
    pending->ex = NULL;
}

static void start(struct gw_server *server, struct pending *pending, const struct gw_script *script)
{
    const struct gw_redis_eval eval = {
        .script = script,
        .keys = &pending->name,
        .key_count = 1,
        .args = pending->args,
        .arg_count = script == &gw_keyed_resolve_script ? GW_KEYED_RESOLVE_ARGS : 0,
        .timeout_ns = TIMEOUT_NS,
    };
    int rc = gw_record_write_start(server->main_worker.record_writer, &pending->write, &eval);

    if (rc != 0) {
        pending->write.on_done(&pending->write, -ENOTCONN);
        return;
    }
    pending->ex->cancel = on_client_left;
    pending->ex->cancel_self = pending;
}

/* --- looking --- */

static bool is_past(struct gw_str then_ms, struct gw_str now_ms)
{
    uint64_t then, now;

    return gw_str_to_u64(then_ms, &then) == 0 && gw_str_to_u64(now_ms, &now) == 0 && then <= now;
}

static void set_ms(json_t *object, const char *name, struct gw_str unix_ms)
{
    uint64_t ms;

    if (gw_str_to_u64(unix_ms, &ms) != 0)
        return;
    json_t *seconds = json_integer((json_int_t)(ms / 1000));
    gw_admin_set_time(object, name, seconds);
    json_decref(seconds);
}

static json_t *show(const struct gw_reply *reply)
{
    const struct gw_reply *items = reply->items;
    json_t *shown = json_object();
    uint64_t number;

    if (reply->count != GW_KEYED_LOOK_ITEMS || shown == NULL)
        return shown;
    bool is_lost =
        gw_str_equal(items[0].text, GW_STR("sent")) && is_past(items[3].text, items[8].text);
    gw_admin_set_text(shown, "state", is_lost ? GW_STR("unknown") : items[0].text);
    gw_admin_set_text(shown, "request_id", items[1].text);
    if (gw_str_to_u64(items[2].text, &number) == 0)
        json_object_set_new(shown, "attempts", json_integer((json_int_t)number));
    set_ms(shown, "claimed_until", items[3].text);
    set_ms(shown, "sent", items[4].text);
    gw_admin_set_text(shown, "backend", items[5].text);
    gw_admin_set_text(shown, "fingerprint", items[6].text);
    if (gw_str_to_u64(items[7].text, &number) == 0)
        json_object_set_new(shown, "forgotten_in_s", json_integer((json_int_t)(number / 1000)));
    return shown;
}

static bool on_look_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct pending *pending = GW_CONTAINER_OF(write, struct pending, write);

    if (reply->type == GW_REPLY_ARRAY)
        pending->shown = show(reply);
    return false;
}

static void on_look_done(struct gw_record_write *write, int rc)
{
    struct pending *pending = GW_CONTAINER_OF(write, struct pending, write);
    struct gw_exchange *ex = pending->ex;

    if (ex != NULL) {
        ex->cancel = NULL;
        if (rc != 0)
            gw_admin_refuse(ex, "unavailable", "Records cannot be read now.");
        else if (pending->shown == NULL)
            gw_admin_refuse(ex, "not-found", "Nothing is known of this key.");
        else
            gw_admin_answer_value(ex, 200, json_incref(pending->shown));
    }
    free_pending(pending);
}

void gw_admin_keyed_show(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    struct gw_keyed_scope scope = {
        .consumer = gw_admin_query(ex, GW_STR("consumer")),
        .operation = gw_admin_query(ex, GW_STR("operation")),
        .key = gw_admin_query(ex, GW_STR("key")),
    };

    (void)body;
    if (scope.operation.len == 0 || scope.key.len == 0) {
        gw_admin_refuse(ex, "invalid-parameter",
                        "consumer (empty: anonymous), operation and key must be given.");
        return;
    }
    struct pending *pending = make_pending(server, ex, scope);
    if (pending == NULL)
        return;
    pending->write.on_reply = on_look_reply;
    pending->write.on_done = on_look_done;
    start(server, pending, &gw_keyed_look_script);
}

/* --- resolving --- */

static bool on_resolve_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct pending *pending = GW_CONTAINER_OF(write, struct pending, write);

    pending->result = reply->type == GW_REPLY_INTEGER ? reply->integer : -1;
    return pending->result == GW_KEYED_RESOLVED;
}

static void answer_resolved(struct gw_exchange *ex, int rc, int64_t result)
{
    if (rc != 0 || result < 0) {
        gw_admin_refuse(ex, "unavailable", "It is not known whether this was done: look first.");
    } else if (result == GW_KEYED_RESOLVED) {
        ex->response.status = 204;
        gw_admin_respond(ex);
    } else if (result == GW_KEYED_ABSENT) {
        gw_admin_refuse(ex, "not-found", "Nothing is known of this key.");
    } else {
        gw_admin_refuse(ex, "conflict", "Its outcome is known, or it is still under way.");
    }
}

static void on_resolve_done(struct gw_record_write *write, int rc)
{
    struct pending *pending = GW_CONTAINER_OF(write, struct pending, write);
    struct gw_exchange *ex = pending->ex;
    const char *outcome = rc == -ENOTCONN || rc == -EPROTO       ? "failed"
                          : rc != 0 || pending->result < 0       ? "unknown"
                          : pending->result == GW_KEYED_RESOLVED ? "done"
                                                                 : "refused";
    bool is_recorded = gw_admin_act_end(pending->act, outcome) == 0;

    if (ex != NULL) {
        ex->cancel = NULL;
        if (is_recorded)
            answer_resolved(ex, rc, pending->result);
        else
            gw_admin_refuse(ex, "unavailable", "What came of it could not be recorded.");
    }
    free_pending(pending);
}

void gw_admin_keyed_resolve(struct gw_server *server, struct gw_exchange *ex, const json_t *body)
{
    const struct gw_keyed_scope scope = {
        .consumer = gw_admin_text(body, "consumer"),
        .operation = gw_admin_text(body, "operation"),
        .key = gw_admin_text(body, "key"),
    };
    struct pending *pending = make_pending(server, ex, scope);

    if (pending == NULL)
        return;
    pending->act = gw_admin_act_take(ex);
    pending->args[0] = gw_str_equal(gw_admin_text(body, "outcome"), GW_STR("executed"))
                           ? GW_STR("executed")
                           : GW_STR("not-executed");
    pending->args[1] = GW_STR(RESOLVED_TTL);
    pending->write.on_reply = on_resolve_reply;
    pending->write.on_done = on_resolve_done;
    start(server, pending, &gw_keyed_resolve_script);
}

void gw_admin_keyed_drop(struct gw_server *server)
{
    while (!gw_list_is_empty(&server->keyed_pending)) {
        struct pending *pending = GW_LIST_ITEM(server->keyed_pending.next, struct pending, node);
        /* There is nobody left to tell if this fails. */
        (void)gw_admin_act_end(pending->act, "unknown");
        free_pending(pending);
    }
}
