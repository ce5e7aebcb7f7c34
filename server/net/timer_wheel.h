/* Hierarchical timing wheel: starting and stopping a timer is a few instructions.
 *
 * Seven wheels of 64 slots; a slot of wheel n spans 64^n ms. A timer lies in the wheel of the
 * highest 6-bit digit in which its due time differs from the wheel's own time, and moves down as
 * that time comes near, so each is moved at most six times. Pure: reads no clock, allocates
 * nothing. */
#pragma once

#include <stdint.h>

#include "server/core/list.h"
#include "server/net/loop.h" /* struct gw_timer */

enum { GW_TIMER_WHEEL_LEVELS = 7, GW_TIMER_WHEEL_SLOTS = 64 };

struct gw_timer_wheel {
    uint64_t now_ms;                          /* every timer due at or before it has been called */
    uint64_t occupied[GW_TIMER_WHEEL_LEVELS]; /* a bit per slot; may be set for an empty slot */
    struct gw_list slots[GW_TIMER_WHEEL_LEVELS][GW_TIMER_WHEEL_SLOTS];
};

void gw_timer_wheel_init(struct gw_timer_wheel *wheel, uint64_t now_ms);

/* Sets timer->due_ms: `due_ms`, but at least 1 ms ahead of the wheel's time. Restarts one that
 * runs. */
void gw_timer_wheel_add(struct gw_timer_wheel *wheel, struct gw_timer *timer, uint64_t due_ms);

/* Moves the time on (never back) and calls every timer due, in order of due time. They may start
 * and stop any timer. */
void gw_timer_wheel_advance(struct gw_timer_wheel *wheel, uint64_t now_ms);

/* A time not later than the nearest due time and later than the wheel's; UINT64_MAX if there is no
 * timer. */
uint64_t gw_timer_wheel_next_ms(struct gw_timer_wheel *wheel);
