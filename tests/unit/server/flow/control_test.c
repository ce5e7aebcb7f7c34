/* fork, try, raise, wait, timeouts: what runs beside what, and what happens when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/flow_rig.h"

static struct flow_rig rig;

static int open_rig(void **state)
{
    (void)state;
    flow_rig_open(&rig);
    return 0;
}

static int close_rig(void **state)
{
    (void)state;
    flow_rig_close(&rig);
    return 0;
}

#define SLOW(ms) "call: desk.slow, with: {backend: desk, ms: " #ms "}"

static void branches_run_beside_each_other(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "do:\n"
        "- f:\n"
        "    fork:\n"
        "      branches:\n"
        "      - a: {" SLOW(60) ", output: {as: '1'}}\n"
                                "      - b: {do: [{x: {" SLOW(20) "}}, {y: {" SLOW(
                                    30) "}}],"
                                        " output: {as: .ms}}\n"
                                        "      - c: {set: {c: '${ $input.n }'}, then: exit}\n",
        "{\"n\": 5}", "[1, 30, {\"c\": 5}]");
    assert_int_equal(rig.call_count, 3);
    assert_int_equal(rig.most_open, 2);
}

static void the_first_wins_and_the_others_are_given_up(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "do:\n"
        "- f:\n"
        "    fork:\n"
        "      compete: true\n"
        "      branches:\n"
        "      - a: {" SLOW(
            9000) "}\n"
                  "      - b: {do: [{x: {" SLOW(
                      10) "}}]}\n"
                          "      - c: {wait: PT9S}\n"
                          "      - d: {call: openapi, with: {operationId: getLater}}\n"
                          "      - e: {raise: {error: {type: 'urn:x', status: 400}}}\n",
        "{}", "{\"ms\": 10}");
    assert_int_equal(rig.cancelled_calls, 2);
}

static void a_failing_branch_fails_all(void **state)
{
    static const char body[] =
        "do:\n"
        "- f:\n"
        "    fork:\n"
        "      compete: %s\n"
        "      branches:\n"
        "      - a: {" SLOW(9000) "}\n"
                                  "      - b: {raise: {error: {type: 'urn:x', status: 400}}}\n";
    char text[1000];

    (void)state;
    snprintf(text, sizeof(text), body, "false");
    flow_rig_assert_error(&rig, text, "{}", "urn:x", "/do/0/f/fork/branches/1/b");
    assert_int_equal(rig.cancelled_calls, 1);
    flow_rig_assert_error(&rig,
                          "do:\n"
                          "- f:\n"
                          "    fork:\n"
                          "      compete: true\n"
                          "      branches:\n"
                          "      - a: {raise: {error: {type: 'urn:x', status: 400}}}\n"
                          "      - b: {raise: {error: {type: 'urn:y', status: 400}}}\n",
                          "{}", "urn:x", "/do/0/f/fork/branches/0/a");
}

static void a_branch_may_end_all(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "do:\n"
        "- f: {fork: {branches: [{a: {" SLOW(9000) "}},"
                                                   " {b: {set: {b: 1}, then: end}}]}}\n"
                                                   "- g: {set: {g: 1}}\n",
        "{}", "{\"b\": 1}");
    assert_int_equal(rig.cancelled_calls, 1);
}

static void errors_are_raised(void **state)
{
    (void)state;
    flow_rig_assert_error(
        &rig,
        "use: {errors: {full: {type: 'https://x/full', status: 409, title: Full,"
        " detail: '${ \"order \\(.id) is too much\" }', members: {rule: full, id: '${ .id }'}}}}\n"
        "do: [{a: {do: [{b: {raise: {error: full}}}]}}]\n",
        "{\"id\": 12}", "https://x/full", "/do/0/a/do/0/b");
    assert_int_equal(rig.error.status, 409);
    assert_true(rig.error.is_raised);
    assert_string_equal(rig.title, "Full");
    assert_string_equal(rig.detail, "order 12 is too much");
    assert_true(flow_rig_equal(rig.members, "{\"rule\": \"full\", \"id\": 12}"));
    flow_rig_assert_error(&rig, "do: [{a: {raise: {error: {type: 'urn:x', status: '${ .n }'}}}}]",
                          "{\"n\": 422}", "urn:x", "/do/0/a");
    assert_int_equal(rig.error.status, 422);
    flow_rig_assert_error(&rig, "do: [{a: {raise: {error: {type: 'urn:x', status: '${ .n }'}}}}]",
                          "{\"n\": 200}", "expression", "/do/0/a");
}

static void errors_are_caught(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "do:\n"
        "- t:\n"
        "    try: [{a: {set: {n: 2}}}, {b: {raise: {error: {type: 'urn:x', status: 422,"
        " title: T, detail: D}}}}]\n"
        "    catch:\n"
        "      errors: {with: {type: 'urn:x', status: 422, title: T, details: D,"
        " instance: /do/0/t/try/1/b}}\n"
        "      as: wrong\n"
        "      when: $wrong.status == 422 and .n == 1\n"
        "      do: [{c: {set: {got: '${ $wrong }', n: '${ .n }'}}}]\n"
        "- d: {set: '${ .got + {n} }'}\n",
        "{\"n\": 1}",
        "{\"type\": \"urn:x\", \"status\": 422, \"title\": \"T\", \"detail\": \"D\","
        " \"instance\": \"/do/0/t/try/1/b\", \"n\": 1}");
    flow_rig_assert_output(&rig,
                           "do: [{t: {try: [{a: {raise: {error: {type: 'urn:x', status: 500}}}}],"
                           " catch: {}}}]",
                           "{\"n\": 1}", "{\"n\": 1}");
}

static void other_errors_pass_by(void **state)
{
    static const char *const filters[] = {
        "errors: {with: {type: 'urn:y'}}", "errors: {with: {status: 401}}",
        "errors: {with: {title: T}}",      "errors: {with: {instance: /do/0}}",
        "errors: {with: {details: D}}",    "when: $error.status == 401",
        "exceptWhen: $error.status == 400"};
    char body[500];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(filters); i++) {
        snprintf(body, sizeof(body),
                 "do: [{o: {try: [{t: {try: [{a: {raise: {error: {type: 'urn:x', status: 400}}}}],"
                 " catch: {%s, do: [{b: {set: {n: 0}}}]}}}], catch: {errors: {with: {status: 402}},"
                 " do: [{c: {set: {n: 0}}}]}}}]",
                 filters[i]);
        flow_rig_assert_error(&rig, body, "{}", "urn:x", "/do/0/o/try/0/t/try/0/a");
    }
    /* What fails within `catch` is not caught by it, but by the next one. */
    flow_rig_assert_output(
        &rig,
        "do: [{o: {try: [{t: {try: [{a: {raise: {error: {type: 'urn:x', status: 400}}}}],"
        " catch: {do: [{b: {raise: {error: {type: 'urn:b', status: 400}}}}]}}}],"
        " catch: {do: [{c: {set: {is: '${ $error.type }'}}}]}}}]",
        "{}", "{\"is\": \"urn:b\"}");
}

#define WRITE "call: desk.write, with: {backend: desk, what: x, error: "

static void what_fails_is_tried_again(void **state)
{
    (void)state;
    rig.failures_left = 3;
    flow_rig_assert_output(&rig,
                           "use: {retries: {calm: {delay: {milliseconds: 20},"
                           " backoff: {exponential: {}}, limit: {attempt: {count: 3}}}}}\n"
                           "do: [{t: {try: [{a: {" WRITE "unavailable}}}],"
                           " catch: {errors: {with: {type: "
                           "'https://serverlessworkflow.io/spec/1.0.0/errors/communication'}},"
                           " retry: calm}}}]",
                           "{}", "{\"what\": \"x\", \"error\": \"unavailable\"}");
    assert_int_equal(rig.call_count, 4);
    assert_true(rig.at_ms[1] - rig.at_ms[0] >= 18);
    assert_true(rig.at_ms[2] - rig.at_ms[1] >= 36);
    assert_true(rig.at_ms[3] - rig.at_ms[2] >= 72);
    for (int i = 0; i < 4; i++)
        assert_string_equal(rig.keys[i], "key-1/do/0/t/try/0/a");
}

static void trying_has_limits(void **state)
{
    static const char body[] = "do: [{t: {try: [{a: {" WRITE "%s}}}], catch: {retry: {%s}%s}}}]";
    char text[500];

    (void)state;
    rig.failures_left = 1000;
    snprintf(text, sizeof(text), body, "unavailable", "limit: {attempt: {count: 2}}", "");
    flow_rig_assert_error(&rig, text, "{}", "https://millgate.dev/errors/unavailable",
                          "/do/0/t/try/0/a");
    assert_int_equal(rig.call_count, 3);
    snprintf(text, sizeof(text), body, "unavailable", "limit: {attempt: {count: 2}}",
             ", do: [{m: {set: {code: '${ $error.code }', class: '${ $error.class }'}}}]");
    flow_rig_assert_output(&rig, text, "{}", "{\"code\": \"E7\", \"class\": \"unavailable\"}");
    /* The class says that it is in vain; a condition of the author says otherwise. */
    snprintf(text, sizeof(text), body, "refused", "limit: {attempt: {count: 2}}", "");
    flow_rig_assert_error(&rig, text, "{}", "https://millgate.dev/errors/refused",
                          "/do/0/t/try/0/a");
    assert_int_equal(rig.call_count, 1);
    snprintf(text, sizeof(text), body, "refused",
             "when: $error.class == \"refused\", limit: {attempt: {count: 2}}", "");
    flow_rig_assert_error(&rig, text, "{}", "https://millgate.dev/errors/refused",
                          "/do/0/t/try/0/a");
    assert_int_equal(rig.call_count, 3);
    snprintf(text, sizeof(text), body, "unavailable",
             "delay: PT0.02S, backoff: {linear: {}}, limit: {duration: PT0.09S}", "");
    flow_rig_assert_error(&rig, text, "{}", "https://millgate.dev/errors/unavailable",
                          "/do/0/t/try/0/a");
    assert_int_equal(rig.call_count, 3); /* after 20 and 60 ms; the next would be after 120 */
    snprintf(text, sizeof(text), body, "unavailable", "delay: PT1H", "");
    flow_rig_assert_error(&rig, text, "{}", "https://millgate.dev/errors/unavailable",
                          "/do/0/t/try/0/a");
    assert_int_equal(rig.call_count, 1); /* it would be behind the deadline */
}

static void an_attempt_has_its_time(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "do: [{t: {try: [{a: {" SLOW(9000) "}}], catch: {retry:"
                                           " {limit: {attempt: {count: 2, duration: PT0.02S}}},"
                                           " do: [{b: {set: {is: '${ $error.status }'}}}]}}}]",
        "{}", "{\"is\": 408}");
    assert_int_equal(rig.call_count, 3);
    assert_int_equal(rig.cancelled_calls, 3);
}

static void time_runs_out(void **state)
{
    (void)state;
    flow_rig_assert_error(&rig, "do: [{a: {timeout: {after: PT0.02S}, " SLOW(9000) "}}]", "{}",
                          "timeout", "/do/0/a");
    assert_int_equal(rig.cancelled_calls, 1);
    flow_rig_assert_error(&rig,
                          "use: {timeouts: {short: {after: {milliseconds: 20}}}}\n"
                          "timeout: short\n"
                          "do: [{a: {do: [{b: {wait: {seconds: 9}}}]}}]",
                          "{}", "timeout", "");
    flow_rig_assert_output(
        &rig,
        "do: [{t: {try: [{a: {timeout: {after: PT0.02S}, do: [{b: {wait: PT9S}}]}}],"
        " catch: {errors: {with: {status: 408}}, do: [{c: {set: {late: true}}}]}}}]",
        "{}", "{\"late\": true}");
}

static void waiting_takes_its_time(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "do: [{w: {wait: '${ .d }'}}, {a: {call: desk.echo, with: {backend: desk}}},"
        " {x: {wait: {milliseconds: 30}}}, {b: {call: desk.echo, with: {backend: "
        "desk}}}]",
        "{\"d\": \"PT0.03S\"}", "{}");
    assert_true(rig.at_ms[0] >= 29);
    assert_true(rig.at_ms[1] >= rig.at_ms[0] + 29);
    flow_rig_assert_error(&rig, "do: [{w: {wait: '${ .d }'}}]", "{\"d\": \"PT\"}", "expression",
                          "/do/0/w");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(branches_run_beside_each_other, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(the_first_wins_and_the_others_are_given_up, open_rig,
                                        close_rig),
        cmocka_unit_test_setup_teardown(a_failing_branch_fails_all, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(a_branch_may_end_all, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(errors_are_raised, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(errors_are_caught, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(other_errors_pass_by, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(what_fails_is_tried_again, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(trying_has_limits, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(an_attempt_has_its_time, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(time_runs_out, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(waiting_takes_its_time, open_rig, close_rig),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
