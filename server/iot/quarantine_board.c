#include "server/iot/quarantine_board.h"

#include <stdlib.h>

#include "server/core/clock.h"
#include "server/iot/board_write.h"
#include "server/iot/quarantine.h"
#include "server/net/loop.h"

#define TICK_NS GW_NS_PER_SECOND
#define MAX_GATHERED 1000 /* names of one second */

const struct gw_script gw_quarantine_add_script = {
    "iot.quarantine",
    GW_STR_INIT("local room = tonumber(ARGV[1]) - redis.call('HLEN', KEYS[1])\n"
                "for i = 2, #ARGV, 5 do\n"
                "  local field, first, last, count, detail = unpack(ARGV, i, i + 4)\n"
                "  local old = redis.call('HGET', KEYS[1], field)\n"
                "  if old then\n"
                "    local was, times = string.match(old, '^(%d+) %d+ (%d+)')\n"
                "    first = was or first\n"
                "    count = string.format('%.0f', count + (times or 0))\n"
                "  else\n"
                "    room = room - 1\n"
                "  end\n"
                "  if old or room >= 0 then\n"
                "    redis.call('HSET', KEYS[1], field, first .. ' ' .. last .. ' ' .. count ..\n"
                "               ' ' .. detail)\n"
                "  end\n"
                "end\n"
                "return 1\n")};

struct gw_quarantine_board {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_timer tick;
    struct gw_quarantine *gathered; /* NULL: nothing */
    struct gw_list writes;
    uint64_t counts[GW_QUARANTINE_REASON_COUNT];
};

static void add_entry(struct gw_board_write *write, const struct gw_quarantine_entry *entry)
{
    struct gw_str field =
        gw_arena_printf(&write->arena, "%s ", gw_quarantine_reason_name(entry->reason));
    const struct gw_str parts[] = {field, entry->name};

    gw_board_write_arg(write, gw_arena_join(&write->arena, parts, 2));
    gw_board_write_number(write, entry->first_ms);
    gw_board_write_number(write, entry->last_ms);
    gw_board_write_number(write, (int64_t)entry->count);
    gw_board_write_arg(write, entry->detail);
}

/* What Redis does not take now waits for the next second. */
static void write_all(struct gw_quarantine_board *board)
{
    if (board->gathered == NULL)
        return;
    struct gw_board_write *write =
        gw_board_write_create(&board->writes, &gw_quarantine_add_script, 1, 5 * MAX_GATHERED + 1);
    if (write == NULL)
        return;
    write->keys[0] = GW_STR(GW_QUARANTINE_KEY);
    write->eval.key_count = 1;
    gw_board_write_number(write, GW_QUARANTINE_MAX);
    const struct gw_quarantine_entry *entry = NULL;
    while ((entry = gw_quarantine_next(board->gathered, entry)) != NULL)
        add_entry(write, entry);
    if (gw_board_write_send(write, board->redis) != 0)
        return;
    gw_quarantine_destroy(board->gathered);
    board->gathered = NULL;
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_quarantine_board *board = GW_CONTAINER_OF(timer, struct gw_quarantine_board, tick);

    gw_timer_start(board->loop, timer, TICK_NS, on_tick);
    write_all(board);
}

void gw_quarantine_board_add(struct gw_quarantine_board *board, enum gw_quarantine_reason reason,
                             struct gw_str name, struct gw_str detail, int64_t now_ms)
{
    board->counts[reason]++;
    if (board->gathered == NULL)
        board->gathered = gw_quarantine_create(MAX_GATHERED);
    if (board->gathered != NULL)
        gw_quarantine_add(board->gathered, reason, name, detail, now_ms);
}

const uint64_t *gw_quarantine_board_counts(const struct gw_quarantine_board *board)
{
    return board->counts;
}

struct gw_quarantine_board *gw_quarantine_board_create(struct gw_loop *loop, struct gw_redis *redis)
{
    struct gw_quarantine_board *board = calloc(1, sizeof(*board));

    if (board == NULL)
        return NULL;
    board->loop = loop;
    board->redis = redis;
    gw_list_init(&board->writes);
    gw_timer_start(loop, &board->tick, TICK_NS, on_tick);
    return board;
}

void gw_quarantine_board_destroy(struct gw_quarantine_board *board)
{
    if (board == NULL)
        return;
    gw_timer_stop(&board->tick);
    write_all(board);
    gw_redis_flush(board->redis);
    gw_board_write_destroy_all(&board->writes);
    gw_quarantine_destroy(board->gathered);
    free(board);
}
