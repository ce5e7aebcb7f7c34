/* JSON Pointer (RFC 6901) over a tape. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/json/reader.h"

struct gw_arena;
struct gw_buf;

/* Whether `pointer` is one: "" or '/'-led, with '~' only in "~0" and "~1". */
bool gw_pointer_is_valid(struct gw_str pointer);

/* The value that `pointer` names, seen from the value `root`, or GW_JSON_NONE (also for a malformed
 * pointer). */
uint32_t gw_pointer_find(const struct gw_json_tape *tape, uint32_t root, struct gw_str pointer);

/* Takes the first token off *rest and decodes it to `out` (room for rest->len bytes). Returns its
 * length, or -1 at the end or at a malformed pointer. */
ssize_t gw_pointer_shift(struct gw_str *rest, char *out);

/* Appends '/' and the token, escaped. */
void gw_pointer_append(struct gw_buf *buf, struct gw_str token);

/* The pointer from `root` to the token `at` (a name token gives the member's value). In the arena;
 * ptr is NULL without memory. */
GW_MUST_CHECK
struct gw_str gw_pointer_to(const struct gw_json_tape *tape, uint32_t root, uint32_t at,
                            struct gw_arena *arena);
