/* Values as Tryton's JSON-RPC has them, and as flows have them.
 *
 * What JSON has no type for, Tryton says by an object with "__class__". In arguments it is marked
 * by an object of one member; in results it comes as plain JSON:
 *
 *     argument                                    result
 *     {"$decimal": "1.50"} (or a number)          "1.50"                       Decimal
 *     {"$date": "2026-11-23"}                     "2026-11-23"                 date
 *     {"$datetime": "2026-11-23T10:00:00Z"}       "2026-11-23T10:00:00Z"       datetime (UTC)
 *     {"$time": "10:00:00"}                       "10:00:00"                   time
 *     {"$seconds": 1.046}                         1.046                        timedelta
 *     {"$bytes": "TWlsbA=="}                      "TWlsbA=="                   bytes (base64)
 *
 * Decimals are text without an exponent, so that no digit is lost. Pure but for the arena. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/value.h"

struct gw_arena;
struct gw_buf;

#define TRYTON_MAX_DEPTH 64 /* of arrays and objects in an argument */

/* Appends an argument as Tryton reads it. 0, or -EINVAL: a mark that is wrong or unknown, an object
 * with "__class__", or too deep. Failure of memory is the buffer's. */
GW_MUST_CHECK
int tryton_value_write(struct gw_buf *out, const struct gw_value *value, struct gw_error *error);

/* What Tryton answered, as flows have it: classes as above, and the parts of dotted fields under
 * their plain name ("product.": {...} becomes "product": {...}, in place of the bare id). Borrows
 * of `wire`. 0, -EINVAL (a class that is none), or -ENOMEM. */
GW_MUST_CHECK
int tryton_value_read(struct gw_arena *arena, const struct gw_value *wire,
                      struct gw_value *out_value);
