#include "policies/rate_limit/share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "server/core/clock.h"

#define NOW (UINT64_C(1000) * GW_NS_PER_SECOND)

static struct share shares[PLAN_MAX_LIMITS];
static struct limit_answer answers[PLAN_MAX_LIMITS];
static struct plan_table table;

static struct share_question question_for(const char *plan_json, uint64_t sharers)
{
    struct gw_error error;
    json_t *section = json_loads(plan_json, 0, NULL);

    memset(shares, 0, sizeof(shares));
    assert_non_null(section);
    assert_int_equal(plan_table_init(&table, section, &error), 0);
    json_decref(section);
    const struct plan *plan = plan_table_find(&table, GW_STR("p"));
    assert_int_equal(plan->group_count, 1);
    return (struct share_question){.group = &plan->groups[0],
                                   .sharers = sharers,
                                   .weight = 1,
                                   .now_ns = NOW,
                                   .wall_s = 1800000000};
}

static int teardown(void **state)
{
    (void)state;
    plan_table_finish(&table);
    return 0;
}

static unsigned admitted_of(const struct share_question *question, unsigned count)
{
    unsigned admitted = 0;

    for (unsigned i = 0; i < count; i++)
        admitted += share_take(question, shares, answers) == SHARE_ADMITS;
    return admitted;
}

static void test_a_part_of_the_window(void **state)
{
    struct share_question question = question_for("{\"p\":{\"limit\":100}}", 8);

    (void)state;
    assert_int_equal(admitted_of(&question, 100), 12);
    assert_int_equal(share_take_owed(question.group->limits[0], &shares[0], question.now_ns), 12);
    assert_int_equal(share_take_owed(question.group->limits[0], &shares[0], question.now_ns), 0);
    question.now_ns += 59 * GW_NS_PER_SECOND; /* told, but not forgotten */
    assert_int_equal(admitted_of(&question, 100), 0);
    question.now_ns += GW_NS_PER_SECOND;
    assert_int_equal(admitted_of(&question, 100), 12);
    question.sharers = 1000; /* at least one */
    question.now_ns += 60 * GW_NS_PER_SECOND;
    assert_int_equal(share_take_owed(question.group->limits[0], &shares[0], question.now_ns), 0);
    question.weight = 5; /* and a heavy one is one, too */
    assert_int_equal(admitted_of(&question, 100), 1);
}

static void test_a_part_of_the_rate(void **state)
{
    struct share_question question =
        question_for("{\"p\":{\"limit\":100,\"burst\":10}}", 3); /* 33 a minute, 3 at once */

    (void)state;
    assert_int_equal(admitted_of(&question, 20), 3);
    assert_int_equal(share_take_owed(question.group->limits[0], &shares[0], question.now_ns), 3);
    question.now_ns += 2 * GW_NS_PER_SECOND; /* the plan regains 3.3, the share 1.1 */
    assert_int_equal(admitted_of(&question, 20), 1);
    share_owe(question.group->limits[0], &shares[0], 4, question.now_ns);
    question.now_ns += GW_NS_PER_SECOND; /* the plan regains 1.67 of 5 */
    assert_int_equal(share_take_owed(question.group->limits[0], &shares[0], question.now_ns), 4);
    assert_int_equal(share_take_owed(question.group->limits[0], &shares[0], question.now_ns), 0);
}

static void test_quotas(void **state)
{
    struct share_question question = question_for(
        "{\"p\":{\"limits\":{\"month\":{\"quota\":1000},\"minute\":{\"limit\":100}}}}", 1);

    (void)state;
    assert_int_equal(share_take(&question, shares, answers), 0); /* closed */
    assert_int_equal(share_take_owed(question.group->limits[1], &shares[1], NOW),
                     0); /* all or nothing */
    plan_table_finish(&table);
    question = question_for(
        "{\"p\":{\"limits\":{\"day\":{\"quota\":5,\"per\":\"day\",\"away\":\"open\"}}}}", 1);
    assert_int_equal(admitted_of(&question, 7), 7);
    assert_int_equal(share_take_owed(question.group->limits[0], &shares[0], NOW), 7);
    question.wall_s += 86400; /* another day, another count */
    assert_int_equal(admitted_of(&question, 1), 1);
    assert_int_equal(share_take_owed(question.group->limits[0], &shares[0], NOW), 1);
}

static void test_slots(void **state)
{
    struct share_question question =
        question_for("{\"p\":{\"limits\":{\"slots\":{\"concurrent\":10}}}}", 4);

    (void)state;
    question.slots_held = 1;
    assert_int_equal(share_take(&question, shares, answers), SHARE_ADMITS);
    question.slots_held = 2;
    assert_int_equal(share_take(&question, shares, answers), 0);
    assert_int_equal(answers[0].reset_ns, GW_NS_PER_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_part_of_the_window, teardown),
        cmocka_unit_test_teardown(test_a_part_of_the_rate, teardown),
        cmocka_unit_test_teardown(test_quotas, teardown),
        cmocka_unit_test_teardown(test_slots, teardown),
    };

    return cmocka_run_group_tests_name("share", tests, NULL, NULL);
}
