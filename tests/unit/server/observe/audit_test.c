/* The audit's file: chained, healed after a crash, and every change of it found. */
#include "server/observe/audit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/observe/audit_file.h"
#include "server/observe/audit_verify.h"

static char folder[64], path[128];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/millgate-audit-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a/b/audit.log", folder);
    return 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static struct gw_audit *open_with(const char *key, size_t max_bytes)
{
    const struct gw_audit_config config = {path, gw_str_of(key), max_bytes};
    struct gw_audit *audit = NULL;
    struct gw_error error = {0};

    if (gw_audit_open(&config, &audit, &error) != 0)
        print_error("%s\n", error.text);
    return audit;
}

static void write_some(struct gw_audit *audit, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t begun;
        assert_int_equal(gw_audit_write(audit, "key.create", GW_STR("socket uid 0"),
                                        GW_STR("key \"a\"\n of \xff corp"), "begun", 0, &begun),
                         0);
        assert_int_equal(gw_audit_write(audit, "key.create", GW_STR("socket uid 0"), GW_STR("a"),
                                        "done", begun, NULL),
                         0);
    }
}

static bool verify(const char *key, const char *head, struct gw_audit_report *report)
{
    char **paths;
    size_t count;

    assert_int_equal(gw_audit_file_list(path, &paths, &count), 0);
    bool is_good =
        gw_audit_verify((const char *const *)paths, count, gw_str_of(key), gw_str_of(head), report);
    gw_audit_file_list_free(paths, count);
    report->file = NULL; /* it is freed */
    return is_good;
}

static size_t read_file(char *out, size_t room)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(out, 1, room - 1, file);
    fclose(file);
    out[len] = '\0';
    return len;
}

static void write_file(const char *text, size_t len)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void lines_are_chained_over_restarts(void **state)
{
    struct gw_audit_report report;
    struct stat status;
    char head[GW_AUDIT_HASH_LEN + 1];

    (void)state;
    struct gw_audit *audit = open_with("", 1 << 20);
    assert_int_equal(gw_audit_get_seq(audit), 0);
    write_some(audit, 2);
    assert_int_equal(gw_audit_get_seq(audit), 4);
    gw_audit_close(audit);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    audit = open_with("", 1 << 20);
    assert_int_equal(gw_audit_get_seq(audit), 4);
    write_some(audit, 3);
    memcpy(head, gw_audit_get_head(audit), sizeof(head));
    gw_audit_close(audit);
    assert_true(verify("", "", &report));
    assert_int_equal(report.lines, 10);
    assert_int_equal(report.first_seq, 1);
    assert_int_equal(report.last_seq, 10);
    assert_int_equal(report.unfinished, 0);
    assert_string_equal(report.head, head);
    assert_true(verify("", head, &report));
    assert_false(verify("", gw_audit_no_hash, &report));
}

static void a_second_process_is_refused(void **state)
{
    const struct gw_audit_config config = {path, GW_STR(""), 1 << 20};
    struct gw_audit *second = NULL;
    struct gw_error error = {0};

    (void)state;
    struct gw_audit *audit = open_with("", 1 << 20);
    assert_int_equal(gw_audit_open(&config, &second, &error), -EBUSY);
    assert_non_null(strstr(error.text, "another process"));
    gw_audit_close(audit);
    audit = open_with("", 1 << 20);
    assert_non_null(audit);
    gw_audit_close(audit);
}

static void files_are_renamed_and_the_chain_goes_on(void **state)
{
    struct gw_audit_report report;
    char **paths;
    size_t count;

    (void)state;
    struct gw_audit *audit = open_with("", 2000);
    write_some(audit, 10);
    gw_audit_close(audit);
    audit = open_with("", 2000);
    write_some(audit, 10);
    gw_audit_close(audit);
    assert_true(verify("", "", &report));
    assert_int_equal(report.lines, 40);
    assert_int_equal(gw_audit_file_list(path, &paths, &count), 0);
    assert_true(count > 4);
    /* A crash between the renaming and the first line of the new file. */
    assert_int_equal(unlink(paths[count - 1]), 0);
    struct gw_audit_report before;
    assert_true(verify("", "", &before));
    audit = open_with("", 2000);
    assert_int_equal(gw_audit_get_seq(audit), before.last_seq);
    write_some(audit, 1);
    gw_audit_close(audit);
    assert_true(verify("", "", &report));
    assert_int_equal(report.lines, before.lines + 2);
    /* A file in the middle is gone. */
    assert_int_equal(unlink(paths[1]), 0);
    assert_false(verify("", "", &report));
    assert_int_equal(report.line, 1);
    /* The oldest may have been put away. */
    assert_int_equal(unlink(paths[0]), 0);
    assert_true(verify("", "", &report));
    assert_true(report.first_seq > 1);
    gw_audit_file_list_free(paths, count);
}

/* Copies line `number` (from 1) of text to out, with its end; returns its place. */
static char *line_of(char *text, unsigned number)
{
    while (--number > 0)
        text = strchr(text, '\n') + 1;
    return text;
}

static void each_way_of_changing_it_is_found(void **state)
{
    static char text[8192], other[8192];
    struct gw_audit_report report;

    (void)state;
    struct gw_audit *audit = open_with("", 1 << 20);
    write_some(audit, 3);
    gw_audit_close(audit);
    size_t len = read_file(text, sizeof(text));
    char *third = line_of(text, 3), *fourth = line_of(text, 4), *fifth = line_of(text, 5);

    /* A byte anywhere; in the last line, a broken end counts as torn only without its line end. */
    for (size_t i = 0; i < len; i += 7) {
        memcpy(other, text, len);
        other[i] ^= 1;
        write_file(other, len);
        assert_false(verify("", "", &report));
    }
    /* Changed */
    memcpy(other, text, len);
    memcpy(strstr(other + (third - text), "uid 0"), "uid 1", 5);
    write_file(other, len);
    assert_false(verify("", "", &report));
    assert_int_equal(report.line, 3);
    assert_non_null(strstr(report.problem, "changed"));
    /* Removed */
    size_t head_len = (size_t)(third - text), cut = (size_t)(fourth - third);
    memcpy(other, text, head_len);
    memcpy(other + head_len, fourth, len - head_len - cut);
    write_file(other, len - cut);
    assert_false(verify("", "", &report));
    assert_int_equal(report.line, 3);
    assert_non_null(strstr(report.problem, "line 4 does not follow line 2"));
    /* Moved */
    size_t fourth_len = (size_t)(fifth - fourth);
    memcpy(other + head_len, fourth, fourth_len);
    memcpy(other + head_len + fourth_len, third, cut);
    memcpy(other + head_len + fourth_len + cut, fifth, len - (size_t)(fifth - text));
    write_file(other, len);
    assert_false(verify("", "", &report));
    assert_int_equal(report.line, 3);
    /* Removed from the front: the first of all is missing, the rest holds. */
    write_file(line_of(text, 2), len - (size_t)(line_of(text, 2) - text));
    assert_true(verify("", "", &report));
    assert_int_equal(report.first_seq, 2);
    /* Cut at the end: only the head tells. */
    write_file(text, (size_t)(fifth - text));
    assert_true(verify("", "", &report));
    assert_int_equal(report.last_seq, 4);
    char *hash = strstr(line_of(text, 6), "\"hash\":\"") + 8;
    hash[GW_AUDIT_HASH_LEN] = '\0';
    assert_false(verify("", hash, &report));
    assert_int_equal(report.line, 0);
}

static void with_a_key_a_new_chain_cannot_be_made(void **state)
{
    struct gw_audit_report report;

    (void)state;
    struct gw_audit *audit = open_with("secret", 1 << 20);
    write_some(audit, 2);
    gw_audit_close(audit);
    assert_true(verify("secret", "", &report));
    assert_false(verify("", "", &report));
    assert_false(verify("other", "", &report));
    assert_int_equal(report.line, 1);
    assert_null(open_with("other", 1 << 20));
}

static void torn_lines_are_healed(void **state)
{
    static char text[8192];
    struct gw_audit_report report;
    size_t last;

    (void)state;
    struct gw_audit *audit = open_with("", 1 << 20);
    write_some(audit, 2);
    gw_audit_close(audit);
    size_t len = read_file(text, sizeof(text));
    last = (size_t)(line_of(text, 4) - text);
    for (size_t cut = last + 1; cut <= len; cut += cut == len - 1 ? 1 : 53) {
        if (cut > len - 1)
            cut = len - 1; /* all but the line end */
        write_file(text, cut);
        assert_true(verify("", "", &report));
        assert_true(report.is_torn == (cut < len - 1));
        audit = open_with("", 1 << 20);
        assert_non_null(audit);
        write_some(audit, 1);
        gw_audit_close(audit);
        bool verified = verify("", "", &report);
        if (!verified)
            print_error("%zu: %llu: %s\n", cut, (unsigned long long)report.line, report.problem);
        assert_true(verified);
        assert_int_equal(report.recovered, cut < len - 1);
        assert_int_equal(report.unfinished, cut < len - 1);
        if (cut == len - 1)
            break;
    }
    /* The first line of all */
    write_file(text, 20);
    audit = open_with("", 1 << 20);
    assert_non_null(audit);
    gw_audit_close(audit);
    assert_true(verify("", "", &report));
    assert_int_equal(report.recovered, 1);
    /* A loss of power may leave zeros, and then the rest of the line. */
    memset(text + last + 5, 0, 40);
    write_file(text, len);
    audit = open_with("", 1 << 20);
    assert_non_null(audit);
    gw_audit_close(audit);
    assert_true(verify("", "", &report));
    assert_int_equal(report.recovered, 1);
    /* A last line that was changed is not torn. */
    memset(text + last + 5, '1', 40);
    write_file(text, len);
    assert_null(open_with("", 1 << 20));
    /* What was never an audit is not continued. */
    write_file("a\nb\n", 4);
    assert_null(open_with("", 1 << 20));
}

static void a_full_disk_refuses_and_leaves_nothing(void **state)
{
    struct rlimit old, small;
    struct gw_audit_report report;
    struct stat status;

    (void)state;
    struct gw_audit *audit = open_with("", 1 << 20);
    write_some(audit, 1);
    assert_int_equal(stat(path, &status), 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = (rlim_t)status.st_size + 100; /* within the next line */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(gw_audit_write(audit, "reload", GW_STR("me"), GW_STR(""), "begun", 0, NULL),
                     -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(gw_audit_get_seq(audit), 2);
    assert_true(verify("", "", &report));
    assert_false(report.is_torn);
    assert_int_equal(report.lines, 2);
    write_some(audit, 1);
    gw_audit_close(audit);
    assert_true(verify("", "", &report));
    assert_int_equal(report.lines, 4);
}

static void refused_attempts_are_bounded(void **state)
{
    static char text[65536];
    struct gw_audit_report report;

    (void)state;
    struct gw_audit *audit = open_with("", 1 << 20);
    for (unsigned i = 0; i < 1000; i++)
        gw_audit_refused(audit, GW_STR("address 10.0.0.1"), GW_STR("GET /config: 401"), 1000);
    assert_int_equal(gw_audit_get_seq(audit), 20);
    gw_audit_refused(audit, GW_STR("address 10.0.0.1"), GW_STR("GET /config: 401"),
                     5 * GW_NS_PER_SECOND);
    gw_audit_close(audit);
    assert_true(verify("", "", &report));
    read_file(text, sizeof(text));
    assert_non_null(strstr(text, "(980 more before this were not written)"));
}

/* kill -9 at any moment: what was confirmed is there, and the file can be continued. */
static void kill_in_the_middle_of_writing(void **state)
{
    struct gw_audit_report report;

    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            struct gw_audit *audit = open_with("", 1 << 14);
            for (uint64_t seq; audit != NULL;) {
                if (gw_audit_write(audit, "key.create", GW_STR("me"), GW_STR("x"), "done", 0,
                                   &seq) != 0 ||
                    write(ends[1], &seq, sizeof(seq)) != sizeof(seq))
                    break;
            }
            _exit(1);
        }
        close(ends[1]);
        uint64_t seq = 0, next;
        for (unsigned i = 0; i < 5 + round && read(ends[0], &next, sizeof(next)) > 0; i++)
            seq = next;
        kill(child, SIGKILL);
        while (read(ends[0], &next, sizeof(next)) == (ssize_t)sizeof(next))
            seq = next;
        close(ends[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_true(verify("", "", &report));
        assert_true(report.last_seq >= seq);
        assert_true(seq > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_chained_over_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_process_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_renamed_and_the_chain_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(each_way_of_changing_it_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(with_a_key_a_new_chain_cannot_be_made, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_lines_are_healed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_attempts_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(kill_in_the_middle_of_writing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
