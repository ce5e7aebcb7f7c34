/* events.publish: one event (structured or binary) or a batch of them into the log. */
#include <errno.h>

#include "server/contract/event_types.h"
#include "server/contract/media.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/event/event_metrics.h"
#include "server/filter/filter.h"
#include "server/filter/worker.h"
#include "server/gateway/events_private.h"
#include "server/observe/metrics.h"
#include "server/observe/trace.h"

#define MAX_BODY_BYTES ((size_t)8 * 1024 * 1024)
#define MAX_ANSWER_BYTES ((size_t)4 * 1024 * 1024)
#define MAX_VIOLATIONS 20
#define RETRY_NS GW_NS_PER_SECOND
#define SCRATCH_BYTES (64 * 1024)
#define MAX_SCRATCH_BYTES (8 * 1024 * 1024)

/* What came of one event. */
struct publishing_item {
    struct gw_event_append append;
    struct publishing *publishing;
    const struct gw_event *event; /* NULL: it is none */
    const char *problem;          /* NULL: it is in the log, or on its way */
    struct gw_str detail, errors; /* errors: a JSON array, or empty */
    int rc;
    bool is_repeated;
    struct gw_str place;
};

struct publishing {
    struct gw_exchange *ex;
    struct gw_event_service *service;
    struct gw_event_filter permission;
    struct publishing_item *items;
    size_t count;
    size_t waiting; /* for the log */
    bool is_batch, is_started;
};

static void leave(void *self)
{
    struct publishing *publishing = self;

    for (size_t i = 0; i < publishing->count; i++)
        gw_event_log_cancel(&publishing->items[i].append);
}

/* --- the answer --- */

static void append_member(struct gw_buf *out, const char *name, struct gw_str value)
{
    if (value.len == 0)
        return;
    gw_buf_printf(out, ",\"%s\":\"", name);
    gw_buf_append_json(out, value);
    gw_buf_append_byte(out, '"');
}

static void write_item(struct gw_buf *out, const struct publishing_item *item)
{
    const char *result = item->problem != NULL ? "refused"
                         : item->rc != 0       ? "failed"
                         : item->is_repeated   ? "repeated"
                                               : "appended";

    gw_buf_printf(out, "{\"result\":\"%s\"", result);
    if (item->event != NULL) {
        append_member(out, "source", item->event->source);
        append_member(out, "id", item->event->id);
    }
    append_member(out, "place", item->place);
    if (item->problem != NULL)
        gw_buf_printf(out, ",\"problem\":\"/problems/%s\"", item->problem);
    append_member(out, "detail", item->detail);
    if (item->errors.len > 0)
        gw_buf_printf(out, ",\"errors\":%.*s", GW_STR_ARG(item->errors));
    gw_buf_append_byte(out, '}');
}

static void answer_one(struct publishing *publishing, struct gw_buf *text)
{
    struct gw_exchange *ex = publishing->ex;
    const struct publishing_item *item = &publishing->items[0];

    if (item->problem == NULL && item->rc == 0) {
        write_item(text, item);
        gw_events_answer(ex, 200, text, true);
        return;
    }
    if (item->problem == NULL) {
        gw_events_refuse_for(ex, item->rc);
        return;
    }
    struct gw_str members = GW_STR("");
    if (item->errors.len > 0)
        members = gw_arena_printf(&ex->arena, "\"errors\":%.*s", GW_STR_ARG(item->errors));
    gw_problem_set_with(ex, item->problem, item->detail.len > 0 ? item->detail.ptr : NULL,
                        members.ptr != NULL ? members : GW_STR(""));
    gw_builtin_end(ex, false);
}

static size_t count_failed(const struct publishing *publishing)
{
    size_t failed = 0;

    for (size_t i = 0; i < publishing->count; i++)
        failed += publishing->items[i].rc != 0 && publishing->items[i].problem == NULL;
    return failed;
}

/* Where some could not be written, the whole may be sent again: those that are there are known. */
static void answer_batch(struct publishing *publishing, struct gw_buf *text)
{
    struct gw_exchange *ex = publishing->ex;

    gw_buf_append_text(text, "\"items\":[");
    for (size_t i = 0; i < publishing->count; i++) {
        if (i > 0)
            gw_buf_append_byte(text, ',');
        write_item(text, &publishing->items[i]);
    }
    gw_buf_append_byte(text, ']');
    if (count_failed(publishing) > 0 && !text->has_failed) {
        (void)gw_exchange_reject_with(ex, "unavailable",
                                      "Some could not be written to the event log. Send all again: "
                                      "what stands there is known by its id.",
                                      gw_buf_str(text), RETRY_NS);
        gw_builtin_end(ex, true);
        return;
    }
    struct gw_buf *whole = gw_events_make_text(ex, MAX_ANSWER_BYTES + 2);
    if (whole != NULL) {
        gw_buf_append_byte(whole, '{');
        gw_buf_append_str(whole, gw_buf_str(text));
        gw_buf_append_byte(whole, '}');
        whole->has_failed |= text->has_failed;
    }
    gw_events_answer(ex, 200, whole, true);
}

static void end(struct publishing *publishing)
{
    struct gw_buf *text = gw_events_make_text(publishing->ex, MAX_ANSWER_BYTES);

    for (size_t i = 0; i < publishing->count; i++) {
        if (publishing->items[i].problem != NULL)
            gw_metrics_add(publishing->ex->worker->metrics, &gw_event_refused, 1);
    }
    if (text == NULL)
        gw_events_refuse(publishing->ex, "overloaded", NULL);
    else if (publishing->is_batch)
        answer_batch(publishing, text);
    else
        answer_one(publishing, text);
}

/* --- into the log --- */

static void on_appended(struct gw_event_append *append, int rc, struct gw_str place,
                        bool is_repeated)
{
    struct publishing_item *item = GW_CONTAINER_OF(append, struct publishing_item, append);
    struct publishing *publishing = item->publishing;

    item->rc = rc;
    item->is_repeated = is_repeated;
    item->place = gw_arena_copy(&publishing->ex->arena, place);
    if (item->place.ptr == NULL)
        item->place = GW_STR("");
    if (--publishing->waiting == 0 && publishing->is_started)
        end(publishing);
}

static void append_all(struct publishing *publishing)
{
    for (size_t i = 0; i < publishing->count; i++) {
        struct publishing_item *item = &publishing->items[i];
        if (item->problem != NULL || item->rc != 0)
            continue;
        item->append = (struct gw_event_append){.event = item->event, .done = on_appended};
        item->rc = gw_event_log_append(publishing->service->log, &item->append);
        publishing->waiting += item->rc == 0;
    }
    publishing->is_started = true;
    if (publishing->waiting == 0)
        end(publishing);
    else
        gw_exchange_must_finish(publishing->ex);
}

/* --- at the border --- */

static void refuse(struct publishing_item *item, const char *problem, struct gw_str detail)
{
    item->problem = problem;
    item->detail = detail;
}

static struct gw_str write_violations(struct gw_arena *arena, const struct gw_violations *list)
{
    struct gw_buf text;

    gw_buf_init(&text, 64 * 1024);
    gw_buf_append_byte(&text, '[');
    for (size_t i = 0; i < list->count; i++) {
        const struct gw_violation *violation = &list->items[i];
        gw_buf_append_text(&text, i > 0 ? ",{\"pointer\":\"" : "{\"pointer\":\"");
        gw_buf_append_json(&text, violation->instance);
        gw_buf_append_byte(&text, '"');
        append_member(&text, "schema", violation->schema);
        append_member(&text, "keyword", violation->keyword);
        append_member(&text, "detail", violation->message);
        gw_buf_append_byte(&text, '}');
    }
    gw_buf_append_byte(&text, ']');
    struct gw_str copy = {0};
    if (!text.has_failed)
        copy = gw_arena_copy(arena, gw_buf_str(&text));
    gw_buf_finish(&text);
    return copy.ptr != NULL ? copy : GW_STR("");
}

const char *gw_events_check_type(struct gw_exchange *ex, const struct gw_event *event,
                                 struct gw_str *out_detail, struct gw_str *out_errors, int *out_rc)
{
    const struct gw_snapshot *snapshot = ex->view->snapshot;
    const struct gw_event_types *types = snapshot->event_types;
    const struct gw_event_type *type =
        types != NULL ? gw_event_types_find(types, event->type) : NULL;
    const char *problem = NULL;
    struct gw_violations violations;
    struct gw_arena scratch;

    *out_errors = GW_STR("");
    *out_detail = GW_STR("No event of that type is described.");
    *out_rc = 0;
    if (type == NULL)
        return snapshot->config->events.accepts_unknown ? NULL : "unknown-event-type";
    gw_arena_init(&scratch, SCRATCH_BYTES, MAX_SCRATCH_BYTES);
    int rc = gw_event_type_validate(types, type, event, &scratch, MAX_VIOLATIONS, &violations);
    if (rc == -ENOMEM) {
        *out_rc = rc;
    } else if (rc != 0) {
        problem = "invalid-event";
        *out_detail = GW_STR("The event does not fit its schema.");
        *out_errors = write_violations(&ex->arena, &violations);
    }
    gw_arena_finish(&scratch);
    return problem;
}

static void check_type(struct publishing_item *item)
{
    struct gw_str detail, errors;
    const char *problem =
        gw_events_check_type(item->publishing->ex, item->event, &detail, &errors, &item->rc);

    if (problem == NULL)
        return;
    refuse(item, problem, detail);
    item->errors = errors;
}

/* Who wants to know where an event came from follows its trace (CloudEvents, Distributed Tracing).
 */
static void add_trace(struct gw_exchange *ex, struct gw_event *event)
{
    const struct gw_exchange_record *record = &ex->record;
    char *text = gw_arena_alloc(&ex->arena, GW_TRACEPARENT_LEN);
    struct gw_event with = *event;
    struct gw_error error;

    if (text == NULL || record->trace_id.len != GW_TRACE_ID_LEN ||
        record->span_id.len != GW_SPAN_ID_LEN)
        return;
    gw_traceparent_print(record->trace_id, record->span_id, record->is_sampled, text);
    if (gw_event_add_extension(&with, GW_STR("traceparent"),
                               gw_str_from(text, GW_TRACEPARENT_LEN)) == 0 &&
        gw_event_check(&with, &error) == 0)
        *event = with;
}

static void check(struct publishing_item *item, struct gw_event *event)
{
    item->event = event;
    if (!gw_event_filter_allows(&item->publishing->permission, event)) {
        refuse(item, "forbidden", GW_STR("The token is not for the event's plant."));
        return;
    }
    check_type(item);
    if (item->problem == NULL)
        add_trace(item->publishing->ex, event);
}

static int make_items(struct publishing *publishing, size_t count)
{
    publishing->items =
        gw_arena_calloc(&publishing->ex->arena, count + 1, sizeof(*publishing->items));
    if (publishing->items == NULL)
        return -ENOMEM;
    publishing->count = count;
    for (size_t i = 0; i < count; i++)
        publishing->items[i].publishing = publishing;
    return 0;
}

static int read_batch(struct publishing *publishing, struct gw_error *error)
{
    struct gw_exchange *ex = publishing->ex;
    size_t max = ex->view->snapshot->config->events.max_batch, count;
    struct gw_event_item *items;
    int rc = gw_event_parse_batch(ex->request.body, max, &ex->arena, &items, &count, error);

    publishing->is_batch = true;
    if (rc == 0)
        rc = make_items(publishing, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (items[i].rc != 0)
            refuse(&publishing->items[i], "invalid-event", items[i].fault);
        else
            check(&publishing->items[i], &items[i].event);
    }
    return rc;
}

static int read_one(struct publishing *publishing, bool is_structured, struct gw_error *error)
{
    struct gw_exchange *ex = publishing->ex;
    struct gw_event *event = gw_arena_calloc(&ex->arena, 1, sizeof(*event));
    int rc = event == NULL ? -ENOMEM : make_items(publishing, 1);

    if (rc == 0 && is_structured)
        rc = gw_event_parse(ex->request.body, &ex->arena, event, error);
    else if (rc == 0)
        rc = gw_event_parse_fields(ex->request.fields, ex->request.field_count, ex->request.body,
                                   &ex->arena, event, error);
    if (rc == 0)
        check(&publishing->items[0], event);
    return rc;
}

static int read_events(struct publishing *publishing, struct gw_error *error)
{
    struct gw_exchange *ex = publishing->ex;
    const struct gw_str *type = gw_request_field(ex, GW_STR("content-type"));
    struct gw_str range = GW_STR("");

    if (type == NULL || !gw_media_parse(*type, &range))
        range = GW_STR("");
    if (gw_str_equal_nocase(range, GW_STR("application/cloudevents-batch+json")))
        return read_batch(publishing, error);
    return read_one(publishing, gw_str_equal_nocase(range, GW_STR("application/cloudevents+json")),
                    error);
}

static void start(struct gw_exchange *ex)
{
    struct gw_event_service *service = gw_event_service_get(ex);
    struct publishing *publishing = gw_arena_calloc(&ex->arena, 1, sizeof(*publishing));
    struct gw_error *error = gw_arena_calloc(&ex->arena, 1, sizeof(*error));

    if (service == NULL) {
        gw_builtin_end(ex, false);
        return;
    }
    if (publishing == NULL || error == NULL || gw_arena_defer(&ex->arena, leave, publishing) != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
        return;
    }
    publishing->ex = ex;
    publishing->service = service;
    if (!gw_events_read_permission(ex, &publishing->permission)) {
        gw_builtin_end(ex, false);
        return;
    }
    int rc = read_events(publishing, error);
    if (rc == -EINVAL || rc == -E2BIG) {
        gw_metrics_add(ex->worker->metrics, &gw_event_refused, 1);
        gw_events_refuse(ex, rc == -E2BIG ? "body-too-large" : "invalid-event", error->text);
    } else if (rc != 0) {
        gw_events_refuse(ex, "overloaded", NULL);
    } else {
        append_all(publishing);
    }
}

const struct gw_builtin gw_events_publish = {
    .name = "events.publish",
    .section = "events",
    .is_write = true,
    .max_body_bytes = MAX_BODY_BYTES,
    .start = start,
};
