/* A batch's body: gzip of lines (event/spool_line.h), each but the first of which follows the one
 * before; what was dropped stands in the first or not at all. */
#include <errno.h>

#include "server/event/event.h"
#include "server/event/spool_line.h"
#include "server/gateway/edge_accept_private.h"
#include "server/gateway/events_private.h"
#include "server/net/gzip.h"

static const char *fault(struct edge_batch *batch, struct gw_str *out_detail, const char *what)
{
    *out_detail = gw_arena_printf(&batch->ex->arena, "Line %zu: %s", batch->count + 1, what);
    return out_detail->ptr != NULL ? "invalid-body" : "overloaded";
}

/* One that is no event at all is refused alone, as one that does not fit its schema: the edge can
 * do nothing about it, and those behind it must not wait for that. */
static const char *read_event(struct edge_batch *batch, struct edge_item *item, struct gw_str json,
                              struct gw_str *out_detail)
{
    struct gw_exchange *ex = batch->ex;
    struct gw_event *event = gw_arena_calloc(&batch->arena, 1, sizeof(*event));
    struct gw_error error;
    struct gw_str errors;
    int rc = event == NULL ? -ENOMEM : gw_event_parse(json, &batch->arena, event, &error);

    if (rc == -EINVAL) {
        item->problem = "invalid-event";
        item->detail = gw_arena_copy(&ex->arena, gw_str_of(error.text));
        return NULL;
    }
    if (rc != 0)
        return "overloaded";
    const struct gw_str *plant = gw_event_extension(event, GW_STR("plant"));
    if (plant == NULL || !gw_str_equal(*plant, batch->edge->plant)) {
        *out_detail = GW_STR("An event is not of the edge's plant.");
        return "forbidden";
    }
    item->problem = gw_events_check_type(ex, event, &item->detail, &errors, &rc);
    if (rc != 0)
        return "overloaded";
    item->event = item->problem == NULL ? event : NULL;
    return NULL;
}

static const char *read_line(struct edge_batch *batch, struct gw_str text,
                             struct gw_str *out_detail)
{
    struct edge_item *item = &batch->items[batch->count];
    struct gw_spool_line line;

    if (gw_spool_line_parse(text, &line) != 0)
        return fault(batch, out_detail, "it has no sequence with an event or what was dropped.");
    if (line.sequence != batch->last + 1)
        return fault(batch, out_detail, "it does not follow the line before it.");
    if (line.dropped > 0 && (batch->count > 0 || batch->dropped > 0))
        return fault(batch, out_detail, "what was dropped is told by the first.");
    if (line.dropped > 0) {
        batch->dropped = line.dropped;
        batch->last += line.dropped;
        return NULL;
    }
    item->batch = batch;
    item->sequence = line.sequence;
    const char *problem = read_event(batch, item, line.event, out_detail);
    if (problem != NULL)
        return problem;
    batch->last = line.sequence;
    batch->count++;
    return NULL;
}

static const char *read_lines(struct edge_batch *batch, struct gw_str *out_detail)
{
    struct gw_str rest = gw_buf_str(&batch->lines), line;

    batch->last = batch->first - 1;
    while (gw_str_split(&rest, '\n', &line)) {
        if (line.len == 0 && rest.len == 0)
            break;
        if (batch->count == EDGE_MAX_LINES) {
            *out_detail = GW_STR("A batch has at most 1000 events.");
            return "body-too-large";
        }
        const char *problem = read_line(batch, line, out_detail);
        if (problem != NULL)
            return problem;
    }
    if (batch->last >= batch->first)
        return NULL;
    *out_detail = GW_STR("The batch has no line.");
    return "invalid-body";
}

const char *edge_batch_read(struct edge_batch *batch, struct gw_str *out_detail)
{
    struct gw_exchange *ex = batch->ex;
    int rc = gw_gunzip(ex->request.body, &batch->lines);

    *out_detail = GW_STR("");
    if (rc == -EMSGSIZE)
        return "body-too-large";
    if (rc == -EINVAL) {
        *out_detail = GW_STR("The body is no gzip.");
        return "invalid-body";
    }
    batch->items = gw_arena_calloc(&ex->arena, EDGE_MAX_LINES, sizeof(*batch->items));
    if (rc != 0 || batch->items == NULL)
        return "overloaded";
    return read_lines(batch, out_detail);
}
