/* Shapes: which JSON types a text may be read as, told from its schema before it is validated.
 *
 * A parameter or a form field arrives as text. Its shape says whether "12" is a number or a string,
 * whether "a,b" is one value or a list, and which members an object written out has. A shape is a
 * hint for reading only: the schema itself decides afterwards. Immutable; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/str.h"

struct gw_shape_member;

#define GW_SHAPE_ANY 0x7fu         /* all of 1u << enum gw_json_type: the schema does not say */
#define GW_SHAPE_INTEGER (1u << 7) /* beside GW_JSON_NUMBER: only integers */

struct gw_shape {
    unsigned types;               /* set of 1u << enum gw_json_type, and GW_SHAPE_INTEGER */
    const struct gw_shape *items; /* of an array's elements; NULL: any */
    const struct gw_shape_member *members; /* of an object, as far as the schema names them */
    size_t member_count;
    const struct gw_shape *others; /* of members that it does not name; NULL: any */
    bool is_closed;                /* there may be no others */
};

struct gw_shape_member {
    struct gw_str name;
    struct gw_shape shape;
};

/* The shape of the member `name`, or NULL (any). */
const struct gw_shape *gw_shape_member(const struct gw_shape *shape, struct gw_str name);
/* The same, but NULL also for a member that the schema does not name. */
const struct gw_shape *gw_shape_named_member(const struct gw_shape *shape, struct gw_str name);
