/* What a token endpoint answers (RFC 6749, sections 5.1 and 5.2). Pure but for the arena. */
#pragma once

#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

#define GW_TOKEN_ANSWER_MAX_TOKEN_BYTES 8192

struct gw_token_answer {
    struct gw_str token; /* in the arena or the text; can stand in a field */
    uint64_t lifetime_s; /* at least 1, at most a day; 5 minutes if the answer does not say */
};

/* Reads the answer to a status. -EINVAL with a reason for the log (the server's own error code, if
 * it is a plain word); -ENOMEM. */
GW_MUST_CHECK
int gw_token_answer_read(struct gw_arena *arena, int status, struct gw_str text,
                         struct gw_token_answer *out_answer, struct gw_error *error);
