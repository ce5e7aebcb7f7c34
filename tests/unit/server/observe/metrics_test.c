#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/observe/metrics.h"

static const struct gw_metric hits = {
    .name = "t_hits_total", .help = "Hits.", .labels = "kind=\"a\""};
static const struct gw_metric misses = {"t_hits_total", "Hits.", "kind=\"b\"", false};
static const struct gw_metric level = {"t_level", "A level.", NULL, true};

static struct gw_buf text;

static const char *print(const struct gw_metrics *metrics)
{
    gw_buf_finish(&text);
    gw_buf_init(&text, 64 << 20);
    gw_metrics_print(metrics, &text);
    gw_buf_append_byte(&text, '\0');
    assert_false(text.has_failed);
    return text.ptr;
}

static void assert_line(const char *line)
{
    char whole[600];

    snprintf(whole, sizeof(whole), "%s\n", line);
    const char *at = strstr(text.ptr, whole);
    if (at == NULL)
        print_error("no \"%s\" in:\n%s", line, text.ptr);
    assert_non_null(at);
    assert_true(at == text.ptr || at[-1] == '\n');
    assert_null(strstr(at + 1, whole));
}

static void shards_are_added_up(void **state)
{
    (void)state;
    struct gw_metrics *metrics = gw_metrics_create(3);

    for (size_t i = 0; i < 3; i++) {
        gw_metrics_add(gw_metrics_get_shard(metrics, i), &hits, i + 1);
        gw_metrics_set(gw_metrics_get_shard(metrics, i), &level, 10);
    }
    gw_metrics_add(gw_metrics_get_shard(metrics, 1), &misses, 5);
    gw_metrics_add(NULL, &misses, 5);
    print(metrics);
    assert_line("# HELP t_hits_total Hits.");
    assert_line("# TYPE t_hits_total counter");
    assert_line("t_hits_total{kind=\"a\"} 6");
    assert_line("t_hits_total{kind=\"b\"} 5");
    assert_line("# TYPE t_level gauge");
    assert_line("t_level 30");
    gw_metrics_destroy(metrics);
}

static void routes_are_counted(void **state)
{
    (void)state;
    struct gw_metrics *metrics = gw_metrics_create(2);
    size_t route = gw_metrics_route(metrics, "GET", GW_STR("/a/{\"id\"}\\"));

    assert_int_not_equal(route, 0);
    assert_int_equal(gw_metrics_route(metrics, "GET", GW_STR("/a/{\"id\"}\\")), route);
    assert_int_not_equal(gw_metrics_route(metrics, "PUT", GW_STR("/a/{\"id\"}\\")), route);
    gw_metrics_exchange(gw_metrics_get_shard(metrics, 0), route, 200, 1000000);
    gw_metrics_exchange(gw_metrics_get_shard(metrics, 1), route, 204, 1000001000);
    gw_metrics_exchange(gw_metrics_get_shard(metrics, 1), route, 0, 99000000000);
    gw_metrics_exchange(gw_metrics_get_shard(metrics, 1), 0, 404, 0);
    gw_metrics_exchange(NULL, 0, 404, 0);
    print(metrics);
#define LABELS "method=\"GET\",route=\"/a/{\\\"id\\\"}\\\\\""
    assert_line("millgate_requests_total{" LABELS ",status=\"2xx\"} 2");
    assert_line("millgate_requests_total{" LABELS ",status=\"aborted\"} 1");
    assert_line("millgate_requests_total{method=\"\",route=\"other\",status=\"4xx\"} 1");
    assert_line("millgate_request_duration_seconds_bucket{" LABELS ",le=\"0.001\"} 1");
    assert_line("millgate_request_duration_seconds_bucket{" LABELS ",le=\"1\"} 1");
    assert_line("millgate_request_duration_seconds_bucket{" LABELS ",le=\"2.5\"} 2");
    assert_line("millgate_request_duration_seconds_bucket{" LABELS ",le=\"+Inf\"} 3");
    assert_line("millgate_request_duration_seconds_count{" LABELS "} 3");
    assert_line("millgate_request_duration_seconds_sum{" LABELS "} 100.001001");
    gw_metrics_destroy(metrics);
}

static void routes_are_bounded(void **state)
{
    (void)state;
    struct gw_metrics *metrics = gw_metrics_create(1);
    char name[32];

    for (size_t i = 1; i < GW_METRICS_MAX_ROUTES; i++) {
        snprintf(name, sizeof(name), "/r/%zu", i);
        assert_int_equal(gw_metrics_route(metrics, "GET", gw_str_of(name)), i);
    }
    assert_int_equal(gw_metrics_route(metrics, "GET", GW_STR("/one/more")), 0);
    assert_int_equal(gw_metrics_route(metrics, "GET", GW_STR("/r/7")), 7);
    gw_metrics_exchange(gw_metrics_get_shard(metrics, 0), GW_METRICS_MAX_ROUTES - 1, 200, 1);
    print(metrics);
    assert_line("millgate_requests_total{method=\"GET\",route=\"/r/16383\",status=\"2xx\"} 1");
    static char longest[8192];
    memset(longest, 'x', sizeof(longest) - 1);
    assert_int_equal(gw_metrics_route(metrics, "GET", gw_str_of(longest)), 0);
    gw_metrics_destroy(metrics);
}

static void descriptions_beyond_the_table_are_not_counted(void **state)
{
    (void)state;
    static struct gw_metric many[17000];
    static char names[17000][16];
    struct gw_metrics *metrics = gw_metrics_create(1);

    for (size_t i = 0; i < 17000; i++) {
        snprintf(names[i], sizeof(names[i]), "t_%zu", i);
        many[i] = (struct gw_metric){.name = names[i], .help = "x"};
        gw_metrics_add(gw_metrics_get_shard(metrics, 0), &many[i], 1);
    }
    print(metrics);
    assert_line("t_0 1");
    assert_null(strstr(text.ptr, "t_16999 1\n"));
    gw_metrics_destroy(metrics);
    gw_metrics_destroy(NULL);
}

/* Workers count while another thread reads and adds routes. */

#define COUNTED 200000

static void *count(void *shard)
{
    for (int i = 0; i < COUNTED; i++) {
        gw_metrics_add(shard, &hits, 1);
        gw_metrics_exchange(shard, (size_t)i % 200, 200, 1);
    }
    return NULL;
}

static void reading_does_not_disturb(void **state)
{
    (void)state;
    struct gw_metrics *metrics = gw_metrics_create(2);
    pthread_t threads[2];
    char name[32];

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, gw_metrics_get_shard(metrics, i)),
                         0);
    for (int i = 1; i < 200; i++) {
        snprintf(name, sizeof(name), "/r/%d", i);
        assert_int_not_equal(gw_metrics_route(metrics, "GET", gw_str_of(name)), 0);
        if (i % 20 == 0)
            print(metrics);
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    print(metrics);
    assert_line("t_hits_total{kind=\"a\"} 400000");
    gw_metrics_destroy(metrics);
}

static int free_text(void **state)
{
    (void)state;
    gw_buf_finish(&text);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_added_up),
        cmocka_unit_test(routes_are_counted),
        cmocka_unit_test(routes_are_bounded),
        cmocka_unit_test(descriptions_beyond_the_table_are_not_counted),
        cmocka_unit_test(reading_does_not_disturb),
    };
    return cmocka_run_group_tests(tests, NULL, free_text);
}
