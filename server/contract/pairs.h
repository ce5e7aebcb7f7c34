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

#define GW_PAIRS_MAX 1000

struct gw_pair {
    struct gw_str name;  /* decoded */
    struct gw_str value; /* as it came; empty without '=' */
    uint16_t hash;       /* gw_json_name_hash(name) */
    bool has_equals;
    const void *user; /* the parameter that has taken it, or NULL */
};

struct gw_pairs {
    struct gw_pair *items; /* in the arena */
    size_t count;
    enum gw_percent_form form; /* of the values */
};

/* "a=1&b=2". Empty pieces between two '&' are passed over. Returns 0, -EILSEQ (a name cannot be
 * decoded), -E2BIG (more than GW_PAIRS_MAX), or -ENOMEM. */
GW_MUST_CHECK
int gw_pairs_read_query(struct gw_str text, struct gw_arena *arena, struct gw_pairs *out_pairs);

/* "a=1; b=2" (RFC 6265, section 4.2.1), appended to *pairs, whose items have room for GW_PAIRS_MAX.
 * Cookies without a name are passed over. Returns 0 or -E2BIG. */
GW_MUST_CHECK
int gw_pairs_add_cookies(struct gw_str text, struct gw_pairs *pairs);
