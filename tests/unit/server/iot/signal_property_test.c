/* Whatever the document, whatever the samples, and however they arrive: the engine says what a
 * naive computation of all samples at once says, and nothing else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/core/instant.h"
#include "tests/unit/support/signal_draw.h"

#define ROUNDS 50 /* SIGNAL_ROUNDS for more, SIGNAL_ROUND for others */
#define DOCUMENTS 4

static struct signal_rig rig;
static struct draw_plant plant;
static struct draw_document documents[DOCUMENTS];
static struct model_events expected;
static uint32_t round_now;

/* --- what the engine said --------------------------------------------------------------------- */

struct said {
    char kind;
    json_t *data;
};

static int64_t time_at(const json_t *data, const char *name)
{
    const char *text = json_string_value(json_object_get(data, name));
    int64_t time_ms = -1;

    assert_non_null(text);
    assert_int_equal(gw_instant_read(gw_str_of(text), &time_ms), 0);
    return time_ms;
}

static bool is_of(const json_t *data, const char *signal, const char *device)
{
    return strcmp(json_string_value(json_object_get(data, "signal")), signal) == 0 &&
           strcmp(json_string_value(json_object_get(data, "device")) + 4, device) == 0;
}

/* Windows, or changes of an alarm, of one signal and device, in the order in which they were told.
 */
static size_t find_said(const char *signal, const char *device, bool is_window, struct said *out)
{
    size_t count = 0;

    for (size_t i = 0; i < rig.event_count; i++) {
        char kind = strchr(rig.events[i], ' ')[3];
        json_t *data = json_loads(strchr(rig.events[i], '{'), 0, NULL);
        assert_non_null(data);
        if ((kind == 'w') == is_window && is_of(data, signal, device))
            out[count++] = (struct said){kind, data};
        else
            json_decref(data);
    }
    return count;
}

/* --- comparing -------------------------------------------------------------------------------- */

static double tolerance_of(const struct model_value *value, double number)
{
    if (value->function == MODEL_PERCENTILE)
        return (value->to - value->from) / 256 + 1e-6;
    return 2e-6 + fabs(number) * 1e-9;
}

static void differ(const struct draw_document *document, const char *device, const char *what)
{
    fail_msg("round %u, device %s: %s\n%s", round_now, device, what, document->text.ptr);
}

static void compare_values(const struct draw_document *document, const char *device,
                           const json_t *data, const struct model_event *event)
{
    char what[200], name[16];

    for (uint32_t i = 0; i < document->model.value_count; i++) {
        snprintf(name, sizeof(name), "v%u", i);
        const json_t *found = json_object_get(json_object_get(data, "values"), name);
        const char *text = json_string_value(json_object_get(found, "value"));
        double wanted = isfinite(event->values[i]) ? event->values[i] : NAN;
        double number = text != NULL ? strtod(text, NULL) : NAN;
        if (isnan(wanted) && isnan(number))
            continue;
        if (document->model.values[i].function == MODEL_DURATION && (wanted == 0 || number == 0) &&
            (isnan(wanted) || isnan(number)))
            continue; /* known for no time: that is 0, or not known */
        if (isnan(wanted) == isnan(number) &&
            fabs(number - wanted) <= tolerance_of(&document->model.values[i], wanted))
            continue;
        snprintf(what, sizeof(what), "%s of the window until %lld is %g, not %g", name,
                 (long long)(event->to_ms - DRAW_START), number, wanted);
        differ(document, device, what);
    }
}

static void compare_event(const struct draw_document *document, const char *device,
                          const struct said *said, const struct model_event *event)
{
    char what[200];
    int64_t from_ms = event->kind == 'w' ? time_at(said->data, "from") : event->from_ms;
    int64_t to_ms = time_at(said->data, "to");
    int64_t count = json_integer_value(json_object_get(said->data, "sampleCount"));

    if (said->kind != event->kind || from_ms != event->from_ms || to_ms != event->to_ms ||
        (event->kind == 'w' && count != (int64_t)event->count)) {
        snprintf(what, sizeof(what), "%c %lld to %lld of %lld, and not %c %lld to %lld of %lld",
                 said->kind, (long long)(from_ms - DRAW_START), (long long)(to_ms - DRAW_START),
                 (long long)count, event->kind, (long long)(event->from_ms - DRAW_START),
                 (long long)(event->to_ms - DRAW_START), (long long)event->count);
        differ(document, device, what);
    }
    if (event->kind == 'w')
        compare_values(document, device, said->data, event);
}

static size_t compare_said(const struct draw_document *document, const char *name,
                           const char *device, bool is_window)
{
    static struct said said[SIGNAL_RIG_MAX_EVENTS];
    size_t count = find_said(name, device, is_window, said), at = 0;
    char what[200];

    for (size_t i = 0; i < expected.count; i++) {
        const struct model_event *event = &expected.items[i];
        if ((event->kind == 'w') != is_window)
            continue;
        if (at == count) {
            snprintf(what, sizeof(what), "nothing more is said, but %c until %lld is missing",
                     event->kind, (long long)(event->to_ms - DRAW_START));
            differ(document, device, what);
        }
        compare_event(document, device, &said[at++], event);
    }
    if (at < count) {
        snprintf(what, sizeof(what), "%c until %lld is too much", said[at].kind,
                 (long long)(time_at(said[at].data, "to") - DRAW_START));
        differ(document, device, what);
    }
    for (size_t i = 0; i < count; i++)
        json_decref(said[i].data);
    return count;
}

static size_t compare_document(struct draw_document *document, const char *name)
{
    static const char *const devices[] = {"a", "b"};
    size_t count = 0;

    for (uint32_t machine = 0; machine < DRAW_MACHINES; machine++) {
        for (uint32_t i = 0; i < document->model.input_count; i++)
            document->model.inputs[i].series = &plant.series[machine][document->metrics[i]];
        model_compute(&document->model, DRAW_START, DRAW_END, &expected);
        count += compare_said(document, name, devices[machine], true);
        count += compare_said(document, name, devices[machine], false);
    }
    return count;
}

/* --- the test --------------------------------------------------------------------------------- */

static size_t play(uint32_t round)
{
    static const char *const names[DOCUMENTS] = {"p", "q", "r", "s"};
    const char *texts[DOCUMENTS + 1] = {NULL};
    size_t count = 0;

    round_now = round;
    draw_seed(round);
    uint32_t lateness_ms = draw(4) * 2000;
    for (uint32_t i = 0; i < DOCUMENTS; i++) {
        draw_document(&documents[i], names[i], lateness_ms);
        texts[i] = documents[i].text.ptr;
    }
    signal_rig_open(&rig, draw_registry, texts);
    draw_samples(&rig, &plant);
    draw_delivery(&rig, &plant, lateness_ms);
    for (uint32_t i = 0; i < DOCUMENTS; i++)
        count += compare_document(&documents[i], names[i]);
    signal_rig_close(&rig);
    return count;
}

static void the_engine_says_what_the_model_says(void **state)
{
    (void)state;
    const char *from = getenv("SIGNAL_ROUND"), *rounds = getenv("SIGNAL_ROUNDS");
    uint32_t first = from != NULL ? (uint32_t)strtoul(from, NULL, 10) : 0;
    uint32_t count = rounds != NULL ? (uint32_t)strtoul(rounds, NULL, 10) : ROUNDS;
    size_t events = 0;

    for (uint32_t i = 0; i < DOCUMENTS; i++)
        gw_buf_init(&documents[i].text, 1 << 16);
    for (uint32_t round = first; round < first + count; round++)
        events += play(round);
    for (uint32_t i = 0; i < DOCUMENTS; i++)
        gw_buf_finish(&documents[i].text);
    assert_true(events > 50 * (size_t)count); /* it is about something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_engine_says_what_the_model_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
