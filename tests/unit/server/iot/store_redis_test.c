/* The store against a real Redis: epochs, the journal, checkpoints, and answers that are lost. */
#include "server/iot/store_redis.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/record.h"
#include "tests/unit/support/redis_rig.h"
#include "tests/unit/support/store_cases.h"

static struct redis_rig rig;
static struct gw_record_writer *writer;
static struct gw_iot_store *store;

static void test_a_redis_that_is_away_is_told(void **state)
{
    struct store_outcome outcome;
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);

    redis_server_kill(&rig.server);
    int rc = store_cases_append(&outcome, epoch, 1, "x");
    assert_true(rc != 0 && rc != -ESTALE);
}

static int64_t ask_integer(const char *command)
{
    struct redis_outcome outcome = {0};

    redis_rig_ask(&rig, command, &outcome);
    assert_int_equal(outcome.type, GW_REPLY_INTEGER);
    return outcome.integer;
}

static void test_a_journal_is_trimmed_by_what_comes_after(void **state)
{
    struct store_outcome outcome, last;
    static char entry[5000]; /* each fills a node of the stream */
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);

    memset(entry, 'e', sizeof(entry) - 1);
    for (uint64_t i = 1; i <= 150; i++)
        assert_int_equal(store_cases_append(&last, epoch, i, entry), 0);
    assert_int_equal(store_cases_checkpoint(&outcome, epoch, last.appended_at, "state"), 0);
    for (uint64_t i = 151; i <= 160; i++)
        assert_int_equal(store_cases_append(&outcome, epoch, i, entry), 0);
    assert_int_equal(ask_integer("XLEN millgate:iot:{plant}/line-1}:journal"), 11);
}

/* Of small entries a hundred share a node of the stream, which goes as a whole. */
static void test_of_small_entries_less_than_a_node_stays(void **state)
{
    struct store_outcome outcome, last;
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);

    for (uint64_t i = 1; i <= 250; i++)
        assert_int_equal(store_cases_append(&last, epoch, i, "small"), 0);
    assert_int_equal(store_cases_checkpoint(&outcome, epoch, last.appended_at, "state"), 0);
    for (uint64_t i = 251; i <= 253; i++)
        assert_int_equal(store_cases_append(&outcome, epoch, i, "small"), 0);
    assert_in_range(ask_integer("XLEN millgate:iot:{plant}/line-1}:journal"), 4, 103);
}

static int set_up(void **state)
{
    const struct gw_redis_config config = {0};
    (void)state;

    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    const struct gw_record_writer_config writing = {.redis = rig.redis};
    writer = gw_record_writer_create(&writing);
    const struct gw_iot_redis_config storing = {rig.redis, writer, NULL, GW_STR("one")};
    store = gw_iot_redis_create(&storing);
    store_cases_store = store;
    store_cases_loop = rig.loop;
    return store == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    store->ops->destroy(store);
    gw_record_writer_destroy(writer);
    redis_rig_stop(&rig);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(store_the_journal_is_read_behind_the_checkpoint),
        TEST(store_an_old_owner_changes_nothing),
        TEST(store_an_append_that_is_tried_again_stands_once),
        TEST(store_a_long_journal_is_read_in_parts),
        TEST(store_a_large_checkpoint_replaces_the_last_as_a_whole),
        TEST(store_what_is_cancelled_is_not_told),
        TEST(test_a_journal_is_trimmed_by_what_comes_after),
        TEST(test_of_small_entries_less_than_a_node_stays),
        TEST(test_a_redis_that_is_away_is_told),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
