/* The event loop: one per thread, libuv underneath, nobody above net/ sees it.
 *
 * A turn is: wait, file descriptors ready, timers due, then the check hooks in the order in which
 * they were added. What a turn produced for one peer (Redis commands, log lines) is sent by a check
 * hook at once, before the next wait. All functions belong to the loop's thread but for
 * gw_async_send(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/list.h"

struct gw_loop;

GW_MUST_CHECK
int gw_loop_create(struct gw_loop **out_loop, struct gw_error *error);

/* All timers, polls, asyncs and hooks must be gone. NULL is safe. */
void gw_loop_destroy(struct gw_loop *loop);

/* Runs turns until gw_loop_stop(). */
void gw_loop_run(struct gw_loop *loop);
void gw_loop_stop(struct gw_loop *loop);

/* One turn, waiting at most `wait_ms` for something to happen. For tests and draining. */
void gw_loop_turn(struct gw_loop *loop, unsigned wait_ms);

/* CLOCK_MONOTONIC, read once per turn. */
uint64_t gw_loop_now_ns(const struct gw_loop *loop);

/* --- timers: embedded, no allocation, start and stop in constant time, 1 ms resolution --- */

struct gw_timer {
    struct gw_list node;
    uint64_t due_ms;                    /* on the loop's own scale; 0: not started */
    void (*fn)(struct gw_timer *timer); /* called once per start */
};

/* Calls timer->fn not before `after_ns` from now; restarts one that runs. Zero the struct first. */
void gw_timer_start(struct gw_loop *loop, struct gw_timer *timer, uint64_t after_ns,
                    void (*fn)(struct gw_timer *timer));
void gw_timer_stop(struct gw_timer *timer); /* safe on one that does not run */

/* --- soon: what must not be done within the callback that it comes from --- */

struct gw_soon {
    struct gw_list node;
    void (*fn)(struct gw_soon *soon);
};

/* Calls soon->fn once, before the loop waits again and before the check hooks' last run of this
 * turn. Does nothing more for one that is due already. Zero the struct first. */
void gw_loop_soon(struct gw_loop *loop, struct gw_soon *soon, void (*fn)(struct gw_soon *soon));
void gw_soon_stop(struct gw_soon *soon); /* safe on one that is not due */

/* --- file descriptors --- */

enum {
    GW_POLL_READ = 1,
    GW_POLL_WRITE = 2,
    GW_POLL_HANGUP = 4 /* the peer shut its sending side */
};

struct gw_poll;

/* `events` are some of those asked for. An error on the fd comes as all of them: the next read or
 * write tells which it is, after what had arrived before it. */
typedef void gw_poll_fn(void *self, int events);

/* Watches `fd`, which stays the caller's. No event is asked for yet. */
GW_MUST_CHECK
int gw_poll_create(struct gw_loop *loop, int fd, gw_poll_fn *fn, void *self,
                   struct gw_poll **out_poll);
/* Sets the events asked for (level-triggered; 0: none). Asking for the same again costs nothing,
 * and for fewer only when one of the others comes: do not give up reading between two reads to
 * save. */
void gw_poll_set(struct gw_poll *poll, int events);
void gw_poll_destroy(struct gw_poll *poll); /* NULL is safe; call before closing the fd */

/* --- hooks and wake-ups --- */

struct gw_check;
GW_MUST_CHECK
int gw_check_create(struct gw_loop *loop, void (*fn)(void *self), void *self,
                    struct gw_check **out_check);
void gw_check_destroy(struct gw_check *check);

struct gw_async;
GW_MUST_CHECK
int gw_async_create(struct gw_loop *loop, void (*fn)(void *self), void *self,
                    struct gw_async **out_async);
/* From any thread, also from a signal handler: fn is called on the loop's thread, once for any
 * number of sends before it. */
void gw_async_send(struct gw_async *async);
void gw_async_destroy(struct gw_async *async);

struct gw_signal;
GW_MUST_CHECK
int gw_signal_create(struct gw_loop *loop, int number, void (*fn)(void *self, int number),
                     void *self, struct gw_signal **out_signal);
void gw_signal_destroy(struct gw_signal *signal);

/* Runs `work(self)` on a thread of the pool, then `done(self)` on the loop's thread. */
GW_MUST_CHECK
int gw_loop_offload(struct gw_loop *loop, void (*work)(void *self), void (*done)(void *self),
                    void *self);
