/* millgate signal: checks the documents of signals, and computes them over recorded samples. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/cli/cli.h"
#include "server/cli/signal_samples.h"
#include "server/core/instant.h"
#include "server/core/scope.h"
#include "server/iot/signal_cloud.h"

#define MAX_LINE_BYTES (1u << 20)

struct command {
    const struct gw_cli *cli;
    struct gw_str *signals, *registry; /* paths */
    size_t signal_count, registry_count;
    const char *samples, *until;
    size_t event_count, late_count;
    bool has_failed;
};

/* --- arguments: as gw_cli_options_parse() reads them, but --registry may stand several times ---
 */

static int take_option(struct command *command, const char *name, const char *value)
{
    if (value == NULL)
        return gw_cli_usage_error(command->cli, "signal", "%s needs a value", name);
    if (strcmp(name, "--registry") == 0)
        command->registry[command->registry_count++] = gw_str_of(value);
    else if (strcmp(name, "--samples") == 0 && command->samples == NULL)
        command->samples = value;
    else if (strcmp(name, "--until") == 0 && command->until == NULL)
        command->until = value;
    else
        return gw_cli_usage_error(command->cli, "signal", "%s is not known here, or stands twice",
                                  name);
    return GW_EXIT_OK;
}

static int take_arguments(struct command *command, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            command->signals[command->signal_count++] = gw_str_of(argv[i]);
            continue;
        }
        int code = take_option(command, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
        if (code != GW_EXIT_OK)
            return code;
        i++;
    }
    if (command->signal_count == 0 || command->registry_count == 0)
        return gw_cli_usage_error(command->cli, "signal",
                                  "FILE and --registry FILE are wanted, each once or more");
    return GW_EXIT_OK;
}

/* --- events --- */

static void print_event(void *self, const struct gw_signal_event *event)
{
    struct command *command = self;
    struct gw_event cloud;
    struct gw_arena arena;
    struct gw_buf line;

    gw_arena_init(&arena, 8192, MAX_LINE_BYTES);
    gw_buf_init(&line, MAX_LINE_BYTES);
    if (gw_signal_event_to_cloud(event, &arena, &cloud) == 0) {
        gw_event_write(&cloud, &line);
        fprintf(command->cli->out, "%.*s\n", GW_STR_ARG(gw_buf_str(&line)));
        command->event_count++;
    }
    command->has_failed = command->has_failed || line.len == 0 || line.has_failed;
    gw_buf_finish(&line);
    gw_arena_finish(&arena);
}

static void count_late(void *self, uint32_t series, int64_t time_ms)
{
    struct command *command = self;

    (void)series;
    (void)time_ms;
    command->late_count++;
}

/* --- computing --- */

static int feed(struct command *command, struct gw_sample_lines *lines)
{
    bool is_stdin = strcmp(command->samples, "-") == 0;
    GW_SCOPED(gw_scope_fclose) FILE *opened = is_stdin ? NULL : fopen(command->samples, "r");
    FILE *file = is_stdin ? stdin : opened;
    struct gw_error error;

    if (file == NULL) {
        fprintf(command->cli->err, "%s: %s\n", command->samples, strerror(errno));
        return GW_EXIT_PROBLEM;
    }
    if (gw_sample_lines_feed(lines, file, &error) == 0)
        return GW_EXIT_OK;
    fprintf(command->cli->err, "%s:%zu: %s\n", command->samples, lines->line, error.text);
    return GW_EXIT_PROBLEM;
}

static void advance_all(const struct gw_sample_lines *lines, int64_t until_ms)
{
    for (size_t i = 0; i < gw_registry_node_count(lines->registry); i++)
        gw_signal_engine_advance(lines->engine, gw_registry_node(lines->registry, i), until_ms);
}

static int compute(struct command *command, struct gw_registry *registry,
                   struct gw_signals *signals)
{
    const struct gw_signal_events events = {command, print_event, count_late};
    struct gw_sample_lines lines = {.registry = registry,
                                    .engine = gw_signal_engine_create(signals, &events)};
    int64_t until_ms = 0;

    if (command->until != NULL && gw_instant_read(gw_str_of(command->until), &until_ms) != 0) {
        gw_signal_engine_destroy(lines.engine);
        return gw_cli_usage_error(command->cli, "signal", "--until is a time as RFC 3339 has it");
    }
    if (lines.engine == NULL)
        return GW_EXIT_PROBLEM;
    int code = feed(command, &lines);
    if (code == GW_EXIT_OK && until_ms > 0)
        advance_all(&lines, until_ms);
    fprintf(command->cli->err, "%zu samples, %zu events, %zu late; %zu bytes of %zu series\n",
            lines.sample_count, command->event_count, command->late_count,
            gw_signal_engine_bytes(lines.engine), gw_signals_watched_series(signals));
    gw_signal_engine_destroy(lines.engine);
    return command->has_failed ? GW_EXIT_PROBLEM : code;
}

static int run(struct command *command, struct gw_diagnostics *diagnostics)
{
    struct gw_registry *registry = NULL;
    struct gw_signals *signals = NULL;
    int code = GW_EXIT_PROBLEM;

    if (gw_registry_load(command->registry, command->registry_count, diagnostics, &registry) == 0 &&
        gw_signals_load(command->signals, command->signal_count, registry, diagnostics, &signals) ==
            0) {
        code = GW_EXIT_OK;
        if (command->samples != NULL)
            code = compute(command, registry, signals);
        else
            fprintf(command->cli->out, "%zu signals, %zu devices, %zu series: %s\n",
                    command->signal_count, gw_registry_device_count(registry),
                    gw_signals_watched_series(signals),
                    diagnostics->count > 0 ? "see the warnings" : "no problems");
    }
    gw_signals_release(signals);
    gw_registry_release(registry);
    return code;
}

int gw_cli_signal(const struct gw_cli *cli, int argc, char **argv)
{
    struct command command = {.cli = cli,
                              .signals = calloc((size_t)argc + 1, sizeof(struct gw_str)),
                              .registry = calloc((size_t)argc + 1, sizeof(struct gw_str))};
    struct gw_diagnostics diagnostics;
    int code = GW_EXIT_PROBLEM;

    gw_diagnostics_init(&diagnostics);
    if (command.signals != NULL && command.registry != NULL)
        code = take_arguments(&command, argc, argv);
    if (code == GW_EXIT_OK)
        code = run(&command, &diagnostics);
    gw_diagnostics_print(&diagnostics, cli->err);
    gw_diagnostics_finish(&diagnostics);
    free(command.signals);
    free(command.registry);
    return code;
}
