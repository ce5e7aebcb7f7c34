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
    outcome_expect(&out, part);
}

static void expect_error(enum gw_connector_error error, const char *reason)
{
    outcome_expect_error(&out, error, reason);
}

static void expect_not(const char *part)
{
    assert_null(strstr(out.result, part));
}

static void member(const char *name, char *value, size_t room)
{
    outcome_member(&out, name, value, room);
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
        expect("\"ManufacturingOrder\":\"1000001\"");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_have_one_shape),     cmocka_unit_test(texts_stay_literals),
        cmocka_unit_test(one_is_read_by_its_parts), cmocka_unit_test(pages_are_followed),
        cmocka_unit_test(an_order_lives),           cmocka_unit_test(actions_are_called),
        cmocka_unit_test(a_duplicate_is_adopted),   cmocka_unit_test(what_was_left_is_looked_up),
        cmocka_unit_test(tokens_are_fetched_again),
    };

    if (!odata_server_start(&server)) {
        print_message("skipped: the OData rig is not installed: run script/bootstrap\n");
        return 77;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    odata_server_stop(&server);
    return failed;
}
