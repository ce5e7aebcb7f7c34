#include "redis_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "server/core/clock.h"

#define PATIENCE_NS (10 * GW_NS_PER_SECOND)

void redis_rig_connect(struct redis_rig *rig, const struct gw_redis_config *config)
{
    struct gw_redis_config own = config != NULL ? *config : (struct gw_redis_config){0};
    struct gw_error error;

    if (own.unix_path.len == 0 && own.host.len == 0)
        own.unix_path = gw_str_of(rig->server.path);
    if (own.timeout_ns == 0)
        own.timeout_ns = 5 * GW_NS_PER_SECOND; /* the machine may be busy */
    if (own.stall_ns == 0)
        own.stall_ns = 5 * GW_NS_PER_SECOND;
    gw_redis_destroy(rig->redis);
    rig->redis = NULL;
    assert_int_equal(gw_redis_create(rig->loop, &own, &rig->redis, &error), 0);
}

void redis_rig_start(struct redis_rig *rig, const char *const *options)
{
    struct gw_error error;

    *rig = (struct redis_rig){0};
    assert_int_equal(gw_loop_create(&rig->loop, &error), 0);
    redis_server_start(&rig->server, options);
}

void redis_rig_stop(struct redis_rig *rig)
{
    gw_redis_destroy(rig->redis);
    redis_server_stop(&rig->server);
    gw_loop_destroy(rig->loop);
}

void redis_rig_wait_up(struct redis_rig *rig)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;

    while (!gw_redis_is_up(rig->redis)) {
        gw_loop_turn(rig->loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

void redis_rig_on_reply(void *self, int rc, const struct gw_reply *reply)
{
    struct redis_outcome *outcome = self;

    outcome->calls++;
    outcome->rc = rc;
    if (rc != 0)
        return;
    outcome->type = reply->type;
    outcome->integer = reply->integer;
    outcome->count = reply->count;
    snprintf(outcome->text, sizeof(outcome->text), "%.*s", GW_STR_ARG(reply->text));
}

int redis_rig_send(struct redis_rig *rig, const char *line, struct redis_outcome *outcome)
{
    struct gw_str rest = gw_str_of(line);
    struct gw_str words[16];
    struct gw_redis_command command = {.args = words};

    while (command.count < 16 && gw_str_split(&rest, ' ', &words[command.count]))
        command.count++;
    *outcome = (struct redis_outcome){0};
    return gw_redis_send(rig->redis, &command, redis_rig_on_reply, outcome, NULL);
}

void redis_rig_await(struct redis_rig *rig, const struct redis_outcome *outcome)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;

    gw_redis_flush(rig->redis); /* a turn would wait first */
    while (outcome->calls == 0) {
        gw_loop_turn(rig->loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

void redis_rig_ask(struct redis_rig *rig, const char *line, struct redis_outcome *outcome)
{
    assert_int_equal(redis_rig_send(rig, line, outcome), 0);
    redis_rig_await(rig, outcome);
}

void redis_rig_turn_for(struct redis_rig *rig, unsigned ms)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + ms * GW_NS_PER_MS;

    while (gw_clock_monotonic_ns() < until_ns)
        gw_loop_turn(rig->loop, 5);
}
