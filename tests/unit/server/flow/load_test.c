/* Documents: what is refused, at which place, and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/buf.h"
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

static void heads_are_checked(void **state)
{
    static const struct {
        const char *head, *told;
    } cases[] = {
        {"dsl: 0.9.0, namespace: a, name: b, version: 1.0.0", "1:17: error: \"dsl\" is a version"},
        {"dsl: 1.0.0, namespace: a b, name: b, version: 1.0.0", "\"namespace\" is letters"},
        {"dsl: 1.0.0, namespace: a, name: -b, version: 1.0.0", "\"name\" is letters"},
        {"dsl: 1.0.0, namespace: a, name: b, version: '1.0'", "semantic version"},
        {"dsl: 1.0.0, namespace: a, name: b", "\"version\" of `document` is missing"},
        {"dsl: 1.0.0, namespace: a, nam: b, version: 1.0.0", "did you mean \"name\"?"},
        {"dsl: 1.0.0, namespace: a, name: 7, version: 1.0.0", "\"name\" must be a string"},
        {"dsl: 1.0.0, namespace: a, name: b, version: 1.0.0, metadata: {mappings: [x.txt]}",
         "a mapping is the name of a *.jq file"},
        {"dsl: 1.0.0, namespace: a, name: b, version: 1.0.0, metadata: {mappings: [no.jq]}",
         "no.jq cannot be read"},
    };
    char text[400];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        snprintf(text, sizeof(text), "document: {%s}\ndo: [{a: {set: {n: 1}}}]\n", cases[i].head);
        assert_int_not_equal(flow_rig_load(&rig, text), 0);
        if (strstr(rig.findings, cases[i].told) == NULL)
            fail_msg("\"%s\" is not said in:\n%s", cases[i].told, rig.findings);
    }
    assert_int_equal(flow_rig_load(&rig, "document: {dsl: 1.0.3, namespace: erp, name: list,"
                                         " version: 1.2.3-rc.1}\ndo: [{a: {set: {n: 1}}}]\n"),
                     0);
    assert_true(gw_str_equal(gw_flow_name(rig.flow), GW_STR("erp/list")));
    assert_true(gw_str_equal(gw_flow_version(rig.flow), GW_STR("1.2.3-rc.1")));
}

/* Whoever opens a pipe to read waits for a writer. */
static void a_pipe_is_no_file(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/pipe.jq", rig.folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(20);
    assert_int_not_equal(
        flow_rig_load(&rig, "document: {dsl: 1.0.0, namespace: a, name: b, version: 1.0.0,"
                            " metadata: {mappings: [pipe.jq]}}\ndo: [{a: {set: {n: 1}}}]\n"),
        0);
    assert_non_null(strstr(rig.findings, "pipe.jq cannot be read"));
    flow_rig_assert_refused(&rig,
                            "input: {schema: {resource: {endpoint: pipe.jq}}}\n"
                            "do: [{a: {set: {n: 1}}}]\n",
                            "pipe.jq");
    alarm(0);
    unlink(path);
}

static void documents_are_refused(void **state)
{
    /* Line 1 is the head. */
    static const struct {
        const char *body, *told;
    } cases[] = {
        {"do: []", "2:5: error: \"do\" has no task"},
        {"do: {}", "2:5: error: \"do\" must be an array, but is an object"},
        {"to: []", "\"do\" of a workflow is missing"},
        {"schedule: {cron: x}\ndo: []", "\"schedule\" of a workflow is not supported"},
        {"use: {secrets: [x]}\ndo: []", "2:7: error: \"secrets\" of `use` is not supported"},
        {"do: [{a: {set: {n: 1}}}, {a: {set: {n: 1}}}]", "is the name of two tasks"},
        {"do: [{end: {set: {n: 1}}}]", "is a word of `then`"},
        {"do: [{a: {set: {n: 1}}, b: {set: {n: 1}}}]", "an object of one member"},
        {"do: [{a: {st: {n: 1}}}]", "\"st\" is no kind of task; did you mean \"set\"?"},
        {"do: [{a: {set: {n: 1}, thn: b}}]", "\"thn\" is no member of a set task; did you mean "
                                             "\"then\"?"},
        {"do: [{a: {set: {n: 1}, then: bok}}, {book: {set: {n: 1}}}]", "did you mean \"book\"?"},
        {"do: [{a: {set: x}}]", "is an object, or one expression"},
        {"do: [{a: {emit: {}}}]", "2:11: error: \"emit\" is not supported"},
        {"do: [{a: {listen: {}}}]", "\"listen\" is not supported"},
        {"do: [{a: {run: {}}}]", "\"run\" is not supported"},
        {"do: [{a: {call: grpc, with: {}}}]", "call: grpc is not supported"},
        {"do: [{a: {call: asyncapi, with: {}}}]", "call: asyncapi is not supported"},
        {"do: [{a: {call: 'log@x', with: {}}}]", "functions of catalogs are not supported"},
        {"do: [{a: {call: desk.ecko, with: {}}}]", "did you mean \"desk.echo\"?"},
        {"do: [{a: {call: desk.echo}}]", "is called `with` its arguments"},
        {"do:\n- a:\n    call: desk.echo\n    with: {backend: dusk}",
         "5:21: error: \"dusk\": there is no such backend"},
        {"do: [{a: {call: desk.write, with: {backend: desk}}}]", "\"what\", an argument of write"},
        {"do: [{a: {call: desk.write, with: {backend: desk, what: x, count: 10}}}]", "count"},
        {"do: [{a: {call: desk.write, with: {backend: desk, what: x, cuont: 1}}}]",
         "\"cuont\" is no argument of write; did you mean \"count\"?"},
        {"do: [{a: {call: http, with: {method: get, endpoint: 'https://x/y'}}}]",
         "is the address of no backend"},
        {"do: [{a: {call: http, with: {backend: desk, method: get, endpoint: y}}}]",
         "begins with /"},
        {"do: [{a: {call: http, with: {backend: desk, method: get, endpoint: /y,"
         " redirect: true}}}]",
         "redirect: true is not supported"},
        {"do: [{a: {call: http, with: {backend: desk, method: get, endpoint: {uri: /y,"
         " authentication: {oauth2: {}}}}}}]",
         "\"oauth2\" of an authentication is not supported"},
        {"do: [{a: {call: openapi, with: {operationId: postX}}}]", "there is no such operation"},
        {"do: [{a: {call: openapi, with: {operationID: getX}}}]", "did you mean \"operationId\"?"},
        {"do: [{a: {for: {each: input, in: .x}, do: []}}]", "$input has a meaning of its own"},
        {"do: [{a: {for: {each: 'a b', in: .x}, do: []}}]", "letters, digits and _"},
        {"do: [{a: {for: {}, do: []}}]", "\"in\" of `for` is missing"},
        {"do: [{a: {switch: []}}]", "a switch has at least one case"},
        {"do: [{a: {switch: [{x: {then: end}}, {y: {then: end}}]}}]", "never reached"},
        {"do: [{a: {switch: [{x: {when: .n}}]}}]", "\"then\" of a case is missing"},
        {"do: [{a: {switch: [{x: {then: b}}]}}]", "\"b\" is no task of the same list"},
        {"do: [{a: {fork: {branches: []}}}]", "a fork has at least one branch"},
        {"do: [{a: {fork: {branches: [{x: {set: {n: 1}, then: y}}, {y: {set: {n: 1}}}]}}}]",
         "a branch cannot go to another one"},
        {"do: [{a: {try: []}}]", "\"catch\" of a try task is missing"},
        {"do: [{a: {try: [], catch: {retry: calm}}}]", "use.retries has no retry policy \"calm\""},
        {"do: [{a: {try: [], catch: {retry: {delay: PT1Y}}}}]", "is no duration"},
        {"do: [{a: {try: [], catch: {retry: {jitter: {from: PT2S, to: PT1S}}}}}]", "not before"},
        {"do: [{a: {try: [], catch: {retry: {backoff: {}}}}}]", "is one of constant, linear"},
        {"do: [{a: {try: [], catch: {errors: {with: {status: 4}}}}}]", "a status is 100 to 599"},
        {"do: [{a: {raise: {error: full}}}]", "use.errors has no error \"full\""},
        {"do: [{a: {raise: {error: {type: x, status: 200}}}}]", "is 400 to 599"},
        {"do: [{a: {wait: 30}}]", "\"wait\" must be a string or an object"},
        {"do: [{a: {wait: {second: 3}}}]", "did you mean \"seconds\"?"},
        {"do: [{a: {wait: P400D}}]", "is longer than 366 days"},
        {"do: [{a: {timeout: x, set: {n: 1}}}]", "use.timeouts has no timeout \"x\""},
        {"do: [{a: {input: {schema: {document: {type: strin}}}, set: {n: 1}}}]", "2:45: error:"},
        {"do: [{a: {input: {schema: {resource: {endpoint: none.yaml}}}, set: {n: 1}}}]",
         "there is no such file"},
        {"do: [{a: {input: {schema: {format: avro, document: {}}}, set: {n: 1}}}]", "format json"},
        {"do: [{a: {input: {schema: {}}, set: {n: 1}}}]", "either `document` or `resource`"},
        {"do: [{a: {set: {n: '${ $contxt.x }'}}}]",
         "there is no variable $contxt here; did you mean \"context\"?"},
        {"do: [{a: {for: {each: x, in: .n}, do: []}}, {b: {set: '${ $x }'}}]", "no variable $x"},
        {"do: [{a: {try: [], catch: {as: 'x y'}}}]", "letters, digits and _"},
        {"use: {functions: {f: {set: {n: 1}, then: b}}}\ndo: [{a: {call: f}}, {b: {call: f}}]",
         "\"b\" is no task of the same list"},
        {"do: [{a: {set: {n: 123456789012345678901}}}]", "more than 64 bits"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++)
        flow_rig_assert_refused(&rig, cases[i].body, cases[i].told);
}

static void variables_are_known_where_they_are(void **state)
{
    (void)state;
    flow_rig_load_body(&rig,
                       "do:\n"
                       "- l:\n"
                       "    for: {each: x, in: '[1]'}\n"
                       "    while: $x > 0 and $index < 9\n"
                       "    do:\n"
                       "    - t:\n"
                       "        try: [{a: {set: {n: '${ . as $y | $y }', m: '${ \"$z\" }'}}}]\n"
                       "        catch: {as: e, when: '$e != $x', retry: {when: $e.status},"
                       " do: [{b: {set: '${ [$e, $x, $context, $task] }'}}]}\n");
}

static void all_is_told_at_once(void **state)
{
    (void)state;
    flow_rig_assert_refused(&rig,
                            "do:\n"
                            "- a: {st: {}}\n"
                            "- b: {call: desk.nothing, with: {backend: desk}}\n"
                            "- c: {do: [{d: {wait: PT}}]}\n"
                            "- e: {call: desk.echo, with: {backend: dusk}}\n",
                            ":3:6: error: \"st\" is no kind");
    assert_non_null(strstr(rig.findings, ":4:13: error: \"desk.nothing\""));
    assert_non_null(strstr(rig.findings, ":5:23: error: is no duration"));
    assert_non_null(strstr(rig.findings, ":6:40: error: \"dusk\": there is no such backend"));
}

static unsigned count_of(const char *text, const char *part)
{
    unsigned count = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

static void what_is_used_is_checked_once(void **state)
{
    (void)state;
    flow_rig_assert_refused(&rig,
                            "use:\n"
                            "  errors: {e: {type: x, status: 1}, f: {typ: y}}\n"
                            "  retries: {r: {dely: PT1S}, s: {delay: x}}\n"
                            "  timeouts: {t: {after: y}, u: {}}\n"
                            "  functions: {g: {st: {}}, h: {call: desk.echo, with: {backend: x}},"
                            " k: 1}\n"
                            "do:\n"
                            "- a: {call: g, timeout: t}\n"
                            "- b: {call: g, timeout: t}\n"
                            "- c: {raise: {error: e}}\n"
                            "- d: {raise: {error: e}}\n"
                            "- m: {try: [], catch: {retry: r}}\n"
                            "- n: {try: [], catch: {retry: r}}\n",
                            "a.flow.yaml");
    assert_int_equal(count_of(rig.findings, "400 to 599"), 1);
    assert_int_equal(count_of(rig.findings, "\"typ\" is no member"), 1);
    assert_int_equal(count_of(rig.findings, "\"dely\" is no member"), 1);
    assert_int_equal(count_of(rig.findings, "is no duration"), 2);
    assert_int_equal(count_of(rig.findings, "\"after\" of a timeout is missing"), 1);
    assert_int_equal(count_of(rig.findings, "\"st\" is no kind of task"), 1);
    assert_int_equal(count_of(rig.findings, "there is no such backend"), 1);
    assert_int_equal(count_of(rig.findings, "must be an object"), 1);
}

static void there_are_bounds(void **state)
{
    struct gw_buf buf;

    (void)state;
    gw_buf_init(&buf, 1 << 20);
    gw_buf_append_text(&buf, "do:\n");
    for (int i = 0; i <= GW_MAX_FLOW_TASKS; i++)
        gw_buf_printf(&buf, "- t%d: {set: {n: 1}}\n", i);
    gw_buf_append_byte(&buf, '\0');
    flow_rig_assert_refused(&rig, buf.ptr, ":3:1: error: more than 500 tasks");
    gw_buf_clear(&buf);
    gw_buf_append_text(&buf, "do:\n- a:\n    set:\n");
    for (int i = 0; i <= 200; i++)
        gw_buf_printf(&buf, "      t%d: ${ .a + %d }\n", i, i);
    gw_buf_append_byte(&buf, '\0');
    flow_rig_assert_refused(&rig, buf.ptr, "more than 200 expressions");
    gw_buf_finish(&buf);
}

static void wrong_expressions_have_a_place(void **state)
{
    (void)state;
    flow_rig_assert_refused(&rig,
                            "do:\n"
                            "- a: {set: {n: '${ .a + 1 }', m: ['${ .b | }']}}\n"
                            "- b: {if: .x ==, set: {n: 1}}\n",
                            ":3:35: error: ");
    assert_non_null(strstr(rig.findings, ":4:11: error: "));
    assert_null(strstr(rig.findings, ":3:18"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(heads_are_checked, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(a_pipe_is_no_file, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(documents_are_refused, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(variables_are_known_where_they_are, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(all_is_told_at_once, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(what_is_used_is_checked_once, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(there_are_bounds, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(wrong_expressions_have_a_place, open_rig, close_rig),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
