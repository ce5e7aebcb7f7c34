/* The value of one parameter: from where it stands in the request to a tape.
 *
 * Pure but for the arena. */
#pragma once

#include "server/contract/operation.h"
#include "server/contract/pairs.h"
#include "server/contract/style.h"
#include "server/contract/value_tape.h"
#include "server/core/attr.h"

/* Where a parameter's text is: a path segment or field lines (texts), or names and values (pairs).
 */
struct gw_parameter_source {
    const struct gw_str *texts;
    size_t text_count;
    struct gw_pairs *pairs; /* of query and cookies; else NULL */
};

/* Does its value spread over the names of its members ("R=100&G=200")? Then other parameters take
 * theirs first. */
bool gw_parameter_is_spread(const struct gw_parameter *parameter);

/* Adds the value to `tape`, whose `prefers_strings` says which reading is meant. Marks the pairs
 * that it takes. Returns 0; -ENOENT (it is absent), -EEXIST (it stands there more than once),
 * -EILSEQ (broken escape, no UTF-8), -EINVAL (not in its style), -E2BIG, or -ENOMEM. */
GW_MUST_CHECK
int gw_parameter_read(const struct gw_parameter *parameter,
                      const struct gw_parameter_source *source, struct gw_value_tape *tape);

/* Has the parameter a value, and is it empty? For allowEmptyValue. */
bool gw_parameter_is_empty(const struct gw_parameter *parameter,
                           const struct gw_parameter_source *source);

/* Its text, decoded, when it is one (`content`). As gw_parameter_read(). */
GW_MUST_CHECK
int gw_parameter_text(const struct gw_parameter *parameter,
                      const struct gw_parameter_source *source, struct gw_arena *arena,
                      struct gw_str *out_text);

/* Adds an object of `pieces`, whose names are decoded; values are decoded by `form`. Members whose
 * shape is an array gather all pieces of their name; others may come once. Errors go to `tape`. */
void gw_parameter_add_object(struct gw_value_tape *tape, const struct gw_shape *shape,
                             const struct gw_style_pieces *pieces, enum gw_percent_form form);
