/* The connector `http` against a peer that plays a backend. */
#include "server/connector/http/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/net/loop.h"
#include "tests/unit/support/connector_rig.h"
#include "tests/unit/support/peer.h"

#define JSON_HEAD "Content-Type: application/json\r\n"

static const char openapi[] =
    "openapi: 3.1.0\n"
    "info: {title: x, version: '1'}\n"
    "paths:\n"
    "  /things/{id}:\n"
    "    parameters: [{$ref: '#/components/parameters/Id'}]\n"
    "    get: {operationId: readThing, parameters: [{name: part, in: query}, {name: X-Site, in: "
    "header},\n"
    "          {name: list, in: query, explode: false}]}\n"
    "    put: {operationId: putThing, requestBody: {content: {application/merge-patch+json: {}}}}\n"
    "components: {parameters: {Id: {name: id, in: path, required: true}}}\n";

struct part {
    char answer[1024];
    char head[4096], body[1024];
    bool hangs;
};

static struct connector_rig rig;
static struct peer peer;
static struct part part;

static void play(struct peer *self, int fd, unsigned index)
{
    struct part *script = self->script;

    (void)index;
    while (peer_read_head(fd, script->head, sizeof(script->head)) > 0) {
        const char *length = strstr(script->head, "Content-Length: ");
        size_t len = length == NULL ? 0 : (size_t)strtoul(length + 16, NULL, 10);
        if (len >= sizeof(script->body) || !peer_read_exactly(fd, script->body, len))
            return;
        script->body[len] = '\0';
        atomic_fetch_add(&self->requests, 1);
        if (script->hangs)
            peer_drain(fd);
        if (script->answer[0] == '\0')
            return;
        peer_send_text(fd, script->answer);
    }
}

static void say(int status, const char *fields, const char *body)
{
    snprintf(part.answer, sizeof(part.answer), "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s",
             status, fields, strlen(body), body);
}

static int set_up(void **state)
{
    (void)state;
    part = (struct part){0};
    say(200, JSON_HEAD, "{\"a\":1}");
    peer_start(&peer, play, &part);
    connector_rig_open(&rig, &gw_http_connector);
    backend_rig_add_target(&rig.backend, peer.port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    connector_rig_close(&rig);
    peer_stop(&peer);
    return 0;
}

/* An instance without options. */
static void open_plain(void)
{
    backend_rig_adopt(&rig.backend);
    connector_rig_create(&rig, "{}");
}

/* One that knows the document above. */
static void open_document(void)
{
    struct gw_error error;

    backend_rig_adopt(&rig.backend);
    rig.config = json_pack("{s:s}", "openapi", openapi);
    assert_non_null(rig.config);
    assert_int_equal(
        gw_http_connector.create(rig.config, &rig.backend.backend, &rig.instance, &error), 0);
}

static void run(const char *function, const char *arguments, struct connector_outcome *out)
{
    connector_rig_run(&rig, function, arguments, "key-1", out);
}

static void assert_first_line(const char *line)
{
    assert_memory_equal(part.head, line, strlen(line));
}

static void test_request_is_written_out(void **state)
{
    struct connector_outcome out;

    (void)state;
    open_plain();
    run("request",
        "{\"path\":\"/things/{id}/x\",\"parameters\":{\"id\":\"a/b ?ä\"},"
        "\"query\":{\"q\":\"x&y=1\",\"n\":[1,2.50],\"none\":null,\"ok\":true},"
        "\"headers\":{\"X-Site\":\"1010\",\"X-No\":7}}",
        &out);
    assert_int_equal(out.error, GW_CONNECTOR_OK);
    assert_string_equal(out.result, "{\"a\":1}");
    assert_first_line(
        "GET /things/a%2Fb%20%3F%C3%A4/x?q=x%26y%3D1&n=1&n=2.50&ok=true HTTP/1.1\r\n");
    assert_non_null(strstr(part.head, "X-Site: 1010\r\n"));
    assert_non_null(strstr(part.head, "X-No: 7\r\n"));
    assert_null(strstr(part.head, "Idempotency-Key"));

    run("request",
        "{\"method\":\"POST\",\"path\":\"/things\",\"body\":{\"n\":12345678901234567890.10}}",
        &out);
    assert_int_equal(out.error, GW_CONNECTOR_OK);
    assert_string_equal(part.body, "{\"n\":12345678901234567890.10}"); /* not a digit is lost */
    assert_non_null(strstr(part.head, "Content-Type: application/json\r\n"));

    run("request",
        "{\"method\":\"POST\",\"path\":\"/t\",\"headers\":{\"content-type\":\"text/xml\"},"
        "\"body\":\"<a/>\"}",
        &out);
    assert_string_equal(part.body, "<a/>");
    run("request",
        "{\"method\":\"POST\",\"path\":\"/t\",\"headers\":"
        "{\"content-type\":\"application/x-www-form-urlencoded\"},\"body\":{\"a\":\"1 "
        "2\",\"b\":3}}",
        &out);
    assert_string_equal(part.body, "a=1%202&b=3");
}

static void test_values_stay_in_their_place(void **state)
{
    static const char *const wrongs[] = {
        "{\"path\":\"things\"}",
        "{\"path\":\"/things?admin=1\"}",
        "{\"path\":\"/a/../b\"}",
        "{\"path\":\"/a/%2e%2E/b\"}",
        "{\"path\":\"/a/.%2e\"}",
        "{\"path\":\"/a/..;x/b\"}",
        "{\"path\":\"/a/..%2fb\"}",
        "{\"path\":\"/a/..%5cb\"}",
        "{\"path\":\"/a/{id}\",\"parameters\":{\"id\":\"../b\"}}",
        "{\"path\":\"/a/{id}\",\"parameters\":{\"id\":\"x/..\\\\y\"}}",
        "{\"path\":\"/a/.{id}\",\"parameters\":{\"id\":\";x\"}}",
        "{\"path\":\"/a/{id}.\",\"parameters\":{\"id\":\"/.\"}}",
        "{\"path\":\"/a/%00\"}",
        "{\"path\":\"/a b\"}",
        "{\"path\":\"/a\\nb\"}",
        "{\"path\":\"/a/{id}\"}",
        "{\"path\":\"/a/{id}\",\"parameters\":{\"id\":\"..\"}}",
        "{\"path\":\"/a/{id}\",\"parameters\":{\"id\":\"\"}}",
        "{\"path\":\"/a/{id\"}",
        "{\"path\":\"/a\",\"query\":\"x=1\"}",
        "{\"path\":\"/a\",\"query\":{\"x\":{\"y\":1}}}",
        "{\"path\":\"/a\",\"headers\":{\"X\":\"1\\r\\nY: 2\"}}",
        "{\"path\":\"/a\",\"headers\":{\"X Y\":\"1\"}}",
        "{\"path\":\"/a\",\"method\":\"TRACE\"}",
        "{\"path\":\"/a\",\"output\":\"nothing\"}",
        "{\"path\":\"/a\",\"method\":\"PUT\",\"headers\":{\"Content-Type\":\"text/plain\"},"
        "\"body\":{}}",
        "{\"path\":\"/a\",\"unknown\":1}",
        "{\"method\":\"GET\"}",
        "[]",
    };
    struct connector_outcome out;

    (void)state;
    open_plain();
    for (size_t i = 0; i < GW_COUNT_OF(wrongs); i++) {
        run("request", wrongs[i], &out);
        assert_int_equal(out.error, GW_CONNECTOR_WRONG);
        assert_true(strlen(out.reason) > 10);
    }
    assert_int_equal(atomic_load(&peer.requests), 0);
}

static void test_answers_are_read_as_what_they_are(void **state)
{
    const char *get = "{\"path\":\"/\"}";
    struct connector_outcome out;

    (void)state;
    open_plain();
    say(200, "Content-Type: application/problem+json; charset=utf-8\r\n", "[0.10,1e400]");
    run("request", get, &out);
    assert_string_equal(out.result, "[0.10,1e400]");
    say(200, "Content-Type: text/plain\r\n", "a \"text\"");
    run("request", get, &out);
    assert_string_equal(out.result, "\"a \\\"text\\\"\"");
    say(204, "", "");
    run("request", get, &out);
    assert_string_equal(out.result, "null");
    say(200, "ETag: \"7\"\r\n" JSON_HEAD, "{}");
    run("request", "{\"path\":\"/\",\"output\":\"response\"}", &out);
    assert_string_equal(out.result,
                        "{\"statusCode\":200,\"headers\":{\"etag\":\"\\\"7\\\"\","
                        "\"content-type\":\"application/json\",\"via\":\"1.1 millgate\"},"
                        "\"content\":{}}");
    say(200, "Content-Type: application/pdf\r\n", "\x01\xff");
    run("request", "{\"path\":\"/\",\"output\":\"raw\"}", &out);
    assert_string_equal(out.result, "\"Af8=\"");
    run("request", get, &out);
    assert_int_equal(out.error, GW_CONNECTOR_RUBBISH);
    say(200, JSON_HEAD, "{\"a\":");
    run("request", get, &out);
    assert_int_equal(out.error, GW_CONNECTOR_RUBBISH);
}

static void test_statuses_are_classes_of_errors(void **state)
{
    static const struct {
        int status;
        enum gw_connector_error of_read, of_write;
    } cases[] = {
        {400, GW_CONNECTOR_REFUSED, GW_CONNECTOR_REFUSED},
        {401, GW_CONNECTOR_DENIED, GW_CONNECTOR_DENIED},
        {403, GW_CONNECTOR_DENIED, GW_CONNECTOR_DENIED},
        {404, GW_CONNECTOR_NOT_FOUND, GW_CONNECTOR_NOT_FOUND},
        {405, GW_CONNECTOR_WRONG, GW_CONNECTOR_WRONG},
        {409, GW_CONNECTOR_CONFLICT, GW_CONNECTOR_CONFLICT},
        {410, GW_CONNECTOR_GONE, GW_CONNECTOR_GONE},
        {412, GW_CONNECTOR_CONFLICT, GW_CONNECTOR_CONFLICT},
        {422, GW_CONNECTOR_REFUSED, GW_CONNECTOR_REFUSED},
        {428, GW_CONNECTOR_WRONG, GW_CONNECTOR_WRONG},
        {429, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE},
        {500, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_IN_DOUBT},
        {503, GW_CONNECTOR_UNAVAILABLE, GW_CONNECTOR_UNAVAILABLE},
        {302, GW_CONNECTOR_RUBBISH, GW_CONNECTOR_RUBBISH},
    };
    struct connector_outcome out;

    (void)state;
    open_plain();
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        say(cases[i].status, JSON_HEAD "Retry-After: 2\r\n", "{\"error\":{\"code\":\"E7\"}}");
        run("request", "{\"path\":\"/\"}", &out);
        assert_int_equal(out.error, cases[i].of_read);
        assert_int_equal(out.backend_status, cases[i].status);
        assert_string_equal(out.code, "E7");
        assert_int_equal(out.retry_ns, 2 * GW_NS_PER_SECOND);
        assert_non_null(strstr(out.reason, "E7"));
        run("request", "{\"path\":\"/\",\"method\":\"POST\"}", &out);
        assert_int_equal(out.error, cases[i].of_write);
    }
    part.answer[0] = '\0'; /* closes instead */
    run("request", "{\"path\":\"/\",\"method\":\"POST\"}", &out);
    assert_int_equal(out.error, GW_CONNECTOR_IN_DOUBT);
    run("request", "{\"path\":\"/\"}", &out);
    assert_int_equal(out.error, GW_CONNECTOR_UNAVAILABLE);
}

static void test_a_key_is_sent_where_it_is_taken(void **state)
{
    const char *post = "{\"path\":\"/\",\"method\":\"POST\",\"body\":{}}";
    struct connector_outcome out;

    (void)state;
    rig.backend.config.effect =
        (struct gw_effect){.class = GW_EFFECT_KEYED, .key_field = GW_STR("X-Key")};
    open_plain();
    run("request", post, &out);
    assert_non_null(strstr(part.head, "X-Key: \"key-1\"\r\n"));
    rig.backend.config.effect.is_key_bare = true;
    run("request", post, &out);
    assert_non_null(strstr(part.head, "X-Key: key-1\r\n"));
    run("request", "{\"path\":\"/\"}", &out);
    assert_null(strstr(part.head, "X-Key"));
}

static void test_operations_of_its_document(void **state)
{
    struct connector_outcome out;

    (void)state;
    open_document();
    run("operation",
        "{\"operation\":\"readThing\",\"parameters\":"
        "{\"id\":\"a/b\",\"part\":[\"x\",\"y\"],\"list\":[1,2],\"X-Site\":\"1010\"}}",
        &out);
    assert_int_equal(out.error, GW_CONNECTOR_OK);
    assert_first_line("GET /things/a%2Fb?part=x&part=y&list=1,2 HTTP/1.1\r\n");
    assert_non_null(strstr(part.head, "X-Site: 1010\r\n"));
    run("operation", "{\"operation\":\"putThing\",\"parameters\":{\"id\":7},\"body\":{\"a\":null}}",
        &out);
    assert_first_line("PUT /things/7 HTTP/1.1\r\n");
    assert_non_null(strstr(part.head, "Content-Type: application/merge-patch+json\r\n"));

    run("operation", "{\"operation\":\"other\"}", &out);
    assert_int_equal(out.error, GW_CONNECTOR_WRONG);
    run("operation", "{\"operation\":\"readThing\"}", &out);
    assert_int_equal(out.error, GW_CONNECTOR_WRONG);
    run("operation", "{\"operation\":\"readThing\",\"parameters\":{\"id\":1,\"nonsense\":1}}",
        &out);
    assert_int_equal(out.error, GW_CONNECTOR_WRONG);
    assert_non_null(strstr(out.reason, "nonsense"));
}

static void test_a_document_that_is_none(void **state)
{
    static const char *const documents[] = {
        "not: openapi",
        "openapi: 3.1.0\npaths: {}",
        "{",
        "openapi: 3.0.3\npaths: {/x: {get: {operationId: a, parameters: [{$ref: '#/no'}]}}}",
        "openapi: 3.0.3\npaths: {/x: {get: {operationId: a, parameters: [{$ref: 'a.yaml#/b'}]}}}",
    };

    (void)state;
    open_plain();
    for (size_t i = 0; i < GW_COUNT_OF(documents); i++) {
        json_t *config = json_pack("{s:s}", "openapi", documents[i]);
        void *instance = NULL;
        struct gw_error error = {0};
        assert_int_not_equal(
            gw_http_connector.create(config, &rig.backend.backend, &instance, &error), 0);
        assert_true(strlen(error.text) > 10);
        json_decref(config);
    }
}

static void test_cancel(void **state)
{
    struct connector_outcome out;

    (void)state;
    part.hangs = true;
    open_plain();
    connector_rig_start(&rig, "request", "{\"path\":\"/\"}", NULL, &out);
    while (atomic_load(&peer.requests) == 0)
        gw_loop_turn(rig.backend.loop, 10);
    gw_connector_cancel(&out.call);
    gw_arena_finish(&out.arena);
    gw_loop_turn(rig.backend.loop, 10);
    assert_false(out.is_there);
}

#define HTTP_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_request_is_written_out),
        HTTP_TEST(test_values_stay_in_their_place),
        HTTP_TEST(test_answers_are_read_as_what_they_are),
        HTTP_TEST(test_statuses_are_classes_of_errors),
        HTTP_TEST(test_a_key_is_sent_where_it_is_taken),
        HTTP_TEST(test_operations_of_its_document),
        HTTP_TEST(test_a_document_that_is_none),
        HTTP_TEST(test_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
