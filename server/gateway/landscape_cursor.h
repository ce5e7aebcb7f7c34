/* The cursor of a list over several systems: where each of them goes on, in one opaque text.
 *
 * It is neither secret nor signed: whoever makes one up gets what he could have asked for. Rubbish
 * is told from a cursor by a sum. Pure but for the arena. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/gateway/landscape.h"

#define GW_MAX_CURSOR_CHARS 1000

/* Where one system's part goes on. */
struct gw_part_cursor {
    struct gw_str system;
    struct gw_str cursor; /* of the page; empty: its first */
    uint32_t skip;        /* items of that page that were given already */
};

/* base64url. 0, -ENOMEM, or -EMSGSIZE (it would have more than GW_MAX_CURSOR_CHARS). */
GW_MUST_CHECK
int gw_landscape_cursor_write(struct gw_arena *arena, const struct gw_part_cursor *parts,
                              size_t count, struct gw_str *out_text);

/* Gives at most GW_MAX_LANDSCAPE_SYSTEMS parts, in the arena. 0, -EINVAL (it is none), -ENOMEM. */
GW_MUST_CHECK
int gw_landscape_cursor_read(struct gw_arena *arena, struct gw_str text,
                             struct gw_part_cursor *out_parts, size_t *out_count);
