/* Labelled descriptions: one for each, the same wherever it is asked for, and not without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/observe/metric_labels.h"
#include "server/observe/metrics.h"

static const struct gw_metric base = {"x_total", "Something.", NULL, false};
static const struct gw_metric other = {"y", "Something else.", NULL, true};

static void test_the_same_for_the_same(void **state)
{
    struct gw_metric_labels *labels = gw_metric_labels_create();
    char text[] = "issuer=\"a\"";

    (void)state;
    assert_non_null(labels);
    const struct gw_metric *a = gw_metric_labels_get(labels, &base, text);
    assert_non_null(a);
    assert_string_equal(a->name, "x_total");
    assert_string_equal(a->labels, "issuer=\"a\"");
    assert_ptr_equal(gw_metric_labels_get(labels, &base, "issuer=\"a\""), a);
    assert_ptr_not_equal(gw_metric_labels_get(labels, &base, "issuer=\"b\""), a);
    assert_ptr_not_equal(gw_metric_labels_get(labels, &other, "issuer=\"a\""), a);
    memset(text, 'z', sizeof(text) - 1);
    assert_string_equal(a->labels, "issuer=\"a\"");
    gw_metric_labels_destroy(labels);
    gw_metric_labels_destroy(NULL);
}

static void test_bounded(void **state)
{
    struct gw_metric_labels *labels = gw_metric_labels_create();
    char text[32];

    (void)state;
    for (int i = 0; i < GW_METRIC_LABELS_MAX; i++) {
        snprintf(text, sizeof(text), "n=\"%d\"", i);
        assert_non_null(gw_metric_labels_get(labels, &base, text));
    }
    assert_null(gw_metric_labels_get(labels, &base, "n=\"more\""));
    assert_non_null(gw_metric_labels_get(labels, &base, "n=\"0\""));
    gw_metric_labels_destroy(labels);
}

static void test_counted_over_shards(void **state)
{
    struct gw_metrics *metrics = gw_metrics_create(2);
    struct gw_buf text;

    (void)state;
    assert_non_null(metrics);
    for (size_t i = 0; i < 2; i++) {
        struct gw_metrics_shard *shard = gw_metrics_get_shard(metrics, i);
        gw_metrics_add(shard, gw_metrics_labelled(shard, &base, "issuer=\"a\""), i + 1);
        gw_metrics_add(shard, NULL, 1);
    }
    assert_null(gw_metrics_labelled(NULL, &base, "issuer=\"a\""));
    gw_buf_init(&text, 65536);
    gw_metrics_print(metrics, &text);
    gw_buf_append_byte(&text, '\0');
    assert_non_null(strstr(text.ptr, "\nx_total{issuer=\"a\"} 3\n"));
    gw_buf_finish(&text);
    gw_metrics_destroy(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_for_the_same),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_counted_over_shards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
