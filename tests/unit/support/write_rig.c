#include "write_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/store/record.h"

#define DEADLINE_NS (20 * GW_NS_PER_SECOND)

void write_rig_start(struct write_rig *rig)
{
    static const char *const durable[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
    struct redis_rig *redis = &rig->redis;

    redis_rig_start(redis, durable);
    redis_rig_connect(redis, NULL);
    redis_rig_wait_up(redis);
    rig->writer = gw_record_writer_create(&(struct gw_record_writer_config){.redis = redis->redis});
    assert_non_null(rig->writer);
    rig->worker = (struct gw_worker){
        .loop = redis->loop, .redis = redis->redis, .record_writer = rig->writer};
    gw_list_init(&rig->worker.tenants);
}

void write_rig_stop(struct write_rig *rig)
{
    gw_worker_send_off(&rig->worker);
    gw_record_writer_destroy(rig->writer);
    redis_rig_stop(&rig->redis);
}

static void on_done(struct gw_connector_call *call, const struct gw_connector_failure *failure)
{
    struct write_call *self = call->owner;

    self->ends++;
    self->error = failure == NULL ? GW_CONNECTOR_OK : failure->error;
    self->retry_ns = failure == NULL ? 0 : failure->retry_ns;
    self->text_len = call->result.type == GW_JSON_STRING ? call->result.text.len : 0;
}

void write_rig_begin(struct write_rig *rig, const struct write_subject *subject, const char *key,
                     struct write_call *out_call)
{
    *out_call = (struct write_call){0};
    gw_arena_init(&out_call->arena, 4096, 1 << 20);
    out_call->call = (struct gw_connector_call){
        .function = subject->function,
        .arena = &out_call->arena,
        .worker = &rig->worker,
        .backend = subject->backend,
        .cause = subject->cause,
        .arguments = gw_value_object(NULL, 0),
        .effect_key = gw_str_of(key),
        .deadline_ns = gw_clock_monotonic_ns() + DEADLINE_NS,
        .done = on_done,
        .owner = out_call,
    };
    gw_connector_begin(NULL, &out_call->call);
}

void write_rig_turn_until(struct write_rig *rig, const unsigned *count, unsigned value)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + DEADLINE_NS;

    while (*count < value) {
        gw_loop_turn(rig->redis.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

void write_rig_await(struct write_rig *rig, struct write_call *call)
{
    write_rig_turn_until(rig, &call->ends, 1);
    assert_int_equal(call->ends, 1);
    gw_arena_finish(&call->arena);
}

void write_rig_cancel(struct write_call *call)
{
    gw_connector_cancel(&call->call);
    gw_arena_finish(&call->arena);
}

enum gw_connector_error write_rig_run(struct write_rig *rig, const struct write_subject *subject,
                                      const char *key)
{
    struct write_call call;

    write_rig_begin(rig, subject, key, &call);
    write_rig_await(rig, &call);
    return call.error;
}
