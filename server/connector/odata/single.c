/* The functions of one request and one answer: read, function, update, delete, action. */
#include <errno.h>

#include "server/connector/odata/functions.h"
#include "server/connector/odata/single.h"

#define NO_CONTENT 204

void odata_single_finish(struct odata_run *run, const struct odata_reply *reply)
{
    struct odata_answer answer;
    struct gw_error error;
    struct gw_str name =
        gw_value_member_text(&run->call->arguments, GW_STR("name")); /* of an action */

    if (reply->error != GW_CONNECTOR_OK) {
        odata_run_refuse(run, reply);
        return;
    }
    if (run->request->shape == ODATA_NOTHING) {
        odata_run_done(run, gw_value_null());
        return;
    }
    if (run->request->shape == ODATA_ENTITY && !run->request->is_write && reply->value == NULL &&
        reply->body.len == 0 &&
        reply->status != NO_CONTENT) { /* it would pass for an entity without properties */
        odata_run_fail_rubbish(run, reply->status, "the answer has no body");
        return;
    }
    int rc = odata_run_read(run, run->request, name, reply, &answer, &error);
    if (rc == 0 && answer.value.type == GW_JSON_NULL && run->request->shape == ODATA_ENTITY)
        answer.value = gw_value_object(NULL, 0);
    if (rc == 0)
        rc = odata_answer_tag(run->call->arena, reply->etag, &answer.value);
    if (rc == -ENOMEM)
        odata_run_fail_memory(run);
    else if (rc != 0)
        odata_run_fail_rubbish(run, reply->status, error.text);
    else
        odata_run_done(run, answer.value);
}

static void begin(struct odata *odata, struct gw_connector_call *call, const char *name)
{
    struct odata_run *run = odata_run_create(odata, call, sizeof(struct odata_request));

    if (run != NULL && odata_run_build(run, name, run->state))
        odata_run_send(run, run->state, odata_single_finish);
}

void odata_read_begin(void *self, struct gw_connector_call *call)
{
    begin(self, call, "read");
}

void odata_function_begin(void *self, struct gw_connector_call *call)
{
    begin(self, call, "function");
}

void odata_update_begin(void *self, struct gw_connector_call *call)
{
    begin(self, call, "update");
}

void odata_delete_begin(void *self, struct gw_connector_call *call)
{
    begin(self, call, "delete");
}

void odata_action_begin(void *self, struct gw_connector_call *call)
{
    begin(self, call, "action");
}
