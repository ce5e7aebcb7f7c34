/* Conditions: what they may say, and what they remember. */
#include <stdio.h>
#include <stdlib.h>

#include "server/core/similar.h"
#include "server/iot/signal_program.h"

#define POINTER_BYTES 300
#define MAX_DEPTH 8
#define MS_PER_DAY INT64_C(86400000)

struct compiling {
    struct signal_loading *loading;
    bool is_lasting;
    unsigned depth;
    uint32_t count;
};

static const char *const members[] = {"all",   "any",        "not",       "value",  "above",
                                      "below", "atMost",     "atLeast",   "equals", "missing",
                                      "for",   "clearBelow", "clearAbove"};

static void compile_node(struct compiling *compiling, const json_t *json, const char *pointer,
                         struct signal_condition *condition);

/* Words are numbered from 0 and moved behind what comes before once all is known. */
static uint32_t take_word(struct compiling *compiling)
{
    return compiling->loading->signal->condition_words++;
}

static void check_members(struct signal_loading *loading, const json_t *json, const char *pointer)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)json, name, value)
    {
        struct gw_similar similar;
        bool is_known = false;
        gw_similar_init(&similar, gw_str_of(name));
        for (size_t i = 0; i < GW_COUNT_OF(members) && !is_known; i++) {
            is_known = strcmp(members[i], name) == 0;
            gw_similar_offer(&similar, gw_str_of(members[i]));
        }
        if (!is_known)
            signal_fail(loading, pointer, "\"%.64s\" is no member of a condition%s%.*s%s", name,
                        similar.best.ptr != NULL ? "; did you mean \"" : "",
                        GW_STR_ARG(similar.best), similar.best.ptr != NULL ? "\"?" : "");
    }
}

static const json_t *number_of(struct compiling *compiling, const json_t *json, const char *name,
                               const char *pointer)
{
    const json_t *number = json_object_get(json, name);

    if (number == NULL || json_is_number(number))
        return number;
    signal_fail(compiling->loading, pointer, "%s must be a number", name);
    return NULL;
}

/* --- leaves --- */

static void find_operand(struct compiling *compiling, const json_t *json, const char *pointer,
                         struct signal_condition *condition)
{
    struct signal *signal = compiling->loading->signal;
    const char *name = json_string_value(json_object_get(json, "value"));

    if (name == NULL) {
        signal_fail(compiling->loading, pointer,
                    "a condition is `all`, `any` or `not`, or a test of a `value`");
        return;
    }
    condition->value = signal_find_value(signal, gw_str_of(name));
    if (condition->value != SIGNAL_NONE)
        return;
    condition->value = signal_find_input(signal, gw_str_of(name));
    condition->is_input = true;
    if (condition->value == SIGNAL_NONE) {
        condition->value = 0;
        signal_fail(compiling->loading, pointer, "there is no value and no input \"%.64s\"", name);
    } else if (compiling->is_lasting) {
        signal->looks_at_inputs = true;
    } else {
        signal_fail(compiling->loading, pointer,
                    "what is said of a window is said of its values, not of the input \"%.64s\"",
                    name);
    }
}

static void compile_hysteresis(struct compiling *compiling, const json_t *json, const char *pointer,
                               struct signal_condition *condition)
{
    bool is_upper = condition->test == SIGNAL_ABOVE || condition->test == SIGNAL_AT_LEAST;
    const json_t *clear =
        number_of(compiling, json, is_upper ? "clearBelow" : "clearAbove", pointer);

    if (json_object_get(json, is_upper ? "clearAbove" : "clearBelow") != NULL)
        signal_fail(compiling->loading, pointer, "%s goes with %s",
                    is_upper ? "clearBelow" : "clearAbove",
                    is_upper ? "above and atLeast" : "below and atMost");
    condition->clear = condition->limit;
    if (clear == NULL)
        return;
    condition->clear = json_number_value(clear);
    if (is_upper ? condition->clear > condition->limit : condition->clear < condition->limit)
        signal_fail(compiling->loading, pointer, "what clears lies on the other side of the limit");
    if (!compiling->is_lasting)
        signal_fail(compiling->loading, pointer,
                    "hysteresis is for alarms: a window has no before");
    condition->latch_at = take_word(compiling);
}

static void compile_test(struct compiling *compiling, const json_t *json, const char *pointer,
                         struct signal_condition *condition)
{
    static const char *const tests[] = {"above", "atLeast", "below", "atMost", "equals"};
    const json_t *equals = json_object_get(json, "equals");
    uint32_t count = 0;

    for (size_t i = 0; i < GW_COUNT_OF(tests); i++) {
        if (json_object_get(json, tests[i]) == NULL)
            continue;
        condition->test = (enum signal_test)i;
        count++;
    }
    if (count != 1) {
        signal_fail(compiling->loading, pointer,
                    "a test is one of above, atLeast, below, atMost, equals, missing");
        return;
    }
    if (condition->test == SIGNAL_EQUALS) {
        if (json_object_get(json, "clearBelow") != NULL ||
            json_object_get(json, "clearAbove") != NULL)
            signal_fail(compiling->loading, pointer, "equals has no hysteresis");
        condition->states =
            signal_read_states(compiling->loading, equals, pointer,
                               condition->is_input ? condition->value : SIGNAL_NONE);
        return;
    }
    const json_t *limit = number_of(compiling, json, tests[condition->test], pointer);
    condition->limit = json_number_value(limit);
    compile_hysteresis(compiling, json, pointer, condition);
}

static void compile_missing(struct compiling *compiling, const json_t *json, const char *pointer,
                            struct signal_condition *condition)
{
    condition->kind = SIGNAL_MISSING;
    condition->for_ms =
        signal_read_ms(compiling->loading, json, "missing", pointer, 1000, 31 * MS_PER_DAY);
    if (!json_is_string(json_object_get(json, "missing")))
        signal_fail(compiling->loading, pointer, "missing must be a duration, as PT5M");
    if (!condition->is_input)
        signal_fail(compiling->loading, pointer, "only an input can be missing");
    if (json_object_size(json) != 2)
        signal_fail(compiling->loading, pointer, "missing stands alone with its value");
}

static void compile_leaf(struct compiling *compiling, const json_t *json, const char *pointer,
                         struct signal_condition *condition)
{
    condition->kind = SIGNAL_TEST;
    find_operand(compiling, json, pointer, condition);
    if (json_object_get(json, "missing") != NULL)
        compile_missing(compiling, json, pointer, condition);
    else
        compile_test(compiling, json, pointer, condition);
}

/* --- branches --- */

static void compile_list(struct compiling *compiling, const json_t *list, const char *pointer,
                         struct signal_condition *condition)
{
    size_t count = json_is_array(list) ? json_array_size(list) : 0;

    if (count == 0 || count > SIGNAL_MAX_CONDITIONS) {
        signal_fail(compiling->loading, pointer, "a list of 1 to %d conditions is wanted",
                    SIGNAL_MAX_CONDITIONS);
        return;
    }
    struct signal_condition *parts = signal_alloc(compiling->loading, count, sizeof(*parts));
    if (parts == NULL)
        return;
    condition->parts = parts;
    condition->part_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        char at[POINTER_BYTES];
        snprintf(at, sizeof(at), "%.260s/%zu", pointer, i);
        compile_node(compiling, json_array_get(list, i), at, &parts[i]);
    }
}

static void compile_branch(struct compiling *compiling, const json_t *json, const char *kind,
                           const char *pointer, struct signal_condition *condition)
{
    const json_t *inner = json_object_get(json, kind);
    char at[POINTER_BYTES];

    snprintf(at, sizeof(at), "%.280s/%s", pointer, kind);
    if (json_object_size(json) > (json_object_get(json, "for") != NULL ? 2u : 1u))
        signal_fail(compiling->loading, pointer, "%s stands alone, or with `for`", kind);
    condition->kind = strcmp(kind, "all") == 0   ? SIGNAL_ALL
                      : strcmp(kind, "any") == 0 ? SIGNAL_ANY
                                                 : SIGNAL_NOT;
    if (condition->kind != SIGNAL_NOT) {
        compile_list(compiling, inner, at, condition);
        return;
    }
    struct signal_condition *part = signal_alloc(compiling->loading, 1, sizeof(*part));
    if (part == NULL)
        return;
    condition->parts = part;
    condition->part_count = 1;
    compile_node(compiling, inner, at, part);
}

static void compile_for(struct compiling *compiling, const json_t *json, const char *pointer,
                        struct signal_condition *condition)
{
    if (json_object_get(json, "for") == NULL || condition->kind == SIGNAL_MISSING)
        return;
    if (!json_is_string(json_object_get(json, "for")))
        signal_fail(compiling->loading, pointer, "for must be a duration, as PT30S");
    if (!compiling->is_lasting)
        signal_fail(compiling->loading, pointer, "for is for alarms: a window has no before");
    condition->for_ms =
        signal_read_ms(compiling->loading, json, "for", pointer, 1, 31 * MS_PER_DAY);
    condition->since_at = take_word(compiling);
}

static void compile_node(struct compiling *compiling, const json_t *json, const char *pointer,
                         struct signal_condition *condition)
{
    static const char *const branches[] = {"all", "any", "not"};

    condition->since_at = condition->latch_at = SIGNAL_NONE;
    condition->kind = SIGNAL_TEST;
    if (!json_is_object(json) || compiling->depth == MAX_DEPTH ||
        compiling->count == SIGNAL_MAX_CONDITIONS) {
        signal_fail(compiling->loading, pointer,
                    !json_is_object(json) ? "a condition must be an object"
                                          : "the condition is too large");
        return;
    }
    compiling->depth++;
    compiling->count++;
    check_members(compiling->loading, json, pointer);
    const char *branch = NULL;
    for (size_t i = 0; i < GW_COUNT_OF(branches); i++)
        if (json_object_get(json, branches[i]) != NULL)
            branch = branches[i];
    if (branch != NULL)
        compile_branch(compiling, json, branch, pointer, condition);
    else
        compile_leaf(compiling, json, pointer, condition);
    compile_for(compiling, json, pointer, condition);
    compiling->depth--;
}

const struct signal_condition *signal_compile_condition(struct signal_loading *loading,
                                                        const json_t *json, const char *pointer,
                                                        bool is_lasting)
{
    struct compiling compiling = {.loading = loading, .is_lasting = is_lasting};
    struct signal_condition *condition = signal_alloc(loading, 1, sizeof(*condition));

    if (condition != NULL)
        compile_node(&compiling, json, pointer, condition);
    return condition;
}
