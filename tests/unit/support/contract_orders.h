/* A whole contract and the rules under which it is good, for tests of the loader. */
#pragma once

#include "server/contract/rules.h"

static const struct gw_str to_erp[] = {GW_STR_INIT("/system/erp")};
static const struct gw_str to_system[] = {GW_STR_INIT("/system/*")};
static const struct gw_str to_process[] = {GW_STR_INIT("/process/*")};
static const struct gw_grant grants[] = {
    {GW_GRANT_BACKEND, GW_STR_INIT("erp"), to_erp, 1, 0},
    {GW_GRANT_BACKEND, GW_STR_INIT("mes"), to_process, 1, 0},
    {GW_GRANT_ISSUER, GW_STR_INIT("corporate"), to_system, 1, 0},
    {GW_GRANT_PLAN, GW_STR_INIT("gold"), to_system, 1, 50},
    {GW_GRANT_PLAN, GW_STR_INIT("bulk"), to_process, 1, 0},
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
