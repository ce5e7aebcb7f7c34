/* A batch's body: gzip of lines
 *   {"sequence":7,"dropped":3}      only the first; 7, 8 and 9 are gone
 *   {"sequence":10,"event":{...}}
 * written exactly so, without white space; each but the first follows the one before. */
#include <errno.h>

#include "server/event/event.h"
#include "server/gateway/edge_accept_private.h"
#include "server/gateway/events_private.h"
#include "server/net/gzip.h"

#define HEAD GW_STR("{\"sequence\":")
#define EVENT GW_STR(",\"event\":")
#define DROPPED GW_STR(",\"dropped\":")
#define MAX_SEQUENCE (UINT64_C(1) << 53) /* what Redis' scripts count to */

static bool take(struct gw_str *rest, struct gw_str prefix)
{
    if (!gw_str_has_prefix(*rest, prefix))
        return false;
    *rest = gw_str_tail(*rest, prefix.len);
    return true;
}

static bool take_number(struct gw_str *rest, uint64_t *out_number)
{
    size_t len = 0;

    while (len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
        len++;
    if (gw_str_to_u64(gw_str_from(rest->ptr, len), out_number) != 0 || *out_number > MAX_SEQUENCE)
        return false;
    *rest = gw_str_tail(*rest, len);
    return true;
}

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
    struct gw_event *event = gw_arena_calloc(&ex->arena, 1, sizeof(*event));
    struct gw_error error;
    struct gw_str errors;
    int rc = event == NULL ? -ENOMEM : gw_event_parse(json, &ex->arena, event, &error);

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

static const char *read_line(struct edge_batch *batch, struct gw_str line,
                             struct gw_str *out_detail)
{
    struct edge_item *item = &batch->items[batch->count];
    uint64_t expected = batch->last + 1;

    item->batch = batch;
    if (!take(&line, HEAD) || !take_number(&line, &item->sequence))
        return fault(batch, out_detail, "it does not begin with its sequence.");
    if (item->sequence != expected)
        return fault(batch, out_detail, "it does not follow the line before it.");
    if (!gw_str_has_suffix(line, GW_STR("}")))
        return fault(batch, out_detail, "it is no object.");
    line.len--;
    if (take(&line, EVENT)) {
        const char *problem = read_event(batch, item, line, out_detail);
        if (problem != NULL)
            return problem;
        batch->last = item->sequence;
        batch->count++;
        return NULL;
    }
    if (batch->count > 0 || batch->dropped > 0 || !take(&line, DROPPED) ||
        !take_number(&line, &batch->dropped) || batch->dropped == 0 || line.len > 0)
        return fault(batch, out_detail,
                     "it has neither an event nor, as the first, what was "
                     "dropped.");
    batch->last += batch->dropped;
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
