#include "server/crypto/ecdsa_der.h"

#include <errno.h>
#include <stdbool.h>

#define DER_INTEGER 0x02
#define DER_SEQUENCE 0x30
#define DER_LONG_LENGTH 0x81 /* one byte of length follows */

/* A positive number: without leading zeroes, but with one where the top bit is set. */
static uint8_t *put_integer(uint8_t *out, const uint8_t *number, size_t len)
{
    while (len > 1 && *number == 0) {
        number++;
        len--;
    }
    bool needs_zero = (*number & 0x80) != 0;

    *out++ = DER_INTEGER;
    *out++ = (uint8_t)(len + needs_zero);
    if (needs_zero)
        *out++ = 0;
    memcpy(out, number, len);
    return out + len;
}

struct gw_str gw_ecdsa_to_der(struct gw_str raw, uint8_t der[GW_ECDSA_DER_MAX_BYTES])
{
    size_t half = raw.len / 2;
    const uint8_t *numbers = (const uint8_t *)raw.ptr;
    uint8_t *body = der + 3; /* room for the longest head; the head is then put right before it */
    uint8_t *end = put_integer(put_integer(body, numbers, half), numbers + half, half);
    size_t len = (size_t)(end - body);

    *--body = (uint8_t)len;
    if (len > 127)
        *--body = DER_LONG_LENGTH;
    *--body = DER_SEQUENCE;
    return gw_str_from((const char *)body, (size_t)(end - body));
}

/* Takes `tag` and its length off; the length must fit what is there. */
static int take_head(struct gw_str *rest, uint8_t tag, size_t *out_len)
{
    const uint8_t *in = (const uint8_t *)rest->ptr;
    size_t head = 2;

    if (rest->len < 2 || in[0] != tag)
        return -EINVAL;
    size_t len = in[1];
    if (len == DER_LONG_LENGTH) {
        if (rest->len < 3 || in[2] < 128)
            return -EINVAL;
        len = in[2];
        head = 3;
    } else if (len > 127) {
        return -EINVAL;
    }
    if (len > rest->len - head)
        return -EINVAL;
    *rest = gw_str_tail(*rest, head);
    *out_len = len;
    return 0;
}

static int take_integer(struct gw_str *rest, size_t coordinate_bytes, uint8_t *out)
{
    size_t len;
    int rc = take_head(rest, DER_INTEGER, &len);

    if (rc != 0 || len == 0 || (rest->ptr[0] & 0x80) != 0)
        return -EINVAL;
    struct gw_str number = gw_str_from(rest->ptr, len);
    *rest = gw_str_tail(*rest, len);
    if (number.len > 1 && number.ptr[0] == 0)
        number = gw_str_tail(number, 1);
    if (number.len > coordinate_bytes)
        return -EINVAL;
    memset(out, 0, coordinate_bytes - number.len);
    memcpy(out + coordinate_bytes - number.len, number.ptr, number.len);
    return 0;
}

int gw_ecdsa_from_der(struct gw_str der, size_t coordinate_bytes, uint8_t *raw)
{
    size_t len;

    if (take_head(&der, DER_SEQUENCE, &len) != 0 || len != der.len)
        return -EINVAL;
    if (take_integer(&der, coordinate_bytes, raw) != 0 ||
        take_integer(&der, coordinate_bytes, raw + coordinate_bytes) != 0)
        return -EINVAL;
    return der.len == 0 ? 0 : -EINVAL;
}
