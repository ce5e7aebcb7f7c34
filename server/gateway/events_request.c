/* What a request for events says, and how it is answered. */
#include <errno.h>

#include "server/contract/parameter_values.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/core/duration.h"
#include "server/filter/filter.h"
#include "server/gateway/events_private.h"
#include "server/json/pointer.h"
#include "server/upstream/schedule.h"

#define RETRY_NS GW_NS_PER_SECOND
#define MAX_WAIT_NS (60 * GW_NS_PER_SECOND)

static const struct gw_json_limits claim_limits = {1u << 20, 32};

/* --- whose plants --- */

static bool has_scope(const struct gw_exchange *ex, struct gw_str wanted)
{
    struct gw_str rest = ex->identity.scopes, scope;

    while (gw_str_split(&rest, ' ', &scope)) {
        if (gw_str_equal(scope, wanted))
            return true;
    }
    return false;
}

static uint32_t find_claim(const struct gw_exchange *ex, const struct gw_json_tape *claims)
{
    for (size_t i = 0; i < ex->identity.claim_name_count; i++) {
        const struct gw_claim_name *name = &ex->identity.claim_names[i];
        if (!gw_str_equal(name->name, GW_STR("plant")))
            continue;
        return gw_str_has_prefix(name->place, GW_STR("/")) ? gw_pointer_find(claims, 0, name->place)
                                                           : gw_json_get(claims, 0, name->place);
    }
    return gw_json_get(claims, 0, GW_STR("plant"));
}

static int read_plants(struct gw_exchange *ex, struct gw_event_patterns *out_plants)
{
    struct gw_json_tape claims;
    struct gw_json_error why;

    /* A copy: a stream outlives what keeps the token. */
    struct gw_str text = gw_arena_copy(&ex->arena, ex->identity.claims);
    if (text.ptr == NULL)
        return -ENOMEM;
    if (text.len == 0)
        return 0;
    int rc = gw_json_read(&ex->arena, text, &claim_limits, &claims, &why);
    if (rc != 0 || claims.has_duplicates)
        return rc == -ENOMEM ? rc : 0; /* no plant is proved */
    uint32_t at = find_claim(ex, &claims);
    if (at == GW_JSON_NONE)
        return 0;
    size_t count = gw_json_type(&claims, at) == GW_JSON_ARRAY ? gw_json_count(&claims, at) : 1;
    struct gw_str *plants = gw_arena_calloc(&ex->arena, count + 1, sizeof(*plants));
    if (plants == NULL)
        return -ENOMEM;
    out_plants->items = plants;
    if (gw_json_type(&claims, at) == GW_JSON_STRING) {
        plants[out_plants->count] = gw_json_string(&claims, at);
        out_plants->count += plants[0].len > 0;
        return 0;
    }
    struct gw_json_cursor cursor = gw_json_begin(&claims, at);
    while (gw_json_type(&claims, at) == GW_JSON_ARRAY && gw_json_step(&claims, &cursor)) {
        if (gw_json_type(&claims, cursor.value) == GW_JSON_STRING &&
            gw_json_string(&claims, cursor.value).len > 0)
            plants[out_plants->count++] = gw_json_string(&claims, cursor.value);
    }
    return 0;
}

bool gw_events_read_permission(struct gw_exchange *ex, struct gw_event_filter *filter)
{
    filter->sees_all_plants = has_scope(ex, GW_STR("plants:all"));
    if (filter->sees_all_plants)
        return true;
    if (read_plants(ex, &filter->own_plants) != 0) {
        gw_problem_set(ex, "overloaded", NULL);
        return false;
    }
    if (filter->own_plants.count > 0)
        return true;
    gw_problem_set(ex, "forbidden", "The token is for no plant.");
    return false;
}

/* --- parameters --- */

uint64_t gw_events_number(const struct gw_value *parameters, struct gw_str name, uint64_t usual)
{
    const struct gw_value *value = gw_value_member(parameters, name);
    uint64_t number;

    if (value == NULL || value->type != GW_JSON_NUMBER || gw_str_to_u64(value->text, &number) != 0)
        return usual;
    return number;
}

/* One text, or a list of them. */
static int read_patterns(struct gw_arena *arena, const struct gw_value *parameters,
                         struct gw_str name, struct gw_event_patterns *out_patterns)
{
    const struct gw_value *value = gw_value_member(parameters, name);
    size_t count = value == NULL                   ? 0
                   : value->type == GW_JSON_ARRAY  ? value->count
                   : value->type == GW_JSON_STRING ? 1
                                                   : 0;
    struct gw_str *items = gw_arena_calloc(arena, count + 1, sizeof(*items));

    if (items == NULL)
        return -ENOMEM;
    if (count > GW_EVENT_FILTER_MAX)
        return -E2BIG;
    for (size_t i = 0; i < count; i++) {
        const struct gw_value *item = value->type == GW_JSON_ARRAY ? &value->items[i] : value;
        if (item->type != GW_JSON_STRING)
            return -EINVAL;
        items[i] = item->text;
    }
    *out_patterns = (struct gw_event_patterns){items, count};
    return 0;
}

static bool refuse(struct gw_exchange *ex, const char *detail)
{
    gw_problem_set(ex, "invalid-parameter", detail);
    return false;
}

/* "2026-12-01T22:00:00.125Z": the fraction is taken out first. */
static bool read_moment(struct gw_str text, uint64_t *out_ms)
{
    char whole[40];
    size_t dot = gw_str_find(text, '.'), at = dot + 1;
    uint64_t seconds, ms = 0;
    unsigned digits = 0;

    if (text.len >= sizeof(whole) || text.len < 20)
        return false;
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
        if (digits++ < 3)
            ms = ms * 10 + (uint64_t)(text.ptr[at] - '0');
    }
    for (; digits > 0 && digits < 3; digits++)
        ms *= 10;
    memcpy(whole, text.ptr, dot);
    size_t len = dot;
    if (dot < text.len) {
        if (digits == 0)
            return false;
        memcpy(whole + len, text.ptr + at, text.len - at);
        len += text.len - at;
    }
    if (gw_schedule_parse_moment(gw_str_from(whole, len), &seconds) != 0)
        return false;
    *out_ms = seconds * 1000 + ms;
    return true;
}

bool gw_events_read_from(struct gw_str text, unsigned partitions,
                         struct gw_event_position *positions)
{
    struct gw_event_place place = {.partition = UINT32_MAX};
    uint64_t ms;

    if (gw_event_place_parse(text, &place) == 0) {
        if (place.partition >= partitions)
            return false;
        ms = place.at.ms;
    } else if (!read_moment(text, &ms)) {
        return false;
    }
    for (unsigned i = 0; i < partitions; i++) {
        struct gw_event_position first =
            i == place.partition ? place.at : (struct gw_event_position){ms, 0};
        positions[i] = gw_event_position_before(first);
    }
    return true;
}

/* Where it begins: behind a cursor, or with a moment or a place. */
static bool read_start(struct gw_exchange *ex, unsigned partitions,
                       struct gw_events_request *request)
{
    struct gw_str after = gw_value_member_text(&request->parameters, GW_STR("after"));
    struct gw_str from = gw_value_member_text(&request->parameters, GW_STR("from"));
    const struct gw_str *last = gw_request_field(ex, GW_STR("Last-Event-ID"));

    if (last != NULL && last->len > 0)
        after = gw_str_trim(*last); /* a client that has begun knows better than its address */
    if (after.len > 0) {
        request->has_start = true;
        return gw_event_cursor_parse(after, partitions, request->start) == 0 ||
               refuse(ex, "The cursor is none of this log.");
    }
    if (from.len > 0) {
        request->has_start = true;
        return gw_events_read_from(from, partitions, request->start) ||
               refuse(ex, "`from` is a moment (RFC 3339) or the place of an event.");
    }
    return true;
}

bool gw_events_read_request(struct gw_exchange *ex, unsigned partitions,
                            struct gw_events_request *out_request)
{
    struct gw_event_filter *filter = &out_request->filter;
    struct {
        struct gw_str name;
        struct gw_event_patterns *patterns;
    } const lists[] = {{GW_STR("type"), &filter->types},
                       {GW_STR("subject"), &filter->subjects},
                       {GW_STR("source"), &filter->sources},
                       {GW_STR("plant"), &filter->plants}};

    *out_request = (struct gw_events_request){.has_start = false};
    int rc = gw_parameters_read(ex, &ex->arena, &out_request->parameters);
    for (size_t i = 0; rc == 0 && i < GW_COUNT_OF(lists); i++)
        rc = read_patterns(&ex->arena, &out_request->parameters, lists[i].name, lists[i].patterns);
    if (rc == -ENOMEM) {
        gw_problem_set(ex, "overloaded", NULL);
        return false;
    }
    if (rc != 0)
        return refuse(ex, "A filter has more than 32 patterns, or one that is no text.");
    return gw_events_read_permission(ex, filter) && read_start(ex, partitions, out_request);
}

bool gw_events_read_wait(const struct gw_exchange *ex, const struct gw_value *parameters,
                         uint64_t *out_ns)
{
    struct gw_str text = gw_value_member_text(parameters, GW_STR("wait"));
    uint64_t now_ns = gw_clock_monotonic_ns(), left_ns = MAX_WAIT_NS;

    *out_ns = 0;
    if (text.len > 0 && (gw_duration_parse(text, out_ns) != 0 || *out_ns > MAX_WAIT_NS))
        return false;
    if (ex->deadline_ns > 0)
        left_ns = ex->deadline_ns > now_ns + GW_NS_PER_SECOND
                      ? ex->deadline_ns - now_ns - GW_NS_PER_SECOND
                      : 0;
    *out_ns = *out_ns < left_ns ? *out_ns : left_ns;
    return true;
}

bool gw_events_admit(struct gw_exchange *ex, const struct gw_event_service *service)
{
    const struct gw_config_events *events = &ex->view->snapshot->config->events;

    if (gw_event_hub_count(service->hub) < events->max_subscribers && !service->is_draining)
        return true;
    (void)gw_exchange_reject(ex, "overloaded", "Too many read events here already.", RETRY_NS);
    return false;
}

/* --- answers --- */

static void free_text(void *self)
{
    gw_buf_finish(self);
}

struct gw_buf *gw_events_make_text(struct gw_exchange *ex, size_t max_bytes)
{
    struct gw_buf *text = gw_arena_calloc(&ex->arena, 1, sizeof(*text));

    if (text == NULL || gw_arena_defer(&ex->arena, free_text, text) != 0)
        return NULL;
    gw_buf_init(text, max_bytes);
    return text;
}

void gw_events_write_item(struct gw_buf *out, const struct gw_event_place *place,
                          struct gw_str json)
{
    char text[GW_EVENT_PLACE_BYTES];

    gw_buf_printf(out,
                  "{\"place\":\"%.*s\",\"event\":", GW_STR_ARG(gw_event_place_print(place, text)));
    gw_buf_append_str(out, json);
    gw_buf_append_byte(out, '}');
}

void gw_events_answer(struct gw_exchange *ex, int status, const struct gw_buf *text,
                      bool has_effect)
{
    if (text == NULL || text->has_failed) {
        gw_problem_set(ex, "overloaded", NULL);
    } else {
        ex->response.status = status;
        ex->response.body = gw_buf_str(text);
        if (gw_response_add_field(ex, GW_STR("Content-Type"), GW_STR("application/json")) != 0)
            gw_problem_set(ex, "overloaded", NULL);
    }
    gw_builtin_end(ex, has_effect);
}

void gw_events_refuse(struct gw_exchange *ex, const char *problem, const char *detail)
{
    gw_problem_set(ex, problem, detail);
    gw_builtin_end(ex, false);
}

void gw_events_refuse_for(struct gw_exchange *ex, int rc)
{
    const char *detail = rc == -ENOSPC ? "The event log is full."
                                       : "The event log cannot be reached now. Ask again later.";

    (void)gw_exchange_reject(ex, "unavailable", detail, RETRY_NS);
    gw_builtin_end(ex, false);
}
