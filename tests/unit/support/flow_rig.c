#include "tests/unit/support/flow_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/json/reader.h"
#include "tests/unit/support/leftovers.h"

#define HEAD "document: {dsl: 1.0.0, namespace: test, name: flow, version: 1.0.0}\n"
#define WAIT_NS (10 * GW_NS_PER_SECOND)

static struct flow_rig *the_rig; /* connectors' instances have no place for it */

/* --- the desk: a connector that does as its arguments say ---------------------------------------
 */

static void keep(char *to, size_t room, struct gw_str text)
{
    snprintf(to, room, "%.*s", GW_STR_ARG(text));
}

static void keep_value(char *to, size_t room, const struct gw_value *value)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 1 << 20);
    gw_value_write(&buf, value);
    keep(to, room, gw_buf_str(&buf));
    gw_buf_finish(&buf);
}

static void note_call(struct gw_str key, const struct gw_value *arguments)
{
    struct flow_rig *rig = the_rig;
    unsigned at = rig->call_count++;

    if (at >= FLOW_RIG_MAX_CALLS)
        return;
    keep(rig->keys[at], sizeof(rig->keys[at]), key);
    keep_value(rig->arguments[at], sizeof(rig->arguments[at]), arguments);
    rig->at_ms[at] = (gw_clock_monotonic_ns() - rig->began_ns) / GW_NS_PER_MS;
}

/* Answers what it is given. */
static void begin_echo(void *self, struct gw_connector_call *call)
{
    (void)self;
    note_call(call->effect_key, &call->arguments);
    gw_connector_done(call, call->arguments);
}

struct later {
    struct gw_timer timer;
    struct gw_connector_call *call;
};

static void answer_later(struct gw_timer *timer)
{
    struct gw_connector_call *call = GW_CONTAINER_OF(timer, struct later, timer)->call;

    the_rig->open_calls--;
    gw_connector_done(call, call->arguments);
}

static void cancel_later(struct gw_connector_call *call)
{
    struct later *later = call->state;

    gw_timer_stop(&later->timer);
    the_rig->open_calls--;
    the_rig->cancelled_calls++;
}

/* The same after `ms`. */
static void begin_slow(void *self, struct gw_connector_call *call)
{
    struct later *later = gw_arena_calloc(call->arena, 1, sizeof(*later));
    const struct gw_value *ms = gw_value_member(&call->arguments, GW_STR("ms"));
    uint64_t number = 0;

    (void)self;
    assert_non_null(later);
    assert_true(ms == NULL || gw_str_to_u64(ms->text, &number) == 0);
    note_call(call->effect_key, &call->arguments);
    later->call = call;
    call->state = later;
    call->cancel = cancel_later;
    if (++the_rig->open_calls > the_rig->most_open)
        the_rig->most_open = the_rig->open_calls;
    gw_timer_start(call->worker->loop, &later->timer, number * GW_NS_PER_MS, answer_later);
}

static enum gw_connector_error error_of(struct gw_str name)
{
    for (int i = 1; i < GW_CONNECTOR_ERROR_COUNT; i++)
        if (gw_str_equal(name, gw_str_of(gw_connector_error_row((enum gw_connector_error)i)->name)))
            return (enum gw_connector_error)i;
    return GW_CONNECTOR_UNAVAILABLE;
}

/* Fails with `error` as often as rig->failures_left says, then answers. */
static void begin_write(void *self, struct gw_connector_call *call)
{
    struct gw_connector_failure failure = {
        .error = error_of(gw_value_member_text(&call->arguments, GW_STR("error"))),
        .backend_status = 503,
        .reason = GW_STR("the desk is closed"),
        .code = GW_STR("E7"),
    };

    (void)self;
    note_call(call->effect_key, &call->arguments);
    if (the_rig->failures_left == 0) {
        gw_connector_done(call, call->arguments);
        return;
    }
    the_rig->failures_left--;
    gw_connector_fail(call, &failure);
}

static const struct gw_option write_parameters[] = {
    {.name = "what", .type = GW_STRING, .max = 20, .flags = GW_OPTION_REQUIRED},
    {.name = "error", .type = GW_STRING},
    {.name = "count", .type = GW_INT, .min = 1, .max = 9},
    {.name = "with", .type = GW_ANY},
    {0},
};

static const struct gw_option slow_parameters[] = {
    {.name = "ms", .type = GW_INT}, {.name = "what", .type = GW_ANY}, {0}};

static const struct gw_option echo_parameters[] = {
    {.name = "a", .type = GW_ANY}, {.name = "b", .type = GW_ANY}, {0}};

static const struct gw_option request_parameters[] = {{.name = "method", .type = GW_STRING},
                                                      {.name = "path", .type = GW_STRING},
                                                      {.name = "query", .type = GW_ANY},
                                                      {.name = "headers", .type = GW_ANY},
                                                      {.name = "body", .type = GW_ANY},
                                                      {.name = "output", .type = GW_STRING},
                                                      {0}};

static const struct gw_connector_function desk_functions[] = {
    {.name = "echo", .parameters = echo_parameters, .begin = begin_echo},
    {.name = "slow", .parameters = slow_parameters, .begin = begin_slow},
    {.name = "write",
     .parameters = write_parameters,
     .is_write = true,
     .effect = GW_EFFECT_KEYED,
     .begin = begin_write},
    {0},
};

static const struct gw_connector_function http_functions[] = {
    {.name = "request",
     .parameters = request_parameters,
     .is_write = true,
     .effect = GW_EFFECT_UNKNOWN,
     .begin = begin_echo},
    {0},
};

static const struct gw_connector_type desk = {.name = "desk", .functions = desk_functions};
static const struct gw_connector_type http = {.name = "http", .functions = http_functions};
static const struct gw_connector_type *const connectors[] = {&desk, &http, NULL};

/* --- the host -----------------------------------------------------------------------------------
 */

static int find_connector(void *self, const struct gw_exchange *cause, struct gw_str backend,
                          const struct gw_connector_type *type, void **out_instance,
                          const struct gw_backend **out_backend)
{
    (void)cause;
    (void)type;
    if (!gw_str_equal(backend, GW_STR("desk")))
        return -ENOENT;
    *out_instance = self;
    *out_backend = NULL;
    return 0;
}

static const char *check_backend(void *self, struct gw_str backend,
                                 const struct gw_connector_type *type)
{
    (void)self;
    (void)type;
    return gw_str_equal(backend, GW_STR("desk")) ? NULL : "there is no such backend";
}

static const char *check_operation(void *self, struct gw_str operation_id)
{
    (void)self;
    return gw_str_has_prefix(operation_id, GW_STR("get")) ? NULL : "there is no such operation";
}

/* getOrder answers 200 with its parameters and body; getNothing 404; getBusy 503, and to come again
 * in 7 s; getLater never. */
static void call_operation(void *self, struct gw_flow_operation_call *call)
{
    struct flow_rig *rig = self;
    bool is_busy = gw_str_equal(call->operation_id, GW_STR("getBusy"));
    bool is_there = !gw_str_equal(call->operation_id, GW_STR("getNothing"));
    struct gw_str status = is_busy ? GW_STR("503") : is_there ? GW_STR("200") : GW_STR("404");
    struct gw_value_builder body = {.arena = call->arena}, answer = {.arena = call->arena},
                            fields = {.arena = call->arena};

    note_call(call->effect_key, &call->parameters);
    if (gw_str_equal(call->operation_id, GW_STR("getLater"))) {
        rig->open_calls++;
        return;
    }
    if (gw_str_equal(call->operation_id, GW_STR("getBroken"))) {
        call->done(call, "the inner exchange was cut short");
        return;
    }
    int rc = gw_value_add_member(&body, GW_STR("parameters"), call->parameters);
    rc |= gw_value_add_member(&body, GW_STR("body"), call->body);
    rc |= gw_value_add_member(&answer, GW_STR("status"), gw_value_number(status));
    if (is_busy)
        rc |= gw_value_add_member(&fields, GW_STR("retry-after"), gw_value_string(GW_STR("7")));
    rc |= gw_value_add_member(&answer, GW_STR("headers"), gw_value_built_object(&fields));
    rc |= gw_value_add_member(&answer, GW_STR("body"), gw_value_built_object(&body));
    assert_int_equal(rc, 0);
    call->answer = gw_value_built_object(&answer);
    call->done(call, NULL);
}

static void cancel_operation(void *self, struct gw_flow_operation_call *call)
{
    struct flow_rig *rig = self;

    (void)call;
    rig->open_calls--;
    rig->cancelled_calls++;
}

/* --- the rig ------------------------------------------------------------------------------------
 */

void flow_rig_open(struct flow_rig *rig)
{
    struct gw_error error = {.text = ""};

    *rig = (struct flow_rig){.folder = "/tmp/millgate-flow-XXXXXX", .max_arena_bytes = 8 << 20};
    the_rig = rig;
    assert_non_null(mkdtemp(rig->folder));
    if (gw_loop_create(&rig->loop, &error) != 0)
        fail_msg("%s", error.text);
    rig->worker.loop = rig->loop;
    gw_list_init(&rig->worker.tenants);
    rig->evaluator = gw_evaluator_create(rig->loop, NULL);
    assert_non_null(rig->evaluator);
    rig->names = (struct gw_flow_names){.self = rig,
                                        .connectors = connectors,
                                        .check_backend = check_backend,
                                        .check_operation = check_operation};
    rig->host = (struct gw_flow_host){.self = rig,
                                      .worker = &rig->worker,
                                      .evaluator = rig->evaluator,
                                      .connector = find_connector,
                                      .call_operation = call_operation,
                                      .cancel_operation = cancel_operation};
}

void flow_rig_close(struct flow_rig *rig)
{
    gw_flow_release(rig->flow);
    gw_evaluator_destroy(rig->evaluator);
    gw_loop_destroy(rig->loop);
    leftovers_remove(rig->folder);
}

void flow_rig_write(struct flow_rig *rig, const char *name, const char *text)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", rig->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void keep_findings(struct flow_rig *rig, struct gw_diagnostics *diagnostics)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    gw_diagnostics_print(diagnostics, out);
    fclose(out);
    keep(rig->findings, sizeof(rig->findings), gw_str_from(text, len));
    free(text);
}

struct refusal {
    struct flow_rig *rig;
    struct gw_diagnostics *diagnostics;
};

static void refuse(void *self, size_t set, uint32_t index, const char *why)
{
    struct refusal *refusal = self;

    (void)set;
    gw_flow_blame(refusal->rig->flow, index, why, refusal->diagnostics);
}

int flow_rig_load(struct flow_rig *rig, const char *text)
{
    struct gw_diagnostics diagnostics;
    struct refusal refusal = {rig, &diagnostics};
    char path[128];

    flow_rig_write(rig, "a.flow.yaml", text);
    gw_flow_release(rig->flow);
    rig->flow = NULL;
    gw_diagnostics_init(&diagnostics);
    snprintf(path, sizeof(path), "%s/a.flow.yaml", rig->folder);
    int rc = gw_flow_load(path, &rig->names, &diagnostics, &rig->flow);
    if (rc == 0) {
        struct gw_expressions *set = gw_flow_expressions(rig->flow);
        rc = gw_expressions_compile(&set, 1, refuse, &refusal);
    }
    keep_findings(rig, &diagnostics);
    assert_int_equal(rc != 0, gw_diagnostics_has_errors(&diagnostics));
    gw_diagnostics_finish(&diagnostics);
    return rc;
}

static int load_body(struct flow_rig *rig, const char *body)
{
    size_t len = strlen(HEAD) + strlen(body) + 1;
    char *text = malloc(len);

    assert_non_null(text);
    snprintf(text, len, "%s%s", HEAD, body);
    int rc = flow_rig_load(rig, text);
    free(text);
    return rc;
}

void flow_rig_load_body(struct flow_rig *rig, const char *body)
{
    if (load_body(rig, body) != 0)
        fail_msg("%s", rig->findings);
}

void flow_rig_assert_refused(struct flow_rig *rig, const char *body, const char *text)
{
    if (load_body(rig, body) == 0)
        fail_msg("is taken, but should not because of: %s", text);
    if (strstr(rig->findings, text) == NULL)
        fail_msg("\"%s\" is not said in:\n%s", text, rig->findings);
}

static void keep_error(struct flow_rig *rig, const struct gw_flow_error *error)
{
    rig->has_failed = true;
    rig->error = *error;
    keep(rig->type, sizeof(rig->type), error->type);
    keep(rig->title, sizeof(rig->title), error->title);
    keep(rig->detail, sizeof(rig->detail), error->detail);
    keep(rig->task, sizeof(rig->task), error->task);
    keep(rig->reason, sizeof(rig->reason), error->reason);
    keep(rig->code, sizeof(rig->code), error->code);
    keep_value(rig->members, sizeof(rig->members), &error->members);
}

static void ended(void *self, const struct gw_value *output, const struct gw_flow_error *error)
{
    struct flow_rig *rig = self;

    assert_false(rig->is_done);
    rig->is_done = true;
    if (error != NULL)
        keep_error(rig, error);
    else
        keep_value(rig->output, sizeof(rig->output), output);
}

struct gw_flow_run *flow_rig_start(struct flow_rig *rig, const char *input)
{
    struct gw_json_error wrong;
    struct gw_arena arena;
    struct gw_value value;

    gw_arena_init(&arena, 4096, 1 << 20);
    assert_int_equal(gw_value_read(&arena, gw_str_of(input), NULL, &value, &wrong), 0);
    rig->is_done = rig->has_failed = false;
    rig->output[0] = '\0';
    rig->call_count = rig->most_open = 0;
    rig->cancelled_calls = 0;
    rig->began_ns = gw_clock_monotonic_ns();
    gw_loop_turn(rig->loop, 0);
    const struct gw_flow_start start = {.flow = rig->flow,
                                        .input = value,
                                        .key = GW_STR("key-1"),
                                        .deadline_ns = gw_loop_now_ns(rig->loop) + WAIT_NS / 2,
                                        .max_arena_bytes = rig->max_arena_bytes,
                                        .done = ended,
                                        .self = rig};
    struct gw_flow_run *run = gw_flow_start(&rig->host, &start);
    gw_arena_finish(&arena); /* nothing of it is used any more */
    assert_non_null(run);
    return rig->is_done ? NULL : run;
}

void flow_rig_wait(struct flow_rig *rig, bool (*is_there)(const struct flow_rig *rig))
{
    uint64_t until_ns = gw_clock_monotonic_ns() + WAIT_NS;

    while (!is_there(rig)) {
        if (gw_clock_monotonic_ns() > until_ns)
            fail_msg("nothing comes");
        gw_loop_turn(rig->loop, 20);
    }
}

bool flow_rig_is_done(const struct flow_rig *rig)
{
    return rig->is_done;
}

void flow_rig_run(struct flow_rig *rig, const char *input)
{
    (void)flow_rig_start(rig, input);
    flow_rig_wait(rig, flow_rig_is_done);
    assert_int_equal(rig->open_calls, 0);
}

bool flow_rig_equal(const char *json, const char *other)
{
    struct gw_json_error wrong;
    struct gw_arena arena;
    struct gw_value a, b;

    gw_arena_init(&arena, 4096, 4 << 20);
    bool is_equal = gw_value_read(&arena, gw_str_of(json), NULL, &a, &wrong) == 0 &&
                    gw_value_read(&arena, gw_str_of(other), NULL, &b, &wrong) == 0 &&
                    gw_value_equal(&a, &b);
    gw_arena_finish(&arena);
    return is_equal;
}

void flow_rig_assert_output(struct flow_rig *rig, const char *body, const char *input,
                            const char *output)
{
    flow_rig_load_body(rig, body);
    flow_rig_run(rig, input);
    if (rig->has_failed)
        fail_msg("%s at %s: %s", rig->type, rig->task, rig->reason);
    if (!flow_rig_equal(rig->output, output))
        fail_msg("%s is not %s", rig->output, output);
}

void flow_rig_assert_error(struct flow_rig *rig, const char *body, const char *input,
                           const char *type, const char *task)
{
    static const char spec[] = "https://serverlessworkflow.io/spec/1.0.0/errors/";
    const char *own = rig->type;

    flow_rig_load_body(rig, body);
    flow_rig_run(rig, input);
    if (!rig->has_failed)
        fail_msg("it goes well: %s", rig->output);
    if (strstr(type, "://") == NULL && strncmp(own, spec, strlen(spec)) == 0)
        own += strlen(spec);
    if (strcmp(own, type) != 0 || strcmp(rig->task, task) != 0)
        fail_msg("%s at %s (%s) is not %s at %s", own, rig->task, rig->reason, type, task);
}
