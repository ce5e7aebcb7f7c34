#include "server/event/archive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define DAY_MS UINT64_C(86400000)
#define NOON_MS UINT64_C(1763899200000) /* 2025-11-23T12:00:00Z */

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/millgate-archive-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

static void write_one(uint64_t ms, const char *json, int expected)
{
    struct gw_event_archive archive;
    struct gw_error error;

    gw_event_archive_init(&archive, 3);
    assert_true(gw_event_archive_add(&archive, (struct gw_event_position){ms, 1}, gw_str_of(json)));
    assert_int_equal(gw_event_archive_write(&archive, folder, &error), expected);
    gw_event_archive_finish(&archive);
}

static void assert_file(const char *name, const char *expected)
{
    char path[128], text[1024] = "";

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void test_a_file_a_day(void **state)
{
    struct gw_event_archive archive;
    struct gw_error error;

    (void)state;
    gw_event_archive_init(&archive, 3);
    for (uint64_t i = 0; i < 3; i++)
        assert_true(gw_event_archive_add(
            &archive, (struct gw_event_position){NOON_MS + i * DAY_MS / 2 - 1, i}, GW_STR("{}")));
    assert_int_equal(gw_event_archive_write(&archive, folder, &error), 0);
    gw_event_archive_finish(&archive);
    write_one(NOON_MS, "[]", 0);
    assert_file("2025-11-23-p3.jsonl", "{\"place\":\"3-1763899199999-0\",\"event\":{}}\n"
                                       "{\"place\":\"3-1763942399999-1\",\"event\":{}}\n"
                                       "{\"place\":\"3-1763899200000-1\",\"event\":[]}\n");
    assert_file("2025-11-24-p3.jsonl", "{\"place\":\"3-1763985599999-2\",\"event\":{}}\n");
}

static void test_days_have_a_bound(void **state)
{
    struct gw_event_archive archive;
    uint64_t i = 0;

    (void)state;
    gw_event_archive_init(&archive, 0);
    while (gw_event_archive_add(&archive, (struct gw_event_position){NOON_MS + i * DAY_MS, 0},
                                GW_STR("{}")))
        i++;
    assert_int_equal(i, GW_EVENT_ARCHIVE_MAX_DAYS);
    assert_int_equal(archive.count, i);
    gw_event_archive_finish(&archive);
}

static void test_half_a_line_stays_alone(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/2025-11-23-p3.jsonl", folder);
    FILE *file = fopen(path, "w");
    fputs("{\"place\":\"3-17", file);
    fclose(file);
    write_one(NOON_MS, "{}", 0);
    assert_file("2025-11-23-p3.jsonl",
                "{\"place\":\"3-17\n{\"place\":\"3-1763899200000-1\",\"event\":{}}\n");
}

/* A disk that is full in the middle of a line. */
static void test_what_cannot_be_written_whole_is_not_there(void **state)
{
    struct rlimit was, less;

    (void)state;
    write_one(NOON_MS, "{}", 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    less = was;
    less.rlim_cur = 60;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
    write_one(NOON_MS, "{\"more\":1}", -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_file("2025-11-23-p3.jsonl", "{\"place\":\"3-1763899200000-1\",\"event\":{}}\n");
    write_one(NOON_MS, "{\"more\":1}", 0);
    assert_file("2025-11-23-p3.jsonl",
                "{\"place\":\"3-1763899200000-1\",\"event\":{}}\n"
                "{\"place\":\"3-1763899200000-1\",\"event\":{\"more\":1}}\n");
}

static void test_no_folder(void **state)
{
    struct gw_event_archive archive;
    struct gw_error error;

    (void)state;
    gw_event_archive_init(&archive, 0);
    assert_true(gw_event_archive_add(&archive, (struct gw_event_position){1, 0}, GW_STR("{}")));
    assert_int_equal(gw_event_archive_write(&archive, "/tmp/millgate-no-such", &error), -ENOENT);
    assert_non_null(strstr(error.text, "/tmp/millgate-no-such"));
    gw_event_archive_finish(&archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_file_a_day, set_up, tear_down),
        cmocka_unit_test(test_days_have_a_bound),
        cmocka_unit_test_setup_teardown(test_half_a_line_stays_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written_whole_is_not_there, set_up,
                                        tear_down),
        cmocka_unit_test(test_no_folder),
    };

    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
