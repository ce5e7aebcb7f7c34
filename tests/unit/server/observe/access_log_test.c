/* The access log's lines, and its writer: nothing handed over is lost, nothing hangs. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/core/clock.h"
#include "server/http/exchange.h"
#include "server/observe/access_line.h"
#include "server/observe/access_log.h"

static char folder[] = "/tmp/millgate-log-XXXXXX";
static char path[64], moved[64];

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/log", folder);
    snprintf(moved, sizeof(moved), "%s/log.1", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(moved);
    return rmdir(folder);
}

static struct gw_exchange sample(void)
{
    return (struct gw_exchange){
        .now_ns = 1000000000,
        .wall_ns = UINT64_C(1767225600123456789),
        .state = GW_EXCHANGE_RESPONDING,
        .request = {.method_name = GW_STR("GET"), .path = GW_STR("/a"), .peer = GW_STR("::1")},
        .response = {.status = 200},
    };
}

static json_t *line_of(const struct gw_exchange *ex, uint64_t end_ns)
{
    struct gw_access_clock clock = {0};
    struct gw_buf line;

    gw_buf_init(&line, 1 << 20);
    gw_access_line_append(&line, &clock, ex, end_ns);
    assert_false(line.has_failed);
    assert_int_equal(line.ptr[line.len - 1], '\n');
    assert_null(memchr(line.ptr, '\n', line.len - 1));
    json_t *read = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, NULL);
    assert_non_null(read);
    gw_buf_finish(&line);
    return read;
}

static void a_line_says_what_happened(void **state)
{
    (void)state;
    struct gw_exchange ex = sample();

    ex.record.upstream_status = 502;
    ex.record.upstream_start_ns = 1001000000;
    ex.record.upstream_head_ns = 1003500000;
    ex.record.problem = "bad-gateway";
    json_t *line = line_of(&ex, 1012345678);
    assert_string_equal(json_string_value(json_object_get(line, "time")),
                        "2026-01-01T00:00:00.123Z");
    assert_int_equal(json_integer_value(json_object_get(line, "status")), 200);
    assert_true(json_real_value(json_object_get(line, "duration_ms")) > 12.344);
    assert_true(json_real_value(json_object_get(line, "duration_ms")) < 12.346);
    assert_true(json_real_value(json_object_get(line, "upstream_ms")) == 2.5);
    assert_string_equal(json_string_value(json_object_get(line, "problem")), "bad-gateway");
    assert_null(json_object_get(line, "aborted"));
    json_decref(line);
    ex.state = GW_EXCHANGE_GONE;
    line = line_of(&ex, 1012345678);
    assert_true(json_is_true(json_object_get(line, "aborted")));
    json_decref(line);
}

static void hostile_bytes_stay_json(void **state)
{
    (void)state;
    srand(3);
    for (int round = 0; round < 2000; round++) {
        struct gw_exchange ex = sample();
        char bytes[64];
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(rand() >> 5);
        struct gw_str text = gw_str_from(bytes, (size_t)(rand() % 64));
        ex.request.method_name = ex.request.path = ex.request.peer = text;
        ex.identity.consumer = ex.record.detail = ex.record.route = text;
        json_decref(line_of(&ex, ex.now_ns + (uint64_t)round));
    }
}

static size_t count_lines(const char *file)
{
    FILE *in = fopen(file, "r");
    char line[4096];
    size_t count = 0;

    assert_non_null(in);
    while (fgets(line, sizeof(line), in) != NULL) {
        json_t *read = json_loads(line, 0, NULL);
        assert_non_null(read);
        json_decref(read);
        count++;
    }
    fclose(in);
    return count;
}

static struct gw_access_log *open_log(const char *at, size_t shards)
{
    struct gw_access_log *log = NULL;
    struct gw_error error;

    assert_int_equal(gw_access_log_create(at, shards, &log, &error), 0);
    return log;
}

static void destroy_writes_all(void **state)
{
    (void)state;
    struct gw_exchange ex = sample();

    for (int round = 0; round < 20; round++) {
        struct gw_access_log *log = open_log(path, 3);
        for (int i = 0; i < 900; i++) {
            struct gw_access_log_shard *shard = gw_access_log_get_shard(log, (size_t)i % 3);
            gw_access_log_write(shard, &ex, ex.now_ns);
            if (i % 200 < 3) /* the writer may be behind when the log is destroyed */
                gw_access_log_flush(shard, UINT64_MAX);
        }
        gw_access_log_destroy(log);
        assert_int_equal(count_lines(path), 900);
        assert_int_equal(unlink(path), 0);
    }
}

static void flush_keeps_young_lines(void **state)
{
    (void)state;
    struct gw_exchange ex = sample();
    struct gw_access_log *log = open_log(path, 1);
    struct gw_access_log_shard *shard = gw_access_log_get_shard(log, 0);

    gw_access_log_flush(shard, UINT64_MAX); /* nothing yet */
    gw_access_log_flush(NULL, 0);
    gw_access_log_write(NULL, &ex, 0);
    gw_access_log_write(shard, &ex, ex.now_ns);
    gw_access_log_flush(shard, ex.now_ns + 99 * GW_NS_PER_MS);
    usleep(20000);
    assert_int_equal(count_lines(path), 0);
    gw_access_log_flush(shard, ex.now_ns + 100 * GW_NS_PER_MS);
    for (int i = 0; i < 500 && count_lines(path) == 0; i++)
        usleep(10000);
    assert_int_equal(count_lines(path), 1);
    gw_access_log_destroy(log);
    assert_int_equal(unlink(path), 0);
}

struct producer {
    struct gw_access_log *log;
    size_t shard;
};

#define PRODUCED 20000

static void *produce(void *self)
{
    const struct producer *producer = self;
    struct gw_access_log_shard *shard = gw_access_log_get_shard(producer->log, producer->shard);
    struct gw_exchange ex = sample();

    for (uint64_t i = 0; i < PRODUCED; i++) {
        gw_access_log_write(shard, &ex, ex.now_ns + i);
        gw_access_log_flush(shard, ex.now_ns + i * GW_NS_PER_MS);
    }
    return NULL;
}

static void reopening_loses_nothing(void **state)
{
    (void)state;
    struct gw_access_log *log = open_log(path, 2);
    struct producer producers[2] = {{log, 0}, {log, 1}};
    pthread_t threads[2];
    struct gw_error error;

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    usleep(5000);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(gw_access_log_reopen(log, &error), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    uint64_t dropped = gw_access_log_dropped(log);
    gw_access_log_destroy(log);
    assert_int_equal(count_lines(path) + count_lines(moved) + dropped, 2 * PRODUCED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(moved), 0);
}

/* A pipe in blocking mode that nobody reads: lines are dropped and counted, and the end comes. */
static void a_stuck_reader_holds_up_nobody(void **state)
{
    (void)state;
    struct gw_exchange ex = sample();
    int ends[2];
    char name[64];
    static char page[4096];

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    while (write(ends[1], page, sizeof(page)) > 0)
        continue; /* full */
    snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[1]);
    struct gw_access_log *log = open_log(name, 1);
    struct gw_access_log_shard *shard = gw_access_log_get_shard(log, 0);
    for (int i = 0; i < 20000; i++) {
        gw_access_log_write(shard, &ex, ex.now_ns);
        gw_access_log_flush(shard, UINT64_MAX);
    }
    assert_true(gw_access_log_dropped(log) > 1000); /* beyond the bound */
    gw_access_log_destroy(log);
    close(ends[0]);
    close(ends[1]);
}

static void a_bad_path_is_told(void **state)
{
    (void)state;
    struct gw_access_log *log = NULL;
    struct gw_error error = {0};

    assert_int_equal(gw_access_log_create("/no/such/folder/log", 1, &log, &error), -ENOENT);
    assert_null(log);
    assert_non_null(strstr(error.text, "/no/such/folder/log"));
    gw_access_log_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_what_happened),
        cmocka_unit_test(hostile_bytes_stay_json),
        cmocka_unit_test(destroy_writes_all),
        cmocka_unit_test(flush_keeps_young_lines),
        cmocka_unit_test(reopening_loses_nothing),
        cmocka_unit_test(a_stuck_reader_holds_up_nobody),
        cmocka_unit_test(a_bad_path_is_told),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
