/* The language of rules: what is refused, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/contract/operation.h"
#include "server/contract/rule.h"

static const struct gw_parameter parameters[] = {
    {.name = GW_STR_INIT("plant"), .place = GW_IN_PATH, .path_index = 0},
    {.name = GW_STR_INIT("order-id"), .place = GW_IN_PATH, .path_index = 1},
    {.name = GW_STR_INIT("supplier"), .place = GW_IN_QUERY},
    {.name = GW_STR_INIT("$filter"), .place = GW_IN_QUERY},
};

static const struct gw_operation operation = {
    .method = GW_METHOD_GET,
    .path = GW_STR_INIT("/plants/{plant}/orders/{order-id}"),
    .parameters = parameters,
    .parameter_count = GW_COUNT_OF(parameters),
};

static const struct {
    const char *text;
    size_t column;
    const char *fault;
} faults[] = {
    {"", 1, "the rule is empty"},
    {"  ", 1, "the rule is empty"},
    {"tokn.plant == 'x'", 1, "\"tokn\" is not known; did you mean \"token\"?"},
    {"path.plant == pahth.plant", 15, "did you mean \"path\"?"},
    {"token.plant", 0, NULL},
    {"token == 'x'", 6, "which claim?"},
    {"token. == 'x'", 7, "a name must follow"},
    {"token.a.b.c.d.e.f.g.h.i == 'x'", 24, "at most 8 steps"},
    {"token[x] == 'x'", 6, "as [\"name\"]"},
    {"token['x' == 'x'", 6, "as [\"name\"]"},
    {"token[''] == 'x'", 6, "as [\"name\"]"},
    {"token['x] == 1", 7, "has no end"},
    {"path == 'x'", 5, "which one?"},
    {"path.plant", 1, "a text is neither true nor false"},
    {"path.plant and true", 1, "a text is neither true nor false"},
    {"'x'", 1, "a text is neither true nor false"},
    {"5", 1, "a number is neither true nor false"},
    {"path.plant = 'x'", 12, "write \"==\""},
    {"path.plant == 'x' && true", 19, "write \"and\""},
    {"path.plant == 'x' || true", 19, "write \"or\""},
    {"!token.admin", 1, "write \"not\""},
    {"token.a == %", 12, "here a value must stand"},
    {"token.level < 5", 13, "there is no order"},
    {"path.plant == 5", 12, "a text is compared with a number: write the number in quotes"},
    {"path.plant == true", 12, "a text is compared with true or false"},
    {"5 == 5", 3, "both sides are constants"},
    {"'a' in ['a']", 5, "both sides are constants"},
    {"path.plant in ['a', 5]", 12, "a text is compared with a number"},
    {"path.plant in query.supplier", 12, "a claim or a list"},
    {"path.plant in 'P1'", 12, "a claim or a list"},
    {"path.plant == ['P1']", 12, "a list is asked with \"in\""},
    {"path.plant in []", 16, "a list holds texts and whole numbers"},
    {"path.plant in ['a',]", 20, "a list holds texts and whole numbers"},
    {"path.plant in ['a'", 19, "\"]\" is missing"},
    {"path.plant in [token.x]", 16, "a list holds texts and whole numbers"},
    {"path.plant not == 'x'", 12, "here only \"not in\" can stand"},
    {"token.a == token.b == token.c", 20, "a comparison has two sides"},
    {"token.a == 'x' adn token.b", 16, "\"adn\" is not known; did you mean \"and\"?"},
    {"token.a == 'x' token.b", 16, "\"token\" is not known"},
    {"(token.a == 'x'", 16, "\")\" is missing"},
    {"token.a == 'x')", 15, "here \"and\", \"or\" or the end must stand"},
    {"token.a ==", 11, "something is missing at the end"},
    {"token.a == 'x' and", 19, "something is missing at the end"},
    {"not", 4, "something is missing at the end"},
    {"token.a == 'x\\n'", 14, "are escapes"},
    {"token.a == 'x\ty'", 14, "no control characters"},
    {"token.a == 05", 12, "a number is a whole one"},
    {"token.a == 5.5", 12, "a number is a whole one"},
    {"token.a == 5x", 12, "a number is a whole one"},
    {"token.a == 123456789012345678901234567890123", 12, "at most 32 digits"},
    {"scope == 'x'", 7, "\"(\" is missing behind scope"},
    {"scope()", 7, "a scope is written as"},
    {"scope('a b')", 7, "a scope is one word"},
    {"scope('')", 7, "a scope is one word"},
    {"scope(token.x)", 7, "a scope is written as"},
    {"starts_with(path.plant)", 23, "\",\" is missing"},
    {"starts_with(path.plant, '')", 13, "every text starts with"},
    {"starts_with(token.a, 5)", 13, "starts_with is for texts"},
    {"starts_with('a', 'b')", 13, "both sides are constants"},
    {"start_with(path.plant, 'x')", 1, "did you mean \"starts_with\"?"},
    {"method == 'get'", 8, "no operation has this method; did you mean \"GET\"?"},
    {"method == 'PSOT'", 8, "did you mean \"POST\"?"},
    {"method in ['GET', 'TRACE']", 8, "no operation has this method"},
    {"token.\xc3\xa4 == 'x'", 7, "a name must follow"},
    {"token.umlaut == '\xc3\xa4\xc3\xb6' nd true", 22, "did you mean \"and\"?"},
    {"\xff", 1, "a rule is UTF-8"},
};

static void faults_are_told_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(faults); i++) {
        struct gw_rule_fault fault = {0};
        struct gw_arena arena;
        struct gw_rule rule;
        gw_arena_init(&arena, 16384, 1 << 20);
        int rc = gw_rule_compile(&arena, gw_str_of(faults[i].text), &rule, &fault);
        assert_true((rc == 0) == (faults[i].fault == NULL));
        if (faults[i].fault != NULL && strstr(fault.text, faults[i].fault) == NULL)
            fail_msg("%s: %zu: %s", faults[i].text, fault.column, fault.text);
        if (fault.column != faults[i].column)
            fail_msg("%s: %zu: %s", faults[i].text, fault.column, fault.text);
        gw_arena_finish(&arena);
    }
}

static int compile_repeated(const char *piece, size_t count, const char *end,
                            struct gw_rule_fault *fault)
{
    static char text[8192];
    struct gw_arena arena;
    struct gw_rule rule;
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", piece);
    snprintf(text + len, sizeof(text) - len, "%s", end);
    gw_arena_init(&arena, 16384, 1 << 20);
    int rc = gw_rule_compile(&arena, gw_str_of(text), &rule, fault);
    gw_arena_finish(&arena);
    return rc;
}

static void expressions_are_bounded(void **state)
{
    struct gw_rule_fault fault;

    (void)state;
    assert_int_equal(compile_repeated("not ", 16, "true", &fault), 0);
    assert_int_not_equal(compile_repeated("not ", 17, "true", &fault), 0);
    assert_string_equal(fault.text, "more than 16 levels");
    assert_int_not_equal(compile_repeated("(", 17, "true", &fault), 0);
    assert_int_equal(compile_repeated("token.a and ", 31, "true", &fault), 0);
    assert_int_not_equal(compile_repeated("token.a and ", 32, "true", &fault), 0);
    assert_non_null(strstr(fault.text, "at most 64 comparisons"));
    assert_int_not_equal(compile_repeated("                    ", 200, "true", &fault), 0);
    assert_non_null(strstr(fault.text, "at most 2048 bytes"));
    assert_int_equal(compile_repeated("", 0, "token.a in [1,1,1,1,1,1,1,1,1,1]", &fault), 0);
}

static void parameters_must_be_there(void **state)
{
    static const struct {
        const char *text;
        size_t column;
        const char *fault;
    } cases[] = {
        {"path.plnt == 'x'", 1,
         "GET /plants/{plant}/orders/{order-id} has no path parameter \"plnt\"; did you mean "
         "\"plant\"?"},
        {"true or 'x' == path.supplier", 16,
         "GET /plants/{plant}/orders/{order-id} has no path parameter \"supplier\""},
        {"query.plant == 'x'", 1,
         "GET /plants/{plant}/orders/{order-id} has no query parameter \"plant\""},
        {"query.Supplier == 'x'", 1,
         "GET /plants/{plant}/orders/{order-id} has no query parameter \"Supplier\"; did you mean "
         "\"supplier\"?"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_rule_fault fault = {0};
        struct gw_arena arena;
        struct gw_rule rule;
        gw_arena_init(&arena, 16384, 1 << 20);
        assert_int_equal(gw_rule_compile(&arena, gw_str_of(cases[i].text), &rule, &fault), 0);
        assert_int_not_equal(gw_rule_check(&rule, &operation, &fault), 0);
        assert_string_equal(fault.text, cases[i].fault);
        assert_int_equal(fault.column, cases[i].column);
        gw_arena_finish(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_are_told_with_their_place),
        cmocka_unit_test(expressions_are_bounded),
        cmocka_unit_test(parameters_must_be_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
