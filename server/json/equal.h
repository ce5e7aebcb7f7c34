/* Equality of JSON values (JSON Schema Core, section 4.2.2) and hashes that agree with it.
 *
 * Numbers by value, objects without order. Pure but for work space in the arena. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/json/reader.h"

struct gw_arena;

/* 1 equal, 0 not, -ENOMEM. n log n in the size of the objects. */
GW_MUST_CHECK
int gw_json_equal(const struct gw_json_tape *a, uint32_t a_at, const struct gw_json_tape *b,
                  uint32_t b_at, struct gw_arena *arena);

/* Keyed by the process; equal values have equal hashes. */
uint64_t gw_json_hash(const struct gw_json_tape *tape, uint32_t at);

/* Whether all elements of the array differ: 1, 0 (then *out_first and *out_second are the tokens of
 * two equal ones), or -ENOMEM. */
GW_MUST_CHECK
int gw_json_is_unique(const struct gw_json_tape *tape, uint32_t array, struct gw_arena *arena,
                      uint32_t *out_first, uint32_t *out_second);
