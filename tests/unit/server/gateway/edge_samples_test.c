/* Samples that an edge keeps, in a real file: bounded, in order, there again after a restart. */
#include "server/gateway/edge_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/gateway/edge_config.h"
#include "server/iot/registry.h"
#include "server/iot/sample_json.h"
#include "tests/unit/support/database_rig.h"
#include "tests/unit/support/signal_rig.h"

static const char registry_text[] =
    "types:\n"
    "  counter: {metrics: {good: {source: G}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: counter, equipment: A, plant: p}\n"
    "  - {group: g, edge_node: m, device: b, type: counter, equipment: B, plant: p}\n";
static const char document[] = "signal: w\ndevices: [counter]\ninputs: {good: {}}\n"
                               "window: {count: 1}\nvalues: {n: {last: good}}\n"
                               "event: {type: t.w.v1}\n";
static const char *const schemas[] = {gw_edge_samples_schema, NULL};

static struct database_rig rig;
static struct signal_rig *documents;
static struct gw_edge_config config; /* without a centre: they wait */
static struct gw_edge_samples *samples;

static void begin(void)
{
    const struct gw_edge_samples_setup setup = {
        .loop = rig.loop, .database = rig.database, .config = &config};
    struct gw_error error = {.text = ""};

    if (gw_edge_samples_create(&setup, &samples, &error) != 0)
        fail_msg("%s", error.text);
}

static int set_up(void **state)
{
    const char *const texts[] = {document, NULL};
    (void)state;

    documents = test_calloc(1, sizeof(*documents));
    signal_rig_open(documents, registry_text, texts);
    config = (struct gw_edge_config){.keeps_samples = true, .max_sample_bytes = 1 << 20};
    config.documents.registry = documents->registry;
    database_rig_init(&rig, schemas);
    begin();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_edge_samples_destroy(samples);
    database_rig_finish(&rig);
    signal_rig_close(documents);
    test_free(documents);
    return 0;
}

static void take(const char *device, unsigned count)
{
    const struct gw_device_config *of = gw_registry_find_id(documents->registry, gw_str_of(device));
    const struct gw_edge_node_config *node = gw_registry_node(documents->registry, of->node);

    for (unsigned i = 0; i < count; i++) {
        const struct gw_sample sample = {.series = of->series_at,
                                         .type = GW_SAMPLE_INTEGER,
                                         .time_ms = 1763886600000 + i,
                                         .integer = i};
        gw_edge_samples_take(samples, node, &sample, 1);
    }
}

static struct gw_edge_samples_stats stats_of(void)
{
    struct gw_edge_samples_stats stats;

    gw_edge_samples_get_stats(samples, &stats);
    return stats;
}

static void await_kept(uint64_t kept)
{
    for (unsigned i = 0; i < 1000 && stats_of().kept < kept; i++)
        gw_loop_turn(rig.loop, 10);
    assert_int_equal(stats_of().kept, kept);
}

static int64_t column; /* of the job */
static const char *sql;

static int run_number(struct gw_database_job *job, struct gw_database *database)
{
    (void)job;
    return gw_database_number(database, sql, NULL, 0, &column);
}

static int64_t number(const char *statement)
{
    struct gw_database_job job = {.run = run_number};

    sql = statement;
    column = 0;
    assert_int_equal(gw_database_run_now(rig.database, &job), 0);
    return column;
}

static void test_they_are_kept_with_their_turn(void **state)
{
    (void)state;

    take("g/n/a", 3);
    take("g/m/b", 2);
    await_kept(5);
    assert_int_equal(number("SELECT count(*) FROM edge_sample"), 2); /* a row for each node */
    assert_int_equal(number("SELECT count FROM edge_sample WHERE node = 'g/n'"), 3);
    assert_int_equal(
        number("SELECT CAST(samples AS TEXT) = '[[\"b\",\"good\",1763886600000,0,\"good\",false],"
               "[\"b\",\"good\",1763886600001,1,\"good\",false]]' FROM edge_sample "
               "WHERE node = 'g/m'"),
        1);
    assert_int_equal(stats_of().waiting, 5);
}

static void test_they_outlive_the_process_and_the_last_turn(void **state)
{
    (void)state;

    take("g/n/a", 4);
    gw_edge_samples_destroy(samples); /* what no turn has ended is written */
    database_rig_reopen(&rig, schemas);
    begin();
    assert_int_equal(stats_of().waiting, 4);
    assert_int_equal(stats_of().kept, 4);
    assert_true(stats_of().bytes > 0);
}

static void test_the_oldest_go_beyond_the_bound(void **state)
{
    (void)state;

    config.max_sample_bytes = 4000;
    for (unsigned i = 1; i <= 40; i++) {
        take("g/n/a", 10);
        await_kept(10 * (uint64_t)i);
        assert_true(stats_of().bytes <= 4000);
    }
    assert_int_equal(stats_of().dropped + stats_of().waiting, 400);
    assert_true(stats_of().dropped > 0 && stats_of().waiting >= 50);
    assert_int_equal(number("SELECT sum(length(samples)) FROM edge_sample"), stats_of().bytes);
    assert_int_equal(number("SELECT sum(count) FROM edge_sample"), stats_of().waiting);
    assert_int_equal(number("SELECT max(position) FROM edge_sample"), 40);
}

/* So much in one turn that it alone is beyond the bound. */
static void test_one_turn_does_not_break_the_bound(void **state)
{
    (void)state;

    config.max_sample_bytes = 64 << 10;
    take("g/n/a", 5000);
    await_kept(5000);
    assert_true(stats_of().bytes <= 64 << 10);
    assert_true(stats_of().waiting >= 500);
    assert_int_equal(stats_of().dropped + stats_of().waiting, 5000);
}

/* The centre could read none of its list. */
static void test_a_text_that_nobody_could_read_is_not_kept(void **state)
{
    static char text[GW_SAMPLES_MAX_TEXT + 1];
    const struct gw_device_config *of = gw_registry_find_id(documents->registry, GW_STR("g/n/a"));
    struct gw_sample sample = {.series = of->series_at, .type = GW_SAMPLE_TEXT, .time_ms = 1};
    (void)state;

    memset(text, 'x', sizeof(text));
    sample.text = gw_str_from(text, sizeof(text));
    gw_edge_samples_take(samples, gw_registry_node(documents->registry, of->node), &sample, 1);
    sample.text.len--;
    gw_edge_samples_take(samples, gw_registry_node(documents->registry, of->node), &sample, 1);
    await_kept(1);
    assert_true(stats_of().bytes > GW_SAMPLES_MAX_TEXT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_they_are_kept_with_their_turn),
        TEST(test_they_outlive_the_process_and_the_last_turn),
        TEST(test_the_oldest_go_beyond_the_bound),
        TEST(test_one_turn_does_not_break_the_bound),
        TEST(test_a_text_that_nobody_could_read_is_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
