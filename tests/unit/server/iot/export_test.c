/* Samples for a historian: lines, files, what is old, and a disk that takes none. */
#include "server/iot/export.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/net/loop.h"
#include "tests/unit/support/leftovers.h"
#include "tests/unit/support/signal_rig.h"

#define PATIENCE_NS (10 * GW_NS_PER_SECOND)

static const char registry_text[] =
    "types:\n"
    "  t: {metrics: {a: {source: A}, 'b c': {source: B}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: d, type: t, equipment: 'E,1', plant: p}\n";
static const char any_signal[] = "signal: w\ndevices: [t]\ninputs: {a: {}}\nwindow: {count: 1}\n"
                                 "values: {n: {count: a}}\nevent: {type: t.w.v1}\n";

static struct signal_rig *documents;
static struct gw_loop *loop;
static struct gw_iot_export *export;
static char folder[40];

static struct gw_sample sample(const char *metric, enum gw_sample_type type)
{
    return (struct gw_sample){.series = signal_rig_series(documents, "d", metric),
                              .type = (uint8_t)type,
                              .quality = GW_QUALITY_GOOD,
                              .time_ms = 1763886600123};
}

static void writes(const char *metric, const struct gw_sample *one, const char *line)
{
    const struct gw_device_config *device = gw_registry_device(documents->registry, 0);
    const struct gw_metric_config *config =
        gw_device_type_find_name(device->type, gw_str_of(metric));
    struct gw_buf text;

    gw_buf_init(&text, 4096);
    assert_int_equal(gw_iot_export_write(&text, device, config, one), line != NULL);
    gw_buf_append_byte(&text, 0);
    assert_string_equal(text.ptr, line != NULL ? line : "");
    gw_buf_finish(&text);
}

static void test_lines(void **state)
{
    struct gw_sample one = sample("a", GW_SAMPLE_REAL);
    (void)state;

    one.real = 0.1;
    writes("a", &one,
           "a,device=g/n/d,equipment=E\\,1,plant=p,quality=good value=0.1 1763886600123000000\n");
    one = sample("a", GW_SAMPLE_INTEGER);
    one.integer = INT64_C(9007199254740993);
    one.quality = GW_QUALITY_STALE;
    writes("b c", &one,
           "b\\ c,device=g/n/d,equipment=E\\,1,plant=p,quality=stale value=9007199254740993i "
           "1763886600123000000\n");
    one = sample("a", GW_SAMPLE_BOOLEAN);
    one.boolean = true;
    one.time_ms = 1;
    writes("a", &one, "a,device=g/n/d,equipment=E\\,1,plant=p,quality=good value=true 1000000\n");
    one = sample("a", GW_SAMPLE_TEXT);
    one.time_ms = 1;
    one.text = GW_STR("a \"b\"\\\nc");
    writes("a", &one,
           "a,device=g/n/d,equipment=E\\,1,plant=p,quality=good value=\"a \\\"b\\\"\\\\ c\" "
           "1000000\n");
    one = sample("a", GW_SAMPLE_NONE);
    writes("a", &one, NULL);
}

/* --- files --- */

static void make(const char *where, const char *instance)
{
    const struct gw_iot_export_config config = {loop, documents->registry, gw_str_of(where),
                                                gw_str_of(instance), 3600};

    export = gw_iot_export_create(&config);
    assert_non_null(export);
}

static struct gw_iot_export_counts counts(void)
{
    struct gw_iot_export_counts out;

    gw_iot_export_get_counts(export, &out);
    return out;
}

static void await_settled(uint64_t count)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;

    while (counts().samples + counts().dropped < count) {
        gw_loop_turn(loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static void take(size_t times)
{
    struct gw_sample one = sample("a", GW_SAMPLE_INTEGER);

    for (size_t i = 0; i < times; i++) {
        one.integer = (int64_t)i;
        gw_iot_export_take(export, &one, 1);
    }
}

/* Lines of all files of that instance in the folder; -1: there is no file. */
static long count_lines(const char *instance)
{
    char prefix[80], path[600];
    DIR *files = opendir(folder);
    const struct dirent *entry;
    long lines = -1;
    int byte;

    assert_non_null(files);
    snprintf(prefix, sizeof(prefix), "samples-%s-", instance);
    while ((entry = readdir(files)) != NULL) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        lines = lines < 0 ? 0 : lines;
        while ((byte = getc(file)) != EOF)
            lines += byte == '\n';
        fclose(file);
    }
    closedir(files);
    return lines;
}

static void test_a_file_has_all_of_them(void **state)
{
    (void)state;

    make(folder, "one/two");
    take(1000);
    assert_int_equal(counts().samples, 0); /* not on the disk yet */
    await_settled(1000);
    assert_int_equal(counts().samples, 1000);
    assert_int_equal(count_lines("one_two"), 1000);
    take(5);
    gw_iot_export_destroy(export); /* what is left is written */
    assert_int_equal(count_lines("one_two"), 1005);
}

static void test_one_that_goes_while_it_writes(void **state)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;
    (void)state;

    make(folder, "one");
    take(100);
    while (count_lines("one") < 0 && gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(loop, 1);
    take(7);
    gw_iot_export_destroy(export);
    while (count_lines("one") < 107) {
        gw_loop_turn(loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static void make_file(const char *name, time_t age_s)
{
    char path[100];
    const struct timespec times[2] = {{.tv_sec = time(NULL) - age_s},
                                      {.tv_sec = time(NULL) - age_s}};

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_there(const char *name)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static void test_what_is_old_goes(void **state)
{
    (void)state;

    make_file("samples-x-2020-01-01T00.line", 4000);
    make_file("samples-x-2020-01-01T01.line", 3000);
    make_file("samples-x-2020-01-01T00.txt", 4000);
    make_file("other-2020-01-01T00.line", 4000);
    make(folder, "one");
    take(1);
    await_settled(1);
    assert_false(is_there("samples-x-2020-01-01T00.line"));
    assert_true(is_there("samples-x-2020-01-01T01.line"));
    assert_true(is_there("samples-x-2020-01-01T00.txt"));
    assert_true(is_there("other-2020-01-01T00.line"));
    gw_iot_export_destroy(export);
}

static void test_a_disk_that_takes_none(void **state)
{
    char away[60];
    (void)state;

    snprintf(away, sizeof(away), "%s/away", folder);
    make(away, "one");
    take(3);
    await_settled(3);
    assert_int_equal(counts().dropped, 3);
    assert_int_equal(counts().failures, 1);
    assert_int_equal(mkdir(away, 0700), 0);
    take(2);
    await_settled(5);
    assert_int_equal(counts().samples, 2);
    assert_int_equal(counts().failures, 1);
    gw_iot_export_destroy(export);
}

/* More than waits at most: whole lines, and the rest is counted. */
static void test_more_than_there_is_room_for(void **state)
{
    struct gw_sample one = sample("a", GW_SAMPLE_TEXT);
    static char text[4096];
    (void)state;

    memset(text, 'x', sizeof(text));
    one.text = gw_str_from(text, sizeof(text));
    make(folder, "one");
    for (size_t i = 0; i < 9000; i++)
        gw_iot_export_take(export, &one, 1);
    assert_true(counts().dropped > 500);
    await_settled(9000);
    assert_int_equal(count_lines("one"), counts().samples);
    assert_int_equal(counts().samples + counts().dropped, 9000);
    gw_iot_export_destroy(export);
}

static int set_up(void **state)
{
    const char *texts[] = {any_signal, NULL};
    struct gw_error error;
    (void)state;

    snprintf(folder, sizeof(folder), "/tmp/export-XXXXXX");
    documents = calloc(1, sizeof(*documents));
    if (documents == NULL || mkdtemp(folder) == NULL || gw_loop_create(&loop, &error) != 0)
        return -1;
    signal_rig_open(documents, registry_text, texts);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_loop_destroy(loop);
    signal_rig_close(documents);
    free(documents);
    leftovers_remove(folder);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines),
        TEST(test_a_file_has_all_of_them),
        TEST(test_one_that_goes_while_it_writes),
        TEST(test_what_is_old_goes),
        TEST(test_a_disk_that_takes_none),
        TEST(test_more_than_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
