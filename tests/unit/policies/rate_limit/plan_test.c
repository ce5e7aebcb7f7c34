#include "policies/rate_limit/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"

static int load(const char *json, struct plan_table *table, struct gw_error *error)
{
    json_t *section = json_loads(json, 0, NULL);

    assert_non_null(section);
    *table = (struct plan_table){0};
    int rc = plan_table_init(table, section, error);
    json_decref(section);
    return rc;
}

static void test_short_plans(void **state)
{
    struct plan_table table;
    struct gw_error error;

    (void)state;
    assert_int_equal(load("{\"standard\":{\"limit\":100},"
                          "\"bulk.v2\":{\"limit\":1000,\"window\":10000000000,\"burst\":50}}",
                          &table, &error),
                     0);
    const struct plan *plan = plan_table_find(&table, GW_STR("standard"));
    assert_non_null(plan);
    assert_true(gw_str_equal(plan->policy, GW_STR("\"standard\";q=100;w=60")));
    assert_int_equal(plan->limits[0].kind, LIMIT_WINDOW);
    assert_true(gw_str_equal(plan->limits[0].args[0], GW_STR("w:standard")));
    assert_true(gw_str_equal(plan->limits[0].args[2], GW_STR("60000000")));
    assert_true(gw_str_equal(plan->limits[0].args[3], GW_STR("1")));
    assert_int_equal(plan->group_count, 1);
    assert_true(plan->groups[0].is_leased);
    assert_int_equal(plan->groups[0].lease_max, 1);
    assert_true(gw_str_equal(plan->groups[0].leases_max, GW_STR("10")));
    plan = plan_table_find(&table, GW_STR("bulk.v2"));
    assert_true(gw_str_equal(plan->policy, GW_STR("\"bulk.v2\";q=1000;w=10;burst=50")));
    assert_int_equal(plan->limits[0].kind, LIMIT_RATE);
    assert_true(gw_str_equal(plan->limits[0].args[1], GW_STR("160000")));
    assert_true(gw_str_equal(plan->limits[0].args[2], GW_STR("8000000")));
    assert_false(plan->groups[0].is_leased); /* 50 at once are too few */
    assert_null(plan_table_find(&table, GW_STR("Standard")));
    assert_null(plan_table_find(&table, GW_STR("")));
    plan_table_finish(&table);
}

static void test_several_limits(void **state)
{
    struct plan_table table;
    struct gw_error error;

    (void)state;
    assert_int_equal(
        load("{\"supplier\":{\"limits\":{"
             "\"second\":{\"limit\":200,\"window\":1000000000,\"burst\":150},"
             "\"minute\":{\"limit\":6000},"
             "\"month\":{\"quota\":10000,\"zone\":\"+01:00\",\"scope\":\"claim:tenant\"},"
             "\"day\":{\"quota\":500,\"per\":\"day\",\"scope\":\"claim:tenant\"},"
             "\"slots\":{\"concurrent\":10,\"scope\":\"api\"},"
             "\"all\":{\"limit\":100000,\"scope\":\"plan\",\"mode\":\"exact\"}}}}",
             &table, &error),
        0);
    const struct plan *plan = plan_table_find(&table, GW_STR("supplier"));
    assert_int_equal(plan->limit_count, 6);
    assert_int_equal(plan->group_count, 4);
    assert_int_equal(table.max_limits, 2);
    assert_true(gw_str_equal(plan->policy,
                             GW_STR("\"supplier.second\";q=200;w=1;burst=150, "
                                    "\"supplier.minute\";q=6000;w=60, \"supplier.month\";q=10000, "
                                    "\"supplier.day\";q=500;w=86400, "
                                    "\"supplier.slots\";q=10;qu=\"concurrent-requests\", "
                                    "\"supplier.all\";q=100000;w=60")));
    assert_int_equal(plan->groups[0].limit_count, 2);
    assert_true(plan->groups[0].is_leased);
    assert_int_equal(plan->groups[0].lease_max, 1); /* 1 % of the smaller one */
    assert_int_equal(plan->groups[1].scope.kind, SCOPE_CLAIM);
    assert_true(gw_str_equal(plan->groups[1].scope.claim, GW_STR("tenant")));
    assert_false(plan->groups[1].is_leased);
    assert_true(gw_str_equal(plan->groups[1].limits[0]->args[3], GW_STR("3600")));
    assert_ptr_equal(plan->groups[2].slots, plan->groups[2].limits[0]);
    assert_false(plan->groups[3].is_leased); /* exact by configuration */
    plan_table_finish(&table);
}

#define LIMITS(text) "{\"a\":{\"limits\":{" text "}}}"

static void test_bad_plans(void **state)
{
    static const char *const bad[] = {
        "{\"\":{\"limit\":1}}",
        "{\"a b\":{\"limit\":1}}",
        "{\"a\\\"\":{\"limit\":1}}",
        "{\"a}\":{\"limit\":1}}",
        "{\"a:b\":{\"limit\":1}}",
        "{\"a\":{}}",
        "{\"a\":{\"limit\":0}}",
        "{\"a\":{\"limit\":100001,\"window\":1000000000}}",
        "{\"a\":{\"limit\":1,\"window\":1500000000}}",
        "{\"a\":{\"limit\":1,\"window\":86400000000000,\"burst\":1000000}}",
        "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":{\"limit\":1}}",
        "{\"a\":{\"limits\":{}}}",
        "{\"a\":{\"limit\":1,\"limits\":{\"b\":{\"limit\":1}}}}",
        LIMITS("\"b c\":{\"limit\":1}"),
        LIMITS("\"b\":{}"),
        LIMITS("\"b\":{\"limit\":1,\"quota\":1}"),
        LIMITS("\"b\":{\"quota\":1,\"zone\":\"Mars\"}"),
        LIMITS("\"b\":{\"limit\":1,\"scope\":\"claim:\"}"),
        LIMITS("\"b\":{\"limit\":1,\"scope\":\"galaxy\"}"),
        LIMITS("\"b\":{\"concurrent\":1},\"c\":{\"concurrent\":2}"),
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++) {
        struct plan_table table;
        struct gw_error error = {.text = ""};
        assert_true(load(bad[i], &table, &error) < 0);
        assert_true(error.text[0] != '\0');
        assert_true(strncmp(error.where, "/plans", 6) == 0);
    }
}

/* The draft's own lines: a plan with the same numbers is written in the same way. */
static void test_the_drafts_examples(void **state)
{
    const char *suites = getenv("MILLGATE_SUITES");
    char path[512];
    unsigned compared = 0;
    size_t index;
    json_t *example;

    (void)state;
    snprintf(path, sizeof(path), "%s/ratelimit-idempotency/ratelimit-draft-examples.json",
             suites != NULL ? suites : "../shared/suites");
    json_t *document = json_load_file(path, 0, NULL);
    if (document == NULL) {
        printf("no suite at %s\n", path);
        skip();
    }
    json_array_foreach(json_object_get(document, "examples"), index, example)
    {
        const char *value = json_string_value(json_object_get(example, "value"));
        unsigned limit, window_s;
        char name[65];
        int end = 0;

        if (sscanf(value, "\"%64[a-zA-Z]\";q=%u;w=%u%n", name, &limit, &window_s, &end) != 3 ||
            value[end] != '\0')
            continue;
        struct plan_table table = {0};
        struct gw_error error;
        json_t *section = json_pack("{s:{s:i, s:I}}", name, "limit", (int)limit, "window",
                                    (json_int_t)window_s * (json_int_t)GW_NS_PER_SECOND);
        assert_int_equal(plan_table_init(&table, section, &error), 0);
        const struct plan *plan = plan_table_find(&table, gw_str_of(name));
        assert_true(gw_str_equal(plan->policy, gw_str_of(value)));
        plan_table_finish(&table);
        json_decref(section);
        compared++;
    }
    json_decref(document);
    assert_true(compared >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_plans),
        cmocka_unit_test(test_several_limits),
        cmocka_unit_test(test_bad_plans),
        cmocka_unit_test(test_the_drafts_examples),
    };

    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
