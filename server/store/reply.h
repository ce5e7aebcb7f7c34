/* What Redis answered, and the reader that makes it from bytes.
 *
 * Replies are built in an arena that is used again for the next one: in the steady state nothing is
 * allocated. The protocol is RESP 2, parsed by hiredis' reader, which only reply.c sees. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

enum gw_reply_type {
    GW_REPLY_NIL,
    GW_REPLY_STRING,
    GW_REPLY_STATUS, /* text: "OK" */
    GW_REPLY_ERROR, /* text: "NOSCRIPT No matching script..."; for the operator, not for a caller */
    GW_REPLY_INTEGER,
    GW_REPLY_ARRAY,
};

struct gw_reply {
    enum gw_reply_type type;
    int64_t integer;              /* of INTEGER */
    struct gw_str text;           /* of STRING, STATUS and ERROR; a NUL stands behind it */
    const struct gw_reply *items; /* of ARRAY */
    size_t count;
};

/* The integer; or -1 if the reply is none. For scripts that return small numbers. */
int64_t gw_reply_integer_at(const struct gw_reply *array, size_t index);

struct redisReader;

struct gw_reply_reader {
    struct redisReader *reader;
    struct gw_arena arena;
    size_t max_bytes;   /* of one reply, as sent */
    bool is_arena_full; /* a reply did not fit */
};

/* `max_bytes` bounds one reply. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_reply_reader_init(struct gw_reply_reader *reader, size_t max_bytes);
void gw_reply_reader_finish(struct gw_reply_reader *reader); /* safe on a zeroed one */

/* Takes bytes in. 0, -ENOMEM, or -EMSGSIZE: the reply is larger than allowed. */
GW_MUST_CHECK
int gw_reply_reader_feed(struct gw_reply_reader *reader, const char *bytes, size_t len);

/* The next whole reply, valid until the next call on this reader. 0 with *out_reply NULL when more
 * bytes are needed; -EPROTO (with the reason in error), -ENOMEM or -EMSGSIZE: the connection cannot
 * be used any more. */
GW_MUST_CHECK
int gw_reply_reader_next(struct gw_reply_reader *reader, const struct gw_reply **out_reply,
                         struct gw_error *error);
