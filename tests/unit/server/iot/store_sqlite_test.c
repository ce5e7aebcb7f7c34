/* The store in a real file: what every store does, restarts, and a journal that is full. */
#include "server/iot/store_sqlite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/event/spool.h"
#include "tests/unit/support/database_rig.h"
#include "tests/unit/support/store_cases.h"

static const char *const schemas[] = {gw_spool_schema, gw_iot_sqlite_schema, NULL};
static struct database_rig rig;
static struct gw_spool *spool;

static void begin(void)
{
    const struct gw_spool_config config = {
        .database = rig.database, .max_bytes = 1 << 20, .max_events = 10};
    struct gw_error error;

    assert_int_equal(gw_spool_create(&config, &spool, &error), 0);
    const struct gw_iot_sqlite_config store = {
        .database = rig.database, .spool = spool, .max_journal_bytes = 1000};
    store_cases_store = gw_iot_sqlite_create(&store);
    assert_non_null(store_cases_store);
    store_cases_loop = rig.loop;
}

static int set_up(void **state)
{
    (void)state;
    database_rig_init(&rig, schemas);
    begin();
    return 0;
}

static void end(void)
{
    store_cases_store->ops->destroy(store_cases_store);
    gw_spool_destroy(spool);
}

static int tear_down(void **state)
{
    (void)state;
    end();
    database_rig_finish(&rig);
    return 0;
}

static void it_goes_on_after_a_restart(void **state)
{
    struct store_outcome outcome;
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);

    assert_int_equal(store_cases_append(&outcome, epoch, 1, "one"), 0);
    end();
    database_rig_reopen(&rig, schemas);
    begin();
    assert_true(store_cases_claim(&outcome) > epoch);
    store_cases_read(&outcome, "");
    assert_string_equal(outcome.entries, "one ");
}

static unsigned events;
static int event_rc;

static void on_event(struct gw_event_append *append, int rc, struct gw_str place, bool is_repeated)
{
    (void)append, (void)place;
    events++;
    event_rc = rc;
    assert_false(is_repeated);
}

static void events_go_to_the_spool(void **state)
{
    const struct gw_event event = {
        .id = GW_STR("1"), .source = GW_STR("/a"), .type = GW_STR("test.v1"), .data = GW_STR("1")};
    struct gw_event_append append = {.event = &event, .done = on_event};
    struct gw_spool_state now;
    (void)state;

    assert_int_equal(store_cases_store->ops->emit(store_cases_store, &append), 0);
    database_rig_await(&rig, &events, 1);
    assert_int_equal(event_rc, 0);
    gw_spool_get_state(spool, &now);
    assert_int_equal(now.events, 1);
    const struct gw_event other = {
        .id = GW_STR("2"), .source = GW_STR("/a"), .type = GW_STR("test.v1"), .data = GW_STR("1")};
    append.event = &other;
    assert_int_equal(store_cases_store->ops->emit(store_cases_store, &append), 0);
    store_cases_store->ops->cancel_emit(store_cases_store, &append);
    for (unsigned i = 0; i < 10; i++)
        gw_loop_turn(rig.loop, 10);
    assert_int_equal(events, 1);
}

static void a_journal_that_is_full_takes_no_more_until_a_checkpoint(void **state)
{
    static char long_text[901];
    struct store_outcome outcome, appended;
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);

    for (size_t i = 0; i < sizeof(long_text) - 1; i++)
        long_text[i] = 'x';
    assert_int_equal(store_cases_append(&appended, epoch, 1, long_text), 0);
    assert_int_equal(store_cases_append(&outcome, epoch, 2, long_text), -ENOSPC);
    struct gw_store_call *call = &outcome.call;
    unsigned before = outcome.ends;
    *call = (struct gw_store_call){.node = call->node,
                                   .epoch = epoch,
                                   .position = gw_str_of(appended.appended_at),
                                   .bytes = GW_STR("state"),
                                   .done = call->done,
                                   .owner = call->owner};
    assert_int_equal(store_cases_store->ops->checkpoint(store_cases_store, call), 0);
    database_rig_await(&rig, &outcome.ends, before + 1);
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(store_cases_append(&outcome, epoch, 2, long_text), 0);
}

static void a_checkpoint_takes_with_it_what_is_behind(void **state)
{
    struct store_outcome outcome, second;
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);

    assert_int_equal(store_cases_append(&outcome, epoch, 1, "one"), 0);
    assert_int_equal(store_cases_append(&second, epoch, 2, "two"), 0);
    assert_int_equal(store_cases_checkpoint(&outcome, epoch, second.appended_at, "state"), 0);
    assert_int_equal(store_cases_append(&outcome, epoch, 3, "three"), 0);
    store_cases_read(&outcome, "");
    assert_string_equal(outcome.entries, "three ");
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
        TEST(it_goes_on_after_a_restart),
        TEST(events_go_to_the_spool),
        TEST(a_checkpoint_takes_with_it_what_is_behind),
        TEST(a_journal_that_is_full_takes_no_more_until_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
