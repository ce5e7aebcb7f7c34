/* What the schema policy costs per request, in CPU time: the order of the gateway's benchmark (888
 * bytes) through the filter, in memory, with parameters and without. Prints the median of the
 * rounds and the spread, and beside it an empty chain, which is in all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "policies/schema/schema.h"
#include "server/contract/load.h"
#include "server/filter/chain.h"

#define ROUNDS 21
#define REQUESTS 20000
#define BODY_BYTES 888

static const char document[] =
    "openapi: 3.1.0\n"
    "info: {title: t, version: 1.0.0}\n"
    "x-millgate: {namespace: /system/t, owner: o, contact: c, backend: b}\n"
    "paths:\n"
    "  /orders:\n"
    "    post: &operation\n"
    "      requestBody:\n"
    "        required: true\n"
    "        content:\n"
    "          application/json:\n"
    "            schema:\n"
    "              type: object\n"
    "              required: [supplier, date, items]\n"
    "              additionalProperties: false\n"
    "              properties:\n"
    "                supplier: {type: string, pattern: '^[0-9]{8}$'}\n"
    "                reference: {type: string, maxLength: 400}\n"
    "                date: {type: string, minLength: 10, maxLength: 10}\n"
    "                items:\n"
    "                  type: array\n"
    "                  minItems: 1\n"
    "                  items:\n"
    "                    type: object\n"
    "                    required: [material, quantity]\n"
    "                    additionalProperties: false\n"
    "                    properties:\n"
    "                      material: {type: string, minLength: 1, maxLength: 40}\n"
    "                      quantity: {type: number, exclusiveMinimum: 0}\n"
    "                      unit: {enum: [PC, KG, M]}\n"
    "                      plant: {type: string, pattern: '^[0-9]{4}$'}\n"
    "      responses: {default: {description: d}}\n"
    "    put:\n"
    "      parameters:\n"
    "        - {name: plant, in: query, required: true, schema: {type: integer}}\n"
    "        - {name: tags, in: query, schema: {type: array, items: {type: string}}}\n"
    "        - {name: X-Line, in: header, schema: {type: string, maxLength: 20}}\n"
    "      requestBody: {required: true, content: {text/plain: {}}}\n"
    "      responses: {default: {description: d}}\n";

struct setting {
    const char *name;
    enum gw_method method;
    struct gw_str type, body, query;
    size_t filter_count;
    const char *must; /* the verdict: "passes" or a problem */
};

static struct gw_contract *load(void)
{
    char folder[] = "/tmp/millgate-bench-XXXXXX", path[64];
    const struct gw_contract_rules rules = {.is_standalone = true};
    struct gw_diagnostics diagnostics;
    struct gw_contract *contract = NULL;

    if (mkdtemp(folder) == NULL)
        return NULL;
    snprintf(path, sizeof(path), "%s/t.yaml", folder);
    FILE *file = fopen(path, "w");
    if (file != NULL && fputs(document, file) >= 0 && fclose(file) == 0) {
        gw_diagnostics_init(&diagnostics);
        if (gw_contract_load(path, &rules, &diagnostics, &contract) != 0)
            fprintf(stderr, "%s\n", diagnostics.findings[0].text);
        gw_diagnostics_finish(&diagnostics);
    }
    unlink(path);
    rmdir(folder);
    return contract;
}

static struct gw_str write_order(char *out, size_t capacity, const char *last_quantity)
{
    size_t len = (size_t)snprintf(out, capacity,
                                  "{\"supplier\":\"17300001\",\"date\":\"2026-11-22\",\"items\":[");

    for (int i = 0; i < 8; i++)
        len += (size_t)snprintf(out + len, capacity - len,
                                "{\"material\":\"BOLT-M%d-8.8-ZN\",\"quantity\":%s,\"unit\":\"PC\","
                                "\"plant\":\"1010\"},",
                                10 + i, i == 7 ? last_quantity : "1250.5");
    len += (size_t)snprintf(out + len - 1, capacity - len, "],\"reference\":\"") - 1;
    while (len < BODY_BYTES - 2)
        out[len++] = 'R';
    memcpy(out + len, "\"}", 2);
    return gw_str_from(out, len + 2);
}

static void end_of_chain(struct gw_exchange *ex)
{
    ex->response.status = 200;
    gw_chain_response_set(ex);
}

static void run_one(struct gw_exchange_pool *pool, const struct gw_chain *chain,
                    const struct gw_operation *operation, const struct setting *setting)
{
    struct gw_exchange *ex = gw_exchange_take(pool);

    if (ex == NULL)
        abort();
    ex->operation = operation;
    ex->api = operation->api;
    ex->request.method = setting->method;
    ex->request.query = setting->query;
    ex->request.body_bytes = (int64_t)setting->body.len;
    if (gw_request_add_field(ex, GW_STR("Host"), GW_STR("a")) != 0 ||
        gw_request_add_field(ex, GW_STR("X-Line"), GW_STR("line 7")) != 0 ||
        gw_request_add_field(ex, GW_STR("Content-Type"), setting->type) != 0)
        abort();
    gw_exchange_feed(ex, setting->body.ptr, setting->body.len);
    gw_exchange_feed_end(ex);
    gw_chain_run(chain, ex);
    const char *verdict = ex->record.problem != NULL ? ex->record.problem : "passes";
    if (strcmp(verdict, setting->must) != 0)
        abort();
    gw_exchange_give_back(pool, ex);
}

/* Of the process, not of the wall: the machine may be busy. */
static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double measure(const struct gw_api *api, void *policy, const struct setting *setting)
{
    const struct gw_chain chain = {
        .links = {{&gw_schema, policy}}, .count = setting->filter_count, .end = end_of_chain};
    const struct gw_operation *operation = NULL;
    struct gw_exchange_pool pool;
    double ns[ROUNDS];

    for (size_t i = 0; i < api->operation_count; i++) {
        if (api->operations[i].method == setting->method)
            operation = &api->operations[i];
    }
    gw_exchange_pool_init(&pool, 4, 1 << 20);
    for (size_t round = 0; round < ROUNDS; round++) {
        uint64_t start_ns = cpu_ns();
        for (size_t i = 0; i < REQUESTS; i++)
            run_one(&pool, &chain, operation, setting);
        ns[round] = (double)(cpu_ns() - start_ns) / REQUESTS;
    }
    gw_exchange_pool_finish(&pool);
    qsort(ns, ROUNDS, sizeof(*ns), compare);
    printf("%-28s %8.0f ns   (%.0f to %.0f)\n", setting->name, ns[ROUNDS / 2], ns[0],
           ns[ROUNDS - 1]);
    return ns[ROUNDS / 2];
}

int main(void)
{
    static char good[BODY_BYTES + 64], bad[BODY_BYTES + 64];
    const struct gw_str json = GW_STR("application/json"),
                        query = GW_STR("plant=1010&tags=a&tags=b");
    struct gw_str order = write_order(good, sizeof(good), "7");
    struct gw_str wrong = write_order(bad, sizeof(bad), "0");
    const struct setting settings[] = {
        {"empty chain", GW_METHOD_POST, json, order, GW_STR_INIT(""), 0, "passes"},
        {"order, 888 bytes", GW_METHOD_POST, json, order, GW_STR_INIT(""), 1, "passes"},
        {"order, refused", GW_METHOD_POST, json, wrong, GW_STR_INIT(""), 1, "invalid-body"},
        {"three parameters, text body", GW_METHOD_PUT, GW_STR("text/plain"), order, query, 1,
         "passes"},
    };
    struct gw_contract *contract = load();
    struct gw_error error;
    json_t *config = NULL;
    void *policy = NULL;

    if (contract == NULL || gw_option_parse("{}", gw_schema.options, &config, &error) != 0 ||
        gw_schema.create(config, &policy, &error) != 0)
        return 1;
    double empty = 0;
    for (size_t i = 0; i < GW_COUNT_OF(settings); i++) {
        double ns = measure(gw_contract_api(contract), policy, &settings[i]);
        if (i == 0)
            empty = ns;
        else
            printf("%-28s %8.0f ns\n", "  the policy alone", ns - empty);
    }
    gw_schema.destroy(policy);
    json_decref(config);
    gw_contract_release(contract);
    return 0;
}
