/* URI references (RFC 3986): taking apart and resolving against a base. Pure but for the arena. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_arena;

/* The components, as they stand. A component that is absent has ptr NULL; an empty one has not. */
struct gw_uri {
    struct gw_str scheme;
    struct gw_str authority;
    struct gw_str path; /* never NULL */
    struct gw_str query;
    struct gw_str fragment;
};

/* Splits without checking characters (RFC 3986, appendix B). */
struct gw_uri gw_uri_split(struct gw_str text);

/* `reference` resolved against `base` (section 5.2), without the fragment. A base that is no
 * absolute URI (a file's relative name, or "") works as one would expect. In the arena; ptr is NULL
 * without memory. */
GW_MUST_CHECK
struct gw_str gw_uri_resolve(struct gw_arena *arena, struct gw_str base, struct gw_str reference);

/* `text` with its %XX decoded. Returns false if one is malformed; `out` has room for text.len
 * bytes. */
bool gw_uri_percent_decode(struct gw_str text, char *out, size_t *out_len);
