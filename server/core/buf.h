/* A byte buffer that grows up to a stated maximum.
 *
 * Writers are sticky: the first failure (at the maximum, or without memory) is kept, later appends
 * do nothing, and the caller asks once at the end. One owner; not thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_buf {
    char *ptr;
    size_t len;
    size_t capacity;
    size_t max_bytes;
    bool has_failed;
};

void gw_buf_init(struct gw_buf *buf, size_t max_bytes);
void gw_buf_finish(struct gw_buf *buf); /* frees; safe on a zeroed one */
void gw_buf_clear(struct gw_buf *buf);  /* empties and forgets a failure; keeps the memory */

void gw_buf_append(struct gw_buf *buf, const void *bytes, size_t len);
void gw_buf_append_str(struct gw_buf *buf, struct gw_str text);
void gw_buf_append_text(struct gw_buf *buf, const char *text); /* a C string */
void gw_buf_append_byte(struct gw_buf *buf, char byte);
GW_PRINTF(2, 3) void gw_buf_printf(struct gw_buf *buf, const char *format, ...);

/* `text` as the inside of a JSON string (RFC 8259, section 7), without the quotes. Bytes that are
 * no UTF-8 become U+FFFD. */
void gw_buf_append_json(struct gw_buf *buf, struct gw_str text);

/* Room for `bytes` more behind len, to be filled by the caller, who then adds to len;
 * NULL (and has_failed) if it cannot be had. */
GW_MUST_CHECK
char *gw_buf_reserve(struct gw_buf *buf, size_t bytes);

/* Drops `bytes` (at most len) from the front. */
void gw_buf_consume(struct gw_buf *buf, size_t bytes);

static inline struct gw_str gw_buf_str(const struct gw_buf *buf)
{
    return gw_str_from(buf->ptr, buf->len);
}
