/* Runs: what each kind of task does, and how data goes from one to the next. */
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

static void outputs_are_the_next_inputs(void **state)
{
    (void)state;
    flow_rig_assert_output(&rig,
                           "do:\n"
                           "- a: {set: {n: '${ .n + 1 }', keep: [1, {x: '${ .n }'}, plain]}}\n"
                           "- b: {set: {n: '${ .n * 10 }', was: '${ .keep }'}}\n",
                           "{\"n\": 1}", "{\"n\": 20, \"was\": [1, {\"x\": 1}, \"plain\"]}");
    flow_rig_assert_output(&rig, "do: [{a: {set: '${ .list }'}}]", "{\"list\": [1, 2]}", "[1, 2]");
    flow_rig_assert_output(&rig, "do: [{a: {do: []}}]", "{\"n\": 1}", "{\"n\": 1}");
}

static void literals_keep_their_digits(void **state)
{
    (void)state;
    flow_rig_load_body(&rig, "do: [{a: {set: {whole: 12345678901234567, part: 0.1}}}]");
    flow_rig_run(&rig, "{}");
    assert_string_equal(rig.output, "{\"whole\":12345678901234567,\"part\":0.1}");
}

static void inputs_and_outputs_are_filtered(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "input: {from: .order}\n"
        "do:\n"
        "- a:\n"
        "    input: {from: '${ {id} }'}\n"
        "    set: {got: '${ . }', input: '${ $input }'}\n"
        "    output: {as: {was: '${ .got.id }', input: '${ $input.id }', k: v}}\n"
        "output: {as: '[., $context]'}\n",
        "{\"order\": {\"id\": 7, \"x\": 1}}", "[{\"was\": 7, \"input\": 7, \"k\": \"v\"}, {}]");
}

static void exports_make_the_context(void **state)
{
    (void)state;
    flow_rig_assert_output(&rig,
                           "do:\n"
                           "- a: {set: {n: 1}, output: {as: .n},"
                           "      export: {as: '$context + {a: ., out: $output}'}}\n"
                           "- b: {set: {n: 2}, export: {as: '$context + {b: .n}'}}\n"
                           "- c: {set: '${ $context }'}\n",
                           "{}", "{\"a\": 1, \"out\": 1, \"b\": 2}");
}

static void conditions_skip(void **state)
{
    (void)state;
    flow_rig_assert_output(&rig,
                           "do:\n"
                           "- a: {if: .n > 5, set: {n: 0}, then: end}\n"
                           "- b: {if: '${ .n == 1 }', set: {n: '${ .n + 1 }'}}\n",
                           "{\"n\": 1}", "{\"n\": 2}");
    flow_rig_assert_output(&rig,
                           "do:\n"
                           "- a: {if: 'null', input: {from: .n}, output: {as: '9'}, set: {n: 0}}\n",
                           "{\"n\": 1}", "{\"n\": 1}");
}

static void directives_lead(void **state)
{
    static const char jumps[] = "do:\n"
                                "- a: {set: {n: '${ .n + 1 }'}}\n"
                                "- again: {switch: [{more: {when: .n < 5, then: a}}]}\n"
                                "- inner:\n"
                                "    do:\n"
                                "    - x: {set: {n: '${ .n + 100 }'}, then: exit}\n"
                                "    - y: {set: {n: 0}}\n"
                                "- b: {set: {n: '${ .n + 1000 }'}, then: end}\n"
                                "- c: {set: {n: 0}}\n";

    (void)state;
    flow_rig_assert_output(&rig, jumps, "{\"n\": 1}", "{\"n\": 1105}");
    flow_rig_assert_output(&rig,
                           "do:\n"
                           "- a: {do: [{b: {do: [{c: {set: {n: 1}, then: end}}]}}]}\n"
                           "- d: {set: {n: 2}}\n"
                           "output: {as: {end: '${ .n }'}}\n",
                           "{}", "{\"end\": 1}");
}

static void switches_choose(void **state)
{
    static const char body[] = "do:\n"
                               "- s:\n"
                               "    switch:\n"
                               "    - one: {when: .n == 1, then: first}\n"
                               "    - bad: {when: .n == 2 or (.n.x > 1), then: second}\n"
                               "    - else: {then: exit}\n"
                               "- first: {set: {was: 1}, then: end}\n"
                               "- second: {set: {was: 2}}\n";

    (void)state;
    flow_rig_assert_output(&rig, body, "{\"n\": 1}", "{\"was\": 1}");
    flow_rig_assert_output(&rig, body, "{\"n\": 2}", "{\"was\": 2}");
    flow_rig_assert_output(&rig, body, "{\"n\": {\"x\": 0}}", "{\"n\": {\"x\": 0}}");
    flow_rig_assert_error(&rig, body, "{\"n\": 3}", "expression", "/do/0/s");
}

static void loops_go_round(void **state)
{
    (void)state;
    flow_rig_assert_output(&rig,
                           "do:\n"
                           "- l:\n"
                           "    for: {in: .items}\n"
                           "    do: [{a: {set: {items: [], sum: '${ .sum + $item * $index }'}}}]\n",
                           "{\"items\": [5, 6, 7]}", "{\"items\": [], \"sum\": 20}");
    flow_rig_assert_output(&rig,
                           "do:\n"
                           "- l:\n"
                           "    for: {each: x, at: i, in: '[1, 2, 3, 4]'}\n"
                           "    while: $x < 3 and .n < 100\n"
                           "    do:\n"
                           "    - l2:\n"
                           "        for: {each: y, at: k, in: '[10, 20]'}\n"
                           "        do: [{a: {set: {n: '${ .n + $x * $y + $i * $k }'}}}]\n",
                           "{}", "{\"n\": 91}");
    flow_rig_assert_output(&rig, "do: [{l: {for: {in: '[]'}, do: [{a: {set: {n: 1}}}]}}]",
                           "{\"n\": 0}", "{\"n\": 0}");
    flow_rig_assert_output(
        &rig,
        "do: [{l: {for: {in: '[1,2,3]'}, do: [{a: {set: {n: '${ $item }'},"
        " if: '$item < 3'}}, {b: {switch: [{x: {when: '.n == 2', then: exit}}]}}]}}]",
        "{}", "{\"n\": 2}");
    flow_rig_assert_error(&rig, "do: [{l: {for: {in: .n}, do: [{a: {set: {n: 1}}}]}}]",
                          "{\"n\": {}}", "expression", "/do/0/l");
}

static void arguments_of_expressions_are_there(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "do:\n"
        "- t:\n"
        "    input: {from: .n}\n"
        "    metadata: {owner: me}\n"
        "    set:\n"
        "      task: '${ $task | [.name, .reference, .definition.metadata.owner, .input, .output] "
        "}'\n"
        "      workflow: '${ $workflow | [.definition.document.name, .input, (.id | length)] }'\n"
        "      runtime: '${ $runtime.name }'\n"
        "      who: '${ $authorization }'\n"
        "      effect: '${ $task.effectKey | test(\"^[0-9a-f]{30}$\") }'\n"
        "      time: '${ $task.startedAt.epoch.seconds > 1600000000 and"
        "        ($workflow.startedAt.iso8601 | endswith(\"Z\")) }'\n",
        "{\"n\": 3}",
        "{\"task\": [\"t\", \"/do/0/t\", \"me\", {\"n\": 3}, null],"
        " \"workflow\": [\"flow\", {\"n\": 3}, 16], \"runtime\": \"millgate\", \"who\": null,"
        " \"effect\": true,"
        " \"time\": true}");
}

static void mappings_are_functions_of_all(void **state)
{
    (void)state;
    flow_rig_write(&rig, "m.jq", "def twice: . * 2;\ndef named($x): {name: $x};\n");
    assert_int_equal(
        flow_rig_load(&rig, "document: {dsl: 1.0.0, namespace: a, name: b, version: 1.0.0,"
                            " metadata: {mappings: [m.jq]}}\n"
                            "do: [{a: {set: {n: '${ .n | twice }', x: '${ named(.n) }'}}}]\n"),
        0);
    flow_rig_run(&rig, "{\"n\": 4}");
    assert_true(flow_rig_equal(rig.output, "{\"n\": 8, \"x\": {\"name\": 4}}"));
    assert_true(gw_flow_is_current(rig.flow));
    flow_rig_write(&rig, "m.jq", "def twice: . * 3;");
    assert_false(gw_flow_is_current(rig.flow));
}

static void schemas_are_checked(void **state)
{
    static const char body[] =
        "input: {schema: {document: {type: object, required: [n]}}}\n"
        "do:\n"
        "- a:\n"
        "    input: {schema: {format: json, resource: {endpoint: n.yaml#/$defs/n}}}\n"
        "    set: '${ .m }'\n"
        "    output: {schema: {document: {type: [integer, 'null']}}}\n"
        "    export: {as: '{k: .}', schema: {document: {properties: {k: {maximum: 3}}}}}\n";

    (void)state;
    flow_rig_write(&rig, "n.yaml", "$defs: {n: {properties: {n: {type: integer}}}}");
    flow_rig_assert_output(&rig, body, "{\"n\": 1, \"m\": 2}", "2");
    flow_rig_assert_error(&rig, body, "{}", "validation", "");
    assert_non_null(strstr(rig.reason, "the input breaks its schema"));
    flow_rig_assert_error(&rig, body, "{\"n\": \"x\"}", "validation", "/do/0/a");
    assert_non_null(strstr(rig.reason, "/n must be an integer"));
    flow_rig_assert_error(&rig, body, "{\"n\": 1, \"m\": \"x\"}", "validation", "/do/0/a");
    flow_rig_assert_error(&rig, body, "{\"n\": 1, \"m\": 4}", "validation", "/do/0/a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(outputs_are_the_next_inputs, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(literals_keep_their_digits, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(inputs_and_outputs_are_filtered, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(exports_make_the_context, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(conditions_skip, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(directives_lead, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(switches_choose, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(loops_go_round, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(arguments_of_expressions_are_there, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(mappings_are_functions_of_all, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(schemas_are_checked, open_rig, close_rig),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
