/* From ECMA-262 regular expressions to PCRE2's. Private to pattern*.c. */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"

struct gw_buf;
struct gw_error;

#define PATTERN_MAX_BYTES (256u << 10)

/* Appends the expression in PCRE2's language. Returns 0, or -EINVAL and says why. */
int gw_pattern_translate(struct gw_str source, struct gw_buf *out, struct gw_error *error);

/* Appends what stands for \p{text} (or \P) outside of a class, "[...]" free; false if there is no
 * such property. */
bool gw_pattern_property(struct gw_str text, bool is_negated, struct gw_buf *out);

/* The inside of a class for \d, \D, \w, \W, \s or \S, given the letter; NULL for any other. */
const char *gw_pattern_set(char name);
