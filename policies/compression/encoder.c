#include "policies/compression/encoder.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_WINDOW (15 + 16) /* the largest, with gzip's head and tail */
#define GZIP_MEMORY 8
#define ZSTD_WINDOW 17 /* 128 KiB: what it takes at once, and what a client must keep */

struct encoder {
    enum coding coding;
    z_stream gzip;
    ZSTD_CCtx *zstd;
};

static bool set_up_zstd(struct encoder *encoder, int level)
{
    encoder->zstd = ZSTD_createCCtx();
    return encoder->zstd != NULL &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, level)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_windowLog, ZSTD_WINDOW)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_checksumFlag, 1));
}

struct encoder *encoder_create(enum coding coding, int level)
{
    struct encoder *encoder = calloc(1, sizeof(*encoder));

    if (encoder == NULL)
        return NULL;
    encoder->coding = coding;
    bool is_set_up = coding == CODING_ZSTD
                         ? set_up_zstd(encoder, level)
                         : deflateInit2(&encoder->gzip, level, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                                        Z_DEFAULT_STRATEGY) == Z_OK;
    if (is_set_up)
        return encoder;
    ZSTD_freeCCtx(encoder->zstd);
    free(encoder);
    return NULL;
}

void encoder_destroy(struct encoder *encoder)
{
    if (encoder == NULL)
        return;
    if (encoder->coding == CODING_GZIP)
        (void)deflateEnd(&encoder->gzip);
    ZSTD_freeCCtx(encoder->zstd);
    free(encoder);
}

bool encoder_reset(struct encoder *encoder)
{
    if (encoder->coding == CODING_ZSTD)
        return !ZSTD_isError(ZSTD_CCtx_reset(encoder->zstd, ZSTD_reset_session_only));
    return deflateReset(&encoder->gzip) == Z_OK;
}

static ssize_t run_zstd(struct encoder *encoder, enum encoder_step step, struct gw_str *in,
                        char *out, size_t capacity, bool *out_is_done)
{
    static const ZSTD_EndDirective directives[] = {[ENCODER_MORE] = ZSTD_e_continue,
                                                   [ENCODER_FLUSH] = ZSTD_e_flush,
                                                   [ENCODER_END] = ZSTD_e_end};
    ZSTD_inBuffer from = {in->ptr, in->len, 0};
    ZSTD_outBuffer to = {out, capacity, 0};
    size_t left = ZSTD_compressStream2(encoder->zstd, &to, &from, directives[step]);

    if (ZSTD_isError(left))
        return -EIO;
    *in = gw_str_tail(*in, from.pos);
    *out_is_done = in->len == 0 && (step == ENCODER_MORE || left == 0);
    return (ssize_t)to.pos;
}

static ssize_t run_gzip(struct encoder *encoder, enum encoder_step step, struct gw_str *in,
                        char *out, size_t capacity, bool *out_is_done)
{
    static const int flushes[] = {
        [ENCODER_MORE] = Z_NO_FLUSH, [ENCODER_FLUSH] = Z_SYNC_FLUSH, [ENCODER_END] = Z_FINISH};
    z_stream *stream = &encoder->gzip;
    uInt room = capacity < UINT32_MAX ? (uInt)capacity : UINT32_MAX;
    uInt given = in->len < UINT32_MAX ? (uInt)in->len : UINT32_MAX;

    stream->next_in = (Bytef *)(uintptr_t)in->ptr;
    stream->avail_in = given;
    stream->next_out = (Bytef *)out;
    stream->avail_out = room;
    int rc = deflate(stream, flushes[step]);
    /* Z_BUF_ERROR: there was nothing to do. */
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        return -EIO;
    *in = gw_str_tail(*in, given - stream->avail_in);
    *out_is_done =
        in->len == 0 && (step == ENCODER_END ? rc == Z_STREAM_END : stream->avail_out > 0);
    return (ssize_t)(room - stream->avail_out);
}

ssize_t encoder_run(struct encoder *encoder, enum encoder_step step, struct gw_str *in, char *out,
                    size_t capacity, bool *out_is_done)
{
    if (encoder->coding == CODING_ZSTD)
        return run_zstd(encoder, step, in, out, capacity, out_is_done);
    return run_gzip(encoder, step, in, out, capacity, out_is_done);
}
