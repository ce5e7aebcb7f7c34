#include "server/gateway/landscape_fan.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/gateway/flow_answer.h"
#include "server/gateway/flow_metrics.h"
#include "server/gateway/landscape_cursor.h"
#include "server/gateway/landscape_merge.h"
#include "server/gateway/landscape_route.h"
#include "server/http/problem.h"

#define ARENA_BLOCK_BYTES (16 * 1024)
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define DEFAULT_LIMIT 50 /* as the contracts have it */
#define MAX_LIMIT 1000
#define MAX_MISSING 100
#define MAX_MARGIN_NS (100 * GW_NS_PER_MS) /* of the caller's time, to put the parts together */

/* One system's share. */
struct part {
    struct gw_landscape_fan *fan;
    const struct gw_service *service;
    size_t system;
    struct gw_flow_run *run;             /* NULL: not begun, or over */
    struct gw_part_cursor cursor;        /* where its page begins */
    struct gw_value page;                /* an object with `items`; null: it failed */
    struct gw_str next;                  /* of the page; empty: it is the last */
    struct gw_value type, title, status; /* of the problem, if it failed */
    bool is_over;
};

/* A response that was set, kept for later. */
struct kept {
    struct gw_response response;
    const char *problem;
    struct gw_str detail;
};

struct gw_landscape_fan {
    struct gw_arena arena;
    struct gw_exchange *ex;
    const struct gw_landscape_operation *operation;
    void (*done)(void *self);
    void *self;
    uint32_t limit;
    struct gw_str sort;
    struct part parts[GW_MAX_LANDSCAPE_SYSTEMS];
    size_t count;
    size_t left; /* that have not answered */
    struct gw_str last_key;
    size_t last_system; /* of that key: items of one plant stand beside each other */
    struct kept first_problem;
    bool has_problem;
};

static void destroy(void *self)
{
    struct gw_landscape_fan *fan = self;

    for (size_t i = 0; i < fan->count; i++) {
        struct gw_flow_run *run = fan->parts[i].run;
        fan->parts[i].run = NULL;
        if (run != NULL)
            gw_flow_cancel(run);
    }
    gw_arena_finish(&fan->arena);
    free(fan);
}

static const struct gw_landscape *landscape_of(const struct gw_landscape_fan *fan)
{
    return fan->operation->landscape;
}

/* --- a part that failed --- */

/* The first one may become the answer. Its fields are those of the list that is used again. */
static void keep_first(struct gw_landscape_fan *fan)
{
    struct gw_exchange *ex = fan->ex;
    size_t count = ex->response.field_count;
    struct gw_field *fields = gw_arena_calloc(&fan->arena, count + 1, sizeof(*fields));

    if (fan->has_problem)
        return;
    fan->has_problem = true;
    fan->first_problem = (struct kept){ex->response, ex->record.problem, ex->record.detail};
    fan->first_problem.response.fields = fields;
    if (fields == NULL)
        fan->first_problem.response.field_count = 0;
    else
        memcpy(fields, ex->response.fields, count * sizeof(*fields));
}

/* Takes type, title and status from the problem that is set, and unsets it. */
static void take_problem(struct part *part)
{
    struct gw_landscape_fan *fan = part->fan;
    struct gw_exchange *ex = fan->ex;
    struct gw_json_error error;
    struct gw_value problem = gw_value_null();
    const struct gw_value *type, *title;

    keep_first(fan);
    if (gw_value_read(&fan->arena, ex->response.body, NULL, &problem, &error) != 0)
        problem = gw_value_null();
    type = gw_value_member(&problem, GW_STR("type"));
    title = gw_value_member(&problem, GW_STR("title"));
    part->type = type != NULL ? *type : gw_value_null();
    part->title = title != NULL ? *title : gw_value_null();
    if (gw_value_integer(&fan->arena, ex->response.status, &part->status) != 0)
        part->status = gw_value_number(GW_STR("503"));
    gw_response_clear(ex);
    ex->record.problem = NULL;
}

static void fail(struct part *part, const char *problem, const char *why)
{
    part->fan->ex->record.detail = gw_str_of(why);
    gw_problem_set(part->fan->ex, problem, NULL);
    take_problem(part);
}

/* --- the page --- */

static int add_missing(struct gw_landscape_fan *fan, const struct part *part, struct gw_str name,
                       struct gw_value_builder *list)
{
    struct gw_value_builder entry = {.arena = &fan->arena};
    int rc = gw_value_add_member(&entry, GW_STR("part"), gw_value_string(name));

    if (part->type.type == GW_JSON_STRING)
        rc |= gw_value_add_member(&entry, GW_STR("type"), part->type);
    if (part->title.type == GW_JSON_STRING)
        rc |= gw_value_add_member(&entry, GW_STR("title"), part->title);
    rc |= gw_value_add_member(&entry, GW_STR("status"), part->status);
    if (rc == 0 && list->count < MAX_MISSING)
        rc = gw_value_add_item(list, gw_value_built_object(&entry));
    return rc;
}

/* A part is told by its keys, which callers know; a system without any by its name. */
static int name_missing(struct gw_landscape_fan *fan, const struct part *part,
                        struct gw_value_builder *list)
{
    const struct gw_landscape *landscape = landscape_of(fan);
    size_t named = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < landscape->rule_count; i++) {
        const struct gw_key_rule *rule = &landscape->rules[i];
        size_t system = rule->kind == GW_KEY_EXACT
                            ? gw_landscape_system_of(fan->ex, landscape, rule->from)
                            : rule->system;
        if (system != part->system)
            continue;
        named++;
        rc = add_missing(fan, part, rule->text, list);
    }
    if (rc == 0 && named == 0)
        rc = add_missing(fan, part, landscape->systems[part->system].name, list);
    return rc;
}

/* What has moved to another system may still be found in the one that it came from. */
static bool is_of_system(void *self, size_t index, const struct gw_value *item)
{
    struct gw_landscape_fan *fan = self;
    const struct gw_landscape *landscape = landscape_of(fan);
    struct gw_str key = gw_value_member_text(item, landscape->key);

    if (key.len == 0 || !gw_key_is_valid(key))
        return true;
    if (fan->last_key.ptr == NULL || !gw_str_equal(fan->last_key, key)) {
        fan->last_key = key;
        fan->last_system = gw_landscape_system_of(fan->ex, landscape, key);
    }
    return fan->last_system == SIZE_MAX || fan->last_system == fan->parts[index].system;
}

/* Where the parts go on; an empty text: nowhere. */
static int write_next(struct gw_landscape_fan *fan, const struct gw_merge_part *pages,
                      struct gw_str *out_next)
{
    struct gw_part_cursor cursors[GW_MAX_LANDSCAPE_SYSTEMS];
    size_t count = 0;

    for (size_t i = 0; i < fan->count; i++) {
        const struct part *part = &fan->parts[i];
        struct gw_part_cursor at = part->cursor;
        if (part->page.type == GW_JSON_NULL) {
            cursors[count++] = at; /* once more from there */
            continue;
        }
        if (pages[i].at < pages[i].count)
            at.skip = pages[i].at;
        else if (pages[i].has_next)
            at = (struct gw_part_cursor){.system = at.system, .cursor = part->next};
        else
            continue;
        cursors[count++] = at;
    }
    *out_next = GW_STR("");
    return count > 0 ? gw_landscape_cursor_write(&fan->arena, cursors, count, out_next) : 0;
}

static void open_pages(const struct gw_landscape_fan *fan, struct gw_merge_part *pages)
{
    for (size_t i = 0; i < fan->count; i++) {
        const struct part *part = &fan->parts[i];
        const struct gw_value *items = gw_value_member(&part->page, GW_STR("items"));
        if (items == NULL)
            continue;
        pages[i] = (struct gw_merge_part){.items = items->items,
                                          .count = items->count,
                                          .at = part->cursor.skip,
                                          .has_next = part->next.len > 0};
        if (pages[i].at > pages[i].count) /* the page has become shorter */
            pages[i].at = pages[i].count;
    }
}

static int make_page(struct gw_landscape_fan *fan, struct gw_value *out_page)
{
    struct gw_merge_part pages[GW_MAX_LANDSCAPE_SYSTEMS] = {0};
    struct gw_value *items = gw_arena_calloc(&fan->arena, fan->limit, sizeof(*items));
    struct gw_value_builder page = {.arena = &fan->arena}, missing = {.arena = &fan->arena};
    const struct gw_merge merge = {.parts = pages,
                                   .count = fan->count,
                                   .sort = fan->sort,
                                   .limit = fan->limit,
                                   .is_wanted = is_of_system,
                                   .self = fan};
    struct gw_str next;

    if (items == NULL)
        return -ENOMEM;
    open_pages(fan, pages);
    size_t count = gw_merge_pages(&merge, items);
    int rc = write_next(fan, pages, &next);
    for (size_t i = 0; rc == 0 && i < fan->count; i++) {
        if (fan->parts[i].page.type == GW_JSON_NULL)
            rc = name_missing(fan, &fan->parts[i], &missing);
    }
    if (rc != 0)
        return rc;
    rc = gw_value_add_member(&page, GW_STR("items"), gw_value_array(items, count));
    if (next.len > 0)
        rc |= gw_value_add_member(&page, GW_STR("next"), gw_value_string(next));
    if (missing.count > 0)
        rc |= gw_value_add_member(&page, GW_STR("missing"), gw_value_built_array(&missing));
    *out_page = gw_value_built_object(&page);
    return rc == 0 ? 0 : -ENOMEM;
}

/* --- the end --- */

static void answer_page(struct gw_landscape_fan *fan)
{
    struct gw_value_builder output = {.arena = &fan->arena};
    struct gw_value page;
    int rc = make_page(fan, &page);

    fan->ex->record.problem = NULL;
    if (rc == 0)
        rc = gw_value_add_member(&output, GW_STR("body"), page);
    if (rc == 0) {
        struct gw_value whole = gw_value_built_object(&output);
        gw_flow_answer_set(fan->ex, &whole);
        return;
    }
    if (rc == -EMSGSIZE)
        fan->ex->record.detail = GW_STR("the systems' cursors are too long together");
    gw_problem_set(fan->ex, rc == -EMSGSIZE ? "bad-gateway" : "overloaded", NULL);
}

static void answer_problem(struct gw_landscape_fan *fan)
{
    struct gw_exchange *ex = fan->ex;
    const struct kept *kept = &fan->first_problem;

    gw_response_clear(ex);
    for (size_t i = 0; i < kept->response.field_count; i++) {
        const struct gw_field *field = &kept->response.fields[i];
        if (gw_response_add_field(ex, field->name, field->value) != 0)
            break;
    }
    ex->response.status = kept->response.status;
    ex->response.body = kept->response.body;
    ex->record.problem = kept->problem;
    ex->record.detail = kept->detail;
}

static void conclude_if_over(struct gw_landscape_fan *fan)
{
    bool has_page = false;

    if (--fan->left > 0)
        return;
    for (size_t i = 0; i < fan->count; i++)
        has_page |= fan->parts[i].page.type != GW_JSON_NULL;
    if (has_page)
        answer_page(fan);
    else
        answer_problem(fan);
    fan->done(fan->self);
}

/* --- parts --- */

/* NULL, or what is wrong with the output. */
static const char *take_page(struct part *part, const struct gw_value *output)
{
    const struct gw_value *status = gw_value_member(output, GW_STR("status"));
    const struct gw_value *body = gw_value_member(output, GW_STR("body"));
    const struct gw_value *items = gw_value_member(body, GW_STR("items"));

    if (status != NULL && status->type == GW_JSON_NUMBER &&
        !gw_str_equal(status->text, GW_STR("200")))
        return "a system's answer has another status than 200";
    if (items == NULL || items->type != GW_JSON_ARRAY)
        return "a system's answer has no `items`";
    if (gw_value_copy(&part->fan->arena, body, &part->page) != 0)
        return "a system's answer is too large";
    part->next = gw_value_member_text(&part->page, GW_STR("next"));
    return NULL;
}

static void on_done(void *self, const struct gw_value *output, const struct gw_flow_error *error)
{
    struct part *part = self;
    struct gw_exchange *ex = part->fan->ex;

    part->run = NULL;
    part->is_over = true;
    gw_flow_metrics_count(part->service->flow->metrics, ex->worker->metrics, error);
    if (error != NULL) {
        gw_flow_answer_fail(ex, error);
        take_problem(part);
    } else {
        const char *wrong = take_page(part, output);
        if (wrong != NULL) {
            part->page = gw_value_null();
            fail(part, "bad-gateway", wrong);
        }
    }
    conclude_if_over(part->fan);
}

/* The caller's parameters with the part's own cursor. 0 or -ENOMEM. */
static int make_input(const struct part *part, const struct gw_value *whole, struct gw_value *out)
{
    struct gw_arena *arena = &part->fan->arena;
    const struct gw_value *given = gw_value_member(whole, GW_STR("parameters"));
    struct gw_value_builder parameters = {.arena = arena}, input = {.arena = arena};
    int rc = 0;

    for (uint32_t i = 0; given != NULL && i < given->count; i++) {
        const struct gw_value_member *member = &given->members[i];
        if (!gw_str_equal(member->name, GW_STR("cursor")))
            rc |= gw_value_add_member(&parameters, member->name, member->value);
    }
    if (part->cursor.cursor.len > 0)
        rc |= gw_value_add_member(&parameters, GW_STR("cursor"),
                                  gw_value_string(part->cursor.cursor));
    for (uint32_t i = 0; i < whole->count; i++)
        rc |= gw_value_add_member(&input, whole->members[i].name, whole->members[i].value);
    rc |= gw_value_add_member(&input, GW_STR("parameters"), gw_value_built_object(&parameters));
    *out = gw_value_built_object(&input);
    return rc == 0 ? 0 : -ENOMEM;
}

/* The key that the system keeps now, where it is one alone: its flow then runs as if it had been
 * asked for by itself. Empty: several, or more than can be named. */
static struct gw_str only_key(const struct part *part)
{
    const struct gw_landscape *landscape = landscape_of(part->fan);
    struct gw_str only = GW_STR("");

    for (size_t i = 0; i < landscape->rule_count; i++) {
        const struct gw_key_rule *rule = &landscape->rules[i];
        size_t system = rule->kind == GW_KEY_EXACT
                            ? gw_landscape_system_of(part->fan->ex, landscape, rule->text)
                            : rule->system;
        if (system != part->system)
            continue;
        if (rule->kind != GW_KEY_EXACT || only.len > 0)
            return GW_STR("");
        only = rule->text;
    }
    return only;
}

static void start_part(struct part *part, const struct gw_flow_host *host,
                       const struct gw_flow_start *base)
{
    const struct gw_landscape *landscape = landscape_of(part->fan);
    const struct gw_landscape_system *system = &landscape->systems[part->system];
    struct gw_flow_start start = *base;

    if (part->service->flow == NULL) {
        fail(part, "not-offered", "a system has no flow for this");
        conclude_if_over(part->fan);
        return;
    }
    start.flow = part->service->flow->flow;
    start.backend = system->backend;
    start.done = on_done;
    start.self = part;
    struct gw_flow_run *run = NULL;
    if (make_input(part, &base->input, &start.input) == 0 &&
        gw_landscape_metadata(&part->fan->arena, landscape, system, only_key(part),
                              &start.metadata) == 0)
        run = gw_flow_start(host, &start);
    if (part->is_over)
        return; /* before it was even known */
    part->run = run;
    if (run == NULL) {
        fail(part, "overloaded", "no memory for a part");
        conclude_if_over(part->fan);
    }
}

/* --- the start --- */

static void add_part(struct gw_landscape_fan *fan, size_t system, struct gw_part_cursor cursor)
{
    struct part *part = &fan->parts[fan->count++];

    *part = (struct part){.fan = fan,
                          .service = &fan->operation->systems[system],
                          .system = system,
                          .cursor = cursor,
                          .status = gw_value_number(GW_STR("503"))};
}

/* 0, -EINVAL or -ENOMEM. */
static int continue_parts(struct gw_landscape_fan *fan, struct gw_str text)
{
    struct gw_part_cursor cursors[GW_MAX_LANDSCAPE_SYSTEMS];
    bool is_there[GW_MAX_LANDSCAPE_SYSTEMS] = {false};
    size_t count;
    int rc = gw_landscape_cursor_read(&fan->arena, text, cursors, &count);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        size_t system = gw_landscape_find_system(landscape_of(fan), cursors[i].system);
        if (system == SIZE_MAX || is_there[system])
            return -EINVAL;
        is_there[system] = true;
        add_part(fan, system, cursors[i]);
    }
    return rc;
}

static int make_parts(struct gw_landscape_fan *fan, const struct gw_value *parameters)
{
    const struct gw_landscape *landscape = landscape_of(fan);
    const struct gw_value *limit = gw_value_member(parameters, GW_STR("limit"));
    struct gw_str cursor = gw_value_member_text(parameters, GW_STR("cursor"));
    uint64_t number;

    fan->limit = DEFAULT_LIMIT;
    if (limit != NULL && (limit->type == GW_JSON_NUMBER || limit->type == GW_JSON_STRING) &&
        gw_str_to_u64(limit->text, &number) == 0 && number > 0)
        fan->limit = number < MAX_LIMIT ? (uint32_t)number : MAX_LIMIT;
    fan->sort = gw_arena_copy(&fan->arena, gw_value_member_text(parameters, GW_STR("sort")));
    if (fan->sort.ptr == NULL)
        return -ENOMEM;
    if (cursor.len > 0)
        return continue_parts(fan, cursor);
    for (size_t i = 0; i < landscape->system_count; i++)
        add_part(fan, i, (struct gw_part_cursor){.system = landscape->systems[i].name});
    return 0;
}

/* Somewhat before the caller stops waiting, so that he is told what there is. */
static uint64_t deadline_of(const struct gw_landscape_fan *fan, uint64_t deadline_ns)
{
    uint64_t now_ns = gw_clock_monotonic_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    uint64_t margin_ns = left_ns / 10 < MAX_MARGIN_NS ? left_ns / 10 : MAX_MARGIN_NS;
    uint64_t share_ns = landscape_of(fan)->part_timeout_ns;

    return now_ns + (left_ns - margin_ns < share_ns ? left_ns - margin_ns : share_ns);
}

int gw_landscape_fan_start(struct gw_exchange *ex, const struct gw_flow_host *host,
                           const struct gw_flow_start *base, void (*done)(void *self), void *self)
{
    struct gw_landscape_fan *fan = calloc(1, sizeof(*fan));

    if (fan == NULL)
        return -ENOMEM;
    gw_arena_init(&fan->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    fan->ex = ex;
    fan->operation = ex->service->landscape;
    fan->done = done;
    fan->self = self;
    if (gw_arena_defer(&ex->arena, destroy, fan) != 0) {
        destroy(fan);
        return -ENOMEM;
    }
    int rc = make_parts(fan, gw_value_member(&base->input, GW_STR("parameters")));
    if (rc == -EINVAL)
        gw_problem_set(ex, "invalid-parameter", "The cursor is none that this list gave.");
    if (rc != 0)
        return rc;
    struct gw_flow_start each = *base;
    each.deadline_ns = deadline_of(fan, base->deadline_ns);
    fan->left = fan->count + 1; /* one for us: the parts may end before all are begun */
    for (size_t i = 0; i < fan->count; i++)
        start_part(&fan->parts[i], host, &each);
    conclude_if_over(fan);
    return 0;
}
