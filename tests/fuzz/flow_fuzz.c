/* Flows from outside: loaded, and run with a host that has nothing, until they wait or end. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/flow/flow.h"
#include "server/net/loop.h"

#define MAX_BYTES 8000 /* larger ones only cost time */
#define MAX_TURNS 30

static char folder[64];
static struct gw_loop *loop;
static struct gw_evaluator *evaluator;

static void clean_up(void)
{
    char path[128];

    gw_evaluator_destroy(evaluator);
    gw_loop_destroy(loop);
    snprintf(path, sizeof(path), "%s/a.yaml", folder);
    unlink(path);
    rmdir(folder);
}

static void set_up(void)
{
    struct gw_error error;

    snprintf(folder, sizeof(folder), "/tmp/millgate-fuzz-XXXXXX");
    if (mkdtemp(folder) == NULL || gw_loop_create(&loop, &error) != 0 || atexit(clean_up) != 0)
        abort();
}

static void write_document(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        abort();
}

static void begin_echo(void *self, struct gw_connector_call *call)
{
    (void)self;
    if (call->arguments.type != GW_JSON_OBJECT)
        abort();
    gw_connector_done(call, call->arguments);
}

static const struct gw_option parameters[] = {{.name = "method", .type = GW_STRING},
                                              {.name = "path", .type = GW_STRING},
                                              {.name = "query", .type = GW_ANY},
                                              {.name = "headers", .type = GW_ANY},
                                              {.name = "body", .type = GW_ANY},
                                              {.name = "output", .type = GW_STRING},
                                              {0}};
static const struct gw_connector_function functions[] = {
    {.name = "request", .parameters = parameters, .is_write = true, .begin = begin_echo}, {0}};
static const struct gw_connector_type http = {.name = "http", .functions = functions};
static const struct gw_connector_type *const connectors[] = {&http, NULL};

static int find_connector(void *self, const struct gw_exchange *cause, struct gw_str backend,
                          const struct gw_connector_type *type, void **out_instance,
                          const struct gw_backend **out_backend)
{
    (void)cause;
    (void)type;
    *out_instance = self;
    *out_backend = NULL;
    return backend.len == 3 ? 0 : -1;
}

static void ended(void *self, const struct gw_value *output, const struct gw_flow_error *error)
{
    bool *is_done = self;

    if (*is_done || (output == NULL) == (error == NULL))
        abort();
    if (error != NULL && (error->type.len == 0 || error->status < 100))
        abort();
    *is_done = true;
}

static void run(struct gw_flow *flow)
{
    struct gw_worker worker = {.loop = loop};
    const struct gw_flow_host host = {
        .worker = &worker, .evaluator = evaluator, .connector = find_connector};
    static const struct gw_value items[] = {{.type = GW_JSON_TRUE}, {.type = GW_JSON_NULL}};
    const struct gw_value_member members[] = {{GW_STR("n"), gw_value_number(GW_STR("1"))},
                                              {GW_STR("items"), gw_value_array(items, 2)}};
    bool is_done = false;
    const struct gw_flow_start start = {.flow = flow,
                                        .input = gw_value_object(members, 2),
                                        .key = GW_STR("key"),
                                        .deadline_ns = gw_clock_monotonic_ns() + GW_NS_PER_SECOND,
                                        .max_arena_bytes = 4 << 20,
                                        .done = ended,
                                        .self = &is_done};
    struct gw_flow_run *started = gw_flow_start(&host, &start);

    if (started == NULL)
        abort();
    for (unsigned i = 0; i < MAX_TURNS && !is_done; i++)
        gw_loop_turn(loop, 0);
    if (!is_done)
        gw_flow_cancel(started);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct gw_flow_names names = {.connectors = connectors};
    static struct gw_diagnostics diagnostics;
    struct gw_flow *flow = NULL;
    char path[128];

    if (len < 1 || len > MAX_BYTES)
        return 0;
    if (loop == NULL)
        set_up();
    snprintf(path, sizeof(path), "%s/a.yaml", folder);
    write_document(path, bytes, len);
    gw_diagnostics_init(&diagnostics);
    int rc = gw_flow_load(path, &names, &diagnostics, &flow);
    if ((rc == 0) == gw_diagnostics_has_errors(&diagnostics))
        abort();
    if (rc == 0 && !gw_flow_is_current(flow))
        abort();
    if (rc == 0)
        run(flow);
    gw_flow_release(flow);
    gw_diagnostics_finish(&diagnostics);
    return 0;
}
