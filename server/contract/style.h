/* The styles in which OpenAPI writes a parameter (RFC 6570 for most of them): one text to pieces.
 *
 * Looks at delimiters only and decodes nothing: an escaped comma is data. For the forms that spread
 * a value over several names of a query (explode, deepObject) see parameter_value.h. Pure but for
 * the arena. */
#pragma once

#include <stddef.h>

#include "server/contract/operation.h"
#include "server/core/attr.h"

#define GW_STYLE_MAX_PIECES 1000

enum gw_style_kind { GW_STYLED_SCALAR, GW_STYLED_ARRAY, GW_STYLED_OBJECT };

struct gw_style_piece {
    struct gw_str name; /* of an object's member; else empty */
    struct gw_str value;
};

struct gw_style_pieces {
    struct gw_style_piece *items; /* in the arena */
    size_t count;
};

/* Splits `text`, the value of `parameter` as it came. A scalar gives one piece, an array one for
 * each element, an object one for each member. Returns 0, -EINVAL (it is not written in the
 * parameter's style), -E2BIG (more than GW_STYLE_MAX_PIECES), or -ENOMEM. */
GW_MUST_CHECK
int gw_style_split(const struct gw_parameter *parameter, enum gw_style_kind kind,
                   struct gw_str text, struct gw_arena *arena, struct gw_style_pieces *out_pieces);
