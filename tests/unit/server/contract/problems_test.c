/* One thing wrong at a time, in an otherwise good contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/contract_folder.h"
#include "tests/unit/support/contract_orders.h"

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
    {"  backend:", "  plan: gold",
     ": neither a flow, nor a builtin, nor a backend, here or in the root's x-millgate\n"},
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
    {"      x-millgate:", "      x-millgate: {plan: gold, weight: 51}",
     ":28:40: warning: a weight of 51 never passes: the plan \"gold\" admits 50 at once\n"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_are_told_with_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
