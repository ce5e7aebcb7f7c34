/* The arguments of runtime expressions: `$context`, `$input`, `$task`, ... Only those that a
 * template mentions are made, as some are large. */
#include <errno.h>
#include <time.h>

#include "server/core/clock.h"
#include "server/crypto/digest.h"
#include "server/crypto/random.h"
#include "server/flow/frame.h"

#define MAX_KEY_BYTES 200
#define RUN_ID_BYTES 8
#define REFERENCE_LEN 30 /* of the digits of a digest: what reference fields of ERPs hold */

const struct flow_scope *flow_scope_push(struct gw_flow_run *run, const struct flow_scope *outer,
                                         struct gw_str name, struct gw_value value)
{
    struct flow_scope *scope = gw_arena_alloc(&run->arena, sizeof(*scope));

    if (scope != NULL)
        *scope = (struct flow_scope){outer, name, value};
    return scope;
}

/* {iso8601, epoch: {seconds, milliseconds}} */
static int time_value(struct gw_arena *arena, uint64_t ns, struct gw_value *out_value)
{
    struct gw_value_builder epoch = {.arena = arena}, whole = {.arena = arena};
    time_t seconds = (time_t)(ns / GW_NS_PER_SECOND);
    struct gw_value number_s, number_ms;
    struct tm parts;
    char day[24];

    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts) == 0)
        return -ENOMEM;
    struct gw_str text =
        gw_arena_printf(arena, "%s.%03uZ", day, (unsigned)(ns / GW_NS_PER_MS % 1000));
    int rc = text.ptr == NULL ? -ENOMEM : 0;
    rc |= gw_value_integer(arena, (int64_t)seconds, &number_s);
    rc |= gw_value_integer(arena, (int64_t)(ns / GW_NS_PER_MS), &number_ms);
    if (rc != 0)
        return -ENOMEM;
    rc |= gw_value_add_member(&epoch, GW_STR("seconds"), number_s);
    rc |= gw_value_add_member(&epoch, GW_STR("milliseconds"), number_ms);
    rc |= gw_value_add_member(&whole, GW_STR("iso8601"), gw_value_string(text));
    rc |= gw_value_add_member(&whole, GW_STR("epoch"), gw_value_built_object(&epoch));
    *out_value = gw_value_built_object(&whole);
    return rc;
}

/* The effect's key in the form of a reference, which a backend can keep and be searched for. */
static struct gw_str effect_reference(const struct flow_frame *frame)
{
    struct gw_str key = flow_effect_key(frame);
    char digest[2 * GW_DIGEST_MAX_BYTES + 1];

    if (key.ptr == NULL)
        return key;
    gw_digest_hex(GW_SHA256, key, digest);
    return gw_arena_copy(&frame->run->arena, gw_str_from(digest, REFERENCE_LEN));
}

static int task_value(const struct flow_frame *frame, struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = &frame->run->arena};
    struct gw_str reference = effect_reference(frame);
    struct gw_value started;
    int rc = time_value(builder.arena, frame->started_ns, &started);

    if (rc != 0 || reference.ptr == NULL)
        return -ENOMEM;
    rc |= gw_value_add_member(&builder, GW_STR("effectKey"), gw_value_string(reference));
    rc |= gw_value_add_member(&builder, GW_STR("name"), gw_value_string(frame->task->name));
    rc |= gw_value_add_member(&builder, GW_STR("reference"), gw_value_string(frame->task->pointer));
    rc |= gw_value_add_member(&builder, GW_STR("definition"), frame->task->definition);
    rc |= gw_value_add_member(&builder, GW_STR("input"), frame->raw_input);
    rc |= gw_value_add_member(&builder, GW_STR("output"), frame->raw_output);
    rc |= gw_value_add_member(&builder, GW_STR("startedAt"), started);
    *out_value = gw_value_built_object(&builder);
    return rc;
}

static int set_id(struct gw_flow_run *run)
{
    char text[2 * RUN_ID_BYTES + 1];

    if (run->id.ptr != NULL)
        return 0;
    gw_random_hex(text, RUN_ID_BYTES);
    run->id = gw_arena_copy(&run->arena, gw_str_of(text));
    return run->id.ptr != NULL ? 0 : -ENOMEM;
}

static int workflow_value(const struct flow_frame *frame, struct gw_value *out_value)
{
    struct gw_flow_run *run = frame->run;
    struct gw_value_builder builder = {.arena = &run->arena};
    struct gw_value started;
    int rc = time_value(builder.arena, run->started_ns, &started);

    if (rc != 0 || set_id(run) != 0)
        return -ENOMEM;
    rc |= gw_value_add_member(&builder, GW_STR("id"), gw_value_string(run->id));
    rc |= gw_value_add_member(&builder, GW_STR("definition"), run->flow->definition);
    rc |= gw_value_add_member(&builder, GW_STR("input"), run->start.input);
    rc |= gw_value_add_member(&builder, GW_STR("startedAt"), started);
    *out_value = gw_value_built_object(&builder);
    return rc;
}

static int runtime_value(struct gw_flow_run *run, struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = &run->arena};
    bool has_metadata = run->start.metadata.type == GW_JSON_OBJECT;
    struct gw_value metadata = has_metadata ? run->start.metadata : gw_value_object(NULL, 0);
    int rc = 0;

    rc |= gw_value_add_member(&builder, GW_STR("name"), gw_value_string(GW_STR("millgate")));
    rc |=
        gw_value_add_member(&builder, GW_STR("version"), gw_value_string(GW_STR(MILLGATE_VERSION)));
    rc |= gw_value_add_member(&builder, GW_STR("metadata"), metadata);
    *out_value = gw_value_built_object(&builder);
    return rc;
}

/* 0 or -ENOMEM. What nobody knows is bound by the expression itself, or null. */
static int variable_value(const struct flow_frame *frame, struct gw_str name,
                          struct gw_value *out_value)
{
    struct gw_flow_run *run = frame->run;

    for (const struct flow_scope *scope = frame->scope; scope != NULL; scope = scope->outer)
        if (gw_str_equal(scope->name, name)) {
            *out_value = scope->value;
            return 0;
        }
    const struct {
        struct gw_str name;
        const struct gw_value *value;
    } plain[] = {{GW_STR("context"), &run->context},
                 {GW_STR("input"), &frame->input},
                 {GW_STR("output"), &frame->output},
                 {GW_STR("authorization"), &run->start.authorization}};
    for (size_t i = 0; i < GW_COUNT_OF(plain); i++)
        if (gw_str_equal(plain[i].name, name)) {
            *out_value = *plain[i].value;
            return 0;
        }
    if (gw_str_equal(name, GW_STR("task")))
        return task_value(frame, out_value);
    if (gw_str_equal(name, GW_STR("workflow")))
        return workflow_value(frame, out_value);
    if (gw_str_equal(name, GW_STR("runtime")))
        return runtime_value(run, out_value);
    *out_value = gw_value_null();
    return 0;
}

int flow_variables(const struct flow_frame *frame, const struct flow_template *template,
                   struct gw_value *out_variables)
{
    struct gw_value_builder builder = {.arena = &frame->run->arena};

    for (uint32_t i = 0; i < template->variable_count; i++) {
        struct gw_value value;
        if (variable_value(frame, template->variables[i], &value) != 0 ||
            gw_value_add_member(&builder, template->variables[i], value) != 0)
            return -ENOMEM;
    }
    *out_variables = gw_value_built_object(&builder);
    return 0;
}

struct gw_str flow_effect_key(const struct flow_frame *frame)
{
    struct gw_arena *arena = &frame->run->arena;
    const struct gw_str parts[] = {frame->run->start.key, frame->task->pointer, frame->suffix};
    struct gw_str key = gw_arena_join(arena, parts, GW_COUNT_OF(parts));
    char digest[2 * GW_DIGEST_MAX_BYTES + 1];

    if (key.ptr == NULL || key.len <= MAX_KEY_BYTES)
        return key;
    gw_digest_hex(GW_SHA256, key, digest);
    return gw_arena_copy(arena, gw_str_of(digest));
}
