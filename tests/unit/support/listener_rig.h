/* A listener on 127.0.0.1 in the test's own loop, a handler whose answer depends on the path, and
 * clients that are plain sockets. Everything turns the loop while it waits, 10 s at most. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/clock.h"
#include "server/http/listener.h"
#include "server/http/problem.h"
#include "server/net/loop.h"

#define RIG_MAX_HELD 300

extern struct gw_loop *rig_loop;
extern struct gw_exchange_pool rig_pool;
extern struct gw_listener *rig_listener;
/* Where rig_start() listens, and how; to be changed before it. */
extern uint16_t rig_port;
extern struct gw_listener_config rig_config;

/* For cmocka: set up, and destroy all that is left. */
int rig_set_up(void **state);
int rig_tear_down(void **state);
void rig_start(void);

/* /hold is held until rig_release_held(); /echo and /small collect the body; /refuse is 403;
 * /stream and /stream10 send what the source gives; /sink takes what the sink has room for; all
 * else is answered "hello". */
extern struct gw_exchange *rig_held[RIG_MAX_HELD];
extern size_t rig_held_count, rig_begun, rig_finished, rig_gone, rig_cancelled;
void rig_answer(struct gw_exchange *ex, struct gw_str body);
void rig_release_held(void);

/* The source: bytes to give in all, of them now (then -EAGAIN), and what comes after. */
extern size_t rig_source_left;
extern size_t rig_source_burst;
extern int rig_source_end;
extern struct gw_exchange *rig_streaming;
/* The sink: what it takes before it waits, and what it got. */
extern size_t rig_sink_room, rig_sink_got;
extern bool rig_sink_ended;

/* The client's side. */
struct rig_answer {
    char text[65536];
    size_t len;
    bool is_closed, is_reset;
};
extern struct rig_answer rig_got;
int rig_dial(void);
void rig_send_bytes(int fd, struct gw_str bytes);
void rig_send_text(int fd, const char *text);
void rig_forget_answer(void);
/* Reads into rig_got until the condition, or the close. */
void rig_read_until(int fd, bool (*is_met)(void));
bool rig_has_answer(void);
void rig_assert_status(const char *status);
void rig_assert_body(const char *body);
/* Sends, reads a whole answer, and asserts its status. */
void rig_exchange_text(int fd, const char *request, const char *status);
void rig_turn_until(bool (*is_met)(void));
bool rig_is_empty(void);
bool rig_has_begun(void);
bool rig_all_finished(void);
bool rig_has_streaming(void);
