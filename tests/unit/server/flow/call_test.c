/* call: connectors, operations and functions; the keys of effects; and the bounds of a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/clock.h"
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

static void connectors_are_called(void **state)
{
    (void)state;
    flow_rig_assert_output(&rig,
                           "do: [{a: {call: desk.echo, with: {backend: '${ .where }', a: '${ .n }',"
                           " b: [1, '${ .n + 1 }']}}}]",
                           "{\"n\": 1, \"where\": \"desk\"}", "{\"a\": 1, \"b\": [1, 2]}");
    assert_string_equal(rig.keys[0], ""); /* a read has none */
    flow_rig_assert_error(&rig, "do: [{a: {call: desk.echo, with: {backend: '${ .where }'}}}]",
                          "{\"where\": \"nowhere\"}", "configuration", "/do/0/a");
}

static void failures_have_their_class(void **state)
{
    (void)state;
    rig.failures_left = 1;
    flow_rig_assert_error(
        &rig, "do: [{a: {call: desk.write, with: {backend: desk, what: x, error: conflict}}}]",
        "{}", "https://millgate.dev/errors/conflict", "/do/0/a");
    assert_int_equal(rig.error.status, 409);
    assert_int_equal(rig.error.connector_error, GW_CONNECTOR_CONFLICT);
    assert_int_equal(rig.error.backend_status, 503);
    assert_false(rig.error.is_raised);
    assert_string_equal(rig.reason, "the desk is closed");
    assert_string_equal(rig.code, "E7");
    assert_string_equal(rig.detail, "");
}

static void http_is_a_path_below_a_backend(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "do: [{a: {call: http, with: {backend: desk, method: post,"
        " endpoint: '/items/{id}/parts?a=1&b={n}', query: {c: '${ .n }'}, headers: {x: y},"
        " body: {n: '${ .n }'}}}}]",
        "{\"id\": \"a/b c\", \"n\": 2}",
        "{\"method\": \"POST\", \"path\": \"/items/a%2Fb%20c/parts\","
        " \"headers\": {\"x\": \"y\"}, \"query\": {\"a\": \"1\", \"b\": \"2\", \"c\": 2},"
        " \"body\": {\"n\": 2}}");
    assert_string_equal(rig.keys[0], "key-1/do/0/a");
    flow_rig_assert_output(
        &rig,
        "use: {authentications: {me: {basic: {username: '${ .u }', password: open sesame}}}}\n"
        "do: [{a: {call: http, with: {backend: desk, method: get, output: response,"
        " endpoint: {uri: '/x', authentication: {use: me}}, headers: {q: r}}}}]",
        "{\"u\": \"Aladdin\"}",
        "{\"request\": {\"method\": \"GET\", \"uri\": \"/x\", \"headers\": {\"q\": \"r\"}},"
        " \"method\": \"GET\", \"path\": \"/x\", \"output\": \"response\", \"headers\":"
        " {\"q\": \"r\", \"authorization\": \"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\"}}");
    assert_string_equal(rig.keys[0], "");
    flow_rig_assert_error(
        &rig, "do: [{a: {call: http, with: {backend: desk, method: get, endpoint: '/x/{y}'}}}]",
        "{}", "expression", "/do/0/a");
}

static struct gw_str find_desk(void *self, struct gw_str url, size_t *out_path_at)
{
    static const struct gw_str address = GW_STR_INIT("https://desk.example/v2");

    (void)self;
    *out_path_at = address.len;
    return gw_str_has_prefix(url, address) ? GW_STR("desk") : (struct gw_str){NULL, 0};
}

static void addresses_lead_to_backends(void **state)
{
    static const char expression[] = "do: [{a: {call: http, with: {method: get,"
                                     " endpoint: '${ \"https://desk.example/v2\\(.path)\" }'}}}]";

    (void)state;
    rig.names.find_backend = find_desk;
    flow_rig_assert_output(&rig,
                           "do: [{a: {call: http, with: {method: get,"
                           " endpoint: 'https://desk.example/v2/x/{n}?q={n}'}}}]",
                           "{\"n\": 1}",
                           "{\"method\": \"GET\", \"path\": \"/x/1\", \"query\": {\"q\": \"1\"}}");
    flow_rig_assert_output(&rig, expression, "{\"path\": \"/y\"}",
                           "{\"method\": \"GET\", \"path\": \"/y\"}");
    flow_rig_assert_refused(&rig,
                            "do: [{a: {call: http, with: {method: get,"
                            " endpoint: '${ \"https://des\\(.x)\" }'}}}]",
                            "\"https://des\" is the address of no backend");
}

static void operations_are_called(void **state)
{
    (void)state;
    flow_rig_assert_output(&rig,
                           "do: [{a: {call: openapi, with: {operationId: getOrder,"
                           " parameters: {id: '${ .id }'}, body: [1]}}}]",
                           "{\"id\": 7}", "{\"parameters\": {\"id\": 7}, \"body\": [1]}");
    assert_string_equal(rig.keys[0], "key-1/do/0/a");
    flow_rig_assert_output(
        &rig,
        "do: [{a: {call: openapi, with: {operationId: getOrder, output: response},"
        " output: {as: '[.statusCode, .headers, .content.body]'}}}]",
        "{}", "[200, {}, null]");
    flow_rig_assert_error(&rig, "do: [{a: {call: openapi, with: {operationId: getNothing}}}]", "{}",
                          "communication", "/do/0/a");
    assert_int_equal(rig.error.status, 404);
    assert_string_equal(rig.title, "Not Found");
    flow_rig_assert_error(&rig, "do: [{a: {call: openapi, with: {operationId: getBroken}}}]", "{}",
                          "communication", "/do/0/a");
    assert_int_equal(rig.error.status, 500);
    flow_rig_assert_error(&rig, "do: [{a: {call: openapi, with: {operationId: getBusy}}}]", "{}",
                          "communication", "/do/0/a");
    assert_int_equal(rig.error.status, 503);
    assert_int_equal(rig.error.retry_ns, 7 * GW_NS_PER_SECOND);
    flow_rig_assert_output(&rig,
                           "do: [{t: {try: [{a: {call: openapi, with: {operationId: getNothing,"
                           " parameters: {id: 3}}}}],"
                           " catch: {errors: {with: {status: 404}},"
                           " do: [{b: {set: {id: '${ $error.body.parameters.id }'}}}]}}}]",
                           "{}", "{\"id\": 3}");
}

static void functions_are_called(void **state)
{
    (void)state;
    flow_rig_assert_output(
        &rig,
        "use:\n"
        "  functions:\n"
        "    twice: {set: {n: '${ .n * 2 }', seen: '${ . as $x | [$item, $x.n] }'}}\n"
        "    book: {do: [{w: {call: desk.write, with: {backend: desk, what: '${ .w }'}}},"
        " {t: {call: twice, with: {n: 4}}}]}\n"
        "do:\n"
        "- l:\n"
        "    for: {in: '[1]'}\n"
        "    do:\n"
        "    - a: {call: book, with: {w: '${ \"x\\($item)\" }'}}\n"
        "    - b: {call: book, with: {w: y}}\n",
        "{}", "{\"n\": 8, \"seen\": [null, 4]}");
    assert_string_equal(rig.keys[0], "key-1/do/0/l/do/0/a/call/do/0/w#0");
    assert_string_equal(rig.keys[1], "key-1/do/0/l/do/1/b/call/do/0/w#0");
    assert_string_equal(rig.arguments[0], "{\"what\":\"x1\"}");
    flow_rig_assert_refused(&rig, "use: {functions: {f: {call: f}}}\ndo: [{a: {call: f}}]",
                            "functions call each other more than 8 deep");
}

static void keys_tell_rounds_apart(void **state)
{
    (void)state;
    flow_rig_assert_output(&rig,
                           "do:\n"
                           "- l:\n"
                           "    for: {each: x, in: '[1, 2]'}\n"
                           "    do:\n"
                           "    - m:\n"
                           "        for: {each: y, at: k, in: '[1, 2]'}\n"
                           "        do: [{w: {call: desk.write, with: {backend: desk, what: x}}}]\n"
                           "- again: {set: {n: '${ (.n // 0) + 1 }'}}\n"
                           "- w: {call: desk.write, with: {backend: desk, what: x, with: '${ . }'},"
                           " output: {as: .with}}\n"
                           "- more: {switch: [{x: {when: .n < 3, then: again}}]}\n",
                           "{}", "{\"n\": 3}");
    assert_string_equal(rig.keys[0], "key-1/do/0/l/do/0/m/do/0/w#0#0");
    assert_string_equal(rig.keys[3], "key-1/do/0/l/do/0/m/do/0/w#1#1");
    assert_string_equal(rig.keys[4], "key-1/do/2/w");
    assert_string_equal(rig.keys[5], "key-1/do/2/w@1");
    assert_string_equal(rig.keys[6], "key-1/do/2/w@2");
}

static void long_keys_are_digests(void **state)
{
    char body[1000], name[200];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(body, sizeof(body),
             "do: [{%s: {call: desk.write, with: {backend: desk, what: x}}},"
             " {%sm: {call: desk.write, with: {backend: desk, what: x}}}]",
             name, name);
    flow_rig_load_body(&rig, body);
    flow_rig_run(&rig, "{}");
    assert_int_equal(strlen(rig.keys[0]), 64);
    assert_string_not_equal(rig.keys[0], rig.keys[1]);
}

static void loops_without_end_are_ended(void **state)
{
    (void)state;
    flow_rig_assert_error(&rig, "do: [{a: {set: {n: 1}, then: a}}]", "{}", "runtime", "");
    rig.max_arena_bytes = 1024 * 1024;
    flow_rig_load_body(&rig, "do: [{l: {for: {in: '[range(4000)]'}, do: [{a: {call: http,"
                             " with: {backend: desk, method: get, endpoint: '/x/y'}}}]}}]");
    flow_rig_run(&rig, "{}");
    assert_string_equal(rig.type, "https://serverlessworkflow.io/spec/1.0.0/errors/runtime");
    assert_non_null(strstr(rig.reason, "memory"));
}

/* At every turn of the loop: nothing that was given up comes back. ASan knows if something does. */
static void a_run_can_be_given_up_at_any_time(void **state)
{
    (void)state;
    flow_rig_load_body(
        &rig,
        "timeout: {after: PT9S}\n"
        "do:\n"
        "- f:\n"
        "    timeout: {after: PT8S}\n"
        "    fork:\n"
        "      branches:\n"
        "      - a: {call: desk.slow, with: {backend: desk, ms: 30, what: '${ .x }'}}\n"
        "      - b: {wait: {milliseconds: 40}}\n"
        "      - c: {call: openapi, with: {operationId: getLater, parameters: {x: '${ .y }'}}}\n"
        "      - d: {try: [{e: {raise: {error: {type: 'urn:x', status: 400}}}}],"
        " catch: {retry: {delay: PT0.02S}}}\n");
    for (unsigned turns = 0; turns < 40; turns++) {
        struct gw_flow_run *run = flow_rig_start(&rig, "{\"x\": 1}");
        for (unsigned i = 0; i < turns; i++)
            gw_loop_turn(rig.loop, 5);
        gw_flow_cancel(run);
        assert_false(rig.is_done);
        assert_int_equal(rig.open_calls, 0);
    }
    gw_loop_turn(rig.loop, 60);
    assert_false(rig.is_done);
}

static void the_deadline_names_who_waits(void **state)
{
    (void)state;
    flow_rig_load_body(&rig, "do: [{a: {do: [{b: {wait: PT1H}}]}}]");
    (void)flow_rig_start(&rig, "{}"); /* its deadline is 5 s */
    flow_rig_wait(&rig, flow_rig_is_done);
    assert_string_equal(rig.type, "https://serverlessworkflow.io/spec/1.0.0/errors/timeout");
    assert_string_equal(rig.task, "/do/0/a/do/0/b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connectors_are_called, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(failures_have_their_class, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(http_is_a_path_below_a_backend, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(addresses_lead_to_backends, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(operations_are_called, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(functions_are_called, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(keys_tell_rounds_apart, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(long_keys_are_digests, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(loops_without_end_are_ended, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(a_run_can_be_given_up_at_any_time, open_rig, close_rig),
        cmocka_unit_test_setup_teardown(the_deadline_names_who_waits, open_rig, close_rig),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
