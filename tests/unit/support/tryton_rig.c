#include "tryton_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/connector/tryton/tryton.h"

void tryton_rig_open(struct tryton_rig *rig, const char *options)
{
    connector_rig_open(&rig->connector, &gw_tryton_connector);
    backend_rig_add_target(&rig->connector.backend, rig->server.port);
    backend_rig_adopt(&rig->connector.backend);
    connector_rig_create(&rig->connector, options);
}

void tryton_rig_close(struct tryton_rig *rig)
{
    connector_rig_close(&rig->connector);
}

const char *tryton_ask(struct tryton_rig *rig, const char *function, const char *format, ...)
{
    char arguments[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(arguments, sizeof(arguments), format, args);
    va_end(args);
    connector_rig_run(&rig->connector, function, arguments, NULL, &rig->outcome);
    if (rig->outcome.error != GW_CONNECTOR_OK)
        fail_msg("%s(%s): %s: %s: %s", function, arguments,
                 gw_connector_error_row(rig->outcome.error)->name, rig->outcome.code,
                 rig->outcome.reason);
    return rig->outcome.result;
}

long tryton_ask_id(struct tryton_rig *rig, const char *function, const char *arguments)
{
    long id = strtol(tryton_ask(rig, function, "%s", arguments), NULL, 10);

    assert_true(id > 0);
    return id;
}

void tryton_refuses(struct tryton_rig *rig, const char *function, const char *arguments,
                    enum gw_connector_error error, const char *code)
{
    connector_rig_run(&rig->connector, function, arguments, NULL, &rig->outcome);
    if (rig->outcome.error != error)
        fail_msg("%s(%s): %s: %s: %s", function, arguments,
                 gw_connector_error_row(rig->outcome.error)->name, rig->outcome.reason,
                 rig->outcome.result);
    assert_string_equal(rig->outcome.code, code);
}

void tryton_has(const char *text, const char *part)
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

long tryton_product_id(struct tryton_rig *rig, const char *code)
{
    return number_in(
        tryton_ask(rig, "search_read",
                   "{\"model\":\"product.product\",\"domain\":[[\"code\",\"=\",\"%s\"]],"
                   "\"fields\":[\"code\"]}",
                   code),
        "id");
}

long tryton_first_id(struct tryton_rig *rig, const char *model, const char *domain)
{
    return number_in(tryton_ask(rig, "search_read",
                                "{\"model\":\"%s\",\"domain\":%s,\"fields\":[\"id\"],"
                                "\"order\":[[\"id\",\"ASC\"]],\"limit\":1}",
                                model, domain),
                     "id");
}

long tryton_create_purchase(struct tryton_rig *rig, const char *code, const char *reference)
{
    long product = tryton_product_id(rig, code);
    long uom = number_in(tryton_ask(rig, "read",
                                    "{\"model\":\"product.product\",\"id\":%ld,"
                                    "\"fields\":[\"default_uom\"]}",
                                    product),
                         "default_uom");
    long party = tryton_first_id(rig, "party.party", "[[\"code\",\"=\",\"17300001\"]]");
    long address = tryton_first_id(rig, "party.address", "[[\"party.code\",\"=\",\"17300001\"]]");
    long warehouse = tryton_first_id(rig, "stock.location", "[[\"type\",\"=\",\"warehouse\"]]");
    long currency = tryton_first_id(rig, "currency.currency", "[]");

    return strtol(
        tryton_ask(rig, "create",
                   "{\"model\":\"purchase.purchase\",\"values\":{\"company\":1,\"currency\":%ld,"
                   "\"party\":%ld,\"invoice_address\":%ld,\"warehouse\":%ld,\"reference\":\"%s\","
                   "\"invoice_method\":\"manual\",\"purchase_date\":{\"$date\":\"2026-11-02\"},"
                   "\"lines\":[[\"create\",[{\"type\":\"line\",\"product\":%ld,\"unit\":%ld,"
                   "\"quantity\":10,\"unit_price\":{\"$decimal\":\"0.1230\"}}]]]}}",
                   currency, party, address, warehouse, reference, product, uom),
        NULL, 10);
}

void tryton_finish_works(struct tryton_rig *rig, long production)
{
    long works = strtol(tryton_ask(rig, "count",
                                   "{\"model\":\"production.work\",\"domain\":"
                                   "[[\"production\",\"=\",%ld]]}",
                                   production),
                        NULL, 10);

    assert_true(works > 0);
    for (; works > 0; works--) {
        char domain[128];
        snprintf(domain, sizeof(domain),
                 "[[\"production\",\"=\",%ld],[\"state\",\"!=\",\"finished\"]]", production);
        long work = tryton_first_id(rig, "production.work", domain);
        long cycle = strtol(tryton_ask(rig, "create",
                                       "{\"model\":\"production.work.cycle\",\"values\":"
                                       "{\"work\":%ld,\"duration\":{\"$seconds\":90.5}}}",
                                       work),
                            NULL, 10);
        tryton_ask(rig, "button",
                   "{\"model\":\"production.work.cycle\",\"id\":%ld,\"button\":\"run\","
                   "\"expect\":\"running\"}",
                   cycle);
        tryton_ask(rig, "button",
                   "{\"model\":\"production.work.cycle\",\"id\":%ld,\"button\":\"do\","
                   "\"expect\":\"done\"}",
                   cycle);
        tryton_has(tryton_ask(rig, "read",
                              "{\"model\":\"production.work.cycle\",\"id\":%ld,"
                              "\"fields\":[\"duration\"]}",
                              cycle),
                   "\"duration\":90.5");
    }
}
