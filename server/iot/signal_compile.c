/* From a checked document to a signal: what is not a value, a window or a condition. */
#include <stdio.h>

#include "server/core/clock.h"
#include "server/core/duration.h"
#include "server/iot/signal_program.h"

#define POINTER_BYTES 200
#define MS_PER_DAY INT64_C(86400000)
#define MAX_WINDOWS_WITHOUT_SAMPLES 100000

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

int64_t signal_read_ms(struct signal_loading *loading, const json_t *object, const char *name,
                       const char *pointer, int64_t least_ms, int64_t most_ms)
{
    const char *text = json_string_value(json_object_get(object, name));
    char at[POINTER_BYTES];
    uint64_t ns = 0;

    if (text == NULL)
        return 0;
    snprintf(at, sizeof(at), "%s/%s", pointer, name);
    if (gw_duration_parse(gw_str_of(text), &ns) != 0 || ns % GW_NS_PER_MS != 0) {
        signal_fail(loading, at, "\"%s\" is no duration in whole milliseconds, as PT30S", text);
        return 0;
    }
    int64_t ms = (int64_t)(ns / GW_NS_PER_MS);
    if (ms < least_ms || ms > most_ms) {
        signal_fail(loading, at, "%s must be from %g to %g seconds", name, (double)least_ms / 1000,
                    (double)most_ms / 1000);
        return 0;
    }
    return ms;
}

uint32_t signal_find_input(const struct signal *signal, struct gw_str name)
{
    for (uint32_t i = 0; i < signal->input_count; i++)
        if (gw_str_equal(signal->inputs[i].name, name))
            return i;
    return SIGNAL_NONE;
}

uint32_t signal_find_value(const struct signal *signal, struct gw_str name)
{
    for (uint32_t i = 0; i < signal->value_count; i++)
        if (gw_str_equal(signal->values[i].name, name))
            return i;
    return SIGNAL_NONE;
}

/* --- texts --- */

static double code_of(struct signal_loading *loading, const char *pointer, const char *text)
{
    struct gw_signals *signals = loading->signals;

    for (size_t i = 0; i < signals->text_count; i++)
        if (gw_str_equal(signals->texts[i], gw_str_of(text)))
            return signal_text_code(gw_str_of(text));
    if (signals->text_count == SIGNAL_MAX_TEXTS) {
        signal_fail(loading, pointer, "the signals name more than %d texts", SIGNAL_MAX_TEXTS);
        return 0;
    }
    signals->texts[signals->text_count++] = signal_copy(loading, text);
    return signal_text_code(gw_str_of(text));
}

struct signal_set signal_read_states(struct signal_loading *loading, const json_t *json,
                                     const char *pointer, uint32_t input)
{
    bool is_list = json_is_array(json);
    size_t count = is_list ? json_array_size(json) : 1, texts = 0;
    double *items = signal_alloc(loading, count, sizeof(*items));
    struct signal_set set = {items, (uint32_t)count};

    for (size_t i = 0; items != NULL && i < count; i++) {
        const json_t *item = is_list ? json_array_get(json, i) : json;
        if (json_is_string(item)) {
            items[i] = code_of(loading, pointer, json_string_value(item));
            texts++;
        } else if (json_is_number(item) || json_is_boolean(item)) {
            items[i] = json_is_boolean(item) ? json_is_true(item) : json_number_value(item);
        } else {
            signal_fail(loading, pointer,
                        "a number, a boolean, a text or a list of them is wanted");
            return (struct signal_set){0};
        }
    }
    if (count == 0 || count > 100 || (texts > 0 && texts < count))
        signal_fail(loading, pointer, "1 to 100 states are wanted, all texts or none");
    else if (texts > 0 && input != SIGNAL_NONE)
        loading->signal->inputs[input].is_text = true;
    else if (texts > 0)
        signal_fail(loading, pointer, "a computed value is a number, never a text");
    return set;
}

/* --- inputs --- */

static bool is_name(struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        if (!is_letter && (i == 0 || !((byte >= '0' && byte <= '9') || byte == '_')))
            return false;
    }
    return name.len > 0 && name.len <= 64;
}

static void compile_input(struct signal_loading *loading, const char *name, const json_t *given,
                          struct signal_input *input)
{
    const json_t *deadband = json_object_get(given, "deadband");
    const char *quality = text_of(given, "quality"), *metric = text_of(given, "metric");
    char pointer[POINTER_BYTES];

    snprintf(pointer, sizeof(pointer), "/inputs/%.100s", name);
    input->name = signal_copy(loading, name);
    input->metric = *metric != '\0' ? signal_copy(loading, metric) : input->name;
    if (!loading->has_no_memory && !is_name(input->name))
        signal_fail(loading, pointer, "\"%.100s\" is no name: letters, digits and _ are", name);
    input->worst_quality = strcmp(quality, "any") == 0         ? GW_QUALITY_BAD
                           : strcmp(quality, "uncertain") == 0 ? GW_QUALITY_UNCERTAIN
                                                               : GW_QUALITY_GOOD;
    if (deadband != NULL && (!json_is_number(deadband) || json_number_value(deadband) < 0))
        signal_fail(loading, pointer, "deadband must be a number from 0 on");
    else if (deadband != NULL)
        input->deadband = json_number_value(deadband);
    input->debounce_ms = signal_read_ms(loading, given, "debounce", pointer, 1, MS_PER_DAY);
    input->max_age_ms = signal_read_ms(loading, given, "maxAge", pointer, 1000, 31 * MS_PER_DAY);
}

static void compile_inputs(struct signal_loading *loading, const json_t *given)
{
    struct signal *signal = loading->signal;
    const char *name;
    json_t *value;

    signal->inputs = signal_alloc(loading, json_object_size(given), sizeof(*signal->inputs));
    if (signal->inputs == NULL)
        return;
    json_object_foreach((json_t *)given, name, value)
        compile_input(loading, name, value, &signal->inputs[signal->input_count++]);
}

/* --- what comes of it --- */

static struct gw_str event_type(struct signal_loading *loading, const json_t *object,
                                const char *name, const char *pointer)
{
    struct gw_str type = signal_copy(loading, text_of(object, name));

    for (size_t i = 0; i < type.len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", type.ptr[i]) == NULL) {
            signal_fail(loading, pointer, "an event's type is of a-z, 0-9, \".\" and \"-\"");
            break;
        }
    return type;
}

static void compile_event(struct signal_loading *loading, const json_t *event)
{
    struct signal *signal = loading->signal;
    const json_t *when = json_object_get(event, "when");

    if (event == NULL)
        return;
    signal->window_type = event_type(loading, event, "type", "/event/type");
    if (signal->window.kind == SIGNAL_WINDOW_NONE)
        signal_fail(loading, "/event", "an event is that of a window: `window` is missing");
    if (when != NULL)
        signal->when = signal_compile_condition(loading, when, "/event/when", false);
}

static void compile_alarm(struct signal_loading *loading, const json_t *alarm)
{
    struct signal *signal = loading->signal;
    const json_t *clear = json_object_get(alarm, "clear");
    const char *severity = text_of(alarm, "severity");

    if (alarm == NULL)
        return;
    signal->severity = strcmp(severity, "critical") == 0  ? "critical"
                       : strcmp(severity, "warning") == 0 ? "warning"
                                                          : "info";
    signal->raised_type = event_type(loading, alarm, "raised", "/alarm/raised");
    signal->cleared_type = event_type(loading, alarm, "cleared", "/alarm/cleared");
    signal->raise =
        signal_compile_condition(loading, json_object_get(alarm, "raise"), "/alarm/raise", true);
    if (clear != NULL)
        signal->clear = signal_compile_condition(loading, clear, "/alarm/clear", true);
}

static void compile_enrichment(struct signal_loading *loading, const json_t *given)
{
    struct signal_enrichment *enrichment = &loading->signal->enrichment;
    const json_t *parameters = json_object_get(given, "parameters");
    const char *name;
    json_t *value;

    if (given == NULL)
        return;
    enrichment->member = signal_copy(loading, text_of(given, "member"));
    enrichment->operation = signal_copy(loading, text_of(given, "operation"));
    struct gw_position place;
    (void)gw_document_locate(loading->document, "/enrich/operation", &place);
    enrichment->line = place.line;
    enrichment->column = place.column;
    struct gw_value_member *members =
        signal_alloc(loading, json_object_size(parameters), sizeof(*members));
    enrichment->parameters = members;
    json_object_foreach((json_t *)parameters, name, value)
    {
        if (loading->has_no_memory)
            return;
        members[enrichment->parameter_count++] = (struct gw_value_member){
            signal_copy(loading, name),
            gw_value_string(signal_copy(loading, json_string_value(value)))};
    }
    static const char *const own[] = {"signal", "version", "plant",  "equipment", "asset",
                                      "device", "from",    "to",     "at",        "sampleCount",
                                      "values", "alarm",   "lineage"};
    for (size_t i = 0; i < GW_COUNT_OF(own); i++)
        if (gw_str_equal(enrichment->member, gw_str_of(own[i])))
            signal_fail(loading, "/enrich/member", "\"%s\" is a member of every event", own[i]);
}

static void check_thresholds(struct signal_loading *loading,
                             const struct signal_condition *condition, const char *pointer)
{
    const struct signal *signal = loading->signal;

    if (condition == NULL)
        return;
    if (condition->kind == SIGNAL_TEST && condition->is_input && condition->test != SIGNAL_EQUALS &&
        condition->value < signal->input_count && signal->inputs[condition->value].is_text)
        signal_fail(loading, pointer, "%.*s is one of texts: it has no limit",
                    GW_STR_ARG(signal->inputs[condition->value].name));
    for (uint32_t i = 0; i < condition->part_count; i++)
        check_thresholds(loading, &condition->parts[i], pointer);
}

/* Time in a state makes windows without samples: when time jumps, no more than these at once. */
static void check_ages(struct signal_loading *loading)
{
    const struct signal *signal = loading->signal;

    for (uint32_t i = 0; i < signal->input_count; i++) {
        const struct signal_input *input = &signal->inputs[i];
        if (input->has_durations && signal->window.every_ms > 0 &&
            input->max_age_ms / signal->window.every_ms > MAX_WINDOWS_WITHOUT_SAMPLES)
            signal_fail(loading, "/inputs",
                        "maxAge of %.*s is more than %d windows, each of which would be told",
                        GW_STR_ARG(input->name), MAX_WINDOWS_WITHOUT_SAMPLES);
    }
}

static void check_name(struct signal_loading *loading)
{
    struct gw_str name = loading->signal->name;

    for (size_t i = 0; i < name.len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", name.ptr[i]) == NULL) {
            signal_fail(loading, "/signal", "a signal's name is of a-z, 0-9 and \"-\"");
            return;
        }
}

void signal_compile(struct signal_loading *loading, const json_t *document)
{
    struct signal *signal = loading->signal;

    signal->name = signal_copy(loading, text_of(document, "signal"));
    signal->title = signal_copy(loading, text_of(document, "title"));
    signal->version = (uint32_t)json_integer_value(json_object_get(document, "version"));
    signal_compile_local(loading, json_object_get(document, "local"));
    check_name(loading);
    signal->lateness_ms = signal_read_ms(loading, document, "lateness", "", 0, MS_PER_DAY);
    compile_inputs(loading, json_object_get(document, "inputs"));
    if (!loading->has_no_memory)
        signal_compile_values(loading, json_object_get(document, "values"));
    if (loading->has_no_memory)
        return;
    signal_compile_window(loading, json_object_get(document, "window"));
    compile_event(loading, json_object_get(document, "event"));
    compile_alarm(loading, json_object_get(document, "alarm"));
    compile_enrichment(loading, json_object_get(document, "enrich"));
    if (signal->window_type.len == 0 && signal->raised_type.len == 0)
        signal_fail(loading, "", "a signal tells something: `event`, `alarm` or both are missing");
    if (loading->has_no_memory)
        return;
    check_ages(loading);
    signal_check_texts(loading);
    check_thresholds(loading, signal->raise, "/alarm/raise");
    check_thresholds(loading, signal->clear, "/alarm/clear");
    signal_compile_layout(signal);
}
