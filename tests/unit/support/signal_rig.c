#include "tests/unit/support/signal_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#define MAX_DOCUMENTS 16

static void write_file(char path[40], const char *text)
{
    snprintf(path, 40, "/tmp/signal-rig-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int load(struct signal_rig *rig, const char *registry, const char *const *documents)
{
    struct gw_str names[MAX_DOCUMENTS];
    char paths[MAX_DOCUMENTS][40], registry_path[40];
    size_t count = 0;

    gw_diagnostics_init(&rig->diagnostics);
    write_file(registry_path, registry);
    struct gw_str registry_name = gw_str_of(registry_path);
    int rc = gw_registry_load(&registry_name, 1, &rig->diagnostics, &rig->registry);
    unlink(registry_path);
    for (; rc == 0 && documents[count] != NULL; count++) {
        write_file(paths[count], documents[count]);
        names[count] = gw_str_of(paths[count]);
    }
    if (rc == 0)
        rc = gw_signals_load(names, count, rig->registry, &rig->diagnostics, &rig->signals);
    for (size_t i = 0; i < count; i++)
        unlink(paths[i]);
    return rc;
}

static void keep(void *self, const struct gw_signal_event *event)
{
    struct signal_rig *rig = self;
    struct gw_buf text;

    gw_buf_init(&text, 1 << 20);
    gw_buf_printf(&text, "%.*s %.*s ", GW_STR_ARG(event->id), GW_STR_ARG(event->type));
    gw_value_write(&text, &event->data);
    assert_false(text.has_failed);
    assert_int_equal(event->id.len, 32);
    assert_int_equal(event->data.type, GW_JSON_OBJECT);
    assert_true(rig->event_count < SIGNAL_RIG_MAX_EVENTS);
    rig->events[rig->event_count] = gw_str_duplicate(gw_buf_str(&text));
    assert_non_null(rig->events[rig->event_count++]);
    gw_buf_finish(&text);
}

static void count_late(void *self, uint32_t series, int64_t time_ms)
{
    struct signal_rig *rig = self;

    (void)series;
    (void)time_ms;
    rig->late_count++;
}

static void make_engine(struct signal_rig *rig)
{
    const struct gw_signal_events events = {rig, keep, count_late};

    rig->engine = gw_signal_engine_create(rig->signals, &events);
    assert_non_null(rig->engine);
}

void signal_rig_open(struct signal_rig *rig, const char *registry, const char *const *documents)
{
    *rig = (struct signal_rig){0};
    if (load(rig, registry, documents) != 0) {
        gw_diagnostics_print(&rig->diagnostics, stderr);
        fail_msg("the documents are refused");
    }
    make_engine(rig);
}

static void forget_events(struct signal_rig *rig)
{
    for (size_t i = 0; i < rig->event_count; i++)
        free(rig->events[i]);
    rig->event_count = rig->late_count = 0;
}

void signal_rig_close(struct signal_rig *rig)
{
    forget_events(rig);
    gw_signal_engine_destroy(rig->engine);
    gw_signals_release(rig->signals);
    gw_registry_release(rig->registry);
    gw_diagnostics_finish(&rig->diagnostics);
}

const char *signal_rig_refusal(const char *registry, const char *document)
{
    static char told[4000];
    const char *documents[] = {document, NULL};
    struct signal_rig *rig = calloc(1, sizeof(*rig));
    size_t len = 0;

    assert_non_null(rig);
    int rc = load(rig, registry, documents);
    for (size_t i = 0; i < rig->diagnostics.count && len < sizeof(told); i++)
        len +=
            (size_t)snprintf(told + len, sizeof(told) - len, "%u: %s\n",
                             rig->diagnostics.findings[i].line, rig->diagnostics.findings[i].text);
    assert_true((rc == 0) == !gw_diagnostics_has_errors(&rig->diagnostics));
    signal_rig_close(rig);
    free(rig);
    return rc == 0 ? NULL : told;
}

void signal_rig_restart(struct signal_rig *rig)
{
    forget_events(rig);
    gw_signal_engine_destroy(rig->engine);
    make_engine(rig);
}

/* --- feeding --- */

uint32_t signal_rig_series(const struct signal_rig *rig, const char *device, const char *metric)
{
    for (size_t i = 0; i < gw_registry_device_count(rig->registry); i++) {
        const struct gw_device_config *config = gw_registry_device(rig->registry, i);
        if (!gw_str_equal(config->device, gw_str_of(device)))
            continue;
        const struct gw_metric_config *found =
            gw_device_type_find_name(config->type, gw_str_of(metric));
        assert_non_null(found);
        return gw_device_series(config, found);
    }
    fail_msg("no device %s", device);
    return 0;
}

void signal_rig_feed(struct signal_rig *rig, const struct gw_sample *samples, size_t count)
{
    gw_signal_engine_feed(rig->engine, gw_registry_node(rig->registry, 0), samples, count);
}

void signal_rig_real(struct signal_rig *rig, uint32_t series, int64_t time_ms, double number)
{
    const struct gw_sample sample = {
        .series = series, .type = GW_SAMPLE_REAL, .time_ms = time_ms, .real = number};

    signal_rig_feed(rig, &sample, 1);
}

void signal_rig_advance(struct signal_rig *rig, int64_t time_ms)
{
    gw_signal_engine_advance(rig->engine, gw_registry_node(rig->registry, 0), time_ms);
}

void signal_rig_move(struct signal_rig *rig)
{
    const struct gw_edge_node_config *node = gw_registry_node(rig->registry, 0);
    struct gw_buf bytes, again;

    gw_buf_init(&bytes, 64 << 20);
    gw_buf_init(&again, 64 << 20);
    assert_int_equal(gw_signal_engine_save(rig->engine, node, &bytes), 0);
    gw_signal_engine_destroy(rig->engine);
    make_engine(rig);
    assert_int_equal(gw_signal_engine_load(rig->engine, node, gw_buf_str(&bytes)), 0);
    assert_int_equal(gw_signal_engine_save(rig->engine, node, &again), 0);
    assert_int_equal(again.len, bytes.len);
    gw_buf_finish(&bytes);
    gw_buf_finish(&again);
}

/* --- looking --- */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *signal_rig_said(struct signal_rig *rig)
{
    char **sorted = calloc(rig->event_count + 1, sizeof(*sorted));
    struct gw_buf text;

    assert_non_null(sorted);
    gw_buf_init(&text, 64 << 20);
    memcpy(sorted, rig->events, rig->event_count * sizeof(*sorted));
    qsort(sorted, rig->event_count, sizeof(*sorted), compare);
    for (size_t i = 0; i < rig->event_count; i++)
        gw_buf_printf(&text, "%s\n", sorted[i]);
    assert_false(text.has_failed);
    char *said = gw_str_duplicate(gw_buf_str(&text));
    gw_buf_finish(&text);
    free(sorted);
    return said;
}

const char *signal_rig_member(struct signal_rig *rig, size_t index, const char *path)
{
    static char found[400];
    const char *text = index < rig->event_count ? strchr(rig->events[index], '{') : NULL;
    char name[64];

    if (text == NULL)
        return NULL;
    json_t *root = json_loads(text, 0, NULL);
    const json_t *at = root;
    assert_non_null(root);
    while (*path != '\0' && at != NULL) {
        size_t len = strcspn(path, "/");
        snprintf(name, sizeof(name), "%.*s", (int)len, path);
        at = json_object_get(at, name);
        path += len + (path[len] == '/' ? 1 : 0);
    }
    if (json_is_integer(at))
        snprintf(found, sizeof(found), "%lld", (long long)json_integer_value(at));
    else
        snprintf(found, sizeof(found), "%s", json_is_string(at) ? json_string_value(at) : "");
    bool is_there = at != NULL;
    json_decref(root);
    return is_there ? found : NULL;
}

void signal_rig_is(struct signal_rig *rig, size_t index, const char *type)
{
    if (index >= rig->event_count)
        fail_msg("there are only %zu events", rig->event_count);
    const char *from = strchr(rig->events[index], ' ') + 1;
    size_t len = strcspn(from, " ");
    if (len < strlen(type) || strncmp(from + len - strlen(type), type, strlen(type)) != 0)
        fail_msg("event %zu is %s", index, rig->events[index]);
}
