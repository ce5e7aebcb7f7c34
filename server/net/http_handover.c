/* Calls that their caller passes on: to another, or to nobody. */
#include "server/net/http_client_parts.h"

void gw_http_call_hand_over(struct gw_http_call *call, const struct gw_http_call_events *events,
                            void *self)
{
    call->events = *events;
    call->self = self;
}

/* --- to nobody --- */

/* An answer that goes on for longer is that of an effect that was made, or of a peer gone mad. */
#define MAX_DROPPED_BYTES ((size_t)1024 * 1024)

static void drop_answer(void *self)
{
    struct gw_http_call *call = self;
    char dropped[4096];
    ssize_t count;

    while ((count = gw_http_call_read(call, dropped, sizeof(dropped))) > 0) {
        call->dropped_bytes += (size_t)count;
        if (call->dropped_bytes > MAX_DROPPED_BYTES) {
            gw_http_call_cancel(call);
            return;
        }
    } /* at 0 the call is gone, at -EAGAIN on_readable follows, at -EPIPE on_failure */
}

static void drop_answer_from_head(void *self, const struct gw_http_answer_head *head)
{
    (void)head;
    drop_answer(self);
}

static void drop_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    (void)self;
    (void)failure;
    (void)detail;
}

void gw_http_call_leave(struct gw_http_call *call)
{
    static const struct gw_http_call_events events = {
        .on_head = drop_answer_from_head,
        .on_readable = drop_answer,
        .on_failure = drop_failure,
    };

    if (call == NULL)
        return;
    if (!call->is_sent || call->wait == HTTP_WAIT_REPORT) {
        gw_http_call_cancel(call);
        return;
    }
    call->events = events;
    call->self = call;
    if (call->has_head)
        drop_answer(call);
}
