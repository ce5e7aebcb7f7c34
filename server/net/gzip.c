#include "server/net/gzip.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>

#define WINDOW_GZIP (15 + 16) /* zlib.h: 16 more is gzip */
#define STEP_BYTES (64u << 10)

static Bytef *bytes_of(struct gw_str bytes)
{
    return (Bytef *)(uintptr_t)bytes.ptr; /* zlib does not write there */
}

int gw_gzip(struct gw_str bytes, struct gw_buf *out)
{
    z_stream stream = {.next_in = bytes_of(bytes), .avail_in = (uInt)bytes.len};
    int code = Z_OK;

    if (bytes.len > INT_MAX)
        return -ENOMEM;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_GZIP, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    while (code == Z_OK) {
        char *room = gw_buf_reserve(out, STEP_BYTES);
        if (room == NULL)
            break;
        stream.next_out = (Bytef *)room;
        stream.avail_out = STEP_BYTES;
        code = deflate(&stream, Z_FINISH);
        out->len += STEP_BYTES - stream.avail_out;
    }
    deflateEnd(&stream);
    return code == Z_STREAM_END ? 0 : -ENOMEM;
}

/* A bound that is asked for exactly, so that the last piece fits a buffer that is nearly full. */
static size_t room_of(const struct gw_buf *out)
{
    size_t left = out->max_bytes - out->len;

    return left < STEP_BYTES ? left : STEP_BYTES;
}

int gw_gunzip(struct gw_str bytes, struct gw_buf *out)
{
    z_stream stream = {.next_in = bytes_of(bytes), .avail_in = (uInt)bytes.len};
    int code = Z_OK, rc = 0;

    if (bytes.len > INT_MAX)
        return -EMSGSIZE;
    if (inflateInit2(&stream, WINDOW_GZIP) != Z_OK)
        return -ENOMEM;
    while (code == Z_OK && rc == 0) {
        size_t step = room_of(out);
        char *room = step > 0 ? gw_buf_reserve(out, step) : NULL;
        if (room == NULL) {
            rc = step > 0 ? -ENOMEM : -EMSGSIZE;
            break;
        }
        stream.next_out = (Bytef *)room;
        stream.avail_out = (uInt)step;
        code = inflate(&stream, Z_NO_FLUSH);
        out->len += step - stream.avail_out;
    }
    if (rc == 0 && (code != Z_STREAM_END || stream.avail_in > 0))
        rc = code == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
    inflateEnd(&stream);
    return rc;
}
