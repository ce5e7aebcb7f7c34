#include "policies/rate_limit/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

static struct limit limit = {.kind = LIMIT_WINDOW, .amount = 10};
static struct plan_group group = {.limits = {&limit}, .limit_count = 1};
static unsigned forgotten;
static char forgotten_key[SUBJECT_KEY_BYTES];

static void forget(void *self, struct account *account)
{
    assert_ptr_equal(self, &group);
    forgotten++;
    snprintf(forgotten_key, sizeof(forgotten_key), "%.*s", (int)account->key_len, account->key);
}

static struct account *open_one(struct ledger *ledger, const char *key)
{
    return ledger_open(ledger, gw_str_of(key), &group, forget, &group);
}

static void test_the_one_unseen_for_longest_makes_room(void **state)
{
    struct ledger *ledger = ledger_create(3, 1);

    (void)state;
    assert_non_null(ledger);
    forgotten = 0;
    struct account *a = open_one(ledger, "a");
    assert_ptr_equal(open_one(ledger, "a"), a);
    a->shares[0].owed = 7;
    assert_non_null(open_one(ledger, "b"));
    assert_non_null(open_one(ledger, "c"));
    assert_ptr_equal(ledger_find(ledger, GW_STR("a")), a); /* seen again */
    assert_non_null(open_one(ledger, "d"));
    assert_int_equal(forgotten, 1);
    assert_string_equal(forgotten_key, "b");
    assert_null(ledger_find(ledger, GW_STR("b")));
    assert_int_equal(ledger_get_count(ledger), 3);
    assert_int_equal(ledger_find(ledger, GW_STR("a"))->shares[0].owed, 7);
    ledger_destroy(ledger);
}

static void test_a_pinned_one_stays(void **state)
{
    struct ledger *ledger = ledger_create(2, 1);

    (void)state;
    forgotten = 0;
    struct account *a = open_one(ledger, "a");
    struct account *b = open_one(ledger, "b");
    a->pins = b->pins = 1;
    assert_null(open_one(ledger, "c"));
    assert_int_equal(forgotten, 0);
    b->pins = 0;
    b->shares[0].owed = 9;
    struct account *c = open_one(ledger, "c");
    assert_ptr_equal(c, b); /* its place */
    assert_int_equal(c->shares[0].owed, 0);
    assert_string_equal(forgotten_key, "b");
    ledger_destroy(ledger);
    ledger_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_one_unseen_for_longest_makes_room),
        cmocka_unit_test(test_a_pinned_one_stays),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
