#include "tests/unit/support/lane_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/event/log.h"
#include "server/iot/sample_json.h"
#include "server/iot/store_redis.h"
#include "server/store/record.h"

#define PATIENCE_NS (10 * GW_NS_PER_SECOND)
#define STOP_NS (5 * GW_NS_PER_SECOND)
#define STREAM "{millgate:events:0}:stream"

void lane_rig_open(struct lane_rig *rig, const char *registry, const char *document)
{
    const char *documents[] = {document, NULL};
    static const char *const durable[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
    const struct gw_redis_config config = {0};
    const struct gw_event_log_config logging = {
        .partitions = 1, .keep_s = 3600, .guard_s = 3600, .max_events = 100000};

    *rig = (struct lane_rig){.documents = calloc(1, sizeof(*rig->documents))};
    assert_non_null(rig->documents);
    signal_rig_open(rig->documents, registry, documents);
    redis_rig_start(&rig->redis, durable);
    redis_rig_connect(&rig->redis, &config);
    redis_rig_wait_up(&rig->redis);
    const struct gw_record_writer_config writing = {.redis = rig->redis.redis};
    rig->writer = gw_record_writer_create(&writing);
    assert_non_null(rig->writer);
    rig->log = gw_event_log_create(rig->redis.redis, rig->writer, &logging, NULL);
    assert_non_null(rig->log);
    const struct gw_iot_redis_config storing = {rig->redis.redis, rig->writer, rig->log,
                                                GW_STR("one")};
    rig->store = gw_iot_redis_create(&storing);
    assert_non_null(rig->store);
}

void lane_rig_close(struct lane_rig *rig)
{
    lane_rig_die(rig);
    rig->store->ops->destroy(rig->store);
    gw_event_log_destroy(rig->log);
    gw_record_writer_destroy(rig->writer);
    redis_rig_stop(&rig->redis);
    signal_rig_close(rig->documents);
    free(rig->documents);
}

/* --- the lane --- */

static bool is_mine(void *self, const struct gw_edge_node_config *node)
{
    const struct lane_rig *rig = self;
    (void)node;

    return !rig->is_nobodys;
}

void lane_rig_start(struct lane_rig *rig)
{
    const struct gw_iot_board_config board = {
        .values = {rig->redis.loop, rig->redis.redis, rig->documents->registry, GW_STR("one"), 100},
        .writer = rig->writer};
    struct gw_error error;

    rig->board = gw_iot_board_create(&board);
    assert_non_null(rig->board);
    const struct gw_lane_config config = {.loop = rig->redis.loop,
                                          .store = rig->store,
                                          .registry = rig->documents->registry,
                                          .signals = rig->documents->signals,
                                          .events = gw_iot_board_events(rig->board),
                                          .checkpoint_ns = 100 * GW_NS_PER_MS,
                                          .max_pending_bytes = rig->max_pending_bytes};
    assert_int_equal(gw_lane_create(&config, &rig->lane, &error), 0);
    gw_iot_board_set_lane(rig->board, rig->lane);
    gw_lane_set_owned(rig->lane, is_mine, rig);
}

void lane_rig_die(struct lane_rig *rig)
{
    if (rig->lane == NULL)
        return;
    gw_iot_board_set_lane(rig->board, NULL);
    gw_lane_destroy(rig->lane);
    gw_iot_board_destroy(rig->board);
    rig->lane = NULL;
    rig->board = NULL;
}

static void on_stopped(void *self)
{
    struct lane_rig *rig = self;

    rig->has_stopped = true;
}

void lane_rig_stop(struct lane_rig *rig)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 2 * STOP_NS;

    rig->has_stopped = false;
    gw_lane_stop(rig->lane, false, STOP_NS, on_stopped, rig);
    while (!rig->has_stopped) {
        gw_loop_turn(rig->redis.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    lane_rig_die(rig);
}

/* --- samples --- */

const struct gw_device_config *lane_rig_device(const struct lane_rig *rig, const char *id)
{
    const struct gw_device_config *device =
        gw_registry_find_id(rig->documents->registry, gw_str_of(id));

    assert_non_null(device);
    return device;
}

void lane_rig_put(struct lane_rig *rig, const char *device, const char *metric, int64_t time_ms,
                  double number)
{
    const struct gw_device_config *config = lane_rig_device(rig, device);
    const struct gw_sample sample = {
        .type = GW_SAMPLE_REAL, .time_ms = time_ms, .real = number, .quality = GW_QUALITY_GOOD};
    struct redis_outcome outcome;
    struct gw_buf text;
    char key[256];

    gw_buf_init(&text, 4096);
    gw_buf_append_byte(&text, '[');
    gw_samples_write(&text, config->device, gw_str_of(metric), &sample);
    gw_buf_append_byte(&text, ']');
    gw_buf_append_byte(&text, 0);
    assert_false(text.has_failed);
    snprintf(key, sizeof(key), "millgate:iot:{%.*s/%.*s}:inbox", GW_STR_ARG(config->group),
             GW_STR_ARG(config->edge_node));
    LANE_RIG_ASK(rig, &outcome, "XADD", key, "*", "b", text.ptr);
    assert_int_equal(outcome.type, GW_REPLY_STRING);
    gw_buf_finish(&text);
}

/* --- Redis --- */

void lane_rig_ask(struct lane_rig *rig, struct redis_outcome *outcome, size_t count,
                  const char *const *words)
{
    struct gw_str texts[16];
    const struct gw_redis_command command = {.args = texts, .count = count};

    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        texts[i] = gw_str_of(words[i]);
    *outcome = (struct redis_outcome){0};
    assert_int_equal(gw_redis_send(rig->redis.redis, &command, redis_rig_on_reply, outcome, NULL),
                     0);
    redis_rig_await(&rig->redis, outcome);
    assert_int_equal(outcome->rc, 0);
}

int64_t lane_rig_number(struct lane_rig *rig, const char *line)
{
    struct redis_outcome outcome;

    redis_rig_ask(&rig->redis, line, &outcome);
    assert_int_equal(outcome.rc, 0);
    return outcome.type == GW_REPLY_INTEGER ? outcome.integer : (int64_t)outcome.count;
}

const char *lane_rig_text(struct lane_rig *rig, const char *line)
{
    static struct redis_outcome outcome;

    redis_rig_ask(&rig->redis, line, &outcome);
    assert_int_equal(outcome.rc, 0);
    return outcome.type == GW_REPLY_NIL ? "nil" : outcome.text;
}

void lane_rig_await_number(struct lane_rig *rig, const char *line, int64_t number)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;
    int64_t is;

    while ((is = lane_rig_number(rig, line)) != number) {
        if (gw_clock_monotonic_ns() > until_ns)
            fail_msg("%s: %lld, not %lld", line, (long long)is, (long long)number);
        redis_rig_turn_for(&rig->redis, 10);
    }
}

void lane_rig_await_text(struct lane_rig *rig, const char *line, const char *text)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;
    const char *is;

    while (strcmp(is = lane_rig_text(rig, line), text) != 0) {
        if (gw_clock_monotonic_ns() > until_ns)
            fail_msg("%s: %s, not %s", line, is, text);
        redis_rig_turn_for(&rig->redis, 10);
    }
}

void lane_rig_has_told(struct lane_rig *rig, int64_t events)
{
    lane_rig_await_number(rig, "XLEN " STREAM, events);
    redis_rig_turn_for(&rig->redis, 100);
    assert_int_equal(lane_rig_number(rig, "XLEN " STREAM), events);
}
