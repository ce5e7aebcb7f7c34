/* The filter in a chain on exchanges in memory: bodies of all kinds, and responses. */
#include "policies/schema/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/contract/load.h"
#include "server/filter/chain.h"
#include "tests/unit/policies/schema/body_rows.h"
#include "tests/unit/support/contract_folder.h"

static const char document[] =
    "openapi: 3.1.0\n"
    "info: {title: t, version: 1.0.0}\n"
    "x-millgate: {namespace: /system/t, owner: o, contact: c, backend: b}\n"
    "components:\n"
    "  schemas:\n"
    "    Order:\n"
    "      type: object\n"
    "      required: [id, lines]\n"
    "      additionalProperties: false\n"
    "      properties:\n"
    "        id: {type: integer}\n"
    "        secret: {type: string, format: password, minLength: 40}\n"
    "        seen: {type: string, readOnly: true}\n"
    "        lines:\n"
    "          type: array\n"
    "          items: {type: object, properties: {quantity: {type: number, minimum: 1}}}\n"
    "    Form:\n"
    "      type: object\n"
    "      required: [id]\n"
    "      additionalProperties: false\n"
    "      properties:\n"
    "        id: {type: integer}\n"
    "        note: {type: string, maxLength: 5}\n"
    "        tags: {type: array, items: {type: integer}}\n"
    "        csv: {type: array, items: {type: string, pattern: '^[a-z]$'}}\n"
    "        box: {type: object, properties: {w: {type: integer}}, additionalProperties: false}\n"
    "        either: {type: [integer, string], enum: ['7']}\n"
    "        photo: {type: string, minLength: 4, maxLength: 4}\n"
    "paths:\n"
    "  /x:\n"
    "    post:\n"
    "      requestBody:\n"
    "        required: true\n"
    "        content:\n"
    "          application/json: {schema: {$ref: '#/components/schemas/Order'}}\n"
    "          application/*+json: {schema: {type: array}}\n"
    "          application/x-www-form-urlencoded:\n"
    "            schema: {$ref: '#/components/schemas/Form'}\n"
    "            encoding: {csv: {style: form, explode: false}}\n"
    "          multipart/form-data:\n"
    "            schema: {$ref: '#/components/schemas/Form'}\n"
    "            encoding: {photo: {contentType: 'image/png, image/jpeg'}}\n"
    "          image/*: {schema: {type: string}}\n"
    "          text/plain: {}\n"
    "      responses:\n"
    "        '200':\n"
    "          description: d\n"
    "          headers: {X-Count: {required: true, schema: {type: integer}}}\n"
    "          content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}\n"
    "        4XX: {description: d}\n"
    "    put:\n"
    "      requestBody: {content: {'*/*': {schema: {type: object}}}}\n"
    "      responses: {default: {description: d}}\n"
    "    delete:\n"
    "      responses: {default: {description: d}}\n";

static struct contract_folder folder;
static struct gw_contract *contract;
static struct gw_chain chain;
static json_t *config;
static void *policy;
static struct gw_exchange_pool pool;
static struct gw_exchange *ex;
static bool is_answered;

static void on_wake(struct gw_exchange *exchange)
{
    is_answered = exchange->state == GW_EXCHANGE_RESPONDING;
}

static const struct gw_exchange_io io = {.wake = on_wake};

/* --- what the backend answers --- */

static struct {
    int status;
    const char *type, *body, *coding, *count;
    bool is_streamed;
    bool breaks;
    size_t at;    /* of the stream */
    size_t ready; /* bytes that may be read */
} backend;

static ssize_t read_backend(void *self, char *out, size_t capacity)
{
    size_t len = strlen(backend.body) - backend.at;

    (void)self;
    if (backend.breaks && backend.at > 0)
        return -EPIPE;
    if (len == 0)
        return 0;
    if (backend.ready == backend.at)
        return -EAGAIN;
    len = len < backend.ready - backend.at ? len : backend.ready - backend.at;
    len = len < capacity ? len : capacity;
    memcpy(out, backend.body + backend.at, len);
    backend.at += len;
    return (ssize_t)len;
}

static const struct gw_body_source source = {.read = read_backend};

static void add_answer_field(const char *name, const char *value)
{
    if (value != NULL)
        assert_int_equal(gw_response_add_field(ex, gw_str_of(name), gw_str_of(value)), 0);
}

static void answer(struct gw_exchange *exchange)
{
    exchange->response.status = backend.status;
    exchange->record.upstream_status = backend.status;
    add_answer_field("Content-Type", backend.type);
    add_answer_field("Content-Encoding", backend.coding);
    add_answer_field("X-Count", backend.count);
    if (backend.is_streamed) {
        exchange->response.source = &source;
        exchange->response.body_bytes = -1;
    } else {
        exchange->response.body = gw_str_of(backend.body);
    }
    gw_chain_response_set(exchange);
}

/* --- one request --- */

static void create(const char *options)
{
    struct gw_error error;

    gw_schema.destroy(policy);
    json_decref(config);
    policy = NULL;
    if (gw_option_parse(options, gw_schema.options, &config, &error) != 0 ||
        gw_schema.create(config, &policy, &error) != 0)
        fail_msg("%s", error.text);
    chain = (struct gw_chain){.links = {{&gw_schema, policy}}, .count = 1, .end = answer};
}

static void begin(enum gw_method method, const char *type, int64_t body_bytes)
{
    const struct gw_api *api = gw_contract_api(contract);

    ex = gw_exchange_take(&pool);
    assert_non_null(ex);
    ex->io = &io;
    is_answered = false;
    for (size_t i = 0; i < api->operation_count; i++) {
        if (api->operations[i].method == method)
            ex->operation = &api->operations[i];
    }
    ex->api = api;
    ex->request.method = method;
    ex->request.body_bytes = body_bytes;
    if (type != NULL)
        assert_int_equal(gw_request_add_field(ex, GW_STR("content-type"), gw_str_of(type)), 0);
}

static void end(void)
{
    gw_exchange_give_back(&pool, ex);
    ex = NULL;
}

static bool problem_has(const char *needle)
{
    return memmem(ex->response.body.ptr, ex->response.body.len, needle, strlen(needle)) != NULL;
}

/* Sends a body in two pieces and gives the status; the exchange is to be ended. */
static int send_bytes(enum gw_method method, const char *type, struct gw_str body)
{
    size_t half = body.len / 2;

    begin(method, type, (int64_t)body.len);
    gw_chain_run(&chain, ex);
    if (!is_answered) {
        assert_int_equal(gw_exchange_feed(ex, body.ptr, half), half);
        assert_int_equal(gw_exchange_feed(ex, body.ptr + half, body.len - half), body.len - half);
        gw_exchange_feed_end(ex);
    }
    assert_true(is_answered);
    return ex->response.status;
}

static int send(enum gw_method method, const char *type, const char *body)
{
    return send_bytes(method, type, gw_str_of(body));
}

static void test_bodies(void **state)
{
    (void)state;
    create("{}");
    for (size_t i = 0; i < GW_COUNT_OF(body_rows); i++) {
        const struct body_row *row = &body_rows[i];
        int status = send(row->method, row->type, row->body);
        if (status != row->status)
            fail_msg("%s %s: %d, not %d: %.*s", row->type, row->body, status, row->status,
                     GW_STR_ARG(ex->response.body));
        if (row->needle != NULL && !problem_has(row->needle))
            fail_msg("%s: no %s in %.*s", row->body, row->needle, GW_STR_ARG(ex->response.body));
        assert_false(problem_has("hunter2"));
        end();
    }
}

static void test_violations_are_told_up_to_the_bound(void **state)
{
    static const char body[] = "{\"id\":true,\"lines\":[{\"quantity\":0},{\"quantity\":0},"
                               "{\"quantity\":0}],\"x\":1}";

    (void)state;
    create("{max_errors: 3}");
    assert_int_equal(send(POST, "application/json", body), 400);
    json_t *problem = json_loadb(ex->response.body.ptr, ex->response.body.len, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(problem, "errors")), 3);
    assert_true(json_is_true(json_object_get(problem, "errors_cut")));
    json_decref(problem);
    end();
}

static void test_options_of_json(void **state)
{
    (void)state;
    create("{duplicate_names: pass, max_depth: 3, max_body_bytes: 64}");
    assert_int_equal(send(POST, "application/json", "{\"id\":1,\"id\":2,\"lines\":[]}"), 200);
    end();
    assert_int_equal(send(POST, "application/json", "{\"id\":1,\"lines\":[{\"q\":[1]}]}"), 400);
    end();
    begin(POST, "application/json", 65);
    gw_chain_run(&chain, ex);
    assert_int_equal(ex->response.status, 413);
    end();
}

static void test_a_coded_body_is_refused(void **state)
{
    (void)state;
    create("{}");
    begin(POST, "application/json", 10);
    assert_int_equal(gw_request_add_field(ex, GW_STR("content-encoding"), GW_STR("gzip")), 0);
    gw_chain_run(&chain, ex);
    assert_int_equal(ex->response.status, 415);
    end();
    begin(POST, "application/json", 10);
    assert_int_equal(gw_request_add_field(ex, GW_STR("content-type"), GW_STR("text/plain")), 0);
    gw_chain_run(&chain, ex);
    assert_int_equal(ex->response.status, 415); /* two media types */
    end();
}

static void test_without_memory_nothing_passes(void **state)
{
    static char body[300000];
    size_t len = 0;

    (void)state;
    create("{}");
    len += (size_t)snprintf(body, sizeof(body), "{\"id\":1,\"lines\":[");
    while (len < sizeof(body) - 10)
        len += (size_t)snprintf(body + len, sizeof(body) - len, "{},");
    len += (size_t)snprintf(body + len, sizeof(body) - len, "{}]}");
    assert_int_equal(send_bytes(POST, "application/json", gw_str_from(body, len)), 503);
    end();
}

/* --- responses --- */

#define GOOD "{\"id\":1,\"lines\":[]}"
#define BAD "{\"id\":1}"

struct response_row {
    const char *options;
    int status;
    const char *type, *body, *coding, *count;
    bool is_streamed;
    bool breaks;
    int expected;
    bool is_noted; /* in the operator's log */
};

#define ENFORCE "{responses: enforce}"
#define REPORT "{responses: report}"
#define JSON "application/json"

static const struct response_row response_rows[] = {
    {"{}", 200, JSON, BAD, NULL, "1", false, false, 200, false},
    {ENFORCE, 200, JSON, GOOD, NULL, "1", false, false, 200, false},
    {ENFORCE, 200, JSON, GOOD, NULL, "1", true, false, 200, false},
    {ENFORCE, 200, JSON, BAD, NULL, "1", false, false, 502, true},
    {ENFORCE, 200, JSON, BAD, NULL, "1", true, false, 502, true},
    {ENFORCE, 200, JSON, GOOD, NULL, "1", true, true, 502, false},
    {ENFORCE, 200, JSON, GOOD, NULL, "x", false, false, 502, true},
    {ENFORCE, 200, JSON, GOOD, NULL, NULL, false, false, 502, true},
    {ENFORCE, 200, "text/html", GOOD, NULL, "1", false, false, 502, true},
    {ENFORCE, 200, NULL, GOOD, NULL, "1", false, false, 502, true},
    {ENFORCE, 200, JSON, GOOD, "gzip", "1", false, false, 502, true},
    {ENFORCE, 200, JSON, "{\"id\":1,", NULL, "1", false, false, 502, true},
    {ENFORCE, 404, JSON, "{}", NULL, NULL, false, false, 404, false},
    {ENFORCE, 304, NULL, "", NULL, NULL, false, false, 304, false},
    {ENFORCE, 500, JSON, "{}", NULL, NULL, false, false, 502, true},
    {"{responses: enforce, max_response_bytes: 10}", 200, JSON, GOOD, NULL, "1", true, false, 502,
     false},
    {REPORT, 200, JSON, BAD, NULL, "1", false, false, 200, true},
    {REPORT, 200, JSON, BAD, NULL, "1", true, false, 200, false},
    {REPORT, 200, JSON, GOOD, NULL, "1", false, false, 200, false},
};

static void test_responses(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(response_rows); i++) {
        const struct response_row *row = &response_rows[i];
        create(row->options);
        backend.status = row->status;
        backend.type = row->type;
        backend.body = row->body;
        backend.coding = row->coding;
        backend.count = row->count;
        backend.is_streamed = row->is_streamed;
        backend.breaks = row->breaks;
        backend.at = 0;
        backend.ready = row->breaks ? 5 : 0;
        begin(POST, "text/plain", 1);
        gw_chain_run(&chain, ex);
        while (row->is_streamed && !is_answered && backend.ready < strlen(row->body)) {
            backend.ready += 3;
            gw_exchange_source_ready(ex);
        }
        assert_true(is_answered);
        if (ex->response.status != row->expected || (ex->record.detail.len > 0) != row->is_noted)
            fail_msg("row %zu: %d %.*s", i, ex->response.status, GW_STR_ARG(ex->record.detail));
        if (row->expected == 200 && ex->response.source == NULL)
            assert_true(gw_str_equal(ex->response.body, gw_str_of(row->body)));
        end();
    }
}

static void test_responses_are_sampled(void **state)
{
    size_t refused = 0;

    (void)state;
    create("{responses: enforce, response_sample: 25}");
    memset(&backend, 0, sizeof(backend));
    backend.status = 200;
    backend.body = BAD;
    for (size_t i = 0; i < 100; i++) {
        refused += send(POST, "text/plain", "x") == 502;
        end();
    }
    assert_int_equal(refused, 25);
}

static int setup(void **state)
{
    const struct gw_contract_rules rules = {.is_standalone = true};

    (void)state;
    gw_exchange_pool_init(&pool, 10, 1 << 20);
    contract_folder_create(&folder);
    contract_folder_write(&folder, "t.yaml", document);
    contract = contract_folder_load(&folder, "t.yaml", &rules);
    if (contract == NULL)
        fail_msg("%s", folder.findings);
    backend.status = 200;
    backend.body = "";
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    gw_schema.destroy(policy);
    json_decref(config);
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
    gw_exchange_pool_finish(&pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_violations_are_told_up_to_the_bound),
        cmocka_unit_test(test_options_of_json),
        cmocka_unit_test(test_a_coded_body_is_refused),
        cmocka_unit_test(test_without_memory_nothing_passes),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_responses_are_sampled),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
