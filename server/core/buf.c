#include "server/core/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/utf8.h"

#define FIRST_BYTES 256

void gw_buf_init(struct gw_buf *buf, size_t max_bytes)
{
    *buf = (struct gw_buf){.max_bytes = max_bytes};
}

void gw_buf_finish(struct gw_buf *buf)
{
    free(buf->ptr);
    gw_buf_init(buf, buf->max_bytes);
}

void gw_buf_clear(struct gw_buf *buf)
{
    buf->len = 0;
    buf->has_failed = false;
}

char *gw_buf_reserve(struct gw_buf *buf, size_t bytes)
{
    if (buf->has_failed)
        return NULL;
    if (buf->ptr != NULL && bytes <= buf->capacity - buf->len)
        return buf->ptr + buf->len;
    if (bytes > buf->max_bytes - buf->len) {
        buf->has_failed = true;
        return NULL;
    }

    size_t needed = buf->len + bytes;
    size_t capacity = buf->capacity > 0 ? buf->capacity : FIRST_BYTES;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    if (capacity > buf->max_bytes)
        capacity = buf->max_bytes;
    char *grown = realloc(buf->ptr, capacity);
    if (grown == NULL) {
        buf->has_failed = true;
        return NULL;
    }
    buf->ptr = grown;
    buf->capacity = capacity;
    return buf->ptr + buf->len;
}

void gw_buf_append(struct gw_buf *buf, const void *bytes, size_t len)
{
    char *room = len == 0 ? NULL : gw_buf_reserve(buf, len);

    if (room == NULL)
        return;
    memcpy(room, bytes, len);
    buf->len += len;
}

void gw_buf_append_str(struct gw_buf *buf, struct gw_str text)
{
    gw_buf_append(buf, text.ptr, text.len);
}

void gw_buf_append_text(struct gw_buf *buf, const char *text)
{
    gw_buf_append(buf, text, strlen(text));
}

void gw_buf_append_byte(struct gw_buf *buf, char byte)
{
    gw_buf_append(buf, &byte, 1);
}

void gw_buf_printf(struct gw_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *room = len < 0 ? NULL : gw_buf_reserve(buf, (size_t)len + 1); /* the NUL needs room too */
    if (room == NULL)
        return;
    va_start(args, format);
    vsnprintf(room, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

static void append_escape(struct gw_buf *buf, unsigned char byte)
{
    switch (byte) {
    case '"':
        gw_buf_append_text(buf, "\\\"");
        break;
    case '\\':
        gw_buf_append_text(buf, "\\\\");
        break;
    case '\n':
        gw_buf_append_text(buf, "\\n");
        break;
    case '\r':
        gw_buf_append_text(buf, "\\r");
        break;
    case '\t':
        gw_buf_append_text(buf, "\\t");
        break;
    default:
        gw_buf_printf(buf, "\\u%04x", (unsigned)byte);
    }
}

void gw_buf_append_json(struct gw_buf *buf, struct gw_str text)
{
    size_t plain_from = 0;
    size_t at = 0;

    while (at < text.len) {
        unsigned char byte = (unsigned char)text.ptr[at];
        size_t len = 1;
        if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
            at++;
            continue;
        }
        if (byte >= 0x80 && (len = gw_utf8_length(gw_str_tail(text, at))) > 0) {
            at += len;
            continue;
        }
        gw_buf_append(buf, text.ptr + plain_from, at - plain_from);
        if (byte >= 0x80)
            gw_buf_append_text(buf, "\xef\xbf\xbd");
        else
            append_escape(buf, byte);
        plain_from = ++at;
    }
    if (at > plain_from)
        gw_buf_append(buf, text.ptr + plain_from, at - plain_from);
}

void gw_buf_consume(struct gw_buf *buf, size_t bytes)
{
    buf->len -= bytes;
    if (buf->len > 0)
        memmove(buf->ptr, buf->ptr + bytes, buf->len);
}
