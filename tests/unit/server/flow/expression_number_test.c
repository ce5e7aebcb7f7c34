/* Numbers that a double does not hold: unchanged where they are passed on, an error where they
 * would be calculated with, in either case never another number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/flow/expression_guard.h"
#include "server/flow/expression_set.h"
#include "tests/unit/support/expression_rig.h"

#define LONG "12345678901234567890"
#define DECIMAL "0.12345678901234567890123"
#define MESSAGE "more digits than jq calculates with"

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

/* By libjq, whoever else could. */
static int run_foreign(const char *text, const char *document, char *out, size_t capacity)
{
    struct gw_expressions *set = expression_rig_set("", text);

    set->items[0].own = NULL;
    int rc = expression_rig_run(&rig, set, document, out, capacity);
    gw_expressions_release(set);
    return rc;
}

static void it_is_known_which_are_long(void **state)
{
    static const struct {
        const char *literal;
        bool is_long;
    } cases[] = {
        {"0", false},
        {"-0", false},
        {"123456789012345", false},
        {"9007199254740992", false},
        {"9007199254740993", true},
        {"-9007199254740992", false},
        {"-9007199254740993", true},
        {"100000000000000000000", true},
        {"0.1", false},
        {"0.30000000000000004", false},
        {"0.30000000000000001", true},
        {"12345678.12345678", false},
        {"1234567890.1234567891", true},
        {"1.50000000000000000000000000", false},
        {"1e20", false},
        {"1.7976931348623157e308", true}, /* too near to the end to be sure */
        {"1e400", true},
        {"1e-400", true},
        {"0e400", false},
        {"123456789012345678e3", true},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (gw_jq_is_long(gw_str_of(cases[i].literal)) != cases[i].is_long)
            fail_msg("%s", cases[i].literal);
    }
}

static const char document[] =
    "{\"id\":" LONG ",\"same\":" LONG ",\"minus\":-" LONG ",\"d\":" DECIMAL
    ",\"e\":1.5E400,\"short\":7,\"text\":\"t\",\"list\":[{\"id\":" LONG "1,\"n\":2},{\"id\":" LONG
    "2,\"n\":1}]}";

static void they_are_passed_on_unchanged(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {".id", LONG},
        {".minus", "-" LONG},
        {".d", DECIMAL},
        {".", document},
        {"[.id, .short]", "[" LONG ",7]"},
        {"{a: {b: .id}}", "{\"a\":{\"b\":" LONG "}}"},
        {".id == .same", "true"},
        {".id != .minus", "true"},
        {".id == .short", "false"},
        {".id | tostring", "\"" LONG "\""},
        {".d | tojson", "\"" DECIMAL "\""},
        {"\"order \\(.id)!\"", "\"order " LONG "!\""},
        {".id | type", "\"number\""},
        {".minus | length", LONG},
        {"null + .id", LONG},
        {".list + [.id] | length", "3"},
        {"[.list[] | select(.n > 1) | .id]", "[" LONG "1]"},
        {".list | map(.id)", "[" LONG "1," LONG "2]"},
        {".list | sort_by(.n) | map(.n)", "[1,2]"},
        {"[.list[].n] | add", "3"},
        {"[.. | numbers] | length", "10"},
        {"[.. | strings]", "[\"t\"]"},
        {"with_entries(select(.key == \"id\"))", "{\"id\":" LONG "}"},
        {"to_entries | map(.value) | .[0]", LONG},
        {"[.text, .id] | join(\"-\")", "\"t-" LONG "\""},
        {".id // 1", LONG},
        {"if .id then 1 else 2 end", "1"},
        {".id as $x | $x", LONG},
        {"del(.list) | .id", LONG},
        {".list[0].id = 5 | .id", LONG},
        {".id | tonumber", LONG},
        {".text | ascii_upcase", "\"T\""},
        {".list | group_by(.n) | length", "2"},
        {".e | tostring | length", "6"},
        {"has(\"id\")", "true"},
        {"[paths] | length", "14"},
    };
    char out[4096];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        int rc = run_foreign(cases[i].text, document, out, sizeof(out));
        if (rc != 0 || !expression_rig_is_same(out, cases[i].expected))
            fail_msg("%s: %s, expected %s", cases[i].text, out, cases[i].expected);
    }
}

static void calculating_with_them_is_an_error(void **state)
{
    static const char *const texts[] = {
        ".id + 1",
        "1 + .id",
        ".id + .same",
        ".id - .same",
        ".id * 2",
        ".id / 2",
        ".id % 7",
        "-(.id)",
        ".id > 5",
        ".id < .same",
        "[.id] <= [5]",
        "[.list[].id] | sort",
        ".list | sort_by(.id)",
        ".list | group_by(.id)",
        "[.list[].id] | max",
        "[.list[].id] | add",
        "[.id, .same] | unique",
        ".id | floor",
        ".id | sqrt",
        "[.id] | tostring",
        ".id | ascii_downcase",
        ".id | split(\"1\")",
        ".id | test(\"1\")",
        ".id[1:3]",
        ".id | explode",
        ".text | startswith(\"t\"), (.id | startswith(\"1\"))",
        ".id | ltrimstr(\"1\")",
        "[.id] | contains([1])",
        "[.id] | index(1)",
        ".id | @base64",
        "[.id] | @csv",
        "{(.id): 1}",
        "reduce .list[].id as $x (0; . + $x)",
        "[.list[] | .id + 1]",
        ".id |= . + 1",
        ".id += 1",
        "[limit(.id; 1, 2)]",
        "range(.id)",
        "\"12345678901234567890\" | tonumber",
        "\"{\\\"a\\\": 12345678901234567890}\" | fromjson",
    };
    char out[4096];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        if (run_foreign(texts[i], document, out, sizeof(out)) == 0)
            fail_msg("%s: %s", texts[i], out);
        assert_false(gw_jq_has_sign(gw_str_of(out)));
    }
    assert_int_equal(run_foreign(".id + 1", document, out, sizeof(out)), -1);
    assert_non_null(strstr(out, MESSAGE));
}

static void here_they_are_compared_exactly(void **state)
{
    (void)state;
    expression_rig_expect(&rig, ".a == .b", "{\"a\":9007199254740993,\"b\":9007199254740992}",
                          "false");
    expression_rig_expect(&rig, ".a > .b", "{\"a\":9007199254740993,\"b\":9007199254740992}",
                          "true");
    expression_rig_expect(&rig, ".a == " LONG, "{\"a\":" LONG "}", "true");
    expression_rig_expect(&rig, "\"\\(.)\"", LONG, "\"" LONG "\"");
    expression_rig_expect(&rig, "length", "-" LONG, LONG);
    expression_rig_expect(&rig, "[.[] | tostring]", "[" DECIMAL ",1.50,100]",
                          "[\"" DECIMAL "\",\"1.5\",\"100\"]");
    expression_rig_expect_failure(&rig, ". + 1", LONG, MESSAGE);
}

/* In one text with long numbers, and alone. */
static void our_own_characters_are_no_way_in(void **state)
{
    static const char sign[] = "\"\xf4\x8f\x80\x8e\xf4\x8f\x80\x81\xf4\x8f\x80\x8f\"";
    char text[200], out[4096];

    (void)state;
    assert_int_equal(run_foreign("[.]", sign, out, sizeof(out)), 0);
    snprintf(text, sizeof(text), "[%s]", sign);
    assert_string_equal(out, text);
    snprintf(text, sizeof(text), "[%s," LONG "]", sign);
    assert_int_equal(run_foreign(".[0]", text, out, sizeof(out)), -1);
    assert_non_null(strstr(out, "U+10F000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_known_which_are_long),
        cmocka_unit_test(they_are_passed_on_unchanged),
        cmocka_unit_test(calculating_with_them_is_an_error),
        cmocka_unit_test(here_they_are_compared_exactly),
        cmocka_unit_test(our_own_characters_are_no_way_in),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
