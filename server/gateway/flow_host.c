#include "server/gateway/flow_host.h"

#include <errno.h>

#include "server/gateway/flow_grants.h"
#include "server/gateway/flow_operation.h"
#include "server/gateway/flow_service.h"
#include "server/gateway/request.h"

static int get_connector(void *self, const struct gw_exchange *cause, struct gw_str backend,
                         const struct gw_connector_type *type, void **out_instance,
                         const struct gw_backend **out_backend)
{
    (void)self;
    if (cause->api != NULL &&
        !gw_flow_grants_allow(cause->view->snapshot, backend, cause->api->namespace))
        return -EACCES;
    return gw_view_get_connector(cause->view, backend, type, out_instance, out_backend);
}

/* Runs get their cause for reading; what they do to the world is noted at it. */
static void on_write(void *self, const struct gw_exchange *cause, bool has_effect)
{
    struct gw_exchange *ex = (struct gw_exchange *)(uintptr_t)cause;

    (void)self;
    if (has_effect)
        gw_flow_service_note_effect(ex);
    else
        gw_flow_service_note_write(ex);
}

int gw_flow_host_init(struct gw_request_owner *owner)
{
    struct gw_evaluator *evaluator = gw_evaluator_create(owner->worker.loop, NULL);

    if (evaluator == NULL)
        return -ENOMEM;
    owner->flow_host = (struct gw_flow_host){
        .self = owner,
        .worker = &owner->worker,
        .evaluator = evaluator,
        .connector = get_connector,
        .call_operation = gw_flow_operation_call,
        .cancel_operation = gw_flow_operation_cancel,
        .on_write = on_write,
    };
    return 0;
}

void gw_flow_host_finish(struct gw_request_owner *owner)
{
    gw_evaluator_destroy(owner->flow_host.evaluator);
    owner->flow_host.evaluator = NULL;
}
