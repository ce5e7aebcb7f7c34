#include "server/iot/board_write.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"

#define MAX_BYTES (16u << 20)
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)

struct gw_board_write *gw_board_write_create(struct gw_list *list, const struct gw_script *script,
                                             size_t max_keys, size_t max_args)
{
    struct gw_board_write *write = calloc(1, sizeof(*write));

    if (write == NULL)
        return NULL;
    gw_arena_init(&write->arena, 4096, MAX_BYTES);
    write->keys = gw_arena_calloc(&write->arena, max_keys + 1, sizeof(*write->keys));
    write->args = gw_arena_calloc(&write->arena, max_args + 1, sizeof(*write->args));
    write->max_keys = max_keys;
    write->max_args = max_args;
    write->eval = (struct gw_redis_eval){.script = script, .timeout_ns = TIMEOUT_NS};
    write->has_failed = write->keys == NULL || write->args == NULL;
    gw_list_append(list, &write->node);
    return write;
}

void gw_board_write_destroy(struct gw_board_write *write)
{
    if (write == NULL)
        return;
    if (write->call != NULL)
        gw_redis_cancel(write->call);
    gw_list_remove(&write->node);
    gw_arena_finish(&write->arena);
    free(write);
}

void gw_board_write_destroy_all(struct gw_list *list)
{
    while (!gw_list_is_empty(list))
        gw_board_write_destroy(GW_LIST_ITEM(list->next, struct gw_board_write, node));
}

static void put(struct gw_board_write *write, struct gw_str *texts, size_t *count, size_t max,
                struct gw_str text)
{
    if (write->has_failed || text.ptr == NULL || *count == max)
        write->has_failed = true;
    else
        texts[(*count)++] = text;
}

void gw_board_write_key(struct gw_board_write *write, struct gw_str node, const char *kind,
                        struct gw_str rest)
{
    put(write, write->keys, &write->eval.key_count, write->max_keys,
        gw_arena_printf(&write->arena, "millgate:iot:{%.*s}:%s%.*s", GW_STR_ARG(node), kind,
                        GW_STR_ARG(rest)));
}

void gw_board_write_arg(struct gw_board_write *write, struct gw_str arg)
{
    put(write, write->args, &write->eval.arg_count, write->max_args,
        gw_arena_copy(&write->arena, arg.ptr != NULL ? arg : GW_STR("")));
}

void gw_board_write_number(struct gw_board_write *write, int64_t number)
{
    put(write, write->args, &write->eval.arg_count, write->max_args,
        gw_arena_printf(&write->arena, "%lld", (long long)number));
}

static void on_reply(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_board_write *write = self;

    write->call = NULL;
    if (rc == 0 && reply->type == GW_REPLY_ERROR)
        rc = -EPROTO;
    if (write->done != NULL)
        write->done(write, rc, reply);
    gw_board_write_destroy(write);
}

int gw_board_write_send(struct gw_board_write *write, struct gw_redis *redis)
{
    int rc = -ENOMEM;

    write->eval.keys = write->keys;
    write->eval.args = write->args;
    if (!write->has_failed)
        rc = gw_redis_eval(redis, &write->eval, on_reply, write, &write->call);
    if (rc == 0)
        return 0;
    write->call = NULL;
    gw_board_write_destroy(write);
    return rc;
}
