#include "server/gateway/landscape_fan.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/gateway/flow_answer.h"
#include "server/gateway/flow_metrics.h"
#include "server/gateway/landscape_cursor.h"
#include "server/gateway/landscape_fan_private.h"
#include "server/gateway/landscape_merge.h"
#include "server/gateway/landscape_route.h"
#include "server/http/problem.h"

#define ARENA_BLOCK_BYTES (16 * 1024)
#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define DEFAULT_LIMIT 50 /* as the contracts have it */
#define MAX_LIMIT 1000
#define MAX_MARGIN_NS (100 * GW_NS_PER_MS) /* of the caller's time, to put the parts together */

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
    fan->first_problem = (struct fan_kept){ex->response, ex->record.problem, ex->record.detail};
    fan->first_problem.response.fields = fields;
    if (fields == NULL)
        fan->first_problem.response.field_count = 0;
    else
        memcpy(fields, ex->response.fields, count * sizeof(*fields));
}

/* Takes type, title and status from the problem that is set, and unsets it. */
static void take_problem(struct fan_part *part)
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

static void fail(struct fan_part *part, const char *problem, const char *why)
{
    part->fan->ex->record.detail = gw_str_of(why);
    gw_problem_set(part->fan->ex, problem, NULL);
    take_problem(part);
}

/* --- the end --- */

static void answer_page(struct gw_landscape_fan *fan)
{
    struct gw_value_builder output = {.arena = &fan->arena};
    struct gw_value page;
    int rc = fan_make_page(fan, &page);

    fan->ex->record.problem = NULL;
    if (rc == 0)
        rc = gw_value_add_member(&output, GW_STR("body"), page);
    if (rc == 0) {
        struct gw_value whole = gw_value_built_object(&output);
        gw_flow_answer_set(fan->ex, &whole, NULL);
        return;
    }
    if (rc == -EMSGSIZE)
        fan->ex->record.detail = GW_STR("the systems' cursors are too long together");
    gw_problem_set(fan->ex, rc == -EMSGSIZE ? "bad-gateway" : "overloaded", NULL);
}

static void answer_problem(struct gw_landscape_fan *fan)
{
    struct gw_exchange *ex = fan->ex;
    const struct fan_kept *kept = &fan->first_problem;

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
static const char *take_page(struct fan_part *part, const struct gw_value *output)
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
    struct fan_part *part = self;
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
static int make_input(const struct fan_part *part, const struct gw_value *whole,
                      struct gw_value *out)
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
static struct gw_str only_key(const struct fan_part *part)
{
    const struct gw_landscape *landscape = fan_landscape(part->fan);
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

static void start_part(struct fan_part *part, const struct gw_flow_host *host,
                       const struct gw_flow_start *base)
{
    const struct gw_landscape *landscape = fan_landscape(part->fan);
    const struct gw_landscape_system *system = &landscape->systems[part->system];
    struct gw_flow_start start = *base;

    if (part->service->flow == NULL) {
        fail(part, "not-offered", "a system has no flow for this");
        conclude_if_over(part->fan);
        return;
    }
    start.flow = part->service->flow->flow;
    start.backend = system->backend;
    start.memory = NULL;
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
    struct fan_part *part = &fan->parts[fan->count++];

    *part = (struct fan_part){.fan = fan,
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
        size_t system = gw_landscape_find_system(fan_landscape(fan), cursors[i].system);
        if (system == SIZE_MAX || is_there[system])
            return -EINVAL;
        is_there[system] = true;
        add_part(fan, system, cursors[i]);
    }
    return rc;
}

static int make_parts(struct gw_landscape_fan *fan, const struct gw_value *parameters)
{
    const struct gw_landscape *landscape = fan_landscape(fan);
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
    uint64_t share_ns = fan_landscape(fan)->part_timeout_ns;

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
