/* A whole answer read from bytes, cut anywhere: what the parser tests and the fuzz entry compare.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

enum message_outcome { MESSAGE_COMPLETE, MESSAGE_INCOMPLETE, MESSAGE_REFUSED, MESSAGE_TOO_LARGE };

struct message {
    enum message_outcome outcome;
    int status;
    unsigned field_count;
    uint64_t fields_hash; /* of names and values */
    size_t body_bytes;
    uint64_t body_hash;
    size_t used_bytes; /* with the interim answers before it */
    bool is_persistent;
    char body[256]; /* its beginning */
};

/* `cut(self, at)` is asked after each byte whether a piece of input ends there; NULL: in one piece.
 * A body that ends with the connection makes the answer complete at the end of the input. */
struct message message_read(struct gw_str input, bool is_to_head,
                            bool (*cut)(void *self, size_t at), void *self);
