/* One script on its way to Redis with what it is given, on the lane's thread: what the files that
 * keep things for readers (values, quarantine, alarms) send. It owns copies of its keys and
 * arguments. */
#pragma once

#include <stddef.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/store/redis.h"

struct gw_board_write {
    struct gw_list node; /* in the list of its owner's writes */
    struct gw_arena arena;
    struct gw_redis_eval eval;
    struct gw_redis_call *call;
    struct gw_str *keys, *args;
    size_t max_keys, max_args;
    bool has_failed; /* something found no room: it is not sent */
    void (*done)(struct gw_board_write *write, int rc, const struct gw_reply *reply);
    void *owner, *subject;
};

/* Into `list`. NULL without memory. */
GW_MUST_CHECK
struct gw_board_write *gw_board_write_create(struct gw_list *list, const struct gw_script *script,
                                             size_t max_keys, size_t max_args);
/* Takes it back, wherever it is. NULL is safe. */
void gw_board_write_destroy(struct gw_board_write *write);
void gw_board_write_destroy_all(struct gw_list *list);

/* "millgate:iot:{<node>}:<kind><rest>" */
void gw_board_write_key(struct gw_board_write *write, struct gw_str node, const char *kind,
                        struct gw_str rest);
void gw_board_write_arg(struct gw_board_write *write, struct gw_str arg);
void gw_board_write_number(struct gw_board_write *write, int64_t number);

/* `done` is called once from the loop, with an errno where the script failed; then it is gone by
 * itself. Not 0: it is gone already, and `done` is not called. */
GW_MUST_CHECK
int gw_board_write_send(struct gw_board_write *write, struct gw_redis *redis);
