/* Exact decimals: comparison, integers, multiples, hashes. */
#include "server/json/number.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/core/hash.h"

static struct gw_decimal parse(const char *literal)
{
    struct gw_decimal decimal = {0};
    assert_int_equal(gw_decimal_parse(gw_str_of(literal), &decimal), 0);
    return decimal;
}

/* In rising order; those on one line are equal. */
static const char *const rising[][4] = {
    {"-1e999999999999999999"},
    {"-12345678901234567890.5"},
    {"-1.5", "-15e-1", "-1.50", "-0.15E+1"},
    {"-1e-999999999999999999"},
    {"0", "-0", "0.000", "0e999"},
    {"1e-999999999999999999"},
    {"0.1", "1e-1", "0.10000", "100E-3"},
    {"0.10000000000000000000000000000000000001"},
    {"1", "1.0", "10e-1", "0.001e3"},
    {"9007199254740992"},
    {"9007199254740993"},
    {"18446744073709551615", "1.8446744073709551615e19"},
    {"1e308", "10e307", "0.1e309"},
    {"1e999999999999999999"},
};

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rising); i++) {
        struct gw_decimal a = parse(rising[i][0]);
        for (size_t j = 0; j < GW_COUNT_OF(rising); j++) {
            struct gw_decimal b = parse(rising[j][0]);
            int order = gw_decimal_compare(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static void test_equality(void **state)
{
    (void)state;
    struct gw_hash_key key = {1, 2};

    for (size_t i = 0; i < GW_COUNT_OF(rising); i++) {
        struct gw_decimal a = parse(rising[i][0]);
        for (size_t j = 1; j < 4 && rising[i][j] != NULL; j++) {
            struct gw_decimal b = parse(rising[i][j]);
            assert_int_equal(gw_decimal_compare(&a, &b), 0);
            assert_true(gw_decimal_hash(&a, &key) == gw_decimal_hash(&b, &key));
        }
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *literal;
        bool is_integer;
    } cases[] = {
        {"1.0", true},         {"1e2", true},          {"1.5e1", true}, {"0.5", false},
        {"1e-1", false},       {"100e-2", true},       {"0e-5", true},  {"12345.000000001", false},
        {"1e999999999", true}, {"1e-999999999", false}};

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_decimal a = parse(cases[i].literal);
        assert_int_equal(gw_decimal_is_integer(&a), cases[i].is_integer);
    }
}

static void test_multiples(void **state)
{
    (void)state;
    static const struct {
        const char *value, *divisor;
        bool is_multiple;
    } cases[] = {
        {"0", "7", true},
        {"19.99", "0.01", true},
        {"19.995", "0.01", false},
        {"1e308", "0.5", true},
        {"-9", "3", true},
        {"7", "14", false},
        {"1.1", "0.1", true},
        {"1e1000000000", "3", false},
        {"3e1000000000", "3", true},
        {"1e1000000000", "1024", true},
        {"1e9", "2048", false},
        {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999", true},
        {"99999999999999999999999999999999999998", "99999999999999999999999999999999999999", false},
        {"33333333333333333333333333333333333333e5", "11111111111111111111111111111111111111",
         true},
        {"0.0075", "0.0001", true},
        {"0.00751", "0.0001", false},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_decimal a = parse(cases[i].value), b = parse(cases[i].divisor);
        struct gw_divisor divisor;
        assert_int_equal(gw_divisor_init(&b, &divisor), 0);
        if (gw_decimal_is_multiple(&a, &divisor) != cases[i].is_multiple)
            fail_msg("%s by %s", cases[i].value, cases[i].divisor);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const literals[] = {"",    "-",  "01", "1.",  ".1",   "1e",
                                           "1e+", "+1", "1 ", "0x1", "1e1.5"};
    struct gw_decimal a;
    struct gw_divisor divisor;

    for (size_t i = 0; i < GW_COUNT_OF(literals); i++)
        assert_int_equal(gw_decimal_parse(gw_str_of(literals[i]), &a), -EINVAL);
    assert_int_equal(gw_decimal_parse(GW_STR("1e1000000000000000000"), &a), -ERANGE);
    a = parse("0");
    assert_int_equal(gw_divisor_init(&a, &divisor), -EINVAL);
    a = parse("-1");
    assert_int_equal(gw_divisor_init(&a, &divisor), -EINVAL);
    a = parse("123456789012345678901234567890123456789");
    assert_int_equal(gw_divisor_init(&a, &divisor), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),    cmocka_unit_test(test_equality),
        cmocka_unit_test(test_integers), cmocka_unit_test(test_multiples),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
