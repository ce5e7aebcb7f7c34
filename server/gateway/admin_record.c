#include "server/gateway/admin_record.h"

#include <errno.h>
#include <stdlib.h>

#include "server/gateway/admin_act.h"
#include "server/gateway/records.h"
#include "server/gateway/server_state.h"
#include "server/http/problem.h"

/* --- changing --- */

struct pending { /* one change under way */
    struct gw_list node;
    struct gw_record_change change;
    struct gw_server *server;
    struct gw_exchange *ex; /* NULL: the client has left */
    struct gw_admin_act *act;
    int status;
    json_t *answer;
    char *value;
    char id[];
};

static void free_pending(struct pending *pending)
{
    gw_list_remove(&pending->node);
    json_decref(pending->answer);
    free(pending->value);
    free(pending);
}

/* What the caller and the audit are told. */
static const struct verdict {
    int rc;
    const char *outcome, *problem, *detail;
} verdicts[] = {
    {0, "done", NULL, NULL},
    {-ENOENT, "refused", "not-found", NULL},
    {-EEXIST, "refused", "conflict", NULL},
    {-ENOSPC, "refused", "unavailable", "There are too many records."},
    {-EMSGSIZE, "refused", "invalid-body", "It is too large."},
    {-ENOTCONN, "failed", "unavailable", "Records cannot be written now: nothing was changed."},
    {-ENOBUFS, "failed", "unavailable", "Records cannot be written now: nothing was changed."},
    {-ENOMEM, "failed", "overloaded", NULL},
    {-EPROTO, "failed", "unavailable", "Records cannot be written now: nothing was changed."},
};
static const struct verdict unknown = {
    0, "unknown", "unavailable",
    "It is not known whether this was done: look before you try again."};

static const struct verdict *verdict_of(int rc)
{
    for (size_t i = 0; i < GW_COUNT_OF(verdicts); i++) {
        if (verdicts[i].rc == rc)
            return &verdicts[i];
    }
    return &unknown;
}

static void answer(struct gw_exchange *ex, struct pending *pending, const struct verdict *verdict)
{
    if (verdict->problem != NULL) {
        gw_admin_refuse(ex, verdict->problem, verdict->detail);
    } else if (pending->answer == NULL) {
        ex->response.status = pending->status;
        gw_admin_respond(ex);
    } else {
        json_t *value = pending->answer;
        pending->answer = NULL;
        gw_admin_answer_value(ex, pending->status, value);
    }
}

static void end(struct pending *pending, int rc)
{
    const struct verdict *verdict = verdict_of(rc);
    struct gw_exchange *ex = pending->ex;
    bool is_recorded = gw_admin_act_end(pending->act, verdict->outcome) == 0;

    if (ex != NULL) {
        ex->cancel = NULL;
        if (is_recorded)
            answer(ex, pending, verdict);
        else
            gw_admin_refuse(ex, "unavailable", "What came of it could not be recorded.");
    }
    free_pending(pending);
}

static void on_done(struct gw_record_change *change, int rc)
{
    struct pending *pending = GW_CONTAINER_OF(change, struct pending, change);

    gw_records_look(pending->server->records);
    end(pending, rc);
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    struct pending *pending = self;

    (void)ex;
    pending->ex = NULL;
}

void gw_admin_record_change(struct gw_server *server, struct gw_exchange *ex,
                            struct gw_admin_change *change)
{
    struct pending *pending = calloc(1, sizeof(*pending) + change->id.len + 1);
    bool is_removal = change->act == GW_RECORD_REMOVE;
    char *value = is_removal ? NULL : json_dumps(change->value, JSON_COMPACT);
    bool is_whole =
        change->id.ptr != NULL && (is_removal || (value != NULL && change->answer != NULL));

    json_decref(change->value);
    if (pending == NULL || !is_whole) {
        free(pending);
        free(value);
        json_decref(change->answer);
        gw_admin_refuse(ex, "overloaded", NULL);
        return;
    }
    memcpy(pending->id, change->id.ptr, change->id.len);
    gw_list_append(&server->admin_pending, &pending->node);
    pending->server = server;
    pending->ex = ex;
    pending->act = gw_admin_act_take(ex);
    pending->status = change->status;
    pending->answer = change->answer;
    pending->value = value;
    pending->change = (struct gw_record_change){
        .act = change->act,
        .id = gw_str_from(pending->id, change->id.len),
        .value = gw_str_of(value),
        .expires_s = change->expires_s,
        .on_done = on_done,
    };
    int rc = gw_records_change(server->records, &pending->change);
    if (rc != 0) {
        end(pending, rc);
        return;
    }
    ex->cancel = on_client_left;
    ex->cancel_self = pending;
}

void gw_admin_record_drop(struct gw_server *server)
{
    while (!gw_list_is_empty(&server->admin_pending)) {
        struct pending *pending = GW_LIST_ITEM(server->admin_pending.next, struct pending, node);
        /* The line that says so may fail as well; there is nobody left to tell. */
        (void)gw_admin_act_end(pending->act, "unknown");
        free_pending(pending);
    }
}

void gw_admin_record_remove(struct gw_server *server, struct gw_exchange *ex, struct gw_str kind)
{
    struct gw_admin_change change = {.act = GW_RECORD_REMOVE,
                                     .id = gw_admin_record_id(ex, kind, gw_admin_parameter(ex, 0)),
                                     .status = 204};

    gw_admin_record_change(server, ex, &change);
}
