/* millgate sparkplug: recorded messages, of Sparkplug or of JSON that a mapping reads, as samples:
 * for whoever wants to see what a plant sends, or to compute signals over it. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/cli/cli.h"
#include "server/core/buf.h"
#include "server/core/diagnostic.h"
#include "server/core/scope.h"
#include "server/iot/json_map.h"
#include "server/iot/sparkplug_host.h"

#define MAX_LINE_BYTES (4u << 20)
#define REORDER_MS 2000
#define MAX_FUTURE_MS (10 * 60 * 1000) /* as the Sparkplug host has it */
#define MAX_ARENA_BYTES (64u << 20)

struct printing {
    const struct gw_cli *cli;
    struct gw_registry *registry;
    struct gw_sparkplug_host *host;
    int64_t arrival_ms;
    size_t line;
    uint64_t json_messages, json_samples, json_aside;
};

/* --- what comes out --- */

static void put_device(struct gw_buf *line, const struct gw_device_config *device)
{
    gw_buf_append_text(line, "{\"group\":\"");
    gw_buf_append_json(line, device->group);
    gw_buf_append_text(line, "\",\"edgeNode\":\"");
    gw_buf_append_json(line, device->edge_node);
    gw_buf_append_text(line, "\",\"device\":\"");
    gw_buf_append_json(line, device->device);
    gw_buf_append_byte(line, '"');
}

static void put_value(struct gw_buf *line, const struct gw_sample *sample)
{
    switch ((enum gw_sample_type)sample->type) {
    case GW_SAMPLE_NONE:
        gw_buf_append_text(line, "null");
        break;
    case GW_SAMPLE_BOOLEAN:
        gw_buf_append_text(line, sample->boolean ? "true" : "false");
        break;
    case GW_SAMPLE_INTEGER:
        gw_buf_printf(line, "%lld", (long long)sample->integer);
        break;
    case GW_SAMPLE_REAL:
        gw_buf_printf(line, "%.17g", sample->real);
        break;
    case GW_SAMPLE_TEXT:
        gw_buf_append_byte(line, '"');
        gw_buf_append_json(line, sample->text);
        gw_buf_append_byte(line, '"');
        break;
    }
}

static void print_line(struct printing *printing, struct gw_buf *line)
{
    if (!line->has_failed)
        fprintf(printing->cli->out, "%.*s\n", GW_STR_ARG(gw_buf_str(line)));
    gw_buf_finish(line);
}

static void print_sample(struct printing *printing, const struct gw_sample *sample)
{
    static const char *const qualities[] = {"good", "uncertain", "bad", "stale"};
    const struct gw_metric_config *metric;
    const struct gw_device_config *device =
        gw_registry_series_device(printing->registry, sample->series, &metric);
    struct gw_buf line;

    gw_buf_init(&line, MAX_LINE_BYTES);
    put_device(&line, device);
    gw_buf_append_text(&line, ",\"metric\":\"");
    gw_buf_append_json(&line, metric->name);
    gw_buf_printf(&line, "\",\"time\":%lld,\"value\":", (long long)sample->time_ms);
    put_value(&line, sample);
    gw_buf_printf(&line, ",\"quality\":\"%s\"%s}", qualities[sample->quality],
                  sample->is_historical ? ",\"isHistorical\":true" : "");
    print_line(printing, &line);
}

static void on_samples(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count)
{
    (void)node;
    for (size_t i = 0; i < count; i++)
        print_sample(self, &samples[i]);
}

static void on_state(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms)
{
    struct printing *printing = self;
    struct gw_buf line;

    if (state == GW_DEVICE_UNKNOWN)
        return;
    gw_buf_init(&line, MAX_LINE_BYTES);
    put_device(&line, device);
    gw_buf_printf(&line, ",\"online\":%s,\"time\":%lld}",
                  state == GW_DEVICE_ONLINE ? "true" : "false", (long long)time_ms);
    print_line(printing, &line);
}

static void on_rebirth(void *self, const struct gw_edge_node_config *node, const char *why)
{
    const struct printing *printing = self;

    fprintf(printing->cli->err, "line %zu: a rebirth of %.*s is wanted: %s\n", printing->line,
            GW_STR_ARG(node->id), why);
}

static void on_quarantine(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail)
{
    const struct printing *printing = self;

    fprintf(printing->cli->err, "line %zu: %s: %.*s%s%.*s\n", printing->line,
            gw_quarantine_reason_name(reason), GW_STR_ARG(name), detail.len > 0 ? ": " : "",
            GW_STR_ARG(detail));
}

/* --- what goes in --- */

static int digit_of(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    int lower = tolower((unsigned char)letter);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* In place: hex digits become the bytes that they stand for. */
static int decode_hex(char *text, size_t *out_len)
{
    size_t len = strlen(text);

    if (len % 2 != 0)
        return -EINVAL;
    for (size_t i = 0; i < len; i += 2) {
        int high = digit_of(text[i]), low = digit_of(text[i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        text[i / 2] = (char)(high << 4 | low);
    }
    *out_len = len / 2;
    return 0;
}

static void on_json_aside(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail)
{
    struct printing *printing = self;

    printing->json_aside++;
    on_quarantine(self, reason, name, detail);
}

static int feed_json(struct printing *printing, struct gw_str topic, struct gw_str payload)
{
    const struct gw_json_message message = {.topic = topic,
                                            .payload = payload,
                                            .arrival_ms = printing->arrival_ms,
                                            .max_future_ms = MAX_FUTURE_MS};
    const struct gw_json_sink sink = {printing, on_json_aside};
    struct gw_json_read read;
    struct gw_arena arena;

    gw_arena_init(&arena, 64u << 10, MAX_ARENA_BYTES);
    int rc = gw_json_map_read(printing->registry, &message, &sink, &arena, &read);
    if (rc == 0)
        on_samples(printing, NULL, read.samples, read.count);
    printing->json_messages++;
    printing->json_samples += read.count;
    gw_arena_finish(&arena);
    return rc;
}

/* "SECONDS[.FRACTION] HEX TOPIC". */
static int feed_line(struct printing *printing, char *line)
{
    char *rest = line, *end = NULL;
    const char *time = strsep(&rest, " ");
    char *hex = strsep(&rest, " ");
    size_t len = 0;

    if (hex == NULL || rest == NULL || decode_hex(hex, &len) != 0)
        return -EINVAL;
    double seconds = strtod(time, &end);
    if (end == time || *end != '\0' || !(seconds >= 0 && seconds < 253402300800.0))
        return -EINVAL;
    printing->arrival_ms = (int64_t)(seconds * 1000);
    struct gw_str topic = gw_str_of(rest), payload = gw_str_from(hex, len);
    if (gw_registry_map_count(printing->registry) > 0 &&
        !gw_str_has_prefix(topic, GW_STR("spBv1.0/")))
        return feed_json(printing, topic, payload);
    gw_sparkplug_host_feed(printing->host, topic, payload, printing->arrival_ms);
    return 0;
}

static int feed_file(struct printing *printing, FILE *file)
{
    GW_SCOPED(gw_scope_free) char *line = NULL;
    size_t capacity = 0;
    ssize_t len;

    while ((len = getline(&line, &capacity, file)) >= 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
            line[--len] = '\0';
        printing->line++;
        if (len > 0 && feed_line(printing, line) != 0) {
            fprintf(printing->cli->err, "line %zu is no SECONDS HEX TOPIC\n", printing->line);
            return GW_EXIT_PROBLEM;
        }
    }
    /* What still waits for a message before it waits no longer. */
    for (size_t i = 0; i < gw_registry_node_count(printing->registry); i++)
        gw_sparkplug_host_tick(printing->host, gw_registry_node(printing->registry, i),
                               printing->arrival_ms + REORDER_MS);
    return ferror(file) ? GW_EXIT_PROBLEM : GW_EXIT_OK;
}

static void print_counts(const struct printing *printing)
{
    const struct gw_sparkplug_host_counts *counts = gw_sparkplug_host_counts(printing->host);

    fprintf(printing->cli->err,
            "%" PRIu64 " messages, %" PRIu64 " samples; %" PRIu64 " duplicates, %" PRIu64
            " kept back, %" PRIu64 " gaps, %" PRIu64 " late, %" PRIu64 " without a birth, %" PRIu64
            " put aside\n",
            counts->messages + printing->json_messages, counts->samples + printing->json_samples,
            counts->duplicates, counts->kept_back, counts->gaps, counts->late, counts->unborn,
            counts->quarantined + printing->json_aside);
}

static int run(const struct gw_cli *cli, struct gw_registry *registry, const char *path)
{
    struct printing printing = {.cli = cli, .registry = registry};
    const struct gw_sparkplug_host_limits limits = {.reorder_ms = REORDER_MS};
    const struct gw_sparkplug_host_events events = {&printing, on_samples, on_state, on_rebirth,
                                                    on_quarantine};
    GW_SCOPED(gw_scope_fclose)
    FILE *opened = strcmp(path, "-") == 0 ? NULL : fopen(path, "r");
    FILE *file = strcmp(path, "-") == 0 ? stdin : opened;

    if (file == NULL) {
        fprintf(cli->err, "%s: %s\n", path, strerror(errno));
        return GW_EXIT_PROBLEM;
    }
    printing.host = gw_sparkplug_host_create(registry, &limits, &events);
    if (printing.host == NULL)
        return GW_EXIT_PROBLEM;
    int code = feed_file(&printing, file);
    print_counts(&printing);
    gw_sparkplug_host_destroy(printing.host);
    return code;
}

/* FILE and --registry FILE, which may stand several times. */
static int take_arguments(const struct gw_cli *cli, int argc, char **argv, struct gw_str *registry,
                          size_t *out_count, const char **out_path)
{
    size_t count = 0;
    const char *path = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--registry") == 0 && i + 1 < argc)
            registry[count++] = gw_str_of(argv[++i]);
        else if ((argv[i][0] != '-' || argv[i][1] == '\0') && path == NULL)
            path = argv[i];
        else
            return gw_cli_usage_error(cli, "sparkplug",
                                      "%s is not known here, lacks a value or is one too many",
                                      argv[i]);
    }
    if (count == 0 || path == NULL)
        return gw_cli_usage_error(cli, "sparkplug", "FILE and --registry FILE are wanted");
    *out_count = count;
    *out_path = path;
    return GW_EXIT_OK;
}

int gw_cli_sparkplug(const struct gw_cli *cli, int argc, char **argv)
{
    GW_SCOPED(gw_scope_free) struct gw_str *files = calloc((size_t)argc + 1, sizeof(*files));
    struct gw_diagnostics diagnostics;
    struct gw_registry *registry = NULL;
    const char *path = NULL;
    size_t count = 0;

    if (files == NULL)
        return GW_EXIT_PROBLEM;
    int code = take_arguments(cli, argc, argv, files, &count, &path);
    if (code != GW_EXIT_OK || path == NULL)
        return code;
    gw_diagnostics_init(&diagnostics);
    code = GW_EXIT_PROBLEM;
    if (gw_registry_load(files, count, &diagnostics, &registry) == 0)
        code = run(cli, registry, path);
    gw_diagnostics_print(&diagnostics, cli->err);
    gw_diagnostics_finish(&diagnostics);
    gw_registry_release(registry);
    return code;
}
