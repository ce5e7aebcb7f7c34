/* What rules cost a request in CPU time: the policy authorise with the same security, without rules
 * and with one, two or four of them. The claims are read anew in each request, as a gateway has to.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "policies/authorise/authorise.h"
#include "server/contract/operation.h"
#include "server/contract/rule.h"
#include "server/core/clock.h"

#define MIN_NS (GW_NS_PER_SECOND / 2)
#define MAX_RULES 4

static const char claims[] =
    "{\"iss\":\"https://plant.example/realms/factory\",\"sub\":\"f2a1c7d0-line-7-station-0001\","
    "\"aud\":[\"millgate\",\"account\"],\"exp\":1800003600,\"iat\":1800000000,"
    "\"jti\":\"0d6b1a52-6f3e-4c7f-8a2b-b8a3f1d3c111\",\"typ\":\"Bearer\","
    "\"realm_access\":{\"roles\":[\"offline_access\",\"planner\",\"uma_authorization\"]},"
    "\"scope\":\"stock.read orders.read orders.write\",\"azp\":\"plant-client\","
    "\"plants\":[\"P100\",\"P110\",\"P120\",\"P200\"],\"supplier\":\"47110815\"}";

static const char *const expressions[] = {
    "path.plant in token.plants",
    "query.supplier == token.supplier",
    "path.plant in token.plants and query.supplier == token.supplier",
    "scope(\"orders.read\")",
    "starts_with(path.plant, \"P\") and ('planner' in token.realm_access.roles or token.admin)",
};

static const struct gw_parameter parameters[] = {
    {.name = GW_STR_INIT("plant"), .place = GW_IN_PATH},
    {.name = GW_STR_INIT("supplier"), .place = GW_IN_QUERY},
};
static const struct gw_security_scheme scheme = {.name = GW_STR_INIT("plant")};
static const struct gw_security_alternative security = {&scheme, 1};

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "rule_bench: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

/* CPU time of this thread: others may want the machine, too. */
static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * GW_NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void ask(void *policy, struct gw_exchange *ex)
{
    check(gw_authorise.on_request(policy, ex) == GW_NEXT, "refused");
    gw_arena_reset(&ex->arena);
}

/* ns per request with the first `count` of the rules. */
static double measure(void *policy, const struct gw_rule *const *rules, size_t count)
{
    const struct gw_operation operation = {.parameters = parameters,
                                           .parameter_count = GW_COUNT_OF(parameters),
                                           .security = &security,
                                           .security_count = 1,
                                           .rules = rules,
                                           .rule_count = count};
    static struct gw_exchange ex;
    uint64_t turns = 0, start_ns, now_ns;

    memset(&ex, 0, sizeof(ex));
    gw_arena_init(&ex.arena, 16384, 1 << 20);
    ex.operation = &operation;
    ex.path_parameters[0] = GW_STR("P1%320");
    ex.path_parameter_count = 1;
    ex.request.query = GW_STR("from=2026-01-01&supplier=47110815");
    ex.credential_count = 1;
    ex.credentials[0] = (struct gw_identity){.issuer = GW_STR("plant"),
                                             .scopes = GW_STR("stock.read orders.read"),
                                             .claims = gw_str_of(claims)};
    start_ns = cpu_ns();
    do {
        for (int i = 0; i < 1000; i++)
            ask(policy, &ex);
        turns += 1000;
        now_ns = cpu_ns();
    } while (now_ns - start_ns < MIN_NS);
    gw_arena_finish(&ex.arena);
    return (double)(now_ns - start_ns) / (double)turns;
}

int main(void)
{
    json_t *config = json_pack("{s:s}", "realm", "millgate");
    struct gw_rule rules[GW_COUNT_OF(expressions)];
    const struct gw_rule *all[GW_COUNT_OF(expressions)];
    struct gw_rule_fault fault;
    struct gw_error error;
    struct gw_arena arena;
    void *policy;

    gw_arena_init(&arena, 65536, 1 << 20);
    check(gw_authorise.create(config, &policy, &error) == 0, error.text);
    printf("%-92s %10s\n", "authorise, one request with", "ns");
    double none_ns = measure(policy, NULL, 0);
    printf("%-92s %10.0f\n", "no rule", none_ns);
    for (size_t i = 0; i < GW_COUNT_OF(expressions); i++) {
        check(gw_rule_compile(&arena, gw_str_of(expressions[i]), &rules[i], &fault) == 0,
              fault.text);
        all[i] = &rules[i];
        double one_ns = measure(policy, &all[i], 1);
        printf("%-92s %10.0f, %.0f of them the rule's\n", expressions[i], one_ns, one_ns - none_ns);
    }
    printf("%-92s %10.0f\n", "the first four rules together", measure(policy, all, MAX_RULES));
    gw_authorise.destroy(policy);
    gw_arena_finish(&arena);
    json_decref(config);
    return EXIT_SUCCESS;
}
