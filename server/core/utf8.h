/* UTF-8 (RFC 3629): well-formed sequences only, no surrogates, nothing above U+10FFFF. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

/* The length (1 to 4) of the sequence that `text` starts with, or 0 if it is not well-formed. */
size_t gw_utf8_length(struct gw_str text);

bool gw_utf8_is_valid(struct gw_str text);

/* Writes `code_point` (a scalar value) to `out`; returns the length. */
size_t gw_utf8_encode(uint32_t code_point, char out[4]);
