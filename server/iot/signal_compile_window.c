/* Values and windows. */
#include <stdio.h>

#include "server/iot/signal_private.h"

#define POINTER_BYTES 200
#define MS_PER_DAY INT64_C(86400000)
#define MAX_WINDOW_MS (31 * MS_PER_DAY) /* offsets in a pane have 32 bits: 49 days */
#define SECOND_MS INT64_C(1000)
#define HOUR_MS INT64_C(3600000)

static const char *const function_names[SIGNAL_FUNCTION_COUNT] = {
    "count", "min",        "max",    "mean",     "sum",   "first", "last",     "delta",
    "rate",  "percentile", "stddev", "duration", "trend", "add",   "subtract", "divide"};

static struct gw_str text_at(const json_t *object, const char *name)
{
    const json_t *text = json_object_get(object, name);

    return gw_str_from(json_string_value(text), json_string_length(text));
}

/* --- values --- */

static uint32_t find_function(struct signal_loading *loading, const json_t *given,
                              const char *pointer)
{
    uint32_t found = SIGNAL_FUNCTION_COUNT, count = 0;

    for (uint32_t i = 0; i < SIGNAL_FUNCTION_COUNT; i++) {
        if (json_object_get(given, function_names[i]) == NULL)
            continue;
        found = i;
        count++;
    }
    if (count == 1)
        return found;
    signal_fail(loading, pointer, "a value has exactly one function, as {mean: temperature}");
    return SIGNAL_FUNCTION_COUNT;
}

static double number_at(struct signal_loading *loading, const json_t *given, const char *name,
                        const char *pointer)
{
    const json_t *number = json_object_get(given, name);

    if (!json_is_number(number))
        signal_fail(loading, pointer, "%s must be given, as a number", name);
    return json_number_value(number);
}

static void compile_percentile(struct signal_loading *loading, const json_t *given,
                               const char *pointer, struct signal_value *value)
{
    value->percent = number_at(loading, given, "percent", pointer);
    value->from = number_at(loading, given, "from", pointer);
    value->to = number_at(loading, given, "to", pointer);
    if (!(value->percent > 0 && value->percent <= 100))
        signal_fail(loading, pointer, "percent must be above 0, and 100 at most");
    if (!(value->from < value->to) || !isfinite(value->to - value->from))
        signal_fail(loading, pointer, "from must be below to");
}

static void compile_parts(struct signal_loading *loading, const json_t *list, const char *pointer,
                          struct signal_value *value)
{
    uint32_t *parts = signal_alloc(loading, json_array_size(list), sizeof(*parts));
    size_t index;
    json_t *name;

    value->input = SIGNAL_NONE;
    value->parts = parts;
    if (parts == NULL)
        return;
    json_array_foreach((json_t *)list, index, name)
    {
        parts[index] = signal_find_value(loading->signal, gw_str_of(json_string_value(name)));
        if (parts[index] == SIGNAL_NONE)
            signal_fail(loading, pointer, "there is no value \"%.64s\" above this one",
                        json_string_value(name));
        value->part_count++;
    }
}

static void compile_input_function(struct signal_loading *loading, const json_t *given,
                                   const char *pointer, struct signal_value *value)
{
    struct signal *signal = loading->signal;
    struct gw_str name = text_at(given, function_names[value->function]);

    value->input = signal_find_input(signal, name);
    if (value->input == SIGNAL_NONE) {
        signal_fail(loading, pointer, "there is no input \"%.*s\"", GW_STR_ARG(name));
        return;
    }
    if (value->function == SIGNAL_PERCENTILE)
        compile_percentile(loading, given, pointer, value);
    value->per_ms = signal_read_ms(loading, given, "per", pointer, 1, 31 * MS_PER_DAY);
    if (value->per_ms == 0)
        value->per_ms = value->function == SIGNAL_TREND ? HOUR_MS : SECOND_MS;
    if (value->function != SIGNAL_DURATION)
        return;
    const json_t *states = json_object_get(given, "states");
    if (states == NULL)
        signal_fail(loading, pointer, "states are missing");
    else
        value->states = signal_read_states(loading, states, pointer, value->input);
    signal->inputs[value->input].has_durations = true;
    signal->has_durations = true;
}

static void compile_value(struct signal_loading *loading, const char *name, const json_t *given,
                          struct signal_value *value)
{
    char pointer[POINTER_BYTES];

    snprintf(pointer, sizeof(pointer), "/values/%.100s", name);
    struct gw_str copied = signal_copy(loading, name);
    value->unit = signal_copy(loading, json_string_value(json_object_get(given, "unit")));
    value->is_told = json_is_true(json_object_get(given, "tell"));
    value->input = SIGNAL_NONE;
    uint32_t function = find_function(loading, given, pointer);
    if (function == SIGNAL_FUNCTION_COUNT || loading->has_no_memory)
        return;
    value->function = (enum signal_function)function;
    if (signal_find_input(loading->signal, copied) != SIGNAL_NONE)
        signal_fail(loading, pointer, "an input has the name \"%.64s\", too", name);
    if (function >= SIGNAL_ADD)
        compile_parts(loading, json_object_get(given, function_names[function]), pointer, value);
    else
        compile_input_function(loading, given, pointer, value);
    value->name = copied; /* now that nothing above has found it */
}

static void list_fed(struct signal_loading *loading, struct signal *signal, uint32_t index)
{
    struct signal_input *input = &signal->inputs[index];
    uint16_t *fed = signal_alloc(loading, signal->value_count, sizeof(*fed));

    input->fed = fed;
    for (uint32_t i = 0; fed != NULL && i < signal->value_count; i++)
        if (signal->values[i].input == index)
            fed[input->fed_count++] = (uint16_t)i;
}

void signal_check_texts(struct signal_loading *loading)
{
    const struct signal *signal = loading->signal;
    const struct signal_window *window = &signal->window;

    for (uint32_t i = 0; i < signal->input_count; i++)
        if (signal->inputs[i].is_text && signal->inputs[i].deadband > 0)
            signal_fail(loading, "/inputs", "%.*s is one of texts: it has no deadband",
                        GW_STR_ARG(signal->inputs[i].name));
    if (window->kind == SIGNAL_WINDOW_AMOUNT && window->of < signal->input_count &&
        signal->inputs[window->of].is_text)
        signal_fail(loading, "/window", "%.*s is one of texts: it is no counter",
                    GW_STR_ARG(signal->inputs[window->of].name));
    for (uint32_t i = 0; i < signal->value_count; i++) {
        const struct signal_value *value = &signal->values[i];
        if (value->input != SIGNAL_NONE && signal->inputs[value->input].is_text &&
            value->function != SIGNAL_DURATION && value->function != SIGNAL_COUNT)
            signal_fail(loading, "/values", "%.*s is one of texts: there is no %s of it",
                        GW_STR_ARG(signal->inputs[value->input].name),
                        function_names[value->function]);
    }
}

void signal_compile_values(struct signal_loading *loading, const json_t *values)
{
    struct signal *signal = loading->signal;
    const char *name;
    json_t *given;

    signal->values = signal_alloc(loading, json_object_size(values), sizeof(*signal->values));
    if (signal->values == NULL)
        return;
    json_object_foreach((json_t *)values, name, given)
    {
        compile_value(loading, name, given, &signal->values[signal->value_count]);
        signal->value_count++;
    }
    for (uint32_t i = 0; i < signal->input_count && !loading->has_no_memory; i++)
        list_fed(loading, signal, i);
}

/* --- windows --- */

static void compile_sliding(struct signal_loading *loading, const json_t *given,
                            struct signal_window *window)
{
    window->length_ms =
        signal_read_ms(loading, given, "sliding", "/window", SECOND_MS, MAX_WINDOW_MS);
    window->every_ms = signal_read_ms(loading, given, "every", "/window", SECOND_MS, MAX_WINDOW_MS);
    if (window->length_ms == 0 || window->every_ms == 0 ||
        window->length_ms % window->every_ms != 0 ||
        window->length_ms / window->every_ms > SIGNAL_MAX_PANES) {
        signal_fail(loading, "/window", "a sliding window is 1 to %d times its `every`",
                    SIGNAL_MAX_PANES);
        window->every_ms = window->length_ms = SECOND_MS;
    }
    window->panes = (uint32_t)(window->length_ms / window->every_ms);
}

static void compile_amount(struct signal_loading *loading, const json_t *given,
                           struct signal_window *window)
{
    struct gw_str of = text_at(given, "of");

    window->of = signal_find_input(loading->signal, of);
    if (of.ptr == NULL && loading->signal->input_count == 1)
        window->of = 0;
    if (window->of == SIGNAL_NONE)
        signal_fail(loading, "/window", "`of` must name an input");
    window->amount = window->kind == SIGNAL_WINDOW_COUNT
                         ? (double)json_integer_value(json_object_get(given, "count"))
                         : number_at(loading, given, "amount", "/window");
    if (!(window->amount > 0))
        signal_fail(loading, "/window", "amount must be above 0");
}

static void compile_kind(struct signal_loading *loading, const json_t *given,
                         struct signal_window *window)
{
    switch (window->kind) {
    case SIGNAL_WINDOW_TUMBLING:
        window->length_ms =
            signal_read_ms(loading, given, "tumbling", "/window", SECOND_MS, MAX_WINDOW_MS);
        window->every_ms = window->length_ms > 0 ? window->length_ms : SECOND_MS;
        return;
    case SIGNAL_WINDOW_SLIDING:
        compile_sliding(loading, given, window);
        return;
    case SIGNAL_WINDOW_SESSION:
        window->length_ms = signal_read_ms(loading, given, "session", "/window", 1, MS_PER_DAY);
        return;
    case SIGNAL_WINDOW_COUNT:
    case SIGNAL_WINDOW_AMOUNT:
        compile_amount(loading, given, window);
        return;
    case SIGNAL_WINDOW_NONE:
        return;
    }
}

void signal_compile_window(struct signal_loading *loading, const json_t *given)
{
    static const char *const kinds[] = {NULL, "tumbling", "sliding", "session", "count", "amount"};
    struct signal_window *window = &loading->signal->window;
    uint32_t count = 0;

    window->of = SIGNAL_NONE;
    window->panes = 1;
    if (given == NULL) {
        if (loading->signal->value_count > 0)
            signal_fail(loading, "/values", "values are those of a window: `window` is missing");
        return;
    }
    for (size_t i = 1; i < GW_COUNT_OF(kinds); i++) {
        if (json_object_get(given, kinds[i]) == NULL)
            continue;
        window->kind = (enum signal_window_kind)i;
        count++;
    }
    if (count != 1) {
        signal_fail(loading, "/window",
                    "a window is exactly one of tumbling, sliding, session, count, amount");
        window->kind = SIGNAL_WINDOW_NONE;
        return;
    }
    window->max_ms = signal_read_ms(loading, given, "max", "/window", SECOND_MS, MAX_WINDOW_MS);
    compile_kind(loading, given, window);
}

/* --- the words of an instance --- */

#define WORDS(type) (uint32_t)(sizeof(type) / sizeof(uint64_t))

void signal_compile_layout(struct signal *signal)
{
    uint32_t at = WORDS(struct instance_state);
    uint32_t of_pane = WORDS(struct pane);

    for (uint32_t i = 0; i < signal->input_count; i++, at += WORDS(struct input_state))
        signal->inputs[i].state_at = at;
    for (uint32_t i = 0; i < signal->input_count; i++) {
        signal->inputs[i].debounce_at = SIGNAL_NONE;
        if (signal->inputs[i].debounce_ms == 0)
            continue;
        signal->inputs[i].debounce_at = at;
        at += WORDS(struct debounce_state);
    }
    signal->alarm_at = signal->results_at = SIGNAL_NONE;
    if (signal->raise != NULL) {
        signal->alarm_at = at;
        at += WORDS(struct alarm_state) + (signal->window.kind != SIGNAL_WINDOW_NONE ? 1 : 0);
        signal->results_at = at;
        at += signal->value_count;
    }
    signal->conditions_at = at;
    at += signal->condition_words;
    signal->window.at = at;
    if (signal->window.kind != SIGNAL_WINDOW_NONE)
        at += WORDS(struct window_state);
    if (signal->window.of != SIGNAL_NONE)
        at++; /* its amount */
    signal->window.panes_at = at;
    for (uint32_t i = 0; i < signal->value_count; i++) {
        signal->values[i].at = of_pane;
        of_pane += signal_function_words(signal->values[i].function);
        if (signal->values[i].function == SIGNAL_DURATION &&
            signal->window.kind == SIGNAL_WINDOW_SESSION)
            of_pane++; /* its tail */
    }
    signal->window.pane_words = of_pane;
    if (signal->window.kind != SIGNAL_WINDOW_NONE)
        at += signal->window.panes * of_pane;
    signal->words = at;
}
