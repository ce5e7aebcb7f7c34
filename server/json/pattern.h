/* Regular expressions in the meaning of ECMA-262 (with the `u` flag), as `pattern` wants them.
 *
 * The only file besides pattern_*.c to see PCRE2. A pattern is translated, then compiled with JIT.
 * It is immutable and may be used by many threads. Matching is bounded in steps and memory: a
 * pattern cannot hang a worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_arena;
struct gw_error;
struct gw_pattern;

/* `source` is UTF-8. Returns NULL and fills *error (where: empty) if it is no ECMA-262 regular
 * expression. As in most implementations, `\` before any ASCII punctuation is accepted. */
GW_MUST_CHECK
struct gw_pattern *gw_pattern_create(struct gw_str source, struct gw_error *error);
void gw_pattern_destroy(struct gw_pattern *pattern); /* NULL is allowed */

/* Whether `source` is one (for `format: regex`). */
bool gw_pattern_is_valid(struct gw_str source);

/* What matching needs beyond the pattern: one per validation, filled at the first match, released
 * with its arena. Zeroed at the start, but for the arena. It also adds up the CPU time spent: a
 * value with many strings must not hold a worker any longer than one with a single bad one. */
struct gw_pattern_scratch {
    struct gw_arena *arena;
    void *match_data;
    void *bounds;
    uint64_t spent_ns;
    uint32_t count;
};

/* `text` is well-formed UTF-8. Returns 1 (found), 0 (not found), -EOVERFLOW (the bound on steps or
 * work space was reached), or -ENOMEM. */
GW_MUST_CHECK
int gw_pattern_match(const struct gw_pattern *pattern, struct gw_str text,
                     struct gw_pattern_scratch *scratch);
