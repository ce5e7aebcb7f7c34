/* The connector against the real server: batches that fail, and what else goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/odata_rig.h"

#define ALICE "11111111-aaaa/0/do/1/write"

static struct odata_server server;
static struct connector_rig rig;
static struct connector_outcome out;

static const char *const versions[] = {"v4", "v2"};

static void open_version(const char *version)
{
    odata_rig_open(&rig, &server, version, "erp", "csrf: true");
    odata_server_seen(&server);
}

static void run(const char *function, const char *arguments, const char *key)
{
    connector_rig_run(&rig, function, arguments, key, &out);
}

static void expect(const char *part)
{
    outcome_expect(&out, part);
}

static void expect_error(enum gw_connector_error error, const char *reason)
{
    outcome_expect_error(&out, error, reason);
}

/* --- batches ---------------------------------------------------------------------------------- */

static const char *const batch_options[] = {
    "v4", "csrf: true, batch: json", "v4", "csrf: true, batch: multipart", "v2", "csrf: true"};

static void a_group_fails_as_one(void **state)
{
    char arguments[1024];

    (void)state;
    for (size_t i = 0; i < 6; i += 2) {
        odata_rig_open(&rig, &server, batch_options[i], "erp", batch_options[i + 1]);
        snprintf(
            arguments, sizeof(arguments),
            "{\"requests\":["
            "{\"id\":\"good\",\"function\":\"create\",\"group\":\"g\",\"entity\":"
            "\"A_ProductionOrder\",\"body\":{\"ManufacturingOrder\":\"B%zu\",\"TotalQuantity\":"
            "\"1\"}},"
            "{\"id\":\"bad\",\"function\":\"create\",\"group\":\"g\",\"entity\":"
            "\"A_PurchaseOrder\",\"body\":{\"Supplier\":\"99999999\"}}]}",
            i);
        run("batch", arguments, ALICE);
        if (out.error == GW_CONNECTOR_OK)
            fail_msg("%s %s: %s", batch_options[i], batch_options[i + 1], out.result);
        expect_error(GW_CONNECTOR_REFUSED, "99999999");
        snprintf(arguments, sizeof(arguments),
                 "{\"entity\":\"A_ProductionOrder\",\"key\":\"B%zu\"}", i);
        run("read", arguments, NULL);
        expect_error(GW_CONNECTOR_NOT_FOUND, "");
        connector_rig_close(&rig);
    }
}

static void a_batch_tells_of_each(void **state)
{
    char arguments[2048];

    (void)state;
    for (size_t i = 0; i < 6; i += 2) {
        odata_rig_open(&rig, &server, batch_options[i], "erp", batch_options[i + 1]);
        snprintf(
            arguments, sizeof(arguments),
            "{\"partial\":\"report\",\"requests\":["
            "{\"id\":\"one\",\"function\":\"create\",\"group\":\"g\",\"entity\":"
            "\"A_ProductionOrder\",\"body\":{\"ManufacturingOrder\":\"C%zu\",\"TotalQuantity\":"
            "\"1\"}},"
            "{\"id\":\"two\",\"function\":\"create\",\"group\":\"g\",\"entity\":"
            "\"A_ProductionOrder\",\"body\":{\"ManufacturingOrder\":\"D%zu\",\"TotalQuantity\":"
            "\"2\"}},"
            "{\"id\":\"there\",\"function\":\"read\",\"entity\":\"A_Material\",\"key\":"
            "\"BOLT-M8\"},"
            "{\"id\":\"none\",\"function\":\"read\",\"entity\":\"A_Material\",\"key\":\"NOT\"},"
            "{\"id\":\"some\",\"function\":\"list\",\"entity\":\"A_Supplier\",\"top\":1},"
            "{\"id\":\"wrong\",\"function\":\"create\",\"entity\":\"A_PurchaseOrder\",\"body\":"
            "{\"Supplier\":\"99999999\"}}]}",
            i, i);
        run("batch", arguments, ALICE);
        expect("{\"ok\":false,\"responses\":[{\"id\":\"one\",\"ok\":true,\"status\":201");
        expect("{\"id\":\"two\",\"ok\":true,\"status\":201");
        expect("{\"id\":\"there\",\"ok\":true,\"status\":200,\"result\":{");
        expect("{\"id\":\"none\",\"ok\":false,\"status\":404,\"error\":{\"class\":\"not-found\"");
        expect("{\"id\":\"some\",\"ok\":true,\"status\":200,\"result\":{\"items\":[{");
        expect("{\"id\":\"wrong\",\"ok\":false,\"status\":422,\"error\":{\"class\":\"refused\"");
        connector_rig_close(&rig);
    }
}

/* --- faults ----------------------------------------------------------------------------------- */

static void faults_have_names(void **state)
{
    static const struct {
        const char *kind;
        enum gw_connector_error error;
        const char *reason;
    } rows[] = {
        {"busy", GW_CONNECTOR_UNAVAILABLE, ""},
        {"broken", GW_CONNECTOR_RUBBISH, ""},
        {"html", GW_CONNECTOR_RUBBISH, "no JSON"},
        {"cut-json", GW_CONNECTOR_RUBBISH, "no JSON"},
        {"shape", GW_CONNECTOR_RUBBISH, "not an OData"},
        {"empty", GW_CONNECTOR_RUBBISH, "no JSON"},
        {"values", GW_CONNECTOR_RUBBISH, "not an OData entity"},
        {"deep", GW_CONNECTOR_RUBBISH, "no JSON"},
        {"huge", GW_CONNECTOR_RUBBISH, ""},
        {"cut", GW_CONNECTOR_RUBBISH, ""},
        {"lost", GW_CONNECTOR_UNAVAILABLE, ""},
        {"refuse", GW_CONNECTOR_UNAVAILABLE, ""},
    };

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_version(versions[v]);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            odata_server_spoil(&server, rows[i].kind, "A_Supplier", 5);
            run("list", "{\"entity\":\"A_Supplier\"}", NULL);
            if (out.error != rows[i].error)
                print_error("%s %s\n", versions[v], rows[i].kind);
            expect_error(rows[i].error, rows[i].reason);
            if (strcmp(rows[i].kind, "busy") == 0)
                assert_true(out.retry_ns > 0);
            odata_server_seen(&server);
        }
        run("list", "{\"entity\":\"A_Supplier\"}", NULL);
        expect("Hamburg");
        connector_rig_close(&rig);
    }
}

static void a_lost_write_is_in_doubt_unless_it_has_a_key(void **state)
{
    static const char plain[] = "{\"entity\":\"A_CostPosting\",\"body\":{\"CostCenter\":\"4\","
                                "\"AmountInCurrency\":\"1\",\"Currency\":\"EUR\"}}";
    static const char keyed[] =
        "{\"entity\":\"A_CostPosting\",\"body\":{\"CostCenter\":\"5\",\"AmountInCurrency\":\"1\","
        "\"Currency\":\"EUR\"},\"adopt\":{\"field\":\"AccountingDocument\",\"length\":10}}";

    (void)state;
    open_version("v4");
    run("create", plain, ALICE); /* the token is there now */
    odata_server_spoil(&server, "lost", "A_CostPosting", 1);
    run("create", plain, ALICE);
    expect_error(GW_CONNECTOR_IN_DOUBT, "");
    odata_server_spoil(&server, "refuse", "A_CostPosting", 1);
    run("create", plain, ALICE);
    expect_error(GW_CONNECTOR_IN_DOUBT, "");
    odata_server_spoil(&server, "broken", "A_CostPosting", 1);
    run("create", plain, ALICE);
    expect_error(GW_CONNECTOR_IN_DOUBT, "");
    odata_server_spoil(&server, "lost", "A_CostPosting", 1);
    run("create", keyed, "lost-1");
    if (out.error == GW_CONNECTOR_UNAVAILABLE) /* it was not tried again below us */
        run("create", keyed, "lost-1");
    expect("\"@adopted\":true");
    run("list", "{\"entity\":\"A_CostPosting\",\"filter\":{\"CostCenter\":\"5\"},\"count\":true}",
        NULL);
    expect("\"count\":1");
    connector_rig_close(&rig);
}

/* What cannot be read is no answer: whether it was done nobody knows. */
static void a_write_whose_answer_is_rubbish_is_in_doubt(void **state)
{
    static const char *const kinds[] = {"html", "cut-json", "shape", "deep", "huge", "cut"};
    static const char body[] = "{\"entity\":\"A_CostPosting\",\"body\":{\"CostCenter\":\"6\","
                               "\"AmountInCurrency\":\"1\",\"Currency\":\"EUR\"}}";

    (void)state;
    for (size_t v = 0; v < 2; v++) {
        open_version(versions[v]);
        run("create", body, ALICE); /* the token is there now */
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            odata_server_spoil(&server, kinds[i], "A_CostPosting", 1);
            run("create", body, ALICE);
            if (out.error != GW_CONNECTOR_IN_DOUBT)
                print_error("%s %s\n", versions[v], kinds[i]);
            expect_error(GW_CONNECTOR_IN_DOUBT, "");
            odata_server_seen(&server);
        }
        connector_rig_close(&rig);
    }
}

static void a_call_is_cancelled(void **state)
{
    (void)state;
    open_version("v4");
    odata_server_spoil(&server, "hang", "A_Supplier", 1);
    connector_rig_start(&rig, "list", "{\"entity\":\"A_Supplier\"}", NULL, &out);
    gw_connector_cancel(&out.call);
    gw_arena_finish(&out.arena);
    assert_int_equal(out.calls, 0);
    run("list", "{\"entity\":\"A_Material\",\"top\":1}", NULL);
    expect("items");
    connector_rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_fails_as_one),
        cmocka_unit_test(a_batch_tells_of_each),
        cmocka_unit_test(faults_have_names),
        cmocka_unit_test(a_lost_write_is_in_doubt_unless_it_has_a_key),
        cmocka_unit_test(a_write_whose_answer_is_rubbish_is_in_doubt),
        cmocka_unit_test(a_call_is_cancelled),
    };

    if (!odata_server_start(&server)) {
        print_message("skipped: the OData rig is not installed: run script/bootstrap\n");
        return 77;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    odata_server_stop(&server);
    return failed;
}
