/* `local`: what an edge does of itself when the signal says something (docs/edge.md). */
#include <errno.h>
#include <stdlib.h>

#include "server/iot/signal_program.h"
#include "server/iot/sparkplug.h"
#include "server/json/option.h"

static const struct gw_option command_options[] = {
    {.name = "device",
     .type = GW_STRING,
     .min = 1,
     .max = GW_MAX_DEVICE_NAME,
     .help = "A device of the same edge node; the event's own if left out."},
    {.name = "metric",
     .type = GW_STRING,
     .min = 1,
     .max = 256,
     .flags = GW_OPTION_REQUIRED,
     .help = "What is written, as the device calls it."},
    {.name = "type",
     .type = GW_ENUM,
     .words = "Boolean Int32 Int64 Float Double String",
     .help = "Sparkplug's type of it; of the value if left out."},
    {.name = "value", .type = GW_ANY, .flags = GW_OPTION_REQUIRED, .help = "A scalar."},
    {0},
};

static const struct gw_option call_options[] = {
    {.name = "backend",
     .type = GW_STRING,
     .min = 1,
     .max = 64,
     .flags = GW_OPTION_REQUIRED,
     .help = "A name of the edge's own configuration."},
    {.name = "path",
     .type = GW_STRING,
     .min = 1,
     .max = 1024,
     .flags = GW_OPTION_REQUIRED,
     .help = "POST there."},
    {.name = "body", .type = GW_ANY, .help = "The event, as a CloudEvent, if left out."},
    {0},
};

static const struct gw_option local_options[] = {
    {.name = "on",
     .type = GW_ENUM,
     .words = "raised cleared both",
     .value = "raised",
     .help = "Of an alarm: when."},
    {.name = "command", .type = GW_OBJECT, .fields = command_options, .help = "By MQTT."},
    {.name = "call", .type = GW_OBJECT, .fields = call_options, .help = "By HTTP."},
    {0},
};

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static enum gw_sparkplug_type type_of(const char *name, const json_t *value)
{
    static const struct {
        const char *name;
        enum gw_sparkplug_type type;
    } types[] = {{"Boolean", GW_SPARKPLUG_BOOLEAN}, {"Int32", GW_SPARKPLUG_INT32},
                 {"Int64", GW_SPARKPLUG_INT64},     {"Float", GW_SPARKPLUG_FLOAT},
                 {"Double", GW_SPARKPLUG_DOUBLE},   {"String", GW_SPARKPLUG_STRING}};

    for (size_t i = 0; name != NULL && i < GW_COUNT_OF(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    return json_is_boolean(value)   ? GW_SPARKPLUG_BOOLEAN
           : json_is_integer(value) ? GW_SPARKPLUG_INT64
           : json_is_real(value)    ? GW_SPARKPLUG_DOUBLE
                                    : GW_SPARKPLUG_STRING;
}

static bool fits(enum gw_sparkplug_type type, const json_t *value)
{
    switch (type) {
    case GW_SPARKPLUG_BOOLEAN:
        return json_is_boolean(value);
    case GW_SPARKPLUG_INT32:
        return json_is_integer(value) && json_integer_value(value) >= INT32_MIN &&
               json_integer_value(value) <= INT32_MAX;
    case GW_SPARKPLUG_INT64:
        return json_is_integer(value);
    case GW_SPARKPLUG_FLOAT:
    case GW_SPARKPLUG_DOUBLE:
        return json_is_number(value);
    default:
        return json_is_string(value);
    }
}

/* A JSON text in the signals' arena. */
static struct gw_str dump(struct signal_loading *loading, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct gw_str copy = signal_copy(loading, text);

    free(text);
    return copy;
}

static void compile_command(struct signal_loading *loading, const json_t *given,
                            struct gw_signal_local *local)
{
    const json_t *value = json_object_get(given, "value");
    enum gw_sparkplug_type type = type_of(text_of(given, "type"), value);

    local->is_command = true;
    local->device = signal_copy(loading, text_of(given, "device"));
    local->metric = signal_copy(loading, text_of(given, "metric"));
    local->type = (uint8_t)type;
    if (!fits(type, value))
        signal_fail(loading, "/local/command/value", "the value is none of the metric's type");
    else if (json_is_boolean(value))
        local->value = gw_value_bool(json_is_true(value));
    else if (json_is_string(value))
        local->value = gw_value_string(signal_copy(loading, json_string_value(value)));
    else
        local->value = gw_value_number(dump(loading, value));
}

static void compile_call(struct signal_loading *loading, const json_t *given,
                         struct gw_signal_local *local)
{
    const json_t *body = json_object_get(given, "body");

    local->backend = signal_copy(loading, text_of(given, "backend"));
    local->path = signal_copy(loading, text_of(given, "path"));
    local->body = body != NULL ? dump(loading, body) : GW_STR("");
    if (local->path.len > 0 && local->path.ptr[0] != '/')
        signal_fail(loading, "/local/call/path", "a path begins with /");
}

static void compile(struct signal_loading *loading, const json_t *checked)
{
    const json_t *command = json_object_get(checked, "command");
    const json_t *call = json_object_get(checked, "call");
    const char *on = text_of(checked, "on");
    struct gw_signal_local *local = signal_alloc(loading, 1, sizeof(*local));

    if (local == NULL)
        return;
    if ((command != NULL) == (call != NULL)) {
        signal_fail(loading, "/local", "it has either a command or a call");
        return;
    }
    local->on_raised = strcmp(on, "cleared") != 0;
    local->on_cleared = strcmp(on, "raised") != 0;
    if (command != NULL)
        compile_command(loading, command, local);
    else
        compile_call(loading, call, local);
    loading->signal->local = local;
    loading->signal->is_local = true;
}

void signal_compile_local(struct signal_loading *loading, const json_t *given)
{
    struct gw_option_source source = {
        .document = loading->document, .diagnostics = loading->diagnostics, .is_literal = true};
    json_t *checked = NULL;

    loading->signal->is_local = json_is_true(given);
    if (given == NULL || json_is_boolean(given))
        return;
    int rc = gw_option_check(&source, given, "/local", local_options, &checked);
    if (rc == -ENOMEM)
        loading->has_no_memory = true;
    if (rc == 0)
        compile(loading, checked);
    json_decref(checked);
}
