/* How long one match takes with 10, 1,000 and 10,000 routes. Prints the median of the rounds, their
 * spread, and the memory of the router. */
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/http/router.h"

#define ROUNDS 15
#define MATCHES 200000
#define PATHS 1024 /* asked for in turn, drawn from all routes */

struct table {
    struct gw_route *routes;
    char (*templates)[96];
    char (*paths)[96];
};

/* As contracts have them: /<layer>/<name>/v1, a dozen resources each, plain and OData templates. */
static void write_route(struct table *table, size_t i)
{
    size_t api = i / 24;
    size_t resource = i % 24 / 4;
    static const char *const forms[] = {"items%zu", "items%zu/{id}", "items%zu/{id}/lines/{line}",
                                        "Set%zu('{id}')"};
    char form[64];

    snprintf(form, sizeof(form), "/system/api%%zu/v1/%s", forms[i % 4]);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(table->templates[i], sizeof(table->templates[i]), form, api, resource);
#pragma GCC diagnostic pop
    table->routes[i] = (struct gw_route){GW_METHOD_GET, gw_str_of(table->templates[i]),
                                         GW_STR("bench"), table->templates[i]};
}

/* The template with a number for each parameter. */
static void write_path(const char *template, size_t number, char *out, size_t capacity)
{
    size_t len = 0;

    for (const char *at = template; *at != '\0' && len + 24 < capacity; at++) {
        if (*at != '{') {
            out[len++] = *at;
            continue;
        }
        len += (size_t)snprintf(out + len, capacity - len, "%zu", 100000 + number);
        while (*at != '}')
            at++;
    }
    out[len] = '\0';
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double run(const struct gw_router *router, char (*paths)[96])
{
    struct gw_str texts[PATHS];
    struct gw_route_match match;
    size_t found = 0;

    for (size_t i = 0; i < PATHS; i++)
        texts[i] = gw_str_of(paths[i]);
    uint64_t start = gw_clock_monotonic_ns();
    for (size_t i = 0; i < MATCHES; i++)
        found += gw_router_match(router, GW_METHOD_GET, texts[i % PATHS], &match) == GW_ROUTE_FOUND;
    uint64_t end = gw_clock_monotonic_ns();
    if (found != MATCHES)
        abort();
    return (double)(end - start) / MATCHES;
}

static void measure(size_t count)
{
    struct table table = {
        .routes = calloc(count, sizeof(*table.routes)),
        .templates = calloc(count, sizeof(*table.templates)),
        .paths = calloc(PATHS, sizeof(*table.paths)),
    };
    struct gw_router *router;
    struct gw_error error;
    double ns[ROUNDS];

    if (table.routes == NULL || table.templates == NULL || table.paths == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        write_route(&table, i);
    for (size_t i = 0; i < PATHS; i++)
        write_path(table.templates[i * 7919 % count], i, table.paths[i], sizeof(table.paths[i]));
    uint64_t start = gw_clock_monotonic_ns();
    if (gw_router_create(table.routes, count, &router, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    uint64_t built_ns = gw_clock_monotonic_ns() - start;
    for (size_t i = 0; i < ROUNDS; i++)
        ns[i] = run(router, table.paths);
    qsort(ns, ROUNDS, sizeof(*ns), compare);
    printf("%8zu %12.1f %8.1f-%.1f %12.1f %12zu\n", count, ns[ROUNDS / 2], ns[0], ns[ROUNDS - 1],
           (double)built_ns / 1e6, gw_router_bytes(router) / 1024);
    gw_router_destroy(router);
    free(table.paths);
    free(table.templates);
    free(table.routes);
}

int main(void)
{
    static const size_t counts[] = {10, 1000, 10000};

    printf("%8s %12s %14s %12s %12s\n", "routes", "ns/match", "spread", "build ms", "KiB");
    for (size_t i = 0; i < GW_COUNT_OF(counts); i++)
        measure(counts[i]);
    return 0;
}
