#include "server/gateway/flow_text.h"

#include <stdlib.h>

#include "server/filter/worker.h"
#include "server/gateway/flow_answer.h"
#include "server/gateway/snapshot.h"

#define LARGE_BYTES (size_t)(256 * 1024) /* smaller ones take less than a millisecond */

struct gw_flow_text {
    gw_flow_text_done_fn *done; /* NULL: abandoned; the loop's thread only */
    void *self;
    struct gw_flow *flow; /* held: its literals are in the output */
    struct gw_arena memory;
    struct gw_value output, body;
    struct gw_buf text;
};

static void write_text(void *self)
{
    struct gw_flow_text *text = self;

    gw_value_write(&text->text, &text->body);
}

static void on_written(void *self)
{
    struct gw_flow_text *text = self;

    if (text->done != NULL)
        text->done(text->self, &text->output, &text->text);
    gw_buf_finish(&text->text);
    gw_arena_finish(&text->memory);
    gw_flow_release(text->flow);
    free(text);
}

struct gw_flow_text *gw_flow_text_start(struct gw_exchange *ex, struct gw_arena *memory,
                                        const struct gw_value *output, gw_flow_text_done_fn *done,
                                        void *self)
{
    const struct gw_value *body = gw_value_member(output, GW_STR("body"));

    if (body == NULL || body->type < GW_JSON_ARRAY || !gw_value_is_longer(body, LARGE_BYTES))
        return NULL;
    struct gw_flow_text *text = calloc(1, sizeof(*text));
    if (text == NULL)
        return NULL;
    *text = (struct gw_flow_text){.done = done, .self = self, .output = *output, .body = *body};
    gw_buf_init(&text->text, GW_FLOW_MAX_BODY_BYTES);
    if (gw_loop_offload(ex->worker->loop, write_text, on_written, text) != 0) {
        free(text);
        return NULL;
    }
    /* The thread reads what these keep, and nobody but on_written() lets go of them. */
    text->memory = *memory;
    *memory = (struct gw_arena){0};
    text->flow = gw_flow_hold(ex->service->flow->flow);
    return text;
}

void gw_flow_text_abandon(struct gw_flow_text *text)
{
    text->done = NULL;
}
