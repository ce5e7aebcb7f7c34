/* The shipped signals over an hour of a plant: each tells what it is there for, and all that is
 * told is what openapi/events.asyncapi.yaml says. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/iot/signal_cloud.h"
#include "tests/unit/support/model_schemas.h"

#define T0 INT64_C(1763886600000)
#define CONTRACT "events.asyncapi.yaml"
#define MAX_FILES 32
#define MAX_TYPES 32

static const char devices[] = "devices:\n"
                              "  - {group: plant-1010, edge_node: line-1, device: cnc-1, type: "
                              "cnc, equipment: CNC-01, asset: "
                              "'10000041', plant: '1010'}\n"
                              "  - {group: plant-1010, edge_node: line-1, device: cold-1, type: "
                              "cold-store, equipment: COLD-1, "
                              "plant: '1010'}\n";

struct files {
    char paths[MAX_FILES][200];
    struct gw_str names[MAX_FILES];
    size_t count;
};

struct seen {
    char types[MAX_TYPES][128];
    size_t counts[MAX_TYPES];
    size_t type_count;
};

static void add_file(struct files *files, const char *path)
{
    snprintf(files->paths[files->count], sizeof(files->paths[0]), "%s", path);
    files->names[files->count] = gw_str_of(files->paths[files->count]);
    files->count++;
}

static void list_files(struct files *files, const char *pattern)
{
    glob_t found;

    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        add_file(files, found.gl_pathv[i]);
    globfree(&found);
}

/* "com.millgate.iot.machine-down.v1" -> "machineDown", as the contract names its messages. */
static void message_of(const char *type, char *out, size_t size)
{
    const char *at = strstr(type, "iot.") + strlen("iot.");
    size_t len = 0;

    for (; *at != '.' && *at != '\0' && len + 1 < size; at++) {
        if (*at == '-' && at[1] != '\0')
            out[len++] = (char)(*++at - 'a' + 'A');
        else
            out[len++] = *at;
    }
    out[len] = '\0';
}

static void count(struct seen *seen, const char *type)
{
    size_t i = 0;

    while (i < seen->type_count && strcmp(seen->types[i], type) != 0)
        i++;
    assert_true(i < MAX_TYPES);
    if (i == seen->type_count) {
        snprintf(seen->types[i], sizeof(seen->types[i]), "%s", type);
        seen->type_count++;
    }
    seen->counts[i]++;
}

static void judge(void *self, const struct gw_signal_event *event)
{
    char type[128], message[128], pointer[200];
    struct gw_event cloud;
    struct gw_arena arena;
    struct gw_buf text;

    gw_arena_init(&arena, 16 << 10, 1 << 20);
    gw_buf_init(&text, 1 << 20);
    assert_int_equal(gw_signal_event_to_cloud(event, &arena, &cloud), 0);
    gw_event_write(&cloud, &text);
    assert_false(text.has_failed);
    json_t *value = json_loadb(text.ptr, text.len, 0, NULL);
    assert_non_null(value);
    snprintf(type, sizeof(type), "%.*s", GW_STR_ARG(event->type));
    message_of(type, message, sizeof(message));
    snprintf(pointer, sizeof(pointer), "/components/messages/%s/payload", message);
    count(self, type);
    const char *told = model_schemas_judge(CONTRACT, pointer, value);
    if (told != NULL)
        fail_msg("%.*s\n%s", GW_STR_ARG(gw_buf_str(&text)), told);
    json_object_set_new(json_object_get(value, "data"), "surprise", json_true());
    assert_non_null(model_schemas_judge(CONTRACT, pointer, value)); /* it does look */
    json_decref(value);
    gw_buf_finish(&text);
    gw_arena_finish(&arena);
}

/* --- the plant -------------------------------------------------------------------------------- */

struct plant {
    struct gw_registry *registry;
    struct gw_signal_engine *engine;
};

static void sample(const struct plant *plant, const char *device, const char *metric, int64_t at_s,
                   double number)
{
    const struct gw_device_config *config = gw_registry_find(plant->registry, GW_STR("plant-1010"),
                                                             GW_STR("line-1"), gw_str_of(device));
    const struct gw_metric_config *of = gw_device_type_find_name(config->type, gw_str_of(metric));
    const struct gw_sample one = {.series = gw_device_series(config, of),
                                  .type = GW_SAMPLE_REAL,
                                  .time_ms = T0 + at_s * 1000,
                                  .real = number};

    gw_signal_engine_feed(plant->engine, gw_registry_node(plant->registry, 0), &one, 1);
}

/* A fault at 10 minutes, vibration at 20, scrap from 50 to 70, the cold store open from 5 to 30. */
static void run(const struct plant *plant)
{
    int good = 0, scrap = 0;

    for (int at = 0; at < 3 * 3600; at++) {
        if (at % 3 == 0)
            sample(plant, "cnc-1", "goodCount", at, ++good);
        if (at % 3 == 1 && at > 3000 && at < 4200)
            sample(plant, "cnc-1", "scrapCount", at, ++scrap);
        if (at % 60 == 0)
            sample(plant, "cnc-1", "scrapCount", at, scrap);
        if (at % 10 == 0)
            sample(plant, "cnc-1", "machineState", at, at >= 600 && at < 900 ? 3 : 2);
        sample(plant, "cnc-1", "spindleVibration", at, at >= 1200 && at < 1500 ? 9.5 : 2.1);
        if (at % 5 == 0) {
            sample(plant, "cnc-1", "energyTotal", at, 1000 + at * 0.01);
            sample(plant, "cnc-1", "materialConsumed", at, at * 0.5);
        }
        if (at % 30 == 0)
            sample(plant, "cold-1", "airTemperature", at, at >= 300 && at < 1800 ? 9.25 : 4);
    }
}

static void they_tell_what_the_contract_says(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        size_t count;
    } expected[] = {{"com.millgate.iot.machine-down.v1", 1},
                    {"com.millgate.iot.machine-up.v1", 1},
                    {"com.millgate.iot.vibration-exceeded.v1", 1},
                    {"com.millgate.iot.vibration-normal.v1", 1},
                    {"com.millgate.iot.scrap-exception.v1", 1},
                    {"com.millgate.iot.scrap-normal.v1", 1},
                    {"com.millgate.iot.material-consumed.v1", 11},
                    {"com.millgate.iot.energy-consumed.v1", 11},
                    {"com.millgate.iot.production-count.v1", 143},
                    {"com.millgate.iot.temperature-excursion.v1", 1},
                    {"com.millgate.iot.temperature-normal.v1", 1}};
    static struct gw_diagnostics diagnostics;
    struct files types = {.count = 0}, documents = {.count = 0};
    struct seen seen = {.type_count = 0};
    const struct gw_signal_events events = {.self = &seen, .on_event = judge};
    char path[] = "/tmp/signal-shipped-XXXXXX";
    struct gw_signals *signals = NULL;
    struct plant plant = {.registry = NULL};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, devices, sizeof(devices) - 1), sizeof(devices) - 1);
    close(fd);
    list_files(&types, "apis/system/iot/types/*.yaml");
    list_files(&documents, "apis/system/iot/*.signal.yaml");
    assert_int_equal(documents.count, 7);
    add_file(&types, path);
    assert_int_equal(gw_registry_load(types.names, types.count, &diagnostics, &plant.registry), 0);
    unlink(path);
    int rc =
        gw_signals_load(documents.names, documents.count, plant.registry, &diagnostics, &signals);
    if (rc != 0)
        gw_diagnostics_print(&diagnostics, stderr);
    assert_int_equal(rc, 0);
    plant.engine = gw_signal_engine_create(signals, &events);
    run(&plant);
    for (size_t i = 0; i < seen.type_count; i++)
        print_message("%s: %zu\n", seen.types[i], seen.counts[i]);
    assert_int_equal(seen.type_count, GW_COUNT_OF(expected));
    for (size_t i = 0; i < GW_COUNT_OF(expected); i++) {
        size_t k = 0;
        while (k < seen.type_count && strcmp(seen.types[k], expected[i].type) != 0)
            k++;
        if (k == seen.type_count || seen.counts[k] != expected[i].count)
            fail_msg("%s: not %zu", expected[i].type, expected[i].count);
    }
    gw_signal_engine_destroy(plant.engine);
    gw_signals_release(signals);
    gw_registry_release(plant.registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(they_tell_what_the_contract_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
