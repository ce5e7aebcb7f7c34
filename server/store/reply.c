#include "server/store/reply.h"

#include <errno.h>
#include <hiredis/read.h>

#define BLOCK_BYTES 4096
#define SPARE_BYTES (256 * 1024) /* hiredis keeps a buffer up to this size for the next reply */
#define CHUNK_BYTES (64 * 1024)  /* may stand behind one reply: the beginning of the next ones */

int64_t gw_reply_integer_at(const struct gw_reply *array, size_t index)
{
    if (array->type != GW_REPLY_ARRAY || index >= array->count ||
        array->items[index].type != GW_REPLY_INTEGER)
        return -1;
    return array->items[index].integer;
}

/* Where the value of `task` goes: into the array that it is an item of, or to a place of its own.
 */
static struct gw_reply *place_reply(const redisReadTask *task, enum gw_reply_type type)
{
    struct gw_reply_reader *reader = task->privdata;
    struct gw_reply *reply;

    if (task->parent != NULL) {
        struct gw_reply *array = task->parent->obj;
        reply = (struct gw_reply *)array->items + task->idx;
    } else {
        reply = gw_arena_alloc(&reader->arena, sizeof(*reply));
    }
    if (reply != NULL)
        *reply = (struct gw_reply){.type = type};
    else
        reader->is_arena_full = true;
    return reply;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t len)
{
    struct gw_reply_reader *reader = task->privdata;
    struct gw_reply *reply = place_reply(task, GW_REPLY_STRING);

    if (reply == NULL)
        return NULL;
    if (task->type == REDIS_REPLY_STATUS)
        reply->type = GW_REPLY_STATUS;
    else if (task->type == REDIS_REPLY_ERROR)
        reply->type = GW_REPLY_ERROR;
    reply->text = gw_arena_copy(&reader->arena, gw_str_from(bytes, len));
    reader->is_arena_full |= reply->text.ptr == NULL;
    return reply->text.ptr != NULL ? reply : NULL;
}

static void *create_array(const redisReadTask *task, int count)
{
    struct gw_reply_reader *reader = task->privdata;
    struct gw_reply *reply = place_reply(task, GW_REPLY_ARRAY);

    if (reply == NULL || count <= 0)
        return reply;
    reply->items = gw_arena_calloc(&reader->arena, (size_t)count, sizeof(*reply->items));
    reply->count = (size_t)count;
    reader->is_arena_full |= reply->items == NULL;
    return reply->items != NULL ? reply : NULL;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct gw_reply *reply = place_reply(task, GW_REPLY_INTEGER);

    if (reply != NULL)
        reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return place_reply(task, GW_REPLY_NIL);
}

static void free_object(void *reply)
{
    (void)reply; /* it goes with the arena */
}

static redisReplyObjectFunctions object_functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = free_object,
};

int gw_reply_reader_init(struct gw_reply_reader *reader, size_t max_bytes)
{
    *reader = (struct gw_reply_reader){.max_bytes = max_bytes};
    reader->reader = redisReaderCreateWithFunctions(&object_functions);
    if (reader->reader == NULL)
        return -ENOMEM;
    reader->reader->privdata = reader;
    reader->reader->maxbuf = SPARE_BYTES;
    gw_arena_init(&reader->arena, BLOCK_BYTES, max_bytes + BLOCK_BYTES);
    return 0;
}

void gw_reply_reader_finish(struct gw_reply_reader *reader)
{
    if (reader->reader == NULL)
        return;
    redisReaderFree(reader->reader);
    gw_arena_finish(&reader->arena);
    *reader = (struct gw_reply_reader){0};
}

int gw_reply_reader_feed(struct gw_reply_reader *reader, const char *bytes, size_t len)
{
    redisReader *inner = reader->reader;

    if (inner->len - inner->pos + len > reader->max_bytes + CHUNK_BYTES)
        return -EMSGSIZE;
    return redisReaderFeed(inner, bytes, len) == REDIS_OK ? 0 : -ENOMEM;
}

int gw_reply_reader_next(struct gw_reply_reader *reader, const struct gw_reply **out_reply,
                         struct gw_error *error)
{
    void *reply = NULL;

    /* The last reply goes when the next begins; one of which only a part is there stays. */
    if (reader->reader->ridx == -1)
        gw_arena_reset(&reader->arena);
    if (redisReaderGetReply(reader->reader, &reply) == REDIS_OK) {
        *out_reply = reply;
        return 0;
    }
    if (reader->is_arena_full)
        return gw_error_set(error, -EMSGSIZE, "a reply is larger than %zu bytes",
                            reader->max_bytes);
    if (reader->reader->err == REDIS_ERR_OOM)
        return gw_error_set(error, -ENOMEM, "no memory for a reply");
    return gw_error_set(error, -EPROTO, "a reply breaks the protocol: %s", reader->reader->errstr);
}
