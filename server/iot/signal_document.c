/* What a signal's document may say (docs/signals.md), and the reading of one. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/iot/signal_private.h"
#include "server/json/option.h"

#define MAX_FILES 1000
#define MAX_ARENA_BYTES ((size_t)1 << 30)

#define NAME .type = GW_STRING, .min = 1, .max = 64
#define EVENT_TYPE .type = GW_STRING, .min = 3, .max = 128
#define DURATION .type = GW_STRING, .min = 3, .max = 40

static const struct gw_option input_options[] = {
    {.name = "metric",
     NAME,
     .help = "The metric of the device type; the input's name if left out."},
    {.name = "deviceType",
     NAME,
     .help = "It is a metric of the device of this type that stands at the same asset, on the same "
             "edge node; of the signal's own device if left out."},
    {.name = "quality",
     .type = GW_ENUM,
     .words = "good uncertain any",
     .value = "good",
     .help = "What is worse makes the input unknown."},
    {.name = "deadband", .type = GW_ANY, .help = "A change by less than this is none."},
    {.name = "debounce", DURATION, .help = "A new value counts once it has stayed for so long."},
    {.name = "maxAge",
     DURATION,
     .value = "PT24H",
     .help = "After so long without a sample the input is unknown."},
    {0},
};

static const struct gw_option value_options[] = {
    {.name = "count", NAME, .help = "How many samples of this input."},
    {.name = "min", NAME, .help = "The least number of this input."},
    {.name = "max", NAME, .help = "The greatest one."},
    {.name = "mean", NAME, .help = "The mean of the samples."},
    {.name = "sum", NAME, .help = "Their sum."},
    {.name = "first", NAME, .help = "The first one."},
    {.name = "last", NAME, .help = "The last one."},
    {.name = "delta", NAME, .help = "By how much this counter went on, over rollover and reset."},
    {.name = "rate", NAME, .help = "The same by time: see `per`."},
    {.name = "percentile", NAME, .help = "See `percent`, `from`, `to`."},
    {.name = "stddev", NAME, .help = "The standard deviation of the samples."},
    {.name = "duration", NAME, .help = "For how many seconds the input was one of `states`."},
    {.name = "trend", NAME, .help = "The slope of the line through the samples: see `per`."},
    {.name = "add", .type = GW_LIST, .min = 2, .max = 8, .help = "The sum of values above."},
    {.name = "subtract", .type = GW_LIST, .min = 2, .max = 8, .help = "The first less the others."},
    {.name = "divide",
     .type = GW_LIST,
     .min = 2,
     .max = 2,
     .help = "The first by the second; not known where that is 0."},
    {.name = "percent", .type = GW_ANY, .help = "Of a percentile: above 0, up to 100."},
    {.name = "from", .type = GW_ANY, .help = "Of a percentile: the least number to be expected."},
    {.name = "to",
     .type = GW_ANY,
     .help = "Of a percentile: the greatest; what is beyond counts here."},
    {.name = "per", DURATION, .help = "Of a rate (PT1S) or a trend (PT1H)."},
    {.name = "states", .type = GW_ANY, .help = "Of a duration: a state, or a list."},
    {.name = "unit", .type = GW_STRING, .max = 32, .help = "The metric's, if left out."},
    {.name = "tell", .type = GW_BOOL, .value = "true", .help = "Whether events have it."},
    {0},
};

static const struct gw_option window_options[] = {
    {.name = "tumbling", DURATION, .help = "One behind the other, from midnight UTC on."},
    {.name = "sliding", DURATION, .help = "The last so long, anew each `every`."},
    {.name = "every", DURATION, .help = "Of a sliding one."},
    {.name = "session", DURATION, .help = "Until nothing has come for so long."},
    {.name = "count", .type = GW_INT, .min = 1, .max = 1000000, .help = "So many samples of `of`."},
    {.name = "amount", .type = GW_ANY, .help = "Until the counter `of` has gone on by so much."},
    {.name = "of", NAME, .help = "The input of a count or an amount."},
    {.name = "max",
     DURATION,
     .value = "P1D",
     .help = "Of a session, a count, an amount: it ends then at the latest."},
    {0},
};

static const struct gw_option event_options[] = {
    {.name = "type",
     EVENT_TYPE,
     .flags = GW_OPTION_REQUIRED,
     .help = "Of the CloudEvent: \"com.millgate.iot.production-count.v1\"."},
    {.name = "when",
     .type = GW_ANY,
     .help = "A condition; each window that has samples if left out."},
    {0},
};

static const struct gw_option alarm_options[] = {
    {.name = "severity",
     .type = GW_ENUM,
     .words = "info warning critical",
     .value = "warning",
     .help = "How bad it is."},
    {.name = "raise", .type = GW_ANY, .flags = GW_OPTION_REQUIRED, .help = "A condition."},
    {.name = "clear", .type = GW_ANY, .help = "When `raise` holds no more, if left out."},
    {.name = "raised", EVENT_TYPE, .flags = GW_OPTION_REQUIRED, .help = "The event's type."},
    {.name = "cleared", EVENT_TYPE, .help = "The event's type; none is sent if left out."},
    {0},
};

static const struct gw_option enrich_options[] = {
    {.name = "member", NAME, .flags = GW_OPTION_REQUIRED, .help = "Of the event's data."},
    {.name = "operation",
     .type = GW_STRING,
     .min = 1,
     .max = 128,
     .flags = GW_OPTION_REQUIRED,
     .help = "The operationId of a read of a system API."},
    {.name = "parameters",
     .type = GW_MAP,
     .max = 16,
     .value = "{}",
     .help = "Its parameters: texts with {plant}, {equipment}, {asset}, {device}, {from}, {to}."},
    {0},
};

static const struct gw_option signal_options[] = {
    {.name = "signal", NAME, .flags = GW_OPTION_REQUIRED, .help = "Its name: a-z 0-9 -."},
    {.name = "version",
     .type = GW_INT,
     .min = 1,
     .max = 1000000,
     .value = "1",
     .help = "Raised when what it computes changes: part of every event's id."},
    {.name = "title", .type = GW_STRING, .max = 200, .help = "A line for people."},
    {.name = "devices",
     .type = GW_LIST,
     .min = 1,
     .max = 100,
     .flags = GW_OPTION_REQUIRED,
     .help = "Device types: it is computed for each device of them."},
    {.name = "local",
     .type = GW_ANY,
     .help = "`true`: may be decided at the edge. An object: what the edge then does."},
    {.name = "lateness",
     DURATION,
     .value = "PT5S",
     .help = "Samples may come so much out of order; everything is told as much later."},
    {.name = "inputs",
     .type = GW_MAP,
     .min = 1,
     .max = SIGNAL_MAX_INPUTS,
     .fields = input_options,
     .flags = GW_OPTION_REQUIRED,
     .help = "The series it looks at."},
    {.name = "window", .type = GW_OBJECT, .fields = window_options, .help = "Exactly one kind."},
    {.name = "values",
     .type = GW_MAP,
     .max = SIGNAL_MAX_VALUES,
     .fields = value_options,
     .value = "{}",
     .help = "What is computed of each window; each by exactly one function."},
    {.name = "event", .type = GW_OBJECT, .fields = event_options, .help = "Of each window."},
    {.name = "alarm", .type = GW_OBJECT, .fields = alarm_options, .help = "One for each device."},
    {.name = "enrich",
     .type = GW_OBJECT,
     .fields = enrich_options,
     .help = "What is asked for before the event goes out."},
    {0},
};

/* --- what the parts of the compiler share --- */

void *signal_alloc(struct signal_loading *loading, size_t count, size_t bytes)
{
    void *memory = gw_arena_calloc(&loading->signals->arena, count > 0 ? count : 1, bytes);

    if (memory == NULL)
        loading->has_no_memory = true;
    return memory;
}

struct gw_str signal_copy(struct signal_loading *loading, const char *text)
{
    struct gw_str copy =
        gw_arena_copy(&loading->signals->arena, gw_str_of(text != NULL ? text : ""));

    if (copy.ptr == NULL)
        loading->has_no_memory = true;
    return copy;
}

void signal_fail(struct signal_loading *loading, const char *pointer, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gw_document_report(loading->document, pointer, GW_SEVERITY_ERROR, loading->diagnostics, "%s",
                       text);
}

/* --- files --- */

/* Of the text as it stands: whatever changes in it may change what is computed. */
static void fingerprint(const struct gw_document *document, struct signal *signal)
{
    uint8_t digest[GW_SHA256_BYTES];

    gw_digest_compute(GW_SHA256, gw_str_from(document->text, document->text_len), digest);
    memcpy(signal->fingerprint, digest, sizeof(signal->fingerprint));
}

static void tell_double(struct signal_loading *loading)
{
    const struct gw_signals *signals = loading->signals;

    for (size_t i = 0; i < signals->signal_count; i++)
        if (gw_str_equal(signals->signals[i]->name, loading->signal->name))
            signal_fail(loading, "/signal", "%.*s defines \"%.*s\", too",
                        GW_STR_ARG(signals->signals[i]->file), GW_STR_ARG(loading->signal->name));
}

static int compile_document(struct signal_loading *loading, const json_t *checked)
{
    struct signal *signal = signal_alloc(loading, 1, sizeof(*signal));

    if (signal == NULL)
        return -ENOMEM;
    loading->signal = signal;
    signal->file = signal_copy(loading, loading->document->file);
    fingerprint(loading->document, signal);
    signal_compile(loading, checked);
    if (loading->has_no_memory)
        return -ENOMEM;
    tell_double(loading);
    loading->signals->signals[loading->signals->signal_count++] = signal;
    signal_bind(loading, checked);
    return loading->has_no_memory ? -ENOMEM : 0;
}

static int load_file(struct signal_loading *loading, struct gw_str path)
{
    char *name = gw_str_duplicate(path);
    json_t *checked = NULL;

    if (name == NULL)
        return -ENOMEM;
    int rc = gw_document_load_file(name, loading->diagnostics, &loading->document);
    free(name);
    if (rc != 0)
        return rc;
    struct gw_option_source source = {
        .document = loading->document, .diagnostics = loading->diagnostics, .is_literal = true};
    rc = gw_option_check(&source, loading->document->root, "", signal_options, &checked);
    if (rc == 0)
        rc = compile_document(loading, checked);
    json_decref(checked);
    gw_document_destroy(loading->document);
    loading->document = NULL;
    return rc;
}

static int load_files(struct signal_loading *loading, const struct gw_str *files, size_t count)
{
    int result = 0;

    loading->signals->signals = signal_alloc(loading, count, sizeof(*loading->signals->signals));
    loading->signals->texts = signal_alloc(loading, SIGNAL_MAX_TEXTS, sizeof(struct gw_str));
    if (loading->has_no_memory)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) { /* all that is wrong in all of them */
        int rc = load_file(loading, files[i]);
        if (rc == -ENOMEM)
            return rc;
        result = result == 0 ? rc : result;
    }
    if (result != 0)
        return result;
    return gw_diagnostics_has_errors(loading->diagnostics) ? -EINVAL : signal_bind_all(loading);
}

int gw_signals_load(const struct gw_str *files, size_t count, struct gw_registry *registry,
                    struct gw_diagnostics *diagnostics, struct gw_signals **out_signals)
{
    if (count > MAX_FILES) {
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0,
                           "there are %zu signals; at most %d", count, MAX_FILES);
        return -EINVAL;
    }
    struct gw_signals *signals = calloc(1, sizeof(*signals));
    if (signals == NULL)
        return -ENOMEM;
    atomic_init(&signals->references, 1);
    gw_arena_init(&signals->arena, 64 << 10, MAX_ARENA_BYTES);
    signals->registry = gw_registry_hold(registry);

    struct signal_loading loading = {.signals = signals, .diagnostics = diagnostics};
    int rc = load_files(&loading, files, count);
    if (rc != 0) {
        gw_signals_release(signals);
        return rc;
    }
    *out_signals = signals;
    return 0;
}

size_t gw_signals_count(const struct gw_signals *signals)
{
    return signals->signal_count;
}

bool gw_signals_get_enrichment(const struct gw_signals *signals, size_t index,
                               struct gw_signal_enrichment *out_enrichment)
{
    const struct signal *signal = signals->signals[index];
    const struct signal_enrichment *enrichment = &signal->enrichment;

    if (enrichment->operation.len == 0)
        return false;
    *out_enrichment = (struct gw_signal_enrichment){.file = signal->file.ptr,
                                                    .line = enrichment->line,
                                                    .column = enrichment->column,
                                                    .operation = enrichment->operation,
                                                    .parameters = enrichment->parameters,
                                                    .parameter_count = enrichment->parameter_count};
    return true;
}

struct gw_signals *gw_signals_hold(struct gw_signals *signals)
{
    atomic_fetch_add_explicit(&signals->references, 1, memory_order_relaxed);
    return signals;
}

void gw_signals_release(struct gw_signals *signals)
{
    if (signals == NULL ||
        atomic_fetch_sub_explicit(&signals->references, 1, memory_order_acq_rel) != 1)
        return;
    gw_registry_release(signals->registry);
    gw_arena_finish(&signals->arena);
    free(signals);
}
