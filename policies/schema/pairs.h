/* Texts of names and values: a query, a form body, a Cookie field.
 *
 * Splits and decodes the names; the values stay as they came, because a parameter's style is
 * written with delimiters that an escaped byte is not. Pure but for the arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/http/percent.h"

#define PAIRS_MAX 1000

struct pair {
    struct gw_str name;  /* decoded */
    struct gw_str value; /* as it came; empty without '=' */
    uint16_t hash;       /* gw_json_name_hash(name) */
    bool has_equals;
    const void *user; /* the parameter that has taken it, or NULL */
};

struct pairs {
    struct pair *items; /* in the arena */
    size_t count;
    enum gw_percent_form form; /* of the values */
};

/* "a=1&b=2". Empty pieces between two '&' are passed over. Returns 0, -EILSEQ (a name cannot be
 * decoded), -E2BIG (more than PAIRS_MAX), or -ENOMEM. */
GW_MUST_CHECK
int pairs_read_query(struct gw_str text, struct gw_arena *arena, struct pairs *out_pairs);

/* "a=1; b=2" (RFC 6265, section 4.2.1), appended to *pairs, whose items have room for PAIRS_MAX.
 * Cookies without a name are passed over. Returns 0 or -E2BIG. */
GW_MUST_CHECK
int pairs_add_cookies(struct gw_str text, struct pairs *pairs);
