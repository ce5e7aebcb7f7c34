#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/gateway/landscape.h"

static struct gw_key_rule rule_of(const char *text)
{
    struct gw_key_rule rule = {0};

    assert_true(gw_key_rule_parse(gw_str_of(text), &rule));
    return rule;
}

static bool matches(const char *rule, const char *key)
{
    struct gw_key_rule parsed = rule_of(rule);

    return gw_key_rule_matches(&parsed, gw_str_of(key));
}

static bool overlap(const char *one, const char *other)
{
    struct gw_key_rule a = rule_of(one), b = rule_of(other);
    bool they_do = gw_key_rules_overlap(&a, &b);

    assert_int_equal(they_do, gw_key_rules_overlap(&b, &a));
    return they_do;
}

static void test_rules_match_their_keys(void **state)
{
    (void)state;
    assert_true(matches("1010", "1010"));
    assert_false(matches("1010", "10100"));
    assert_true(matches("PLANT-A", "PLANT-A"));
    assert_true(matches("2*", "2"));
    assert_true(matches("2*", "2x"));
    assert_false(matches("2*", "12"));
    assert_true(matches("*", "whatever"));
    assert_true(matches("3000-3999", "3000"));
    assert_true(matches("3000-3999", "3999"));
    assert_false(matches("3000-3999", "2999"));
    assert_false(matches("3000-3999", "4000"));
    assert_false(matches("3000-3999", "30001")); /* another length is another number */
    assert_false(matches("3000-3999", "300"));
    assert_false(matches("3000-3999", "3a00"));
}

static void test_what_is_no_rule(void **state)
{
    static const char *const wrong[] = {"", "2*1", "**", "3999-3000", "300-3999", "a b", "\x01"};
    struct gw_key_rule rule;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        assert_false(gw_key_rule_parse(gw_str_of(wrong[i]), &rule));
    assert_int_equal(rule_of("30-4A").kind, GW_KEY_EXACT);
}

static void test_overlaps(void **state)
{
    (void)state;
    assert_true(overlap("1010", "1010"));
    assert_false(overlap("1010", "1011"));
    assert_true(overlap("1010", "10*"));
    assert_false(overlap("1010", "11*"));
    assert_true(overlap("1010", "1000-1999"));
    assert_false(overlap("1010", "2000-2999"));
    assert_true(overlap("2*", "20*"));
    assert_false(overlap("20*", "21*"));
    assert_true(overlap("35*", "3000-3999"));
    assert_true(overlap("3*", "3500-3500"));
    assert_true(overlap("39*", "3000-3900"));
    assert_false(overlap("40*", "3000-3999"));
    assert_false(overlap("30000*", "3000-3999"));
    assert_false(overlap("3a*", "3000-3999"));
    assert_true(overlap("3000-3999", "3999-4999"));
    assert_false(overlap("3000-3999", "4000-4999"));
    assert_false(overlap("3000-3999", "30000-39999"));
    assert_true(overlap("*", "3000-3999"));
}

/* What overlaps is told by keys that both match, and by nothing else. */
static void test_overlap_is_a_key_that_both_match(void **state)
{
    static const char *const texts[] = {"5",     "57",    "570",   "5*",      "57*",     "6*",
                                        "50-59", "57-57", "60-69", "500-599", "570-579", "05*"};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        for (size_t k = 0; k < GW_COUNT_OF(texts); k++) {
            bool is_shared = false;
            for (unsigned number = 0; number < 1110; number++) {
                char key[8]; /* all texts of one to three digits */
                unsigned digits = number < 10 ? 1 : number < 110 ? 2 : 3;
                snprintf(key, sizeof(key), "%0*u", (int)digits,
                         number - (digits == 1   ? 0
                                   : digits == 2 ? 10
                                                 : 110));
                is_shared |= matches(texts[i], key) && matches(texts[k], key);
            }
            assert_int_equal(is_shared, overlap(texts[i], texts[k]));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_match_their_keys),
        cmocka_unit_test(test_what_is_no_rule),
        cmocka_unit_test(test_overlaps),
        cmocka_unit_test(test_overlap_is_a_key_that_both_match),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
