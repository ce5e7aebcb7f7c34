#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/json/reader.h"
#include "tests/unit/support/contract_folder.h"

static const struct gw_str to_erp[] = {GW_STR_INIT("/system/erp")};
static const struct gw_str to_system[] = {GW_STR_INIT("/system/*")};
static const struct gw_str to_process[] = {GW_STR_INIT("/process/*")};
static const struct gw_grant grants[] = {
    {GW_GRANT_BACKEND, GW_STR_INIT("erp"), to_erp, 1},
    {GW_GRANT_BACKEND, GW_STR_INIT("mes"), to_process, 1},
    {GW_GRANT_ISSUER, GW_STR_INIT("corporate"), to_system, 1},
    {GW_GRANT_PLAN, GW_STR_INIT("gold"), to_system, 1},
    {GW_GRANT_PLAN, GW_STR_INIT("bulk"), to_process, 1},
};
static const struct gw_contract_rules strict = {
    .grants = grants,
    .grant_count = GW_COUNT_OF(grants),
    .is_authentication_required = true,
    .default_plan = GW_STR_INIT("basic"),
};

static const char orders[] =
    "openapi: 3.1.0\n"
    "info: {title: Orders, version: 2.3.1}\n"
    "servers: [{url: 'https://gw.example.com/system/erp/v2/'}]\n"
    "x-millgate:\n"
    "  namespace: /system/erp\n"
    "  owner: Plant IT\n"
    "  contact: plant-it@example.com\n"
    "  runbook: https://example.com/runbook\n"
    "  lifecycle: production\n"
    "  backend: erp\n"
    "  service_level: {availability: 0.995, latency_p99_ms: 250}\n"
    "security: [{corporate: [orders.read]}]\n"
    "paths:\n"
    "  /orders/{id}:\n"
    "    parameters:\n"
    "      - {name: id, in: path, required: true, schema: {type: integer}}\n"
    "      - {name: lang, in: query, schema: {type: string}}\n"
    "    get:\n"
    "      operationId: getOrder\n"
    "      parameters:\n"
    "        - {name: lang, in: query, required: true, schema: {type: array, items: {type: "
    "number}}}\n"
    "        - {name: X-Trace, in: header, schema: {type: boolean}}\n"
    "        - {name: filter, in: query, content: {application/json: {schema: {type: object}}}}\n"
    "        - {name: Accept, in: header, schema: {type: string}}\n"
    "      responses: {'200': {description: ok}, 4XX: {description: no}, default: {description: "
    "d}}\n"
    "    put:\n"
    "      deprecated: true\n"
    "      x-millgate: {plan: gold, backend_path: \"/odata/Orders('{id}')/x\", max_body: 64KiB}\n"
    "      security: [{corporate: [orders.write]}]\n"
    "      requestBody:\n"
    "        required: true\n"
    "        content:\n"
    "          application/JSON; charset=utf-8: {schema: {type: object}}\n"
    "          text/*: {}\n"
    "      responses: {}\n"
    "components:\n"
    "  securitySchemes:\n"
    "    corporate:\n"
    "      type: oauth2\n"
    "      flows: {clientCredentials: {tokenUrl: x, scopes: {orders.read: r, orders.write: w}}}\n";

static void assert_text(struct gw_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void check_get(const struct gw_operation *get)
{
    assert_text(get->id, "getOrder");
    assert_int_equal(get->method, GW_METHOD_GET);
    assert_text(get->route, "/system/erp/v2/orders/{id}");
    assert_text(get->path, "/orders/{id}");
    assert_text(get->plan, "basic");
    assert_text(get->backend, "erp");
    assert_text(get->backend_path, "/orders/{id}");
    assert_int_equal(get->security_count, 1);
    assert_text(get->security[0].schemes[0].issuer, "corporate");
    assert_text(get->security[0].schemes[0].scopes[0], "orders.read");
    assert_int_equal(get->parameter_count, 4);

    const struct gw_parameter *id = &get->parameters[0];
    assert_text(id->name, "id");
    assert_int_equal(id->place, GW_IN_PATH);
    assert_int_equal(id->style, GW_STYLE_SIMPLE);
    assert_int_equal(id->path_index, 0);
    assert_int_equal(id->shape.types, 1u << GW_JSON_NUMBER | GW_SHAPE_INTEGER);
    assert_false(id->explode);
    const struct gw_parameter *lang = &get->parameters[1];
    assert_text(lang->name, "lang"); /* the operation's own replaces the path item's */
    assert_true(lang->is_required && lang->explode);
    assert_int_equal(lang->style, GW_STYLE_FORM);
    assert_int_equal(lang->shape.types, 1u << GW_JSON_ARRAY);
    assert_int_equal(lang->shape.items->types, 1u << GW_JSON_NUMBER);
    assert_int_equal(get->parameters[2].shape.types, 1u << GW_JSON_TRUE | 1u << GW_JSON_FALSE);
    assert_true(get->parameters[3].is_json);
    assert_true(get->parameters[3].schema != GW_NO_SCHEMA);
    assert_false(get->has_body);
}

static void check_put(const struct gw_operation *put)
{
    assert_text(put->id, "put /orders/{id}");
    assert_true(put->is_deprecated && put->has_body && put->is_body_required);
    assert_text(put->plan, "gold");
    assert_int_equal(put->max_body_bytes, 65536);
    assert_text(put->security[0].schemes[0].scopes[0], "orders.write");
    assert_int_equal(put->parameter_count, 2);
    assert_int_equal(put->media_type_count, 2);
    assert_text(put->media_types[0].range, "application/json");
    assert_true(put->media_types[0].schema != GW_NO_SCHEMA);
    assert_text(put->media_types[1].range, "text/*");
    assert_true(put->media_types[1].schema == GW_NO_SCHEMA);

    char path[128] = "";
    for (size_t i = 0; i < put->backend_part_count; i++) {
        const struct gw_path_part *part = &put->backend_parts[i];
        size_t len = strlen(path);
        if (part->parameter == SIZE_MAX)
            snprintf(path + len, sizeof(path) - len, "%.*s", GW_STR_ARG(part->text));
        else
            snprintf(path + len, sizeof(path) - len, "<%zu>", part->parameter);
    }
    assert_string_equal(path, "/odata/Orders('<0>')/x");
}

static void a_document_becomes_operations(void **state)
{
    (void)state;
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "orders.yaml", orders);
    struct gw_contract *contract = contract_folder_load(&folder, "orders.yaml", &strict);
    if (contract == NULL)
        fail_msg("refused: %s", folder.findings);
    assert_string_equal(folder.findings,
                        "orders.yaml:24:18: warning: a header parameter \"Accept\" is ignored, as "
                        "OpenAPI says\n"
                        "orders.yaml:35:18: warning: an operation has at least one response\n");
    const struct gw_api *api = gw_contract_api(contract);
    assert_text(api->namespace, "/system/erp");
    assert_text(api->base, "/system/erp/v2");
    assert_text(api->title, "Orders");
    assert_text(api->version, "2.3.1");
    assert_text(api->owner, "Plant IT");
    assert_text(api->contact, "plant-it@example.com");
    assert_text(api->lifecycle, "production");
    assert_text(api->plan, "basic");
    assert_true(api->availability == 0.995);
    assert_true(api->latency_p99_ns == UINT64_C(250000000));
    assert_non_null(api->schemas);
    assert_int_equal(api->operation_count, 2);
    check_get(&api->operations[0]);
    check_put(&api->operations[1]);
    assert_int_equal(api->operations[1].number, 1);
    assert_ptr_equal(api->operations[1].api, api);

    struct gw_contract *same = gw_contract_hold(contract);
    gw_contract_release(contract);
    assert_text(gw_contract_api(same)->title, "Orders");
    gw_contract_release(same);
    gw_contract_release(NULL);
    contract_folder_destroy(&folder);
}

/* A document with one of its lines replaced, and what is said of it (any of the lines). */
struct problem {
    const char *line; /* of `orders`, from its beginning; NULL: append */
    const char *instead;
    const char *said;
};

static const struct problem problems[] = {
    {"openapi:", "openapi: 3.2.0",
     ":1:10: \"openapi\": version \"3.2.0\" is not read; 3.0.x and 3.1.x are\n"},
    {"openapi:", "openapi: 3.1", ":1:10: \"openapi\" must be a string, not a number\n"},
    {"openapi:", "swagger: '2.0'", ":1:10: \"swagger\": documents of version 2.0 are not read"},
    {"openapi:", "x-y: 1", ": \"openapi\" is missing\n"},
    {"info:", "info: {title: Orders, version: beta}",
     ":2:32: the version must begin with its major number"},
    {"info:", "info: {title: Orders, version: 2.3}",
     ":2:32: \"version\" must be a string, not a number\n"},
    {"info:", "info: {version: 2.3.1}", ":2:7: info needs \"title\"\n"},
    {"info:", "info: {title: A, version: 2.3.1, licence: {}}",
     ":2:34: warning: info has no member \"licence\"; did you mean \"license\"?\n"},
    {"servers:", "servers: [{url: 'https://x.example/api'}]",
     ":3:17: warning: servers are not used: this API is served at /system/erp/v2\n"},
    {"x-millgate:", "x-other:", ": x-millgate is missing"},
    {"  namespace:", "  namespace: /sytem/erp",
     ":5:14: the layer \"sytem\" is none of system, process, experience; did you mean "
     "\"system\"?\n"},
    {"  namespace:", "  namespace: /system/ERP", ":5:14: a namespace is \"/<layer>/<name>\""},
    {"  namespace:", "  namespace: /system/erp/x", ":5:14: a namespace is \"/<layer>/<name>\""},
    {"  namespace:", "  namespace: /system/crm",
     ":10:12: the backend \"erp\" is not granted to /system/crm\n"},
    {"  owner:", "  x-owner: me", ":5:3: x-millgate needs \"owner\"\n"},
    {"  owner:", "  ownr: me",
     ":6:3: x-millgate has no member \"ownr\"; did you mean \"owner\"?\n"},
    {"  owner:", "  owner: 3", ":6:10: \"owner\" must be a string, not a number\n"},
    {"  lifecycle:", "  lifecycle: prodution",
     ":9:14: lifecycle is design, development, production, deprecated or retired; did you mean "
     "\"production\"?\n"},
    {"  backend:", "  backend: epr",
     ":10:12: there is no backend \"epr\" in the configuration; did you mean \"erp\"?\n"},
    {"  backend:", "  backend: mes", ":10:12: the backend \"mes\" is not granted to /system/erp\n"},
    {"  backend:", "  backend: https://evil.example",
     ":10:12: there is no backend \"https://evil.example\" in the configuration\n"},
    {"  backend:", "  plan: gold", ": no backend: neither here nor in the root's x-millgate\n"},
    {"  contact:", "  plan: bulk", ":7:9: the plan \"bulk\" is not granted to /system/erp\n"},
    {"  service_level:", "  service_level: {availability: 99.5}",
     ":11:33: availability is above 0 and at most 1\n"},
    {"  service_level:", "  service_level: {latency_p99_ms: 0}",
     ":11:35: latency_p99_ms is above 0 and at most 3600000\n"},
    {"  service_level:", "  service_level: {latency: 10}",
     ":11:19: service_level has no member \"latency\""},
    {"security:", "security: []", "GET /orders/{id} could be called without a token"},
    {"security:", "x-s: 1", "GET /orders/{id} could be called without a token"},
    {"security:", "security: [{corporate: []}, {}]",
     "GET /orders/{id} could be called without a token"},
    {"security:", "security: [{corprate: []}]",
     ":12:13: components.securitySchemes defines no \"corprate\"; did you mean \"corporate\"?\n"},
    {"security:", "security: [{corporate: {}}]",
     ":12:24: \"corporate\" must be a list, not an object\n"},
    {"security:", "security: [{corporate: [1]}]",
     ":12:25: this item must be a string, not a number\n"},
    {"security:", "security: [{corporate: ['a b']}]", ":12:25: a scope has no spaces"},
    {"security:", "security: [{corporate: [orders.reed]}]",
     ":12:25: warning: no flow of \"corporate\" defines the scope \"orders.reed\"\n"},
    {"security:", "security: {corporate: []}",
     ":12:11: \"security\" must be a list, not an object\n"},
    {"  /orders/{id}:", "  orders/{id}:", ":14:3: a path begins with a slash\n"},
    {"  /orders/{id}:", "  /orders/{nr}:", ":16:16: the path has no {id}\n"},
    {"  /orders/{id}:", "  /orders/{nr}:", ": no parameter describes {nr} of the path\n"},
    {"  /orders/{id}:", "  /orders/{id}{nr}:", ":14:3: nothing separates the parameters"},
    {"  /orders/{id}:", "  /orders/{x}: {}\n  /orders/{id}:",
     ":15:3: \"/orders/{id}\" and \"/orders/{x}\" match the same requests\n"},
    {"  /orders/{id}:", "  /orders: [1]\n  /orders/{id}:",
     ":14:12: a path item must be an object, not a list\n"},
    {"  /orders/{id}:", "  /o: {$ref: '#/paths/~1nowhere'}\n  /orders/{id}:",
     ":14:14: there is nothing at \"#/paths/~1nowhere\"\n"},
    {"  /orders/{id}:", "  /o: {$ref: '#/paths/~1o'}\n  /orders/{id}:",
     ":14:14: this reference goes in a circle\n"},
    {"  /orders/{id}:", "  /o: {$ref: 'http://127.0.0.1/x.yaml'}\n  /orders/{id}:",
     ":14:14: \"http://127.0.0.1/x.yaml\" is not a file below the folder of contracts"},
    {"  /orders/{id}:", "  /o: {trace: {responses: {}}}\n  /orders/{id}:",
     ":14:8: TRACE is not offered"},
    {"  /orders/{id}:", "  /o: {gte: {}}\n  /orders/{id}:",
     ":14:8: warning: a path item has no member \"gte\"; did you mean \"get\"?\n"},
    {"      - {name: id,", "      - {name: id, in: path, schema: {}}",
     ":16:9: the path parameter \"id\" needs \"required: true\"\n"},
    {"      - {name: id,", "      - {name: id, in: pth, required: true, schema: {}}",
     ":16:24: \"pth\" is none of path, query, header, cookie; did you mean \"path\"?\n"},
    {"      - {name: id,", "      - {name: id, in: path, required: 1, schema: {}}",
     ":16:40: \"required\" must be true or false, not a number\n"},
    {"      - {name: id,", "      - {name: id, in: path, required: true}",
     ":16:9: a parameter has either \"schema\" or \"content\"\n"},
    {"      - {name: id,", "      - {name: id, in: path, required: true, style: form, schema: {}}",
     ":16:53: a parameter in path has no style \"form\"\n"},
    {"      - {name: id,",
     "      - {name: id, in: path, required: true, allowReserved: true, schema: {}}",
     ":16:46: allowReserved is for query parameters only\n"},
    {"      - {name: id,", "      - {name: id, in: path, required: true, content: {}}",
     ":16:55: content of a parameter has exactly one media type\n"},
    {"      - {name: id,", "      - {in: path, required: true, schema: {}}",
     ":16:9: a parameter needs \"name\"\n"},
    {"      - {name: lang,", "      - {name: id, in: path, required: true, schema: {}}",
     ":17:9: the path parameter \"id\" comes twice\n"},
    {"      operationId:", "      operationId: ''", ":19:20: an operationId is not empty\n"},
    {"      deprecated:", "      operationId: getOrder",
     ":27:20: the operationId \"getOrder\" is that of GET /orders/{id}, too\n"},
    {"      deprecated:", "      deprecated: 1",
     ":27:19: \"deprecated\" must be true or false, not a number\n"},
    {"      operationId:", "      requestBody: {content: {}}", ":19:7: GET has no request body"},
    {"      responses: {'200'", "      responses: {'99': {description: x}}",
     ":25:19: \"99\" is no status"},
    {"      responses: {'200'", "      responses: {600: {description: x}}",
     ":25:19: \"600\" is no status"},
    {"      responses: {'200'", "      responses: {20X: {description: x}}",
     ":25:19: \"20X\" is no status"},
    {"      responses: {'200'", "      responses: {200: {}}",
     ":25:24: a response needs \"description\"\n"},
    {"      responses: {'200'", "      responses: {200: {description: x, content: {json: {}}}}",
     ":25:51: \"json\" is no media type\n"},
    {"          text/*:", "          text: {}", ":34:11: \"text\" is no media type\n"},
    {"          text/*:", "          '*/json': {}", ":34:11: \"*/json\" is no media type\n"},
    {"          text/*:", "          application/json: {}",
     ":34:29: warning: \"application/json\" is there already"},
    {"          text/*:", "          text/*: 1",
     ":34:19: a media type must be an object, not a number\n"},
    {"      x-millgate:", "      x-millgate: {plan: glod}",
     ":28:26: there is no plan \"glod\" in the configuration; did you mean \"gold\"?\n"},
    {"      x-millgate:", "      x-millgate: {backend: mes}",
     ":28:29: the backend \"mes\" is not granted to /system/erp\n"},
    {"      x-millgate:", "      x-millgate: {url: x}",
     ":28:20: x-millgate of an operation has no member \"url\""},
    {"      x-millgate:", "      x-millgate: {backend_path: '/a/{x}'}",
     ":28:34: {x} is no parameter of the operation's path\n"},
    {"      x-millgate:", "      x-millgate: {backend_path: 'a'}",
     ":28:34: a path begins with a slash\n"},
    {"      x-millgate:", "      x-millgate: {backend_path: '/a/../b'}",
     ":28:34: a path has no dot segments\n"},
    {"      x-millgate:", "      x-millgate: {max_body: 0}", ":28:30: a size is a number above 0"},
    {"      x-millgate:", "      x-millgate: {max_body: 3 lightyears}",
     ":28:30: a size is a number above 0"},
};

/* `orders` with the first line that begins so replaced. */
static void replace_line(const struct problem *problem, char *out, size_t capacity)
{
    const char *at = orders;

    while (strncmp(at, problem->line, strlen(problem->line)) != 0) {
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    snprintf(out, capacity, "%.*s%s%s", (int)(at - orders), orders, problem->instead,
             strchr(at, '\n'));
}

static void problems_are_told_with_their_place(void **state)
{
    (void)state;
    struct contract_folder folder;
    int failures = 0;

    contract_folder_create(&folder);
    for (size_t i = 0; i < GW_COUNT_OF(problems); i++) {
        char text[8192];
        replace_line(&problems[i], text, sizeof(text));
        contract_folder_write(&folder, "o.yaml", text);
        gw_contract_release(contract_folder_load(&folder, "o.yaml", &strict));
        bool is_warning = strstr(problems[i].said, "warning: ") != NULL;
        if (strstr(folder.findings, problems[i].said) == NULL ||
            gw_diagnostics_has_errors(&folder.diagnostics) == is_warning) {
            print_error("for %s\nexpected %s\nfound:\n%s\n", problems[i].instead, problems[i].said,
                        folder.findings);
            failures++;
        }
    }
    contract_folder_destroy(&folder);
    assert_int_equal(failures, 0);
}

static void all_problems_are_told_at_once(void **state)
{
    (void)state;
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "o.json",
                          "{\"openapi\": \"3.0.3\", \"info\": {},\n"
                          " \"x-millgate\": {\"namespace\": \"/system/erp\", \"owner\": 1},\n"
                          " \"security\": [{\"a\": []}],\n"
                          " \"paths\": {\"/a\": {\"get\": {}}, \"b\": {}}}\n");
    assert_null(contract_folder_load(&folder, "o.json", &strict));
    assert_string_equal(folder.findings,
                        "o.json:1:30: info needs \"title\"\n"
                        "o.json:1:30: info needs \"version\"\n"
                        "o.json:2:54: \"owner\" must be a string, not a number\n"
                        "o.json:3:16: components.securitySchemes defines no \"a\"\n"
                        "o.json:4:26: an operation needs \"responses\"\n"
                        "o.json:4:26: no backend: neither here nor in the root's x-millgate\n"
                        "o.json:4:31: a path begins with a slash\n");
    contract_folder_destroy(&folder);
}

static const char schema_document[] =
    "openapi: 3.1.0\n"
    "info: {title: A, version: '1'}\n"
    "paths:\n"
    "  /a:\n"
    "    post: {requestBody: {required: true, content: {application/json: {schema: %s}}}}\n"
    "components:\n"
    "  schemas:\n"
    "    Tree: {type: object, additionalProperties: {$ref: '#/components/schemas/Tree'}}\n"
    "    Ring: {$ref: '#/components/schemas/Ring'}\n";

/* What stands as the body's schema, and how the first finding begins. */
static const char *const schema_cases[][2] = {
    {"{$ref: 'schemas/order.yaml#/Order'}", ""},
    {"{$ref: '#/components/schemas/Tree'}", ""},
    {"{$ref: 'schemas/order.yaml#/Nothing'}", "o.yaml:5:"},
    {"{$ref: 'schemas/none.yaml'}", "o.yaml:5:86: the document \"schemas/none.yaml\": the file "},
    {"{$ref: '../none.yaml'}", "o.yaml:5:"},
    {"{$ref: 'https://127.0.0.1:1/x.json'}",
     "o.yaml:5:86: the document \"https://127.0.0.1:1/x.json\": \"https"},
    {"{type: strin}", "o.yaml:5:"},
    {"{$ref: 'schemas/order.yaml#/Bad'}", "schemas/order.yaml:3:"},
    {"{$ref: '#/components/schemas/Ring'}", "o.yaml:"},
    {"3", "o.yaml:5:79: \"schema\" must be an object or a boolean, not a number\n"},
};

static void schemas_are_compiled_over_files(void **state)
{
    (void)state;
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/a")};
    struct contract_folder folder;
    int failures = 0;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "schemas/order.yaml",
                          "Order: {type: object, properties: {lines: {$ref: '#/Line'}}}\n"
                          "Line: {type: array, items: {$ref: 'order.yaml#/Order'}}\n"
                          "Bad: {minLength: -1}\n");
    for (size_t i = 0; i < GW_COUNT_OF(schema_cases); i++) {
        const char *said = schema_cases[i][1];
        char text[1024];
        snprintf(text, sizeof(text), schema_document, schema_cases[i][0]);
        contract_folder_write(&folder, "o.yaml", text);
        struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
        bool is_right = (contract != NULL) == (said[0] == '\0') &&
                        strncmp(folder.findings, said, strlen(said)) == 0 &&
                        strstr(folder.findings, "file://") == NULL;
        if (contract != NULL)
            is_right = is_right && gw_contract_api(contract)->operations[0].media_types[0].schema !=
                                       GW_NO_SCHEMA;
        if (!is_right) {
            print_error("%s: %s\n", schema_cases[i][0], folder.findings);
            failures++;
        }
        gw_contract_release(contract);
    }
    contract_folder_destroy(&folder);
    assert_int_equal(failures, 0);
}

static void schemes_a_token_cannot_meet_are_refused_once(void **state)
{
    (void)state;
    static const char document[] =
        "openapi: 3.0.0\n"
        "info: {title: A, version: 1.0.0}\n"
        "x-millgate: {namespace: /system/erp, owner: x, backend: erp}\n"
        "security: [{corporate: []}]\n"
        "paths: {/a: {get: {responses: {200: {description: x}}, security: [{corporate: []}]}}}\n"
        "components: {securitySchemes: {corporate: {%s}}}\n";
    static const char *const cases[][2] = {
        {"type: http, scheme: Bearer", ""},
        {"type: openIdConnect, openIdConnectUrl: x", ""},
        {"type: http, scheme: basic",
         "o.yaml:6:50: security by http with a scheme other than bearer"},
        {"type: apiKey, in: query, name: k", "o.yaml:6:50: security by apiKey is not offered"},
        {"type: mutualTLS", "o.yaml:6:50: security by mutualTLS is not offered"},
        {"type: oauth2", "o.yaml:6:43: a security scheme of type oauth2 needs \"flows\""},
        {"scheme: bearer", "o.yaml:6:43: a security scheme needs \"type\"\n"},
    };
    struct contract_folder folder;

    contract_folder_create(&folder);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), document, cases[i][0]);
        contract_folder_write(&folder, "o.yaml", text);
        struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &strict);
        assert_true((contract != NULL) == (cases[i][1][0] == '\0'));
        if (strncmp(folder.findings, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("for %s found %s", cases[i][0], folder.findings);
        assert_true(folder.diagnostics.count <= 1);
        gw_contract_release(contract);
    }
    contract_folder_destroy(&folder);
}

static void anonymous_is_for_namespaces_that_may(void **state)
{
    (void)state;
    static const char document[] = "openapi: 3.0.0\n"
                                   "info: {title: A, version: v12}\n"
                                   "x-millgate: {namespace: /system/erp, owner: x, backend: erp}\n"
                                   "paths: {/a: {get: {responses: {200: {description: x}}}}}\n";
    struct gw_contract_rules rules = strict;
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "o.yaml", document);
    assert_null(contract_folder_load(&folder, "o.yaml", &rules));
    rules.anonymous = to_process;
    rules.anonymous_count = 1;
    assert_null(contract_folder_load(&folder, "o.yaml", &rules));
    rules.anonymous = to_system;
    struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
    assert_non_null(contract);
    assert_text(gw_contract_api(contract)->base, "/system/erp/v12");
    assert_int_equal(gw_contract_api(contract)->operations[0].security_count, 0);
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
}

static void a_contract_is_current_until_a_byte_changes(void **state)
{
    (void)state;
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/a")};
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "o.yaml",
                          "openapi: 3.0.0\ninfo: {title: A, version: '1'}\n"
                          "paths: {/a: {$ref: 'parts/a.yaml'}}\n");
    contract_folder_write(&folder, "parts/a.yaml", "get: {responses: {200: {description: x}}}\n");
    struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
    assert_non_null(contract);
    assert_int_equal(gw_contract_api(contract)->operation_count, 1);
    assert_true(gw_contract_is_current(contract, &rules));

    struct gw_contract_rules others = rules;
    others.default_plan = GW_STR("gold");
    assert_false(gw_contract_is_current(contract, &others));
    contract_folder_write(&folder, "parts/a.yaml", "get: {responses: {200: {description: y}}}\n");
    assert_false(gw_contract_is_current(contract, &rules));
    contract_folder_write(&folder, "parts/a.yaml", "get: {responses: {200: {description: x}}}\n");
    assert_true(gw_contract_is_current(contract, &rules));
    char path[128];
    snprintf(path, sizeof(path), "%s/parts/a.yaml", folder.path);
    assert_int_equal(unlink(path), 0);
    assert_false(gw_contract_is_current(contract, &rules));
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
}

static void two_contracts_of_one_base_are_told(void **state)
{
    (void)state;
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/a")};
    struct gw_contract *contracts[3];
    struct gw_diagnostics diagnostics;
    struct contract_folder folder;

    contract_folder_create(&folder);
    for (int i = 0; i < 3; i++) {
        char name[32], text[128];
        snprintf(name, sizeof(name), "%d.yaml", i);
        snprintf(text, sizeof(text),
                 "{openapi: 3.0.0, info: {title: A, version: '%d.%d'}, paths: {}}", i == 1 ? 2 : 1,
                 i);
        contract_folder_write(&folder, name, text);
        contracts[i] = contract_folder_load(&folder, name, &rules);
        assert_non_null(contracts[i]);
    }
    gw_diagnostics_init(&diagnostics);
    gw_contract_check_bases(contracts, 3, &diagnostics);
    assert_int_equal(diagnostics.error_count, 1);
    assert_non_null(strstr(diagnostics.findings[0].file, "2.yaml"));
    assert_non_null(strstr(diagnostics.findings[0].text, "0.yaml"));
    gw_diagnostics_finish(&diagnostics);
    for (int i = 0; i < 3; i++)
        gw_contract_release(contracts[i]);
    contract_folder_destroy(&folder);
}

static int note_name(void *self, const char *path)
{
    char *names = self;

    size_t len = strlen(names);
    snprintf(names + len, 256 - len, "%s", strrchr(path, '/'));
    return 0;
}

static void a_folder_lists_its_contracts(void **state)
{
    (void)state;
    struct contract_folder folder;
    char names[256] = "";

    contract_folder_create(&folder);
    contract_folder_write(&folder, "b.json", "{\"openapi\": \"3.0.0\"}");
    contract_folder_write(&folder, "a.yaml", "openapi: 9\n");
    contract_folder_write(&folder, "c.yml", "openapi: 3.1.0\n");
    contract_folder_write(&folder, "events.yaml", "asyncapi: 3.0.0\n");
    contract_folder_write(&folder, "notes.txt", "openapi: 3.1.0\n");
    contract_folder_write(&folder, ".hidden.yaml", "openapi: 3.1.0\n");
    contract_folder_write(&folder, "schemas/x.yaml", "openapi: 3.1.0\n");
    contract_folder_write(&folder, "broken.yaml", "openapi: [\n");
    assert_int_equal(gw_contract_list(folder.path, &folder.diagnostics, note_name, names), 0);
    assert_string_equal(names, "/a.yaml/b.json/c.yml");
    assert_int_equal(folder.diagnostics.error_count, 1);
    assert_int_equal(gw_contract_list("/nowhere/at/all", &folder.diagnostics, note_name, names),
                     -2);
    contract_folder_destroy(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_becomes_operations),
        cmocka_unit_test(problems_are_told_with_their_place),
        cmocka_unit_test(all_problems_are_told_at_once),
        cmocka_unit_test(schemas_are_compiled_over_files),
        cmocka_unit_test(schemes_a_token_cannot_meet_are_refused_once),
        cmocka_unit_test(anonymous_is_for_namespaces_that_may),
        cmocka_unit_test(a_contract_is_current_until_a_byte_changes),
        cmocka_unit_test(two_contracts_of_one_base_are_told),
        cmocka_unit_test(a_folder_lists_its_contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
