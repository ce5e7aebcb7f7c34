#include "server/store/resp.h"

#include <string.h>

#define NUMBER_BYTES 20 /* of the largest uint64_t */

/* Decimal digits at the end of `room`; returns the index of the first. */
static size_t write_digits(char room[NUMBER_BYTES], uint64_t number)
{
    size_t at = NUMBER_BYTES;

    do {
        room[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return at;
}

/* "*3\r\n" or "$5\r\n" */
static char *write_prefix(char *out, char mark, uint64_t number)
{
    char room[NUMBER_BYTES];
    size_t from = write_digits(room, number);
    size_t len = NUMBER_BYTES - from;

    *out++ = mark;
    memcpy(out, room + from, len);
    out += len;
    *out++ = '\r';
    *out++ = '\n';
    return out;
}

void gw_resp_append_head(struct gw_buf *buf, size_t count)
{
    char *out = gw_buf_reserve(buf, NUMBER_BYTES + 3);

    if (out != NULL)
        buf->len += (size_t)(write_prefix(out, '*', count) - out);
}

void gw_resp_append_word(struct gw_buf *buf, struct gw_str word)
{
    char *out = gw_buf_reserve(buf, word.len + NUMBER_BYTES + 5);

    if (out == NULL)
        return;
    char *at = write_prefix(out, '$', word.len);
    if (word.len != 0)
        memcpy(at, word.ptr, word.len);
    at += word.len;
    *at++ = '\r';
    *at++ = '\n';
    buf->len += (size_t)(at - out);
}

void gw_resp_append_number(struct gw_buf *buf, uint64_t number)
{
    char room[NUMBER_BYTES];
    size_t from = write_digits(room, number);

    gw_resp_append_word(buf, gw_str_from(room + from, NUMBER_BYTES - from));
}

void gw_resp_append_command(struct gw_buf *buf, const struct gw_str *words, size_t count)
{
    gw_resp_append_head(buf, count);
    for (size_t i = 0; i < count; i++)
        gw_resp_append_word(buf, words[i]);
}
