#include "window.h"

#include <assert.h>

#define NS_PER_US UINT64_C(1000)

static struct window_cell *cell_at(struct window *window, uint32_t place)
{
    return &window->cells[(window->first + place) % window->capacity];
}

/* A clock that stepped back takes all that was counted with it: nobody waits for longer than a
 * window. */
static void follow_clock(struct window *window, uint64_t now_us)
{
    uint64_t newest_us = window->used > 0 ? cell_at(window, window->used - 1)->newest_us : 0;

    if (newest_us <= now_us)
        return;
    uint64_t back_us = newest_us - now_us;
    for (uint32_t i = 0; i < window->used; i++) {
        struct window_cell *cell = cell_at(window, i);
        cell->newest_us = cell->newest_us > back_us ? cell->newest_us - back_us : 0;
    }
}

uint64_t window_total(struct window *window, const struct window_rule *rule, uint64_t now_us)
{
    follow_clock(window, now_us);
    while (window->used > 0 && cell_at(window, 0)->newest_us + rule->length_us <= now_us) {
        window->total -= cell_at(window, 0)->count;
        window->first = (window->first + 1) % window->capacity;
        window->used--;
    }
    return window->total;
}

/* Until `wanted` of those that are counted have left. */
static uint64_t wait_us(struct window *window, const struct window_rule *rule, uint64_t wanted,
                        uint64_t now_us)
{
    uint64_t freed = 0;

    for (uint32_t i = 0; i < window->used; i++) {
        freed += cell_at(window, i)->count;
        if (freed >= wanted)
            return cell_at(window, i)->newest_us + rule->length_us - now_us;
    }
    return rule->length_us;
}

static void add(struct window *window, const struct window_rule *rule, uint64_t weight,
                uint64_t now_us)
{
    struct window_cell *newest = window->used > 0 ? cell_at(window, window->used - 1) : NULL;

    if (newest == NULL || newest->count >= rule->cell) {
        assert(window->used < window->capacity);
        newest = cell_at(window, window->used++);
        newest->count = 0;
    }
    newest->newest_us = now_us;
    newest->count += weight;
    window->total += weight;
}

struct limit_answer window_take(struct window *window, const struct window_rule *rule,
                                uint64_t weight, uint64_t now_us)
{
    uint64_t total = window_total(window, rule, now_us);
    uint64_t left = total < rule->limit ? rule->limit - total : 0;
    struct limit_answer answer = {.is_admitted = weight <= left, .remaining = left};

    if (!answer.is_admitted) {
        uint64_t wanted = weight <= rule->limit ? total + weight - rule->limit : UINT64_MAX;
        answer.reset_ns = wait_us(window, rule, wanted, now_us) * NS_PER_US;
        return answer;
    }
    add(window, rule, weight, now_us);
    answer.remaining = left - weight;
    answer.reset_ns =
        (answer.remaining > 0 ? rule->length_us : wait_us(window, rule, 1, now_us)) * NS_PER_US;
    return answer;
}
