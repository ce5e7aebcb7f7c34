#include "connector_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/clock.h"

void connector_rig_open(struct connector_rig *rig, const struct gw_connector_type *type)
{
    rig->type = type;
    rig->instance = NULL;
    rig->config = NULL;
    backend_rig_open(&rig->backend);
}

void connector_rig_create(struct connector_rig *rig, const char *options)
{
    struct gw_error error = {0};

    if (gw_option_parse(options, rig->type->options, &rig->config, &error) != 0)
        fail_msg("%s", error.text);
    if (rig->type->create(rig->config, &rig->backend.backend, &rig->instance, &error) != 0)
        fail_msg("%s", error.text);
}

void connector_rig_close(struct connector_rig *rig)
{
    rig->type->destroy(rig->instance);
    json_decref(rig->config);
    backend_rig_close(&rig->backend);
}

static void print(char *out, size_t room, struct gw_str text)
{
    snprintf(out, room, "%.*s", GW_STR_ARG(text));
}

static void on_done(struct gw_connector_call *call, const struct gw_connector_failure *failure)
{
    struct connector_outcome *outcome = call->owner;

    outcome->calls++;
    outcome->is_there = true;
    if (failure != NULL) {
        outcome->error = failure->error;
        outcome->backend_status = failure->backend_status;
        outcome->retry_ns = failure->retry_ns;
        print(outcome->reason, sizeof(outcome->reason), failure->reason);
        print(outcome->code, sizeof(outcome->code), failure->code);
        return;
    }
    struct gw_buf text;
    gw_buf_init(&text, 16 * 1024 * 1024);
    gw_value_write(&text, &call->result);
    assert_false(text.has_failed);
    print(outcome->result, sizeof(outcome->result), gw_buf_str(&text));
    gw_buf_finish(&text);
}

static const struct gw_connector_function *find(const struct gw_connector_type *type,
                                                const char *name)
{
    for (const struct gw_connector_function *at = type->functions; at->name != NULL; at++) {
        if (strcmp(at->name, name) == 0)
            return at;
    }
    fail_msg("no function %s", name);
    return NULL;
}

/* All but the function's arguments. */
static void prepare(struct connector_rig *rig, const char *function, struct connector_outcome *out)
{
    *out = (struct connector_outcome){0};
    gw_arena_init(&out->arena, 64 * 1024, 64 * 1024 * 1024);
    out->call = (struct gw_connector_call){
        .function = find(rig->type, function),
        .arena = &out->arena,
        .worker = &rig->backend.worker,
        .backend = &rig->backend.backend,
        .deadline_ns = gw_clock_monotonic_ns() + 15 * GW_NS_PER_SECOND,
        .done = on_done,
        .owner = out,
    };
}

static void begin(struct connector_rig *rig, const char *arguments, struct connector_outcome *out)
{
    struct gw_str text = gw_arena_copy(&out->arena, gw_str_of(arguments));
    struct gw_json_error error;

    assert_non_null(text.ptr);
    assert_int_equal(gw_value_read(&out->arena, text, NULL, &out->call.arguments, &error), 0);
    gw_connector_begin(rig->instance, &out->call);
}

void connector_rig_start(struct connector_rig *rig, const char *function, const char *arguments,
                         const char *key, struct connector_outcome *out)
{
    prepare(rig, function, out);
    out->call.effect_key = key == NULL ? GW_STR("") : gw_str_of(key);
    begin(rig, arguments, out);
}

void connector_rig_start_by(struct connector_rig *rig, const char *function, const char *arguments,
                            uint64_t deadline_ns, struct connector_outcome *out)
{
    prepare(rig, function, out);
    out->call.deadline_ns = deadline_ns;
    begin(rig, arguments, out);
}

void connector_rig_finish(struct connector_rig *rig, struct connector_outcome *outcome)
{
    backend_rig_wait(&rig->backend, &outcome->is_there);
    assert_int_equal(outcome->calls, 1);
    gw_arena_finish(&outcome->arena);
}

void connector_rig_run(struct connector_rig *rig, const char *function, const char *arguments,
                       const char *key, struct connector_outcome *out)
{
    connector_rig_start(rig, function, arguments, key, out);
    connector_rig_finish(rig, out);
}
