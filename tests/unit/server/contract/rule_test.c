/* The language of rules: what each expression answers. */
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

#define CLAIMS                                                                            \
    "{\"sub\":\"s\",\"plant\":\"P1\",\"plants\":[\"P1\",\"P2\"],\"level\":5,"             \
    "\"big\":12345678901234567890123,\"ratio\":5.0,\"admin\":true,\"guest\":false,"       \
    "\"empty\":\"\",\"none\":null,\"nothing\":[],\"mixed\":[1,\"P1\",null,\"\"],"         \
    "\"only\":[7,{}],\"umlaut\":\"W\xc3\xa4rme\",\"https://x.example/y\":\"Q\","          \
    "\"realm_access\":{\"roles\":[\"planner\"],\"a/b\":\"slash\"},\"supplier\":\"4711\"," \
    "\"pre\":\"P\"}"

struct request {
    const char *plant, *order, *query;
};

static const struct request plain = {"P1", "SUP-1", "supplier=4711"};
static const struct request nothing = {"P1", "SUP-1", ""};

static struct gw_field fields[] = {
    {GW_STR_INIT("X-Plant"), GW_STR_INIT("P1")}, {GW_STR_INIT("X-Two"), GW_STR_INIT("a")},
    {GW_STR_INIT("x-two"), GW_STR_INIT("a")},    {GW_STR_INIT("X-Low"), GW_STR_INIT("a")},
    {GW_STR_INIT("X_Low"), GW_STR_INIT("b")},
};

static void begin(struct gw_exchange *ex, const struct request *request, const char *claims)
{
    memset(ex, 0, sizeof(*ex));
    gw_arena_init(&ex->arena, 16384, 1 << 20);
    ex->operation = &operation;
    ex->request.method = GW_METHOD_HEAD;
    ex->request.query = gw_str_of(request->query);
    ex->request.fields = fields;
    ex->request.field_count = GW_COUNT_OF(fields);
    ex->path_parameters[0] = gw_str_of(request->plant);
    ex->path_parameters[1] = gw_str_of(request->order);
    ex->path_parameter_count = 2;
    if (claims == NULL)
        return;
    ex->identity.issuer = GW_STR("corporate");
    ex->identity.consumer = GW_STR("corporate:s");
    ex->identity.scopes = GW_STR("stock.read stock.write");
    ex->identity.claims = gw_str_of(claims);
}

static void compile(struct gw_arena *arena, const char *text, struct gw_rule *rule)
{
    struct gw_rule_fault fault;

    if (gw_rule_compile(arena, gw_str_of(text), rule, &fault) != 0)
        fail_msg("%s: %zu: %s", text, fault.column, fault.text);
    if (gw_rule_check(rule, &operation, &fault) != 0)
        fail_msg("%s: %zu: %s", text, fault.column, fault.text);
}

static bool holds(struct gw_exchange *ex, const char *text)
{
    struct gw_rule_facts facts = {.ex = ex};
    struct gw_arena arena;
    struct gw_rule rule;

    gw_arena_init(&arena, 16384, 1 << 20);
    compile(&arena, text, &rule);
    bool result = gw_rule_holds(&rule, &facts);
    gw_arena_finish(&arena);
    return result;
}

enum answer { N, U, Y }; /* no; neither it nor its opposite holds; yes */

static void assert_answer(struct gw_exchange *ex, const char *text, enum answer expected)
{
    char opposite[512];

    snprintf(opposite, sizeof(opposite), "not (%s)", text);
    if (holds(ex, text) != (expected == Y))
        fail_msg("%s is not what it should be", text);
    if (holds(ex, opposite) != (expected == N))
        fail_msg("not (%s) is not what it should be", text);
}

static const struct {
    const char *text;
    enum answer answer;
} expressions[] = {
    {"path.plant == token.plant", Y},
    {"path.plant != token.plant", N},
    {"path.plant == \"P1\"", Y},
    {"path.plant == 'P1'", Y},
    {"path.plant=='p1'", N},
    {"path.plant == 'P1 '", N},
    {"path.order-id == 'SUP-1'", Y},
    {"path[\"order-id\"] == 'SUP-1'", Y},
    {"path.plant in token.plants", Y},
    {"path.order-id in token.plants", N},
    {"path.order-id not in token.plants", Y},
    {"path.plant in token.plant", Y}, /* a list of one without brackets */
    {"path.plant in ['P2', \"P1\"]", Y},
    {"path.plant in ['P2']", N},
    {"token.level in [4, 5]", Y},
    {"token.level in [4]", N},
    {"token.level in ['5']", U},
    {"path.plant in token.nothing", N},
    {"path.plant in token.mixed", Y},
    {"path.order-id in token.mixed", U}, /* items that are no texts */
    {"path.plant in token.only", U},
    {"path.plant in token.absent", U},
    {"token.absent in ['P1']", U},
    {"token.plants in ['P1']", U},
    {"'planner' in token.realm_access.roles", Y},
    {"'owner' in token.realm_access.roles", N},
    {"token.level == 5", Y},
    {"token.ratio == 5", Y},
    {"token.level != 6", Y},
    {"token.level == -5", N},
    {"token.level == token.ratio", Y},
    {"token.big == 12345678901234567890123", Y},
    {"token.big == 12345678901234567890124", N},
    {"token.level == '5'", U},
    {"token.level != '5'", U},
    {"token.admin", Y},
    {"token.guest", N},
    {"token.admin == true", Y},
    {"token.guest == false", Y},
    {"token.guest == true", N},
    {"token.plant", U},
    {"token.level == true", U},
    {"token.absent == 'x'", U},
    {"token.absent != 'x'", U},
    {"token.absent == token.absent", U},
    {"token.none == token.none", U},
    {"token.none != 'x'", U},
    {"token.empty == query.supplier", U},
    {"token.empty != 'x'", U},
    {"token.plants == 'P1'", U},
    {"token.realm_access == 'x'", U},
    {"token.plant.deeper == 'x'", U},
    {"token['plant'] == 'P1'", Y},
    {"token[\"https://x.example/y\"] == 'Q'", Y},
    {"token.realm_access['a/b'] == 'slash'", Y},
    {"query.supplier == token.supplier", Y},
    {"query[\"$filter\"] == 'x'", U},
    {"header.X-Plant == 'P1'", Y},
    {"header.x-plant == 'P1'", Y},
    {"header.X-None == 'P1'", U},
    {"header.X-Two == 'a'", U},
    {"header.X-Low == 'a'", U},
    {"method == 'GET'", Y}, /* though it is HEAD that came */
    {"method != 'GET'", N},
    {"method in ['POST', 'PUT']", N},
    {"issuer == 'corporate'", Y},
    {"consumer == 'corporate:s'", Y},
    {"consumer == 'corporate:S'", N},
    {"scope('stock.read')", Y},
    {"scope(\"stock.rea\")", N},
    {"scope('STOCK.READ')", N},
    {"starts_with(path.order-id, 'SUP-')", Y},
    {"starts_with(path.order-id, 'sup-')", N},
    {"starts_with(path.plant, token.pre)", Y},
    {"starts_with(path.plant, token.empty)", U},
    {"starts_with(path.plant, token.plants)", U},
    {"starts_with(token.absent, 'x')", U},
    {"starts_with(token.plant, 'P1x')", N},
    {"true", Y},
    {"false", N},
    {"token.umlaut == 'W\xc3\xa4rme'", Y},
    {"token.umlaut == 'Wa\xcc\x88rme'", N}, /* the same letters in another normal form */
    /* and, or: a yes of `or` and a no of `and` outweigh what is unknown */
    {"true and token.absent", U},
    {"token.absent and true", U},
    {"false and token.absent", N},
    {"token.absent and false", N},
    {"true or token.absent", Y},
    {"token.absent or true", Y},
    {"false or token.absent", U},
    {"token.absent or token.absent", U},
    {"false or false", N},
    {"true or true and false", Y},
    {"(true or true) and false", N},
    {"not false and false", N},
    {"not (false and false)", Y},
    {"not not true", Y},
    {"not path.plant == 'P2'", Y},
    {" \n(\ttrue ) \r\n", Y},
    {"scope('stock.write') and (path.plant == token.plant or 'all' in token.plants)", Y},
};

static void expressions_are_answered(void **state)
{
    struct gw_exchange ex;

    (void)state;
    begin(&ex, &plain, CLAIMS);
    for (size_t i = 0; i < GW_COUNT_OF(expressions); i++)
        assert_answer(&ex, expressions[i].text, expressions[i].answer);
    gw_arena_finish(&ex.arena);
}

static void nobody_meets_what_asks_for_somebody(void **state)
{
    static const char *const texts[] = {
        "token.plant == 'P1'",    "token.plant != 'P1'", "path.plant in token.plants",
        "scope('stock.read')",    "consumer == 'x'",     "consumer != 'x'",
        "issuer == 'corporate'",  "token.admin",         "starts_with(path.plant, token.pre)",
        "issuer not in ['other']"};
    struct gw_exchange ex;

    (void)state;
    begin(&ex, &plain, NULL);
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
        assert_answer(&ex, texts[i], U);
    assert_answer(&ex, "path.plant == 'P1'", Y);
    gw_arena_finish(&ex.arena);
}

static void claims_that_cannot_be_read_are_absent(void **state)
{
    static const char *const claims[] = {"",
                                         "{",
                                         "[]",
                                         "\"plant\"",
                                         "{\"plant\":\"P1\"} x",
                                         "{\"plant\":\"P2\",\"plant\":\"P1\"}",
                                         "{\"plant\":\"P1\",\"x\":{\"a\":1,\"a\":2}}"};
    struct gw_exchange ex;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(claims); i++) {
        begin(&ex, &plain, claims[i]);
        assert_answer(&ex, "token.plant == 'P1'", U);
        gw_arena_finish(&ex.arena);
    }
}

/* supplier == '4711' over what came. */
static const struct {
    const char *query;
    enum answer answer;
} queries[] = {
    {"supplier=4711", Y},
    {"supplier=4712", N},
    {"a=b&supplier=4711&c", Y},
    {"%73upplier=%34711", Y},
    {"supplier=%2534711", N}, /* decoded once */
    {"supplier=4711%00", U},
    {"supplier=4711%", U},
    {"supplier=%ff", U},
    {"supplier=+4711", N},
    {"supplier=", N},
    {"supplier", U},
    {"", U},
    {"supplie=4711", U},
    {"supplier=4711&supplier=4711", U},
    {"supplier=4711&supplier=666", U},
    {"supplier=666&supplier=4711", U},
    {"supplier=4711&suppl%69er=666", U},
    {"supplier=4711&SUPPLIER=666", U},
    {"Supplier=4711", U},
    {"supplier=4711&supplier[]=666", U},
    {"supplier=4711&supplier%5B0%5D=666", U},
    {"supplier=4711&supplier", U},
    {"supplier=4711&%20supplier=666", U}, /* some trim names */
    {"supplier=4711;supplier=666", U},
    {"a=1;supplier=666&supplier=4711", U},
    {"supplier=4711%3Bsupplier=666", N},
    {"supplier=4711&x=%zz", Y},
    {"supplier=4711&%zz=1", U},
    {"supplier=4711&&", Y},
};

static void a_query_has_one_meaning(void **state)
{
    struct gw_exchange ex;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(queries); i++) {
        const struct request request = {"P1", "SUP-1", queries[i].query};
        begin(&ex, &request, CLAIMS);
        assert_answer(&ex, "query.supplier == '4711'", queries[i].answer);
        gw_arena_finish(&ex.arena);
    }
}

static void a_path_is_decoded_once(void **state)
{
    static const struct {
        const char *order;
        enum answer answer;
    } cases[] = {
        {"SUP-1", Y},         {"%53UP-1", Y},    {"%53%55%50%2d%31", Y}, {"%2553UP-1", N},
        {"sup-1", N},         {"SUP-1%20", N},   {"SUP-1%00", U},        {"SUP-1%2F..%2FSUP-2", N},
        {"SUP%E2%80%901", N}, {"%C0%53UP-1", U}, {"SUP+1", N},           {"SUP-1%", U},
    };
    struct gw_exchange ex;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const struct request request = {"P1", cases[i].order, ""};
        begin(&ex, &request, CLAIMS);
        assert_answer(&ex, "path.order-id == 'SUP-1'", cases[i].answer);
        gw_arena_finish(&ex.arena);
    }
}

static void issuers_call_claims_otherwise(void **state)
{
    static const struct gw_claim_name names[] = {
        {GW_STR_INIT("site"), GW_STR_INIT("plant")},
        {GW_STR_INIT("roles"), GW_STR_INIT("/realm_access/roles")},
        {GW_STR_INIT("slash"), GW_STR_INIT("/realm_access/a~1b")},
        {GW_STR_INIT("supplier"), GW_STR_INIT("https://x.example/y")},
        {GW_STR_INIT("level"), GW_STR_INIT("/nowhere/to/be/seen")},
    };
    struct gw_exchange ex;

    (void)state;
    begin(&ex, &plain, CLAIMS);
    ex.identity.claim_names = names;
    ex.identity.claim_name_count = GW_COUNT_OF(names);
    assert_answer(&ex, "token.site == 'P1'", Y);
    assert_answer(&ex, "'planner' in token.roles", Y);
    assert_answer(&ex, "token.slash == 'slash'", Y);
    assert_answer(&ex, "token.supplier == 'Q'", Y); /* not the claim of that name */
    assert_answer(&ex, "token.level == 5", U);
    assert_answer(&ex, "token.plant == 'P1'", Y);
    gw_arena_finish(&ex.arena);
}

static void too_little_memory_is_no_yes(void **state)
{
    const struct request encoded = {"%501", "SUP-1", "supplier=4711"};

    (void)state;
    for (size_t bytes = 16; bytes < 8192; bytes += 48) {
        struct gw_exchange ex;
        struct gw_rule_facts facts = {.ex = &ex};
        struct gw_arena arena;
        struct gw_rule rule;
        gw_arena_init(&arena, 16384, 1 << 20);
        compile(&arena, "path.plant not in ['P2'] and token.plant == 'P1'", &rule);
        begin(&ex, &encoded, CLAIMS);
        gw_arena_finish(&ex.arena);
        gw_arena_init(&ex.arena, 16, bytes);
        assert_true(gw_rule_holds(&rule, &facts) != facts.has_no_memory);
        gw_arena_finish(&ex.arena);
        gw_arena_finish(&arena);
    }
}

static void the_first_claim_asked_for_reads_them(void **state)
{
    struct gw_exchange ex;
    struct gw_rule_facts facts = {.ex = &ex};
    struct gw_arena arena;
    struct gw_rule rule;

    (void)state;
    gw_arena_init(&arena, 16384, 1 << 20);
    begin(&ex, &nothing, CLAIMS);
    compile(&arena, "path.plant == 'P1'", &rule);
    assert_true(gw_rule_holds(&rule, &facts));
    assert_int_equal(facts.claims, GW_CLAIMS_UNREAD);
    compile(&arena, "token.plant == 'P1' and token.level == 5", &rule);
    assert_true(gw_rule_holds(&rule, &facts));
    assert_int_equal(facts.claims, GW_CLAIMS_READ);
    const struct gw_json_token *tokens = facts.tape.tokens;
    assert_true(gw_rule_holds(&rule, &facts));
    assert_ptr_equal(facts.tape.tokens, tokens);
    gw_arena_finish(&ex.arena);
    gw_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_are_answered),
        cmocka_unit_test(nobody_meets_what_asks_for_somebody),
        cmocka_unit_test(claims_that_cannot_be_read_are_absent),
        cmocka_unit_test(a_query_has_one_meaning),
        cmocka_unit_test(a_path_is_decoded_once),
        cmocka_unit_test(issuers_call_claims_otherwise),
        cmocka_unit_test(too_little_memory_is_no_yes),
        cmocka_unit_test(the_first_claim_asked_for_reads_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
