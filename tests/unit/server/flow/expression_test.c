/* Expressions: what is evaluated here yields what libjq yields, and what is libjq's reaches it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/flow/expression_group.h"
#include "server/flow/expression_set.h"
#include "tests/unit/support/expression_rig.h"

static struct expression_rig rig;

static int set_up(void **state)
{
    (void)state;
    expression_rig_init(&rig, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    expression_rig_finish(&rig);
    return 0;
}

static const char *const documents[] = {
    "null",
    "true",
    "5",
    "-0.5",
    "\"text\"",
    "[]",
    "[1,2,3]",
    "[[1,null],{\"a\":\"x\"},false]",
    "{\"a\":5,\"b\":{\"a\":[1,2,{\"c\":\"\xc3\xa4\"}]},\"if\":1,\"a b\":\"k\"}",
    "{\"a\":null,\"b\":false,\"e1x\":7,\"items\":[{\"id\":1,\"n\":\"x\"},{\"id\":2,\"n\":null}]}",
};

static const char *const own_texts[] = {
    ".",
    ".a",
    ".a.b",
    ".\"a b\"",
    ".a?",
    ".a.b?",
    ".b.a[0]",
    ".b.a[-1]",
    ".b[\"a\"]",
    ".[0]",
    ".[1.5]",
    ".[-7]",
    ".b.a[2].c",
    ".a[]",
    ".b.a[]?",
    ".[]",
    ".[]?",
    "[.[]?]",
    ".if",
    ".e1x",
    "$x",
    "$x.a",
    "$x.list[1]",
    "1",
    "-1",
    "1.50",
    "1e3",
    "\"t\"",
    "\"\\u00e4\\n\"",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[1,2]",
    "[.a?,.b?]",
    "{a:1}",
    "{a:1,b:{c:.}}",
    "{\"x y\":.}",
    "{$x}",
    "{(.a?):1}",
    "{(\"k\\(1)\"):1}",
    "{($x.name):2}",
    "{\"a\\(1)\":3}",
    "{if:1}",
    "{a}",
    "{\"a b\"}",
    "{a:(1,2),b:(3,4)}",
    "{a:1,a:2}",
    "{a:.a?|.b?}",
    "{a:-1}",
    "\"x\\(.)y\"",
    "\"\\(1)\\(\"z\")\"",
    "\"\\(1,2)-\\(3,4)\"",
    "\"\\(1.10) \\(0.1) \\(100) \\(-3)\"",
    ".a // 1",
    "(null,1,false) // 3",
    "null // null // 3",
    "1 // 2 | 3",
    "empty // 1",
    "1 == 1.0",
    ". == .",
    ".a? != 5",
    "1 < 2",
    "\"a\" < \"b\"",
    "null < false",
    "{} > []",
    "[1] < [2]",
    ".a? >= 5",
    ".a? <= \"x\"",
    "1 == 1 and 2 > 1",
    "(true,false) and (true,false)",
    "(true,false) or (true,false)",
    "null and error",
    "1 + 2",
    "1 - 2",
    "3 * 4",
    "1 + 2 * 3 - 4",
    "\"a\" + \"b\"",
    "null + 1",
    "[1] + [2]",
    "{a:1,b:2} + {b:3,c:4}",
    "1 + \"a\"",
    "\"a\" - 1",
    "(1,2) + (10,20)",
    "0.1 + 0.2",
    "1 - 1 - 1",
    "9007199254740992 + 1",
    "-1 * 0",
    "length",
    ".a?|length",
    "\"\\u00e4b\" | length",
    "not",
    "empty",
    "tostring",
    "1.10|tostring",
    "[.[]? | select(. != null)]",
    "select(.a?)",
    "map(.)",
    ".items? | map({i: .id, n: .n})",
    "if . then 1 else 2 end",
    "if .a? then 1 elif .b? then 2 else 3 end",
    "(1,null|not)",
    ". as $y | $y",
    "1 as $y | 2 as $z | [$y,$z]",
    "(1,2) as $y | $y + 1",
    "[1,2][0]",
    "{a:1}.a",
    "(1).a",
    "\"abc\".a",
    "[.] | .[0]",
    ".[\"a\",\"b\"]?",
    ".[(0,1)]?",
    "[[1,2],[3,4]|.[(0,1)]]",
    "1 # comment\n + 2",
    " .\t",
    ". | . | .",
    "[1,[2,[3]]] == [1,[2,[3.0]]]",
    ".. | 1",
};

/* What both make of it: the results, or that it fails. */
static void check_alike(const char *text, const char *document)
{
    char own[4096], theirs[4096];
    struct gw_expressions *set = expression_rig_set("", text);

    bool is_own = set->items[0].own != NULL;
    int own_rc = expression_rig_run(&rig, set, document, own, sizeof(own));
    set->items[0].own = NULL;
    assert_int_equal(gw_jq_make_program(set), 0);
    int their_rc = expression_rig_run(&rig, set, document, theirs, sizeof(theirs));
    if (own_rc != their_rc || (own_rc == 0 && !expression_rig_is_same(own, theirs)))
        fail_msg("%s (%s) over %s: %s, but libjq: %s", text, is_own ? "own" : "libjq's", document,
                 own, theirs);
    gw_expressions_release(set);
}

static void own_evaluation_yields_what_libjq_yields(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(own_texts); i++) {
        for (size_t j = 0; j < GW_COUNT_OF(documents); j++)
            check_alike(own_texts[i], documents[j]);
    }
}

static void most_of_it_is_evaluated_here(void **state)
{
    size_t own = 0;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(own_texts); i++) {
        struct gw_expressions *set = expression_rig_set("", own_texts[i]);
        own += set->items[0].own != NULL;
        gw_expressions_release(set);
    }
    assert_true(own >= GW_COUNT_OF(own_texts) - 3);
}

static void libjq_evaluates_the_rest(void **state)
{
    (void)state;
    expression_rig_expect(&rig, ".a | ascii_downcase", "{\"a\":\"XY\"}", "\"xy\"");
    expression_rig_expect(&rig, "[.[] | .+1] | add", "[1,2]", "5");
    expression_rig_expect(&rig, "reduce .[] as $i (0; . + $i)", "[1,2]", "3");
    expression_rig_expect(&rig, "range(3)", "null", "[0,1,2]");
    expression_rig_expect(&rig, "range(0)", "null", "null");
    expression_rig_expect(&rig, "$x.name | ltrimstr(\"n\")", "null", "\"ame\"");
    expression_rig_expect_failure(&rig, ".a | error(\"why\")", "{}", "why");
    expression_rig_expect_failure(&rig, ".a | keys", "{\"a\":1}", "number (1) has no keys");
    expression_rig_expect_failure(&rig, "$nobody | keys", "{}", "$nobody is not defined here");
    expression_rig_expect_failure(&rig, "$nobody", "{}", "$nobody is not defined here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_evaluation_yields_what_libjq_yields),
        cmocka_unit_test(most_of_it_is_evaluated_here),
        cmocka_unit_test(libjq_evaluates_the_rest),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
