/* The example of docs/flows.md does what it says there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/flow_rig.h"
#include "tests/unit/support/suite_files.h"

static char *blocks[4]; /* the flow, its input, the answer of `erp`, its output */

static void begin_request(void *self, struct gw_connector_call *call)
{
    struct gw_str path = gw_value_member_text(&call->arguments, GW_STR("path"));
    struct gw_json_error wrong;
    struct gw_value value;

    (void)self;
    if (!gw_str_equal(path, GW_STR("/orders/4711"))) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "it is down");
        return;
    }
    assert_int_equal(gw_value_read(call->arena, gw_str_of(blocks[2]), NULL, &value, &wrong), 0);
    gw_connector_done(call, value);
}

static const struct gw_option parameters[] = {{.name = "method", .type = GW_STRING},
                                              {.name = "path", .type = GW_STRING},
                                              {.name = "query", .type = GW_ANY},
                                              {0}};
static const struct gw_connector_function functions[] = {
    {.name = "request", .parameters = parameters, .is_write = true, .begin = begin_request}, {0}};
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
    return gw_str_equal(backend, GW_STR("erp")) || gw_str_equal(backend, GW_STR("wms")) ? 0
                                                                                        : -ENOENT;
}

/* Cuts the first blocks between ``` out of the text. */
static void find_blocks(char *text)
{
    for (size_t i = 0; i < GW_COUNT_OF(blocks); i++) {
        char *begin = strstr(text, "```");
        assert_non_null(begin);
        begin = strchr(begin, '\n');
        assert_non_null(begin);
        char *end = strstr(begin, "```");
        assert_non_null(end);
        *end = '\0';
        blocks[i] = begin + 1;
        text = end + 3;
    }
}

static void the_example_is_true(void **state)
{
    struct gw_str file = suite_read("docs/flows.md");
    char *text = gw_str_duplicate(file);
    struct flow_rig rig;

    (void)state;
    assert_non_null(text);
    find_blocks(text);
    flow_rig_open(&rig);
    if (flow_rig_load(&rig, blocks[0]) == 0) /* as the gateway's own connectors are */
        fail_msg("the rig's names let anything pass");
    rig.names = (struct gw_flow_names){.connectors = NULL};
    if (flow_rig_load(&rig, blocks[0]) != 0)
        fail_msg("%s", rig.findings);
    rig.names.connectors = connectors;
    rig.host.connector = find_connector;
    assert_int_equal(flow_rig_load(&rig, blocks[0]), 0);
    flow_rig_run(&rig, blocks[1]);
    assert_false(rig.has_failed);
    if (!flow_rig_equal(rig.output, blocks[3]))
        fail_msg("%s is not %s", rig.output, blocks[3]);
    flow_rig_run(&rig, "{\"id\": \"12\"}"); /* the order is not there in another way: it is down */
    assert_true(rig.has_failed);
    flow_rig_close(&rig);
    free(text);
    free((char *)file.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_example_is_true)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
