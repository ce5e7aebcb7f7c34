#include "server/gateway/admin_act.h"

#include <errno.h>
#include <stdlib.h>

#include "server/gateway/server_state.h"
#include "server/http/problem.h"
#include "server/observe/audit.h"

#define MAX_WORDS_BYTES 4096

struct gw_admin_act {
    struct gw_audit *audit;
    uint64_t begun;
    const char *name; /* static */
    struct gw_buf who, what;
};

static void free_act(struct gw_admin_act *act)
{
    gw_buf_finish(&act->who);
    gw_buf_finish(&act->what);
    free(act);
}

int gw_admin_act_begin(struct gw_server *server, const char *name, struct gw_str who,
                       struct gw_str what, struct gw_admin_act **out_act)
{
    struct gw_admin_act *act = calloc(1, sizeof(*act));

    if (act == NULL)
        return -ENOMEM;
    act->audit = server->audit;
    act->name = name;
    gw_buf_init(&act->who, MAX_WORDS_BYTES);
    gw_buf_init(&act->what, MAX_WORDS_BYTES);
    gw_buf_append_str(&act->who, who.len > 512 ? gw_str_from(who.ptr, 512) : who);
    gw_buf_append_str(&act->what, what.len > 2048 ? gw_str_from(what.ptr, 2048) : what);
    int rc = act->who.has_failed || act->what.has_failed
                 ? -ENOMEM
                 : gw_audit_write(act->audit, name, who, what, "begun", 0, &act->begun);
    if (rc != 0) {
        free_act(act);
        return rc;
    }
    *out_act = act;
    return 0;
}

void gw_admin_act_note(struct gw_admin_act *act, struct gw_str note)
{
    if (act == NULL)
        return;
    gw_buf_append_text(&act->what, ": ");
    gw_buf_append_str(&act->what, note);
}

int gw_admin_act_end(struct gw_admin_act *act, const char *outcome)
{
    if (act == NULL)
        return 0;
    /* A note that found no memory is missed; the outcome is not. */
    int rc = gw_audit_write(act->audit, act->name, gw_buf_str(&act->who), gw_buf_str(&act->what),
                            outcome, act->begun, NULL);
    free_act(act);
    return rc;
}

struct gw_admin_act *gw_admin_act_take(struct gw_exchange *ex)
{
    struct gw_admin_act *act = ex->handler_state;

    ex->handler_state = NULL;
    return act;
}

static const char *outcome_of(int status)
{
    if (status < 400)
        return "done";
    return status < 500 ? "refused" : "failed";
}

void gw_admin_respond(struct gw_exchange *ex)
{
    if (gw_admin_act_end(gw_admin_act_take(ex), outcome_of(ex->response.status)) != 0)
        gw_problem_set(ex, "unavailable",
                       ex->response.status < 400 ? "It was done, but could not be recorded."
                                                 : "The audit cannot be written.");
    gw_exchange_respond(ex);
}
