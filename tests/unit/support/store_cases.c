#include "tests/unit/support/store_cases.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/net/loop.h"

struct gw_iot_store *store_cases_store;
struct gw_loop *store_cases_loop;

static void keep(char *out, size_t size, struct gw_str text)
{
    snprintf(out, size, "%.*s", GW_STR_ARG(text));
}

static uint64_t sum_of(struct gw_str text)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < text.len; i++)
        sum = sum * 31 + (unsigned char)text.ptr[i];
    return sum;
}

static void on_done(struct gw_store_call *call, int rc)
{
    struct store_outcome *outcome = call->owner;
    size_t len = 0;

    outcome->ends++;
    outcome->rc = rc;
    keep(outcome->checkpoint, sizeof(outcome->checkpoint), call->checkpoint);
    keep(outcome->checkpoint_at, sizeof(outcome->checkpoint_at), call->checkpoint_at);
    keep(outcome->appended_at, sizeof(outcome->appended_at), call->appended_at);
    outcome->checkpoint_len = call->checkpoint.len;
    outcome->checkpoint_sum = sum_of(call->checkpoint);
    outcome->entry_count = call->entry_count;
    for (size_t i = 0; rc == 0 && i < call->entry_count; i++)
        len += (size_t)snprintf(outcome->entries + len, sizeof(outcome->entries) - len, "%.*s ",
                                GW_STR_ARG(call->entries[i].bytes));
}

typedef int store_fn(struct gw_iot_store *self, struct gw_store_call *call);

static void prepare(struct store_outcome *outcome, uint64_t epoch, const char *bytes)
{
    *outcome = (struct store_outcome){.call = {.node = GW_STR("plant}/line-1"),
                                               .epoch = epoch,
                                               .bytes = gw_str_of(bytes),
                                               .done = on_done}};
    outcome->call.owner = outcome;
}

static void await(const struct store_outcome *outcome)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (outcome->ends == 0) {
        gw_loop_turn(store_cases_loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    assert_int_equal(outcome->ends, 1);
}

static void run(store_fn *fn, struct store_outcome *outcome)
{
    assert_int_equal(fn(store_cases_store, &outcome->call), 0);
    assert_int_equal(outcome->ends, 0); /* from the loop, never at once */
    await(outcome);
}

uint64_t store_cases_claim(struct store_outcome *outcome)
{
    prepare(outcome, 0, "");
    run(store_cases_store->ops->claim, outcome);
    assert_int_equal(outcome->rc, 0);
    return outcome->call.new_epoch;
}

int store_cases_append(struct store_outcome *outcome, uint64_t epoch, uint64_t sequence,
                       const char *bytes)
{
    prepare(outcome, epoch, bytes);
    outcome->call.sequence = sequence;
    int rc = store_cases_store->ops->append(store_cases_store, &outcome->call);
    if (rc != 0)
        return rc;
    assert_int_equal(outcome->ends, 0); /* from the loop, never at once */
    await(outcome);
    return outcome->rc;
}

int store_cases_checkpoint(struct store_outcome *outcome, uint64_t epoch, const char *position,
                           const char *bytes)
{
    prepare(outcome, epoch, bytes);
    outcome->call.position = gw_str_of(position);
    run(store_cases_store->ops->checkpoint, outcome);
    return outcome->rc;
}

void store_cases_read(struct store_outcome *outcome, const char *position)
{
    prepare(outcome, 0, "");
    outcome->call.position = gw_str_of(position);
    run(store_cases_store->ops->read, outcome);
    assert_int_equal(outcome->rc, 0);
}

void store_the_journal_is_read_behind_the_checkpoint(void **state)
{
    struct store_outcome outcome, appended;
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);

    assert_string_equal(outcome.checkpoint, "");
    assert_int_equal(store_cases_append(&appended, epoch, 1, "one"), 0);
    assert_int_equal(store_cases_append(&appended, epoch, 2, "two"), 0);
    store_cases_read(&outcome, "");
    assert_string_equal(outcome.entries, "one two ");

    assert_int_equal(store_cases_checkpoint(&outcome, epoch, appended.appended_at, "state"), 0);
    assert_int_equal(store_cases_append(&outcome, epoch, 3, "three"), 0);

    assert_true(store_cases_claim(&outcome) > epoch);
    assert_string_equal(outcome.checkpoint, "state");
    assert_string_equal(outcome.checkpoint_at, appended.appended_at);
    store_cases_read(&outcome, appended.appended_at);
    assert_string_equal(outcome.entries, "three ");
}

void store_an_old_owner_changes_nothing(void **state)
{
    struct store_outcome outcome;
    (void)state;
    uint64_t old = store_cases_claim(&outcome);
    struct store_outcome appended;
    assert_int_equal(store_cases_append(&appended, old, 1, "mine"), 0);
    uint64_t epoch = store_cases_claim(&outcome);

    assert_int_equal(store_cases_append(&outcome, old, 2, "late"), -ESTALE);
    prepare(&outcome, old, "old state");
    outcome.call.position = gw_str_of(appended.appended_at);
    run(store_cases_store->ops->checkpoint, &outcome);
    assert_int_equal(outcome.rc, -ESTALE);
    prepare(&outcome, old, "");
    run(store_cases_store->ops->release, &outcome);
    assert_int_equal(outcome.rc, -ESTALE);

    store_cases_read(&outcome, "");
    assert_string_equal(outcome.entries, "mine ");
    prepare(&outcome, epoch, "");
    run(store_cases_store->ops->release, &outcome);
    assert_int_equal(outcome.rc, 0);
}

void store_an_append_that_is_tried_again_stands_once(void **state)
{
    struct store_outcome first, again;
    (void)state;
    uint64_t epoch = store_cases_claim(&first);

    assert_int_equal(store_cases_append(&first, epoch, 1, "one"), 0);
    assert_int_equal(store_cases_append(&again, epoch, 1, "one"), 0);
    assert_string_equal(first.appended_at, again.appended_at);
    assert_int_equal(store_cases_append(&first, epoch, 2, "one"), 0);
    store_cases_read(&again, "");
    assert_string_equal(again.entries, "one one ");
    /* Of the next owner it is another one. */
    epoch = store_cases_claim(&first);
    assert_int_equal(store_cases_append(&again, epoch, 2, "two"), 0);
    store_cases_read(&again, "");
    assert_string_equal(again.entries, "one one two ");
}

void store_a_long_journal_is_read_in_parts(void **state)
{
    struct store_outcome outcome;
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);
    char text[16];

    for (unsigned i = 1; i <= GW_JOURNAL_READ_MAX + 1; i++) {
        snprintf(text, sizeof(text), "%u", i);
        assert_int_equal(store_cases_append(&outcome, epoch, i, text), 0);
    }
    store_cases_read(&outcome, "");
    assert_int_equal(outcome.entry_count, GW_JOURNAL_READ_MAX);
}

static bool is_checkpoint(const struct store_outcome *claimed, const char *at, const char *bytes)
{
    return strcmp(claimed->checkpoint_at, at) == 0 && claimed->checkpoint_len == strlen(bytes) &&
           claimed->checkpoint_sum == sum_of(gw_str_of(bytes));
}

void store_a_large_checkpoint_replaces_the_last_as_a_whole(void **state)
{
    static char large[1000003], shorter[200000];
    struct store_outcome outcome, first, second;
    (void)state;
    uint64_t epoch = store_cases_claim(&outcome);

    for (size_t i = 0; i + 1 < sizeof(large); i++)
        large[i] = (char)('a' + i * 31 % 26);
    memset(shorter, 's', sizeof(shorter) - 1);
    assert_int_equal(store_cases_append(&first, epoch, 1, "one"), 0);
    assert_int_equal(store_cases_append(&second, epoch, 2, "two"), 0);
    assert_int_equal(store_cases_checkpoint(&outcome, epoch, first.appended_at, large), 0);
    epoch = store_cases_claim(&outcome);
    assert_true(is_checkpoint(&outcome, first.appended_at, large));

    /* That of an owner who has gone is none; one that is broken off is it as a whole or not at all.
     */
    assert_int_equal(store_cases_checkpoint(&outcome, epoch - 1, second.appended_at, large + 1),
                     -ESTALE);
    prepare(&outcome, epoch, large + 1);
    outcome.call.position = gw_str_of(second.appended_at);
    assert_int_equal(store_cases_store->ops->checkpoint(store_cases_store, &outcome.call), 0);
    store_cases_store->ops->cancel(store_cases_store, &outcome.call);
    epoch = store_cases_claim(&outcome);
    assert_true(is_checkpoint(&outcome, first.appended_at, large) ||
                is_checkpoint(&outcome, second.appended_at, large + 1));

    assert_int_equal(store_cases_checkpoint(&outcome, epoch, second.appended_at, shorter), 0);
    store_cases_claim(&outcome);
    assert_true(is_checkpoint(&outcome, second.appended_at, shorter));
    store_cases_read(&outcome, second.appended_at);
    assert_int_equal(outcome.entry_count, 0);
}

void store_what_is_cancelled_is_not_told(void **state)
{
    struct store_outcome outcome;
    (void)state;

    prepare(&outcome, 0, "");
    assert_int_equal(store_cases_store->ops->claim(store_cases_store, &outcome.call), 0);
    store_cases_store->ops->cancel(store_cases_store, &outcome.call);
    prepare(&outcome, 0, "");
    assert_int_equal(store_cases_store->ops->read(store_cases_store, &outcome.call), 0);
    store_cases_store->ops->cancel(store_cases_store, &outcome.call);
    store_cases_store->ops->cancel(store_cases_store, &outcome.call); /* it is not under way */
    for (unsigned i = 0; i < 10; i++)
        gw_loop_turn(store_cases_loop, 10);
    assert_int_equal(outcome.ends, 0);
}
