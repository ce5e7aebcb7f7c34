/* Rules: four lines, the expression, the claims, a path parameter and the query. Whatever they are,
 * a rule and its opposite never both hold, and a fault has a place. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/contract/operation.h"
#include "server/contract/rule.h"

static const struct gw_parameter parameters[] = {
    {.name = GW_STR_INIT("plant"), .place = GW_IN_PATH},
    {.name = GW_STR_INIT("supplier"), .place = GW_IN_QUERY},
};
static const struct gw_operation operation = {
    .path = GW_STR_INIT("/{plant}"), .parameters = parameters, .parameter_count = 2};

static bool ask(const struct gw_rule *rule, struct gw_exchange *ex)
{
    struct gw_rule_facts facts = {.ex = ex};

    bool holds = gw_rule_holds(rule, &facts);
    if (holds != gw_rule_holds(rule, &facts))
        abort();
    return holds;
}

static void try_opposite(struct gw_arena *arena, const struct gw_rule *rule, struct gw_exchange *ex)
{
    struct gw_str text = gw_arena_printf(arena, "not (%.*s)", GW_STR_ARG(rule->text));
    struct gw_rule opposite;
    struct gw_rule_fault fault;

    /* It may be beyond a bound where the rule itself was not. */
    if (text.ptr != NULL && gw_rule_compile(arena, text, &opposite, &fault) == 0 &&
        ask(&opposite, ex) && ask(rule, ex))
        abort();
}

static void evaluate(struct gw_arena *arena, const struct gw_rule *rule, struct gw_str rest)
{
    struct gw_exchange ex = {.operation = &operation, .path_parameter_count = 1};
    struct gw_rule_fault fault;

    (void)gw_str_split(&rest, '\n', &ex.identity.claims);
    (void)gw_str_split(&rest, '\n', &ex.path_parameters[0]);
    ex.request.query = rest;
    ex.identity.issuer = GW_STR("corporate");
    ex.identity.scopes = GW_STR("a b");
    gw_arena_init(&ex.arena, 16384, 1 << 22);
    if (gw_rule_check(rule, &operation, &fault) == 0)
        try_opposite(arena, rule, &ex);
    (void)ask(rule, &ex);
    gw_arena_finish(&ex.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str rest = gw_str_from((const char *)bytes, len), text = {NULL, 0};
    struct gw_rule_fault fault = {0};
    struct gw_arena arena;
    struct gw_rule rule;

    if (len == 0 || len > 20000)
        return 0;
    (void)gw_str_split(&rest, '\n', &text);
    gw_arena_init(&arena, 16384, 1 << 22);
    int rc = gw_rule_compile(&arena, text, &rule, &fault);
    if (rc == 0)
        evaluate(&arena, &rule, rest);
    else if (fault.column == 0 || fault.column > text.len + 1 || fault.text[0] == '\0')
        abort();
    gw_arena_finish(&arena);
    return 0;
}
