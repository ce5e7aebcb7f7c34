/* Bad tokens and their senders: what is known, for how long, and that nobody pays for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policies/jwt/denied.h"

#define S UINT64_C(1000000000)

static const struct denied_rules rules = {.memory_ns = 10 * S, .regain_ns = S / 10, .burst = 20};
static struct denied_table *table;

static int setup(void **state)
{
    (void)state;
    table = denied_table_create();
    return table == NULL;
}

static int teardown(void **state)
{
    (void)state;
    denied_table_destroy(table);
    return 0;
}

static struct token_key token(uint8_t number)
{
    return (struct token_key){.digest = {number}, .generation = 7};
}

static uint64_t address(unsigned number)
{
    char text[32];
    int len =
        snprintf(text, sizeof(text), "10.%u.%u.%u", number >> 16, number >> 8 & 255, number & 255);

    return denied_source_of(gw_str_from(text, (size_t)len));
}

static void add(uint64_t from, uint8_t number, uint64_t now_ns)
{
    struct token_key key = token(number);

    denied_table_add(table, from, &key, 1, &rules, now_ns);
    denied_table_charge(table, from, 1, &rules, now_ns);
}

static bool has(uint64_t from, uint8_t number, uint64_t now_ns)
{
    struct token_key key = token(number);

    return denied_table_has(table, from, &key, 1, now_ns);
}

static void test_known_for_a_while(void **state)
{
    uint64_t from = address(1);

    (void)state;
    assert_false(has(from, 1, 5 * S));
    add(from, 1, 5 * S);
    assert_true(has(from, 1, 5 * S));
    assert_true(has(from, 1, 15 * S - 1));
    assert_false(has(from, 1, 15 * S));
    assert_false(has(address(2), 1, 5 * S));
}

/* The same bytes under other rules, or other keys, are another question. */
static void test_compared_in_full(void **state)
{
    uint64_t from = address(1);
    struct token_key key = token(1);

    (void)state;
    add(from, 1, S);
    assert_false(denied_table_has(table, from, &key, 2, S));
    key.generation++;
    assert_false(denied_table_has(table, from, &key, 1, S));
    key = token(1);
    key.digest[GW_SHA256_BYTES - 1] ^= 1;
    assert_false(denied_table_has(table, from, &key, 1, S));
}

static void test_the_last_few(void **state)
{
    uint64_t from = address(1), other = address(2);

    (void)state;
    add(other, 1, S);
    for (uint8_t i = 0; i < 100; i++)
        add(from, i, S);
    for (uint8_t i = 0; i < 100; i++)
        assert_int_equal(has(from, i, S), i >= 100 - DENIED_TOKENS_PER_SOURCE);
    assert_true(has(other, 1, S));
}

static void test_budget(void **state)
{
    uint64_t from = address(1);

    (void)state;
    for (uint8_t i = 0; i < 20; i++) {
        assert_int_equal(denied_table_wait_ns(table, from, &rules, S), 0);
        add(from, i, S);
    }
    assert_int_equal(denied_table_wait_ns(table, from, &rules, S), S / 10);
    assert_int_equal(denied_table_wait_ns(table, from, &rules, S + S / 10 - 1), 1);
    assert_int_equal(denied_table_wait_ns(table, from, &rules, S + S / 10), 0);
    assert_int_equal(denied_table_wait_ns(table, address(2), &rules, S), 0);
    add(from, 20, S + S / 10);
    assert_int_equal(denied_table_wait_ns(table, from, &rules, S + S / 10), S / 10);
    for (int i = 0; i < 100; i++) /* asking is free */
        (void)denied_table_wait_ns(table, from, &rules, S + S / 10);
    assert_int_equal(denied_table_wait_ns(table, from, &rules, 10 * S), 0);
}

/* A token that was tried with eight keys cost eight verifications. */
static void test_tries_are_paid(void **state)
{
    uint64_t from = address(1);

    (void)state;
    denied_table_charge(table, from, 8, &rules, S);
    denied_table_charge(table, from, 8, &rules, S);
    assert_int_equal(denied_table_wait_ns(table, from, &rules, S), 0);
    denied_table_charge(table, from, 8, &rules, S);
    assert_int_equal(denied_table_wait_ns(table, from, &rules, S), S / 2);
    assert_int_equal(denied_table_wait_ns(table, address(2), &rules, S), 0);
}

static void test_without_rules(void **state)
{
    static const struct denied_rules none = {0};
    uint64_t from = address(1);
    struct token_key key = token(1);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        denied_table_add(table, from, &key, 1, &none, S);
        denied_table_charge(table, from, 1, &none, S);
    }
    assert_int_equal(denied_table_wait_ns(table, from, &none, S), 0);
    assert_false(has(from, 1, S));
}

static void test_addresses(void **state)
{
    (void)state;
    assert_true(denied_source_of(GW_STR("2001:db8::1")) ==
                denied_source_of(GW_STR("2001:db8::ffff:1")));
    assert_true(denied_source_of(GW_STR("2001:db8::1")) !=
                denied_source_of(GW_STR("2001:db8:0:1::1")));
    assert_true(denied_source_of(GW_STR("10.0.0.1")) != denied_source_of(GW_STR("10.0.0.2")));
    assert_true(denied_source_of(GW_STR("")) != 0);
    assert_true(denied_source_of(GW_STR("unix:1000")) != denied_source_of(GW_STR("unix:0")));
}

/* More addresses than places: the table holds, and the newest are in it. */
static void test_many_addresses(void **state)
{
    size_t known = 0;

    (void)state;
    for (unsigned i = 0; i < 20 * DENIED_MAX_SOURCES; i++) {
        add(address(i), 1, S + i);
        assert_true(has(address(i), 1, S + i));
    }
    for (unsigned i = 0; i < 20 * DENIED_MAX_SOURCES; i++)
        known += has(address(i), 1, 2 * S);
    assert_true(known <= DENIED_MAX_SOURCES);
    assert_true(known > DENIED_MAX_SOURCES / 2);
}

#define TABLE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(test_known_for_a_while), TABLE_TEST(test_compared_in_full),
        TABLE_TEST(test_the_last_few),      TABLE_TEST(test_budget),
        TABLE_TEST(test_tries_are_paid),    TABLE_TEST(test_without_rules),
        TABLE_TEST(test_addresses),         TABLE_TEST(test_many_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
