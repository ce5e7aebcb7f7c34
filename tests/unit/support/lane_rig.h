/* A lane on a real Redis, with its store, the event log and a board, for tests: what telemetry's
 * thread has, without brokers. Samples come by the inbox. */
#pragma once

#include "server/iot/board.h"
#include "server/iot/lane.h"
#include "tests/unit/support/redis_rig.h"
#include "tests/unit/support/signal_rig.h"

struct gw_record_writer;

struct lane_rig {
    struct redis_rig redis;
    struct gw_record_writer *writer;
    struct gw_event_log *log;
    struct gw_iot_store *store;
    struct signal_rig *documents;
    struct gw_iot_board *board;
    struct gw_lane *lane;
    bool has_stopped;
    /* Set before lane_rig_start(); 0: as the lane has it. */
    size_t max_pending_bytes;
    bool is_nobodys; /* the lane owns no node */
};

void lane_rig_open(struct lane_rig *rig, const char *registry, const char *document);
void lane_rig_close(struct lane_rig *rig);
/* A lane and its board; a checkpoint is due after 100 ms. */
void lane_rig_start(struct lane_rig *rig);
/* As a process that is killed: nothing is finished. */
void lane_rig_die(struct lane_rig *rig);
/* As one that is told to end. */
void lane_rig_stop(struct lane_rig *rig);

const struct gw_device_config *lane_rig_device(const struct lane_rig *rig, const char *id);
/* Into the inbox of the device's node, as a gateway does that was given it over HTTP. */
void lane_rig_put(struct lane_rig *rig, const char *device, const char *metric, int64_t time_ms,
                  double number);
/* One command of `count` words. */
void lane_rig_ask(struct lane_rig *rig, struct redis_outcome *outcome, size_t count,
                  const char *const *words);
#define LANE_RIG_ASK(rig, outcome, ...)                                                    \
    lane_rig_ask((rig), (outcome), sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), \
                 (const char *[]){__VA_ARGS__})

/* Of a command without blanks in its words: the number, or the text ("nil"; valid until the next).
 */
int64_t lane_rig_number(struct lane_rig *rig, const char *line);
const char *lane_rig_text(struct lane_rig *rig, const char *line);
/* Turns the loop until they are so; fails the test after 10 s. */
void lane_rig_await_number(struct lane_rig *rig, const char *line, int64_t number);
void lane_rig_await_text(struct lane_rig *rig, const char *line, const char *text);
/* Fails unless so many events come to stand in the log, and no more. */
void lane_rig_has_told(struct lane_rig *rig, int64_t events);
