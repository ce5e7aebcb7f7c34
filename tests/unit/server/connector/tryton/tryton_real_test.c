/* The connector against a real Tryton with the plant of tests/rigs/tryton. */
#include "server/connector/tryton/tryton.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/connector/tryton/task.h"
#include "server/core/clock.h"
#include "server/net/loop.h"
#include "server/upstream/call.h"
#include "tests/unit/support/tryton_rig.h"

static struct tryton_rig plant;
static char wizard_arguments[512];

static int set_up(void **state)
{
    (void)state;
    tryton_rig_open(&plant, TRYTON_SERVER_OPTIONS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tryton_rig_close(&plant);
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static void test_reading(void **state)
{
    (void)state;
    assert_string_equal(tryton_ask(&plant, "count", "{\"model\":\"production\"}"), "12");
    tryton_has(tryton_ask(&plant, "search_read",
                          "{\"model\":\"purchase.purchase\","
                          "\"domain\":[[\"reference\",\"=\",\"NS 88121\"]],"
                          "\"fields\":[\"total_amount\",\"party.code\","
                          "\"lines.product.code\",\"lines.quantity\",\"purchase_date\"]}"),
               "\"total_amount\":\"4890.00\"");
    tryton_has(plant.outcome.result, "\"party\":{\"");
    tryton_has(plant.outcome.result, "\"code\":\"17300001\"");
    tryton_has(plant.outcome.result, "\"lines\":[{");
    tryton_has(plant.outcome.result, "\"code\":\"SHEET-2MM\"");
    tryton_has(plant.outcome.result, "\"purchase_date\":\"20");
    assert_null(strstr(plant.outcome.result, "__class__"));
    tryton_has(tryton_ask(&plant, "read",
                          "{\"model\":\"production\",\"id\":1,\"fields\":[\"reference\"]}"),
               "{\"reference\":\"1000001\"");
    tryton_has(tryton_ask(&plant, "query",
                          "{\"model\":\"party.party\",\"method\":\"search_count\","
                          "\"params\":[[[\"code\",\"like\",\"173%%\"]]]}"),
               "8");
}

static void test_stock_at_a_date(void **state)
{
    long product = tryton_product_id(&plant, "GREASE-EP2");
    long warehouse = tryton_first_id(&plant, "stock.location", "[[\"code\",\"=\",\"1010\"]]");

    (void)state;
    tryton_ask(&plant, "read",
               "{\"model\":\"product.product\",\"id\":%ld,\"fields\":[\"quantity\"],"
               "\"context\":{\"locations\":[%ld],\"with_childs\":true,"
               "\"stock_date_end\":{\"$date\":\"2099-12-31\"}}}",
               product, warehouse);
    tryton_has(plant.outcome.result,
               "\"quantity\":42.875"); /* 25.125 counted, 18 delivered, 0.25 used */
}

/* --- writing ---------------------------------------------------------------------------------- */

static void test_create_write_delete(void **state)
{
    long id =
        tryton_ask_id(&plant, "create",
                      "{\"model\":\"party.party\",\"values\":{\"name\":\"Kraft & \\\"So\\\"\","
                      "\"code\":\"C-1\"},\"lookup\":{\"domain\":[[\"code\",\"=\",\"C-1\"]]}}");
    char stamp[128] = "";
    char arguments[512];

    (void)state;
    tryton_has(tryton_ask(&plant, "read",
                          "{\"model\":\"party.party\",\"id\":%ld,"
                          "\"fields\":[\"name\",\"_timestamp\"]}",
                          id),
               "Kraft & \\\"So\\\"");
    const char *at = strstr(plant.outcome.result, "\"_timestamp\":\"");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"_timestamp\":\"%100[^\"]", stamp), 1);

    sleep(1); /* SQLite keeps the time of a change in whole seconds */
    const char *write = "{\"model\":\"party.party\",\"id\":%ld,\"values\":{\"name\":\"%s\"},"
                        "\"timestamp\":\"%s\"}";
    assert_string_equal(tryton_ask(&plant, "write", write, id, "New", stamp), "null");
    snprintf(arguments, sizeof(arguments), write, id, "Late", stamp);
    tryton_refuses(&plant, "write", arguments, GW_CONNECTOR_CONFLICT, "ConcurrencyException");
    tryton_has(tryton_ask(&plant, "read",
                          "{\"model\":\"party.party\",\"ids\":[%ld],\"fields\":[\"name\"]}", id),
               "[{");
    tryton_has(plant.outcome.result, "\"name\":\"New\"");

    assert_string_equal(tryton_ask(&plant, "delete", "{\"model\":\"party.party\",\"id\":%ld}", id),
                        "null");
    snprintf(arguments, sizeof(arguments),
             "{\"model\":\"party.party\",\"id\":%ld,\"fields\":[\"name\"]}", id);
    tryton_refuses(&plant, "read", arguments, GW_CONNECTOR_NOT_FOUND, "missing");
    snprintf(arguments, sizeof(arguments),
             "{\"model\":\"party.party\",\"id\":%ld,\"values\":{\"name\":\"x\"}}", id);
    tryton_refuses(&plant, "write", arguments, GW_CONNECTOR_NOT_FOUND, "missing");
    snprintf(arguments, sizeof(arguments), "{\"model\":\"party.party\",\"ids\":[1,%ld]}", id);
    tryton_refuses(&plant, "delete", arguments, GW_CONNECTOR_NOT_FOUND, "missing");
}

static void test_several_at_once(void **state)
{
    (void)state;
    tryton_ask(&plant, "create",
               "{\"model\":\"party.party\",\"values\":[{\"name\":\"A\",\"code\":\"S-1\"},"
               "{\"name\":\"B\",\"code\":\"S-2\"}]}");
    assert_int_equal(plant.outcome.result[0], '[');
    tryton_has(plant.outcome.result, ",");
    assert_string_equal(
        tryton_ask(&plant, "count",
                   "{\"model\":\"party.party\",\"domain\":[[\"code\",\"like\",\"S-%%\"]]}"),
        "2");
}

/* --- transitions ------------------------------------------------------------------------------ */

static void test_a_purchase_is_received(void **state)
{
    long id = tryton_create_purchase(&plant, "SHEET-2MM", "T-1");
    long warehouse = tryton_first_id(&plant, "stock.location", "[[\"type\",\"=\",\"warehouse\"]]");
    char domain[64];

    (void)state;
    tryton_ask(&plant, "button",
               "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"quote\","
               "\"expect\":\"quotation\"}",
               id);
    tryton_has(plant.outcome.result, "\"records\":[{");
    tryton_has(plant.outcome.result, "\"state\":\"quotation\"");
    tryton_ask(&plant, "button",
               "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"confirm\","
               "\"expect\":[\"confirmed\",\"processing\"]}",
               id);
    snprintf(domain, sizeof(domain), "[[\"purchase\",\"=\",%ld]]", id);
    long move = tryton_first_id(&plant, "stock.move", domain);
    long product = tryton_product_id(&plant, "SHEET-2MM");
    long lot = strtol(tryton_ask(&plant, "create",
                                 "{\"model\":\"stock.lot\",\"values\":{\"number\":\"T-LOT-1\","
                                 "\"product\":%ld}}",
                                 product),
                      NULL, 10);
    tryton_ask(&plant, "write", "{\"model\":\"stock.move\",\"id\":%ld,\"values\":{\"lot\":%ld}}",
               move, lot);
    long party = tryton_first_id(&plant, "party.party", "[[\"code\",\"=\",\"17300001\"]]");
    long shipment = strtol(
        tryton_ask(&plant, "create",
                   "{\"model\":\"stock.shipment.in\",\"values\":{\"company\":1,\"warehouse\":%ld,"
                   "\"supplier\":%ld,\"reference\":\"DN-1\",\"incoming_moves\":[[\"add\",[%ld]]]}}",
                   warehouse, party, move),
        NULL, 10);
    tryton_ask(&plant, "button",
               "{\"model\":\"stock.shipment.in\",\"id\":%ld,\"button\":\"receive\","
               "\"expect\":\"received\"}",
               shipment);
    tryton_ask(&plant, "button",
               "{\"model\":\"stock.shipment.in\",\"id\":%ld,\"button\":\"done\","
               "\"expect\":\"done\"}",
               shipment);
    tryton_has(tryton_ask(&plant, "read",
                          "{\"model\":\"stock.lot\",\"id\":%ld,\"fields\":[\"quantity\"],"
                          "\"context\":{\"locations\":[%ld],\"with_childs\":true,"
                          "\"stock_date_end\":{\"$date\":\"2099-12-31\"}}}",
                          lot, warehouse),
               "\"quantity\":10");
    tryton_has(tryton_ask(&plant, "read",
                          "{\"model\":\"purchase.purchase\",\"id\":%ld,\"fields\":[\"state\","
                          "\"shipment_state\",\"total_amount\"]}",
                          id),
               "\"shipment_state\":\"received\"");
    tryton_has(plant.outcome.result, "\"total_amount\":\"1.23\"");
}

static void test_an_illegal_transition(void **state)
{
    char arguments[256];
    long id = tryton_create_purchase(&plant, "SEAL-20", "T-2");

    (void)state;
    snprintf(arguments, sizeof(arguments),
             "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"confirm\","
             "\"expect\":\"processing\"}",
             id);
    tryton_refuses(&plant, "button", arguments, GW_CONNECTOR_CONFLICT, "illegal-transition");
    tryton_has(plant.outcome.reason, "is draft after confirm");
    /* without it nobody notices */
    tryton_has(tryton_ask(&plant, "button",
                          "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"confirm\"}",
                          id),
               "{\"result\":null}");
    /* pressed twice is once */
    tryton_ask(&plant, "button",
               "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"quote\","
               "\"expect\":\"quotation\"}",
               id);
    tryton_ask(&plant, "button",
               "{\"model\":\"purchase.purchase\",\"id\":%ld,\"button\":\"quote\","
               "\"expect\":\"quotation\"}",
               id);
    tryton_refuses(&plant, "button",
                   "{\"model\":\"purchase.purchase\",\"id\":999999,\"button\":\"quote\","
                   "\"expect\":\"quotation\"}",
                   GW_CONNECTOR_NOT_FOUND, "missing");
    tryton_refuses(&plant, "button",
                   "{\"model\":\"purchase.purchase\",\"id\":1,\"button\":\"no_such\"}",
                   GW_CONNECTOR_DENIED, "method");
}

/* Seeded: 60 pump housings, waiting for their parts. */
static void test_a_production_with_a_wizard(void **state)
{
    long id = tryton_first_id(&plant, "production", "[[\"reference\",\"=\",\"1000002\"]]");
    char arguments[256];

    (void)state;
    tryton_ask(&plant, "wizard",
               "{\"wizard\":\"stock.shipment.assign\",\"model\":\"production\",\"id\":%ld,"
               "\"steps\":[{\"state\":\"start\"}]}",
               id);
    tryton_has(plant.outcome.result, "{\"state\":null,");
    tryton_has(tryton_ask(&plant, "read",
                          "{\"model\":\"production\",\"id\":%ld,\"fields\":[\"state\"]}", id),
               "\"state\":\"assigned\"");
    tryton_ask(&plant, "button",
               "{\"model\":\"production\",\"id\":%ld,\"button\":\"run\",\"expect\":\"running\"}",
               id);
    snprintf(arguments, sizeof(arguments),
             "{\"model\":\"production\",\"id\":%ld,\"button\":\"done\",\"expect\":\"done\"}", id);
    tryton_refuses(&plant, "button", arguments, GW_CONNECTOR_REFUSED,
                   "UserError"); /* its works are open */
    assert_true(strlen(plant.outcome.reason) > 10);

    tryton_finish_works(&plant, id);
    tryton_has(tryton_ask(&plant, "button", "%s", arguments), "\"state\":\"done\"");
}

/* Stock that is not there: the wizard stops at a form. */
static void test_a_wizard_that_does_not_end(void **state)
{
    long id = tryton_first_id(&plant, "production", "[[\"reference\",\"=\",\"1000007\"]]");
    long move = tryton_first_id(&plant, "stock.move",
                                "[[\"production_input.reference\",\"=\",\"1000007\"],"
                                "[\"product.code\",\"=\",\"COVER-9\"]]");
    char arguments[256];

    (void)state;
    tryton_ask(&plant, "write",
               "{\"model\":\"stock.move\",\"id\":%ld,\"values\":{\"quantity\":5000}}", move);
    snprintf(arguments, sizeof(arguments),
             "{\"wizard\":\"stock.shipment.assign\",\"model\":\"production\",\"id\":%ld,"
             "\"steps\":[{\"state\":\"start\"}]%%s}",
             id);
    snprintf(wizard_arguments, sizeof(wizard_arguments), arguments, "");
    tryton_refuses(&plant, "wizard", wizard_arguments, GW_CONNECTOR_CONFLICT, "unexpected-state");
    tryton_has(plant.outcome.reason, "\"partial\"");
    snprintf(wizard_arguments, sizeof(wizard_arguments), arguments, ",\"expect\":\"partial\"");
    tryton_has(tryton_ask(&plant, "wizard", "%s", wizard_arguments),
               "{\"state\":\"partial\",\"values\":{");
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

    plant.connector.type = &looking;
    assert_string_equal(tryton_ask(&plant, "look_up", "%s", text), "[]");
    plant.connector.type = &gw_tryton_connector;
    long id = tryton_ask_id(&plant, "create", text);
    plant.connector.type = &looking;
    assert_int_equal(strtol(tryton_ask(&plant, "look_up", "%s", text) + 1, NULL, 10), id);
    assert_null(strchr(plant.outcome.result, ','));
    plant.connector.type = &gw_tryton_connector;
}

/* --- errors ----------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    tryton_refuses(&plant, "search_read", "{\"model\":\"party.party\",\"fields\":[\"nofield\"]}",
                   GW_CONNECTOR_WRONG, "error");
    tryton_has(plant.outcome.reason, "nofield");
    tryton_refuses(&plant, "count", "{\"model\":\"no.such.model\"}", GW_CONNECTOR_WRONG, "error");
    tryton_refuses(&plant, "call",
                   "{\"model\":\"party.party\",\"method\":\"browse\",\"params\":[[1]]}",
                   GW_CONNECTOR_DENIED, "method");
    assert_int_equal(plant.outcome.backend_status, 403);
    tryton_refuses(&plant, "create", "{\"model\":\"production.bom\",\"values\":{}}",
                   GW_CONNECTOR_REFUSED, "UserError");
    tryton_has(plant.outcome.reason, "Name");
    tryton_refuses(&plant, "query",
                   "{\"model\":\"party.party\",\"method\":\"search\",\"params\":\"x\"}",
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
        connector_rig_start(&plant.connector, i % 4 == 0 ? "create" : "count", arguments, NULL,
                            &outcomes[i]);
    }
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++)
        connector_rig_finish(&plant.connector, &outcomes[i]);
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++) {
        if (outcomes[i].error != GW_CONNECTOR_OK)
            fail_msg("%zu: %d %d %s", i, outcomes[i].error, outcomes[i].backend_status,
                     outcomes[i].reason);
        if (i % 4 != 0)
            assert_string_equal(outcomes[i].result, "12");
    }
    assert_string_equal(
        tryton_ask(&plant, "count",
                   "{\"model\":\"party.party\",\"domain\":[[\"code\",\"like\",\"M-%%\"]]}"),
        "10");
}

/* --- sessions --------------------------------------------------------------------------------- */

static void test_a_wrong_password(void **state)
{
    (void)state;
    tryton_rig_close(&plant);
    tryton_rig_open(&plant, "{database: erp, user: admin, password: wrong}");
    tryton_refuses(&plant, "count", "{\"model\":\"production\"}", GW_CONNECTOR_DENIED, "login");
    assert_int_equal(plant.outcome.backend_status, 401);
    tryton_refuses(&plant, "count", "{\"model\":\"production\"}", GW_CONNECTOR_DENIED, "login");
    assert_int_equal(plant.outcome.backend_status, 0); /* nobody was asked */
    assert_true(plant.outcome.retry_ns > 0);
}

static void on_logged_out(void *self, const struct gw_call_answer *answer)
{
    assert_int_equal(answer->status, 200);
    *(bool *)self = true;
}

/* Tryton forgets our session; the connector does not know. */
static void end_session(void)
{
    const struct tryton *tryton = plant.connector.instance;
    const struct gw_field fields[] = {
        {GW_STR("Content-Type"), GW_STR("application/json")},
        {GW_STR("Authorization"), tryton->session.authorization},
    };
    const struct gw_call_request request = {
        .backend = &plant.connector.backend.backend,
        .method = GW_STR("POST"),
        .target = GW_STR("/erp/"),
        .fields = fields,
        .field_count = 2,
        .body = GW_STR("{\"id\":1,\"method\":\"common.db.logout\",\"params\":[]}"),
        .has_body = true,
    };
    bool is_done = false;

    assert_non_null(gw_call_start(&request, on_logged_out, &is_done));
    backend_rig_wait(&plant.connector.backend, &is_done);
}

static void test_a_session_that_ends(void **state)
{
    static struct connector_outcome outcomes[6];
    const struct tryton *tryton = plant.connector.instance;

    (void)state;
    assert_string_equal(tryton_ask(&plant, "count", "{\"model\":\"production\"}"), "12");
    assert_int_equal(tryton->session.generation, 1);
    end_session();
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++)
        connector_rig_start(&plant.connector, "count", "{\"model\":\"production\"}", NULL,
                            &outcomes[i]);
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++)
        connector_rig_finish(&plant.connector, &outcomes[i]);
    for (size_t i = 0; i < GW_COUNT_OF(outcomes); i++) {
        assert_int_equal(outcomes[i].error, GW_CONNECTOR_OK);
        assert_string_equal(outcomes[i].result, "12");
    }
    assert_int_equal(tryton->session.generation, 2); /* one login for all of them */
    end_session();
    assert_true(tryton_ask_id(&plant, "create",
                              "{\"model\":\"party.party\",\"values\":{\"name\":\"Y\"}}") > 0);
}

static void test_stopped_in_mid_call(void **state)
{
    struct connector_outcome read, write;

    (void)state;
    assert_string_equal(tryton_ask(&plant, "count", "{\"model\":\"production\"}"), "12");
    tryton_server_signal(&plant.server, SIGSTOP);
    connector_rig_start(&plant.connector, "count", "{\"model\":\"production\"}", NULL, &read);
    connector_rig_start(&plant.connector, "create",
                        "{\"model\":\"party.party\",\"values\":{\"name\":\"X\"}}", NULL, &write);
    for (int i = 0; i < 20; i++) /* until both are sent */
        gw_loop_turn(plant.connector.backend.loop, 10);
    tryton_server_signal(&plant.server, SIGKILL);
    connector_rig_finish(&plant.connector, &read);
    connector_rig_finish(&plant.connector, &write);
    assert_int_equal(read.error, GW_CONNECTOR_UNAVAILABLE);
    assert_int_equal(write.error, GW_CONNECTOR_IN_DOUBT);
    tryton_refuses(&plant, "create", "{\"model\":\"party.party\",\"values\":{\"name\":\"X\"}}",
                   GW_CONNECTOR_UNAVAILABLE, "");
}

static int start_all(void **state)
{
    (void)state;
    tryton_server_start(&plant.server);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    tryton_server_stop(&plant.server);
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
