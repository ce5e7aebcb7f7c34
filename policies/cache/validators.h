/* Entity tags and conditional requests (RFC 9110, sections 8.8 and 13). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/str.h"

/* Whether it is an entity-tag: "x" or W/"x". */
bool etag_is_valid(struct gw_str text);

/* The weak comparison (section 8.8.3.2). */
bool etag_matches_weakly(struct gw_str a, struct gw_str b);

/* What a caller holds; empty where the field is missing. */
struct conditions {
    struct gw_str if_none_match; /* all lines, joined by commas */
    struct gw_str if_modified_since;
};

/* Whether a stored response with these validators is what the caller has: 304 (section 13.2.2).
 * `modified` is its Last-Modified; `now_s` as for http_date_parse(). */
bool conditions_are_met(const struct conditions *conditions, struct gw_str etag,
                        struct gw_str modified, int64_t now_s);
