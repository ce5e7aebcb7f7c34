/* An answer as it is kept: text and back again.
 *
 *     MG1 201 whole
 *     Content-Type: application/json
 *     Location: /orders/17
 *
 *     {"id":17}
 *
 * Lines end in LF; the body is every byte behind the empty line. "absent" for "whole": there was a
 * body, and it was too large to keep. Pure but for the arena. */
#pragma once

#include <stdbool.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/net/http_field.h"

#define ANSWER_MAX_FIELDS 32
#define ANSWER_MAX_HEAD_BYTES ((size_t)16 * 1024)

struct answer {
    int status; /* 200 to 499 */
    struct gw_field fields[ANSWER_MAX_FIELDS];
    size_t field_count;
    bool is_whole;
    struct gw_str body;
};

/* Whether a field of the backend's answer is kept: one of a list, or of the operator's `more`.
 * Never what belongs to one connection, one exchange or one session (Set-Cookie, Date, ...). */
bool answer_keeps(struct gw_str name, const struct gw_str *more, size_t more_count);
/* Whether that may be in the operator's list. */
bool answer_may_keep(struct gw_str name);

/* Takes a field in; -ENOSPC beyond the bound. The strings are borrowed. */
GW_MUST_CHECK
int answer_add(struct answer *answer, struct gw_str name, struct gw_str value);

/* The text, in the arena. -ENOSPC: the head is too large; -EINVAL: it cannot be written; -ENOMEM.
 */
GW_MUST_CHECK
int answer_write(struct gw_arena *arena, const struct answer *answer, struct gw_str *out_text);

/* Strings of the answer are in the arena, each with a NUL behind it, but for the body, which points
 * into `text`. 0, -EINVAL or -ENOMEM. */
GW_MUST_CHECK
int answer_read(struct gw_arena *arena, struct gw_str text, struct answer *out_answer);
