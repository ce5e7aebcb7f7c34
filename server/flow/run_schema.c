/* Inputs, outputs and exports against their schemas. */
#include "server/core/buf.h"
#include "server/flow/frame.h"

#define MAX_TOLD 3
#define MAX_VALUE_BYTES (64u << 20)

static struct gw_str describe(struct gw_arena *arena, const struct gw_violations *violations,
                              const char *what)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 4096);
    gw_buf_printf(&buf, "%s breaks its schema", what);
    for (size_t i = 0; i < violations->count; i++)
        gw_buf_printf(&buf, "%s%.*s %.*s", i == 0 ? ": " : "; ",
                      GW_STR_ARG(violations->items[i].instance),
                      GW_STR_ARG(violations->items[i].message));
    struct gw_str text = gw_arena_copy(arena, gw_buf_str(&buf)); /* cut short if need be */
    gw_buf_finish(&buf);
    return text;
}

static int validate(struct flow_frame *frame, uint32_t schema, struct gw_str text,
                    struct gw_violations *out)
{
    struct gw_arena *arena = &frame->run->arena;
    const struct gw_json_limits limits = {MAX_VALUE_BYTES, GW_JSON_DEPTH_CEILING};
    const struct gw_schema_run run = {.arena = arena, .max_violations = MAX_TOLD};
    struct gw_json_error error;
    struct gw_json_tape tape;

    if (gw_json_read(arena, text, &limits, &tape, &error) != 0)
        return -1;
    return gw_schema_validate(frame->run->flow->schemas, schema, &tape, &run, out);
}

bool flow_validate(struct flow_frame *frame, uint32_t schema, const struct gw_value *value,
                   const char *what)
{
    struct gw_violations violations = {0};
    struct gw_buf buf;

    if (schema == FLOW_NONE)
        return true;
    gw_buf_init(&buf, MAX_VALUE_BYTES);
    gw_value_write(&buf, value);
    int rc = buf.has_failed ? -1 : validate(frame, schema, gw_buf_str(&buf), &violations);
    struct gw_str reason = {NULL, 0};
    if (rc != 0)
        reason = describe(&frame->run->arena, &violations, what);
    gw_buf_finish(&buf);
    if (rc == 0)
        return true;
    if (reason.ptr == NULL)
        flow_run_exhaust(frame->run, frame);
    else
        flow_raise(frame, FLOW_ERROR_VALIDATION, reason);
    return false;
}
