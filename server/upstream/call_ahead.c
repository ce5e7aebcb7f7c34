#include "server/upstream/call_ahead.h"

#include <stdlib.h>

#include "server/net/loop.h"

#define BLOCK_BYTES (64 * 1024)
#define MAX_BYTES ((size_t)512 * 1024 * 1024) /* whoever takes it has a ceiling of their own */
#define MAX_KEPT_BYTES ((size_t)256 * 1024)

struct gw_call_ahead {
    gw_call_done_fn *done; /* NULL: abandoned; the loop's thread only */
    void *self;
    struct gw_arena kept;  /* the answer without its body */
    struct gw_arena arena; /* text and value */
    struct gw_call_answer answer;
    uint32_t max_depth;
    bool is_read;
    struct gw_value value;
};

static void destroy(struct gw_call_ahead *ahead)
{
    gw_arena_finish(&ahead->kept);
    gw_arena_finish(&ahead->arena);
    free(ahead);
}

/* On a thread of the pool: of all this nobody else has anything. What is no JSON is told by whoever
 * reads it again. */
static void work(void *self)
{
    struct gw_call_ahead *ahead = self;
    const struct gw_json_limits limits = {.max_bytes = ahead->answer.body.len + 1,
                                          .max_depth = ahead->max_depth};
    struct gw_json_error error;
    struct gw_json_tape tape;
    struct gw_arena scratch;

    gw_arena_init(&scratch, BLOCK_BYTES, MAX_BYTES);
    ahead->is_read = gw_json_read(&scratch, ahead->answer.body, &limits, &tape, &error) == 0 &&
                     gw_value_from_tape(&ahead->arena, &tape, 0, &ahead->value) == 0;
    gw_arena_finish(&scratch);
}

static void worked(void *self)
{
    struct gw_call_ahead *ahead = self;

    if (ahead->done != NULL)
        ahead->done(ahead->self, &ahead->answer);
    destroy(ahead);
}

static bool is_worth_it(const struct gw_call_answer *answer)
{
    struct gw_str text = gw_str_trim(answer->body);

    return answer->body.len >= GW_CALL_AHEAD_BYTES && text.len > 0 &&
           (text.ptr[0] == '{' || text.ptr[0] == '[');
}

static int keep_fields(struct gw_call_ahead *ahead, const struct gw_call_answer *answer)
{
    struct gw_field *fields =
        gw_arena_calloc(&ahead->kept, answer->field_count, sizeof(struct gw_field));

    if (fields == NULL)
        return -1;
    for (size_t i = 0; i < answer->field_count; i++) {
        fields[i] = answer->fields[i];
        fields[i].name = gw_arena_copy(&ahead->kept, answer->fields[i].name);
        fields[i].value = gw_arena_copy(&ahead->kept, answer->fields[i].value);
        if (fields[i].name.ptr == NULL || fields[i].value.ptr == NULL)
            return -1;
    }
    ahead->answer.fields = fields;
    return 0;
}

struct gw_call_ahead *gw_call_ahead_start(struct gw_loop *loop, const struct gw_call_answer *answer,
                                          uint32_t max_depth, gw_call_done_fn *done, void *self)
{
    struct gw_call_ahead *ahead = is_worth_it(answer) ? calloc(1, sizeof(*ahead)) : NULL;

    if (ahead == NULL)
        return NULL;
    gw_arena_init(&ahead->kept, 4096, MAX_KEPT_BYTES);
    gw_arena_init(&ahead->arena, BLOCK_BYTES, MAX_BYTES);
    ahead->answer = *answer;
    ahead->answer.body = gw_arena_copy(&ahead->arena, answer->body);
    ahead->answer.ahead = ahead;
    ahead->max_depth = max_depth;
    ahead->done = done;
    ahead->self = self;
    if (ahead->answer.body.ptr == NULL || keep_fields(ahead, answer) != 0 ||
        gw_loop_offload(loop, work, worked, ahead) != 0) {
        destroy(ahead);
        return NULL;
    }
    return ahead;
}

void gw_call_ahead_abandon(struct gw_call_ahead *ahead)
{
    ahead->done = NULL;
}

const struct gw_value *gw_call_take_json(const struct gw_call_answer *answer,
                                         struct gw_arena *arena)
{
    struct gw_call_ahead *ahead = answer->ahead;

    if (ahead == NULL || !ahead->is_read)
        return NULL;
    struct gw_value *value = gw_arena_alloc(arena, sizeof(*value));
    if (value == NULL || gw_arena_adopt(arena, &ahead->arena) != 0)
        return NULL;
    *value = ahead->value;
    ahead->is_read = false;
    return value;
}
