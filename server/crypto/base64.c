#include "server/crypto/base64.h"

#include <stdint.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void gw_base64_append(struct gw_buf *out, struct gw_str bytes)
{
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at;
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[at] << 16;

        if (left > 1)
            group |= (uint32_t)(unsigned char)bytes.ptr[at + 1] << 8;
        if (left > 2)
            group |= (unsigned char)bytes.ptr[at + 2];
        const char quad[] = {
            letters[group >> 18],
            letters[group >> 12 & 63],
            (char)(left > 1 ? letters[group >> 6 & 63] : '='),
            (char)(left > 2 ? letters[group & 63] : '='),
        };
        gw_buf_append(out, quad, sizeof(quad));
    }
}
