/* The connector against a real Tryton with the plant of tests/rigs/tryton. */
#include "server/connector/tryton/tryton.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/connector/tryton/task.h"
#include "server/core/clock.h"
#include "server/net/loop.h"
#include "server/upstream/call.h"
#include "tests/unit/support/connector_rig.h"
#include "tests/unit/support/tryton_server.h"

static struct tryton_server server;
static struct connector_rig rig;
static struct connector_outcome outcome;
static char wizard_arguments[512];

static void open_rig(const char *options)
{
    connector_rig_open(&rig, &gw_tryton_connector);
    backend_rig_add_target(&rig.backend, server.port);
    backend_rig_adopt(&rig.backend);
    connector_rig_create(&rig, options);
}

static int set_up(void **state)
{
    (void)state;
    open_rig(TRYTON_SERVER_OPTIONS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    connector_rig_close(&rig);
    return 0;
}

/* Asserts that it went well; the result, as JSON text, until the next call. */
GW_PRINTF(2, 3) static const char *ask(const char *function, const char *format, ...)
{
    char arguments[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(arguments, sizeof(arguments), format, args);
    va_end(args);
    connector_rig_run(&rig, function, arguments, NULL, &outcome);
    if (outcome.error != GW_CONNECTOR_OK)
        fail_msg("%s(%s): %s: %s: %s", function, arguments,
                 gw_connector_error_row(outcome.error)->name, outcome.code, outcome.reason);
    return outcome.result;
}

static long ask_id(const char *function, const char *arguments)
{
    long id = strtol(ask(function, "%s", arguments), NULL, 10);

    assert_true(id > 0);
    return id;
}

static void assert_fails(const char *function, const char *arguments, enum gw_connector_error error,
                         const char *code)
{
    connector_rig_run(&rig, function, arguments, NULL, &outcome);
    if (outcome.error != error)
        fail_msg("%s(%s): %s: %s: %s", function, arguments,
                 gw_connector_error_row(outcome.error)->name, outcome.reason, outcome.result);
    assert_string_equal(outcome.code, code);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no %s in %s", part, text);
}

/* The number behind `"name":` in the last result. */
static long number_in(const char *text, const char *name)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "\"%s\":", name);
    const char *at = strstr(text, quoted);
    assert_non_null(at);
    return strtol(at + strlen(quoted), NULL, 10);
}

static long product_id(const char *code)
{
    return number_in(ask("search_read",
                         "{\"model\":\"product.product\",\"domain\":[[\"code\",\"=\",\"%s\"]],"
                         "\"fields\":[\"code\"]}",
                         code),
                     "id");
}

static long first_id(const char *model, const char *domain)
{
    return number_in(ask("search_read",
                         "{\"model\":\"%s\",\"domain\":%s,\"fields\":[\"id\"],"
                         "\"order\":[[\"id\",\"ASC\"]],\"limit\":1}",
                         model, domain),
                     "id");
}

/* --- reading ---------------------------------------------------------------------------------- */

static void test_reading(void **state)
{
    (void)state;
    assert_string_equal(ask("count", "{\"model\":\"production\"}"), "12");
    assert_has(ask("search_read", "{\"model\":\"purchase.purchase\","
                                  "\"domain\":[[\"reference\",\"=\",\"NS 88121\"]],"
                                  "\"fields\":[\"total_amount\",\"party.code\","
                                  "\"lines.product.code\",\"lines.quantity\",\"purchase_date\"]}"),
               "\"total_amount\":\"4890.00\"");
    assert_has(outcome.result, "\"party\":{\"");
    assert_has(outcome.result, "\"code\":\"17300001\"");
    assert_has(outcome.result, "\"lines\":[{");
    assert_has(outcome.result, "\"code\":\"SHEET-2MM\"");
    assert_has(outcome.result, "\"purchase_date\":\"20");
    assert_null(strstr(outcome.result, "__class__"));
    assert_has(ask("read", "{\"model\":\"production\",\"id\":1,\"fields\":[\"reference\"]}"),
               "{\"reference\":\"1000001\"");
    assert_has(ask("query", "{\"model\":\"party.party\",\"method\":\"search_count\","
                            "\"params\":[[[\"code\",\"like\",\"173%%\"]]]}"),
               "8");
}

static void test_stock_at_a_date(void **state)
{
    long product = product_id("GREASE-EP2");
    long warehouse = first_id("stock.location", "[[\"code\",\"=\",\"1010\"]]");

    (void)state;
    ask("read",
        "{\"model\":\"product.product\",\"id\":%ld,\"fields\":[\"quantity\"],"
        "\"context\":{\"locations\":[%ld],\"with_childs\":true,"
        "\"stock_date_end\":{\"$date\":\"2099-12-31\"}}}",
        product, warehouse);
    assert_has(outcome.result, "\"quantity\":42.875"); /* 25.125 counted, 18 delivered, 0.25 used */
}

/* --- writing ---------------------------------------------------------------------------------- */

static void test_create_write_delete(void **state)
{
    long id =
        ask_id("create", "{\"model\":\"party.party\",\"values\":{\"name\":\"Kraft & \\\"So\\\"\","
                         "\"code\":\"C-1\"},\"lookup\":{\"domain\":[[\"code\",\"=\",\"C-1\"]]}}");
    char stamp[128] = "";
    char arguments[512];

    (void)state;
    assert_has(ask("read",
                   "{\"model\":\"party.party\",\"id\":%ld,"
                   "\"fields\":[\"name\",\"_timestamp\"]}",
                   id),
               "Kraft & \\\"So\\\"");
    const char *at = strstr(outcome.result, "\"_timestamp\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"_timestamp\":\"%100[^\"]", stamp), 1);

    sleep(1); /* SQLite keeps the time of a change in whole seconds */
    const char *write = "{\"model\":\"party.party\",\"id\":%ld,\"values\":{\"name\":\"%s\"},"
                        "\"timestamp\":\"%s\"}";
    assert_string_equal(ask("write", write, id, "New", stamp), "null");
    snprintf(arguments, sizeof(arguments), write, id, "Late", stamp);
    assert_fails("write", arguments, GW_CONNECTOR_CONFLICT, "ConcurrencyException");
    assert_has(ask("read", "{\"model\":\"party.party\",\"ids\":[%ld],\"fields\":[\"name\"]}", id),
               "[{");
    assert_has(outcome.result, "\"name\":\"New\"");

    assert_string_equal(ask("delete", "{\"model\":\"party.party\",\"id\":%ld}", id), "null");
    snprintf(arguments, sizeof(arguments),
             "{\"model\":\"party.party\",\"id\":%ld,\"fields\":[\"name\"]}", id);
    assert_fails("read", arguments, GW_CONNECTOR_NOT_FOUND, "missing");
    snprintf(arguments, sizeof(arguments),
             "{\"model\":\"party.party\",\"id\":%ld,\"values\":{\"name\":\"x\"}}", id);
    assert_fails("write", arguments, GW_CONNECTOR_NOT_FOUND, "missing");
    snprintf(arguments, sizeof(arguments), "{\"model\":\"party.party\",\"ids\":[1,%ld]}", id);
    assert_fails("delete", arguments, GW_CONNECTOR_NOT_FOUND, "missing");
}

static void test_several_at_once(void **state)
{
    (void)state;
    ask("create", "{\"model\":\"party.party\",\"values\":[{\"name\":\"A\",\"code\":\"S-1\"},"
                  "{\"name\":\"B\",\"code\":\"S-2\"}]}");
    assert_int_equal(outcome.result[0], '[');
    assert_has(outcome.result, ",");
    assert_string_equal(
        ask("count", "{\"model\":\"party.party\",\"domain\":[[\"code\",\"like\",\"S-%%\"]]}"), "2");
}

/* --- transitions ------------------------------------------------------------------------------ */

/* A purchase of 10 of a product, by a reference of ours. */
static long create_purchase(const char *code, const char *reference)
{
    long product = product_id(code);
    long uom = number_in(ask("read",
                             "{\"model\":\"product.product\",\"id\":%ld,"
                             "\"fields\":[\"default_uom\"]}",
                             product),
                         "default_uom");
    long party = first_id("party.party", "[[\"code\",\"=\",\"17300001\"]]");
    long address = first_id("party.address", "[[\"party.code\",\"=\",\"17300001\"]]");
    long warehouse = first_id("stock.location", "[[\"type\",\"=\",\"warehouse\"]]");
    long currency = first_id("currency.currency", "[]");

    return strtol(
        ask("create",
            "{\"model\":\"purchase.purchase\",\"values\":{\"company\":1,\"currency\":%ld,"
            "\"party\":%ld,\"invoice_address\":%ld,\"warehouse\":%ld,\"reference\":\"%s\","
            "\"invoice_method\":\"manual\",\"purchase_date\":{\"$date\":\"2026-11-02\"},"
            "\"lines\":[[\"create\",[{\"type\":\"line\",\"product\":%ld,\"unit\":%ld,"
            "\"quantity\":10,\"unit_price\":{\"$decimal\":\"0.1230\"}}]]]}}",
            currency, party, address, warehouse, reference, product, uom),
        NULL, 10);
}

static void test_a_purchase_is_received(void **state)
{
    long id = create_purchase("SHEET-2MM", "T-1");
    long warehouse = first_id("stock.location", "[[\"type\",\"=\",\"warehouse\"]]");
    char domain[64];

    (void)state;
    ask("button",
        "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"quote\","
        "\"expect\":\"quotation\"}",
        id);
    assert_has(outcome.result, "\"records\":[{");
    assert_has(outcome.result, "\"state\":\"quotation\"");
    ask("button",
        "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"confirm\","
        "\"expect\":[\"confirmed\",\"processing\"]}",
        id);
    snprintf(domain, sizeof(domain), "[[\"purchase\",\"=\",%ld]]", id);
    long move = first_id("stock.move", domain);
    long product = product_id("SHEET-2MM");
    long lot = strtol(ask("create",
                          "{\"model\":\"stock.lot\",\"values\":{\"number\":\"T-LOT-1\","
                          "\"product\":%ld}}",
                          product),
                      NULL, 10);
    ask("write", "{\"model\":\"stock.move\",\"id\":%ld,\"values\":{\"lot\":%ld}}", move, lot);
    long party = first_id("party.party", "[[\"code\",\"=\",\"17300001\"]]");
    long shipment =
        strtol(ask("create",
                   "{\"model\":\"stock.shipment.in\",\"values\":{\"company\":1,\"warehouse\":%ld,"
                   "\"supplier\":%ld,\"reference\":\"DN-1\",\"incoming_moves\":[[\"add\",[%ld]]]}}",
                   warehouse, party, move),
               NULL, 10);
    ask("button",
        "{\"model\":\"stock.shipment.in\",\"id\":%ld,\"button\":\"receive\","
        "\"expect\":\"received\"}",
        shipment);
    ask("button",
        "{\"model\":\"stock.shipment.in\",\"id\":%ld,\"button\":\"done\","
        "\"expect\":\"done\"}",
        shipment);
    assert_has(ask("read",
                   "{\"model\":\"stock.lot\",\"id\":%ld,\"fields\":[\"quantity\"],"
                   "\"context\":{\"locations\":[%ld],\"with_childs\":true,"
                   "\"stock_date_end\":{\"$date\":\"2099-12-31\"}}}",
                   lot, warehouse),
               "\"quantity\":10");
    assert_has(ask("read",
                   "{\"model\":\"purchase.purchase\",\"id\":%ld,\"fields\":[\"state\","
                   "\"shipment_state\",\"total_amount\"]}",
                   id),
               "\"shipment_state\":\"received\"");
    assert_has(outcome.result, "\"total_amount\":\"1.23\"");
}

static void test_an_illegal_transition(void **state)
{
    char arguments[256];
    long id = create_purchase("SEAL-20", "T-2");

    (void)state;
    snprintf(arguments, sizeof(arguments),
             "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"confirm\","
             "\"expect\":\"processing\"}",
             id);
    assert_fails("button", arguments, GW_CONNECTOR_CONFLICT, "illegal-transition");
    assert_has(outcome.reason, "is draft after confirm");
    /* without it nobody notices */
    assert_has(
        ask("button", "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"confirm\"}", id),
        "{\"result\":null}");
    /* pressed twice is once */
    ask("button",
        "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"quote\","
        "\"expect\":\"quotation\"}",
        id);
    ask("button",
        "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"quote\","
        "\"expect\":\"quotation\"}",
        id);
    assert_fails("button",
                 "{\"model\":\"purchase.purchase\",\"id\":999999,\"button\":\"quote\","
                 "\"expect\":\"quotation\"}",
                 GW_CONNECTOR_NOT_FOUND, "missing");
    assert_fails("button", "{\"model\":\"purchase.purchase\",\"id\":1,\"button\":\"no_such\"}",
                 GW_CONNECTOR_DENIED, "method");
}

/* The machine time of each work of a production. */
static void finish_works(long production)
{
    long works = strtol(ask("count",
                            "{\"model\":\"production.work\",\"domain\":"
                            "[[\"production\",\"=\",%ld]]}",
                            production),
                        NULL, 10);

    assert_true(works > 0);
    for (; works > 0; works--) {
        char domain[128];
        snprintf(domain, sizeof(domain),
                 "[[\"production\",\"=\",%ld],[\"state\",\"!=\",\"finished\"]]", production);
        long work = first_id("production.work", domain);
        long cycle = strtol(ask("create",
                                "{\"model\":\"production.work.cycle\",\"values\":"
                                "{\"work\":%ld,\"duration\":{\"$seconds\":90.5}}}",
                                work),
                            NULL, 10);
        ask("button",
            "{\"model\":\"production.work.cycle\",\"id\":%ld,\"button\":\"run\","
            "\"expect\":\"running\"}",
            cycle);
        ask("button",
            "{\"model\":\"production.work.cycle\",\"id\":%ld,\"button\":\"do\","
            "\"expect\":\"done\"}",
            cycle);
        assert_has(ask("read",
                       "{\"model\":\"production.work.cycle\",\"id\":%ld,"
                       "\"fields\":[\"duration\"]}",
                       cycle),
                   "\"duration\":90.5");
    }
}

/* Seeded: 60 pump housings, waiting for their parts. */
static void test_a_production_with_a_wizard(void **state)
{
    long id = first_id("production", "[[\"reference\",\"=\",\"1000002\"]]");
    char arguments[256];

    (void)state;
    ask("wizard",
        "{\"wizard\":\"stock.shipment.assign\",\"model\":\"production\",\"id\":%ld,"
        "\"steps\":[{\"state\":\"start\"}]}",
        id);
    assert_has(outcome.result, "{\"state\":null,");
    assert_has(ask("read", "{\"model\":\"production\",\"id\":%ld,\"fields\":[\"state\"]}", id),
               "\"state\":\"assigned\"");
    ask("button", "{\"model\":\"production\",\"id\":%ld,\"button\":\"run\",\"expect\":\"running\"}",
        id);
    snprintf(arguments, sizeof(arguments),
             "{\"model\":\"production\",\"id\":%ld,\"button\":\"done\",\"expect\":\"done\"}", id);
    assert_fails("button", arguments, GW_CONNECTOR_REFUSED, "UserError"); /* its works are open */
    assert_true(strlen(outcome.reason) > 10);

    finish_works(id);
    assert_has(ask("button", "%s", arguments), "\"state\":\"done\"");
}

/* Stock that is not there: the wizard stops at a form. */
static void test_a_wizard_that_does_not_end(void **state)
{
    long id = first_id("production", "[[\"reference\",\"=\",\"1000007\"]]");
    long move = first_id("stock.move", "[[\"production_input.reference\",\"=\",\"1000007\"],"
                                       "[\"product.code\",\"=\",\"COVER-9\"]]");
    char arguments[256];

    (void)state;
    ask("write", "{\"model\":\"stock.move\",\"id\":%ld,\"values\":{\"quantity\":5000}}", move);
    snprintf(arguments, sizeof(arguments),
             "{\"wizard\":\"stock.shipment.assign\",\"model\":\"production\",\"id\":%ld,"
             "\"steps\":[{\"state\":\"start\"}]%%s}",
             id);
    snprintf(wizard_arguments, sizeof(wizard_arguments), arguments, "");
    assert_fails("wizard", wizard_arguments, GW_CONNECTOR_CONFLICT, "unexpected-state");
    assert_has(outcome.reason, "\"partial\"");
    snprintf(wizard_arguments, sizeof(wizard_arguments), arguments, ",\"expect\":\"partial\"");
    assert_has(ask("wizard", "%s", wizard_arguments), "{\"state\":\"partial\",\"values\":{");
}

/* What a creation in doubt has made is found, also where it was deactivated since. */
static void test_a_creation_is_looked_up(void **state)
{
    static struct gw_connector_function functions[2];
    struct gw_connector_type looking = gw_tryton_connector;
    const struct gw_connector_function *create = gw_tryton_connector.functions;
    const char *arguments =
        "{\"model\":\"party.party\",\"values\":{\"name\":\"L\",\"code\":\"L-1\",\"active\":%s},"
        "\"lookup\":{\"domain\":[[\"name\",\"=\",\"L\"]]}}";
    char text[256];

    (void)state;
    while (strcmp(create->name, "create") != 0)
        create++;
    functions[0] = *create;
    functions[0].name = "look_up";
    functions[0].begin = create->look_up;
    looking.functions = functions;
    snprintf(text, sizeof(text), arguments, "false");

    rig.type = &looking;
    assert_string_equal(ask("look_up", "%s", text), "[]");
    rig.type = &gw_tryton_connector;
    long id = ask_id("create", text);
    rig.type = &looking;
    assert_int_equal(strtol(ask("look_up", "%s", text) + 1, NULL, 10), id);
    assert_null(strchr(outcome.result, ','));
    rig.type = &gw_tryton_connector;
}

/* --- errors ----------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    assert_fails("search_read", "{\"model\":\"party.party\",\"fields\":[\"nofield\"]}",
                 GW_CONNECTOR_WRONG, "error");
    assert_has(outcome.reason, "nofield");
    assert_fails("count", "{\"model\":\"no.such.model\"}", GW_CONNECTOR_WRONG, "error");
    assert_fails("call", "{\"model\":\"party.party\",\"method\":\"browse\",\"params\":[[1]]}",
                 GW_CONNECTOR_DENIED, "method");
    assert_int_equal(outcome.backend_status, 403);
    assert_fails("create", "{\"model\":\"production.bom\",\"values\":{}}", GW_CONNECTOR_REFUSED,
                 "UserError");
    assert_has(outcome.reason, "Name");
    assert_fails("query", "{\"model\":\"party.party\",\"method\":\"search\",\"params\":\"x\"}",
                 GW_CONNECTOR_WRONG, "");
}

static void test_many_at_once(void **state)
{
    static struct connector_outcome outcomes[40];
    char arguments[256];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++) {
        snprintf(arguments, sizeof(arguments),
                 i % 4 == 0 ? "{\"model\":\"party.party\",\"values\":{\"name\":\"M\","
                              "\"code\":\"M-%zu\"}}"
                            : "{\"model\":\"production\",\"domain\":[[\"id\",\">\",%zu]]}",
                 i % 4 == 0 ? i : (size_t)0);
        connector_rig_start(&rig, i % 4 == 0 ? "create" : "count", arguments, NULL, &outcomes[i]);
    }
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++)
        connector_rig_finish(&rig, &outcomes[i]);
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++) {
        if (outcomes[i].error != GW_CONNECTOR_OK)
            fail_msg("%zu: %d %d %s", i, outcomes[i].error, outcomes[i].backend_status,
                     outcomes[i].reason);
        if (i % 4 != 0)
            assert_string_equal(outcomes[i].result, "12");
    }
    assert_string_equal(
        ask("count", "{\"model\":\"party.party\",\"domain\":[[\"code\",\"like\",\"M-%%\"]]}"),
        "10");
}

/* --- sessions --------------------------------------------------------------------------------- */

static void test_a_wrong_password(void **state)
{
    (void)state;
    connector_rig_close(&rig);
    open_rig("{database: erp, user: admin, password: wrong}");
    assert_fails("count", "{\"model\":\"production\"}", GW_CONNECTOR_DENIED, "login");
    assert_int_equal(outcome.backend_status, 401);
    assert_fails("count", "{\"model\":\"production\"}", GW_CONNECTOR_DENIED, "login");
    assert_int_equal(outcome.backend_status, 0); /* nobody was asked */
    assert_true(outcome.retry_ns > 0);
}

static void on_logged_out(void *self, const struct gw_call_answer *answer)
{
    assert_int_equal(answer->status, 200);
    *(bool *)self = true;
}

/* Tryton forgets our session; the connector does not know. */
static void end_session(void)
{
    const struct tryton *tryton = rig.instance;
    const struct gw_field fields[] = {
        {GW_STR("Content-Type"), GW_STR("application/json")},
        {GW_STR("Authorization"), tryton->session.authorization},
    };
    const struct gw_call_request request = {
        .backend = &rig.backend.backend,
        .method = GW_STR("POST"),
        .target = GW_STR("/erp/"),
        .fields = fields,
        .field_count = 2,
        .body = GW_STR("{\"id\":1,\"method\":\"common.db.logout\",\"params\":[]}"),
        .has_body = true,
    };
    bool is_done = false;

    assert_non_null(gw_call_start(&request, on_logged_out, &is_done));
    backend_rig_wait(&rig.backend, &is_done);
}

static void test_a_session_that_ends(void **state)
{
    static struct connector_outcome outcomes[6];
    const struct tryton *tryton = rig.instance;

    (void)state;
    assert_string_equal(ask("count", "{\"model\":\"production\"}"), "12");
    assert_int_equal(tryton->session.generation, 1);
    end_session();
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++)
        connector_rig_start(&rig, "count", "{\"model\":\"production\"}", NULL, &outcomes[i]);
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++)
        connector_rig_finish(&rig, &outcomes[i]);
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++) {
        assert_int_equal(outcomes[i].error, GW_CONNECTOR_OK);
        assert_string_equal(outcomes[i].result, "12");
    }
    assert_int_equal(tryton->session.generation, 2); /* one login for all of them */
    end_session();
    assert_true(ask_id("create", "{\"model\":\"party.party\",\"values\":{\"name\":\"Y\"}}") > 0);
}

static void test_stopped_in_mid_call(void **state)
{
    struct connector_outcome read, write;

    (void)state;
    assert_string_equal(ask("count", "{\"model\":\"production\"}"), "12");
    tryton_server_signal(&server, SIGSTOP);
    connector_rig_start(&rig, "count", "{\"model\":\"production\"}", NULL, &read);
    connector_rig_start(&rig, "create", "{\"model\":\"party.party\",\"values\":{\"name\":\"X\"}}",
                        NULL, &write);
    for (int i = 0; i < 20; i++) /* until both are sent */
        gw_loop_turn(rig.backend.loop, 10);
    tryton_server_signal(&server, SIGKILL);
    connector_rig_finish(&rig, &read);
    connector_rig_finish(&rig, &write);
    assert_int_equal(read.error, GW_CONNECTOR_UNAVAILABLE);
    assert_int_equal(write.error, GW_CONNECTOR_IN_DOUBT);
    assert_fails("create", "{\"model\":\"party.party\",\"values\":{\"name\":\"X\"}}",
                 GW_CONNECTOR_UNAVAILABLE, "");
}

static int start_all(void **state)
{
    (void)state;
    tryton_server_start(&server);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    tryton_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stock_at_a_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_create_write_delete, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_purchase_is_received, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_illegal_transition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_production_with_a_wizard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_wizard_that_does_not_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_creation_is_looked_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_wrong_password, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_session_that_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped_in_mid_call, set_up, tear_down), /* the last */
    };

    if (!tryton_server_is_installed()) {
        printf("skipped: no Tryton or no Node: run script/bootstrap\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, start_all, stop_all);
}
