/* Answers as they are kept: written and read back; what is not one; what an outcome is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/idempotency/answer.h"
#include "policies/idempotency/outcome.h"

static struct gw_arena arena;

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const char body[] = "{\n\n\"a\":\0 1}";
    struct answer answer = {.status = 201, .is_whole = true, .body = GW_STR(body)}, back;
    struct gw_str text;

    assert_int_equal(answer_add(&answer, GW_STR("Content-Type"), GW_STR("a/b; c=\"d: e\"")), 0);
    assert_int_equal(answer_add(&answer, GW_STR("X-Empty"), GW_STR("")), 0);
    assert_int_equal(answer_write(&arena, &answer, &text), 0);
    assert_int_equal(answer_read(&arena, text, &back), 0);
    assert_int_equal(back.status, 201);
    assert_true(back.is_whole);
    assert_int_equal(back.field_count, 2);
    assert_string_equal(back.fields[0].name.ptr, "Content-Type");
    assert_string_equal(back.fields[0].value.ptr, "a/b; c=\"d: e\"");
    assert_int_equal(back.fields[1].value.len, 0);
    assert_true(gw_str_equal(back.body, answer.body));

    answer.is_whole = false;
    assert_int_equal(answer_write(&arena, &answer, &text), 0);
    assert_int_equal(answer_read(&arena, text, &back), 0);
    assert_false(back.is_whole);
    assert_int_equal(back.body.len, 0);
}

static void heads_are_bounded_and_sound(void **state)
{
    (void)state;
    static char long_value[ANSWER_MAX_HEAD_BYTES];
    struct answer answer = {.status = 200, .is_whole = true};
    struct gw_str text;

    memset(long_value, 'v', sizeof(long_value));
    answer.fields[answer.field_count++] =
        (struct gw_field){GW_STR("A"), gw_str_from(long_value, sizeof(long_value))};
    assert_int_equal(answer_write(&arena, &answer, &text), -ENOSPC);
    answer.fields[0] = (struct gw_field){GW_STR("A"), GW_STR("b\nC: d")};
    assert_int_equal(answer_write(&arena, &answer, &text), -EINVAL);
    answer.fields[0] = (struct gw_field){GW_STR("A:"), GW_STR("b")};
    assert_int_equal(answer_write(&arena, &answer, &text), -EINVAL);
    answer = (struct answer){.status = 500};
    assert_int_equal(answer_write(&arena, &answer, &text), -EINVAL);
    answer.field_count = 0;
    for (size_t i = 0; i < ANSWER_MAX_FIELDS; i++)
        assert_int_equal(answer_add(&answer, GW_STR("A"), GW_STR("b")), 0);
    assert_int_equal(answer_add(&answer, GW_STR("A"), GW_STR("b")), -ENOSPC);
}

static void other_texts_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "MG1 200 whole",
        "MG1 200 whole\n",
        "MG2 200 whole\n\n",
        "MG1 199 whole\n\n",
        "MG1 500 whole\n\n",
        "MG1 2x0 whole\n\n",
        "MG1 200  whole\n\n",
        "MG1 200 partly\n\n",
        "MG1 200 absent\n\nbody",
        "MG1 200 whole\nA\n\n",
        "MG1 200 whole\nA:b\n\n",
        "MG1 200 whole\n: b\n\n",
        "MG1 200 whole\nA: b",
        "MG1 200 whole\nA: b\r\n\n",
        "MG1 200 whole\nA b: c\n\n",
    };
    struct answer answer;

    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        int rc = answer_read(&arena, gw_str_of(texts[i]), &answer);
        if (rc != -EINVAL)
            print_error("%s\n", texts[i]);
        assert_int_equal(rc, -EINVAL);
    }
}

static void sessions_and_moments_are_not_kept(void **state)
{
    (void)state;
    const struct gw_str more[] = {GW_STR("X-Kept"), GW_STR("Set-Cookie")};

    assert_true(answer_keeps(GW_STR("content-TYPE"), NULL, 0));
    assert_true(answer_keeps(GW_STR("Location"), NULL, 0));
    assert_false(answer_keeps(GW_STR("X-Kept"), NULL, 0));
    assert_true(answer_keeps(GW_STR("x-kept"), more, 2));
    assert_false(answer_keeps(GW_STR("Set-Cookie"), more, 2));
    assert_false(answer_keeps(GW_STR("Date"), more, 2));
    assert_false(answer_may_keep(GW_STR("DATE")));
    assert_false(answer_may_keep(GW_STR("")));
}

static void outcomes(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool was_sent, was_replaced;
        enum outcome outcome;
    } cases[] = {
        {0, false, true, OUTCOME_NOT_EXECUTED},   {0, true, true, OUTCOME_UNKNOWN},
        {200, true, false, OUTCOME_EXECUTED},     {201, true, false, OUTCOME_EXECUTED},
        {303, true, false, OUTCOME_EXECUTED},     {400, true, false, OUTCOME_EXECUTED},
        {409, true, false, OUTCOME_EXECUTED},     {401, true, false, OUTCOME_NOT_EXECUTED},
        {401, true, true, OUTCOME_NOT_EXECUTED},  {408, true, false, OUTCOME_NOT_EXECUTED},
        {425, true, false, OUTCOME_NOT_EXECUTED}, {429, true, false, OUTCOME_NOT_EXECUTED},
        {503, true, false, OUTCOME_NOT_EXECUTED}, {500, true, false, OUTCOME_UNKNOWN},
        {502, true, false, OUTCOME_UNKNOWN},      {504, true, false, OUTCOME_UNKNOWN},
        {200, true, true, OUTCOME_UNKNOWN},       {501, true, false, OUTCOME_UNKNOWN},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++)
        assert_int_equal(outcome_of(cases[i].status, cases[i].was_sent, cases[i].was_replaced),
                         cases[i].outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(heads_are_bounded_and_sound),
        cmocka_unit_test(other_texts_are_none),
        cmocka_unit_test(sessions_and_moments_are_not_kept),
        cmocka_unit_test(outcomes),
    };

    gw_arena_init(&arena, 4096, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_arena_finish(&arena);
    return failed;
}
