#include "policies/compression/stream.h"

#include <errno.h>

#include "policies/compression/encoder.h"
#include "server/filter/chain.h"

#define BLOCK_BYTES (16 * 1024)

struct stream {
    struct compression_pool *pool;
    struct gw_exchange *ex;
    enum coding coding;
    struct encoder *encoder;
    const struct gw_body_source *source; /* NULL: the body was whole */
    void *source_self;
    struct gw_str whole; /* the rest of one */
    struct gw_str input; /* read, but not taken yet */
    enum encoder_step step;
    bool is_dirty; /* something went in since the last flush */
    bool is_over;
    char block[BLOCK_BYTES];
};

/* --- encoders --- */

static struct encoder *take_encoder(struct compression_pool *pool, enum coding coding)
{
    if (pool->spare_counts[coding] > 0)
        return pool->spares[coding][--pool->spare_counts[coding]];
    return encoder_create(coding, pool->levels[coding]);
}

/* With the exchange's arena. */
static void release(void *self)
{
    struct stream *stream = self;
    struct compression_pool *pool = stream->pool;
    unsigned *count = &pool->spare_counts[stream->coding];

    pool->stream_count--;
    if (*count < COMPRESSION_MAX_SPARE && encoder_reset(stream->encoder))
        pool->spares[stream->coding][(*count)++] = stream->encoder;
    else
        encoder_destroy(stream->encoder);
}

void compression_pool_finish(struct compression_pool *pool)
{
    for (size_t coding = 0; coding < CODING_COUNT; coding++) {
        while (pool->spare_counts[coding] > 0)
            encoder_destroy(pool->spares[coding][--pool->spare_counts[coding]]);
    }
}

/* --- reading --- */

/* A body that is not streamed passes the taps here, uncoded as a streamed one does. */
static ssize_t read_whole(struct stream *stream)
{
    size_t len = stream->whole.len < BLOCK_BYTES ? stream->whole.len : BLOCK_BYTES;

    stream->input = gw_str_from(stream->whole.ptr, len);
    stream->whole = gw_str_tail(stream->whole, len);
    gw_chain_tap_response(stream->ex, stream->input);
    return (ssize_t)len;
}

static ssize_t read_more(struct stream *stream)
{
    if (stream->source == NULL)
        return read_whole(stream);
    ssize_t count = stream->source->read(stream->source_self, stream->block, BLOCK_BYTES);
    if (count > 0)
        stream->input = gw_str_from(stream->block, (size_t)count);
    return count;
}

/* What the encoder is to do next. Returns 0, or what a read of the source has said. */
static ssize_t advance(struct stream *stream)
{
    ssize_t count = read_more(stream);

    if (count > 0) {
        stream->step = ENCODER_MORE;
        stream->is_dirty = true;
    } else if (count == 0) {
        stream->step = ENCODER_END;
    } else if (count == -EAGAIN && stream->is_dirty) {
        stream->step = ENCODER_FLUSH; /* the backend pauses: the client gets what there is */
        stream->is_dirty = false;
    } else {
        return count;
    }
    return 0;
}

static ssize_t stream_read(void *self, char *out, size_t capacity)
{
    struct stream *stream = self;
    bool is_done = stream->input.len == 0 && stream->step == ENCODER_MORE;

    while (!stream->is_over) {
        ssize_t rc = is_done ? advance(stream) : 0;
        if (rc != 0)
            return rc;
        ssize_t count =
            encoder_run(stream->encoder, stream->step, &stream->input, out, capacity, &is_done);
        if (count < 0)
            return count;
        if (is_done) {
            stream->is_over = stream->step == ENCODER_END;
            stream->step = ENCODER_MORE;
        }
        if (count > 0)
            return count;
    }
    return 0;
}

static const struct gw_body_source stream_source = {.read = stream_read};

int compression_stream_start(struct compression_pool *pool, struct gw_exchange *ex,
                             enum coding coding)
{
    struct gw_response *response = &ex->response;

    if (pool->stream_count >= pool->max_streams)
        return -EBUSY;
    struct stream *stream = gw_arena_alloc(&ex->arena, sizeof(*stream));
    struct encoder *encoder = stream == NULL ? NULL : take_encoder(pool, coding);
    if (encoder == NULL)
        return -ENOMEM;
    stream->pool = pool;
    stream->ex = ex;
    stream->coding = coding;
    stream->encoder = encoder;
    stream->source = response->source;
    stream->source_self = response->source_self;
    stream->whole = response->body;
    stream->input = GW_STR("");
    stream->step = ENCODER_MORE;
    stream->is_dirty = stream->is_over = false;
    pool->stream_count++;
    if (gw_arena_defer(&ex->arena, release, stream) != 0) {
        release(stream);
        return -ENOMEM;
    }
    response->source = &stream_source;
    response->source_self = stream;
    response->body = GW_STR("");
    response->body_bytes = -1;
    return 0;
}
