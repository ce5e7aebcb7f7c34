#include "server/net/timer_wheel.h"

#include <stddef.h>

#define DIGIT_BITS 6
#define DIGIT_MASK (GW_TIMER_WHEEL_SLOTS - 1)
#define MAX_MS ((UINT64_C(1) << (DIGIT_BITS * GW_TIMER_WHEEL_LEVELS)) - 1) /* 139 years */

void gw_timer_wheel_init(struct gw_timer_wheel *wheel, uint64_t now_ms)
{
    wheel->now_ms = now_ms;
    for (unsigned level = 0; level < GW_TIMER_WHEEL_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < GW_TIMER_WHEEL_SLOTS; slot++)
            gw_list_init(&wheel->slots[level][slot]);
    }
}

static unsigned digit_of(uint64_t ms, unsigned level)
{
    return (unsigned)(ms >> (level * DIGIT_BITS)) & DIGIT_MASK;
}

/* The due time is later than the wheel's, or equal to it for one that a coarser slot just gave up:
 * that one goes to the slot being emptied. */
static void insert(struct gw_timer_wheel *wheel, struct gw_timer *timer)
{
    uint64_t difference = timer->due_ms ^ wheel->now_ms;
    unsigned level =
        difference == 0 ? 0 : (63 - (unsigned)__builtin_clzll(difference)) / DIGIT_BITS;
    unsigned slot = digit_of(timer->due_ms, level);

    gw_list_append(&wheel->slots[level][slot], &timer->node);
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

void gw_timer_wheel_add(struct gw_timer_wheel *wheel, struct gw_timer *timer, uint64_t due_ms)
{
    gw_list_remove(&timer->node);
    if (due_ms <= wheel->now_ms)
        due_ms = wheel->now_ms + 1;
    timer->due_ms = due_ms < MAX_MS ? due_ms : MAX_MS;
    insert(wheel, timer);
}

/* The first slot of `level` with a timer in it, or -1. Stopping a timer does not know its wheel, so
 * the bits of slots emptied that way are cleared here. */
static int first_slot(struct gw_timer_wheel *wheel, unsigned level)
{
    while (wheel->occupied[level] != 0) {
        int slot = __builtin_ctzll(wheel->occupied[level]);

        if (!gw_list_is_empty(&wheel->slots[level][slot]))
            return slot;
        wheel->occupied[level] &= wheel->occupied[level] - 1;
    }
    return -1;
}

/* A finer wheel's slots all come before a coarser one's, so the first slot found is the nearest. */
static uint64_t find_next(struct gw_timer_wheel *wheel, unsigned *out_level, unsigned *out_slot)
{
    for (unsigned level = 0; level < GW_TIMER_WHEEL_LEVELS; level++) {
        int slot = first_slot(wheel, level);

        if (slot < 0)
            continue;
        uint64_t span = (UINT64_C(1) << ((level + 1) * DIGIT_BITS)) - 1;

        *out_level = level;
        *out_slot = (unsigned)slot;
        return (wheel->now_ms & ~span) | ((uint64_t)slot << (level * DIGIT_BITS));
    }
    return UINT64_MAX;
}

uint64_t gw_timer_wheel_next_ms(struct gw_timer_wheel *wheel)
{
    unsigned level, slot;

    return find_next(wheel, &level, &slot);
}

/* Taken one by one, because a timer may stop its neighbours. It ends: what they start meanwhile is
 * due later than now, and so lies in another slot. */
static void call_slot(struct gw_timer_wheel *wheel, unsigned slot)
{
    struct gw_list *timers = &wheel->slots[0][slot];
    struct gw_list *node;

    while ((node = gw_list_take(timers)) != NULL) {
        struct gw_timer *timer = GW_LIST_ITEM(node, struct gw_timer, node);

        timer->due_ms = 0;
        timer->fn(timer);
    }
}

static void move_down(struct gw_timer_wheel *wheel, unsigned level, unsigned slot)
{
    struct gw_list *node;

    while ((node = gw_list_take(&wheel->slots[level][slot])) != NULL)
        insert(wheel, GW_LIST_ITEM(node, struct gw_timer, node));
}

void gw_timer_wheel_advance(struct gw_timer_wheel *wheel, uint64_t now_ms)
{
    unsigned level = 0, slot = 0;

    for (;;) {
        uint64_t next_ms = find_next(wheel, &level, &slot);

        if (next_ms > now_ms)
            break;
        wheel->now_ms = next_ms;
        if (level == 0)
            call_slot(wheel, slot);
        else
            move_down(wheel, level, slot);
    }
    if (now_ms > wheel->now_ms)
        wheel->now_ms = now_ms;
}
