/* The connector against the real server: V4 and V2 side by side. */
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
    if (out.error != GW_CONNECTOR_OK)
        fail_msg("error %d (%d): %s [%s]", (int)out.error, out.backend_status, out.reason,
                 out.code);
    if (strstr(out.result, part) == NULL)
        fail_msg("no %s in %s", part, out.result);
}

static void expect_not(const char *part)
{
    if (strstr(out.result, part) != NULL)
        fail_msg("%s in %s", part, out.result);
}

static void expect_error(enum gw_connector_error error, const char *reason)
{
    if (out.error != error)
        fail_msg("error %d (%d): %s %s", (int)out.error, out.backend_status, out.reason,
                 out.result);
    if (strstr(out.reason, reason) == NULL)
        fail_msg("no \"%s\" in \"%s\"", reason, out.reason);
}

/* The text of a member of the result. */
static void member(const char *name, char *value, size_t room)
{
    char wanted[64];
    size_t len = 0;

    snprintf(wanted, sizeof(wanted), "\"%s\":\"", name);
    const char *at = strstr(out.result, wanted);
    if (at == NULL)
        fail_msg("no %s in %s", name, out.result);
    at += strlen(wanted);
    while (len < room - 1 && *at != '\0' && !(*at == '"' && at[-1] != '\\')) {
        value[len++] = *at;
        at++;
    }
    value[len] = '\0';
}

/* --- reading ---------------------------------------------------------------------------------- */

static void lists_have_one_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_version(versions[i]);
        run("list",
            "{\"entity\":\"A_ProductionOrder\",\"filter\":{\"ProductionPlant\":\"1010\","
            "\"TotalQuantity\":{\"gt\":100},\"PlannedStartDate\":{\"ge\":{\"$date\":\"2026-11-16\"}"
            "}},"
            "\"expand\":[\"to_ProductionOrderOperation\"],\"orderby\":\"ManufacturingOrder desc\","
            "\"top\":5,\"count\":true}",
            NULL);
        expect("{\"items\":[{");
        expect("\"ManufacturingOrder\":\"1000001\"");
        expect("\"PlannedStartDate\":\"2026-11-16\"");
        expect("\"to_ProductionOrderOperation\":[{");
        expect("\"@etag\":\"W/");
        expect("],\"count\":1}");
        expect_not("__");
        expect_not("@odata");
        expect_not("/Date(");
        connector_rig_close(&rig);
    }
}

static void texts_stay_literals(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_version(versions[i]);
        run("list", "{\"entity\":\"A_Material\",\"filter\":{\"Material\":\"' or 1 eq 1 or '\"}}",
            NULL);
        expect("{\"items\":[]");
        run("list",
            "{\"entity\":\"A_Material\",\"filter\":{\"MaterialDescription\":{\"contains\":"
            "\"M8 x 30, zinc\"}},\"select\":[\"Material\"]}",
            NULL);
        expect("\"BOLT-M8\"");
        expect_not("MaterialDescription");
        run("list",
            "{\"entity\":\"A_Material\",\"filter\":{\"Material\":{\"in\":[\"BOLT-M8\","
            "\"NUT-M8\",\"a&b=c+d#e\"]}},\"count\":true}",
            NULL);
        expect("\"count\":2");
        run("read", "{\"entity\":\"A_Material\",\"key\":\"x')/y?z='\"}", NULL);
        expect_error(GW_CONNECTOR_NOT_FOUND, "Not Found");
        run("read", "{\"entity\":\"A_Material\",\"key\":\"a/b\"}", NULL);
        expect_error(GW_CONNECTOR_NOT_FOUND, "Not Found");
        connector_rig_close(&rig);
    }
}

static void one_is_read_by_its_parts(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_version(versions[i]);
        run("read",
            "{\"entity\":\"A_MaterialStock\",\"key\":{\"Material\":\"GREASE-EP2\",\"Plant\":"
            "\"1010\","
            "\"StorageLocation\":\"101D\",\"Batch\":\"LOT-0401\"}}",
            NULL);
        expect("25.125");
        run("read",
            "{\"entity\":\"A_ProductionOrder\",\"key\":\"1000001\",\"expand\":"
            "\"to_ProductionOrderOperation\"}",
            NULL);
        expect("\"to_ProductionOrderOperation\":[{");
        run("list",
            "{\"entity\":\"A_ProductionOrder\",\"key\":\"1000001\",\"navigation\":"
            "\"to_ProductionOrderOperation\",\"orderby\":[\"ManufacturingOrderOperation\"]}",
            NULL);
        expect("{\"items\":[{\"ManufacturingOrder\":\"1000001\"");
        run("function",
            "{\"name\":\"AvailableQuantity\",\"parameters\":{\"Material\":\"BOLT-M8\","
            "\"Plant\":\"1010\"}}",
            NULL);
        expect("20000");
        connector_rig_close(&rig);
    }
}

static void pages_are_followed(void **state)
{
    char next[512], arguments[1024];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        odata_rig_open(&rig, &server, versions[i], "erp", "query: {sap-client: '100'}");
        odata_server_seen(&server);
        run("list",
            "{\"entity\":\"A_MaterialStock\",\"filter\":{\"Plant\":\"1010\"},\"select\":"
            "[\"Batch\"],\"count\":true,\"follow\":true}",
            NULL);
        expect("\"LOT-0401\"");
        expect("],\"count\":7}");
        assert_int_equal(odata_server_seen(&server), 3);
        run("list",
            "{\"entity\":\"A_MaterialStock\",\"filter\":{\"Plant\":\"1010\"},\"follow\":true,"
            "\"maxItems\":5}",
            NULL);
        expect_not("LOT-0401");
        member("next", next, sizeof(next));
        snprintf(arguments, sizeof(arguments),
                 "{\"entity\":\"A_MaterialStock\",\"next\":\"%s\",\"follow\":true}", next);
        run("list", arguments, NULL);
        expect("LOT-0401");
        expect_not("LOT-0001");
        expect_not("\"next\":");
        run("list", "{\"entity\":\"A_MaterialStock\",\"maxItems\":2}", NULL);
        expect_error(GW_CONNECTOR_RUBBISH, "more items than maxItems");
        connector_rig_close(&rig);
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

static void an_order_lives(void **state)
{
    char arguments[512], etag[128];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_version(versions[i]);
        snprintf(arguments, sizeof(arguments),
                 "{\"entity\":\"A_ProductionOrder\",\"body\":{\"ManufacturingOrder\":\"LIVE-%s\","
                 "\"Material\":\"BRACKET-A\",\"ProductionPlant\":\"1020\",\"TotalQuantity\":"
                 "{\"$decimal\":\"12.500\"},\"PlannedStartDate\":{\"$date\":\"2026-12-24\"}}}",
                 versions[i]);
        run("create", arguments, ALICE);
        expect("12.5");
        expect("\"PlannedStartDate\":\"2026-12-24\"");
        member("@etag", etag, sizeof(etag));

        snprintf(arguments, sizeof(arguments),
                 "{\"entity\":\"A_ProductionOrder\",\"key\":\"LIVE-%s\",\"etag\":\"%s\",\"body\":"
                 "{\"TotalQuantity\":\"13\"}}",
                 versions[i], etag);
        run("update", arguments, ALICE);
        assert_int_equal(out.error, GW_CONNECTOR_OK);
        run("update", arguments, ALICE); /* the tag is the old one now */
        expect_error(GW_CONNECTOR_CONFLICT, "");
        snprintf(arguments, sizeof(arguments),
                 "{\"entity\":\"A_ProductionOrder\",\"key\":\"LIVE-%s\",\"body\":"
                 "{\"TotalQuantity\":\"14\"}}",
                 versions[i]);
        run("update", arguments, ALICE);
        expect_error(GW_CONNECTOR_WRONG, "Precondition");
        snprintf(arguments, sizeof(arguments),
                 "{\"entity\":\"A_ProductionOrder\",\"key\":\"LIVE-%s\"}", versions[i]);
        run("read", arguments, NULL);
        expect("13");

        snprintf(arguments, sizeof(arguments),
                 "{\"entity\":\"A_ProductionOrder\",\"key\":\"LIVE-%s\",\"etag\":\"*\"}",
                 versions[i]);
        run("delete", arguments, ALICE);
        expect("null");
        run("delete", arguments, ALICE);
        expect_error(GW_CONNECTOR_NOT_FOUND, "");
        connector_rig_close(&rig);
    }
}

static void actions_are_called(void **state)
{
    (void)state;
    open_version("v4");
    run("create",
        "{\"entity\":\"A_ProductionOrder\",\"body\":{\"ManufacturingOrder\":\"ACT-4\","
        "\"TotalQuantity\":1}}",
        ALICE);
    expect("CRTD");
    run("action",
        "{\"name\":\"ErpService.Release\",\"entity\":\"A_ProductionOrder\",\"key\":"
        "\"ACT-4\",\"etag\":\"*\"}",
        ALICE);
    expect("\"OrderStatus\":\"REL\"");
    expect("\"@etag\":");
    run("action",
        "{\"name\":\"ErpService.Release\",\"entity\":\"A_ProductionOrder\",\"key\":"
        "\"ACT-4\",\"etag\":\"*\"}",
        ALICE);
    expect_error(GW_CONNECTOR_CONFLICT, "is REL, not CRTD");
    run("action",
        "{\"name\":\"PostGoodsMovement\",\"parameters\":{\"Material\":\"NUT-M8\","
        "\"Plant\":\"1010\",\"StorageLocation\":\"101B\",\"Batch\":\"LOT-0003\","
        "\"GoodsMovementType\":\"261\",\"Quantity\":{\"$decimal\":\"999999.0\"}}}",
        ALICE);
    expect_error(GW_CONNECTOR_REFUSED, "on stock");
    connector_rig_close(&rig);

    open_version("v2");
    run("action",
        "{\"name\":\"A_ProductionOrder_TechnicallyComplete\",\"etag\":\"*\","
        "\"parameters\":{\"ManufacturingOrder\":\"ACT-4\"}}",
        ALICE);
    expect("\"OrderStatus\":\"TECO\"");
    run("action",
        "{\"name\":\"PostGoodsMovement\",\"parameters\":{\"Material\":\"NUT-M8\","
        "\"Plant\":\"1010\",\"StorageLocation\":\"101B\",\"Batch\":\"LOT-0003\","
        "\"GoodsMovementType\":\"261\",\"Quantity\":{\"$decimal\":\"2.5\"},"
        "\"ReferenceDocument\":\"it's 100% & +1\"}}",
        ALICE);
    expect("\"ReferenceDocument\":\"it's 100% & +1\"");
    expect("\"PostingDate\":\"20");
    connector_rig_close(&rig);
}

static void a_duplicate_is_adopted(void **state)
{
    static const char create[] =
        "{\"entity\":\"A_CostPosting\",\"body\":{\"CostCenter\":\"200100\",\"AmountInCurrency\":"
        "\"7.50\",\"Currency\":\"EUR\"},\"adopt\":{\"field\":\"AccountingDocument\",\"length\":10}"
        "}";
    static const char *const keys[] = {"effect/v4", "effect/v2"};
    char first[32], second[32];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        open_version(versions[i]);
        run("create", create, keys[i]);
        member("AccountingDocument", first, sizeof(first));
        expect_not("@adopted");
        run("create", create, keys[i]);
        expect("\"@adopted\":true");
        member("AccountingDocument", second, sizeof(second));
        assert_string_equal(first, second);
        run("create", create, "another effect");
        assert_int_equal(out.error, GW_CONNECTOR_OK);
        run("create",
            "{\"entity\":\"A_CostPosting\",\"body\":{\"AccountingDocument\":\"MINE\","
            "\"CostCenter\":"
            "\"1\",\"AmountInCurrency\":\"1\",\"Currency\":\"EUR\"},\"adopt\":{\"field\":"
            "\"AccountingDocument\"}}",
            "x");
        assert_int_equal(out.error, GW_CONNECTOR_OK);
        run("create",
            "{\"entity\":\"A_CostPosting\",\"body\":{\"AccountingDocument\":\"MINE\","
            "\"CostCenter\":"
            "\"2\",\"AmountInCurrency\":\"1\",\"Currency\":\"EUR\"},\"adopt\":{\"field\":"
            "\"AccountingDocument\"}}",
            "x");
        expect_error(GW_CONNECTOR_CONFLICT, "another one");
        connector_rig_close(&rig);
    }
}

static void what_was_left_is_looked_up(void **state)
{
    static const char create[] =
        "{\"entity\":\"A_CostPosting\",\"body\":{\"CostCenter\":\"200100\",\"AmountInCurrency\":"
        "\"8.25\",\"Currency\":\"EUR\",\"ReferenceID\":\"ours-1\"},\"lookup\":{\"filter\":"
        "{\"ReferenceID\":\"ours-1\"}}}";
    char first[32], second[32];

    (void)state;
    open_version("v4");
    odata_server_spoil(&server, "lost", "A_CostPosting", 2); /* the look, then the create */
    run("create", create, ALICE);
    assert_true(out.error != GW_CONNECTOR_OK);
    odata_server_seen(&server);
    odata_server_spoil(&server, "lost", "A_CostPosting", 1);
    run("list", "{\"entity\":\"A_CostPosting\"}", NULL);
    expect_error(GW_CONNECTOR_UNAVAILABLE, "");
    run("create", create, ALICE);
    member("AccountingDocument", first, sizeof(first));
    run("create", create, ALICE);
    expect("\"@adopted\":true");
    member("AccountingDocument", second, sizeof(second));
    assert_string_equal(first, second);
    run("create", "{\"entity\":\"A_CostPosting\",\"body\":{},\"lookup\":{\"filter\":{}}}", ALICE);
    expect_error(GW_CONNECTOR_WRONG, "empty");
    connector_rig_close(&rig);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static void tokens_are_fetched_again(void **state)
{
    static const char create[] = "{\"entity\":\"A_CostPosting\",\"body\":{\"CostCenter\":\"3\","
                                 "\"AmountInCurrency\":\"1\",\"Currency\":\"EUR\"}}";

    (void)state;
    open_version("v4");
    run("create", create, ALICE);
    assert_int_equal(out.error, GW_CONNECTOR_OK);
    assert_int_equal(odata_server_seen(&server), 2); /* the token, the create */
    run("create", create, ALICE);
    assert_int_equal(odata_server_seen(&server), 1);
    odata_server_forget(&server);
    odata_server_seen(&server);
    run("create", create, ALICE);
    assert_int_equal(out.error, GW_CONNECTOR_OK);
    assert_int_equal(odata_server_seen(&server), 3); /* refused, the token, the create */
    connector_rig_close(&rig);

    odata_rig_open(&rig, &server, "v4", "erp", "csrf: false");
    run("create", create, ALICE);
    expect_error(GW_CONNECTOR_DENIED, "CSRF");
    connector_rig_close(&rig);
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
        cmocka_unit_test(lists_have_one_shape),
        cmocka_unit_test(texts_stay_literals),
        cmocka_unit_test(one_is_read_by_its_parts),
        cmocka_unit_test(pages_are_followed),
        cmocka_unit_test(an_order_lives),
        cmocka_unit_test(actions_are_called),
        cmocka_unit_test(a_duplicate_is_adopted),
        cmocka_unit_test(what_was_left_is_looked_up),
        cmocka_unit_test(tokens_are_fetched_again),
        cmocka_unit_test(a_group_fails_as_one),
        cmocka_unit_test(a_batch_tells_of_each),
        cmocka_unit_test(faults_have_names),
        cmocka_unit_test(a_lost_write_is_in_doubt_unless_it_has_a_key),
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
