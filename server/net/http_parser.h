/* Answers of HTTP/1.1 (RFC 9112), read strictly: what is ambiguous is refused, not repaired.
 *
 * Pure and without allocation; fields point into the input. Only CRLF ends a line; a name is a
 * token with the colon right behind; no obs-fold; no control but HTAB in a value; one
 * Content-Length or one Transfer-Encoding of exactly "chunked", never both, the latter in HTTP/1.1
 * only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/net/http_field.h"

enum { GW_HTTP_MAX_FIELDS = 128, GW_HTTP_MAX_HEAD_BYTES = 16384 };

/* --- the head --- */

enum gw_http_framing {
    GW_HTTP_NO_BODY,
    GW_HTTP_BY_LENGTH,
    GW_HTTP_BY_CHUNKS,
    GW_HTTP_BY_CLOSE, /* the body ends with the connection (RFC 9112, section 6.3) */
};

struct gw_http_head {
    int status; /* 100 to 599 */
    bool is_http_1_0;
    bool is_persistent;          /* the peer keeps the connection (RFC 9112, section 9.3) */
    bool has_length, is_chunked; /* as declared, whether or not a body follows */
    uint64_t length;             /* Content-Length, when has_length */
    struct gw_str reason;
    struct gw_str upgrade; /* the last Upgrade field; empty: none */
    size_t field_count;
    /* End-to-end ones: without Content-Length, Transfer-Encoding, Trailer and the hop-by-hop
     * fields, also those that Connection names (RFC 9110, section 7.6.1). */
    struct gw_field fields[GW_HTTP_MAX_FIELDS];
};

/* One head being read. All zeroes is the start; set max_bytes. */
struct gw_http_head_parser {
    size_t max_bytes;   /* of the head, the empty line included; 0: GW_HTTP_MAX_HEAD_BYTES */
    size_t line_at;     /* where the line begins that is not yet complete */
    size_t searched_to; /* no LF before it in that line */
    bool has_status_line;
    unsigned line_count;                       /* field lines, also those that are dropped */
    bool closes, keeps_alive, has_nominations; /* what Connection says; the last: it names fields */
    struct gw_http_head head;
};

void gw_http_head_parser_init(struct gw_http_head_parser *parser, size_t max_bytes);

/* Reads on. `input` begins with the head's first byte each time, only longer, and at the same
 * place. Returns the head's length once it is complete (parser->head is valid as long as the
 * input), 0 if more is needed, -EBADMSG if it is malformed (*out_why says how; static), -EMSGSIZE
 * if it exceeds max_bytes or GW_HTTP_MAX_FIELDS. How the input is cut makes no difference. */
GW_MUST_CHECK
ssize_t gw_http_head_parse(struct gw_http_head_parser *parser, struct gw_str input,
                           const char **out_why);

/* What follows the head of an answer, to a HEAD request or another. */
enum gw_http_framing gw_http_head_framing(const struct gw_http_head *head, bool is_to_head);

/* --- the chunked coding (RFC 9112, section 7.1) --- */

enum { GW_HTTP_MAX_CHUNK_LINE_BYTES = 256, GW_HTTP_MAX_TRAILER_BYTES = 8192 };

struct gw_http_chunks {
    uint64_t left; /* bytes of data that come next, before any more framing */
    bool is_done;  /* the last chunk and the trailers are read */
    uint8_t state;
    uint8_t digits;      /* of the size, as far as it is read */
    uint16_t line_bytes; /* of the chunk's line */
    uint16_t trailer_bytes;
    uint64_t size;
};

/* Reads framing up to the next data or the end. Call only when left is 0 and is_done is false.
 * Extensions and trailers are checked and dropped. Returns how many bytes of `input` were framing,
 * or -EBADMSG. Then: left > 0, and the caller takes that many bytes of data, telling with
 * gw_http_chunks_took(); or is_done; or all of the input was used. All zeroes is the start. */
GW_MUST_CHECK
ssize_t gw_http_chunks_frame(struct gw_http_chunks *chunks, struct gw_str input,
                             const char **out_why);
void gw_http_chunks_took(struct gw_http_chunks *chunks, uint64_t bytes);

/* --- bytes --- */

/* A token (RFC 9110, section 5.6.2); an empty text is none. */
bool gw_http_is_token(struct gw_str text);
/* Whether `text` may be a field's value: no control but HTAB, so no line can be smuggled in. */
bool gw_http_is_value(struct gw_str text);
