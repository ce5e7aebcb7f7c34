#include "backend_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/net/loop.h"
#include "server/upstream/target.h"

void backend_rig_open(struct backend_rig *rig)
{
    struct gw_error error = {0};

    *rig = (struct backend_rig){
        .config = {.name = GW_STR("erp"),
                   .first_byte_ns = 10 * GW_NS_PER_SECOND,
                   .total_ns = 10 * GW_NS_PER_SECOND,
                   .idle_ns = 10 * GW_NS_PER_SECOND},
    };
    assert_int_equal(gw_loop_create(&rig->loop, &error), 0);
    assert_int_equal(gw_http_client_create(rig->loop, &rig->worker.http, &error), 0);
    rig->worker.loop = rig->loop;
    gw_list_init(&rig->worker.tenants);
    gw_upstreams_init(&rig->upstreams, &rig->worker);
    rig->marks = calloc(RIG_MAX_TARGETS, sizeof(*rig->marks));
    assert_non_null(rig->marks);
}

void backend_rig_add_target(struct backend_rig *rig, uint16_t port)
{
    size_t at = rig->config.target_count++;

    assert_true(at < RIG_MAX_TARGETS);
    snprintf(rig->urls[at], sizeof(rig->urls[at]), "http://127.0.0.1:%u", port);
    snprintf(rig->authorities[at], sizeof(rig->authorities[at]), "127.0.0.1:%u", port);
    rig->targets[at] = (struct gw_target_config){
        .url = gw_str_of(rig->urls[at]),
        .origin = {.host = GW_STR("127.0.0.1"), .port = port},
        .authority = gw_str_of(rig->authorities[at]),
        .weight = 100,
        .pools = 1,
        .mark = &rig->marks[at],
    };
}

void backend_rig_adopt(struct backend_rig *rig)
{
    struct gw_error error = {0};

    rig->config.targets = rig->targets;
    assert_int_equal(gw_backend_init(&rig->backend, &rig->upstreams, &rig->config, &error), 0);
}

void backend_rig_wait(struct backend_rig *rig, const bool *is_met)
{
    uint64_t end_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (!*is_met) {
        assert_true(gw_clock_monotonic_ns() < end_ns);
        gw_loop_turn(rig->loop, 100);
    }
}

void backend_rig_close(struct backend_rig *rig)
{
    if (rig->backend.config != NULL)
        gw_backend_finish(&rig->backend);
    gw_upstreams_finish(&rig->upstreams);
    gw_http_client_destroy(rig->worker.http);
    gw_loop_destroy(rig->loop);
    free(rig->marks);
}
