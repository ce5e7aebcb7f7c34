/* Every style, exploded or not, with every type, in every place: contracts are loaded as the
 * gateway does, requests are made in memory. What was read is told by `const`, which only the right
 * value fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "policies/schema/parameters.h"
#include "server/contract/load.h"
#include "server/http/exchange.h"
#include "tests/unit/support/contract_folder.h"

struct row {
    const char *in;
    const char *members; /* of the Parameter Object, beside name (always "p") and in */
    const char *text;    /* the path segment, the query, the field's value, or the Cookie field;
                            '\n' parts field lines */
    const char *keyword; /* of the first violation; NULL: it fits */
};

#define INTEGER "\"schema\":{\"type\":\"integer\",\"const\":7}"
#define WORD "\"schema\":{\"type\":\"string\",\"const\":\"a b\"}"
#define COMMA "\"schema\":{\"type\":\"string\",\"const\":\"a,b\"}"
#define NUMBERS "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"const\":[3,4,5]}"
#define ONE "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"const\":[3]}"
#define WORDS \
    "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"const\":[\"a,b\",\"3\"]}"
#define COLOR                                                                              \
    "\"schema\":{\"type\":\"object\",\"properties\":{\"R\":{\"type\":\"integer\"},\"G\":{" \
    "\"type\":\"string\"},\"B\":{\"type\":\"boolean\"}},\"additionalProperties\":false,"   \
    "\"const\":{\"R\":100,\"G\":\"200\",\"B\":true}}"
#define RESERVED "\"schema\":{\"type\":\"string\",\"const\":\":/?[]@!$'()*,;=\"}"
#define STYLE(name, explode) "\"style\":\"" name "\",\"explode\":" explode ","

static const struct row rows[] = {
    /* simple, in the path */
    {"path", INTEGER, "7", NULL},
    {"path", INTEGER, "8", "const"},
    {"path", INTEGER, "x", "type"},
    {"path", INTEGER, "7.5", "type"},
    {"path", INTEGER, "07", "type"},
    {"path", INTEGER, "+7", "type"},
    {"path", INTEGER, "%37", NULL},
    {"path", WORD, "a%20b", NULL},
    {"path", WORD, "a+b", "const"},
    {"path", WORD, "a%2", "encoding"},
    {"path", WORD, "a%zz", "encoding"},
    {"path", WORD, "%ff", "encoding"},
    {"path", WORD, "%00", "encoding"},
    {"path", COMMA, "a,b", NULL},
    {"path", NUMBERS, "3,4,5", NULL},
    {"path", NUMBERS, "3,4,x", "type"},
    {"path", WORDS, "a%2Cb,3", NULL},
    {"path", COLOR, "R,100,G,200,B,true", NULL},
    {"path", COLOR, "R,100,G", "style"},
    {"path", COLOR, "R,1,R,2", "duplicate"},
    {"path", STYLE("simple", "true") COLOR, "R=100,G=200,B=true", NULL},
    {"path", STYLE("simple", "true") COLOR, "R,100", "style"},
    {"path", STYLE("simple", "true") NUMBERS, "3,4,5", NULL},
    /* label */
    {"path", STYLE("label", "false") INTEGER, ".7", NULL},
    {"path", STYLE("label", "false") INTEGER, "7", "style"},
    {"path", STYLE("label", "false") NUMBERS, ".3,4,5", NULL},
    {"path", STYLE("label", "true") NUMBERS, ".3.4.5", NULL},
    {"path", STYLE("label", "false") COLOR, ".R,100,G,200,B,true", NULL},
    {"path", STYLE("label", "true") COLOR, ".R=100.G=200.B=true", NULL},
    {"path", STYLE("label", "true") WORD, ".a%20b", NULL},
    /* matrix */
    {"path", STYLE("matrix", "false") INTEGER, ";p=7", NULL},
    {"path", STYLE("matrix", "true") INTEGER, ";p=7", NULL},
    {"path", STYLE("matrix", "false") INTEGER, ";q=7", "style"},
    {"path", STYLE("matrix", "false") INTEGER, ";pp=7", "style"},
    {"path", STYLE("matrix", "false") INTEGER, ";p", "type"},
    {"path", STYLE("matrix", "false") INTEGER, "7", "style"},
    {"path", STYLE("matrix", "false") NUMBERS, ";p=3,4,5", NULL},
    {"path", STYLE("matrix", "true") NUMBERS, ";p=3;p=4;p=5", NULL},
    {"path", STYLE("matrix", "true") NUMBERS, ";p=3;q=4", "style"},
    {"path", STYLE("matrix", "false") COLOR, ";p=R,100,G,200,B,true", NULL},
    {"path", STYLE("matrix", "true") COLOR, ";R=100;G=200;B=true", NULL},
    /* form, in the query */
    {"query", INTEGER, "p=7", NULL},
    {"query", INTEGER, "q=1&p=7&r", NULL},
    {"query", INTEGER, "%70=7", NULL},
    {"query", INTEGER, "p=", "type"},
    {"query", INTEGER, "p", "type"},
    {"query", INTEGER, "p=7&p=7", "duplicate"},
    {"query", INTEGER, "p=7&%70=7", "duplicate"},
    {"query", INTEGER, "", NULL},
    {"query", "\"required\":true," INTEGER, "", "required"},
    {"query", "\"required\":true," INTEGER, "P=7", "required"},
    {"query", "\"allowEmptyValue\":true," INTEGER, "p=", NULL},
    {"query", "\"allowEmptyValue\":true," INTEGER, "p", NULL},
    {"query", "\"allowEmptyValue\":true," INTEGER, "p=&p=", "duplicate"},
    {"query", "\"allowReserved\":true,\"schema\":{\"const\":\"a/b?c:d\",\"type\":\"string\"}",
     "p=a/b?c:d", NULL},
    {"query", RESERVED, "p=:/?[]@!$'()*,;=", NULL},
    {"query", RESERVED, "p=%3A%2F%3F%5B%5D%40%21%24%27%28%29%2A%2C%3B%3D", NULL},
    {"query", "\"allowReserved\":true," RESERVED, "p=:/?[]@!$'()*,;=", NULL},
    {"query", "\"allowReserved\":true," RESERVED, "p=%3a/?[]@!$'()*%2c;%3d", NULL},
    {"query", "\"allowReserved\":true,\"schema\":{\"type\":\"integer\",\"minimum\":-3}", "p=-3",
     NULL},
    {"query", "\"allowReserved\":true," STYLE("form", "false") WORDS, "p=a%2cb,3", NULL},
    {"query", "\"allowReserved\":true," RESERVED, "p=:/?[]@!$'()*,;=&x=1", NULL},
    {"query", "\"schema\":{\"type\":\"integer\",\"default\":5,\"minimum\":9}", "", NULL},
    {"query", "\"required\":true,\"schema\":{\"type\":\"integer\",\"default\":5}", "", "required"},
    {"query", WORD, "p=a+b", NULL},
    {"query", WORD, "p=a%20b", NULL},
    {"query", WORD, "p=a%2Bb", "const"},
    {"query", WORD, "p=%", "encoding"},
    {"query", WORD, "%=1", "encoding"},
    {"query", COMMA, "p=a,b", NULL},
    {"query", NUMBERS, "p=3&p=4&p=5", NULL},
    {"query", NUMBERS, "p=3,4,5", "type"},
    {"query", ONE, "p=3", NULL},
    {"query", STYLE("form", "false") NUMBERS, "p=3,4,5", NULL},
    {"query", STYLE("form", "false") NUMBERS, "p=3%2C4%2C5", "type"},
    {"query", STYLE("form", "false") NUMBERS, "p=3&p=4&p=5", "duplicate"},
    {"query", STYLE("form", "false") WORDS, "p=a%2cb,3", NULL},
    {"query", STYLE("form", "false") COLOR, "p=R,100,G,200,B,true", NULL},
    {"query", COLOR, "R=100&G=200&B=true", NULL},
    {"query", COLOR, "R=100&G=200&B=1", "type"},
    {"query", COLOR, "R=100&R=100&G=200&B=true", "duplicate"},
    {"query", COLOR, "x=1", NULL},
    {"query", "\"required\":true," COLOR, "x=1", "required"},
    {"query",
     "\"schema\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"},\"const\":{"
     "\"a\":1,\"b\":2}}",
     "a=1&b=2", NULL},
    /* spaceDelimited, pipeDelimited */
    {"query", STYLE("spaceDelimited", "false") NUMBERS, "p=3%204%205", NULL},
    {"query", STYLE("spaceDelimited", "false") NUMBERS, "p=3+4+5", NULL},
    {"query", STYLE("spaceDelimited", "false") NUMBERS, "p=3,4,5", "type"},
    {"query", STYLE("spaceDelimited", "true") NUMBERS, "p=3&p=4&p=5", NULL},
    {"query", STYLE("spaceDelimited", "false") COLOR, "p=R%20100%20G%20200%20B%20true", NULL},
    {"query", STYLE("pipeDelimited", "false") NUMBERS, "p=3|4|5", NULL},
    {"query", STYLE("pipeDelimited", "false") NUMBERS, "p=3%7C4%7c5", NULL},
    {"query", STYLE("pipeDelimited", "true") NUMBERS, "p=3&p=4&p=5", NULL},
    {"query", STYLE("pipeDelimited", "false") COLOR, "p=R|100|G|200|B|true", NULL},
    /* deepObject */
    {"query", STYLE("deepObject", "true") COLOR, "p[R]=100&p[G]=200&p[B]=true", NULL},
    {"query", STYLE("deepObject", "true") COLOR, "p%5BR%5D=100&p[G]=200&p[B]=true", NULL},
    {"query", STYLE("deepObject", "true") COLOR, "p[R]=100&p[R]=100", "duplicate"},
    {"query", STYLE("deepObject", "true") COLOR, "p[R][x]=100", "style"},
    {"query", STYLE("deepObject", "true") COLOR, "p[R=100", "style"},
    {"query", STYLE("deepObject", "true") COLOR, "p[]=100", "style"},
    {"query", STYLE("deepObject", "true") COLOR, "p[X]=1", "additionalProperties"},
    {"query", STYLE("deepObject", "true") COLOR, "pq[X]=1", NULL},
    {"query",
     STYLE("deepObject", "true") "\"schema\":{\"type\":\"object\",\"properties\":{\"a\":"
                                 "{\"type\":\"array\",\"items\":{"
                                 "\"type\":\"integer\"}}},\"const\":{\"a\":[1,2]}}",
     "p[a]=1&p[a]=2", NULL},
    /* headers */
    {"header", INTEGER, "7", NULL},
    {"header", INTEGER, "%37", "type"},
    {"header", INTEGER, "7\n7", "duplicate"},
    {"header", NUMBERS, "3,4,5", NULL},
    {"header", NUMBERS, "3, 4 ,5", NULL},
    {"header", NUMBERS, "3\n4, 5", NULL},
    {"header", COLOR, "R,100,G,200,B,true", NULL},
    {"header", STYLE("simple", "true") COLOR, "R=100, G=200, B=true", NULL},
    {"header", WORD, "\xff", "encoding"},
    /* cookies */
    {"cookie", INTEGER, "p=7", NULL},
    {"cookie", INTEGER, "a=b; p=7; c=d", NULL},
    {"cookie", INTEGER, "p=\"7\"", NULL},
    {"cookie", INTEGER, "p=7; p=7", "duplicate"},
    {"cookie", INTEGER, "x=7\np=7", NULL},
    {"cookie", WORD, "p=a%20b", NULL},
    {"cookie", WORD, "p=a+b", "const"},
    {"cookie", NUMBERS, "p=3; p=4; p=5", NULL},
    {"cookie", STYLE("form", "false") NUMBERS, "p=3,4,5", NULL},
    {"cookie", STYLE("form", "false") COLOR, "p=R,100,G,200,B,true", NULL},
    {"cookie", "\"required\":true," INTEGER, "q=7", "required"},
    /* content */
    {"query", "\"content\":{\"application/json\":{\"schema\":{\"const\":{\"a\":[1]}}}}",
     "p=%7B%22a%22:[1]%7D", NULL},
    {"query", "\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}", "p=[]",
     "type"},
    {"query", "\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}", "p={",
     "json"},
    {"query", "\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}",
     "p={\"a\":1,\"a\":2}", "duplicate"},
    {"query", "\"content\":{\"text/plain\":{\"schema\":{\"type\":\"string\"}}}", "p=x&p=y",
     "duplicate"},
    {"header", "\"content\":{\"application/json\":{\"schema\":{\"const\":[1]}}}", "[1]", NULL},
    /* types that leave a choice */
    {"query", "\"schema\":{\"type\":[\"integer\",\"null\"]}", "p=null", NULL},
    {"query", "\"schema\":{\"type\":[\"integer\",\"null\"]}", "p=", NULL},
    {"query", "\"schema\":{\"type\":[\"integer\",\"string\"],\"enum\":[\"7\"]}", "p=7", NULL},
    {"query", "\"schema\":{\"type\":[\"integer\",\"string\"],\"enum\":[7]}", "p=7", NULL},
    {"query", "\"schema\":{\"type\":[\"integer\",\"string\"],\"enum\":[7]}", "p=8", "enum"},
    {"query", "\"schema\":{\"enum\":[1,\"a\"]}", "p=1", NULL},
    {"query", "\"schema\":{\"enum\":[1,\"a\"]}", "p=a", NULL},
    {"query", "\"schema\":{\"enum\":[1,\"a\"]}", "p=b", "enum"},
    {"query", "\"schema\":{\"pattern\":\"^a\"}", "p=1", "pattern"},
    {"query", "\"schema\":{\"minimum\":3}", "p=2", "minimum"},
    {"query", "\"schema\":{\"maxLength\":2}", "p=123", "maxLength"},
    {"query", "\"schema\":{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"boolean\"}]}", "p=true",
     NULL},
    {"query", "\"schema\":{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"boolean\"}]}", "p=x",
     "oneOf"},
    {"query", "\"schema\":{\"allOf\":[{\"$ref\":\"#/components/schemas/Id\"},{\"minimum\":3}]}",
     "p=2", "minimum"},
    {"query", "\"schema\":{\"$ref\":\"#/components/schemas/Id\"}", "p=2", NULL},
    {"query",
     "\"schema\":{\"type\":[\"string\",\"array\"],\"items\":{\"type\":\"integer\"},\"maxItems\":2}",
     "p=abc", NULL},
    {"query",
     "\"schema\":{\"type\":\"array\",\"items\":{\"type\":[\"integer\",\"string\"]},\"const\":["
     "\"1\",\"b\"]}",
     "p=1&p=b", NULL},
    {"query", "\"schema\":{\"type\":\"boolean\"}", "p=True", "type"},
    {"query", "\"schema\":{\"type\":\"number\",\"const\":1.5}", "p=15e-1", NULL},
    {"query", "\"schema\":{\"type\":\"string\",\"const\":\"7\"}", "p=7", NULL},
};

#define DOCUMENT                                                                                \
    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"t\",\"version\":\"1.0.0\"},\"x-millgate\":{"  \
    "\"namespace\":\"/system/t\",\"owner\":\"o\",\"contact\":\"c\",\"backend\":\"b\"},"         \
    "\"components\":{\"schemas\":{\"Id\":{\"type\":\"integer\"}}},\"paths\":{\"%s\":{\"get\":{" \
    "\"parameters\":[{\"name\":\"p\",\"in\":\"%s\",%s%s}],\"responses\":{\"200\":{"             \
    "\"description\":\"d\"}}}}}}"

static struct contract_folder folder;

static struct gw_contract *load(const struct row *row)
{
    const struct gw_contract_rules rules = {.is_standalone = true};
    bool is_path = strcmp(row->in, "path") == 0;
    char text[4096];

    snprintf(text, sizeof(text), DOCUMENT, is_path ? "/x/{p}" : "/x", row->in,
             is_path ? "\"required\":true," : "", row->members);
    contract_folder_write(&folder, "t.json", text);
    struct gw_contract *contract = contract_folder_load(&folder, "t.json", &rules);
    if (contract == NULL)
        fail_msg("%s: %s", row->members, folder.findings);
    return contract;
}

static void add_lines(struct gw_exchange *ex, struct gw_str name, const char *text)
{
    struct gw_str rest = gw_str_of(text);
    struct gw_str line;

    while (gw_str_split(&rest, '\n', &line))
        assert_int_equal(gw_request_add_field(ex, name, line), 0);
}

static void fill(struct gw_exchange *ex, const struct row *row)
{
    if (strcmp(row->in, "path") == 0) {
        ex->path_parameters[0] = gw_str_of(row->text);
        ex->path_parameter_count = 1;
    } else if (strcmp(row->in, "query") == 0) {
        ex->request.query = gw_str_of(row->text);
    } else if (strcmp(row->in, "header") == 0) {
        add_lines(ex, GW_STR("P"), row->text);
    } else {
        add_lines(ex, GW_STR("cookie"), row->text);
    }
}

static void check_row(const struct row *row)
{
    struct gw_contract *contract = load(row);
    struct gw_exchange ex = {.operation = &gw_contract_api(contract)->operations[0]};
    struct violations list;

    gw_arena_init(&ex.arena, 4096, 1 << 20);
    fill(&ex, row);
    violations_init(&list, &ex.arena, 20);
    parameters_check(&ex, false, &list);
    assert_false(list.has_no_memory);
    if (strcmp(row->in, "query") == 0) /* a default is not written into it, for one */
        assert_true(gw_str_equal(ex.request.query, gw_str_of(row->text)));
    if (row->keyword == NULL && list.count > 0)
        fail_msg("%s %s \"%s\": %.*s: %.*s", row->in, row->members, row->text,
                 GW_STR_ARG(list.items[0].keyword), GW_STR_ARG(list.items[0].detail));
    if (row->keyword != NULL &&
        (list.count == 0 || !gw_str_equal(list.items[0].keyword, gw_str_of(row->keyword))))
        fail_msg("%s %s \"%s\": no %s, but %zu (%.*s)", row->in, row->members, row->text,
                 row->keyword, list.count,
                 GW_STR_ARG(list.count > 0 ? list.items[0].keyword : GW_STR("")));
    gw_arena_finish(&ex.arena);
    gw_contract_release(contract);
}

static void test_every_style_reads_every_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++)
        check_row(&rows[i]);
}

/* --- several parameters ----------------------------------------------------------------------- */

static const char two[] =
    "\"schema\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}},{\"name\":"
    "\"q\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}";

static size_t count_violations(const char *members, const char *query, bool refuses_unknown,
                               char *out_first, size_t capacity)
{
    const struct row row = {"query", members, query, NULL};
    struct gw_contract *contract = load(&row);
    struct gw_exchange ex = {.operation = &gw_contract_api(contract)->operations[0]};
    struct violations list;

    gw_arena_init(&ex.arena, 4096, 1 << 20);
    fill(&ex, &row);
    violations_init(&list, &ex.arena, 20);
    parameters_check(&ex, refuses_unknown, &list);
    snprintf(out_first, capacity, "%.*s",
             GW_STR_ARG(list.count > 0 ? list.items[0].name : GW_STR("")));
    gw_arena_finish(&ex.arena);
    gw_contract_release(contract);
    return list.count;
}

static void test_unknown_parameters_are_refused_when_asked(void **state)
{
    char first[32];

    (void)state;
    assert_int_equal(count_violations(INTEGER, "p=7&x=1&y=2", false, first, sizeof(first)), 0);
    assert_int_equal(count_violations(INTEGER, "p=7&x=1&y=2", true, first, sizeof(first)), 2);
    assert_string_equal(first, "x");
    assert_int_equal(
        count_violations(STYLE("deepObject", "true") "\"schema\":{\"type\":\"object\"}", "p[a]=1",
                         true, first, sizeof(first)),
        0);
}

static void test_a_spread_object_leaves_other_parameters_alone(void **state)
{
    char first[32];

    (void)state;
    assert_int_equal(count_violations(two, "q=text&a=1&b=2", true, first, sizeof(first)), 0);
    assert_int_equal(count_violations(two, "q=text&a=x", true, first, sizeof(first)), 1);
    assert_string_equal(first, "p");
}

static void test_too_many_pairs_are_refused(void **state)
{
    static char query[4 * 1100 + 1];
    char first[32];

    (void)state;
    for (size_t i = 0; i < 1100; i++)
        memcpy(query + 4 * i, "a=1&", 4);
    assert_int_equal(count_violations(INTEGER, query, false, first, sizeof(first)), 1);
}

static int setup(void **state)
{
    (void)state;
    contract_folder_create(&folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    contract_folder_destroy(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_style_reads_every_type),
        cmocka_unit_test(test_unknown_parameters_are_refused_when_asked),
        cmocka_unit_test(test_a_spread_object_leaves_other_parameters_alone),
        cmocka_unit_test(test_too_many_pairs_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
